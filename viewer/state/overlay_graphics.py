"""Overlay planes (60xx) of the series on show as masks on its voxels: drawn over pictures, never values (B19)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from viewer.imaging.plane import Plane
from viewer.imaging.sample import Interpolation, sample_plane
from viewer.imaging.volume import Volume
from viewer.state.planes import grid_axis

if TYPE_CHECKING:
    from viewer.dicom.model import Stack
    from viewer.imaging.geometry import VolumeGeometry
    from viewer.state.view import ViewState

Mask = npt.NDArray[np.bool_]
FINEST = 4
"""At most so many samples along each side of a pixel: a picture that is smaller still may lose thin lines."""
PICTURES_KEPT = 12
COLOUR = 0xFFFFE14D
"""ARGB: none of the colours of the planes, and seen on black, grey and white."""
SHADE = 0xC0000000
"""ARGB of the rim, with which it is seen on white too."""


class OverlayGraphics:
    """Which overlays are known, and whether they are drawn.

    Signals
    -------
    changed
        Overlays arrived, left, or are switched.
    """

    changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self.visible = True
        self._volumes: dict[str, Volume | None] = {}
        self._added: dict[str, Volume] = {}
        self._pictures: dict[tuple[object, ...], Mask] = {}
        view.library.volume_removed.connect(self._forget)

    def wanted(self, stack: Stack) -> bool:
        """Whether the overlays of a stack exist and have not been read."""
        return stack.overlays and stack.uid not in self._volumes

    def put(self, uid: str, geometry: VolumeGeometry, mask: Mask | None) -> None:
        """Keep the overlays of a stack.

        Parameters
        ----------
        uid, geometry
            Of the stack.
        mask
            (k, j, i), True where something is drawn; None when there is nothing to draw.
        """
        self._volumes[uid] = (
            None if mask is None else Volume(f"overlays of {uid}", mask.view(np.uint8), geometry)
        )
        self._pictures.clear()
        self.changed.emit()

    def add(self, uid: str, drawn: tuple[VolumeGeometry, Mask] | None) -> None:
        """Draw more over the images of a volume: what a presentation state brings along; None takes that off again.

        Parameters
        ----------
        drawn
            Geometry and (k, j, i) mask, True where something is drawn.
        """
        self._added.pop(uid, None)
        if drawn is not None:
            geometry, mask = drawn
            self._added[uid] = Volume(f"presentation of {uid}", mask.view(np.uint8), geometry)
        self._pictures.clear()
        self.changed.emit()

    def has(self, uid: str) -> bool:
        """Whether there is anything to draw over a volume."""
        return self._volumes.get(uid) is not None or uid in self._added

    def toggle(self) -> None:
        """Draw the overlays or leave them out."""
        self.visible = not self.visible
        self.changed.emit()

    def on_plane(self, uid: str, plane: Plane) -> Mask | None:
        """What the overlays of a volume draw on a plane, None for nothing.

        An overlay reaches half a slice to both sides of its slice, and exactly its pixels within it.
        """
        if not self.has(uid):
            return None
        key = (
            uid,
            plane.origin_mm.tobytes(),
            plane.u_mm.tobytes(),
            plane.v_mm.tobytes(),
            plane.width,
            plane.height,
        )
        if key not in self._pictures:
            while len(self._pictures) >= PICTURES_KEPT:
                self._pictures.pop(next(iter(self._pictures)))
            own, added = self._volumes.get(uid), self._added.get(uid)
            if added is not None and grid_axis(added.geometry, plane.normal) != 0:
                added = None  # it is about images, and this is a plane across them
            several = [_drawn(volume, plane) for volume in (own, added) if volume is not None]
            nothing = np.zeros((plane.height, plane.width), bool)
            self._pictures[key] = np.logical_or.reduce(several) if several else nothing
        found = self._pictures[key]
        return found if found.any() else None

    def _forget(self, uid: str) -> None:
        if (self._volumes.pop(uid, None), self._added.pop(uid, None)) != (None, None):
            self._pictures.clear()


def in_colour(mask: Mask) -> npt.NDArray[np.uint32]:
    """What is drawn, with a dark rim of a pixel, as (height, width) straight ARGB; transparent elsewhere."""
    wide = np.pad(mask, 1)
    rim = mask | wide[:-2, 1:-1] | wide[2:, 1:-1]
    wide = np.pad(rim, 1)
    rim = rim | wide[1:-1, :-2] | wide[1:-1, 2:]
    pixels = np.zeros(mask.shape, np.uint32)
    pixels[rim] = SHADE
    pixels[mask] = COLOUR
    return pixels


def draw_over(pixels: npt.NDArray[np.uint32], picture: npt.NDArray[np.uint32]) -> None:
    """Lay straight ARGB over an opaque picture of the same shape, in place."""
    alpha = picture >> 24
    mixed = np.full(pixels.shape, 0xFF000000, np.uint32)
    for shift in (0, 8, 16):
        below, above = pixels >> shift & 0xFF, picture >> shift & 0xFF
        mixed |= (above * alpha + below * (255 - alpha) + 127) // 255 << shift
    pixels[...] = np.where(alpha > 0, mixed, pixels)


def _drawn(volume: Volume, plane: Plane) -> Mask:
    """(height, width) of a plane; where a pixel covers several voxels, one that is drawn on is enough."""
    _, row_mm, column_mm = volume.geometry.spacing_mm
    finer = min(FINEST, max(1, math.ceil(plane.mm_per_pixel / min(row_mm, column_mm) - 1e-6)))
    shift = (1 / finer - 1) / 2
    fine = Plane(
        plane.at(shift, shift),
        plane.u_mm / finer,
        plane.v_mm / finer,
        plane.width * finer,
        plane.height * finer,
    )
    values = sample_plane(volume, fine, interpolation=Interpolation.NEAREST)
    drawn: Mask = values == 1.0
    result: Mask = np.logical_or.reduce(drawn.reshape(plane.height, finer, plane.width, finer), axis=(1, 3))
    return result
