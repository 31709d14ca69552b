"""NIfTI volumes against SimpleITK, nibabel and headers written byte by byte (rules I08, I10, B02)."""

from __future__ import annotations

import gzip
import itertools
import json
import struct
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK
from PIL import Image

from tests.conftest import RealData
from tests.formats.volumes import (
    all_series,
    catalogue_of,
    failure_of,
    opened,
    the_series,
    the_stack,
    the_volume,
    value_at,
)
from viewer.cli import main
from viewer.errors import FormatError
from viewer.formats.nifti import Nifti
from viewer.imaging.volume import Volume
from viewer.loading.cancel import CancelToken

ORDERS = sorted(
    "".join(letters)
    for axes in itertools.permutations(("RL", "AP", "SI"))
    for letters in itertools.product(*axes)
)
RAMP = (np.arange(4)[:, None, None] + 10 * np.arange(5)[:, None] + 100 * np.arange(6)[None, None]).astype(
    np.int16
)
"""(i, j, k) = (4, 5, 6): value i + 10 j + 100 k."""


def affine_ras(*, origin: tuple[float, float, float] = (10.0, 20.0, 30.0)) -> npt.NDArray[np.float64]:
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = origin
    return affine


def write(path: Path, data: npt.NDArray[Any] = RAMP, **changes: Any) -> Path:
    """A file with sform and qform of code 1; `changes` are fields of the header, `sform` and `qform` (affine, code)."""
    image = nibabel.Nifti1Image(data, affine_ras(), dtype=data.dtype)
    header = image.header
    for name in ("sform", "qform"):
        affine, code = changes.pop(name, (affine_ras(), 1))
        getattr(header, f"set_{name}")(affine, code)
    raw = header.copy()
    for name, value in changes.items():
        raw[name] = value
    raw["magic"] = b"n+1"
    raw["vox_offset"] = 352
    content = raw.binaryblock + bytes(4) + np.asarray(data).astype(raw.get_data_dtype()).tobytes("F")
    path.write_bytes(gzip.compress(content, 1) if path.name.endswith(".gz") else content)
    return path


