"""The drawn path and the curved picture along it: what people change, and the surface that follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from viewer.imaging.curved import (
    CurvedSurface,
    SpacePath,
    distinct,
    path_through,
    sample_surface,
    straightened,
    stretched,
)
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.sample import Interpolation
from viewer.imaging.volume import Volume
from viewer.state.undo import Edit, History

if TYPE_CHECKING:
    from viewer.state.view import ViewState

Point = tuple[float, float, float]

AWAY_MM = 1e5
"""Curved pictures are laid out in a space of their own, so far away that nothing of a patient is drawn there."""
WIDTHS_MM = (20.0, 30.0, 40.0, 60.0, 80.0, 100.0, 150.0, 200.0, 300.0)
FINE, COARSE = 0.6, 2.0
"""Distance of samples in voxel pitches: at rest, and while a hand moves the path."""
MOST_ROWS = 1200
TURN_STEP_DEG = 5.0
"""Turn of the rows about the path for one step of the wheel."""


class CurvedMode(StrEnum):
    """How the surface along the path is laid flat."""

    STRAIGHTENED = "straightened"
    STRETCHED = "stretched"


class CurvedPath:
    """One path through the patient and how it is shown.

    Changes of the points go through the history; how the path is shown is no edit.

    Attributes
    ----------
    changed
        The path, or how it is shown.
    """

    changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self._points: tuple[Point, ...] = ()
        self._frame_of_reference = ""
        self.mode = CurvedMode.STRAIGHTENED
        self.angle_deg = 0.0
        self.width_mm = 80.0
        self.selected: int | None = None
        """The point that was touched last."""
        self.moving = False
        """A hand moves a point: pictures may be coarser."""
        self._path: tuple[tuple[object, ...], SpacePath] | None = None
        self._surface: tuple[tuple[object, ...], CurvedSurface] | None = None
        self._flat: dict[str, tuple[tuple[object, ...], Volume]] = {}

    # --- the points --------------------------------------------------------------------------------------------

    @property
    def points(self) -> tuple[Point, ...]:
        """Control points, LPS mm; none while another patient or frame of reference is shown."""
        return self._points if self._frame_of_reference == self._shown_frame() else ()

    def add(self, point_mm: npt.ArrayLike, place: int | None = None) -> None:
        """Put a point at the end of the path, or before the one at a place."""
        points = list(self.points)
        place = len(points) if place is None else place
        points.insert(place, _point(point_mm))
        self._edit("Add point to path", points)
        self.select(place)

    def move(self, number: int, point_mm: npt.ArrayLike, *, before: Iterable[Point] | None = None) -> None:
        """Put a point elsewhere; `before` is the path to come back to when a hand has moved it already."""
        points = list(self.points)
        points[number] = _point(point_mm)
        self._edit("Move point of path", points, before)

    def remove(self) -> None:
        """Take the point away that was touched last, or else the last one."""
        points = list(self.points)
        if points:
            del points[-1 if self.selected is None else self.selected]
            self._edit("Remove point of path", points)

    def clear(self) -> None:
        """Take the whole path away."""
        if self.points:
            self._edit("Delete path", [])

    def select(self, number: int | None) -> None:
        """Mark a point as the one that was touched."""
        if number != self.selected:
            self.selected = number
            self.changed.emit()

    def preview(self, points: Iterable[Point], *, moving: bool) -> None:
        """Show other points while a hand moves them; no edit."""
        self._points, self.moving = tuple(points), moving
        self.changed.emit()

    def _edit(self, text: str, points: Iterable[Point], before: Iterable[Point] | None = None) -> None:
        old = (tuple(self._points if before is None else before), self._frame_of_reference)
        new = (tuple(points), self._shown_frame())

        def put(state: tuple[tuple[Point, ...], str]) -> None:
            self._points, self._frame_of_reference = state
            self.moving = False
            self.selected = None
            self.changed.emit()

        self._view.work.of(History).do(Edit(text, lambda: put(new), lambda: put(old)))

    def _shown_frame(self) -> str:
        """What the points belong to: the frame of reference, or the volume itself when it names none."""
        item = self._view.base_volume
        if item is None:
            return ""
        return item.volume.geometry.frame_of_reference_uid or item.volume.uid

    # --- how it is shown ---------------------------------------------------------------------------------------

    def show_as(
        self, *, mode: CurvedMode | None = None, angle_deg: float | None = None, width_mm: float | None = None
    ) -> None:
        """Change the kind of picture, the turn of its rows about the path, or its width."""
        self.mode = self.mode if mode is None else mode
        self.angle_deg = self.angle_deg if angle_deg is None else angle_deg % 360.0
        self.width_mm = self.width_mm if width_mm is None else width_mm
        self.changed.emit()

    def turn(self, steps: int) -> None:
        """Turn the rows about the path by steps of the wheel."""
        self.show_as(angle_deg=self.angle_deg + steps * TURN_STEP_DEG)

    def step_width(self, steps: int) -> None:
        """The next wider or narrower of the usual widths."""
        if steps > 0:
            others = [width for width in WIDTHS_MM if width > self.width_mm]
        else:
            others = [width for width in reversed(WIDTHS_MM) if width < self.width_mm]
        if others:
            self.show_as(width_mm=others[min(abs(steps), len(others)) - 1])

    # --- what follows ------------------------------------------------------------------------------------------

    def path(self) -> SpacePath | None:
        """The path through the points; None with fewer than two different ones."""
        item = self._view.base_volume
        points = self.points
        if item is None or len(distinct(points)) < 2:
            return None
        pitch = min(item.volume.geometry.spacing_mm)
        key = (points, pitch, self.moving)
        if self._path is None or self._path[0] != key:
            length = float(np.linalg.norm(np.diff(np.array(points), axis=0), axis=1).sum())
            wanted = pitch * (COARSE if self.moving else FINE)
            self._path = (key, path_through(points, max(wanted, length / MOST_ROWS)))
        return self._path[1]

    def surface(self) -> CurvedSurface | None:
        """The surface that is shown, None without a path."""
        path = self.path()
        if path is None:
            return None
        key = self._key()
        if self._surface is None or self._surface[0] != key:
            make = stretched if self.mode is CurvedMode.STRETCHED else straightened
            self._surface = (key, make(path, self.width_mm, self.angle_deg))
        return self._surface[1]

    def flat(
        self, volume: Volume, version: int, interpolation: Interpolation
    ) -> tuple[Volume, tuple[object, ...]]:
        """A volume sampled on the surface, as one slice in the space of the picture, and a key of what it depends on.

        x of the picture runs along its columns and y down its rows, both in mm, at z = `AWAY_MM`.

        Raises
        ------
        ValueError
            There is no path, or the volume has colours.
        """
        surface, path = self.surface(), self.path()
        if surface is None or path is None:
            raise ValueError("there is no path")
        key = (*self._key(), volume.uid, version, interpolation)
        held = self._flat.get(volume.uid)
        if held is None or held[0] != key:
            values = sample_surface(volume, surface, path.step_mm, interpolation)
            affine = np.zeros((4, 4))
            affine[2, 0] = affine[3, 3] = 1.0
            affine[1, 1] = surface.step_mm
            affine[0, 2] = (surface.high_mm - surface.low_mm) / (values.shape[1] - 1)
            affine[:3, 3] = (surface.low_mm, 0.0, AWAY_MM)
            shape = (1, *values.shape)
            geometry = VolumeGeometry(shape, affine, oriented=False, calibrated=volume.geometry.calibrated)
            flat = replace(
                volume,
                array=values[None],
                geometry=geometry,
                padding=None,
                ready=np.ones(1, bool),
                corrupt=np.zeros(1, bool),
            )
            held = self._flat[volume.uid] = (key, flat)
            for uid in [uid for uid in self._flat if self._view.library.get(uid) is None]:
                del self._flat[uid]
        return held[1], key

    def _key(self) -> tuple[object, ...]:
        """What the surface depends on, once the path has been asked for."""
        return (self._path[0] if self._path else (), self.mode, self.angle_deg, self.width_mm)


def _point(point_mm: npt.ArrayLike) -> Point:
    x, y, z = np.asarray(point_mm, dtype=np.float64).tolist()
    return x, y, z


def place_on_path(path: SpacePath, point_mm: FloatArray) -> int:
    """Where in the list of control points a new one belongs that was put on the path."""
    s = float(np.argmin(np.linalg.norm(path.points - point_mm, axis=1))) * path.step_mm
    return int(np.searchsorted(path.knots_mm, s, side="right"))
