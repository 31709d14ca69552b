"""Measurement reports: DICOM SR by template TID 1500, written and read (PS3.16 TID 1500, 1410, 1411, 1501; rule G09).

A report is a list of measurement groups: a tracking identity, named numbers with units, and where they were taken (a
region or path in the patient, or a segment). Writing goes through highdicom, which is not there on every Python;
reading walks the content tree itself and takes what it finds, so that reports of others need not be perfect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from viewer.atomic import written_aside
from viewer.dicom.careful import careful_pydicom, quiet_pydicom
from viewer.dicom.charset import clean_text
from viewer.dicom.evidence import check_target, evidence_header, require_highdicom
from viewer.dicom.structure_facts import Code
from viewer.errors import ExportError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Point = tuple[float, ...]

NAME = "Triptych"
DEVICE_UID = "2.25.113217506519654115341251212848011320"
"""Names this program as the observing device; the same in every report."""
SERIES_NUMBER = 9100
MAX_DEPTH = 12
"""Levels of content items that are looked into."""
MAX_POINTS = 100_000
"""Coordinates of one item."""

_MEASUREMENTS, _GROUP = "126010", "125007"
_TRACKING_ID, _TRACKING_UID = "112039", "112040"
_FINDING, _COMMENT = "121071", "121106"
_SITES = ("363698007", "G-C0E3")
_METHODS = ("370129005", "G-C306")
_DERIVATION = "121401"


class Graphic(StrEnum):
    """Shapes of coordinates (PS3.3 C.18.6.1.2, C.18.9.1.2)."""

    POINT = "POINT"
    MULTIPOINT = "MULTIPOINT"
    POLYLINE = "POLYLINE"
    POLYGON = "POLYGON"
    CIRCLE = "CIRCLE"
    ELLIPSE = "ELLIPSE"
    ELLIPSOID = "ELLIPSOID"


@dataclass(frozen=True)
class ImageReference:
    """One image or other object, with a frame from 1 where it has many.

    Parameters
    ----------
    sop_class_uid, sop_instance_uid
        Which object.
    frame
        0 for all of it.
    """

    sop_class_uid: str
    sop_instance_uid: str
    frame: int = 0


@dataclass(frozen=True)
class Coordinates:
    """Where something was measured.

    Parameters
    ----------
    graphic
        Shape. An ellipse has both ends of its longer axis, then of the shorter one; a polygon closes where it began.
    points
        LPS millimetres (x, y, z), or on an image (column, row) from the corner of the first pixel, so that the centre
        of that pixel is (0.5, 0.5).
    frame_of_reference_uid
        Of the patient-space points, "" on an image.
    image
        The image, None in patient space.
    """

    graphic: Graphic
    points: tuple[Point, ...]
    frame_of_reference_uid: str = ""
    image: ImageReference | None = None


@dataclass(frozen=True)
class SegmentReference:
    """A segment that was measured.

    Parameters
    ----------
    segmentation
        The SEG object.
    number
        Segment number in it.
    source_images
        Images it was made from; of these or `source_series_uid` one is needed to write.
    source_series_uid
        SeriesInstanceUID of the same.
    """

    segmentation: ImageReference
    number: int
    source_images: tuple[ImageReference, ...] = ()
    source_series_uid: str = ""


@dataclass(frozen=True)
class NamedValue:
    """One number.

    Parameters
    ----------
    name, unit
        What it is; units are UCUM.
    value
        The number.
    derivation
        How it comes from many ("Mean"), or None.
    method
        How it was measured, or None.
    path
        Where exactly, when that is not the region of the group: the two ends of a diameter.
    """

    name: Code
    value: float
    unit: Code
    derivation: Code | None = None
    method: Code | None = None
    path: Coordinates | None = None


@dataclass(frozen=True)
class MeasurementGroup:
    """What belongs to one finding.

    Parameters
    ----------
    tracking_uid, tracking_id
        Its identity over time, for programs and for people.
    values
        Its numbers.
    region
        Planar region or point in the patient, or None.
    segment
        Segment, or None. With neither region nor segment the numbers stand for themselves (TID 1501).
    volumetric
        A segment over several slices (TID 1411); else of one frame (TID 1410).
    finding, site
        What it is and where in the body, or None.
    comments
        Sentences: words of an arrow, warnings.
    images
        Images it was measured on.
    """

    tracking_uid: str
    tracking_id: str
    values: tuple[NamedValue, ...] = ()
    region: Coordinates | None = None
    segment: SegmentReference | None = None
    volumetric: bool = True
    finding: Code | None = None
    site: Code | None = None
    comments: tuple[str, ...] = ()
    images: tuple[ImageReference, ...] = ()


@dataclass(frozen=True)
class Report:
    """What was read from a report."""

    sop_instance_uid: str
    description: str
    title: str
    groups: tuple[MeasurementGroup, ...]
    notes: tuple[str, ...] = ()


def code_of_unit(unit: str) -> Code:
    """UCUM code of a unit as it is shown: "HU", "mm²", "SUV", "Bq/mL"; "no units" for what has none."""
    known = _UNITS.get(unit.removesuffix("*"))
    return known or Code("1", "UCUM", "no units")


def unit_of_code(code: Code) -> str:
    """A unit as it is shown from its code; the code's own value when it is not known here."""
    for shown, known in _UNITS.items():
        if known.value == code.value:
            return shown
    return _OTHER_UNITS.get(code.value, code.value)


