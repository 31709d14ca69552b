"""Measurements as groups of a structured report, and groups of any report as measurements (rules G08, G09, G12)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from viewer.dicom.model import Catalogue, FrameSource, Stack
from viewer.dicom.read import read_header
from viewer.dicom.structure_facts import Code
from viewer.dicom.structured_report import (
    Coordinates,
    Graphic,
    ImageReference,
    MeasurementGroup,
    NamedValue,
    Report,
    code_of_unit,
    unit_of_code,
)
from viewer.errors import ExportError, ViewerError
from viewer.imaging.geometry import FloatArray, unit
from viewer.imaging.measure.polygon import Polygon
from viewer.state.drawing import acquired_slice
from viewer.state.library import Library
from viewer.state.measured import Measured, Result
from viewer.state.measurement import LABELS, Kind, Measurement, Point, as_points, new_uid
from viewer.state.measurement_file import Kept

_MEAN = Code("373098007", "SCT", "Mean")
_SD = Code("386136009", "SCT", "Standard Deviation")
_MIN = Code("255605001", "SCT", "Minimum")
_MAX = Code("56851009", "SCT", "Maximum")
_DERIVED = {"mean": _MEAN, "sd": _SD, "min": _MIN, "max": _MAX, "value": None}
_QUANTITIES = {
    "HU": Code("112031", "DCM", "Attenuation Coefficient"),
    "SUV": Code("126401", "DCM", "SUVbw"),
}
_QUANTITY = Code("246205007", "SCT", "Quantity")
_NAMES = {
    "length": Code("410668003", "SCT", "Length"),
    "angle": Code("1483009", "SCT", "Angle"),
    "cobb": Code("1483009", "SCT", "Angle"),
    "long-axis": Code("103339001", "SCT", "Long Axis"),
    "short-axis": Code("103340004", "SCT", "Short Axis"),
    "area": Code("42798000", "SCT", "Area"),
    "perimeter": Code("131191004", "SCT", "Perimeter"),
    "volume": Code("118565006", "SCT", "Volume"),
    "count": Code("voxel-count", "99TRIPTYCH", "Number of voxels"),
}
_OLD_NAMES = {"G-D7FE": "length", "G-A22A": "length", "G-A185": "long-axis", "G-A186": "short-axis"}
"""Codes of SNOMED as it was called before 2019, still in many reports."""
_OLD_NAMES |= {"G-A166": "area", "G-A16A": "area", "G-D705": "volume", "M-02550": "length"}
_OLD_DERIVED = {"R-00317": "mean", "R-10047": "sd", "R-404FB": "min", "G-A437": "max"}


@dataclass(frozen=True)
class ReportContent:
    """What goes into a report: groups, and the files of the images they belong to."""

    groups: tuple[MeasurementGroup, ...]
    evidence: tuple[Path, ...]


@dataclass(frozen=True, eq=False)
class Found:
    """One image of the catalogue."""

    stack: Stack
    slice: int

    @property
    def frame(self) -> FrameSource:
        """Where its pixels are."""
        return self.stack.frames[self.slice]


# --- to a report ------------------------------------------------------------------------------------------------


def report_content(items: Iterable[Kept], library: Library) -> ReportContent:
    """Groups of measurements.

    Parameters
    ----------
    items
        Measurements with their numbers.
    library
        The open volumes; a measurement belongs to an image of the volume it reads.

    Raises
    ------
    ExportError
        None of the measurements belongs to DICOM images, or these cannot be read.
    """
    groups = []
    evidence: dict[Path, str] = {}
    for kept in items:
        frame = evidence_frame(kept.measurement, library)
        if frame is None:
            continue
        if frame.path not in evidence:
            evidence[frame.path] = _class_of(frame.path)
        many = len(frame_numbers(library, kept.measurement)) > 1
        groups.append(_group(kept, frame, evidence[frame.path], many_frames=many))
    if not groups:
        raise ExportError(
            "There are no measurements on DICOM images that are open, so there is nothing to write."
        )
    return ReportContent(tuple(groups), tuple(evidence))


def frame_numbers(library: Library, measurement: Measurement) -> set[int]:
    """Numbers of the frames of the volume that a measurement reads; more than one only in multi-frame files."""
    item = library.get(measurement.volume_uid)
    return set() if item is None else {frame.frame for frame in item.stack.frames}


def _class_of(path: Path) -> str:
    try:
        return read_header(path).sop_class
    except (OSError, ViewerError) as error:
        raise ExportError("An image that the measurements belong to cannot be read any more.") from error


def evidence_frame(measurement: Measurement, library: Library) -> FrameSource | None:
    """The acquired image a measurement lies on, or the nearest one to its middle; None for what is not DICOM."""
    item = library.get(measurement.volume_uid)
    if item is None or not measurement.points or len(item.stack.frames) != item.volume.geometry.shape[0]:
        return None
    k = acquired_slice(item, measurement)
    if k is None:
        k = round(float(item.volume.geometry.to_index(measurement.middle_mm)[0]))
    frame = item.stack.frames[min(max(k, 0), len(item.stack.frames) - 1)]
    return frame if frame.sop_instance_uid else None


def _group(kept: Kept, frame: FrameSource, sop_class: str, *, many_frames: bool) -> MeasurementGroup:
    item, result = kept.measurement, kept.result
    paths = _paths(item)
    values = tuple(_named(one, paths.get(one.id)) for one in result.values)
    comments = [f"{warning[:1].upper()}{warning[1:]}." for warning in result.warnings]
    if item.kind in LABELS:
        comments.insert(0, item.text)
    images: tuple[ImageReference, ...] = ()
    region = _region(item)
    if item.sop_instance_uid == frame.sop_instance_uid and region is None:
        number = frame.frame + 1 if many_frames else 0
        images = (ImageReference(sop_class, frame.sop_instance_uid, number),)
    return MeasurementGroup(
        tracking_uid=item.uid,
        tracking_id=item.name or item.kind.value,
        values=values,
        region=region,
        comments=tuple(comments),
        images=images,
    )


def _region(item: Measurement) -> Coordinates | None:
    """Regions, points and labels; lengths and angles have paths at their numbers instead."""
    points, frame = item.array, item.frame_of_reference_uid
    if item.kind is Kind.ELLIPSE:
        axes = points if _span(points[:2]) >= _span(points[2:]) else points[[2, 3, 0, 1]]
        return Coordinates(Graphic.ELLIPSE, as_points(axes), frame)
    if item.shape is not None:
        return Coordinates(Graphic.POLYGON, as_points(np.concatenate([points, points[:1]])), frame)
    if item.kind in (Kind.POINT, Kind.TEXT):
        return Coordinates(Graphic.POINT, as_points(points), frame)
    if item.kind in (Kind.ARROW, Kind.PATH):
        return Coordinates(Graphic.POLYLINE, as_points(points), frame)
    return None


def _paths(item: Measurement) -> dict[str, Coordinates]:
    points, frame = item.points, item.frame_of_reference_uid

    def line(*chosen: Point) -> Coordinates:
        return Coordinates(Graphic.POLYLINE, tuple(chosen), frame)

    if item.kind is Kind.BIDIRECTIONAL:
        long, short = (points[:2], points[2:])
        if _span(item.array[:2]) < _span(item.array[2:]):
            long, short = short, long
        return {"long-axis": line(*long), "short-axis": line(*short)}
    names = {Kind.LENGTH: "length", Kind.ANGLE: "angle", Kind.COBB: "cobb"}
    return {names[item.kind]: line(*points)} if item.kind in names else {}


def _named(one: Measured, path: Coordinates | None) -> NamedValue:
    if one.id in _DERIVED:
        name = _QUANTITIES.get(one.unit.removesuffix("*"), _QUANTITY)
        return NamedValue(name, one.value, code_of_unit(one.unit), _DERIVED[one.id])
    name = _NAMES.get(one.id, Code(one.id, "99TRIPTYCH", one.id))
    return NamedValue(name, one.value, code_of_unit(one.unit), path=path)


def _span(ends: FloatArray) -> float:
    return float(np.linalg.norm(ends[1] - ends[0]))


# --- from a report ----------------------------------------------------------------------------------------------


def from_report(report: Report, catalogue: Catalogue, study_uid: str) -> tuple[Kept, ...]:
    """The groups of a report as measurements that cannot be changed, with the numbers the report states.

    Coordinates on an image are brought into the patient through that image; when it is not there the numbers stand
    without a place.
    """
    images = Images(catalogue)
    origin = report.description or report.title or "a report"
    return tuple(_kept(group, images, study_uid, origin) for group in report.groups)


class Images:
    """The images of a catalogue by SOPInstanceUID.

    Parameters
    ----------
    catalogue
        What is known of the study.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._found = {
            (frame.sop_instance_uid, frame.frame): Found(stack, n)
            for study in catalogue.studies
            for series in study.series
            for stack in series.stacks
            for n, frame in enumerate(stack.frames)
        }
        self._stacks = {
            stack.geometry.frame_of_reference_uid: stack
            for study in catalogue.studies
            for series in study.series
            for stack in reversed(series.stacks)
        }

    def get(self, image: ImageReference) -> Found | None:
        """The image of a reference, or None."""
        return self._found.get((image.sop_instance_uid, max(0, image.frame - 1)))

    def stack_of(self, frame_of_reference_uid: str) -> Stack | None:
        """A stack in a frame of reference, or None."""
        return self._stacks.get(frame_of_reference_uid)

    def patient_points(self, place: Coordinates) -> tuple[FloatArray, Stack | None]:
        """(n, 3) LPS points of coordinates and the stack they lie on; no points when their image is not there."""
        if place.image is None:
            return np.array(place.points, np.float64).reshape(-1, 3), self.stack_of(
                place.frame_of_reference_uid
            )
        found = self.get(place.image)
        if found is None:
            return np.empty((0, 3)), None
        return on_image(found, np.array(place.points, np.float64)), found.stack


