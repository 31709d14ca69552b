"""Bone in a phantom: a tube with a blurred wall, fatty marrow and dense trabeculae; a plaque and a catheter apart."""

from __future__ import annotations

import numpy as np

from viewer.imaging.bone import MARROW_MM, NEAR_MM, RIM_MM, bone, without
from viewer.imaging.geometry import VolumeGeometry

SHAPE = (30, 80, 80)
SPACING = (2.0, 1.0, 1.0)
MIDDLE, OUTER_MM, INNER_MM = 40.0, 12.0, 8.0
BLUR_MM = 1.0
THRESHOLD_HU = 250.0


def geometry() -> VolumeGeometry:
    affine = np.diag([*SPACING, 1.0])[[2, 1, 0, 3]]
    return VolumeGeometry(SHAPE, affine, "1.2")


def radius() -> np.ndarray:
    """(j, i) mm from the axis of the tube."""
    j, i = np.indices(SHAPE[1:])
    distance: np.ndarray = np.hypot(j - MIDDLE, i - MIDDLE)
    return distance


def phantom() -> np.ndarray:
    """HU: tissue of 50, wall of 900 with a rim that falls off over a millimetre, marrow of 60."""
    r = radius()
    wall = np.clip((OUTER_MM - r) / BLUR_MM + 0.5, 0, 1) * np.clip((r - INNER_MM) / BLUR_MM + 0.5, 0, 1)
    values = np.where(r < INNER_MM, 60.0, 50.0) + wall * 850
    found: np.ndarray = np.broadcast_to(values, SHAPE).copy()
    found[10:12, 44:47, 40:43] = 400  # trabeculae 3 mm from the wall
    found[14:17, 10:14, 10:14] = 600  # a plaque, 0.1 mL, far away
    found[:, 70, 70] = 800  # a catheter, 60 mm3
    return found


def removed() -> np.ndarray:
    return bone(phantom() > THRESHOLD_HU, geometry())


def test_that_wall_rim_and_trabeculae_are_bone() -> None:
    found, values = removed(), phantom()
    wall = np.broadcast_to(radius() < OUTER_MM + BLUR_MM / 2, SHAPE) & (values > 61)
    assert found[wall].all()


def test_that_plaques_catheters_and_tissue_are_none() -> None:
    found = removed()
    assert not found[14:17, 10:14, 10:14].any()
    assert not found[:, 70, 70].any()
    far = np.broadcast_to(radius() > OUTER_MM + (MARROW_MM + RIM_MM) * np.sqrt(2), SHAPE)
    assert not found[far].any()


def test_that_only_gaps_are_closed_and_wide_marrow_stays() -> None:
    """The bore is 16 mm wide: its middle is not within reach of the wall."""
    assert RIM_MM * np.sqrt(2) + 3 < INNER_MM
    assert not removed()[20:, 39:42, 39:42].any()
    narrow = np.zeros(SHAPE, bool)
    narrow[:, 20:60, 20:30] = narrow[:, 20:60, 35:45] = True
    assert bone(narrow, geometry())[:, 20:60, 20:45].all()


def test_that_the_highest_value_of_a_ray_is_then_soft_tissue_or_the_plaque() -> None:
    values = np.round(phantom()).astype(np.int16)
    by_threshold = np.where(values > THRESHOLD_HU, -1000, values).max(axis=1)
    by_parts = without(values, removed()).max(axis=1)
    assert by_threshold[:, 20:60].max() > 120
    clean = np.ones(by_parts.shape, bool)
    clean[14:17, 10:14] = clean[:, 70] = False
    assert by_parts[clean].max() <= 60
    assert (by_parts[14:17, 10:14] == 600).all()


def test_that_without_bone_nothing_is_removed() -> None:
    values = np.full(SHAPE, 40, np.int16)
    nothing = bone(values > THRESHOLD_HU, geometry())
    assert not nothing.any()
    np.testing.assert_array_equal(without(values, nothing), values)
    assert NEAR_MM > RIM_MM