_UNITS = {
    "mm": Code("mm", "UCUM", "millimeter"),
    "cm": Code("cm", "UCUM", "centimeter"),
    "mm²": Code("mm2", "UCUM", "square millimeter"),
    "cm²": Code("cm2", "UCUM", "square centimeter"),
    "mm³": Code("mm3", "UCUM", "cubic millimeter"),
    "mL": Code("ml", "UCUM", "milliliter"),
    "°": Code("deg", "UCUM", "degree"),
    "HU": Code("[hnsf'U]", "UCUM", "Hounsfield unit"),
    "SUV": Code("{SUVbw}g/ml", "UCUM", "Standardized Uptake Value body weight"),
    "Bq/mL": Code("Bq/ml", "UCUM", "Becquerels per milliliter"),
    "g": Code("g", "UCUM", "gram"),
    "Gy": Code("Gy", "UCUM", "Gray"),
    "s": Code("s", "UCUM", "second"),
    "%": Code("%", "UCUM", "percent"),
    "px": Code("{pixels}", "UCUM", "pixels"),
}
_OTHER_UNITS = {"1": "", "{no units}": "", "cm3": "mL", "mL": "mL"}


# --- writing ----------------------------------------------------------------------------------------------------


def write_report(
    target: Path,
    groups: Sequence[MeasurementGroup],
    evidence: Sequence[Path],
    *,
    description: str = "Measurements",
    series_uid: str = "",
) -> str:
    """Write a report as Comprehensive 3D SR (PS3.3 A.35.13).

    Parameters
    ----------
    target
        File to make; a file of the evidence is never overwritten.
    groups
        What was measured, at least one.
    evidence
        Files of all images and segmentations that the groups refer to, of one study; patient and study are copied from
        the first.
    description
        SeriesDescription (0008,103E).
    series_uid
        Series to put it into; a new one when empty.

    Returns
    -------
    str
        Its SOPInstanceUID.

    Raises
    ------
    ExportError
        highdicom is missing, the evidence cannot be read, or the file cannot be written.
    """
    require_highdicom("Structured reports")
    if not groups or not evidence:
        raise ExportError("There is nothing to write into a report, or no image it belongs to.")
    check_target(target, evidence)
    headers = [evidence_header(path, "report") for path in evidence]
    try:
        with quiet_pydicom():  # it points out that no person observed; the device did
            document = _document(groups, headers, series_uid)
    except (AttributeError, TypeError, ValueError) as error:
        raise ExportError(
            "The report cannot be put together: an image it refers to is missing or incomplete."
        ) from error
    # Words of this program and of its user, whatever the images can hold.
    document.SpecificCharacterSet = "ISO_IR 192"
    document.SeriesDescription = description
    with written_aside(target) as aside:
        document.save_as(aside, enforce_file_format=True)
    return str(document.SOPInstanceUID)


def _document(groups: Sequence[MeasurementGroup], evidence: Sequence[Dataset], series_uid: str) -> Any:
    import highdicom as hd
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    device = hd.sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=DEVICE_UID, name=NAME, model_name=NAME
        ),
    )
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=device),
        procedure_reported=_concept(Code("363679005", "SCT", "Imaging procedure")),
        imaging_measurements=[_group(group) for group in groups],
        title=codes.DCM.ImagingMeasurementReport,
    )
    return hd.sr.Comprehensive3DSR(
        evidence=list(evidence),
        content=report,
        series_instance_uid=series_uid or generate_uid(prefix=None),
        series_number=SERIES_NUMBER,
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        manufacturer=NAME,
    )