def on_image(found: Found, column_row: FloatArray) -> FloatArray:
    """(n, 3) LPS points of (n, 2) positions on an image, counted from the corner of its first pixel."""
    index = np.empty((len(column_row), 3))
    index[:, 0] = found.slice
    index[:, 1] = column_row[:, 1] - 0.5
    index[:, 2] = column_row[:, 0] - 0.5
    return found.stack.geometry.to_patient(index)


def _kept(group: MeasurementGroup, images: Images, study_uid: str, origin: str) -> Kept:
    values = tuple(_measured(value) for value in group.values)
    place = _placed(group, images)
    kind, points, stack = place if place is not None else (Kind.TEXT, np.empty((0, 3)), None)
    finding = group.finding.meaning if group.finding is not None else ""
    named = group.tracking_id or finding or "Measurement"
    text = group.comments[0] if kind in LABELS and group.comments else ""
    rest = group.comments[1:] if text else group.comments
    frame = stack.geometry.frame_of_reference_uid if stack is not None else ""
    for region in (group.region, *(value.path for value in group.values)):
        if region is not None and region.frame_of_reference_uid:
            frame = region.frame_of_reference_uid
    measurement = Measurement(
        uid=group.tracking_uid or new_uid(),
        kind=kind,
        points=as_points(points),
        normal=_normal(points, stack),
        study_uid=study_uid,
        frame_of_reference_uid=frame,
        volume_uid=stack.uid if stack is not None else "",
        calibrated=stack is None or stack.geometry.calibrated,
        name=named if finding in ("", named) else f"{named}, {finding}",
        text=text,
        origin=origin,
    )
    angle = "cobb" if kind is Kind.COBB else "angle"
    values = tuple(Measured(angle, one.value, one.unit) if one.id == "angle" else one for one in values)
    return Kept(measurement, Result(values, "", rest))


