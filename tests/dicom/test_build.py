"""Stacks to volumes: types, units, padding, and damaged slices in their place. Real series: tests/agreement."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import RealData
from tests.dicom.reading import catalogue_of, filled, only_stack, stacks_of, stored
from tests.phantoms import (
    PET_SUV_FACTOR,
    pet_suv,
    ramp_affine,
    ramp_array,
    write_pet,
    write_ramp,
    write_series,
)
from viewer.dicom.build import array_dtype, fill_slice, make_volume, some_slices, volume_bytes
from viewer.errors import DecodeError


def test_that_A15_A16_the_ge_head_is_sheared_by_18_5_degrees(real_data: RealData) -> None:
    stack = only_stack(real_data("ct-tilt-ge"))
    assert stack.geometry.tilt_deg == pytest.approx(18.5, abs=0.01)
    assert stack.report.gaps_mm == pytest.approx([4.002] * 13 + [1.081] + [6.998] * 13, abs=0.002)
    assert stack.geometry.gaps == ()


def test_that_the_pet_slice_slopes_are_folded_into_physical_values(real_data: RealData) -> None:
    catalogue = catalogue_of(real_data("petct-acrin"))
    pet = next(s for s in stacks_of(catalogue) if s.modality == "PT" and s.suv is not None)
    volume = filled(pet)
    assert volume.array.dtype == np.float32
    assert volume.slope == 1.0
    assert volume.quantity.unit == "Bq/mL"
    assert volume.suv_factor == pytest.approx(4.2111e-4, rel=1e-4)
    assert float(volume.array.max()) * (volume.suv_factor or 0) == pytest.approx(51.0933, rel=1e-4)
    nac = next(s for s in stacks_of(catalogue) if s.modality == "PT" and s.suv is None)
    assert nac.suv_note
    assert make_volume(nac).suv_factor is None


def test_that_a_ct_keeps_its_stored_type_and_its_padding(real_data: RealData) -> None:
    catalogue = catalogue_of(real_data("petct-acrin"))
    ct = next(s for s in stacks_of(catalogue) if s.modality == "CT" and s.multiplanar)
    volume = filled(ct)
    assert volume.array.dtype == np.int16
    assert volume.nbytes == volume_bytes(ct) == 135 * 512 * 512 * 2
    # The header says -2000; some tool rescaled the pixels to -3024 and left the header behind.
    assert volume.is_padding(-3024)
    assert not volume.is_padding(-1000)


def test_that_the_pet_phantom_has_the_suv_it_was_written_with(tmp_path: Path) -> None:
    stack = only_stack(write_pet(tmp_path))
    volume = filled(stack)
    assert stack.suv is not None
    assert volume.suv_factor == pytest.approx(PET_SUV_FACTOR, rel=1e-6)
    index = np.array([2, 3, 4])
    x, y, z = volume.geometry.to_patient(index)
    suv = float(volume.array[tuple(index)]) * (volume.suv_factor or 0)
    assert suv == pytest.approx(float(pet_suv(x, y, z)), rel=2e-3)


def test_that_D04_undecayed_slices_are_stored_as_suv(tmp_path: Path) -> None:
    write_pet(
        tmp_path,
        DecayCorrection="NONE",
        CorrectedImage=["ATTN", "SCAT"],
        AcquisitionTime=lambda k: f"11{k:02d}00",
        ActualFrameDuration=60000,
    )
    stack = only_stack(tmp_path)
    assert stack.suv is not None, stack.suv_note
    assert stack.suv.factor is None
    volume = filled(stack)
    assert volume.display_unit == "SUV"
    assert volume.suv_factor == 1.0
    raw = stored(stack)
    for k, frame in enumerate(stack.frames):
        expected = raw[k].astype(np.float64) * frame.slope * stack.suv.slice_factors[k]
        assert volume.array[k] == pytest.approx(expected, rel=1e-5)


def test_that_B03_a_modality_lookup_table_replaces_the_slope(tmp_path: Path) -> None:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    item = Dataset()
    item.LUTDescriptor = [4, 1, 16]
    item.ModalityLUTType = "US"
    item.LUTData = np.array([5, 50, 500, 5000], "<u2").tobytes()
    array = np.array([[[0, 1, 2, 3, 4, 9]]], np.uint16)
    write_series(
        tmp_path,
        array,
        ramp_affine(),
        ModalityLUTSequence=Sequence([item]),
        RescaleSlope=None,
        RescaleIntercept=None,
        RescaleType=None,
    )
    assert filled(only_stack(tmp_path)).array.ravel().tolist() == [5, 5, 50, 500, 5000, 5000]


@pytest.mark.parametrize("slope", ["0", "1e400", "nan"])
def test_that_J18_a_useless_slope_leaves_raw_values_without_a_unit(slope: str, tmp_path: Path) -> None:
    write_ramp(tmp_path)
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        old = b"\x28\x00\x53\x10DS\x04\x001.0 "
        assert content.count(old) == 1
        value = slope.encode().ljust(len(slope) + len(slope) % 2)
        new = b"\x28\x00\x53\x10DS" + len(value).to_bytes(2, "little") + value
        path.write_bytes(content.replace(old, new))
    stack = only_stack(tmp_path)
    assert stack.unit == ""
    assert stack.frames[0].slope == 1.0
    assert any("raw" in text for text in stack.warnings)


def test_that_J06_a_short_slice_keeps_its_place_and_is_marked(tmp_path: Path) -> None:
    write_ramp(tmp_path)
    path = tmp_path / "im0003.dcm"
    path.write_bytes(path.read_bytes()[:-10])
    stack = only_stack(tmp_path)
    volume = make_volume(stack)
    for k in range(5):
        if k == 2:
            with pytest.raises(DecodeError, match="ends early"):
                fill_slice(volume, stack, k)
        else:
            fill_slice(volume, stack, k)
    assert volume.corrupt.tolist() == [False, False, True, False, False]
    assert volume.ready.tolist() == [True, True, False, True, True]
    assert np.array_equal(volume.array[[0, 1, 3, 4]], ramp_array()[[0, 1, 3, 4]])
    assert not volume.array[2].any()


def test_that_J35_a_file_that_vanishes_costs_one_slice(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path))
    volume = make_volume(stack)
    stack.frames[1].path.unlink()
    with pytest.raises(DecodeError, match="cannot be read"):
        fill_slice(volume, stack, 1)
    fill_slice(volume, stack, 0)
    assert volume.corrupt.tolist() == [False, True, False, False, False]


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5"])
def test_that_slices_may_be_filled_in_any_order_by_many_threads(syntax: str, tmp_path: Path) -> None:
    array = np.random.default_rng(4).integers(-1000, 3000, (24, 32, 32)).astype(np.int16)
    stack = only_stack(write_series(tmp_path, array, ramp_affine(), transfer_syntax=syntax))
    volume = make_volume(stack)
    with ThreadPoolExecutor(4) as pool:
        order = np.random.default_rng(5).permutation(24)
        list(pool.map(lambda k: fill_slice(volume, stack, int(k)), order))
    assert volume.ready.all()
    assert np.array_equal(volume.array, array)


def test_that_bits_above_the_stored_ones_are_removed_on_the_straight_path(tmp_path: Path) -> None:
    array = ramp_array()
    # Twelve stored bits with rubbish above them; the values themselves fit.
    dirty = ((array & 0x0FFF) | (7 << 12)).astype(np.uint16)
    write_series(tmp_path, dirty, ramp_affine(), BitsStored=12, HighBit=11)
    stack = only_stack(tmp_path)
    assert stack.frames[0].offset >= 0
    assert np.array_equal(filled(stack).array, array & 0x0FFF)


def test_that_B16_monochrome1_is_flagged_and_not_changed(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path, PhotometricInterpretation="MONOCHROME1"))
    volume = filled(stack)
    assert volume.inverted
    assert np.array_equal(volume.array, ramp_array())


def test_that_colour_is_planar_and_never_rescaled(tmp_path: Path) -> None:
    array = np.random.default_rng(7).integers(0, 255, (1, 5, 6, 3)).astype(np.uint8)
    stack = only_stack(write_series(tmp_path, array, ramp_affine(), modality="CT"))
    volume = filled(stack)
    assert volume.is_colour
    assert volume.array.shape == (3, 1, 5, 6)
    assert np.array_equal(volume.array.transpose(1, 2, 3, 0), array)
    assert array_dtype(stack) == np.uint8


@pytest.mark.parametrize(
    "tags, unit",
    [
        ({}, "HU"),
        ({"RescaleType": None}, "HU"),
        ({"RescaleType": "US"}, ""),
        ({"RescaleType": None, "ImageType": ["DERIVED", "PRIMARY", "PERFUSION", "RCBF"]}, ""),
        ({"RescaleType": None, "ImageType": ["DERIVED", "SECONDARY", "AXIAL"]}, "HU"),
        ({"modality": "MR"}, ""),
    ],
)
def test_that_B04_the_unit_is_the_named_one(tags: dict[str, Any], unit: str, tmp_path: Path) -> None:
    assert only_stack(write_series(tmp_path, ramp_array(), ramp_affine(), **tags)).unit == unit


def test_that_B13_header_windows_come_with_their_names(tmp_path: Path) -> None:
    stack = only_stack(
        write_ramp(
            tmp_path,
            WindowCenter=[40, 600],
            WindowWidth=[80, 2800],
            WindowCenterWidthExplanation=["BRAIN", "BONE"],
        )
    )
    assert [(w.name, w.center, w.width) for w in stack.windows] == [("BRAIN", 40, 80), ("BONE", 600, 2800)]


def test_that_B22_lossy_origin_is_told(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path, LossyImageCompression="01", LossyImageCompressionRatio=12.3))
    assert stack.lossy_text == "lossy 12.3:1"


def test_that_some_slices_of_a_pet_hold_what_the_whole_volume_does(tmp_path: Path) -> None:
    """Two slices with the same slope are physical values all the same, because others have another one."""
    (stack,) = stacks_of(catalogue_of(write_pet(tmp_path, slopes=(1.5, 1.5, 1.5, 1.5, 2.5, 1.5, 1.5))))
    whole, part = filled(stack), some_slices(stack, (1, 2, 5))
    np.testing.assert_array_equal(part.array, whole.array[[1, 2, 5]])
    facts = ("uid", "quantity", "modality", "slope", "intercept", "suv_factor", "padding", "windows")
    assert [getattr(part, name) for name in facts] == [getattr(whole, name) for name in facts]
    assert part.ready.all()
    assert some_slices(stack, ()).display_unit == "SUV"


def test_that_of_some_slices_the_damaged_one_is_marked(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path))
    stack.frames[3].path.unlink()
    part = some_slices(stack, (2, 3, 4))
    np.testing.assert_array_equal(part.corrupt, [False, True, False])
    np.testing.assert_array_equal(part.array[2], ramp_array()[4])
