"""The measurements of the open studies: one store, changed through the history only (rule G11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from viewer.imaging.geometry import FloatArray
from viewer.imaging.plane import Plane
from viewer.state.measured import Result, measure
from viewer.state.measurement import FACTS, LABELS, Kind, Measurement
from viewer.state.panes import PlaneKind
from viewer.state.planes import pitch_along
from viewer.state.undo import Edit, History

if TYPE_CHECKING:
    from viewer.state.resolve import PaneScene
    from viewer.state.view import ViewState

IN_PLANE_MM = 0.01
"""A drawing so near to a plane lies in it, however thin the slices."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A measurement as a pane shows it.

    Parameters
    ----------
    measurement
        Which one.
    in_plane
        Whether it lies in the plane of the pane; otherwise only where it passes through is drawn.
    """

    measurement: Measurement
    in_plane: bool


class Measurements:
    """See the module text.

    Attributes
    ----------
    changed
        Anything changed, also what is selected or being drawn.
    edited
        What would be kept changed.
    words_wanted
        An arrow or text was placed; whoever knows its words adds it with them.
    """

    changed = Signal()
    edited = Signal()
    words_wanted = Signal(Measurement)

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self._items: dict[str, Measurement] = {}
        self._places: dict[str, int] = {}
        self._results: dict[str, tuple[tuple[object, ...], Result]] = {}
        self.draft: Measurement | None = None
        self.selected = ""
        self.hovered = ""
        self.shown = True

    # --- what is there -----------------------------------------------------------------------------------------

    @property
    def items(self) -> tuple[Measurement, ...]:
        """All of them in the order of drawing."""
        return tuple(self._items.values())

    def get(self, uid: str) -> Measurement | None:
        """The measurement with a uid, or None."""
        return self._items.get(uid)

    def result(self, measurement: Measurement) -> Result:
        """Its numbers; of a volume that is closed the last ones that were known, of a report those it states."""
        library = self._view.library
        item = library.get(measurement.volume_uid)
        version = library.version(measurement.volume_uid)
        what = (measurement.kind, measurement.points, measurement.frame_of_reference_uid)
        key = (what, version, item.volume.display_unit if item is not None else "")
        known = self._results.get(measurement.uid)
        stands = item is None or bool(measurement.origin)
        if known is not None and (known[0] == key or (stands and known[0][0] == what)):
            return known[1]
        found = measure(measurement, item)
        if measurement.uid in self._items:
            self._results[measurement.uid] = (key, found)
        return found

    def remember(self, measurement: Measurement, result: Result) -> None:
        """Numbers that were kept with a measurement; they count until its volume is open."""
        what = (measurement.kind, measurement.points, measurement.frame_of_reference_uid)
        self._results[measurement.uid] = ((what, -1, ""), result)

    def seen_on(self, scene: PaneScene, kind: Kind | None = None) -> tuple[Seen, ...]:
        """What a pane draws, of one kind or all, the selected one last, so that it lies on top."""
        if not self.shown or scene.pane.kind is PlaneKind.MIP:
            return ()
        found = [
            seen
            for item in self._items.values()
            if item.visible and kind in (None, item.kind) and (seen := self._seen(item, scene)) is not None
        ]
        return tuple(sorted(found, key=lambda seen: seen.measurement.uid == self.selected))

    def belongs(self, measurement: Measurement) -> bool:
        """Whether the planes on screen are planes of the patient that it was drawn in."""
        base = self._view.base_volume
        if base is None:
            return False
        frame = base.volume.geometry.frame_of_reference_uid
        if measurement.frame_of_reference_uid or frame:
            return measurement.frame_of_reference_uid == frame
        return measurement.volume_uid == base.volume.uid

    def _seen(self, measurement: Measurement, scene: PaneScene) -> Seen | None:
        base = self._view.base_volume
        if base is None or not measurement.points or not self.belongs(measurement):
            return None
        points = measurement.array
        away = distances_mm(scene.plane, points)
        reach = max(IN_PLANE_MM, 0.5 * pitch_along(base.volume.geometry, scene.plane.normal))
        if float(np.abs(away).max()) <= reach:
            return Seen(measurement, in_plane=True)
        outline = np.concatenate([distances_mm(scene.plane, line) for line in measurement.lines_mm])
        if float(outline.min()) < 0 <= float(outline.max()):
            return Seen(measurement, in_plane=False)
        return None

    # --- edits -------------------------------------------------------------------------------------------------

    def add(self, measurements: Iterable[Measurement]) -> None:
        """Add measurements; the last one is selected."""
        new = {item.uid: item for item in measurements}
        if new:
            self._do(f"Add {_words(new.values())}", new, next(reversed(new)))

    def change(self, before: Measurement, after: Measurement, verb: str) -> None:
        """Put another version in the place of a measurement.

        Parameters
        ----------
        before
            As it was; what `preview` showed in between is not an edit.
        after
            As it shall be, with the same uid.
        verb
            For the menu: "Move".
        """
        if before.uid not in self._items or before.origin:
            return
        self._items[before.uid] = before
        if before != after:
            text = f"{verb} {FACTS[after.kind].text.lower()}"
            self._do(text, {after.uid: after}, after.uid)
        else:
            self.changed.emit()

    def remove(self, uids: Iterable[str]) -> None:
        """Take measurements away; asks nothing, because it can be undone."""
        gone = [self._items[uid] for uid in uids if uid in self._items]
        if gone:
            self._do(f"Delete {_words(gone)}", dict.fromkeys(item.uid for item in gone), "")

    def rename(self, uid: str, name: str) -> None:
        """Call a measurement something else; of an arrow or text also what it says."""
        item = self._items.get(uid)
        words = name.strip()
        if item is not None and words:
            text = words if item.kind in LABELS else item.text
            self.change(item, replace(item, name=words, text=text), "Rename")

    def set_visible(self, uid: str, *, visible: bool) -> None:
        """Draw one or leave it out; a way of looking, so it is not in the history."""
        item = self._items.get(uid)
        if item is not None and item.visible != visible:
            self._put({uid: replace(item, visible=visible)}, self.selected)

    def _do(self, text: str, after: Mapping[str, Measurement | None], selected: str) -> None:
        before, before_selected = {uid: self._items.get(uid) for uid in after}, self.selected
        self._view.work.of(History).do(
            Edit(text, lambda: self._put(after, selected), lambda: self._put(before, before_selected))
        )

    def _put(self, changes: Mapping[str, Measurement | None], selected: str) -> None:
        """Put in what changed; None takes out. What comes back comes back to its place in the list."""
        for uid, item in changes.items():
            if item is None:
                self._items.pop(uid, None)
            else:
                self._places.setdefault(uid, len(self._places))
                self._items[uid] = item
        self._items = dict(sorted(self._items.items(), key=lambda pair: self._places[pair[0]]))
        self.selected = selected if selected in self._items else ""
        self.edited.emit()
        self.changed.emit()

    # --- what is not an edit -----------------------------------------------------------------------------------

    def preview(self, measurement: Measurement) -> None:
        """Show a measurement as it is under the moving hand."""
        if measurement.uid in self._items:
            self._items[measurement.uid] = measurement
            self.changed.emit()

    def draw(self, draft: Measurement | None) -> None:
        """Show what is being drawn, or nothing."""
        if draft != self.draft:
            self.draft = draft
            self.changed.emit()

    def select(self, uid: str) -> None:
        """Choose one, or none with an empty uid."""
        if uid != self.selected:
            self.selected = uid
            self.changed.emit()

    def hover(self, uid: str) -> None:
        """The mouse lies over one, or over none."""
        if uid != self.hovered:
            self.hovered = uid
            self.changed.emit()

    def set_shown(self, *, shown: bool) -> None:
        """Draw measurements at all."""
        self.shown = shown
        self.changed.emit()

    def bring(self, measurements: Iterable[Measurement]) -> None:
        """Take over what was kept or read; not an edit, nothing is selected."""
        new = {item.uid: item for item in measurements if item.uid not in self._items}
        if new:
            for uid in new:
                self._places.setdefault(uid, len(self._places))
            self._items.update(new)
            self.changed.emit()

    def recognise(self, known: Mapping[str, str]) -> None:
        """Put UIDs in the place of names that stood for them while their files were not yet known."""
        for uid, item in self._items.items():
            self._items[uid] = replace(
                item,
                frame_of_reference_uid=known.get(item.frame_of_reference_uid, item.frame_of_reference_uid),
                volume_uid=known.get(item.volume_uid, item.volume_uid),
                sop_instance_uid=known.get(item.sop_instance_uid, item.sop_instance_uid),
            )
            if uid in self._results:
                self.remember(self._items[uid], self._results[uid][1])
        self.changed.emit()

    def drop(self, study_uids: Iterable[str]) -> None:
        """Forget what belongs to studies that were closed; what was kept stays kept."""
        gone = set(study_uids)
        self.draft = None
        kept = {uid: item for uid, item in self._items.items() if item.study_uid not in gone}
        if len(kept) != len(self._items):
            self._items = kept
            self._results = {uid: found for uid, found in self._results.items() if uid in kept}
            self.selected = self.selected if self.selected in kept else ""
            self.changed.emit()

    def jump(self, uid: str) -> None:
        """Select one and bring the linked point to it."""
        item = self._items.get(uid)
        if item is not None:
            self.select(uid)
            if item.points and self.belongs(item):
                self._view.set_cursor(item.middle_mm)


def _words(measurements: Iterable[Measurement]) -> str:
    several = tuple(measurements)
    return FACTS[several[0].kind].text.lower() if len(several) == 1 else f"{len(several)} measurements"


def distances_mm(plane: Plane, points_mm: FloatArray) -> FloatArray:
    """(n,) signed distances of (n, 3) points from a plane, along its normal."""
    away: FloatArray = (points_mm - plane.origin_mm) @ plane.normal
    return away


def pixels(plane: Plane, points_mm: FloatArray) -> FloatArray:
    """(n, 2) columns and rows of (n, 3) points, seen along the normal of a plane."""
    offset = points_mm - plane.origin_mm
    square = plane.mm_per_pixel**2
    columns_rows: FloatArray = np.stack([offset @ plane.u_mm, offset @ plane.v_mm], axis=-1) / square
    return columns_rows
