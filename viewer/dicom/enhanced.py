"""Multi-frame files: one `Header` a frame, with the geometry and pixel transformation of its functional groups.

Enhanced CT, MR and PET, legacy converted objects and parametric maps (PS3.3 C.7.6.16, rule A24), nuclear medicine
(PS3.3 C.8.4, rule A25); any other multi-frame file becomes a run of pictures without geometry.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from viewer.dicom.careful import careful_pydicom
from viewer.dicom.header import (
    DETECTOR_INFORMATION,
    DOUBLE_PIXEL_DATA,
    FLOAT_PIXEL_DATA,
    FRAME_GROUPS,
    MODALITY_LUT,
    REAL_WORLD_VALUES,
    SHARED_GROUPS,
    Header,
)
from viewer.dicom.sop_classes import NM, PARAMETRIC_MAP

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def expand(header: Header) -> list[Header]:
    """One header a frame.

    Parameters
    ----------
    header
        Of a file, read without functional groups.

    Raises
    ------
    ViewerError
        The functional groups cannot be read.
    OSError
        The file cannot be read.
    """
    if _has_real_world_values(header):
        header = _with_real_world_values(header, _dataset(header))
    if header.sequences & {SHARED_GROUPS, FRAME_GROUPS}:
        return _from_functional_groups(header, _dataset(header))
    if header.sop_class == NM and header.sequences & {DETECTOR_INFORMATION}:
        return _from_detectors(header, _dataset(header))
    if header.frames == 1:
        return [header]
    return [header.at_frame(n, position_mm=None, orientation=None) for n in range(header.frames)]


def _has_real_world_values(header: Header) -> bool:
    """Whether the file itself maps its stored values to real-world ones and has no modality transformation (B21).

    A PET has a unit of its own, which such a mapping does not share; its rescale is mandatory (PS3.3 C.8.9.4).
    """
    return (
        REAL_WORLD_VALUES in header.sequences
        and header.modality != "PT"
        and MODALITY_LUT not in header.sequences
        and header.slope is None
        and header.intercept is None
        and not header.slope_empty
    )


def _with_real_world_values(header: Header, dataset: Dataset) -> Header:
    with careful_pydicom("The real-world values of the header"):
        return header.at_frame(header.frame, **_real_world_values((dataset,)))


def _dataset(header: Header) -> Dataset:
    from viewer.dicom.slow_header import open_dataset

    with header.path.open("rb") as stream:
        return open_dataset(stream, header.size)[0]


def _from_functional_groups(header: Header, dataset: Dataset) -> list[Header]:
    """Frames of an enhanced object; a value is per frame, else shared, else that of the file."""
    # Of a parametric map only this mapping says what the values are; its modality transformation does nothing
    # (PS3.3 A.75), and float values have none (PS3.3 C.7.6.24).
    is_map = header.sop_class == PARAMETRIC_MAP or header.pixel_tag in (FLOAT_PIXEL_DATA, DOUBLE_PIXEL_DATA)
    with careful_pydicom("The description of the frames"):
        shared = _first(dataset, "SharedFunctionalGroupsSequence")
        per_frame: Sequence[Any] = dataset.get("PerFrameFunctionalGroupsSequence") or ()
        return [
            header.at_frame(n, **_frame_values(shared, per_frame[n] if n < len(per_frame) else None, is_map))
            for n in range(header.frames)
        ]


def _frame_values(shared: Any, own: Any, is_map: bool) -> dict[str, object]:
    groups = (own, shared)
    values: dict[str, object] = {
        "position_mm": _vector(_group(groups, "PlanePositionSequence"), "ImagePositionPatient", 3),
        "orientation": _vector(_group(groups, "PlaneOrientationSequence"), "ImageOrientationPatient", 6),
    }
    for part in (_pixel_measures, _window_values, _frame_kind, _contrast_values):
        values.update(part(groups))
    rescaled = not is_map and _group(groups, "PixelValueTransformationSequence") is not None
    values.update(_pixel_values(groups) if rescaled else _real_world_values(groups))
    return values


_Groups = Sequence[Any]
_MAPPINGS = "RealWorldValueMappingSequence"


def _pixel_measures(groups: _Groups) -> dict[str, object]:
    values: dict[str, object] = {}
    measures = _group(groups, "PixelMeasuresSequence")
    spacing = _vector(measures, "PixelSpacing", 2)
    if spacing is not None and min(spacing) > 0:
        values["pixel_spacing_mm"] = spacing
    for name, keyword in (("thickness_mm", "SliceThickness"), ("spacing_between_mm", "SpacingBetweenSlices")):
        number = _number(measures, keyword)
        if number is not None:
            values[name] = number
    return values


def _real_world_values(groups: _Groups) -> dict[str, object]:
    """Value and unit of a parametric map, which has no rescale of its own (rule B21).

    Of several mappings the first is taken, unless another one goes on in its unit with another slope: then the values
    have no single line, and stay raw. So they do when the mapping is a table.
    """
    mapping = _group(groups, _MAPPINGS)
    slope = _number(mapping, "RealWorldValueSlope")
    if slope is None:
        return {}
    unit = _unit_of(mapping)
    every = next(
        group.RealWorldValueMappingSequence for group in groups if _first(group, _MAPPINGS) is not None
    )
    if any(_unit_of(other) == unit and _number(other, "RealWorldValueSlope") != slope for other in every):
        return {}
    return {
        "slope": slope,
        "intercept": _number(mapping, "RealWorldValueIntercept") or 0.0,
        "rescale_type": unit,
    }


def _unit_of(mapping: Any) -> str:
    """UCUM code of the values of a mapping."""
    units = _first(mapping, "MeasurementUnitsCodeSequence")
    return str((units.get("CodeValue") if units is not None else None) or "")


def _pixel_values(groups: _Groups) -> dict[str, object]:
    """Modality transformation of one frame."""
    values: dict[str, object] = {}
    rescale = _group(groups, "PixelValueTransformationSequence")
    if rescale is not None:
        slope, intercept = _number(rescale, "RescaleSlope"), _number(rescale, "RescaleIntercept")
        values["slope"] = math.nan if slope is None else slope
        values["intercept"] = 0.0 if intercept is None else intercept
        values["rescale_type"] = str(rescale.get("RescaleType") or "")
    return values


def _window_values(groups: _Groups) -> dict[str, object]:
    """Windows of one frame."""
    values: dict[str, object] = {}
    voi = _group(groups, "FrameVOILUTSequence")
    if voi is not None:
        values["window_centers"] = _numbers(voi, "WindowCenter")
        values["window_widths"] = _numbers(voi, "WindowWidth")
        values["window_names"] = _texts(voi, "WindowCenterWidthExplanation")
        values["window_function"] = str(voi.get("VOILUTFunction") or "")
    return values


def _frame_kind(groups: _Groups) -> dict[str, object]:
    """Frame type, time and place in the acquisition."""
    values: dict[str, object] = {}
    for keyword in ("CTImageFrameTypeSequence", "MRImageFrameTypeSequence", "PETFrameTypeSequence"):
        frame_type = _texts(_group(groups, keyword), "FrameType")
        if frame_type:
            values["image_type"] = frame_type
    content = _group(groups, "FrameContentSequence")
    for name, keyword in (
        ("temporal_position", "TemporalPositionIndex"),
        ("acquisition_number", "FrameAcquisitionNumber"),
    ):
        number = _number(content, keyword)
        if number is not None:
            values[name] = int(number)
    duration = _number(content, "FrameAcquisitionDuration")
    if duration is not None:
        values["frame_duration_ms"] = duration
    moment = _texts(content, "FrameReferenceDateTime") or _texts(content, "FrameAcquisitionDateTime")
    if moment:
        values["acquisition_datetime"] = moment[0]
    return values


def _contrast_values(groups: _Groups) -> dict[str, object]:
    """What makes frames at one position differ: echo, trigger, diffusion, kernel."""
    values: dict[str, object] = {}
    for name, group, keyword in (
        ("echo_time_ms", "MREchoSequence", "EffectiveEchoTime"),
        ("trigger_time_ms", "CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
    ):
        number = _number(_group(groups, group), keyword)
        if number is not None:
            values[name] = number
    diffusion = _group(groups, "MRDiffusionSequence")
    if diffusion is not None:
        values["b_value"] = _number(diffusion, "DiffusionBValue")
        directions = _first(diffusion, "DiffusionGradientDirectionSequence")
        values["gradient"] = _vector(directions, "DiffusionGradientOrientation", 3) or ()
    kernel = _texts(_group(groups, "CTReconstructionSequence"), "ConvolutionKernel")
    if kernel:
        values["kernel"] = "\\".join(kernel)
    return values


def _from_detectors(header: Header, dataset: Dataset) -> list[Header]:
    """Frames of a nuclear medicine object (rule A25).

    The position and orientation are those of the first slice; the others follow along the normal by
    SpacingBetweenSlices, which may be negative, in the order of SliceVector.
    """
    with careful_pydicom("The description of the frames"):
        detectors: Sequence[Any] = dataset.get("DetectorInformationSequence") or ()
        step = header.spacing_between_mm
        first = detectors[0] if detectors else None
        position = _vector(first, "ImagePositionPatient", 3)
        orientation = _vector(first, "ImageOrientationPatient", 6)
        slices = [int(value) for value in _numbers(dataset, "SliceVector")]
        times = [
            int(value)
            for value in _numbers(dataset, "TimeSliceVector") or _numbers(dataset, "TimeSlotVector")
        ]
        energies = [int(value) for value in _numbers(dataset, "EnergyWindowVector")]
    if len(slices) != header.frames or position is None or orientation is None or not step:
        return [header.at_frame(n, position_mm=None, orientation=None) for n in range(header.frames)]
    normal = np.cross(np.array(orientation[:3]), np.array(orientation[3:]))
    frames = []
    for n in range(header.frames):
        at = np.array(position) + (slices[n] - 1) * step * normal
        values: dict[str, object] = {"position_mm": (float(at[0]), float(at[1]), float(at[2]))}
        values["orientation"] = orientation
        if len(times) == header.frames:
            values["temporal_position"] = times[n]
        if len(energies) == header.frames:
            values["echo_number"] = energies[n]
        frames.append(header.at_frame(n, **values))
    return frames


def _first(dataset: Any, keyword: str) -> Any:
    """First item of a sequence, or None."""
    sequence = None if dataset is None else dataset.get(keyword)
    return sequence[0] if sequence else None


def _group(groups: Sequence[Any], keyword: str) -> Any:
    """A functional group macro: per frame, else shared, else None."""
    return next((item for item in (_first(group, keyword) for group in groups) if item is not None), None)


def _numbers(item: Any, keyword: str) -> tuple[float, ...]:
    """All values that are numbers; an empty tuple when one is not."""
    value = None if item is None else item.get(keyword)
    if value is None or value == "":
        return ()
    parts = [value] if isinstance(value, (int, float, str)) else list(value)
    try:
        return tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        return ()


def _number(item: Any, keyword: str) -> float | None:
    """First value when it is a finite number."""
    values = _numbers(item, keyword)
    return values[0] if values and math.isfinite(values[0]) else None


def _texts(item: Any, keyword: str) -> tuple[str, ...]:
    value = None if item is None else item.get(keyword)
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(part) for part in value)


def _vector(item: Any, keyword: str, length: int) -> Any:
    values = _numbers(item, keyword)
    return values if len(values) == length and all(map(math.isfinite, values)) else None
