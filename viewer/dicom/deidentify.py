"""What is left of a series when nothing may lead to the patient (PS3.15 annex E, Basic Confidentiality Profile).

The profile says for several hundred attributes what must go. Here the question is turned round: only what is on a short
list of technical attributes stays, so whatever the profile removes, and whatever nobody thought of, is gone. UIDs
become others by a keyed digest: equal ones stay equal, and without the key nobody finds the way back. Dates, times,
descriptions, private elements and sequences never stay; nor do weight, dose and times of a PET: its factor does.

What this cannot do
-------------------
Pixels are left as they are. Series that may have text burned into them are refused (`may_show_identity`); a face can
still be recognised in a thin head CT or MR. The profile's option to clean recognisable visual features is not offered.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from viewer.dicom.model import FrameSource, Patient, Series, SeriesKind, Stack, Study

METHOD = "Triptych: PS3.15 Basic Profile by a list of what stays"
NO_INPUTS = "The inputs of the SUV were removed with the patient's identity."

KEPT = frozenset(
    """
    SpecificCharacterSet ImageType SOPClassUID Modality Manufacturer ManufacturerModelName BodyPartExamined
    ScanningSequence SequenceVariant ScanOptions MRAcquisitionType SliceThickness KVP RepetitionTime EchoTime
    InversionTime NumberOfAverages ImagingFrequency ImagedNucleus EchoNumbers MagneticFieldStrength
    SpacingBetweenSlices NumberOfPhaseEncodingSteps EchoTrainLength PercentSampling PercentPhaseFieldOfView
    PixelBandwidth ReconstructionDiameter DistanceSourceToDetector DistanceSourceToPatient GantryDetectorTilt
    TableHeight RotationDirection ExposureTime XRayTubeCurrent Exposure FilterType GeneratorPower FocalSpots
    ConvolutionKernel PatientPosition FlipAngle AcquisitionMatrix InPlanePhaseEncodingDirection DiffusionBValue
    SpiralPitchFactor SingleCollimationWidth TotalCollimationWidth SeriesNumber AcquisitionNumber
    ImageOrientationPatient SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames Rows Columns
    PixelSpacing PixelAspectRatio BitsAllocated BitsStored HighBit PixelRepresentation PixelPaddingValue
    PixelPaddingRangeLimit WindowCenter WindowWidth VOILUTFunction RescaleIntercept RescaleSlope RescaleType
    LossyImageCompression LossyImageCompressionRatio BurnedInAnnotation Units CountsSource CorrectedImage
    DecayCorrection SeriesType NumberOfSlices SUVType
    """.split()  # noqa: SIM905 - words are easier to check than a hundred lines of quotes
)
"""Keywords of the attributes that stay."""

_BURNED_IN = "00280301"
_SAFE_MODALITIES = frozenset({"CT", "MR", "PT", "NM"})


def new_uid(uid: str, key: bytes) -> str:
    """Another UID for a UID, the same for the same key (2.25 with a 128 bit number, PS3.5 B.2); "" stays ""."""
    return f"2.25.{int.from_bytes(_digest(uid, key)[:16])}" if uid else ""


def technical_tags(tags: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """What stays of elements in DICOM JSON, and what the profile asks to be added.

    Parameters
    ----------
    tags
        DICOM JSON by eight hexadecimal digits.
    key
        For UIDs.
    """
    from pydicom.datadict import keyword_for_tag, tag_for_keyword

    def tag(keyword: str) -> str:
        return f"{tag_for_keyword(keyword):08X}"

    kept = {name: element for name, element in tags.items() if keyword_for_tag(int(name, 16)) in KEPT}
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        values = tags.get(tag(keyword), {}).get("Value", [])
        if values:
            kept[tag(keyword)] = {"vr": "UI", "Value": [new_uid(str(value), key) for value in values]}
    kept[tag("PatientIdentityRemoved")] = {"vr": "CS", "Value": ["YES"]}
    kept[tag("DeidentificationMethod")] = {"vr": "LO", "Value": [METHOD]}
    return kept


def may_show_identity(stack: Stack, tags: Mapping[str, Any]) -> bool:
    """Whether the pixels may hold text about the patient.

    Parameters
    ----------
    stack
        Of the series.
    tags
        What its files have in common, in DICOM JSON.
    """
    burned_in = [str(value).upper() for value in tags.get(_BURNED_IN, {}).get("Value", [])]
    if "YES" in burned_in:
        return True
    reconstructed = (
        stack.kind is SeriesKind.VOLUME
        and stack.modality in _SAFE_MODALITIES
        and stack.pixels.samples_per_pixel == 1
    )
    return not reconstructed and burned_in != ["NO"]


def without_identity(study: Study, series: Series, stack: Stack, key: bytes) -> tuple[Study, Series, Stack]:
    """The objects of the catalogue without what identifies the patient.

    Parameters
    ----------
    study, series, stack
        As read. Paths of frames stay, because the pixels have to be found; they are for no file.
    key
        For UIDs and the pseudonym of the patient.
    """
    stack = _stack(stack, key)
    uid, study_uid = new_uid(series.uid, key), new_uid(study.uid, key)
    bare = Series(
        uid=uid,
        study_uid=study_uid,
        modality=series.modality,
        description="",
        kind=series.kind,
        files=series.files,
        number=series.number,
        body_part=series.body_part,
        frame_of_reference_uid=new_uid(series.frame_of_reference_uid, key),
        manufacturer=series.manufacturer,
    )
    pseudonym = _digest(f"patient {study.patient.key}", key).hex()[:16]
    return Study(uid=study_uid, patient=Patient(key=pseudonym, patient_id=pseudonym)), bare, stack


def _stack(stack: Stack, key: bytes) -> Stack:
    series_uid, hash_sign, number = stack.uid.partition("#")
    suv = stack.suv
    factors = suv.slice_factors if suv is not None else (None,) * len(stack.frames)
    return replace(
        stack,
        uid=new_uid(series_uid, key) + hash_sign + number,
        frames=tuple(_frame(frame, factor, key) for frame, factor in zip(stack.frames, factors, strict=True)),
        geometry=replace(
            stack.geometry, frame_of_reference_uid=new_uid(stack.geometry.frame_of_reference_uid, key)
        ),
        windows=tuple(replace(window, name="") for window in stack.windows),
        voi_tables=tuple(replace(table, name="") for table in stack.voi_tables),
        suv=None,
        suv_gap=None,
        suv_note=NO_INPUTS if stack.modality == "PT" else stack.suv_note,
        tracer_text="",
        warnings=stack.report.warnings,
    )


def _frame(frame: FrameSource, factor: float | None, key: bytes) -> FrameSource:
    """A slice of a PET carries the factor itself, since nothing is left to compute it from."""
    return replace(
        frame,
        sop_instance_uid=new_uid(frame.sop_instance_uid, key),
        slice_suv_factor=frame.slice_suv_factor if factor is None else factor,
    )


def _digest(text: str, key: bytes) -> bytes:
    return hmac.new(key, text.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()
