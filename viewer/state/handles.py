"""What can be grasped on the crosshair: the ends of its lines, to turn planes, and the borders of a slab.

Places are logical pixels of a pane. Pure but for `Grasp`, which remembers what lies under the mouse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psygnal import Signal

from viewer.state.crosslines import CrossLine, Point, span
from viewer.state.oblique import PLANES
from viewer.state.panes import PlaneKind
from viewer.state.resolve import PaneScene
from viewer.state.slab import slab_of

if TYPE_CHECKING:
    from viewer.state.view import ViewState

TURN_AT = 0.8
"""Where along a line from the linked point to the edge its handle sits."""
LEAST_ARM = 48.0
"""A shorter arm has no handle: it would lie on the linked point."""
REACH = 11.0
"""How near the mouse must come to grasp a handle."""
NEAR = 60.0
"""How near it must come for the handles of a line to show."""
EDGE_REACH = 4.0
"""How near it must come to grasp the border of a slab."""


@dataclass(frozen=True)
class Handle:
    """One thing to grasp.

    Parameters
    ----------
    pane_id
        Pane it lies in.
    kind
        The plane whose line or slab it belongs to.
    slab
        The border of the slab instead of the end of the line.
    grasped
        Under the mouse, not only near it.
    place
        Where the end of a line is, (0, 0) for a border.
    """

    pane_id: str
    kind: PlaneKind
    slab: bool
    grasped: bool
    place: Point = (0.0, 0.0)


class Grasp:
    """The handle under or near the mouse.

    Attributes
    ----------
    changed
        Another one, or none.
    """

    changed = Signal()

    def __init__(self, _view: ViewState) -> None:
        self.handle: Handle | None = None

    def take(self, handle: Handle | None) -> None:
        """Remember what lies under the mouse now."""
        if handle != self.handle:
            self.handle = handle
            self.changed.emit()


def linked_point(scene: PaneScene, ratio: float) -> Point | None:
    """The linked point in logical pixels; `ratio` device pixels each."""
    if scene.cursor_px is None:
        return None
    return (scene.cursor_px[0] + 0.5) / ratio, (scene.cursor_px[1] + 0.5) / ratio


def turn_points(scene: PaneScene, line: CrossLine, ratio: float) -> tuple[Point, ...]:
    """Handles of a line that turn the planes, none where a turn has no meaning."""
    point = linked_point(scene, ratio)
    if point is None or scene.pane.kind not in PLANES:
        return ()
    (x, y), (dx, dy) = point, line.direction
    reach = span(point, line.direction, scene.plane.width / ratio, scene.plane.height / ratio)
    arms = () if reach is None else (TURN_AT * end for end in reach)
    return tuple((x + arm * dx, y + arm * dy) for arm in arms if abs(arm) >= LEAST_ARM)


def slab_offset(view: ViewState, scene: PaneScene, kind: PlaneKind, ratio: float) -> float | None:
    """Distance in logical pixels from the line of a plane to the borders of its slab; None without a slab."""
    slab = slab_of(view, kind)
    if slab is None or scene.pane.kind not in PLANES:
        return None
    return slab.thickness_mm / 2 / (scene.plane.mm_per_pixel * ratio)


def handle_at(view: ViewState, scene: PaneScene, at: Point, ratio: float) -> Handle | None:
    """What lies under or near a place in a pane; ends of lines go before borders of slabs."""
    point = linked_point(scene, ratio)
    if point is None or scene.pane.kind not in PLANES:
        return None
    ends = [
        (math.dist(at, place), line.kind, place)
        for line in scene.lines
        for place in turn_points(scene, line, ratio)
    ]
    distance, kind, place = min(ends, default=(math.inf, scene.pane.kind, at))
    if distance <= REACH:
        return Handle(scene.pane.id, kind, slab=False, grasped=True, place=place)
    gaps = [
        (abs(abs(across(line, point, at)) - offset), line.kind)
        for line in scene.lines
        if (offset := slab_offset(view, scene, line.kind, ratio)) is not None
    ]
    gap, border = min(gaps, default=(math.inf, kind))
    if gap <= EDGE_REACH:
        return Handle(scene.pane.id, border, slab=True, grasped=True)
    return Handle(scene.pane.id, kind, slab=False, grasped=False, place=place) if distance <= NEAR else None


def across(line: CrossLine, point: Point, at: Point) -> float:
    """Signed distance of a place from a line through the linked point, logical pixels."""
    return (at[0] - point[0]) * line.across[0] + (at[1] - point[1]) * line.across[1]
