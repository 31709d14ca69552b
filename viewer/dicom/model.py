"""The catalogue of what lies in a folder: patients, studies, series, stacks. Headers only, no pixels.

Every object is frozen; the index hands out a new catalogue when it has found more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.geometry_report import GeometryReport
from viewer.imaging.window import VoiTable, Window

if TYPE_CHECKING:
    from viewer.imaging.preview import CoarseLevel
    from viewer.imaging.suv import SuvGap, SuvResult


PROBLEM_LENGTH = 4096
"""Longest text of a problem; a path may be that long."""


LABEL_MODALITY = "SEG"
"""Modality of volumes whose values are labels."""


DOSE_MODALITY = "RTDOSE"
"""Modality of dose grids."""


class SeriesKind(StrEnum):
    """What a series is to the viewer."""

    VOLUME = "volume"
    """At least one stack of slices that forms a volume."""
    IMAGE = "image"
    """Images without (enough) geometry: shown as a two-dimensional stack."""
    LOCALIZER = "localizer"
    """Scouts and topograms, kept apart (rule A04)."""
    CAPTURE = "capture"
    """Secondary captures, dose pages, screen saves."""
    SEGMENTATION = "segmentation"
    STRUCTURES = "structures"
    DOSE = "dose"
    REPORT = "report"
    PRESENTATION = "presentation"
    REGISTRATION = "registration"
    VALUE_MAP = "value map"
    DOCUMENT = "document"
    OTHER = "other"

    @property
    def has_images(self) -> bool:
        """Whether the series can be shown in a pane."""
        return self in (SeriesKind.VOLUME, SeriesKind.IMAGE, SeriesKind.LOCALIZER, SeriesKind.CAPTURE)


@dataclass(frozen=True)
class Problem:
    """One thing that went wrong with one file.

    Parameters
    ----------
    file
        Path as the user knows it ("folder/file", or "archive.zip/member").
    reason
        A sentence without patient data: what is wrong and what was done.
    """

    file: str
    reason: str

    def __post_init__(self) -> None:
        # Names of files may hold anything: line breaks, terminal escapes, bytes that are no text (rule J39).
        for name in ("file", "reason"):
            if not getattr(self, name).isprintable():
                object.__setattr__(self, name, _one_line(getattr(self, name)))


def _one_line(text: str) -> str:
    # Imported here, because nearly every text is printable as it is.
    from viewer.dicom.charset import clean_text

    return clean_text(text, PROBLEM_LENGTH)


@dataclass(frozen=True)
class Tile:
    """A slice inside a picture of many: a Siemens mosaic (rule A26).

    Parameters
    ----------
    index
        Number of the slice, from 0.
    picture
        (rows, columns) of the whole picture.
    corner
        (row, column) of the first pixel of the slice.
    """

    index: int
    picture: tuple[int, int]
    corner: tuple[int, int]


@dataclass(frozen=True)
class FrameSource:
    """Where the pixels of one slice are.

    Parameters
    ----------
    path
        The DICOM file.
    frame
        Frame number in the file, from 0.
    sop_instance_uid
        Its SOPInstanceUID.
    transfer_syntax
        UID of the transfer syntax.
    offset, length
        Bytes of this frame in the file when it is stored uncompressed, little endian, in whole bytes, and all there;
        else -1.
    data_offset, data_length
        Where the value of the pixel data element starts in the file and its declared bytes; the offset is -1 when
        the file is deflated, the length -1 when the value is a sequence of fragments.
    frames
        Number of frames in the file.
    slope, intercept
        Modality LUT of this slice (rule B01).
    slice_suv_factor
        Factor of this slice when SUV factors differ per slice (DecayCorrection NONE), else None.
    tile
        Which part of the picture the slice is, None when it is all of it.
    """

    path: Path
    frame: int = 0
    sop_instance_uid: str = ""
    transfer_syntax: str = ""
    offset: int = -1
    length: int = -1
    data_offset: int = -1
    data_length: int = -1
    frames: int = 1
    slope: float = 1.0
    intercept: float = 0.0
    slice_suv_factor: float | None = None
    tile: Tile | None = None


@dataclass(frozen=True)
class PixelFormat:
    """How stored samples are laid out (PS3.5 8.1.1), equal for all frames of a stack."""

    rows: int
    columns: int
    samples_per_pixel: int = 1
    photometric: str = "MONOCHROME2"
    bits_allocated: int = 16
    bits_stored: int = 16
    high_bit: int = 15
    signed: bool = False
    planar: bool = False
    float_pixels: bool = False

    @property
    def frame_bits(self) -> int:
        """Bits of one uncompressed frame; YBR_FULL_422 stores two samples a pixel (PS3.3 C.7.6.3.1.2)."""
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples_per_pixel
        return self.rows * self.columns * samples * self.bits_allocated


class VolumeSource(Protocol):
    """Reads the voxels of a stack whose frames are not DICOM (NIfTI, .npy).

    Attributes
    ----------
    dtype
        Type of the voxel array.
    sequential
        Slices are best asked for from the first to the last (a packed file).
    packed
        Slices are packed one by one, so several threads unpack more than one does.
    remote
        Slices come from a server: reading one may take long and ends by a timeout of its own.
    """

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the voxel array."""

    @property
    def sequential(self) -> bool:
        """Whether slices are best asked for from the first to the last."""

    @property
    def packed(self) -> bool:
        """Whether several threads unpack more slices than one does."""

    @property
    def remote(self) -> bool:
        """Whether slices come from a server."""

    def read(self, frame: FrameSource) -> npt.NDArray[Any]:
        """Read one slice; may be called from several threads at the same time.

        Parameters
        ----------
        frame
            Of the stack.

        Returns
        -------
        ndarray
            (j, i) of `dtype` in stored units, or (3, j, i) uint8 for colour.

        Raises
        ------
        DecodeError
            The file is damaged.
        OSError
            It cannot be read.
        """


