"""Fit the two-dimensional U-Net to images and labels, slice by slice, and write it as an ONNX model with its card.

Everything lies in one folder::

    model.onnx, model.toml       the result
    split.csv                    which case was learned from, chosen by, held back
    history.csv                  loss and validation Dice of each epoch
    learning-curve.png
    work/                        slices brought to the model's size, checkpoint.pt; can be deleted at the end

A run that was stopped, however roughly, goes on from its last whole epoch and ends with the same numbers on the same
machine: the order of slices and their variations depend on seed and epoch alone.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import math
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from viewer.atomic import write_bytes, written_aside
from viewer.errors import FormatError, ViewerError
from viewer.segmentation.card import DIRECTIONS, ModelCard, write_card
from viewer.segmentation.charts import learning_curve
from viewer.segmentation.dataset import Case, Split, check_labels, read_case, slices_to_learn
from viewer.segmentation.grid import model_grid, model_slice, onto
from viewer.segmentation.onnx_model import run_model

if TYPE_CHECKING:
    from viewer.segmentation.unet import UNet

EXTRA = 'PyTorch is not installed, which training needs: pip install "triptych-viewer[train]"'

Tell = Callable[[str, int, int], None]
"""Called with what is done, the pieces done and all pieces."""

_SHIFT = 16
_GAIN = 0.1
_SAME_LOGITS = 1e-3


@dataclass(frozen=True)
class Settings:
    """What is fitted and how.

    Parameters
    ----------
    name, licence
        Of the model.
    labels
        Number to name.
    axis
        "axial", "coronal" or "sagittal": the slices it sees.
    size
        (rows, columns), multiples of `shrink` times 2 to the power of `depth`.
    spacing_mm
        (rows, columns), empty for the spacing of each image.
    unit, window
        Of the values, and which of them become 0 and 1.
    epochs, batch, rate
        Passes over all slices, slices in a step, first learning rate; it falls to 0 along a cosine.
    width, depth, shrink
        Of the U-Net.
    seed
        Of first weights, order and variations.
    """

    name: str
    labels: Mapping[int, str]
    licence: str = "not stated"
    axis: str = "coronal"
    size: tuple[int, int] = (512, 512)
    spacing_mm: tuple[float, ...] = ()
    unit: str = "HU"
    window: tuple[float, float] = (-160.0, 240.0)
    epochs: int = 50
    batch: int = 4
    rate: float = 1e-3
    width: int = 16
    depth: int = 4
    shrink: int = 1
    seed: int = 0

    def card(self, folder: Path) -> ModelCard:
        """The card of the model in a folder."""
        rows, columns = DIRECTIONS[self.axis]
        return ModelCard(
            name=self.name,
            model=folder / "model.onnx",
            licence=self.licence,
            kind="slices",
            axis=self.axis,
            rows=rows,
            columns=columns,
            size=self.size,
            spacing_mm=self.spacing_mm,
            stretch=False,
            unit=self.unit,
            window=self.window,
            scale=(0.0, 1.0),
            probabilities=False,
            threshold=0.5,
            overlap=0.0,
            labels=dict(sorted(self.labels.items())),
        )


@dataclass(frozen=True)
class Epoch:
    """What came of one pass."""

    epoch: int
    loss: float
    dice: float
    """Of the validation slices, mean over labels; NaN without any."""


@dataclass
class _Run:
    """What a checkpoint holds, beside the weights and the optimiser's state."""

    history: list[Epoch] = field(default_factory=list)
    best: int = 0
    weights: dict[str, Any] = field(default_factory=dict)


def train(split: Split, settings: Settings, folder: Path, tell: Tell) -> tuple[Epoch, ...]:
    """Fit a model, or go on where an earlier run of the same settings stopped.

    Parameters
    ----------
    split
        The cases; what is held back is never opened here.
    settings
        See there.
    folder
        Made when it is not there.
    tell
        Is told how far the work is.

    Returns
    -------
    tuple of Epoch
        The model is that of the epoch with the best validation Dice, of the last one without validation.

    Raises
    ------
    FormatError
        A file cannot be used.
    ViewerError
        PyTorch is missing, the folder holds another run, or cannot be written to.
    """
    try:
        import torch
    except ImportError as error:
        raise ViewerError(EXTRA) from error
    least = settings.shrink * 2**settings.depth
    if any(side % least for side in settings.size):
        raise ViewerError(f"Both sides of a slice must be multiples of {least} for this depth and shrinking.")
    work = folder / "work"
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ViewerError(f"{folder.name} cannot be made ({error.strerror or 'system error'}).") from error
    _claim(work, split, settings)
    write_bytes(folder / "split.csv", _split_table(split).encode())
    card = settings.card(folder)
    learned = _prepared(split.training, card, work, "preparing slices to learn from", tell)
    judged = _prepared(split.validation, card, work, "preparing slices for validation", tell)
    # Without this two runs of one seed end with weights that differ in their last digits.
    torch.use_deterministic_algorithms(mode=True)
    run = _Fit(settings, learned, judged, work / "checkpoint.pt", tell).run()
    _write_history(folder, run.history)
    model = _network(settings)
    model.load_state_dict(run.weights)
    _export(model.eval(), card, judged or learned)
    write_card(folder / "model.toml", card)
    return tuple(run.history)


