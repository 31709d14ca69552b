"""How a hand draws, takes hold of and moves a measurement. Each tool is one kind of it.

Points are placed by dragging, by clicking, or by both in turn: the end of a drag places a point like a click does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from viewer.imaging.geometry import FloatArray
from viewer.imaging.measure.freehand import simplified
from viewer.imaging.plane import Plane
from viewer.state.drawing import begun, placed, worth_keeping
from viewer.state.measurement import (
    FACTS,
    LABELS,
    REGIONS,
    Kind,
    Measurement,
    next_name,
    placed_points,
)
from viewer.state.measurements import Measurements, pixels
from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState
from viewer.ui.tools import Pointer, tool

FAMILY = "Measure"
HANDLE_PX = 8.0
"""Logical pixels within which a handle takes hold of the mouse."""
LINE_PX = 5.0
"""The same for a line."""
SLIP_PX = 3.0
"""A drawing smaller than this is none."""
CLOSE_PX = 9.0
"""A click so near to the first corner closes a polygon."""
STEP_PX = 2.0
"""Length of a step of a freehand line."""
TOLERANCE_PX = 0.5
PARALLEL = 0.999
"""Cosine from which two planes have one direction."""


@dataclass(frozen=True)
class Hold:
    """What the mouse is on: a handle, or with -1 the whole measurement."""

    measurement: Measurement
    handle: int


class DrawingTool:
    """Draws measurements of one kind, and moves them.

    Parameters
    ----------
    kind
        Of what it draws.
    order
        Place in the toolbar.
    """

    family = FAMILY

    def __init__(self, kind: Kind, order: int) -> None:
        self.kind = kind
        self.id = kind.value
        self.text = FACTS[kind].text
        self.icon = "probe" if kind is Kind.POINT else kind.value
        self.order = order
        self._hand: FloatArray = np.empty((0, 3))
        self._axes: tuple[FloatArray, FloatArray] = (np.zeros(3), np.zeros(3))
        self._hold: Hold | None = None
        self._from_mm: FloatArray = np.zeros(3)

    # --- the doors of a tool -----------------------------------------------------------------------------------

    def grabs(self, view: ViewState, pointer: Pointer) -> bool:
        """A drawing under way takes everything; else a handle or line of a measurement of this kind."""
        store = view.work.of(Measurements)
        if store.draft is not None and view.tool != store.draft.kind.value:
            store.draw(None)  # another tool was chosen in the middle of it
        if store.draft is not None and not store.belongs(store.draft):
            store.draw(None)  # another patient is shown
        if store.draft is not None:
            return view.tool == self.id and pointer.pane.kind is not PlaneKind.MIP
        found = self._found(view, pointer)
        if found is None:
            hovered = store.get(store.hovered)
            # The mouse has left it, and no other tool would know.
            if hovered is not None and hovered.kind is self.kind:
                store.hover("")
        return found is not None

    def hover(self, view: ViewState, pointer: Pointer) -> str:
        """Show handles, or let the next point follow the mouse."""
        store = view.work.of(Measurements)
        if store.draft is not None and view.tool == self.id:
            self._follow(view, pointer)
            return "" if self._elsewhere(view, pointer) else "cross"
        found = self._found(view, pointer)
        store.hover(found.measurement.uid if found is not None else "")
        if found is not None:
            return "hand" if found.handle < 0 else "move"
        return "cross" if view.tool == self.id and pointer.pane.kind is not PlaneKind.MIP else ""

    def press(self, view: ViewState, pointer: Pointer) -> None:
        """Take hold of what is there, or place a point."""
        if self._elsewhere(view, pointer):
            return
        store = view.work.of(Measurements)
        self._hold = self._found(view, pointer) if store.draft is None else None
        if self._hold is not None:
            self._from_mm = pointer.point_mm
            store.select(self._hold.measurement.uid)
        else:
            self._place(view, pointer)

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        """Move what is held, or the last point."""
        if self._hold is None:
            self._follow(view, pointer)
            return
        view.work.of(Measurements).preview(self._moved(self._hold, pointer.point_mm))

    def release(self, view: ViewState, pointer: Pointer) -> None:
        """Put down what was held, or place the point where the drag ends."""
        if self._elsewhere(view, pointer):
            return
        hold, self._hold = self._hold, None
        if hold is None:
            self._follow(view, pointer)
            self._next(view, pointer)
            return
        after = placed(view, self._moved(hold, pointer.point_mm))
        verb = "Move" if hold.handle < 0 else "Change"
        view.work.of(Measurements).change(hold.measurement, after, verb)

    def click(self, view: ViewState, pointer: Pointer) -> None:
        """Place a point, or select what lies there."""
        store = view.work.of(Measurements)
        if pointer.pane.kind is PlaneKind.MIP:
            tool("crosshair").press(view, pointer)
            return
        if self._elsewhere(view, pointer):
            return
        if store.draft is None:
            found = self._found(view, pointer)
            if found is not None:
                store.select(found.measurement.uid)
                return
            store.select("")
            self._place(view, pointer)
            if FACTS[self.kind].placed == 1:
                self._next(view, pointer)
            return
        if self.kind is Kind.POLYGON and self._closes(view, pointer):
            self._finish(view, pointer)
            return
        before = len(self._hand)
        self._place(view, pointer)
        if len(self._hand) == before:
            self._next(view, pointer)

    def double_click(self, view: ViewState, pointer: Pointer) -> bool:
        """Close a polygon; its first click has placed the corner already."""
        if view.work.of(Measurements).draft is None or self.kind is not Kind.POLYGON:
            return False
        self._finish(view, pointer)
        return True

    def cancel(self, view: ViewState) -> bool:
        """Give up the drawing, put back what is held, or let go of what is selected."""
        store = view.work.of(Measurements)
        hold, self._hold = self._hold, None
        if hold is not None:
            store.preview(hold.measurement)
            return True
        if store.draft is None:
            was = bool(store.selected)
            store.select("")
            return was
        self._hand = np.empty((0, 3))
        store.draw(None)
        return True

    def interrupt(self, view: ViewState) -> None:
        """Half a measurement has no number anybody meant: as if it had been given up."""
        if self._hold is not None or view.work.of(Measurements).draft is not None:
            self.cancel(view)

    # --- drawing -----------------------------------------------------------------------------------------------

    def _place(self, view: ViewState, pointer: Pointer) -> None:
        """Fix the point under the mouse; the next one follows it until it is fixed as well."""
        store = view.work.of(Measurements)
        wanted = FACTS[self.kind].placed
        if store.draft is None:
            if pointer.pane.kind is PlaneKind.MIP:
                return
            plane = pointer.scene.plane
            self._axes = plane.right, plane.down
            ends = 1 if wanted == 1 or self.kind is Kind.FREEHAND else 2
            self._hand = np.repeat(pointer.point_mm[None], ends, axis=0)
            store.select("")
            store.draw(begun(view, pointer.pane, self.kind, self._points(), plane.normal))
            return
        self._follow(view, pointer)
        if wanted == 0 or len(self._hand) < wanted:
            self._hand = np.concatenate([self._hand, self._hand[-1:]])

    def _follow(self, view: ViewState, pointer: Pointer) -> None:
        """The last point goes with the mouse; a freehand line leaves its trace."""
        store = view.work.of(Measurements)
        draft = store.draft
        if draft is None or pointer.pane.kind is PlaneKind.MIP or self._elsewhere(view, pointer):
            return
        point = self._on_plane(draft, pointer.point_mm)
        if self.kind is Kind.FREEHAND:
            if np.linalg.norm(point - self._hand[-1]) < STEP_PX * pointer.mm_per_pixel:
                return
            self._hand = np.concatenate([self._hand, point[None]])
        else:
            self._hand = np.concatenate([self._hand[:-1], point[None]])
        store.draw(draft.with_points(self._points()))

    def _next(self, view: ViewState, pointer: Pointer) -> None:
        """A point was placed: finish, or let the next one follow the mouse."""
        wanted = FACTS[self.kind].placed
        if view.work.of(Measurements).draft is None:
            return
        if self.kind is Kind.FREEHAND or (wanted and len(self._hand) >= wanted):
            self._finish(view, pointer)
        else:
            self._hand = np.concatenate([self._hand, self._hand[-1:]])

    def _finish(self, view: ViewState, pointer: Pointer) -> None:
        """Keep what was drawn, unless it was only a slip of the hand."""
        store = view.work.of(Measurements)
        draft = store.draft
        hand, self._hand = self._hand, np.empty((0, 3))
        store.draw(None)
        if draft is None:
            return
        if self.kind is Kind.POLYGON:
            draft = draft.with_points(_without_repeats(hand, pointer.mm_per_pixel))
        if self.kind is Kind.FREEHAND:
            draft = draft.with_points(simplified(hand, TOLERANCE_PX * pointer.mm_per_pixel))
        if not worth_keeping(draft, SLIP_PX * pointer.mm_per_pixel):
            return
        named = placed(view, replace(draft, name=next_name(self.kind, (item.name for item in store.items))))
        if self.kind in LABELS:
            store.draw(named)
            store.words_wanted.emit(named)
        else:
            store.add([named])

    def _points(self) -> FloatArray:
        return placed_points(self.kind, self._hand, *self._axes)

    def _on_plane(self, draft: Measurement, point: FloatArray) -> FloatArray:
        """Regions and pairs of axes stay on the plane they were begun on; a line may go through the patient."""
        if not self._flat:
            return point
        normal = np.array(draft.normal)
        result: FloatArray = point - normal * float((point - self._hand[0]) @ normal)
        return result

    @property
    def _flat(self) -> bool:
        return self.kind in REGIONS or self.kind is Kind.BIDIRECTIONAL

    def _elsewhere(self, view: ViewState, pointer: Pointer) -> bool:
        """Whether a flat drawing is under way on planes of another direction than the one under the mouse."""
        draft = view.work.of(Measurements).draft
        if draft is None or not self._flat:
            return False
        return abs(float(np.array(draft.normal) @ pointer.scene.plane.normal)) < PARALLEL

    def _closes(self, view: ViewState, pointer: Pointer) -> bool:
        if len(self._hand) < 4:
            return False
        first = logical(pointer.scene.plane, self._hand[:1], pointer.ratio)[0]
        return float(np.hypot(first[0] - pointer.x, first[1] - pointer.y)) <= CLOSE_PX

    # --- moving ------------------------------------------------------------------------------------------------

    def _moved(self, hold: Hold, point: FloatArray) -> Measurement:
        step = point - self._from_mm
        if hold.handle < 0:
            return hold.measurement.shifted(step)
        target = hold.measurement.handles_mm[hold.handle] + step
        return hold.measurement.with_handle(hold.handle, target)

    def _found(self, view: ViewState, pointer: Pointer) -> Hold | None:
        """The handle or line of this kind under the mouse, the topmost first."""
        store = view.work.of(Measurements)
        mouse = np.array([pointer.x, pointer.y])
        plane, ratio = pointer.scene.plane, pointer.ratio
        lines: Hold | None = None
        for seen in reversed(store.seen_on(pointer.scene, self.kind)):
            item = seen.measurement
            if not seen.in_plane or item.origin:
                continue
            handles = item.handles_mm
            if len(handles):
                away = np.linalg.norm(logical(plane, handles, ratio) - mouse, axis=1)
                if float(away.min()) <= HANDLE_PX:
                    return Hold(item, int(away.argmin()) if len(handles) > 1 else -1)
            if lines is None and any(
                _distance(logical(plane, line, ratio), mouse) <= LINE_PX for line in item.lines_mm
            ):
                lines = Hold(item, -1)
        return lines


def logical(plane: Plane, points_mm: FloatArray, ratio: float) -> FloatArray:
    """(n, 2) positions of (n, 3) points in logical pixels of a pane."""
    found: FloatArray = (pixels(plane, points_mm) + 0.5) / ratio
    return found


def _distance(line: FloatArray, point: FloatArray) -> float:
    """Distance of a (2,) point from a line through (n, 2) corners, in their unit."""
    start, step = line[:-1], np.diff(line, axis=0)
    square = (step**2).sum(axis=1)
    share = np.divide(
        ((point - start) * step).sum(axis=1), square, out=np.zeros(len(square)), where=square > 0
    )
    foot = start + np.clip(share, 0, 1)[:, None] * step
    return float(np.linalg.norm(foot - point, axis=1).min(initial=np.inf))


def _without_repeats(points_mm: FloatArray, least_mm: float) -> FloatArray:
    """Corners without those that a double click placed twice."""
    kept = [points_mm[0]]
    kept += [after for before, after in pairwise(points_mm) if np.linalg.norm(after - before) > least_mm]
    if len(kept) > 3 and np.linalg.norm(kept[-1] - kept[0]) <= least_mm:
        kept.pop()
    return np.stack(kept)
