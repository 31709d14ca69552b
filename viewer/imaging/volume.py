"""A volume: stored values, where they are and what they mean.

The stored array keeps its type; `physical = stored * slope + intercept` is folded into the window constants at
paint time and applied to single values and statistics. Nothing makes a float copy of a CT.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from viewer.imaging.columns import Columns
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.preview import Preview
from viewer.imaging.resident import ResidentSlices
from viewer.imaging.window import VoiTable, Window

LABEL_UNIT = "label"
"""Unit of values that are names: they are never mixed with their neighbours (rule I12)."""


@dataclass(frozen=True)
class Quantity:
    """What a physical value measures.

    Parameters
    ----------
    unit
        Unit as shown: "HU", "Bq/mL", "SUV", "Gy", "label", or "" when the header names none (rule B04).
    """

    unit: str = ""

    @property
    def is_hounsfield(self) -> bool:
        """True for CT numbers; only these take the CT presets (rule C01)."""
        return self.unit == "HU"

    @property
    def is_label(self) -> bool:
        """True for label volumes."""
        return self.unit == LABEL_UNIT


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels on a geometry.

    Parameters
    ----------
    uid
        Identifier, unique among the open volumes.
    array
        (k, j, i) stored values, C order; for colour (3, k, j, i) uint8, planar RGB. The loader fills it slice by
        slice while the volume is already on screen; `ready` says which slices hold values.
    geometry
        Where the voxels are.
    quantity
        Unit of `stored * slope + intercept`.
    slope, intercept
        Modality LUT (PS3.3 C.11.1), the same for all slices; a series with one slope a slice is stored as float32
        physical values with slope 1.
    suv_factor
        SUV = physical * suv_factor, or None when no SUV exists; `suv_note` then is the reason.
    suv_unit
        What that SUV is divided by, in short ("SUV", "SUL Janma", `viewer.imaging.body_size.UPTAKE_UNITS`), with a
        star behind it when the user entered an input (rule D15).
    padding
        (low, high) stored values that mean "no value" (rule B07), or None.
    windows
        Windows of the header, in order (rule B13).
    voi_tables
        Its VOI LUT Sequence (rule B14), on the physical quantity like the windows.
    inverted
        MONOCHROME1: the lowest value is white, applied after the window (rule B16).
    ready
        (k,) bool, True once a slice is in place.
    corrupt
        (k,) bool, True for slices that could not be decoded; they are shown as "no data" (rule J06).
    interpolate_gaps
        The user wants intervals without data (`VolumeGeometry.gaps`) interpolated in pictures (rule A12).
    coarse
        A coarser copy in memory (`viewer.imaging.coarse`) of a volume larger than the memory limit, whose array is a
        mapped file: any of it may have to be read from the disk first. None for a volume in memory.
    columns
        The same voxels in an order for sagittal planes, on the disk too.
    preview
        What pictures show while slices are missing, for a volume whose source has a coarse level; else None.
    resident
        Set when slices come and go: the volume is larger than memory and disk.
    """

    uid: str
    array: npt.NDArray[np.generic]
    geometry: VolumeGeometry
    quantity: Quantity = field(default_factory=Quantity)
    modality: str = ""
    description: str = ""
    slope: float = 1.0
    intercept: float = 0.0
    suv_factor: float | None = None
    suv_unit: str = "SUV"
    suv_note: str = ""
    padding: tuple[float, float] | None = None
    windows: tuple[Window, ...] = ()
    voi_tables: tuple[VoiTable, ...] = ()
    inverted: bool = False
    ready: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    corrupt: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    interpolate_gaps: bool = False
    coarse: Volume | None = None
    columns: Columns | None = None
    preview: Preview | None = None
    resident: ResidentSlices | None = None

    def __post_init__(self) -> None:
        if not self.array.flags.c_contiguous:
            raise ValueError("a volume needs a C-ordered array")
        if self.array.shape[-3:] != self.geometry.shape:
            raise ValueError(f"array {self.array.shape} does not fit geometry {self.geometry.shape}")
        for name, value in (("ready", True), ("corrupt", False)):
            if getattr(self, name).shape != (self.geometry.shape[0],):
                object.__setattr__(self, name, np.full(self.geometry.shape[0], value))

    @property
    def is_colour(self) -> bool:
        """True for planar RGB."""
        return self.array.ndim == 4

    @property
    def nbytes(self) -> int:
        """Bytes of the voxel array."""
        return int(self.array.nbytes)

    @property
    def on_disk(self) -> bool:
        """True when the array is a file that the system reads as it is needed."""
        return self.coarse is not None

    @property
    def memory_bytes(self) -> int:
        """Bytes of memory that keeping the voxels takes.

        Those of the coarser copy for a volume on the disk, of the slices that may be there for one that is larger.
        """
        if self.resident is not None:
            return self.resident.nbytes
        return self.nbytes if self.coarse is None else self.coarse.nbytes

    def physical(self, stored: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Stored values to physical ones (HU, Bq/mL, ...), float64."""
        result: npt.NDArray[np.float64] = np.asarray(stored, dtype=np.float64) * self.slope + self.intercept
        return result

    def is_padding(self, stored: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which stored values are padding; NaN always is."""
        stored = np.asarray(stored)
        result: npt.NDArray[np.bool_] = (
            np.isnan(stored) if stored.dtype.kind == "f" else np.zeros(stored.shape, bool)
        )
        if self.padding is not None:
            result |= (stored >= self.padding[0]) & (stored <= self.padding[1])
        return result

    @property
    def display_slope(self) -> float:
        """Slope from stored values to the quantity on display: SUV when it exists, else the physical one."""
        return self.slope * (self.suv_factor if self.suv_factor is not None else 1.0)

    @property
    def display_intercept(self) -> float:
        """Intercept that belongs to `display_slope`."""
        return self.intercept * (self.suv_factor if self.suv_factor is not None else 1.0)

    @property
    def display_unit(self) -> str:
        """Unit of the quantity on display, as it is written wherever a value is: "HU", "SUV", "SUV*"."""
        return self.suv_unit if self.suv_factor is not None else self.quantity.unit

    @property
    def preset_unit(self) -> str:
        """Quantity that presets are chosen by (rules C01, C02): the display unit without the star of an edit."""
        return self.display_unit.removesuffix("*")
