"""What a layer card needs to know about a volume and its window, as plain functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from viewer.imaging.body_size import is_uptake
from viewer.imaging.histogram import Histogram, histogram
from viewer.imaging.window import Voi, VoiFunction, VoiTable, Window
from viewer.ui.sidebar._parts import number

if TYPE_CHECKING:
    import numpy.typing as npt

    from viewer.dicom.model import Series
    from viewer.imaging.volume import Volume

SAMPLES = 200_000
"""About so many voxels are counted for a histogram: enough for its shape, a few milliseconds of work."""

MOST_BINS = 2048

EntryStyle = Literal["width-level", "bounds"]


@dataclass(frozen=True)
class Entry:
    """How window values of a quantity are typed.

    Parameters
    ----------
    style
        W and L for CT and MR, lower and upper limit for SUV and other PET units (rules C03, C05).
    digits
        Decimals of the fields.
    function
        VOI function of windows that the user makes (rules B12, C06).
    """

    style: EntryStyle
    digits: int
    function: VoiFunction

    @property
    def narrowest(self) -> float:
        """Smallest width that may be typed or dragged."""
        return 1.0 if self.function is VoiFunction.LINEAR else 10.0**-self.digits


def entry_for(volume: Volume, voi: Voi) -> Entry:
    """How windows of a volume are typed.

    Integer quantities keep LINEAR so that numbers agree with other viewers; PET and fine quantities are exact.
    A lookup table has no width and level: its ends are shown, and what is typed makes a window of them.
    """
    if isinstance(voi, VoiTable):
        return Entry("bounds", 0, VoiFunction.LINEAR)
    window = voi
    if volume.modality == "PT":
        digits = 2 if is_uptake(volume.display_unit) else _digits(window)
        return Entry("bounds", digits, VoiFunction.LINEAR_EXACT)
    whole_numbers = volume.array.dtype.kind in "iu" and float(volume.display_slope).is_integer()
    if volume.quantity.is_hounsfield or whole_numbers:
        return Entry("width-level", 0, VoiFunction.LINEAR)
    return Entry("width-level", _digits(window), VoiFunction.LINEAR_EXACT)


def user_function(entry: Entry, voi: Voi) -> VoiFunction:
    """Function of a window the user derives from another: a special one of the header stays in force."""
    if isinstance(voi, VoiTable) or voi.function is VoiFunction.LINEAR:
        return entry.function
    return voi.function


def _digits(window: Window) -> int:
    """Decimals that resolve a hundredth of the window."""
    return max(0, min(8, 2 - math.floor(math.log10(window.width))))


def volume_histogram(volume: Volume) -> Histogram | None:
    """Histogram of a sample of the slices that are loaded, in displayed values; None without any."""
    volume = volume.coarse or volume  # a sample is a sample, and the window does not wait for the disk
    loaded = np.flatnonzero(volume.ready & ~volume.corrupt)
    if volume.is_colour or not loaded.size:
        return None
    _, rows, columns = volume.geometry.shape
    slices = loaded[:: max(1, loaded.size // 24)]
    step = max(1, math.ceil(math.sqrt(slices.size * rows * columns / SAMPLES)))
    sample = np.ascontiguousarray(volume.array[slices, ::step, ::step])
    return histogram(
        sample, volume.display_slope, volume.display_intercept, volume.padding, _bins(sample, volume.padding)
    )


def _bins(sample: npt.NDArray[np.generic], padding: tuple[float, float] | None) -> int:
    """So many bins that each holds the same number of whole stored values: other numbers draw a comb."""
    if sample.dtype.kind == "f":
        return MOST_BINS
    values = sample.astype(np.int64)
    if padding is not None:
        values = values[(values < padding[0]) | (values > padding[1])]
    span = int(values.max() - values.min()) if values.size else 0
    return max(1, span // max(1, math.ceil(span / MOST_BINS)))


def acquisition_gap_text(base: Series, overlay: Series) -> str:
    """How far apart two series were acquired (rule D32): the same frame of reference does not prove alignment."""
    first, second = _moment(base), _moment(overlay)
    if first is None or second is None:
        return "Acquisition times are not known; check the alignment by eye."
    gap = abs(second - first)
    if gap < timedelta(minutes=1):
        apart = f"{gap.seconds} s"
    elif gap < timedelta(hours=2):
        apart = f"{round(gap.total_seconds() / 60)} min"
    elif gap < timedelta(days=1):
        apart = f"{number(gap.total_seconds() / 3600, 1)} h"
    else:
        apart = f"{gap.days} d"
    return f"Acquired {apart} apart; check the alignment by eye."


def _moment(series: Series) -> datetime | None:
    """Date and time of a series; DICOM or ISO writing, fractions dropped."""
    date = "".join(c for c in series.date if c.isdigit())[:8]
    time = "".join(c for c in series.time.split(".", maxsplit=1)[0] if c.isdigit())[:6]
    try:
        return datetime.strptime(f"{date} {time:0<6}", "%Y%m%d %H%M%S")  # noqa: DTZ007 - local time of one scanner
    except ValueError:
        return None
