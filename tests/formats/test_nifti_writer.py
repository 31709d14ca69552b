from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.volumes import all_series, catalogue_of, opened, the_stack
from viewer.errors import ExportError
from viewer.formats.nifti_writer import write_nifti
from viewer.imaging.geometry import VolumeGeometry

SHAPE = (4, 5, 6)


def turned(angles: tuple[float, float, float], spacing: tuple[float, float, float]) -> np.ndarray[Any, Any]:
    a, b, c = angles
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = x @ y @ z @ np.diag(spacing)
    affine[:3, 3] = (-31.5, 12.25, 80.0)
    return affine


@given(
    st.tuples(*[st.floats(-3.1, 3.1)] * 3),
    st.tuples(*[st.floats(0.4, 6.0)] * 3),
)
def test_that_I08_every_voxel_written_lies_where_nibabel_and_simpleitk_read_it(
    tmp_path_factory: pytest.TempPathFactory,
    angles: tuple[float, float, float],
    spacing: tuple[float, float, float],
) -> None:
    path = tmp_path_factory.mktemp("written") / "volume.nii.gz"
    geometry = VolumeGeometry(SHAPE, turned(angles, spacing))
    array = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    write_nifti(path, array, geometry, slope=2.0, intercept=-3.0)

    lps = geometry.to_patient([2, 3, 4])
    read: Any = nibabel.load(path)
    ijk = np.linalg.inv(read.affine) @ [-lps[0], -lps[1], lps[2], 1]
    assert np.allclose(ijk[:3], [4, 3, 2], atol=1e-3)
    assert read.get_fdata()[4, 3, 2] == array[2, 3, 4] * 2 - 3
    assert np.allclose(read.get_qform(), read.get_sform(), atol=1e-3)

    image = sitk.ReadImage(str(path))
    assert np.allclose(image.TransformContinuousIndexToPhysicalPoint((4, 3, 2)), lps, atol=1e-3)
    assert image.GetPixel(4, 3, 2) == array[2, 3, 4] * 2 - 3


def test_that_I10_labels_come_back_as_labels_at_their_place(tmp_path: Path) -> None:
    geometry = VolumeGeometry(SHAPE, turned((0.3, 0.2, -0.4), (3.0, 0.7, 0.7)))
    array = np.random.default_rng(1).integers(0, 5, SHAPE).astype(np.uint8)
    write_nifti(tmp_path / "result.nii", array, geometry, labels=True)
    catalogue = catalogue_of(tmp_path / "result.nii")
    (series,) = all_series(catalogue).values()
    volume, problems = opened(series.stacks[0], catalogue)
    assert not problems
    assert volume.quantity.is_label
    assert np.array_equal(volume.array, array)
    assert np.allclose(volume.geometry.patient_from_index, geometry.patient_from_index, atol=1e-5)


def test_that_A15_a_sheared_grid_is_written_without_a_quaternion(tmp_path: Path) -> None:
    affine = turned((0, 0, 0), (3.0, 0.7, 0.7))
    affine[1, 2] = 0.3
    geometry = VolumeGeometry(SHAPE, affine)
    write_nifti(tmp_path / "tilted.nii", np.zeros(SHAPE, np.float32), geometry)
    read: Any = nibabel.load(tmp_path / "tilted.nii")
    assert read.header["qform_code"] == 0
    assert read.header["sform_code"] == 1
    stack = the_stack(tmp_path / "tilted.nii")
    assert np.allclose(stack.geometry.patient_from_index, affine, atol=1e-5)


def test_that_the_same_volume_gives_the_same_bytes(tmp_path: Path) -> None:
    geometry = VolumeGeometry(SHAPE, np.eye(4))
    for name in ("one.nii.gz", "two.nii.gz"):
        write_nifti(tmp_path / name, np.ones(SHAPE, np.uint8), geometry)
    assert (tmp_path / "one.nii.gz").read_bytes() == (tmp_path / "two.nii.gz").read_bytes()


@pytest.mark.parametrize(
    "name,dtype,changes,sentence",
    [
        ("a.nii", np.int16, {"slice_offsets": [0.0, 1.0, 1.5, 3.0]}, "not equidistant"),
        ("a.nii", np.int16, {"oriented": False}, "unknown"),
        ("a.nii", np.int64, {}, "no place for values of type int64"),
        ("a.img", np.int16, {}, "ends in .nii"),
    ],
)
def test_that_what_nifti_cannot_say_is_refused_with_the_reason(
    tmp_path: Path, name: str, dtype: Any, changes: dict[str, Any], sentence: str
) -> None:
    geometry = VolumeGeometry(SHAPE, np.eye(4), **changes)
    with pytest.raises(ExportError, match=sentence):
        write_nifti(tmp_path / name, np.zeros(SHAPE, dtype), geometry)
    assert not list(tmp_path.iterdir())
