"""Series as long as a whole-body CT with thin slices: nothing about them is special but their number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.phantoms import write_series
from viewer.imaging.plane import Plane
from viewer.imaging.sample import sample_plane
from viewer.loading.cancel import CancelToken
from viewer.loading.events import GeometryReady, ProblemFound, SlicesReady, VolumeFinished
from viewer.loading.pipeline import load


@pytest.mark.parametrize("slices", [1500, 3000])
def test_that_a_long_series_is_one_volume_with_every_slice_in_its_place(slices: int, tmp_path: Path) -> None:
    array = (np.arange(slices)[:, None, None] + np.zeros((1, 8, 8))).astype(np.int16)
    affine = np.diag([0.5, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]
    write_series(tmp_path / "long", array, affine)
    events = list(load([tmp_path], cancel=CancelToken(), thumbnails=False))

    assert not [event for event in events if isinstance(event, ProblemFound)]
    (placed,) = [event for event in events if isinstance(event, GeometryReady)]
    assert len([event for event in events if isinstance(event, VolumeFinished)]) == 1
    volume = placed.volume
    assert volume.geometry.shape == (slices, 8, 8)
    assert volume.geometry.uniform
    assert volume.array.nbytes == slices * 8 * 8 * 2  # the stored type, no copy beside it
    np.testing.assert_array_equal(volume.array[:, 3, 4], np.arange(slices))

    arrived = [event.slices for event in events if isinstance(event, SlicesReady)]
    assert slices // 2 in arrived[0]  # the one under the cursor first, whatever else the first batch holds
    assert sorted(k for batch in arrived for k in batch) == list(range(slices))

    # Down the whole stack in one picture: 0.5 mm a slice, one pixel for each.
    right, down = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 0.5])
    plane = Plane(volume.geometry.to_patient((0, 0, 3)), right, down, 8, slices)
    np.testing.assert_allclose(sample_plane(volume, plane)[:, 2], np.arange(slices), atol=1e-3)