def _claim(work: Path, split: Split, settings: Settings) -> None:
    """Make sure that what lies in the folder belongs to this run."""
    cases = {
        part: [
            [case.name, case.patient, case.image.stat().st_size, case.labels.stat().st_size]
            for case in getattr(split, part)
        ]
        for part in ("training", "validation", "held_back")
    }
    text = json.dumps({"settings": asdict(settings), "cases": cases}, indent=1)
    known = work / "run.json"
    if known.is_file() and known.read_text(encoding="utf-8") != text:
        raise ViewerError(
            f"{work.parent.name} holds a run with other cases or settings. Choose another folder, or delete its "
            '"work" to begin anew.'
        )
    write_bytes(known, text.encode())


def _split_table(split: Split) -> str:
    return _table(
        ("case", "patient", "part"),
        (
            (case.name, case.patient, part)
            for part, cases in (
                ("training", split.training),
                ("validation", split.validation),
                ("held back", split.held_back),
            )
            for case in cases
        ),
    )


def _write_history(folder: Path, history: Sequence[Epoch]) -> None:
    rows = ((row.epoch, f"{row.loss:.6f}", f"{row.dice:.6f}") for row in history)
    write_bytes(folder / "history.csv", _table(("epoch", "loss", "dice"), rows).encode())
    learning_curve(folder / "learning-curve.png", [asdict(row) for row in history])


