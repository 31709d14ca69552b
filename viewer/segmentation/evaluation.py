"""Judge a model by cases whose labels are known: a table, and a page with the slices it got most wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from viewer.atomic import write_bytes
from viewer.segmentation.card import ModelCard
from viewer.segmentation.dataset import Case, check_labels, read_case
from viewer.segmentation.grid import model_grid, model_slice, onto
from viewer.segmentation.onnx_model import OnnxSegmenter
from viewer.segmentation.page import Page, cell, csv_table, outlined
from viewer.segmentation.scores import Score, score

LIMIT_MM3 = 500_000.0
"""A structure larger than this is marked whatever the others are: no spleen is."""
HEADER = (
    "case", "label", "name", "dice", "hd95_mm", "volume_mm3", "reference_mm3", "error_mm3", "error_percent", "marks",
)  # fmt: skip
_SHOWN = (
    "case", "label", "name", "Dice", "HD95 (mm)", "volume (mm3)", "reference (mm3)", "error (mm3)", "error (%)",
    "marks",
)  # fmt: skip

Tell = Callable[[str, int, int], None]
"""Called with what is done, the pieces done and all pieces."""

_FENCE = 1.5
_LEAST_FOR_FENCES = 5


@dataclass(frozen=True, eq=False)
class Row:
    """One label of one case.

    Parameters
    ----------
    case, label, name
        Which.
    score
        How well.
    picture
        (rows, columns, 3) uint8 of the slice with the most wrong pixels.
    slice_number
        Its number, from 1, in the model's own direction.
    """

    case: str
    label: int
    name: str
    score: Score
    picture: npt.NDArray[np.uint8]
    slice_number: int


def evaluate(model: Path, cases: Sequence[Case], tell: Tell) -> tuple[Row, ...]:
    """Run a model over cases and compare.

    Parameters
    ----------
    model
        The ONNX file or its card.
    cases
        With labels.
    tell
        Is told how far the work is.

    Raises
    ------
    FormatError
        A file cannot be used.
    ViewerError
        An extra is missing.
    """
    segmenter = OnnxSegmenter(model)
    rows: list[Row] = []
    for n, case in enumerate(cases):
        tell("evaluating", n, len(cases))
        volume, reference = read_case(case, segmenter.card.unit)
        check_labels(case, reference, segmenter.card.labels)
        found = segmenter.run(volume, lambda _done, _total: None).array
        scores = score(found, reference, volume.geometry, segmenter.card.labels)
        grid = model_grid(volume.geometry, segmenter.card)
        seen = [onto(labels, volume.geometry, grid) for labels in (found, reference)]
        for label, name in segmenter.card.labels.items():
            k = _worst_slice(seen[0] == label, seen[1] == label)
            picture = outlined(
                segmenter.card.seen(model_slice(volume, grid, k)), seen[1][k] == label, seen[0][k] == label
            )
            rows.append(Row(case.name, label, name, scores[label], picture, k + 1))
    tell("evaluating", len(cases), len(cases))
    return tuple(rows)


def _worst_slice(found: npt.NDArray[np.bool_], reference: npt.NDArray[np.bool_]) -> int:
    """The slice with the most wrong pixels; with the most right ones where nothing is wrong."""
    wrong = (found != reference).sum(axis=(1, 2))
    return int(np.argmax(wrong if wrong.any() else reference.sum(axis=(1, 2))))


def marks(rows: Sequence[Row], limit_mm3: float = LIMIT_MM3) -> tuple[tuple[str, ...], ...]:
    """What is unusual about each row: beyond Tukey's fences (1.5 interquartile ranges) of its label, or too large.

    Fences are drawn for five cases and more. One of them alone is enough for a mark.
    """
    found = []
    for row in rows:
        same = [other.score for other in rows if other.label == row.label]
        dice_low = _fences([s.dice for s in same])[0]
        volumes = _fences([s.volume_mm3 for s in same])
        errors = _fences([s.error_mm3 for s in same])
        says = []
        if row.score.volume_mm3 == 0 < row.score.reference_mm3:
            says.append("nothing found")
        if row.score.volume_mm3 > limit_mm3:
            says.append(f"above {limit_mm3:g} mm3")
        if row.score.dice < dice_low:
            says.append("Dice outlier")
        if not volumes[0] <= row.score.volume_mm3 <= volumes[1]:
            says.append("volume outlier")
        if not errors[0] <= row.score.error_mm3 <= errors[1]:
            says.append("volume error outlier")
        found.append(tuple(says))
    return tuple(found)


def _fences(values: Sequence[float]) -> tuple[float, float]:
    known = [value for value in values if math.isfinite(value)]
    if len(known) < _LEAST_FOR_FENCES:
        return -math.inf, math.inf
    low, high = np.percentile(known, [25, 75])
    return float(low - _FENCE * (high - low)), float(high + _FENCE * (high - low))


def write_table(path: Path, rows: Sequence[Row], limit_mm3: float = LIMIT_MM3) -> None:
    """Write the rows as CSV.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    write_bytes(path, csv_table(HEADER, table(rows, limit_mm3)))


