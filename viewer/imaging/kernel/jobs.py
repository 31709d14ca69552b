"""What the kernel and its numpy twin are asked to do: plain arrays, no volumes, no planes.

A job that exists is valid: everything the C code relies on is checked when it is made.

A job is in index space. Axis order is (w, j, i) everywhere: w runs along the stack (equal to the slice index k when
the stack is uniform), j over rows, i over columns of the stored array.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

SNAP = 1e-4
"""An index this close to a voxel centre is that centre, so that rounding never mixes in a neighbour of weight ~0."""

NEAREST_BIAS = 1e-6
"""Halfway between two voxels the higher index wins, also when rounding put the index a hair below."""


class Kind(IntEnum):
    """Interpolation; the numbers are those of kernel.c."""

    NEAREST = 0
    LINEAR = 1
    CUBIC = 2


class Reduce(IntEnum):
    """Projection of slab samples; the numbers are those of kernel.c."""

    MAX = 0
    MIN = 1
    MEAN = 2
    SUM = 3


MAX_EXTENT = 1 << 20
MAX_SAMPLES = 8191
FAR_AWAY = 1e9
MAX_TABLE = 1 << 16

DTYPES = tuple(np.dtype(name) for name in ("i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8"))
"""Element types in the order of kernel.c."""


@dataclass(frozen=True, eq=False)
class Knots:
    """Slices that hold data, for stacks that are not equidistant or not complete.

    Parameters
    ----------
    w
        (m,) float64, strictly increasing positions along the stack.
    k
        (m,) int32, array slice at each position.
    no_data
        (m,) uint8: bit 0 set when the interval from this knot to the next one holds no data, bit 1 when the slice
        itself is unusable.
    """

    w: FloatArray
    k: npt.NDArray[np.int32]
    no_data: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        types = [array.dtype.name for array in (self.w, self.k, self.no_data)]
        if types != ["float64", "int32", "uint8"]:
            raise ValueError(f"knots of types {types}")
        if self.w.ndim != 1 or not self.w.shape == self.k.shape == self.no_data.shape:
            raise ValueError("knots of different lengths")
        if not all(array.flags.c_contiguous for array in (self.w, self.k, self.no_data)):
            raise ValueError("knots need contiguous arrays")
        if not np.isfinite(self.w).all() or np.any(np.diff(self.w) <= 0) or np.any(np.diff(self.k) <= 0):
            raise ValueError("knots do not increase")


@dataclass(frozen=True, eq=False)
class SampleJob:
    """Sample one array on one plane.

    Parameters
    ----------
    data
        (k, j, i) stored values, C order.
    matrix
        (3, 3) float64: the index of pixel (column, row) is `matrix @ (column, row, 1)`.
    low, high
        (3,) footprint of the array along (w, j, i), both ends included.
    out
        (h, w) float32, contiguous rows; receives stored values, NaN for "nothing here", +inf for "no data".
    kind
        Interpolation.
    padding
        (low, high) stored values that mean "no value", or None.
    knots
        None for a complete uniform stack.
    samples, step, reduce
        Slab: number of samples (odd), index step from one to the next, projection.
    """

    data: npt.NDArray[np.generic]
    matrix: FloatArray
    low: FloatArray
    high: FloatArray
    out: npt.NDArray[np.float32]
    kind: Kind = Kind.LINEAR
    padding: tuple[float, float] | None = None
    knots: Knots | None = None
    samples: int = 1
    step: FloatArray = field(default_factory=lambda: np.zeros(3))
    reduce: Reduce = Reduce.MAX

    def __post_init__(self) -> None:
        if self.data.ndim != 3 or not self.data.flags.c_contiguous or self.data.dtype not in DTYPES:
            raise ValueError(f"cannot sample {self.data.dtype} of shape {self.data.shape}")
        if not self.data.flags.aligned or max(self.data.shape) > MAX_EXTENT:
            raise ValueError("cannot sample an array that is unaligned or too long")
        if self.knots is not None and np.any((self.knots.k < 0) | (self.knots.k >= self.data.shape[0])):
            raise ValueError("knots outside the array")
        for name, shape in (("matrix", (3, 3)), ("low", (3,)), ("high", (3,)), ("step", (3,))):
            array = getattr(self, name)
            if array.shape != shape or not np.all(np.abs(array) <= FAR_AWAY):
                raise ValueError(f"{name} must be {shape} numbers between -1e9 and 1e9")
        if not 1 <= self.samples <= MAX_SAMPLES or self.samples % 2 == 0:
            raise ValueError("a slab has an odd number of samples, at most 8191")
        check_picture(self.out, np.dtype(np.float32))


@dataclass(frozen=True, eq=False)
class ColourLayer:
    """One layer of a picture, from stored values to colour.

    Parameters
    ----------
    values
        One (h, w) float32 array, or three (red, green, blue) for a colour layer, each channel through its own column
        of the table.
    table
        (n, 4) uint8 straight RGBA, aligned to 4 bytes, C order.
    lower, upper
        Values of the first and the last entry.
    """

    values: tuple[npt.NDArray[np.float32], ...]
    table: npt.NDArray[np.uint8]
    lower: float
    upper: float

    def __post_init__(self) -> None:
        if len(self.values) not in (1, 3):
            raise ValueError("a layer has one channel or three")
        for channel in self.values:
            check_picture(channel, np.dtype(np.float32), writable=False)
        table = self.table
        if (
            table.dtype != np.uint8
            or table.ndim != 2
            or table.shape[1] != 4
            or not 1 <= len(table) <= MAX_TABLE
        ):
            raise ValueError("a table has 1 to 65,536 rows of four uint8: red, green, blue, opacity")
        if not table.flags.c_contiguous or address(table) % 4:
            raise ValueError("a table must be contiguous and aligned to 4 bytes")
        if not (np.isfinite(self.lower) and np.isfinite(self.upper)):
            raise ValueError("the bounds of a table are finite numbers")

    def index_rule(self) -> tuple[float, float, float, bool]:
        """(lower, scale, offset, step) of `index = floor((v - lower) * scale + offset)`, rounded to float32.

        `step` is set when the bounds coincide: values up to the lower bound take the first entry, others the last.
        The offset is 1/2 plus the rounding error of the product, so that exact ties go up as they do on paper.
        """
        last = len(self.table) - 1
        span = float(self.upper) - float(self.lower)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            scale = np.float32(np.float64(last) / np.float64(span))
        step = not np.isfinite(scale)
        return float(np.float32(self.lower)), 0.0 if step else float(scale), 0.5 + last * 4e-7, step


@dataclass(frozen=True, eq=False)
class ComposeJob:
    """Colour and blend layers into one picture.

    Parameters
    ----------
    layers
        From below to above.
    out
        (h, w) uint32 0xFFRRGGBB, contiguous rows.
    background
        Colour below the lowest layer, 0xFFRRGGBB.
    """

    layers: tuple[ColourLayer, ...]
    out: npt.NDArray[np.uint32]
    background: int

    def __post_init__(self) -> None:
        check_picture(self.out, np.dtype(np.uint32))
        if any(channel.shape != self.out.shape for layer in self.layers for channel in layer.values):
            raise ValueError(f"layers do not fit a picture of shape {self.out.shape}")
        if not 0 <= self.background <= 0xFFFFFFFF:
            raise ValueError("the background is not 0xFFRRGGBB")


@dataclass(frozen=True, eq=False)
class PictureJob:
    """Both stages of one picture, so that values are coloured while they are still in the processor's cache.

    Parameters
    ----------
    samples
        Taken first; all of the same number of rows.
    compose
        Coloured afterwards; its layers may be the outputs of `samples`, row for row, or older values. None to sample
        only.
    """

    samples: tuple[SampleJob, ...]
    compose: ComposeJob | None = None

    def __post_init__(self) -> None:
        if any(len(job.out) != self.height for job in self.samples):
            raise ValueError("the parts of a picture have the same number of rows")

    @property
    def height(self) -> int:
        """Number of rows."""
        if self.compose is not None:
            return len(self.compose.out)
        return len(self.samples[0].out) if self.samples else 0


def address(array: npt.NDArray[np.generic]) -> int:
    """Where an array lies in memory; `array.ctypes` says the same and takes ten times as long."""
    return int(array.__array_interface__["data"][0])


def check_picture(
    array: npt.NDArray[np.generic], dtype: np.dtype[np.generic], *, writable: bool = True
) -> None:
    """Raise ValueError unless an array is (h, w) of a type with contiguous, aligned rows in ascending memory."""
    if array.dtype != dtype or array.ndim != 2 or max(array.shape) > MAX_EXTENT:
        raise ValueError(f"{array.dtype} of shape {array.shape} is not a picture of {dtype}")
    stride_row, stride_column = array.strides
    rows_fit = (
        array.shape[0] <= 1 or array.size == 0 or (stride_row >= array.shape[1] * 4 and stride_row % 4 == 0)
    )
    columns_fit = array.shape[1] <= 1 or array.size == 0 or stride_column == 4
    if not (rows_fit and columns_fit and array.flags.aligned and (array.flags.writeable or not writable)):
        raise ValueError("a picture needs contiguous, aligned, writable rows")


HATCH_PERIOD = 16
HATCH_WIDTH = 3
HATCH_LINE = 0x606060
HATCH_GROUND = 0x202020
"""Diagonal lines that mean "no data here": pixels with (column + row) mod period < width, on a dark ground."""
