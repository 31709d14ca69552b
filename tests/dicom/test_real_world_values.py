"""Values and units of maps: float pixel data, Real World Value Mapping inside images (B21), float padding (B07)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ParametricMapStorage

from tests.conftest import RealData
from tests.dicom.reading import catalogue_of as catalogue
from tests.dicom.reading import filled, only_stack, stacks_of
from tests.phantoms import ramp_affine, ramp_array, write_ramp, write_series
from viewer.dicom.fast_header import read_bytes
from viewer.dicom.model import SeriesKind
from viewer.dicom.slow_header import read_with_pydicom


def _mapping(slope: float, intercept: float, unit: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = unit, "UCUM", unit
    mapping = Dataset()
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = slope, intercept
    mapping.RealWorldValueFirstValueMapped, mapping.RealWorldValueLastValueMapped = 0, 4570
    mapping.MeasurementUnitsCodeSequence = [code]
    return mapping


def _mr(folder: Path, *mappings: Dataset, **tags: Any) -> Path:
    """The ramp as MR slices without a rescale of their own."""
    return write_series(
        folder,
        ramp_array(),
        ramp_affine(),
        modality="MR",
        **{"RescaleSlope": None, "RescaleIntercept": None, **tags},
        RealWorldValueMappingSequence=list(mappings),
    )


def test_that_B21_an_image_with_a_real_world_mapping_has_its_value_and_unit(tmp_path: Path) -> None:
    volume = filled(only_stack(_mr(tmp_path, _mapping(0.5, 10, "um2/s"))))
    assert volume.quantity.unit == "um2/s"
    # Stored 1230 at (1, 2, 3) by the phantom's definition.
    assert volume.physical(volume.array[1, 2, 3]) == 1230 * 0.5 + 10


def test_that_B21_a_rescale_of_the_image_comes_before_a_real_world_mapping(tmp_path: Path) -> None:
    folder = _mr(tmp_path, _mapping(0.5, 10, "um2/s"), RescaleSlope=2.0, RescaleIntercept=-3.0)
    volume = filled(only_stack(folder))
    assert volume.quantity.unit == ""
    assert volume.physical(volume.array[1, 2, 3]) == 1230 * 2 - 3


def test_that_B21_of_two_mappings_in_different_units_the_first_is_used(tmp_path: Path) -> None:
    folder = _mr(tmp_path, _mapping(0.5, 0, "um2/s"), _mapping(7, 0, "ms"))
    volume = filled(only_stack(folder))
    assert volume.quantity.unit == "um2/s"
    assert volume.physical(1230) == 615


def test_that_B21_a_mapping_in_pieces_leaves_raw_values_without_a_unit(tmp_path: Path) -> None:
    folder = _mr(tmp_path, _mapping(0.5, 0, "um2/s"), _mapping(7, 0, "um2/s"))
    volume = filled(only_stack(folder))
    assert volume.quantity.unit == ""
    assert volume.physical(1230) == 1230


@pytest.mark.parametrize("keyword, kind", [("FloatPixelData", "f4"), ("DoubleFloatPixelData", "f8")])
def test_that_B21_float_pixels_have_no_modality_lut_but_a_real_world_value(
    keyword: str, kind: str, tmp_path: Path
) -> None:
    write_ramp(tmp_path, "E1", SOPClassUID=ParametricMapStorage)
    path = next(tmp_path.iterdir())
    dataset = pydicom.dcmread(path)
    # Frames stand in the order 3, 0, 4, 1, 2, with a rescale in their groups that a float object must not have.
    values = dataset.pixel_array.astype(kind) / 7
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.BitsAllocated = 8 * values.itemsize
    setattr(dataset, keyword, values.tobytes())
    dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = [_mapping(1e-3, 0, "mm2/s")]
    dataset.save_as(path)
    stack = only_stack(tmp_path)
    volume = filled(stack)
    assert volume.array.dtype == np.dtype(kind)
    assert volume.quantity.unit == "mm2/s"
    expected = 1e-3 * ramp_array().astype(kind) / 7
    assert volume.physical(volume.array) == pytest.approx(expected, rel=1e-6)
    assert stack.geometry.spacing_mm == pytest.approx((3, 2, 1))


def test_that_B21_a_whole_number_map_takes_its_mapping_not_its_empty_rescale(tmp_path: Path) -> None:
    write_ramp(tmp_path, "E1", SOPClassUID=ParametricMapStorage)
    path = next(tmp_path.iterdir())
    dataset = pydicom.dcmread(path)
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        frame.PixelValueTransformationSequence[0].RescaleSlope = 1
        frame.PixelValueTransformationSequence[0].RescaleIntercept = 0
        frame.RealWorldValueMappingSequence = [_mapping(0.25, 1, "ms")]
    dataset.save_as(path)
    volume = filled(only_stack(tmp_path))
    assert volume.quantity.unit == "ms"
    assert volume.physical(volume.array[1, 2, 3]) == 1230 * 0.25 + 1


@pytest.mark.parametrize("name", ["parametric_map_float", "parametric_map_double_float"])
def test_that_B21_real_parametric_maps_hold_their_floats(
    name: str, real_data: RealData, tmp_path: Path
) -> None:
    source = real_data("zoo-a") / "pydicom-data" / f"{name}.dcm"
    (tmp_path / "map.dcm").symlink_to(source)
    dataset = pydicom.dcmread(source)
    (mapping,) = dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence
    kind = "<f4" if "FloatPixelData" in dataset else "<f8"
    raw = dataset.FloatPixelData if kind == "<f4" else dataset.DoubleFloatPixelData
    expected = np.frombuffer(raw, kind).reshape(1, 128, 128)
    expected = expected * mapping.RealWorldValueSlope + mapping.RealWorldValueIntercept
    volume = filled(only_stack(tmp_path))
    np.testing.assert_array_equal(volume.physical(volume.array), expected)
    assert volume.quantity.unit == ""


def test_that_B21_value_objects_of_another_program_are_listed_and_change_nothing(real_data: RealData) -> None:
    found = catalogue(real_data("petct-acrin"))
    kinds = [series.kind for study in found.studies for series in study.series]
    assert kinds.count(SeriesKind.VALUE_MAP) >= 1
    pets = [stack for stack in stacks_of(found) if stack.modality == "PT" and stack.suv is not None]
    assert {stack.unit for stack in pets} == {"Bq/mL"}


@pytest.mark.parametrize("big_endian", [False, True], ids=["little", "big"])
def test_that_B07_float_data_has_float_padding(big_endian: bool, tmp_path: Path) -> None:
    write_ramp(tmp_path, "E1", SOPClassUID=ParametricMapStorage)
    path = next(tmp_path.iterdir())
    dataset = pydicom.dcmread(path)
    values = ramp_array().astype(">f4" if big_endian else "<f4")
    values[:, 0, 0] = -3.5e5
    values[:, 0, 1] = -1.5e5
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.BitsAllocated = 32
    dataset.FloatPixelData = values.tobytes()
    dataset.FloatPixelPaddingValue, dataset.FloatPixelPaddingRangeLimit = -1.5e5, -3.5e5
    if big_endian:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=not big_endian)
    volume = filled(only_stack(tmp_path))
    mask = volume.is_padding(volume.array)
    expected = np.zeros(mask.shape, bool)
    expected[:, 0, :2] = True
    np.testing.assert_array_equal(mask, expected)


def test_that_both_header_readers_see_float_padding_and_mappings_alike(tmp_path: Path) -> None:
    folder = _mr(
        tmp_path, _mapping(1, 0, "ms"), FloatPixelPaddingValue=-1.5, FloatPixelPaddingRangeLimit=-2.5
    )
    path = folder / "im0001.dcm"
    content = path.read_bytes()
    fast = read_bytes(content)
    slow = read_with_pydicom(content, path, len(content))
    assert fast is not None
    assert fast.float_padding == slow.float_padding == (-1.5, -2.5)
    assert fast.sequences == slow.sequences == {0x00409096}
