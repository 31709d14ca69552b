"""The coarser copy of a volume: every voxel of it is one of the volume, where that one is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from viewer.imaging.coarse import MOST_STRIDE, coarse_copy, copy_slice, elsewhere
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.plane import Plane
from viewer.imaging.rigid import Movement, matrix_of
from viewer.imaging.sample import sample_plane
from viewer.imaging.volume import Volume

SHAPE = (5, 40, 48)


def ramp(shape: tuple[int, int, int] = SHAPE, offsets: list[float] | None = None) -> Volume:
    """A tilted stack whose value is linear in the patient's x, y and z."""
    affine = np.array([[0.4, 0, 0.7, -20], [0.1, 0.6, 0, 5], [3.0, 0, 0, 11], [0, 0, 0, 1.0]])
    geometry = VolumeGeometry(shape, affine, "1.9", None if offsets is None else np.array(offsets))
    index = np.indices(shape).reshape(3, -1).T
    values = geometry.to_patient(index) @ (1.0, 10.0, 100.0)
    return Volume(
        "v",
        values.reshape(shape),
        geometry,
        ready=np.zeros(shape[0], bool),
        corrupt=np.zeros(shape[0], bool),
    )


def filled(volume: Volume, limit_bytes: int) -> Volume:
    coarse = coarse_copy(volume, limit_bytes)
    for k in range(volume.geometry.shape[0]):
        copy_slice(volume, coarse, k)
    volume.ready[:] = True
    return coarse


@pytest.mark.parametrize("offsets", [None, [0.0, 0.8, 1.9, 3.2, 4.0]])
@pytest.mark.parametrize("share", [3, 4, 16, 100])
def test_that_the_copy_is_as_small_as_asked_and_lies_where_the_volume_lies(
    share: int, offsets: list[float] | None
) -> None:
    volume = ramp(offsets=offsets)
    coarse = filled(volume, volume.nbytes // share)
    assert coarse.nbytes <= volume.nbytes / share * 1.2
    assert coarse.geometry.shape[0] == volume.geometry.shape[0]
    centre = volume.geometry.to_patient((2.3, 20.0, 24.0))
    plane = Plane.centred(centre, np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0]), 0.5, 9, 9)
    expected = sample_plane(volume, plane)
    assert np.isfinite(expected).all()
    # Linear in space: also between the voxels of the copy the values are the same.
    np.testing.assert_allclose(sample_plane(coarse, plane), expected, rtol=1e-6)


def test_that_slices_that_arrive_or_break_do_so_in_both() -> None:
    volume = ramp()
    coarse = coarse_copy(volume, volume.nbytes // 4)
    assert not coarse.ready.any()
    volume.ready[1] = volume.corrupt[3] = True
    assert coarse.ready.tolist() == volume.ready.tolist()
    assert coarse.corrupt.tolist() == volume.corrupt.tolist()


@pytest.mark.parametrize("shape", [(3, 1, 1), (2, 1, 50), (1, 31, 2), (2, 64, 64)])
def test_that_a_limit_that_cannot_be_kept_gives_the_smallest_copy(shape: tuple[int, int, int]) -> None:
    volume = ramp(shape)
    coarse = filled(volume, 0)
    assert coarse.geometry.shape == (shape[0], *(-(-n // MOST_STRIDE) for n in shape[1:]))
    assert np.isin(coarse.array, volume.array).all()


@pytest.mark.parametrize("offsets", [None, [0.0, 0.8, 1.9, 3.2, 4.0]])
def test_that_D31_the_copy_moves_with_the_volume(offsets: list[float] | None) -> None:
    volume = ramp(offsets=offsets)
    volume = replace(volume, coarse=filled(volume, volume.nbytes // 16))
    move = matrix_of(Movement((3.0, -4.0, 5.0), (10.0, -20.0, 30.0)), (1.0, 2.0, 3.0))
    shown = replace(
        volume.geometry,
        patient_from_index=move @ volume.geometry.patient_from_index,
        frame_of_reference_uid="other",
    )
    moved = elsewhere(volume, shown)
    assert moved.geometry is shown
    assert moved.coarse is not None
    assert moved.coarse.geometry.frame_of_reference_uid == "other"
    index = np.indices(moved.coarse.geometry.shape).reshape(3, -1).T
    where = moved.geometry.to_index(moved.coarse.geometry.to_patient(index))
    np.testing.assert_allclose(where, np.rint(where), atol=1e-6)
    k, j, i = np.rint(where).astype(int).T
    np.testing.assert_array_equal(moved.coarse.array.reshape(-1), volume.array[k, j, i])
    assert elsewhere(replace(volume, coarse=None), shown).coarse is None


def test_that_colour_keeps_its_channels() -> None:
    grey = ramp()
    array = np.arange(3 * grey.array.size, dtype=np.uint8).reshape(3, *SHAPE)
    volume = Volume("c", array, grey.geometry)
    coarse = filled(volume, volume.nbytes // 4)
    np.testing.assert_array_equal(coarse.array, array[:, :, 1::2, 1::2])