def _group(group: MeasurementGroup) -> Any:
    """One content tree of a group, by the template that fits."""
    import highdicom as hd

    common: dict[str, Any] = {
        "tracking_identifier": hd.sr.TrackingIdentifier(uid=group.tracking_uid, identifier=group.tracking_id),
        "finding_type": None if group.finding is None else _concept(group.finding),
        "finding_sites": None if group.site is None else [hd.sr.FindingSite(_concept(group.site))],
        "measurements": [_measurement(value) for value in group.values] or None,
    }
    content: Any
    if group.segment is not None:
        content = _segment_group(group.segment, common, volumetric=group.volumetric)
    elif group.region is not None:
        region = hd.sr.ImageRegion3D(
            group.region.graphic.value, np.array(group.region.points), group.region.frame_of_reference_uid
        )
        content = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=region, **common)
    else:
        images = [
            hd.sr.SourceImageForMeasurementGroup(
                image.sop_class_uid, image.sop_instance_uid, [image.frame] if image.frame else None
            )
            for image in group.images
        ]
        content = hd.sr.MeasurementsAndQualitativeEvaluations(source_images=images or None, **common)
    for comment in group.comments:
        content[0].ContentSequence.append(
            hd.sr.TextContentItem(
                name=_concept(Code(_COMMENT, "DCM", "Comment")),
                value=comment,
                relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
            )
        )
    return content


def _segment_group(segment: SegmentReference, common: dict[str, Any], *, volumetric: bool) -> Any:
    import highdicom as hd

    sources = [
        hd.sr.SourceImageForSegmentation(
            image.sop_class_uid, image.sop_instance_uid, [image.frame] if image.frame else None
        )
        for image in segment.source_images
    ]
    found = segment.segmentation
    if not volumetric and sources:
        frame = hd.sr.ReferencedSegmentationFrame(
            found.sop_class_uid, found.sop_instance_uid, max(1, found.frame), segment.number, sources[0]
        )
        return hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(referenced_segment=frame, **common)
    reference = hd.sr.ReferencedSegment(
        found.sop_class_uid,
        found.sop_instance_uid,
        segment.number,
        source_images=sources or None,
        source_series=hd.sr.SourceSeriesForSegmentation(segment.source_series_uid)
        if segment.source_series_uid and not sources
        else None,
    )
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(referenced_segment=reference, **common)


def _measurement(value: NamedValue) -> Any:
    import highdicom as hd

    path = value.path
    return hd.sr.Measurement(
        name=_concept(value.name),
        value=value.value,
        unit=_concept(value.unit),
        derivation=None if value.derivation is None else _concept(value.derivation),
        method=None if value.method is None else _concept(value.method),
        referenced_coordinates=None
        if path is None
        else [
            hd.sr.CoordinatesForMeasurement3D(
                path.graphic.value, np.array(path.points), path.frame_of_reference_uid
            )
        ],
    )


def _concept(code: Code) -> Any:
    import highdicom as hd

    return hd.sr.CodedConcept(value=code.value, scheme_designator=code.scheme, meaning=code.meaning)


# --- reading ----------------------------------------------------------------------------------------------------


def read_report(path: Path) -> Report | None:
    """Read the measurement groups of a report.

    Parameters
    ----------
    path
        A DICOM file.

    Returns
    -------
    Report or None
        None when it is no report with measurements of TID 1500.

    Raises
    ------
    ViewerError
        It is damaged, or no DICOM.
    OSError
        The system refused.
    """
    from pydicom import dcmread

    with careful_pydicom("The report"):
        found = dcmread(path, stop_before_pixels=True)
        containers = [
            item
            for item in _items(found)
            if _concept_value(item) == _MEASUREMENTS and item.get("ValueType") == "CONTAINER"
        ]
        if not containers:
            return None
        groups, notes = [], []
        for container in containers:
            for item in container.get("ContentSequence", []):
                if _concept_value(item) == _GROUP:
                    group = _read_group(item)
                    groups.append(group)
        names = found.get("ConceptNameCodeSequence") or []
        title = clean_text(str(names[0].get("CodeMeaning", ""))) if names else ""
        if not groups:
            notes.append("The report holds no measurement groups.")
        return Report(
            str(found.get("SOPInstanceUID", "")),
            clean_text(str(found.get("SeriesDescription", ""))),
            title,
            tuple(groups),
            tuple(notes),
        )


def _items(item: Dataset, depth: int = 0) -> Iterator[Dataset]:
    """All content items below one."""
    if depth > MAX_DEPTH:
        return
    for child in item.get("ContentSequence") or []:
        yield child
        yield from _items(child, depth + 1)