def _placed(group: MeasurementGroup, images: Images) -> tuple[Kind, FloatArray, Stack | None] | None:
    """What a group is drawn as; None when it has no place."""
    paths = [value.path for value in group.values if value.path is not None]
    if group.region is None and not paths:
        return None
    if group.region is None:
        found = [images.patient_points(path) for path in paths]
        points, stack = np.concatenate([part for part, _ in found]), found[0][1]
        lengths = [len(part) for part, _ in found]
        if lengths == [2, 2]:
            return Kind.BIDIRECTIONAL, points, stack
        # A number may be stated twice of one path.
        points = found[0][0]
        kind = {1: Kind.POINT, 2: Kind.LENGTH, 3: Kind.ANGLE, 4: Kind.COBB}.get(len(points), Kind.PATH)
        return (kind, points, stack) if len(points) else None
    points, stack = images.patient_points(group.region)
    if not len(points):
        return None
    graphic = group.region.graphic
    if graphic is Graphic.POINT:
        return (Kind.POINT if group.values or not group.comments else Kind.TEXT), points[:1], stack
    if graphic is Graphic.POLYLINE and len(points) == 2:
        return (Kind.ARROW if group.comments and not group.values else Kind.LENGTH), points, stack
    return region_of(graphic, points, stack)


def region_of(
    graphic: Graphic, points: FloatArray, stack: Stack | None
) -> tuple[Kind, FloatArray, Stack | None]:
    """The kind and points of a graphic in the patient."""
    if graphic is Graphic.CIRCLE and len(points) == 2:
        return Kind.ELLIPSE, circle(points, stack), stack
    if graphic is Graphic.ELLIPSE and len(points) == 4:
        return Kind.ELLIPSE, points, stack
    closed = len(points) > 3 and np.allclose(points[0], points[-1])
    corners = points[:-1] if closed else points
    if graphic in (Graphic.POLYGON, Graphic.POLYLINE) and len(corners) > 2:
        return Kind.POLYGON, corners, stack
    return Kind.PATH, points, stack


