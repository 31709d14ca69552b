"""Lesions as DICOM: a segmentation of their voxels, and a report by TID 1500 with their numbers (rules G09, D23)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from viewer import __version__
from viewer.dicom.evidence import check_target
from viewer.dicom.seg_writer import SEGMENTATION_STORAGE, write_segmentation
from viewer.dicom.structure_facts import Code, SegmentIdentity
from viewer.dicom.structure_writing import SavedStructure
from viewer.dicom.structured_report import (
    ImageReference,
    MeasurementGroup,
    NamedValue,
    SegmentReference,
    code_of_unit,
    write_report,
)
from viewer.errors import ExportError
from viewer.imaging.labelmap import Mask
from viewer.imaging.uptake import ThresholdKind
from viewer.state.lesion_table import glycolysis_unit, row, suv_basis
from viewer.state.lesions import Measured
from viewer.state.library import OpenVolume

_LESION = Code("52988006", "SCT", "Lesion")
_ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
_LIVER = Code("10200004", "SCT", "Liver")
_ANATOMY = Code("91723000", "SCT", "Anatomical Structure")
_GROWING = Code("123101", "DCM", "Neighborhood Analysis")
_MEAN = Code("373098007", "SCT", "Mean")
_SD = Code("386136009", "SCT", "Standard Deviation")
_MAX = Code("56851009", "SCT", "Maximum")
_PEAK = Code("126031", "DCM", "Peak Value Within ROI")
_MTV = Code("126032", "DCM", "Metabolic Volume")
_TLG = Code("126033", "DCM", "Total Lesion Glycolysis")
_QUANTITY = Code("246205007", "SCT", "Quantity")
_VOLUME = Code("118565006", "SCT", "Volume")
_ML = code_of_unit("mL")

_UPTAKES = {
    "SUV": (Code("126401", "DCM", "SUVbw"), code_of_unit("SUV")),
    "SUL Morgan": (
        Code("126402", "DCM", "SUVlbm"),
        Code("{SUVlbm}g/ml", "UCUM", "Standardized Uptake Value lean body mass (James)"),
    ),
    "SUL James128": (
        Code("126406", "DCM", "SUVlbm(James128)"),
        Code(
            "{SUVlbm(James128)}g/ml",
            "UCUM",
            "Standardized Uptake Value lean body mass (James 128 multiplier)",
        ),
    ),
    "SUL Janma": (
        Code("126405", "DCM", "SUVlbm(Janma)"),
        Code("{SUVlbm(Janma)}g/ml", "UCUM", "Standardized Uptake Value lean body mass (Janma)"),
    ),
    "SUVibw": (
        Code("126404", "DCM", "SUVibw"),
        Code("{SUVibw}g/ml", "UCUM", "Standardized Uptake Value ideal body weight"),
    ),
    "SUVbsa": (
        Code("126403", "DCM", "SUVbsa"),
        Code("{SUVbsa}cm2/ml", "UCUM", "Standardized Uptake Value body surface area"),
    ),
}
"""Name and unit of each uptake as PS3.16 codes them (CID 85, CID 84)."""
SEGMENTS_SUFFIX = "-seg"


def write_dicom(measured: Sequence[Measured], item: OpenVolume, target: Path) -> Path:
    """Write the lesions of a series as a report, and beside it the segmentation it speaks of.

    Parameters
    ----------
    measured
        The lesions of the series; those without voxels are left out.
    item
        The series, read from DICOM files.
    target
        The report; the segmentation gets the same name with "-seg" before its ending.

    Returns
    -------
    Path
        The segmentation.

    Raises
    ------
    ExportError
        There are no lesions with voxels, the series is not DICOM, or a file cannot be written.
    """
    found = [one for one in measured if one.region is not None and one.uptake is not None]
    if not found:
        raise ExportError("There are no lesions with voxels in this series.")
    frames = item.stack.frames
    if not frames or item.stack.source is not None or not frames[0].sop_instance_uid:
        raise ExportError("The series does not come from DICOM files, so no DICOM object can refer to it.")
    check_target(target, (frame.path for frame in frames))
    segmentation = target.with_name(f"{target.stem}{SEGMENTS_SUFFIX}{target.suffix}")
    uid = write_segmentation(
        segmentation,
        [_segment(one, item) for one in found],
        item.stack,
        "Lesions",
    )
    reference = ImageReference(SEGMENTATION_STORAGE, uid)
    groups = [_group(item, one, reference, number) for number, one in enumerate(found, start=1)]
    write_report(target, groups, [segmentation, frames[0].path], description="Lesions on PET")
    return segmentation


def _segment(measured: Measured, item: OpenVolume) -> SavedStructure:
    lesion, region = measured.lesion, measured.region
    assert region is not None  # noqa: S101  # those without voxels are left out before
    by_hand = lesion.drawing.threshold.kind is ThresholdKind.WHOLE
    red, green, blue = (int(lesion.colour[n : n + 2], 16) for n in (1, 3, 5))
    return SavedStructure(
        lesion.name,
        (red, green, blue),
        Mask(item.volume.geometry, region.mask, region.start),
        SegmentIdentity(
            _ANATOMY if lesion.liver else _ABNORMAL,
            _LIVER if lesion.liver else _LESION,
            "MANUAL" if by_hand else "SEMIAUTOMATIC",
            "" if by_hand else "Triptych isocontour",
            "" if by_hand else __version__,
            Code() if by_hand else _GROWING,
            lesion.name,
            lesion.uid,
        ),
    )


def _group(
    item: OpenVolume, measured: Measured, segmentation: ImageReference, number: int
) -> MeasurementGroup:
    shown = row(item, measured)
    lesion = measured.lesion
    comments = [f"Threshold: {shown.threshold}"]
    if shown.level is not None:
        comments.append(f"Voxels from {shown.level:.7g} {measured.unit}".rstrip())
    if shown.notes:
        comments.append(shown.notes)
    comments.append("Peak: highest mean in a sphere of 1 mL centred on a voxel of the lesion")
    comments += [f"{label}: {value}" for label, value in suv_basis(item)]
    return MeasurementGroup(
        tracking_uid=lesion.uid,
        tracking_id=lesion.name,
        values=_values(measured),
        segment=SegmentReference(segmentation, number, source_series_uid=item.series.uid),
        finding=_LIVER if lesion.liver else _LESION,
        comments=tuple(comments),
    )


def _values(measured: Measured) -> tuple[NamedValue, ...]:
    uptake = measured.uptake
    assert uptake is not None  # noqa: S101
    unit = measured.unit.removesuffix("*")
    known = _UPTAKES.get(unit, (_QUANTITY, code_of_unit(unit)))
    name, code = known
    several = ((uptake.max, _MAX), (uptake.mean, _MEAN), (uptake.sd, _SD), (uptake.peak, _PEAK))
    values = [NamedValue(name, value, code, derivation) for value, derivation in several if value is not None]
    if measured.lesion.liver:
        return (*values, NamedValue(_VOLUME, uptake.volume_ml, _ML))
    values.append(NamedValue(_MTV, uptake.volume_ml, _ML))
    if unit in _UPTAKES and glycolysis_unit(unit) == "g":
        values.append(NamedValue(_TLG, uptake.glycolysis, code_of_unit("g")))
    return tuple(values)
