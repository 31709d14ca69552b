"""Real World Value Mapping objects: what somebody else computed the values of a series to mean (PS3.3 A.46)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewer.dicom.careful import careful_pydicom

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True)
class ValueMap:
    """One linear mapping.

    Parameters
    ----------
    slope, intercept
        real-world value = value * slope + intercept. By the standard the value is the stored one; tools that write
        one slope for a series of many rescale slopes mean the value after the modality LUT.
    unit
        UCUM code of the result, for example "{SUVbw}g/ml".
    instances
        SOPInstanceUIDs of the images it holds for.
    """

    slope: float
    intercept: float
    unit: str
    instances: frozenset[str]


def read_value_maps(path: Path) -> tuple[ValueMap, ...]:
    """Linear mappings of one object; mappings by a table are left out.

    Parameters
    ----------
    path
        A DICOM file of the class Real World Value Mapping Storage.

    Raises
    ------
    ViewerError
        The file is damaged.
    OSError
        It cannot be read.
    """
    from viewer.dicom.slow_header import open_dataset

    with path.open("rb") as stream, careful_pydicom("A real-world value object"):
        dataset, _, _ = open_dataset(stream, path.stat().st_size)
        return tuple(
            found
            for item in dataset.get("ReferencedImageRealWorldValueMappingSequence") or ()
            for found in _maps(item)
        )


def _maps(item: Dataset) -> list[ValueMap]:
    instances = frozenset(
        str(image.get("ReferencedSOPInstanceUID", "")) for image in item.get("ReferencedImageSequence") or ()
    )
    maps = []
    for mapping in item.get("RealWorldValueMappingSequence") or ():
        slope = mapping.get("RealWorldValueSlope")
        if slope is None:
            continue
        intercept = mapping.get("RealWorldValueIntercept")
        maps.append(
            ValueMap(float(slope), 0.0 if intercept is None else float(intercept), _unit(mapping), instances)
        )
    return maps


def _unit(mapping: Any) -> str:
    units = mapping.get("MeasurementUnitsCodeSequence") or ()
    return str(units[0].get("CodeValue") or "") if units else ""
