"""Sagittal planes from copied columns are those of the volume itself."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from viewer.imaging import kernel
from viewer.imaging.kernel import binding, twin
from viewer.imaging.kernel.jobs import Kind, SampleJob
from viewer.imaging.near_columns import LEAST_LINES, NearColumns

SHAPE = (130, 129, 70)
"""More lines than the least worth it, and columns that no cache line divides."""


def values(dtype: str) -> np.ndarray:
    return np.random.default_rng(3).integers(-100, 100, SHAPE).astype(dtype)


def sagittal(data: np.ndarray, column: float, kind: Kind = Kind.LINEAR, **changes: Any) -> SampleJob:
    """130 rows along -k and 140 columns along j, both off the voxel centres."""
    job = SampleJob(
        data=data,
        matrix=np.array([[0, -0.93, 125.3], [0.87, 0, 0.4], [0, 0, column]]),
        low=np.full(3, -0.5),
        high=np.array(data.shape) - 0.5,
        out=np.zeros((130, 140), np.float32),
        kind=kind,
        padding=(-100, -90),
    )
    return replace(job, **changes)


def sampled(job: SampleJob) -> np.ndarray:
    job.out[...] = 7
    kernel.sample([job])
    return job.out.copy()


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64"])
@pytest.mark.parametrize("kind", [Kind.LINEAR, Kind.NEAREST])
def test_that_copied_columns_give_the_same_picture_at_every_position(dtype: str, kind: Kind) -> None:
    data, near = values(dtype), NearColumns()
    turned = 0
    for column in [*np.arange(-0.5, 69.6, 0.37), 31.9999999, 32.0, 31.0000001, 31.5, 69.0, 69.49]:
        job = sagittal(data, float(column), kind)
        near.instead(job, 1)
        near.wait()
        other = near.instead(job, 1)
        turned += other.data is not data
        np.testing.assert_allclose(sampled(other), sampled(job), rtol=0, atol=1e-3)
    assert turned > 150


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": Kind.CUBIC},
        {"samples": 3},
        {"matrix": np.array([[0, -0.93, 125.3], [0.87, 0, 0.4], [0.001, 0, 20]])},
        {"matrix": np.array([[0, 0, 64.0], [0, -0.93, 125.3], [0.87, 0, 0.4]])},
        {"matrix": np.array([[0, -0.93, 125.3], [0.87, 0, 0.4], [0, 0, 900.0]])},
    ],
    ids=["cubic", "slab", "oblique", "coronal", "outside"],
)
def test_that_only_thin_sagittal_planes_begin_a_copy(changes: dict[str, Any]) -> None:
    data, near = values("int16"), NearColumns()
    job = sagittal(data, 20, **changes)
    near.instead(job, 1)
    near.wait()
    assert near.instead(job, 1) is job


def test_that_small_planes_and_blocks_beyond_the_budget_are_not_copied() -> None:
    small = np.zeros((LEAST_LINES // 64, 63, 40), np.int16)
    for data, near in ((small, NearColumns()), (values("int16"), NearColumns(1 << 20))):
        job = sagittal(data, 20)
        near.instead(job, 1)
        near.wait()
        assert near.instead(job, 1) is job


def test_that_a_changed_volume_is_never_shown_from_what_was_copied_before() -> None:
    data, near = values("int16"), NearColumns()
    job = sagittal(data, 20)
    near.instead(job, 1)
    near.wait()
    data += 5
    assert near.instead(job, 2) is job
    near.wait()
    np.testing.assert_array_equal(sampled(near.instead(job, 2)), sampled(job))
    assert near.instead(job, 1) is job, "what belongs to the values of before is gone"


def test_that_the_latest_used_blocks_stay_within_the_budget_and_go_with_their_volume() -> None:
    data = values("int16")
    block = SHAPE[0] * SHAPE[1] * 32 * 2
    near = NearColumns(2 * block + 1000)
    for column in (10, 40, 10, 68):
        near.instead(sagittal(data, column), 1)
        near.wait()
    assert [near.instead(sagittal(data, c), 1).data is not data for c in (10, 68, 40)] == [True, True, False]
    near.wait()
    del data
    gc.collect()
    assert not near._blocks


def test_that_kernel_and_twin_turn_columns_alike() -> None:
    if binding.load().library is None:
        pytest.skip("no compiled kernel")
    for dtype in ("uint8", "int16", "float32", "float64"):
        data = values(dtype)
        for first, count in ((0, 1), (0, 70), (64, 6), (3, 32)):
            ours, theirs = (side.turned_columns(data, first, count) for side in (binding, twin))
            np.testing.assert_array_equal(ours, np.moveaxis(data[..., first : first + count], -1, 0))
            np.testing.assert_array_equal(theirs, ours)
    for side in (binding, twin):
        for first, count in ((-1, 3), (60, 11), (5, 0)):
            with pytest.raises(ValueError, match="columns"):
                side.turned_columns(values("int16"), first, count)
