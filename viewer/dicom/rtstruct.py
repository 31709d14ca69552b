"""RT structure sets (PS3.3 A.19, C.8.8.5, C.8.8.6): closed contours in the patient, one set a region (rules I05, I06).

Contours are polygons in LPS millimetres of a frame of reference. They are kept as they are; masks and sections are made
from them where they are wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from viewer.dicom.careful import careful_pydicom
from viewer.dicom.charset import clean_text
from viewer.dicom.structure_facts import PALETTE, Colour, References
from viewer.errors import FormatError, GeometryError
from viewer.imaging.contours import FLAT_MM, PARALLEL, ContourSet, direction_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

FloatArray = npt.NDArray[np.float64]

MAX_POINTS = 20_000
"""Points of one contour; a longer one is thinned evenly along its length (rule J48)."""
NAME_LENGTH = 120
_CONTOUR_DATA = 0x30060050
_MAX_EXTENT_MM = 10_000.0
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


@dataclass(frozen=True, eq=False)
class RegionOfInterest:
    """One region of a structure set.

    Parameters
    ----------
    number
        ROI Number (3006,0022).
    name
        ROI Name (3006,0026).
    interpreted
        RT ROI Interpreted Type (3006,00A4): "GTV", "ORGAN", "EXTERNAL"; empty when not given.
    algorithm
        ROI Generation Algorithm (3006,0036).
    colour
        ROI Display Color (3006,002A).
    frame_of_reference_uid
        Of its contours.
    contours
        Those that enclose an area, or None when there is none.
    notes
        What was left out, in sentences.
    """

    number: int
    name: str
    interpreted: str
    algorithm: str
    colour: Colour
    frame_of_reference_uid: str
    contours: ContourSet | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class StructureSet:
    """A structure set file.

    Parameters
    ----------
    path
        The file.
    label
        Structure Set Label (3006,0002).
    regions
        In the order of the file.
    references
        The images it was drawn on.
    """

    path: Path
    label: str
    regions: tuple[RegionOfInterest, ...]
    references: References


def read_structure_set(path: Path) -> StructureSet:
    """Read a structure set.

    Parameters
    ----------
    path
        A DICOM file of the class RT Structure Set Storage.

    Raises
    ------
    ViewerError
        The file is damaged or holds no regions.
    OSError
        It cannot be read.
    """
    from viewer.dicom.slow_header import open_dataset

    with path.open("rb") as stream:
        dataset, _, _ = open_dataset(stream, path.stat().st_size)
    with careful_pydicom("The structure set"):
        return _read(path, dataset)


def _read(path: Path, dataset: Dataset) -> StructureSet:
    contours = {
        int(item.get("ReferencedROINumber") or 0): item for item in dataset.get("ROIContourSequence") or ()
    }
    meanings = {
        int(item.get("ReferencedROINumber") or 0): clean_text(
            str(item.get("RTROIInterpretedType") or ""), NAME_LENGTH
        )
        for item in dataset.get("RTROIObservationsSequence") or ()
    }
    frames = dataset.get("ReferencedFrameOfReferenceSequence") or ()
    only_frame = str(frames[0].get("FrameOfReferenceUID") or "") if frames else ""
    regions = []
    for n, item in enumerate(dataset.get("StructureSetROISequence") or ()):
        number = int(item.get("ROINumber") or 0)
        found, notes = _contours(contours.get(number))
        regions.append(
            RegionOfInterest(
                number,
                clean_text(str(item.get("ROIName") or ""), NAME_LENGTH) or f"Region {number}",
                meanings.get(number, ""),
                clean_text(str(item.get("ROIGenerationAlgorithm") or ""), NAME_LENGTH),
                _colour(contours.get(number), n),
                str(item.get("ReferencedFrameOfReferenceUID") or only_frame),
                found,
                notes,
            )
        )
    if not regions:
        raise FormatError("The structure set holds no regions.")
    label = str(dataset.get("StructureSetLabel") or dataset.get("StructureSetName") or "")
    return StructureSet(path, clean_text(label, NAME_LENGTH), tuple(regions), _references(frames))


def _contours(item: Dataset | None) -> tuple[ContourSet | None, tuple[str, ...]]:
    """The closed contours of a region, with a note for everything that is none (rule J48)."""
    closed: list[FloatArray] = []
    thickness = 0.0
    skipped = thinned = 0
    for contour in (item.get("ContourSequence") if item is not None else None) or ():
        kind = str(contour.get("ContourGeometricType") or "").upper()
        points = _points(contour)
        if kind not in _CLOSED or points is None or float(np.linalg.norm(direction_of(points))) <= 0:
            skipped += 1
            continue
        if len(points) > MAX_POINTS:
            points = _thinned(points)
            thinned += 1
        thickness = max(thickness, float(contour.get("ContourSlabThickness") or 0.0))
        closed.append(points)
    notes = []
    if skipped:
        notes.append(f"{_contours_are(skipped)} left out: open, without an area, or not readable.")
    if thinned:
        notes.append(f"{_contours_are(thinned)} thinned to {MAX_POINTS} points.")
    parallel = _of_one_direction(closed)
    if len(parallel) < len(closed):
        notes.append(f"{_contours_are(len(closed) - len(parallel))} left out: drawn in another direction.")
    if not parallel:
        return None, (*notes, "The region has no closed contour.")
    try:
        return ContourSet.of(parallel, thickness), tuple(notes)
    except GeometryError as error:
        return None, (*notes, error.user_message)


def _points(contour: Dataset) -> FloatArray | None:
    """(n, 3) LPS points of a contour; None when there are fewer than three or they make no sense."""
    if _CONTOUR_DATA not in contour:
        return None
    # Straight from the bytes: as decimal strings a million points take minutes.
    value: Any = contour.get_item(_CONTOUR_DATA).value
    try:
        parts = value.split(b"\\") if isinstance(value, bytes) else value
        numbers = np.array(parts, dtype="S32" if isinstance(value, bytes) else np.float64).astype(np.float64)
    except (ValueError, TypeError):
        return None
    if numbers.size < 9 or numbers.size % 3 or not np.isfinite(numbers).all():
        return None
    points = numbers.reshape(-1, 3)
    if np.abs(points).max() > _MAX_EXTENT_MM:
        return None
    if len(points) > 3 and np.array_equal(points[0], points[-1]):
        points = points[:-1]
    return points


def _thinned(points: FloatArray) -> FloatArray:
    """`MAX_POINTS` of the points, evenly along the contour."""
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    wanted = np.linspace(0, travelled[-1], MAX_POINTS, endpoint=False)
    kept: FloatArray = points[np.unique(np.searchsorted(travelled, wanted).clip(0, len(points) - 1))]
    return kept


def _of_one_direction(contours: Sequence[FloatArray]) -> list[FloatArray]:
    """The flat contours parallel to the largest one."""
    if not contours:
        return []
    areas = [direction_of(contour) for contour in contours]
    normal = max(areas, key=lambda area: float(np.linalg.norm(area)))
    normal = normal / np.linalg.norm(normal)
    return [
        contour
        for contour, area in zip(contours, areas, strict=True)
        if abs(float(area @ normal)) >= PARALLEL * float(np.linalg.norm(area))
        and float(np.ptp(contour @ normal)) <= FLAT_MM
    ]


def _contours_are(count: int) -> str:
    return f"{count} contours are" if count > 1 else "One contour is"


def _colour(item: Dataset | None, n: int) -> Colour:
    value = item.get("ROIDisplayColor") if item is not None else None
    if value is not None and len(value) == 3:
        red, green, blue = (min(max(int(part), 0), 255) for part in value)
        return red, green, blue
    return PALETTE[n % len(PALETTE)]


def _references(frames: Sequence[Dataset]) -> References:
    series: set[str] = set()
    instances: set[str] = set()
    for frame in frames:
        for study in frame.get("RTReferencedStudySequence") or ():
            for item in study.get("RTReferencedSeriesSequence") or ():
                series.add(str(item.get("SeriesInstanceUID") or ""))
                instances.update(
                    str(image.get("ReferencedSOPInstanceUID") or "")
                    for image in item.get("ContourImageSequence") or ()
                )
    return References(frozenset(series - {""}), frozenset(instances - {""}))
