"""DICOM segmentations (PS3.3 A.51, A.85, C.8.20): one mask a segment, placed by the positions of the frames.

Never by frame index, order of the source or its orientation (rule I01): frames without voxels may be missing, frames
may come in any order, and the grid need not be that of the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from viewer.dicom.careful import careful_pydicom
from viewer.dicom.charset import clean_text
from viewer.dicom.decode import decode_frame, palette
from viewer.dicom.enhanced import expand
from viewer.dicom.geometry_fit import slice_normal
from viewer.dicom.header import Header
from viewer.dicom.read import read_header
from viewer.dicom.stack import frame_source, pixel_format
from viewer.dicom.structure_facts import (
    PALETTE,
    THRESHOLD,
    Code,
    Colour,
    References,
    SegmentIdentity,
    code_of,
    referenced_series,
    rgb_of_lab,
)
from viewer.errors import DecodeError, FormatError, GeometryError, ViewerError
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.labelmap import Mask, bounding_box

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

BACKGROUND = Code("125040", "DCM", "Background")
LABEL_LENGTH = 120
_SAME_PLANE_MM = 0.01
_SAME_PLANE_SHARE = 0.05
_MULTIPLE = 0.05
"""A step may miss a whole number of slice spacings by this share of one."""
_MAX_PLANES = 20_000
_MAX_BLOCK = 1 << 31
"""Most voxels of one segment's block."""


@dataclass(frozen=True, eq=False)
class Fraction:
    """How much of each voxel belongs to a segment.

    Parameters
    ----------
    stored
        (dk, dj, di) uint8 or uint16 values, as they lie in the file.
    maximum
        The stored value that stands for 1.
    meaning
        "PROBABILITY" or "OCCUPANCY" (rule I03).
    """

    stored: npt.NDArray[Any]
    maximum: int
    meaning: str