def _read_group(item: Dataset) -> MeasurementGroup:
    group = MeasurementGroup("", "")
    values: list[NamedValue] = []
    comments: list[str] = []
    images: list[ImageReference] = []
    sources: list[ImageReference] = []
    for child in item.get("ContentSequence") or []:
        name, kind = _concept_value(child), child.get("ValueType")
        if name == _TRACKING_ID:
            group = replace(group, tracking_id=clean_text(str(child.get("TextValue", ""))))
        elif name == _TRACKING_UID:
            group = replace(group, tracking_uid=str(child.get("UID", "")))
        elif kind == "NUM":
            value = _read_value(child)
            if value is not None:
                values.append(value)
        elif kind in ("SCOORD", "SCOORD3D"):
            group = replace(group, region=_read_coordinates(child) or group.region)
        elif kind == "CODE" and name == _FINDING:
            group = replace(group, finding=_code(child.get("ConceptCodeSequence")))
        elif kind == "CODE" and name in _SITES:
            group = replace(group, site=_code(child.get("ConceptCodeSequence")))
        elif kind == "IMAGE":
            reference, number = _reference(child)
            if reference is not None and number:
                group = replace(group, segment=SegmentReference(reference, number))
            elif reference is not None:
                (sources if name == "121233" else images).append(reference)
        elif kind == "UIDREF" and name == "121232" and group.segment is not None:
            group = replace(
                group, segment=replace(group.segment, source_series_uid=str(child.get("UID", "")))
            )
        elif kind == "TEXT" and name == _COMMENT:
            comments.append(clean_text(str(child.get("TextValue", ""))))
    if group.segment is not None and sources:
        group = replace(group, segment=replace(group.segment, source_images=tuple(sources)))
    return replace(group, values=tuple(values), comments=tuple(comments), images=(*images, *sources))


def _read_value(item: Dataset) -> NamedValue | None:
    measured = item.get("MeasuredValueSequence") or []
    name = _code(item.get("ConceptNameCodeSequence"))
    if not measured or name is None:
        return None
    numbers = _floats(measured[0].get("NumericValue"))
    floating = measured[0].get("FloatingPointValue")
    if isinstance(floating, float):
        numbers = [floating]  # the decimal string beside it has no more than 16 characters
    unit = _code(measured[0].get("MeasurementUnitsCodeSequence")) or code_of_unit("")
    if len(numbers) != 1 or not np.isfinite(numbers[0]):
        return None
    derivation = method = None
    path = None
    for child in item.get("ContentSequence") or []:
        concept = _concept_value(child)
        if concept == _DERIVATION:
            derivation = _code(child.get("ConceptCodeSequence"))
        elif concept in _METHODS:
            method = _code(child.get("ConceptCodeSequence"))
        elif child.get("ValueType") in ("SCOORD", "SCOORD3D"):
            path = _read_coordinates(child) or path
    return NamedValue(name, numbers[0], unit, derivation, method, path)


def _read_coordinates(item: Dataset) -> Coordinates | None:
    """Coordinates of an item, None when they are not what they say."""
    size = 3 if item.get("ValueType") == "SCOORD3D" else 2
    data = _floats(item.get("GraphicData"))
    graphic = str(item.get("GraphicType", ""))
    if graphic not in set(Graphic) or not data or len(data) % size or len(data) > MAX_POINTS:
        return None
    if not np.isfinite(data).all():
        return None
    points = tuple(tuple(data[n : n + size]) for n in range(0, len(data), size))
    if size == 3:
        return Coordinates(Graphic(graphic), points, str(item.get("ReferencedFrameOfReferenceUID", "")))
    references = (_reference(child)[0] for child in item.get("ContentSequence") or [])
    image = next((found for found in references if found is not None), None)
    return None if image is None else Coordinates(Graphic(graphic), points, "", image)


def _reference(item: Dataset) -> tuple[ImageReference | None, int]:
    """(object, segment number) of an IMAGE item, the number 0 when it names none."""
    references = item.get("ReferencedSOPSequence") or []
    if not references:
        return None, 0
    found = references[0]
    frames, segments = (
        _floats(found.get("ReferencedFrameNumber")),
        _floats(found.get("ReferencedSegmentNumber")),
    )
    reference = ImageReference(
        str(found.get("ReferencedSOPClassUID", "")),
        str(found.get("ReferencedSOPInstanceUID", "")),
        int(frames[0]) if frames else 0,
    )
    return reference, int(segments[0]) if segments else 0


def _floats(value: Any) -> list[float]:
    """A single or multiple number as a list; empty when it is none."""
    if value is None or value == "":
        return []
    several: Iterable[Any] = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    try:
        return [float(one) for one in several]
    except (TypeError, ValueError):
        return []


def _concept_value(item: Dataset) -> str:
    code = _code(item.get("ConceptNameCodeSequence"))
    return "" if code is None else code.value


def _code(sequence: Any) -> Code | None:
    """The first code of a sequence, short, long or as a URN."""
    if not sequence:
        return None
    found = sequence[0]
    value = found.get("CodeValue") or found.get("LongCodeValue") or found.get("URNCodeValue") or ""
    meaning = clean_text(str(found.get("CodeMeaning", "")))
    return Code(str(value), str(found.get("CodingSchemeDesignator", "")), meaning)