def from_itk(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Values (k, j, i) and the affine of (k, j, i) in LPS as SimpleITK reads them."""
    image = SimpleITK.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image), affine[:, [2, 1, 0, 3]]


# --- All axis orders ---------------------------------------------------------------------------------------------


def test_that_there_are_48_orders() -> None:
    assert len(set(ORDERS)) == 48


@pytest.mark.parametrize("order", ORDERS)
def test_that_I08_every_axis_order_of_a_real_volume_has_itk_s_values_at_itk_s_places(
    order: str, real_data: RealData
) -> None:
    path = real_data("nifti-orient") / "nifti_space" / f"{order}.nii.gz"
    volume = the_volume(path)
    values, affine = from_itk(path)
    assert volume.geometry.oriented
    assert volume.array.shape == values.shape
    assert np.allclose(volume.geometry.patient_from_index, affine, atol=1e-4)
    assert np.allclose(volume.physical(volume.array), values, atol=1e-4)
    header = nibabel.load(path)
    assert "".join(nibabel.aff2axcodes(header.affine)) == order


@pytest.mark.parametrize("order", ORDERS)
def test_that_I08_every_axis_order_shows_one_patient(order: str, real_data: RealData) -> None:
    folder = real_data("nifti-orient") / "nifti_space"
    reference, affine = from_itk(folder / "LPS.nii.gz")
    volume = the_volume(folder / f"{order}.nii.gz")
    random = np.random.default_rng(7)
    for _ in range(25):
        index = np.array([random.integers(n) for n in reference.shape])
        point = (affine @ [*index, 1.0])[:3]
        assert value_at(volume, point) == pytest.approx(float(reference[tuple(index)]), abs=1e-4)


@pytest.mark.parametrize("order", ORDERS)
def test_that_I08_a_synthetic_ramp_is_right_in_every_order(order: str, tmp_path: Path) -> None:
    source = nibabel.Nifti1Image(RAMP, affine_ras())
    turned = source.as_reoriented(
        nibabel.orientations.ornt_transform(
            nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(order)
        )
    )
    path = write(
        tmp_path / "ramp.nii", np.asarray(turned.dataobj), sform=(turned.affine, 1), qform=(turned.affine, 1)
    )
    volume = the_volume(path)
    for i, j, k in ((0, 0, 0), (3, 4, 5), (1, 2, 3), (3, 0, 1)):
        # RAS (10 + 2 i, 20 + 3 j, 30 + 4 k), in LPS with the first two negated
        assert value_at(volume, (-(10 + 2 * i), -(20 + 3 * j), 30 + 4 * k)) == i + 10 * j + 100 * k


def test_that_I08_the_published_orientation_phantom_counts_voxels_along_each_axis(
    real_data: RealData,
) -> None:
    path = real_data("ibsi-digital") / "orientation_nifti" / "image" / "orientation.nii.gz"
    volume = the_volume(path)
    k, j, i = np.indices((64, 48, 32))
    assert np.array_equal(volume.array, i + j + k)
    assert np.allclose(volume.geometry.patient_from_index, from_itk(path)[1], atol=1e-4)


# --- Which affine ------------------------------------------------------------------------------------------------


def other_affine() -> npt.NDArray[np.float64]:
    return np.array([[0, 0, 5.0, 1], [-2.0, 0, 0, 2], [0, -3.0, 0, 3], [0, 0, 0, 1]])


def lps(affine: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """By hand: x and y change sign, columns from (i, j, k) to (k, j, i)."""
    result = affine.copy()
    result[:2] *= -1
    return result[:, [2, 1, 0, 3]]


def note_codes(path: Path) -> set[str]:
    return {note.code for note in the_stack(path).report.notes}


def test_that_I08_the_sform_wins_when_its_code_is_above_zero(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", sform=(other_affine(), 1), qform=(affine_ras(), 0))
    assert np.allclose(the_stack(path).geometry.patient_from_index, lps(other_affine()))
    assert "sform-qform" not in note_codes(path)


def test_that_I08_the_qform_counts_when_the_sform_has_code_zero(tmp_path: Path) -> None:
    rotated = np.eye(4)
    rotated[:3, :3] = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]) * (2.0, 3.0, 4.0)
    rotated[:3, 3] = (5, 6, 7)
    path = write(tmp_path / "a.nii", sform=(other_affine(), 0), qform=(rotated, 2))
    assert np.allclose(the_stack(path).geometry.patient_from_index, lps(rotated), atol=1e-5)
    assert np.allclose(the_stack(path).geometry.patient_from_index, from_itk(path)[1], atol=1e-5)


@pytest.mark.parametrize("qfac", [-1.0, 0.0, 1.0])
def test_that_I08_qfac_mirrors_the_third_axis_and_zero_means_one(tmp_path: Path, qfac: float) -> None:
    path = write(tmp_path / "a.nii", sform=(affine_ras(), 0), pixdim=[qfac, 2, 3, 4, 1, 1, 1, 1])
    column = the_stack(path).geometry.patient_from_index[:3, 0]
    assert np.allclose(column, (0, 0, -4.0 if qfac < 0 else 4.0))


def test_that_I08_with_both_codes_zero_left_and_right_are_asked_for_not_assumed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", sform=(affine_ras(), 0), qform=(affine_ras(), 0))
    # What makes asking necessary: two libraries place the same file differently.
    by_nibabel = lps(nibabel.load(path).affine)
    by_itk = from_itk(path)[1]
    assert not np.allclose(by_nibabel[:3, :3], by_itk[:3, :3])
    stack = the_stack(path)
    assert not stack.geometry.oriented
    assert not stack.multiplanar
    assert stack.geometry.calibrated
    assert stack.geometry.spacing_mm[1:] == (3.0, 2.0)
    assert "left and right are unknown" in " ".join(stack.warnings)


def test_that_I08_the_answer_may_lie_beside_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii.gz", sform=(affine_ras(), 0), qform=(affine_ras(), 0))
    (tmp_path / "a.json").write_text(
        json.dumps({"direction": [[0, 0, 1], [0, -1, 0], [1, 0, 0]], "origin_mm": [1, 2, 3]})
    )
    stack = the_stack(path)
    assert stack.geometry.oriented
    expected = [[0, 0, 2, 1], [0, -3, 0, 2], [4, 0, 0, 3], [0, 0, 0, 1]]
    assert np.allclose(stack.geometry.patient_from_index, expected)


def test_that_the_json_file_of_a_converter_never_changes_the_geometry(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii")
    before = the_stack(path).geometry.patient_from_index
    (tmp_path / "a.json").write_text(
        json.dumps({"Modality": "MR", "direction": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]})
    )
    assert np.array_equal(the_stack(path).geometry.patient_from_index, before)
    assert the_series(path).modality == "MR"


def test_that_I10_an_sform_that_disagrees_with_the_qform_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", sform=(other_affine(), 1), qform=(affine_ras(), 1))
    stack = the_stack(path)
    assert np.allclose(stack.geometry.patient_from_index, lps(other_affine()))
    assert any("sform and qform" in text for text in stack.warnings)


def test_that_I10_the_rounding_of_a_quaternion_is_no_disagreement(
    tmp_path: Path, real_data: RealData
) -> None:
    angle = np.radians(179.9)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = affine_ras(origin=(211.7, -198.3, 512.9))
    affine[:3, :3] = turn * (0.97, 0.97, 2.0)
    path = write(tmp_path / "a.nii", sform=(affine, 1), qform=(affine, 1))
    assert note_codes(path) == {"oblique"} or not note_codes(path)
    for name in ("Philips_WIP_B0_NS_801_e1", "Siemens_REST1_w_SMS_PF7-8_6"):
        assert "sform-qform" not in note_codes(real_data("mf-a") / "Ref" / f"{name}.nii")


@pytest.mark.parametrize("unit, factor", [(1, 1000.0), (2, 1.0), (3, 0.001), (0, 1.0)])
def test_that_metres_and_micrometres_become_millimetres(tmp_path: Path, unit: int, factor: float) -> None:
    affine = np.diag([2.0, 3.0, 4.0, factor]) / factor
    path = write(tmp_path / "a.nii", sform=(affine, 1), qform=(affine, 0), xyzt_units=unit)
    assert the_stack(path).geometry.spacing_mm == pytest.approx((4.0, 3.0, 2.0))


def test_that_a_sheared_affine_keeps_its_shear(tmp_path: Path) -> None:
    sheared = affine_ras()
    sheared[1, 2] = 1.25
    path = write(tmp_path / "a.nii", sform=(sheared, 1), qform=(affine_ras(), 0))
    stack = the_stack(path)
    assert np.allclose(stack.geometry.patient_from_index, lps(sheared))
    assert stack.report.tilt_deg == pytest.approx(np.degrees(np.arctan2(1.25, 4)))


# --- Values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "slope, intercept, expected",
    [(0.0, 7.0, (1.0, 0.0)), (np.nan, 1.0, (1.0, 0.0)), (2.5, -4.0, (2.5, -4.0)), (-1.0, 0.0, (-1.0, 0.0))],
)
def test_that_I10_the_scaling_applies_only_when_its_slope_is_not_zero(
    tmp_path: Path, slope: float, intercept: float, expected: tuple[float, float]
) -> None:
    volume = the_volume(write(tmp_path / "a.nii", scl_slope=slope, scl_inter=intercept))
    assert volume.array.dtype == np.int16
    assert (volume.slope, volume.intercept) == expected
    assert volume.physical(volume.array[5, 4, 3]) == 543 * expected[0] + expected[1]


def test_that_I10_an_infinite_scaling_is_left_out_and_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", scl_slope=np.inf)
    assert the_volume(path).slope == 1.0
    assert "scaling" in note_codes(path)


def test_that_B02_a_tiny_slope_keeps_its_value(tmp_path: Path) -> None:
    volume = the_volume(
        write(tmp_path / "a.nii", np.full((2, 2, 2), 1000, np.int16), scl_slope=0.00031, scl_inter=0)
    )
    assert volume.physical(volume.array[0, 0, 0]) == pytest.approx(0.31, rel=1e-6)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kind", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_that_every_numeric_type_in_both_byte_orders_keeps_its_values(
    tmp_path: Path, kind: str, ending: str, order: str
) -> None:
    information = np.iinfo(kind) if kind[0] in "iu" else np.finfo("f4")
    top = min(float(information.max), 2.0**31 - 1)
    data = np.zeros((3, 4, 5), np.dtype(kind))
    data[0, 0, 0], data[2, 3, 4], data[1, 2, 3] = int(top), 3, 100
    header = nibabel.Nifti1Header(endianness=order)
    header.set_data_dtype(np.dtype(kind))
    image = nibabel.Nifti1Image(data, affine_ras(), header)
    path = tmp_path / f"a{ending}"
    nibabel.save(image, path)
    raw = gzip.decompress(path.read_bytes()) if ending.endswith("gz") else path.read_bytes()
    assert raw[:4] == struct.pack(f"{order}i", 348)
    volume = the_volume(path)
    assert np.array_equal(
        volume.array.astype(np.float64), data.T.astype(np.float32 if kind[0] == "f" else np.float64)
    )


def test_that_B02_whole_numbers_beyond_32_bits_are_refused_not_wrapped(tmp_path: Path) -> None:
    data = np.zeros((2, 2, 2), np.int64)
    data[1, 1, 1] = 2**31
    path = write(tmp_path / "a.nii", data)
    catalogue = catalogue_of(path)
    volume, problems = opened(next(iter(all_series(catalogue).values())).stacks[0], catalogue)
    assert volume.corrupt.tolist() == [False, True]
    assert "32 bits" in problems[0].reason


def test_that_nifti_2_and_pairs_of_files_are_read(tmp_path: Path) -> None:
    second = tmp_path / "second.nii.gz"
    nibabel.save(nibabel.Nifti2Image(RAMP, affine_ras()), second)
    pair = tmp_path / "pair.img"
    nibabel.save(nibabel.Nifti1Pair(RAMP, affine_ras()), pair)
    for path in (second, pair, tmp_path / "pair.hdr"):
        assert np.array_equal(the_volume(path).array, RAMP.T)
    assert set(all_series(catalogue_of(tmp_path))) == {"second", "pair"}


def test_that_a_header_without_its_image_says_what_is_missing(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Pair(RAMP, affine_ras()), tmp_path / "pair.img")
    (tmp_path / "pair.img").unlink()
    assert "ends in .img" in failure_of(tmp_path / "pair.hdr")


def test_that_rgb_voxels_are_shown_in_colour(tmp_path: Path) -> None:
    data = np.zeros((2, 3, 4), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    data["R"], data["G"][1], data["B"][:, 2] = 10, 20, 30
    path = tmp_path / "a.nii"
    nibabel.save(nibabel.Nifti1Image(data, affine_ras()), path)
    volume = the_volume(path)
    assert volume.is_colour
    assert all(np.array_equal(volume.array[n], data[name].T) for n, name in enumerate("RGB"))


def test_that_a_time_series_gives_one_stack_a_time(tmp_path: Path, real_data: RealData) -> None:
    path = real_data("mf-a") / "Ref" / "Siemens_REST1_w_SMS_PF7-8_6.nii"
    series = the_series(path)
    expected = np.asarray(nibabel.load(path).dataobj)
    assert [stack.label for stack in series.stacks] == [f"time {n + 1}, {n * 0.5:g} s" for n in range(4)]
    assert len({stack.uid for stack in series.stacks}) == 4
    for n in range(4):
        assert np.array_equal(the_volume(path, n).array, expected[..., n].T)
    packed = tmp_path / "packed.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    assert np.array_equal(the_volume(packed, 2).array, expected[..., 2].T)


def test_that_very_many_times_are_offered_up_to_a_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", np.zeros((2, 2, 2, 600), np.uint8))
    assert len(the_series(path).stacks) == 512
    assert "times" in note_codes(path)


def test_that_a_single_slice_is_shown_flat_in_its_place(tmp_path: Path) -> None:
    stack = the_stack(write(tmp_path / "a.nii", RAMP[:, :, :1]))
    assert stack.geometry.oriented
    assert not stack.multiplanar
    assert stack.report.spacing_mm == (None, 3.0, 2.0)


# --- Labels ------------------------------------------------------------------------------------------------------


def counted(volume: Volume, label: int) -> tuple[int, float]:
    count = int(np.count_nonzero(volume.array == label))
    return count, count * volume.geometry.voxel_volume_mm3


def test_that_I10_the_spleen_of_a_real_label_volume_has_its_published_size(real_data: RealData) -> None:
    path = real_data("nifti-orient") / "totalseg" / "example_seg.nii.gz"
    volume = the_volume(path)
    assert volume.quantity.is_label
    values, _ = from_itk(path)
    assert volume.array.dtype.kind in "iu"
    assert np.array_equal(np.unique(volume.array), np.unique(values))
    count, mm3 = counted(volume, 1)
    assert count == int(np.count_nonzero(values == 1))
    assert mm3 == pytest.approx(255_204, abs=1)


def test_that_I10_labels_stored_as_floats_are_read_as_whole_numbers(tmp_path: Path) -> None:
    data = np.zeros((3, 3, 3), np.float64)
    data[1, 1, 1], data[2, 2, 2] = 3.0000001, 117.0
    volume = the_volume(write(tmp_path / "liver_seg.nii.gz", data))
    assert volume.array.dtype == np.int32
    assert volume.array[1, 1, 1] == 3
    assert volume.array[2, 2, 2] == 117
    assert volume.quantity.is_label
    assert volume.modality == "SEG"


def test_that_I10_labels_are_scaled_before_they_are_read_as_whole_numbers(tmp_path: Path) -> None:
    volume = the_volume(
        write(tmp_path / "mask.nii", np.full((2, 2, 2), 4, np.uint8), scl_slope=0.5, scl_inter=1)
    )
    assert np.array_equal(np.unique(volume.array), [3])
    assert (volume.slope, volume.intercept) == (1.0, 0.0)


def test_that_I10_declared_labels_that_are_not_whole_are_rounded_and_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", np.full((2, 2, 2), 2.6, np.float32), intent_code=1002)
    assert np.array_equal(np.unique(the_volume(path).array), [3])
    assert any("rounded" in text for text in the_stack(path).warnings)


def test_that_a_probability_map_called_mask_keeps_its_values(tmp_path: Path) -> None:
    volume = the_volume(write(tmp_path / "mask.nii", np.full((2, 2, 2), 0.75, np.float32)))
    assert not volume.quantity.is_label
    assert np.array_equal(np.unique(volume.array), [0.75])


@pytest.mark.parametrize(
    "name, labels",
    [
        ("liver_seg", True),
        ("PET-mask", True),
        ("Labels", True),
        ("roi1", True),
        ("segovia", False),
        ("damasked", False),
    ],
)
def test_that_a_name_says_labels_as_a_word_of_its_own(tmp_path: Path, name: str, labels: bool) -> None:
    assert the_volume(write(tmp_path / f"{name}.nii")).quantity.is_label is labels


# --- Damaged and hostile files -----------------------------------------------------------------------------------


def header_bytes(path: Path) -> bytearray:
    return bytearray(write(path).read_bytes())


@pytest.mark.parametrize(
    "offset, content, words",
    [
        (40, struct.pack("<8h", 3, 30000, 30000, 30000, 1, 1, 1, 1), "damaged or incomplete"),
        (40, struct.pack("<8h", 3, 4, -5, 6, 1, 1, 1, 1), "size of its volume is damaged"),
        (40, struct.pack("<8h", 9, 4, 5, 6, 1, 1, 1, 1), "size of its volume is damaged"),
        (40, struct.pack("<8h", 0, 4, 5, 6, 1, 1, 1, 1), "size of its volume is damaged"),
        (40, struct.pack("<8h", 5, 4, 5, 2, 1, 3, 1, 1), "several values for each voxel"),
        (70, struct.pack("<h", 32), "type that cannot be shown"),
        (70, struct.pack("<h", 1536), "type that cannot be shown"),
        (70, struct.pack("<h", 77), "type that cannot be shown"),
        (108, struct.pack("<f", np.nan), "place of its voxels"),
        (108, struct.pack("<f", -8.0), "place of its voxels"),
        (108, struct.pack("<f", 1e30), "place of its voxels"),
        (344, b"zzzz", "not a NIfTI file"),
        (0, struct.pack("<i", 1234), "not a NIfTI file"),
    ],
)
def test_that_a_lying_header_is_refused_in_words(
    tmp_path: Path, offset: int, content: bytes, words: str
) -> None:
    path = tmp_path / "a.nii"
    data = header_bytes(path)
    data[offset : offset + len(content)] = content
    path.write_bytes(data)
    assert words in failure_of(path)
    assert f"{path.name}: " in failure_of(path)
    packed = tmp_path / "b.nii.gz"
    packed.write_bytes(gzip.compress(bytes(data)))
    assert words in failure_of(packed)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", [280, 292, 308])
def test_that_an_affine_that_is_not_numbers_falls_back_to_the_qform(
    tmp_path: Path, bad: float, where: int
) -> None:
    path = tmp_path / "a.nii"
    data = header_bytes(path)
    data[where : where + 4] = struct.pack("<f", bad)
    path.write_bytes(data)
    stack = the_stack(path)
    assert np.allclose(stack.geometry.patient_from_index, lps(affine_ras()), atol=1e-5)
    assert any("sform" in text for text in stack.warnings)


@pytest.mark.parametrize("quaternion", [(np.nan, 0, 0), (2, 2, 2)])
def test_that_nothing_usable_in_either_form_leaves_the_orientation_unknown(
    tmp_path: Path, quaternion: tuple[float, float, float]
) -> None:
    path = tmp_path / "a.nii"
    data = header_bytes(path)
    data[256:268] = struct.pack("<3f", *quaternion)
    data[280:328] = bytes(48)
    path.write_bytes(data)
    stack = the_stack(path)
    assert not stack.geometry.oriented
    assert stack.warnings


@pytest.mark.parametrize("pixdim", [(0, 0, 0), (np.nan, 1, 1), (1e9, 1e9, 1e9)])
def test_that_J45_unbelievable_spacing_is_no_spacing(
    tmp_path: Path, pixdim: tuple[float, float, float]
) -> None:
    with np.errstate(invalid="ignore"):
        path = write(
            tmp_path / "a.nii",
            sform=(affine_ras(), 0),
            qform=(affine_ras(), 0),
            pixdim=[1, *pixdim, 1, 1, 1, 1],
        )
    stack = the_stack(path)
    assert not stack.geometry.oriented
    assert not stack.geometry.calibrated


def test_that_J45_an_affine_of_kilometres_is_not_believed(tmp_path: Path) -> None:
    for affine in (
        np.diag([2e4, 2e4, 2e4, 1]),
        affine_ras(origin=(1e9, 0, 0)),
        np.diag([1e-4, 1e-4, 1e-4, 1]),
    ):
        stack = the_stack(write(tmp_path / "a.nii", sform=(affine, 1), qform=(affine, 0)))
        assert not stack.geometry.oriented
        assert "not believable" in " ".join(stack.warnings)


@pytest.mark.parametrize("form", ["sform", "qform"])
def test_that_J45_numbers_whose_squares_overflow_are_no_place(form: str, tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    image = nibabel.Nifti2Image(np.zeros((4, 5, 6), np.int16), affine_ras())
    image.set_sform(affine_ras(), 1 if form == "sform" else 0)
    image.set_qform(affine_ras(), 1 if form == "qform" else 0)
    nibabel.save(image, path)
    content = bytearray(path.read_bytes())
    # The first number of srow_x, and the voxel size along i (NIfTI-2 header, offsets 400 and 112).
    struct.pack_into("<d", content, 400 if form == "sform" else 112, 1e200)
    path.write_bytes(content)
    stack = the_stack(path)
    assert not stack.geometry.oriented
    assert stack.warnings


def test_that_a_truncated_file_is_refused_and_a_truncated_stream_shows_what_is_there(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.nii")
    plain.write_bytes(plain.read_bytes()[:-1])
    assert "damaged or incomplete" in failure_of(plain)
    data = np.random.default_rng(1).integers(0, 30000, (32, 32, 20)).astype(np.int16)
    packed = write(tmp_path / "b.nii.gz", data)
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    catalogue = catalogue_of(packed)
    stack = next(iter(all_series(catalogue).values())).stacks[0]
    volume, problems = opened(stack, catalogue)
    whole = int(np.argmax(volume.corrupt))
    assert 3 < whole < 17
    assert volume.corrupt[whole:].all()
    assert np.array_equal(volume.array[:whole], data.T[:whole])
    assert "end early" in problems[0].reason


def test_that_a_wrong_check_sum_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii.gz")
    data = bytearray(path.read_bytes())
    data[-6] ^= 0xFF
    path.write_bytes(data)
    catalogue = catalogue_of(path)
    stack = next(iter(all_series(catalogue).values())).stacks[0]
    volume, problems = opened(stack, catalogue)
    assert "damaged (gzip)" in problems[0].reason
    assert volume.corrupt.any()


def test_that_every_cut_of_a_small_file_ends_in_words(tmp_path: Path) -> None:
    plain, packed = write(tmp_path / "a.nii").read_bytes(), write(tmp_path / "b.nii.gz").read_bytes()
    for name, content in (("c.nii", plain[:600]), ("c.nii.gz", packed)):
        for length in range(0, len(content) - 8, 7):
            path = tmp_path / name
            path.write_bytes(content[:length])
            refused, found = "", []
            try:
                found = list(Nifti().expand(path, CancelToken()))
            except FormatError as error:
                refused = error.user_message
            assert found or refused.startswith(f"{name}: ")


def test_that_random_headers_are_opened_or_refused_but_never_crash(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    original = header_bytes(tmp_path / "a.nii")
    path = tmp_path / "b.nii"
    for _ in range(300):
        data = bytearray(original)
        for _ in range(random.integers(1, 12)):
            data[int(random.integers(4, 344))] = int(random.integers(256))
        path.write_bytes(data)
        refused = ""
        try:
            list(Nifti().expand(path, CancelToken()))
        except FormatError as error:
            refused = error.user_message
        assert not refused or refused.startswith("b.nii: ")


def test_that_dicom_called_nii_stays_dicom(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    path.write_bytes(bytes(128) + b"DICM" + bytes(600))
    assert not Nifti().can_open(path)


# --- The command line --------------------------------------------------------------------------------------------


def test_that_info_gives_shape_affine_and_extremes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "ramp.nii.gz", scl_slope=2.0, scl_inter=1.0)
    assert main(["info", "--json", str(path)]) == 0
    (study,) = json.loads(capsys.readouterr().out)["studies"]
    (series,) = study["series"]
    (volume,) = series["volumes"]
    assert series["description"] == "ramp"
    assert volume["shape"] == [6, 5, 4]
    assert np.allclose(volume["affine_lps"], lps(affine_ras()))
    assert (volume["min"], volume["max"]) == (1.0, 2 * 543 + 1.0)
    assert volume["uniform"] is True


def test_that_I08_all_48_orders_of_a_real_volume_make_one_picture(
    tmp_path: Path, real_data: RealData
) -> None:
    pictures = []
    for order in ORDERS:
        path = tmp_path / f"{order}.png"
        volume = real_data("nifti-orient") / "nifti_space" / f"{order}.nii.gz"
        at = ["--at", "0,0,0", "--plane", "axial", "--size", "120x120"]
        assert main(["render", str(volume), "-o", str(path), *at]) == 0
        pictures.append(np.asarray(Image.open(path)).astype(int))
    assert all(np.abs(picture - pictures[0]).max() <= 1 for picture in pictures)
    assert np.ptp(pictures[0]) > 200
