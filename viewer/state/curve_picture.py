"""Where a curved picture lies in its pane: scale, letters, the linked point. Pure functions of a surface."""

from __future__ import annotations

import numpy as np

from viewer.imaging.curved import CurvedSurface, shared_letters
from viewer.imaging.geometry import FloatArray
from viewer.imaging.orientation import letters, opposite
from viewer.imaging.plane import Plane
from viewer.state.crosslines import CrossLine
from viewer.state.curve import AWAY_MM
from viewer.state.panes import Framing, PlaneKind

MARGIN = 1.12
"""The whole picture and this much more fits the pane, so that its ends are clear of the texts."""
ROWS_ASKED = 24
"""Rows whose directions are compared for the letters of the sides."""
START, END = "start", "end"


def picture_plane(surface: CurvedSurface | None, framing: Framing, width: int, height: int) -> Plane:
    """The rectangle a pane shows, in the space of the picture: x across, y down the rows, z far away."""
    wide, high = (1.0, 1.0) if surface is None else (surface.high_mm - surface.low_mm, surface.height_mm)
    middle = (0.0, high / 2) if surface is None else ((surface.low_mm + surface.high_mm) / 2, high / 2)
    scale = MARGIN * max(wide / width, high / height) / framing.zoom
    centre = np.array([middle[0] + framing.pan_mm[0], middle[1] + framing.pan_mm[1], AWAY_MM])
    right = np.array([-1.0 if framing.flip_horizontal else 1.0, 0.0, 0.0])
    down = np.array([0.0, -1.0 if framing.flip_vertical else 1.0, 0.0])
    return Plane.centred(centre, right, down, scale, width, height)


def edge_letters(surface: CurvedSurface, plane: Plane, *, oriented: bool) -> tuple[str, str, str, str]:
    """(left, right, top, bottom): letters that hold for every row at the sides, ends of the path above and below."""
    rows = np.unique(np.linspace(0, len(surface.across) - 1, ROWS_ASKED).astype(int))
    toward = shared_letters([letters(surface.across[row]) for row in rows]) if oriented else ""
    sides = (opposite(toward), toward)
    ends = (START, END)
    left, right = sides if plane.u_mm[0] > 0 else sides[::-1]
    top, bottom = ends if plane.v_mm[1] > 0 else ends[::-1]
    return left, right, top, bottom


def linked_point(
    surface: CurvedSurface, plane: Plane, cursor_mm: FloatArray, near_mm: float
) -> tuple[tuple[float, float] | None, tuple[CrossLine, ...]]:
    """Place of the linked point in pixels and the lines through it.

    The line across the path tells where along it the point is; the line along it is drawn only when the point lies
    within so many millimetres of the surface.
    """
    x, y, distance = surface.project(cursor_mm)
    if not surface.low_mm <= x <= surface.high_mm:
        return None, ()
    column, row, _ = plane.project((x, y, AWAY_MM))
    level = CrossLine(PlaneKind.CURVED, (1.0, 0.0), (0.0, 1.0))
    upright = CrossLine(PlaneKind.CURVED, (0.0, 1.0), (1.0, 0.0))
    return (column, row), (upright, level) if distance <= near_mm else (level,)


def place_text(surface: CurvedSurface, cursor_mm: FloatArray, length_mm: float) -> str:
    """How far along the path the linked point lies."""
    _, y, _ = surface.project(cursor_mm)
    return f"{surface.path_length_at(y):.1f}/{length_mm:.1f} mm"
