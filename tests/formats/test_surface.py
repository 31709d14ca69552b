"""Surfaces of structures: volume, place, direction, files and pictures."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.imaging.test_labelmap import ramp_geometry
from tests.imaging.test_mask_edit import cube, radius_of
from tests.needs import library
from viewer.errors import ExportError, ViewerError
from viewer.formats.surface import NO_VTK, Surface, SurfaceView, surface_of, write_surface
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.labelmap import Mask

RED = (255, 40, 40)


@pytest.fixture(autouse=True)
def vtk() -> None:
    """VTK is an extra."""
    library("vtkmodules.vtkFiltersCore")


def ball(radius: float = 15.0) -> Surface:
    """The surface of a ball around the origin, on thick slices."""
    geometry = cube(41, (1.5, 1.0, 1.0))
    return surface_of(Mask.of(radius_of(geometry) <= radius, geometry), "ball", RED)


def test_that_the_surface_of_a_ball_has_its_radius_and_volume() -> None:
    found = ball()
    radius = np.linalg.norm(found.points_mm, axis=1)
    assert radius.mean() == pytest.approx(15, abs=0.3)
    assert np.abs(radius - 15).max() < 1.0
    assert found.volume_mm3 == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.03)


def test_that_the_surface_is_closed() -> None:
    edges = np.sort(ball().triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, count = np.unique(edges, axis=0, return_counts=True)
    assert (count == 2).all()


@pytest.mark.parametrize("case", ["G1", "G2", "G3", "G4", "G5", "G6", "G9"])
def test_that_the_surface_lies_where_the_voxels_are_and_faces_outwards(case: str) -> None:
    geometry = ramp_geometry(case)
    array = np.zeros(geometry.shape, bool)
    array[1:4, 1:5, 2:6] = True
    mask = Mask.of(array, geometry)
    found = surface_of(mask, "box", RED, smooth=False)
    # Half a voxel around the centres, with bevelled edges.
    index = geometry.to_index(found.points_mm)
    assert np.allclose(index.min(axis=0), [0.5, 0.5, 1.5], atol=1e-3)
    assert np.allclose(index.max(axis=0), [3.5, 4.5, 5.5], atol=1e-3)
    assert 0.75 * mask.volume_mm3 < found.volume_mm3 < mask.volume_mm3


def test_that_slices_of_uneven_distance_keep_their_places() -> None:
    affine = np.diag([10 / 3, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]
    geometry = VolumeGeometry((4, 5, 5), affine, slice_offsets=np.array([0, 0.6, 1.2, 3.0]))
    array = np.zeros(geometry.shape, bool)
    array[2:4, 1:4, 1:4] = True
    found = surface_of(Mask.of(array, geometry), "x", RED, smooth=False)
    # From half way between the slices at 2 and 4 mm to half a step of 6 mm beyond the one at 10 mm.
    assert (found.points_mm[:, 2].min(), found.points_mm[:, 2].max()) == pytest.approx((3, 13), abs=1e-3)


def test_that_files_can_be_read_by_vtk_and_say_their_space(tmp_path: Path) -> None:
    from vtkmodules.vtkFiltersCore import vtkMassProperties, vtkTriangleFilter
    from vtkmodules.vtkIOGeometry import vtkOBJReader, vtkSTLReader

    found = ball()
    for name, reader in (("s.stl", vtkSTLReader()), ("s.obj", vtkOBJReader())):
        write_surface(tmp_path / name, [found])
        assert b"SPACE=LPS" in (tmp_path / name).read_bytes()[:80]
        reader.SetFileName(str(tmp_path / name))
        triangles, mass = vtkTriangleFilter(), vtkMassProperties()
        triangles.SetInputConnection(reader.GetOutputPort())
        mass.SetInputConnection(triangles.GetOutputPort())
        mass.Update()
        assert mass.GetVolume() == pytest.approx(found.volume_mm3, rel=1e-3)
        assert triangles.GetOutput().GetNumberOfPolys() == len(found.triangles)


def test_that_a_surface_is_seen_from_the_side_that_was_asked_for() -> None:
    geometry = cube(41)
    array = np.zeros(geometry.shape, bool)
    array[18:23, 10:31, 10:31] = True  # a plate across the body
    array[18:36, 18:23, 26:31] = True  # and a pole on its left, towards the head
    view = SurfaceView([surface_of(Mask.of(array, geometry), "x", RED)])
    front = view.picture(200, 160, np.array([1.0, 0, 0]), np.array([0, 0, -1.0])).max(axis=2) > 60
    view.close()
    rows, columns = np.nonzero(front)
    # Seen from the front the pole stands on the right of the picture, above the plate.
    top = columns[rows < rows.min() + 8]
    assert top.min() > 100
    assert rows.max() - rows.min() > 20
    assert not front[:5].any()


def test_that_what_cannot_be_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ViewerError, match="no voxel"):
        surface_of(Mask.empty(cube(5)), "nothing", RED)
    with pytest.raises(ExportError, match=r"\.stl or \.obj"):
        write_surface(tmp_path / "s.ply", [])
    with pytest.raises(ExportError, match="no surface"):
        write_surface(tmp_path / "s.stl", [])
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("vtkmodules"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    geometry = cube(5)
    with pytest.raises(ViewerError) as raised:
        surface_of(Mask.of(np.ones(geometry.shape), geometry), "x", RED)
    assert raised.value.user_message == NO_VTK
    assert "triptych-viewer[surface]" in NO_VTK