def circle(points: FloatArray, stack: Stack | None) -> FloatArray:
    """(4, 3) ends of two axes of a circle given by its centre and a point of its edge."""
    centre, edge = points
    radius = edge - centre
    affine = np.eye(4) if stack is None else stack.geometry.patient_from_index
    normal = np.cross(affine[:3, 2], affine[:3, 1])
    across = np.cross(normal, radius)
    size = float(np.linalg.norm(radius))
    across = unit(across) * size if across.any() else across
    return np.stack([centre - radius, centre + radius, centre - across, centre + across])


def _normal(points: FloatArray, stack: Stack | None) -> Point:
    normal = Polygon(points).normal if len(points) > 2 else None
    if normal is None and stack is not None:
        normal = stack.geometry.slice_normal
    return (0.0, 0.0, 1.0) if normal is None else as_points(normal[None])[0]


def _measured(value: NamedValue) -> Measured:
    shown = unit_of_code(value.unit)
    number = value.value
    # What the reader of the label is used to: one unit for one thing.
    for other, wanted, factor in (("cm", "mm", 10.0), ("cm²", "mm²", 100.0), ("mL", "mm³", 1000.0)):
        if shown == other:
            shown, number = wanted, number * factor
    derived = value.derivation.value if value.derivation is not None else ""
    for name, code in _DERIVED.items():
        if code is not None and code.value == derived:
            return Measured(name, number, shown)
    if derived in _OLD_DERIVED:
        return Measured(_OLD_DERIVED[derived], number, shown)
    for name, code in _NAMES.items():
        if code.value == value.name.value:
            return Measured(name, number, shown)
    if value.name.value in _OLD_NAMES:
        return Measured(_OLD_NAMES[value.name.value], number, shown)
    quantities = {code.value for code in (*_QUANTITIES.values(), _QUANTITY)}
    if value.name.value in quantities:
        return Measured("value", number, shown)
    return Measured(value.name.meaning or value.name.value, number, shown)
