"""Charts of training and data sets, drawn by Matplotlib without a screen."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from viewer.atomic import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK, _ACCENT, _SECOND = "#333333", "#1F6FB2", "#C4572A"


def learning_curve(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Write a PNG with loss and validation Dice over the epochs.

    Parameters
    ----------
    path
        The picture.
    history
        One for each epoch: "epoch", "loss", "dice" (NaN where nothing was held out for validation).

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    losses = figure.subplots()
    losses.plot(epochs, [row["loss"] for row in history], color=_ACCENT, marker=".")
    losses.set_xlabel("epoch")
    losses.set_ylabel("training loss", color=_ACCENT)
    losses.set_ylim(bottom=0)
    losses.xaxis.set_major_locator(MaxNLocator(integer=True))
    scores = [row["dice"] for row in history]
    if np.isfinite(scores).any():
        beside = losses.twinx()
        beside.plot(epochs, scores, color=_SECOND, marker=".")
        beside.set_ylabel("validation Dice", color=_SECOND)
        beside.set_ylim(0, 1)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    write_bytes(path, data.getvalue())


def histogram(values: npt.ArrayLike, title: str, unit: str) -> str:
    """An SVG element with the distribution of some numbers.

    Parameters
    ----------
    values
        Numbers; those that are not finite are left out.
    title, unit
        What they are.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    numbers = np.asarray(values, dtype=np.float64)
    numbers = numbers[np.isfinite(numbers)]
    figure = Figure(figsize=(4.2, 2.6), layout="constrained")
    axes = figure.subplots()
    if len(numbers):
        axes.hist(numbers, bins=min(31, max(5, int(np.sqrt(len(numbers)) * 2) | 1)), color=_ACCENT)
    axes.set_title(title, fontsize=10, color=_INK)
    axes.set_xlabel(unit)
    axes.set_ylabel("cases")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return _svg(figure)


def _svg(figure: Figure) -> str:
    from matplotlib import rc_context

    data = io.StringIO()
    # Names of clip paths are otherwise random, and two charts on one page must not share them by accident.
    with rc_context({"svg.fonttype": "path"}):
        figure.savefig(data, format="svg", metadata={"Date": None, "Creator": None})
    text = data.getvalue()
    return text[text.index("<svg") :]
