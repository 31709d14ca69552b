"""Rigid registration: the demo study moved by a known amount, cancel, and what is refused."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tests.needs import library
from viewer.api import open_study
from viewer.dicom.demo import write_demo_study
from viewer.errors import Cancelled, ViewerError
from viewer.imaging.geometry import FloatArray
from viewer.imaging.volume import Volume
from viewer.loading.cancel import CancelToken
from viewer.registration.job import register


@pytest.fixture(scope="module")
def ct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Volume]:
    library("SimpleITK")
    folder = tmp_path_factory.mktemp("demo")
    yield open_study(write_demo_study(folder).folder / "CT").volumes[0]
    shutil.rmtree(folder)


def movement(axis: tuple[float, float, float], angle_deg: float, shift_mm: FloatArray) -> FloatArray:
    """Rodrigues' rotation about the patient origin, then a shift."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(angle_deg)
    matrix = np.eye(4)
    matrix[:3, :3] += np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
    matrix[:3, 3] = shift_mm
    return matrix


def moved(volume: Volume, matrix: FloatArray) -> Volume:
    geometry = replace(volume.geometry, patient_from_index=matrix @ volume.geometry.patient_from_index)
    return replace(volume, geometry=geometry)


def test_that_a_known_offset_of_12_mm_and_8_degrees_is_found(ct: Volume) -> None:
    direction = np.array([2.0, -1.0, 2.0]) / 3
    truth = movement((1.0, 2.0, -1.0), 8.0, 12.0 * direction)
    levels: list[int] = []
    found = register(
        ct, moved(ct, truth), tell=lambda level, _total: levels.append(level), cancel=CancelToken()
    )
    left = found @ truth
    angle = np.degrees(np.arccos(min(1.0, (np.trace(left[:3, :3]) - 1) / 2)))
    corners = ct.geometry.corners_mm()
    off = np.linalg.norm(corners @ left[:3, :3].T + left[:3, 3] - corners, axis=1)
    assert angle < 0.3
    assert off.max() < 0.5  # at every corner, so in all of the volume
    assert sorted(set(levels)) == [0, 1, 2]
    assert np.allclose(found[:3, :3] @ found[:3, :3].T, np.eye(3), atol=1e-9)


def test_that_cancel_ends_it_at_once(ct: Volume) -> None:
    token = CancelToken()
    asked: list[float] = []

    def tell(_level: int, _total: int) -> None:
        asked.append(time.perf_counter())
        token.cancel()

    with pytest.raises(Cancelled):
        register(ct, ct, tell=tell, cancel=token)
    assert len(asked) == 1


def test_that_a_series_of_one_value_or_still_loading_is_refused_in_a_sentence(ct: Volume) -> None:
    flat = replace(ct, array=np.zeros_like(ct.array), padding=None)
    with pytest.raises(ViewerError, match="one value only"):
        register(ct, flat, tell=lambda _a, _b: None, cancel=CancelToken())
    early = replace(ct, ready=np.zeros(ct.geometry.shape[0], bool))
    with pytest.raises(ViewerError, match="still being loaded"):
        register(early, ct, tell=lambda _a, _b: None, cancel=CancelToken())
