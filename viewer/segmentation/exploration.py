"""A look at a data set before anybody trains on it: spacing, size, values and label volumes, all on one page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from viewer.errors import ViewerError
from viewer.segmentation.charts import histogram
from viewer.segmentation.dataset import Case, read_case
from viewer.segmentation.labels import Labels, volumes_mm3
from viewer.segmentation.page import Page, cell

EXTRA = 'Matplotlib is not installed, which charts need: pip install "triptych-viewer[train]"'

Tell = Callable[[str, int, int], None]
"""Called with what is done, the pieces done and all pieces."""

_ORDERS = ("LR", "AP", "HF")


@dataclass(frozen=True)
class Facts:
    """What one case is like.

    Parameters
    ----------
    case
        Its name.
    shape
        (k, j, i).
    spacing_mm
        (slice, row, column).
    slices_along
        Two letters of the patient axis that the slices are stacked along ("HF", "AP", "LR").
    values
        Smallest, 1st, 50th, 99th percentile and largest value.
    volumes_mm3
        Label to volume.
    """

    case: str
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    slices_along: str
    values: tuple[float, float, float, float, float]
    volumes_mm3: Mapping[int, float]


def facts(case: Case) -> Facts:
    """Look at one case.

    Raises
    ------
    FormatError
        A file cannot be used.
    """
    volume, labels = read_case(case)
    numbers = volume.physical(np.percentile(volume.array, [0, 1, 50, 99, 100])).tolist()
    found = volumes_mm3(Labels(labels, {}), volume.geometry)
    along = int(np.argmax(np.abs(volume.geometry.slice_normal)))
    return Facts(
        case.name,
        volume.geometry.shape,
        volume.geometry.spacing_mm,
        _ORDERS[along],
        (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]),
        {label: mm3 for label, (_, mm3) in found.items()},
    )


def explore(
    cases: Sequence[Case], alone: Sequence[str], page: Path, title: str, tell: Tell
) -> tuple[Facts, ...]:
    """Write the page.

    Parameters
    ----------
    cases, alone
        From `find_cases`.
    page
        The HTML file.
    title
        Its heading.
    tell
        Is told how far the work is.

    Returns
    -------
    tuple of Facts
        What the page shows.

    Raises
    ------
    FormatError
        A file cannot be used.
    ViewerError
        The extra is missing, or the page cannot be written.
    """
    if find_spec("matplotlib") is None:
        raise ViewerError(EXTRA)
    found = []
    for n, case in enumerate(cases):
        tell("looking at cases", n, len(cases))
        found.append(facts(case))
    tell("looking at cases", len(cases), len(cases))
    _page(found, alone, title, len({case.patient for case in cases})).write(page)
    return tuple(found)


def _page(found: Sequence[Facts], alone: Sequence[str], title: str, patients: int) -> Page:
    page = Page(title)
    page.note(f"{len(found)} cases of {patients} patients, each with an image and labels.")
    if alone:
        page.note(f"Left out, image or labels alone: {', '.join(alone)}.")
    directions = sorted({fact.slices_along for fact in found})
    if len(directions) > 1:
        page.note(
            f"Slices are stacked along different axes: {', '.join(directions)}. Models go by the patient's axes."
        )
    labels = sorted({label for fact in found for label in fact.volumes_mm3})
    page.charts(
        "Distributions",
        [
            histogram([fact.spacing_mm[0] for fact in found], "Distance of slices", "mm"),
            histogram([fact.spacing_mm[1] for fact in found], "Size of a pixel", "mm"),
            histogram([fact.shape[0] for fact in found], "Number of slices", "slices"),
            histogram([max(fact.shape[1:]) for fact in found], "Longer side of a slice", "pixels"),
            histogram([fact.values[1] for fact in found], "1st percentile of values", "value"),
            histogram([fact.values[3] for fact in found], "99th percentile of values", "value"),
            *(
                histogram(
                    [fact.volumes_mm3.get(label, 0) / 1000 for fact in found],
                    f"Volume of label {label}",
                    "mL",
                )
                for label in labels
            ),
        ],
    )
    header = (
        "case", "slices", "rows", "columns", "slice distance (mm)", "row (mm)", "column (mm)", "stacked along",
        "min", "1 %", "median", "99 %", "max", *(f"label {label} (mm3)" for label in labels),
    )  # fmt: skip
    rows = [
        (
            fact.case,
            *(str(n) for n in fact.shape),
            *(cell(mm, 3) for mm in fact.spacing_mm),
            fact.slices_along,
            *(cell(value, 1) for value in fact.values),
            *(cell(fact.volumes_mm3.get(label, 0.0), 0) for label in labels),
        )
        for fact in found
    ]
    page.table("Cases", header, rows)
    return page