def _table(header: Sequence[str], rows: Iterator[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


# --- Slices ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Slices:
    """Slices of one case, by memory map.

    Parameters
    ----------
    pictures
        (n, rows, columns) float16, what the model sees.
    labels
        (n, rows, columns) uint8, 0 the background, else the place of the label in the card.
    """

    pictures: npt.NDArray[np.float16]
    labels: npt.NDArray[np.uint8]


def _prepared(
    cases: Sequence[Case], card: ModelCard, work: Path, what: str, tell: Tell
) -> tuple[_Slices, ...]:
    """Bring the slices of cases to the size of the model; what an earlier run did is not done again."""
    slices = []
    for n, case in enumerate(cases):
        tell(what, n, len(cases))
        folder = work / f"slices-{hashlib.sha256(case.name.encode()).hexdigest()[:12]}"
        if not folder.is_dir():
            with written_aside(folder) as aside:
                _write_slices(case, card, aside)
        pictures, labels = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("pictures", "labels"))
        slices.append(_Slices(pictures, labels))
    tell(what, len(cases), len(cases))
    return tuple(slices)


def _write_slices(case: Case, card: ModelCard, folder: Path) -> None:
    volume, array = read_case(case, card.unit)
    check_labels(case, array, card.labels)
    grid = model_grid(volume.geometry, card)
    places = np.zeros(max(card.labels) + 1, np.uint8)
    places[list(card.labels)] = np.arange(1, len(card.labels) + 1)
    labels = places[onto(array, volume.geometry, grid)]
    chosen = list(slices_to_learn(labels))
    pictures = np.stack([card.seen(model_slice(volume, grid, k)) for k in chosen]).astype(np.float16)
    folder.mkdir()
    np.save(folder / "pictures.npy", pictures)
    np.save(folder / "labels.npy", labels[chosen])


# --- Fitting -----------------------------------------------------------------------------------------------------


def _network(settings: Settings) -> UNet:
    import torch

    from viewer.segmentation.unet import UNet

    torch.manual_seed(settings.seed)
    channels = 1 if len(settings.labels) == 1 else 1 + len(settings.labels)
    return UNet(channels, settings.width, settings.depth, settings.shrink)


class _Fit:
    """The loop over the epochs."""

    def __init__(
        self,
        settings: Settings,
        learned: Sequence[_Slices],
        judged: Sequence[_Slices],
        checkpoint: Path,
        tell: Tell,
    ) -> None:
        import torch

        self._settings = settings
        self._learned = learned
        self._judged = judged
        self._checkpoint = checkpoint
        self._tell = tell
        self._places = [(n, k) for n, slices in enumerate(learned) for k in range(len(slices.labels))]
        if not any(slices.labels.any() for slices in learned):
            raise FormatError("None of the cases to learn from has a labelled voxel.")
        self._model = _network(settings)
        self._optimiser = torch.optim.AdamW(self._model.parameters(), lr=settings.rate)

    def run(self) -> _Run:
        """All epochs that are missing."""
        run = self._resumed()
        for epoch in range(len(run.history) + 1, self._settings.epochs + 1):
            row = Epoch(epoch, self._pass(epoch), self._dice())
            run.history.append(row)
            before = run.history[run.best - 1].dice if run.best else math.nan
            if not before >= row.dice:
                run.best = epoch
                run.weights = {key: value.clone() for key, value in self._model.state_dict().items()}
            self._keep(run)
        return run

    def _pass(self, epoch: int) -> float:
        import torch

        from viewer.segmentation.unet import loss

        self._model.train()
        rng = np.random.default_rng([self._settings.seed, epoch])
        order = rng.permutation(len(self._places))
        steps = math.ceil(len(order) / self._settings.batch)
        total = 0.0
        for step, group in enumerate(np.array_split(order, steps)):
            self._tell(f"epoch {epoch} of {self._settings.epochs}", step, steps)
            done = (epoch - 1 + step / steps) / self._settings.epochs
            for parameters in self._optimiser.param_groups:
                parameters["lr"] = self._settings.rate * 0.5 * (1 + math.cos(math.pi * done))
            pairs = [_varied(self._learned[n], k, rng) for n, k in (self._places[place] for place in group)]
            pictures = torch.from_numpy(np.stack([picture for picture, _ in pairs]))[:, None]
            labels = torch.from_numpy(np.stack([label for _, label in pairs]))
            self._optimiser.zero_grad()
            value = loss(self._model(pictures), labels)
            value.backward()
            self._optimiser.step()
            total += float(value.detach()) * len(group)
        return total / len(order)

    def _dice(self) -> float:
        """Of the validation slices, mean over the labels that are there."""
        import torch

        self._model.eval()
        both = np.zeros(len(self._settings.labels) + 1)
        either = np.zeros_like(both)
        with torch.inference_mode():
            for slices in self._judged:
                for picture, labels in zip(slices.pictures, slices.labels, strict=True):
                    logits = self._model(torch.from_numpy(picture.astype(np.float32))[None, None])[0].numpy()
                    found = logits[0] > 0 if len(logits) == 1 else logits.argmax(axis=0)
                    for label in range(1, len(both)):
                        both[label] += 2 * np.sum((found == label) & (labels == label))
                        either[label] += np.sum(found == label) + np.sum(labels == label)
        there = either > 0
        return float(np.mean(both[there] / either[there])) if there.any() else math.nan

    def _keep(self, run: _Run) -> None:
        import torch

        with written_aside(self._checkpoint) as aside:
            torch.save(
                {
                    "model": self._model.state_dict(),
                    "optimiser": self._optimiser.state_dict(),
                    "history": [asdict(row) for row in run.history],
                    "best": run.best,
                    "weights": run.weights,
                },
                aside,
            )

    def _resumed(self) -> _Run:
        import torch

        if not self._checkpoint.is_file():
            return _Run()
        try:
            kept = torch.load(self._checkpoint, weights_only=True)
            self._model.load_state_dict(kept["model"])
            self._optimiser.load_state_dict(kept["optimiser"])
        except (RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
            raise ViewerError(
                f"{self._checkpoint.name} is damaged, so this run cannot go on. Delete it to begin anew."
            ) from error
        return _Run([Epoch(**row) for row in kept["history"]], kept["best"], kept["weights"])


def _varied(
    slices: _Slices, k: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """A slice moved by some pixels and a little brighter or darker, as patients and scanners are."""
    rows, columns = (
        int(n) for n in rng.integers(-_SHIFT, _SHIFT + 1, 2) * np.array(slices.labels.shape[1:]) // 512
    )
    gain = 1 + _GAIN * rng.uniform(-1, 1)
    picture = np.asarray(slices.pictures[k], np.float32) * np.float32(gain)
    return _moved(picture, rows, columns), _moved(slices.labels[k].astype(np.int64), rows, columns)


def _moved(picture: npt.NDArray[Any], rows: int, columns: int) -> npt.NDArray[Any]:
    """The picture shifted down and to the right; what comes in is 0."""
    moved = np.zeros_like(picture)
    height, width = picture.shape
    target = (slice(max(0, rows), height + min(0, rows)), slice(max(0, columns), width + min(0, columns)))
    source = (slice(max(0, -rows), height + min(0, -rows)), slice(max(0, -columns), width + min(0, -columns)))
    moved[target] = picture[source]
    return moved


# --- Export ------------------------------------------------------------------------------------------------------


def _export(model: UNet, card: ModelCard, some: Sequence[_Slices]) -> None:
    """Write the ONNX model and run it once beside PyTorch: a file that answers otherwise is not kept."""
    import torch

    example = torch.zeros(2, 1, *card.size)
    # It complains about packages that are of no concern here, and about itself.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with written_aside(card.model) as aside, warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.onnx.export(
            model,
            (example,),
            str(aside),
            input_names=["picture"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            external_data=False,
            verbose=False,
        )
    pictures = np.asarray(some[0].pictures[:2], np.float32)[:, None]
    with torch.inference_mode():
        wanted = model(torch.from_numpy(pictures)).numpy()
    difference = float(np.abs(run_model(card, pictures) - wanted).max())
    if difference > _SAME_LOGITS:
        raise ViewerError(
            f"The written model answers otherwise than the trained one (by {difference:.3g}). The checkpoint is kept; "
            "another version of PyTorch or ONNX Runtime may help."
        )