@dataclass(frozen=True, eq=False)
class Segment:
    """One segment.

    Parameters
    ----------
    number
        Segment Number (0062,0004).
    label
        Its name.
    identity
        What it is and what made it, coded.
    colour
        On screen.
    mask
        Its voxels; of a fractional segment those of at least half.
    fraction
        The fractions behind the mask, on the same block, else None.
    """

    number: int
    label: str
    identity: SegmentIdentity
    colour: Colour
    mask: Mask
    fraction: Fraction | None = None

    def at(self, threshold: float) -> Mask:
        """The mask for another threshold of the fraction, 0 to 1; the same mask when there are no fractions."""
        if self.fraction is None:
            return self.mask
        block = self.fraction.stored >= threshold * self.fraction.maximum
        return Mask(self.mask.geometry, block & (self.fraction.stored > 0), self.mask.corner)

    @cached_property
    def weighted_mm3(self) -> float | None:
        """Volume with every voxel counted by its fraction; None for a segment without fractions."""
        if self.fraction is None:
            return None
        sums = self.fraction.stored.sum(axis=(1, 2), dtype=np.float64) / self.fraction.maximum
        return float(sums @ self.mask.geometry.slice_volumes_mm3[self.mask.slices[0]])


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A segmentation file.

    Parameters
    ----------
    path
        The file.
    kind
        "BINARY", "FRACTIONAL" or "LABELMAP".
    label
        Content Label or series description.
    frame_of_reference_uid
        Of all segments; empty when the file names none.
    segments
        By number; those without a voxel are left out and named in `notes`.
    references
        The images it was made from.
    notes
        What was found on the way, in sentences.
    """

    path: Path
    kind: str
    label: str
    frame_of_reference_uid: str
    segments: tuple[Segment, ...]
    references: References
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class _Frames:
    """Frames of one segment by slice index of the grid."""

    planes: dict[int, npt.NDArray[Any]] = field(default_factory=dict)

    def add(self, k: int, values: npt.NDArray[Any]) -> None:
        """Add a frame; two of the same place are united."""
        self.planes[k] = values if k not in self.planes else np.maximum(self.planes[k], values)


def read_segmentation(path: Path) -> Segmentation:
    """Read a segmentation.

    Parameters
    ----------
    path
        A DICOM file of the class Segmentation Storage or Label Map Segmentation Storage.

    Raises
    ------
    ViewerError
        The file is damaged, holds tiles of a microscope slide, or its frames have no position in the patient.
    OSError
        It cannot be read.
    """
    from viewer.dicom.slow_header import open_dataset

    header = read_header(path, objects=True)
    with path.open("rb") as stream:
        dataset, _, _ = open_dataset(stream, path.stat().st_size)
    with careful_pydicom("The segmentation"):
        return _read(path, header, dataset)


def _read(path: Path, header: Header, dataset: Dataset) -> Segmentation:
    if "TotalPixelMatrixRows" in dataset or str(dataset.get("DimensionOrganizationType") or "").startswith(
        "TILED"
    ):
        raise FormatError("The segmentation is of a microscope slide, which has no place in the patient.")
    kind = str(dataset.get("SegmentationType") or "").upper()
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise FormatError("The segmentation does not say whether it is binary, fractional or a label map.")
    headers = expand(header)
    geometry, places = _grid(headers)
    numbers = _segment_numbers(dataset, len(headers)) if kind != "LABELMAP" else []
    frames: dict[int, _Frames] = {}
    notes: list[str] = []
    unread = 0
    for n, frame in enumerate(headers):
        try:
            values = decode_frame(frame_source(frame), pixel_format(frame))
        except DecodeError:
            unread += 1
            continue
        if kind == "LABELMAP":
            for number in np.unique(values):
                frames.setdefault(int(number), _Frames()).add(places[n], (values == number).view(np.uint8))
        elif values.any():
            frames.setdefault(numbers[n], _Frames()).add(places[n], values)
    if unread:
        notes.append(f"{unread} of {len(headers)} frames are damaged and left out.")
    segments, empty = _segments(dataset, kind, header, geometry, frames)
    if empty:
        notes.append(f"{_listed(empty)} without a voxel.")
    if header.frame_of_reference == "":
        notes.append("The segmentation names no frame of reference.")
    return Segmentation(
        path,
        kind,
        clean_text(str(dataset.get("SeriesDescription") or dataset.get("ContentLabel") or ""), LABEL_LENGTH),
        header.frame_of_reference,
        segments,
        referenced_series(dataset),
        tuple(notes),
    )


def _segments(
    dataset: Dataset, kind: str, header: Header, geometry: VolumeGeometry, frames: dict[int, _Frames]
) -> tuple[tuple[Segment, ...], list[str]]:
    described = {int(item.SegmentNumber): item for item in dataset.get("SegmentSequence") or ()}
    padding = dataset.get("PixelPaddingValue") if kind == "LABELMAP" else None
    maximum = int(dataset.get("MaximumFractionalValue") or 255)
    meaning = str(dataset.get("SegmentationFractionalType") or "PROBABILITY")
    segments: list[Segment] = []
    empty: list[str] = []
    for number in sorted({*described, *frames}):
        item = described.get(number)
        if kind == "LABELMAP" and _is_background(number, item, padding):
            continue
        label = clean_text(str((item.get("SegmentLabel") if item is not None else "") or ""), LABEL_LENGTH)
        label = label or f"Segment {number}"
        if number not in frames:
            empty.append(label)
            continue
        block, corner = _assembled(frames[number].planes)
        fraction = Fraction(block, maximum, meaning) if kind == "FRACTIONAL" else None
        mask = block >= THRESHOLD * maximum if fraction is not None else block > 0
        segments.append(
            Segment(
                number,
                label,
                _identity(item),
                _colour(item, number, header),
                Mask(geometry, mask, corner),
                fraction,
            )
        )
    return tuple(segments), empty


def _is_background(number: int, item: Dataset | None, padding: object) -> bool:
    """Whether a value of a label map means "nothing": the padding, or 0 unless it is described as something."""
    if padding is not None and number == padding:
        return True
    if item is None:
        return number == 0
    found = code_of(item, "SegmentedPropertyTypeCodeSequence")
    return (found.value, found.scheme) == (BACKGROUND.value, BACKGROUND.scheme)


def _assembled(planes: dict[int, npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], tuple[int, int, int]]:
    """Frames by slice index as the smallest block."""
    rows = np.any([plane.any(axis=1) for plane in planes.values()], axis=0)
    columns = np.any([plane.any(axis=0) for plane in planes.values()], axis=0)
    bounds = bounding_box(rows[:, None] & columns[None, :])
    if bounds is None:
        return np.zeros((0, 0, 0), np.uint8), (0, 0, 0)
    (top, bottom), (left, right) = bounds
    first, last = min(planes), max(planes)
    if (last - first + 1) * (bottom - top) * (right - left) > _MAX_BLOCK:
        raise GeometryError("The frames of the segmentation lie too far apart to be put together.")
    sample = next(iter(planes.values()))
    block = np.zeros((last - first + 1, bottom - top, right - left), sample.dtype)
    for k, plane in planes.items():
        block[k - first] = plane[top:bottom, left:right]
    return block, (first, top, left)


def _grid(headers: Sequence[Header]) -> tuple[VolumeGeometry, list[int]]:
    """The grid that the frames lie on, and the slice index of each (rule I01)."""
    sample = headers[0]
    if any(h.position_mm is None or h.orientation is None or h.pixel_spacing_mm is None for h in headers):
        raise GeometryError("The frames of the segmentation have no position in the patient.")
    orientation = np.array([h.orientation for h in headers], dtype=np.float64)
    spacing = np.array([h.pixel_spacing_mm for h in headers], dtype=np.float64)
    if np.abs(orientation - orientation[0]).max() > 2e-3 or np.abs(spacing / spacing[0] - 1).max() > 1e-2:
        raise GeometryError("The frames of the segmentation have different directions or pixel sizes.")
    normal = slice_normal(orientation[0].tolist())
    positions = np.array([h.position_mm for h in headers], dtype=np.float64)
    heights = positions @ normal
    declared = abs(sample.spacing_between_mm or 0.0)
    tolerance = max(_SAME_PLANE_MM, _SAME_PLANE_SHARE * declared)
    order = np.argsort(heights, kind="stable")
    level = np.empty(len(headers), np.intp)
    level[order] = np.concatenate([[0], np.cumsum(np.diff(heights[order]) > tolerance)])
    first_of = [int(np.flatnonzero(level == n)[0]) for n in range(int(level.max()) + 1)]
    levels, corners = heights[first_of], positions[first_of]
    steps = np.diff(levels)
    step = _step(steps, declared, sample.thickness_mm)
    if len(levels) > 1:
        direction = (corners[-1] - corners[0]) / (levels[-1] - levels[0])
    else:
        direction = normal
    off = np.linalg.norm(positions - corners[0] - np.outer(heights - levels[0], direction), axis=1).max()
    if off > max(1.0, float(spacing[0].max())):
        raise FormatError(
            "The frames of the segmentation are tiles beside each other, which cannot be shown."
        )
    affine = np.eye(4)
    affine[:3, 1] = orientation[0, 3:] * spacing[0, 0]
    affine[:3, 2] = orientation[0, :3] * spacing[0, 1]
    affine[:3, 3] = corners[0]
    multiples = (levels - levels[0]) / step
    whole = np.rint(multiples)
    if np.abs(multiples - whole).max() <= _MULTIPLE * max(1.0, float(whole.max()) / 50):
        count = int(whole[-1]) + 1
        if count > _MAX_PLANES:
            raise GeometryError("The frames of the segmentation lie too far apart to be put together.")
        mean = (levels[-1] - levels[0]) / (count - 1) if count > 1 else step
        affine[:3, 0] = direction * mean
        index = whole.astype(int)
        offsets = None
    else:
        count = len(levels)
        affine[:3, 0] = direction * (levels[-1] - levels[0]) / (count - 1)
        index = np.arange(count)
        offsets = (levels - levels[0]) / (levels[-1] - levels[0]) * (count - 1)
        offsets[0], offsets[-1] = 0.0, count - 1.0
    wide = np.flatnonzero(steps > 1.5 * np.median(steps)) if offsets is not None else ()
    geometry = VolumeGeometry(
        (count, sample.rows, sample.columns),
        affine,
        sample.frame_of_reference,
        offsets,
        tuple(int(k) for k in wide),
    )
    return geometry, [int(index[n]) for n in level]


def _step(steps: npt.NDArray[np.float64], declared: float, thickness_mm: float | None) -> float:
    """Slice spacing: the declared one when the frames keep to it, else their smallest distance (rule A10)."""
    if not len(steps):
        return declared or thickness_mm or 1.0
    smallest = float(steps.min())
    if (
        declared
        and np.abs(steps / declared - np.rint(steps / declared)).max() <= _MULTIPLE
        and smallest > declared / 2
    ):
        return declared
    return smallest


def _segment_numbers(dataset: Dataset, count: int) -> list[int]:
    """Segment number of each frame, of its own functional group or the shared one."""
    shared = (dataset.get("SharedFunctionalGroupsSequence") or (None,))[0]
    own = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    numbers = []
    for n in range(count):
        for group in (own[n] if n < len(own) else None, shared):
            found = group.get("SegmentIdentificationSequence") if group is not None else None
            if found:
                numbers.append(int(found[0].ReferencedSegmentNumber))
                break
        else:
            raise FormatError("A frame of the segmentation does not say which segment it belongs to.")
    return numbers


def _identity(item: Dataset | None) -> SegmentIdentity:
    if item is None:
        return SegmentIdentity()
    made = (item.get("SegmentationAlgorithmIdentificationSequence") or (None,))[0]
    texts = {
        "algorithm_type": str(item.get("SegmentAlgorithmType") or "").upper(),
        "algorithm": item.get("SegmentAlgorithmName")
        or (made.get("AlgorithmName") if made is not None else ""),
        "algorithm_version": made.get("AlgorithmVersion") if made is not None else "",
        "tracking_id": item.get("TrackingID"),
        "tracking_uid": item.get("TrackingUID"),
    }
    return SegmentIdentity(
        code_of(item, "SegmentedPropertyCategoryCodeSequence"),
        code_of(item, "SegmentedPropertyTypeCodeSequence"),
        algorithm_family=code_of(made, "AlgorithmFamilyCodeSequence") if made is not None else Code(),
        **{name: clean_text(str(text or ""), LABEL_LENGTH) for name, text in texts.items()},
    )


def _colour(item: Dataset | None, number: int, header: Header) -> Colour:
    lab = item.get("RecommendedDisplayCIELabValue") if item is not None else None
    if lab is not None and len(lab) == 3:
        return rgb_of_lab([float(part) for part in lab])
    if header.photometric == "PALETTE COLOR":
        try:
            table = palette(header.path, header.path.stat().st_mtime_ns)
        except ViewerError:
            table = np.zeros((0, 3), np.uint8)
        if 0 <= number < len(table):
            red, green, blue = (int(part) for part in table[number])
            return red, green, blue
    return PALETTE[(number - 1) % len(PALETTE)]


def _listed(labels: Sequence[str]) -> str:
    return f"{len(labels)} segments are" if len(labels) > 1 else "One segment is"