def table(rows: Sequence[Row], limit_mm3: float = LIMIT_MM3) -> list[tuple[str, ...]]:
    """The rows as texts under `HEADER`; "" for what is not defined."""
    return [
        (
            row.case,
            str(row.label),
            row.name,
            cell(row.score.dice, 4),
            cell(row.score.hd95_mm, 2),
            cell(row.score.volume_mm3, 0),
            cell(row.score.reference_mm3, 0),
            cell(row.score.error_mm3, 0),
            cell(_percent(row.score), 1),
            "; ".join(says),
        )
        for row, says in zip(rows, marks(rows, limit_mm3), strict=True)
    ]


def _percent(found: Score) -> float:
    return 100 * found.error_mm3 / found.reference_mm3 if found.reference_mm3 else math.nan


def summary(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """(name, cases, mean Dice, worst Dice, mean HD95 in mm, mean volume error in mm3) for each label."""
    found: list[tuple[str, ...]] = []
    for label, name in sorted({(row.label, row.name) for row in rows}):
        scores = [row.score for row in rows if row.label == label]
        dice = [s.dice for s in scores if math.isfinite(s.dice)]
        distances = [s.hd95_mm for s in scores if math.isfinite(s.hd95_mm)]
        found.append(
            (
                name,
                str(len(scores)),
                cell(np.mean(dice) if dice else math.nan, 4),
                cell(min(dice, default=math.nan), 4),
                cell(np.mean(distances) if distances else math.nan, 2),
                cell(np.mean([s.error_mm3 for s in scores]), 0),
            )
        )
    return found


def write_page(
    path: Path, card: ModelCard, rows: Sequence[Row], limit_mm3: float = LIMIT_MM3, pictures: int = 12
) -> None:
    """Write one HTML page: summary, table with the marked rows in colour, pictures of the worst slices.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    page = Page(f"Evaluation of {card.name}")
    page.table(
        "Summary",
        ("label", "cases", "mean Dice", "worst Dice", "mean HD95 (mm)", "mean volume error (mm3)"),
        summary(rows),
    )
    says = marks(rows, limit_mm3)
    page.table("Cases", _SHOWN, table(rows, limit_mm3), [bool(found) for found in says])
    worst = sorted(rows, key=lambda row: (math.isnan(row.score.dice), row.score.dice))[:pictures]
    page.pictures(
        "Worst slices",
        "Green: the reference. Red: the model. Each picture is the slice of its case with the most wrong pixels.",
        [
            (
                row.picture,
                f"{row.case}, {row.name}, slice {row.slice_number}, Dice {cell(row.score.dice, 3) or '-'}",
            )
            for row in worst
        ],
    )
    page.write(path)