@runtime_checkable
class PyramidSource(VolumeSource, Protocol):
    """A source that has coarse levels of its stack beside the slices.

    Attributes
    ----------
    readers
        So many slices at a time at least: where most of the time goes into waiting for a server, more than there are
        processors.
    """

    @property
    def readers(self) -> int:
        """How many slices are read at the same time, at least."""

    def coarse(self, limit_bytes: int) -> CoarseLevel | None:
        """Read the finest coarse level of at most so many bytes; may be called while slices are read.

        Returns
        -------
        CoarseLevel or None
            None when no level is as small, or the volume has none.

        Raises
        ------
        DecodeError
            It is damaged, or cannot be read now (`UnreadableError`).
        OSError
            It cannot be opened.
        """

    def again(self) -> PyramidSource:
        """The same source, not open: what is read through it keeps no file of the catalogue open."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices of one series that belong together: one volume, or a 2D stack when the geometry is not good enough.

    Parameters
    ----------
    uid
        Unique among all stacks: the SeriesInstanceUID, with "#n" behind it from the second stack on.
    frames
        Sorted along the slice normal (rule A07); length k.
    geometry
        Where the voxels are; `geometry.oriented` is False for a 2D stack.
    label
        What tells this stack from its siblings ("echo 2", "time 3"), empty when it is alone.
    parts
        The same by dimension (rule A02): (("time", "time 3"), ("echo", "TE 30 ms")).
    voi_tables
        VOI LUT Sequence (rule B14), selectable like windows.
    modality_lut
        (first_mapped, values) of a Modality LUT Sequence (rule B03), or None.
    suv
        SUV of a PET stack, or None; then `suv_note` says why.
    suv_gap
        What is known and what is missing when the user could make an SUV of it (rules D10, D11, D15), else None.
    kind
        VOLUME, IMAGE, LOCALIZER or CAPTURE: a series can hold a volume and a scout or a dose page beside it.
    on_request
        The stack leaves out images of its series (rule A09) or lies beside what it was made from (a label volume in
        the folder of a study): it is offered, but never opens by itself.
    image_type, kernel
        ImageType values and ConvolutionKernel, used to choose the series that opens first.
    source
        Reads the slices when the frames are not DICOM, else None.
    preliminary
        Shown while its folder is still being read: more of its files may be found.
    overlays
        Some file has overlay planes (60xx), read by `viewer.dicom.overlay_planes` when they are drawn.
    tracer_text, acquisition_text
        Short technical lines for the corner annotation (rule E.2): "FDG 589 MBq, 60 min", "120 kVp 200 mA".
    """

    uid: str
    frames: tuple[FrameSource, ...]
    pixels: PixelFormat
    geometry: VolumeGeometry
    report: GeometryReport
    label: str = ""
    modality: str = ""
    unit: str = ""
    padding: tuple[float, float] | None = None
    windows: tuple[Window, ...] = ()
    voi_tables: tuple[VoiTable, ...] = ()
    modality_lut: tuple[int, tuple[float, ...]] | None = None
    suv: SuvResult | None = None
    suv_note: str = ""
    suv_gap: SuvGap | None = None
    parts: tuple[tuple[str, str], ...] = ()
    multiplanar: bool = True
    kind: SeriesKind = SeriesKind.VOLUME
    on_request: bool = False
    image_type: tuple[str, ...] = ()
    kernel: str = ""
    tracer_text: str = ""
    acquisition_text: str = ""
    lossy_text: str = ""
    warnings: tuple[str, ...] = ()
    source: VolumeSource | None = None
    preliminary: bool = False
    overlays: bool = False


@dataclass(frozen=True, eq=False)
class Series:
    """A series as the study browser shows it."""

    uid: str
    study_uid: str
    modality: str
    description: str
    kind: SeriesKind
    files: int
    number: int | None = None
    date: str = ""
    time: str = ""
    body_part: str = ""
    frame_of_reference_uid: str = ""
    manufacturer: str = ""
    stacks: tuple[Stack, ...] = ()
    paths: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Patient:
    """Identity, shown in the browser and the corner, never logged and never exported by default."""

    key: str
    """PatientID with its issuer (rule A01); only used to tell patients apart."""
    name: str = ""
    """Formatted by rule E40."""
    patient_id: str = ""
    birth_date: str = ""
    sex: str = ""
    name_guessed: bool = False
    """The character set of the name was guessed, so it may be misspelt (rule J29)."""


@dataclass(frozen=True, eq=False)
class Study:
    """A study of one patient."""

    uid: str
    patient: Patient
    description: str = ""
    date: str = ""
    time: str = ""
    accession: str = ""
    institution: str = ""
    age: str = ""
    series: tuple[Series, ...] = ()


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Everything found so far."""

    studies: tuple[Study, ...] = ()
    problems: tuple[Problem, ...] = ()
    files_seen: int = 0
    not_dicom: int = 0
    """Files that are not DICOM at all; counted, not listed (rule J01)."""
    notes: tuple[str, ...] = field(default=())

    def find_series(self, uid: str) -> Series | None:
        """The series with a SeriesInstanceUID, or None."""
        return next((s for study in self.studies for s in study.series if s.uid == uid), None)

    def find_stack(self, uid: str) -> Stack | None:
        """The stack with a uid, or None."""
        return next(
            (stack for study in self.studies for s in study.series for stack in s.stacks if stack.uid == uid),
            None,
        )

    def study_of(self, series_uid: str) -> Study | None:
        """The study that holds a series, or None."""
        return next((study for study in self.studies if any(s.uid == series_uid for s in study.series)), None)
