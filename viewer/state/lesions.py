"""The lesions of the open PET series: one store, changed through the history only.

A lesion is how it was drawn (`viewer.imaging.lesion.Drawing`), never a copy of voxels: its outline and its numbers
follow the SUV inputs, and come out the same when the study is opened again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from viewer.imaging.body_size import is_uptake
from viewer.imaging.lesion import REACH_MM, Drawing, Outlined, Trouble, outlined
from viewer.imaging.uptake import (
    LIVER_RADIUS_MM,
    Threshold,
    ThresholdKind,
    Uptake,
    measure,
    percist_threshold,
)
from viewer.imaging.voi import Region, Sphere, union
from viewer.state.layers import Role
from viewer.state.library import OpenVolume
from viewer.state.suv_edit import uptake_ratio
from viewer.state.undo import Edit, History

if TYPE_CHECKING:
    from viewer.state.panes import Pane
    from viewer.state.view import ViewState

PALETTE = ("#4fc3f7", "#81e36a", "#f78fe8", "#ffd54f", "#b39dff", "#4de0c2", "#ff9e6b", "#e6e6e6")
"""Colours of lesions in turn: apart from each other and from the red and yellow of a hot PET."""
LIVER_COLOUR = "#e6e6e6"
FUNCTIONAL = ("PT", "NM")
"""Modalities whose values are an uptake."""
SMALLEST_MM = 2.0
"""A drag shorter than this draws nothing."""


@dataclass(frozen=True)
class Lesion:
    """A lesion, or the liver reference.

    Parameters
    ----------
    uid
        Identity, a DICOM UID, the same in every file that speaks of the lesion.
    volume_uid
        The PET series it belongs to.
    name
        As the user calls it.
    drawing
        How it was drawn.
    colour
        #rrggbb.
    visible
        Whether its outline is drawn.
    liver
        It is the reference for the PERCIST threshold, not a lesion.
    """

    uid: str
    volume_uid: str
    name: str
    drawing: Drawing
    colour: str
    visible: bool = True
    liver: bool = False


@dataclass(frozen=True, eq=False)
class Measured:
    """A lesion with its voxels and numbers.

    Parameters
    ----------
    lesion
        Which one.
    outlined
        Its voxels, or why it has none; None while the series is not open or still loading.
    uptake
        Its numbers in `unit`; None without voxels.
    unit
        Quantity of the numbers, as shown: "SUV", "SUL Janma*", "Bq/mL".
    """

    lesion: Lesion
    outlined: Outlined | None
    uptake: Uptake | None
    unit: str = ""

    @property
    def region(self) -> Region | None:
        """Its voxels."""
        return None if self.outlined is None or self.outlined.trouble else self.outlined.region


@dataclass(frozen=True)
class Totals:
    """Sums over the lesions of a series, without the liver; a voxel of two lesions is counted once.

    Parameters
    ----------
    count
        Lesions with voxels.
    max
        Highest value.
    volume_ml, glycolysis
        Total MTV and TLG.
    """

    count: int
    max: float
    volume_ml: float
    glycolysis: float


class Lesions:
    """See the module text.

    Attributes
    ----------
    changed
        Anything changed, also what is selected or being drawn.
    edited
        uid of a series whose lesions, as they would be kept, changed.
    told
        A sentence for the user: why nothing was made.
    """

    changed = Signal()
    edited = Signal(str)
    told = Signal(str)

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self._items: tuple[Lesion, ...] = ()
        self._known: dict[str, tuple[tuple[object, ...], Measured]] = {}
        self.selected = ""
        self.draft: Lesion | None = None
        self.threshold = Threshold(ThresholdKind.PERCENT, 41.0)

    # --- which series ------------------------------------------------------------------------------------------

    def series(self, pane: Pane | None = None) -> OpenVolume | None:
        """The PET that is meant: the one a pane shows on top, else the overlay, else the base."""
        shown = self._view.roles_of(pane) if pane is not None else ()
        for role in (*reversed(shown), Role.OVERLAY, Role.BASE):
            item = self._view.volume(role)
            if item is not None and item.volume.modality in FUNCTIONAL and not item.volume.is_colour:
                return item
        return None

    def of(self, volume_uid: str) -> tuple[Lesion, ...]:
        """Lesions and liver reference of a series, in the order they were made."""
        return tuple(lesion for lesion in self._items if lesion.volume_uid == volume_uid)

    def get(self, uid: str) -> Lesion | None:
        """The lesion with a uid."""
        return next((lesion for lesion in self._items if lesion.uid == uid), None)

    def shown(self) -> tuple[Lesion, ...]:
        """Visible lesions of the series in view, what is being drawn last."""
        uids = {layer.volume_uid for layer in (self._view.base, self._view.overlay) if layer is not None}
        found = tuple(lesion for lesion in self._items if lesion.visible and lesion.volume_uid in uids)
        return found if self.draft is None else (*found, self.draft)

    # --- numbers -----------------------------------------------------------------------------------------------

    def measured(self, lesion: Lesion) -> Measured:
        """A lesion with its voxels and numbers; computed once for each state of the series."""
        item = self._view.library.get(lesion.volume_uid)
        if item is None or not item.volume.ready.all():
            return Measured(lesion, None, None)
        percist = None
        if lesion.drawing.threshold.kind is ThresholdKind.PERCIST and not lesion.liver:
            percist = self.percist(lesion.volume_uid)
        key = (lesion.drawing, self._view.library.version(lesion.volume_uid), percist)
        kept = self._known.get(lesion.uid)
        if kept is not None and kept[0] == key:
            return replace(kept[1], lesion=lesion)
        found = _measure(lesion, item, percist)
        self._known[lesion.uid] = (key, found)
        return found

    def liver(self, volume_uid: str) -> Measured | None:
        """The liver reference of a series."""
        found = next((lesion for lesion in self.of(volume_uid) if lesion.liver), None)
        return None if found is None else self.measured(found)

    def percist(self, volume_uid: str) -> float | None:
        """1.5 x mean + 2 SD of the liver reference in the displayed quantity; None without one (rule D22)."""
        found = self.liver(volume_uid)
        if found is None or found.uptake is None or found.uptake.sd is None:
            return None
        return percist_threshold(found.uptake.mean, found.uptake.sd)

    def totals(self, volume_uid: str) -> Totals | None:
        """Sums over the lesions of a series; None without any voxel."""
        item = self._view.library.get(volume_uid)
        found = [self.measured(lesion) for lesion in self.of(volume_uid) if not lesion.liver]
        regions = [one.region for one in found if one.region is not None]
        if item is None or not regions:
            return None
        together = union(regions)
        values = measure(item.volume, together, with_peak=False)
        if values is None:
            return None
        return Totals(len(regions), values.max, values.volume_ml, values.glycolysis)

    # --- making ------------------------------------------------------------------------------------------------

    def draw(self, pane: Pane, drawing: Drawing) -> None:
        """Show what a drag would make."""
        item = self.series(pane)
        if item is None:
            return
        self.draft = Lesion("", item.volume.uid, "", drawing, self._colour(item.volume.uid))
        self.changed.emit()

    def give_up(self) -> bool:
        """Forget what is being drawn; whether there was anything."""
        if self.draft is None:
            return False
        self.draft = None
        self.changed.emit()
        return True

    def finish(self, text: str = "Add lesion") -> Lesion | None:
        """Keep what is being drawn."""
        draft, self.draft = self.draft, None
        if draft is None:
            return None
        item = self._view.library.get(draft.volume_uid)
        if item is None or _size_mm(draft.drawing) < SMALLEST_MM:
            self.changed.emit()
            return None
        return self.add(item, draft.drawing, text=text)

    def grow(self, pane: Pane | None, point_mm: npt.ArrayLike) -> Lesion | None:
        """One click: the lesion around the hottest voxel near a point, or the one that is there already."""
        item = self.series(pane)
        if item is None:
            self.told.emit("Lesions are measured on a PET series; none is in view.")
            return None
        there = self.at(item, point_mm)
        if there is not None:
            self.select(there.uid)
            return there
        x, y, z = (float(value) for value in np.asarray(point_mm))
        return self.add(item, Drawing(Sphere((x, y, z), REACH_MM), self.new_threshold(item), grown=True))

    def choose_threshold(self, threshold: Threshold) -> None:
        """The threshold of lesions made from now on."""
        self.threshold = threshold
        self.changed.emit()

    def new_threshold(self, item: OpenVolume) -> Threshold:
        """The threshold of the next lesion; fixed SUV and PERCIST need an SUV, else it is 41 % of the maximum."""
        if self.threshold.kind is ThresholdKind.PERCENT or is_uptake(item.volume.display_unit):
            return self.threshold
        return Threshold(ThresholdKind.PERCENT, 41.0)

    def add(
        self, item: OpenVolume, drawing: Drawing, *, liver: bool = False, text: str = "Add lesion"
    ) -> Lesion | None:
        """Make a lesion, or the liver reference of a series in place of the one before.

        Returns
        -------
        Lesion or None
            None when it would hold no voxel; `told` then says why.
        """
        uid = item.volume.uid
        if not item.volume.ready.all():
            self.told.emit("The PET series is still loading.")
            return None
        name = "Liver" if liver else self._name(uid)
        colour = LIVER_COLOUR if liver else self._colour(uid)
        lesion = Lesion(new_uid(), uid, name, drawing, colour, liver=liver)
        found = self.measured(lesion)
        if found.outlined is None or found.outlined.trouble is not None:
            trouble = Trouble.NO_VALUE if found.outlined is None else found.outlined.trouble
            self.told.emit(f"No lesion here: {trouble}.")
            self.changed.emit()
            return None
        self.selected = lesion.uid
        kept = tuple(old for old in self._items if not (liver and old.liver and old.volume_uid == uid))
        self._do(text, (*kept, lesion))
        return lesion

    def set_liver(self, point_mm: npt.ArrayLike) -> Lesion | None:
        """Put the liver reference, a sphere of 3 cm, at a point."""
        item = self.series()
        if item is None:
            self.told.emit("The liver reference belongs to a PET series; none is in view.")
            return None
        x, y, z = (float(value) for value in np.asarray(point_mm))
        drawing = Drawing(Sphere((x, y, z), LIVER_RADIUS_MM), Threshold(ThresholdKind.WHOLE))
        return self.add(item, drawing, liver=True, text="Set liver reference")

    # --- changing ----------------------------------------------------------------------------------------------

    def change(self, uid: str, text: str, **changes: object) -> None:
        """Change fields of a lesion (`name`, `drawing`, `colour`, `visible`)."""
        old = self.get(uid)
        if old is None:
            return
        new = replace(old, **changes)  # type: ignore[arg-type]
        if new != old:
            self._do(text, tuple(new if lesion.uid == uid else lesion for lesion in self._items))

    def set_threshold(self, uid: str, threshold: Threshold) -> None:
        """Give a lesion another threshold."""
        lesion = self.get(uid)
        if lesion is not None:
            self.change(uid, "Change threshold", drawing=replace(lesion.drawing, threshold=threshold))

    def move(self, uid: str, drawing: Drawing) -> None:
        """Show a lesion elsewhere while it is dragged; `moved` makes it an edit."""
        self._items = tuple(
            replace(lesion, drawing=drawing) if lesion.uid == uid else lesion for lesion in self._items
        )
        self.changed.emit()

    def moved(self, uid: str, before: Drawing) -> None:
        """A drag of a lesion is over."""
        lesion = self.get(uid)
        if lesion is None or lesion.drawing == before:
            return
        after = self._items
        old = tuple(replace(one, drawing=before) if one.uid == uid else one for one in self._items)
        self._items = old
        self._do("Move lesion", after)

    def remove(self, uids: Iterable[str]) -> None:
        """Delete lesions; nothing is asked, all of it can be undone (rule G11)."""
        gone = set(uids)
        kept = tuple(lesion for lesion in self._items if lesion.uid not in gone)
        if kept != self._items:
            self._do("Delete lesion" if len(self._items) - len(kept) == 1 else "Delete lesions", kept)

    def restore(self, lesions: Iterable[Lesion]) -> None:
        """Put lesions back that were kept from an earlier session; not an edit."""
        known = {lesion.uid for lesion in self._items}
        new = tuple(lesion for lesion in lesions if lesion.uid not in known)
        if new:
            self._items = (*self._items, *new)
            self.changed.emit()

    def drop(self, volume_uids: Iterable[str]) -> None:
        """Forget the lesions of series that are closed; not an edit."""
        gone = set(volume_uids)
        kept = tuple(lesion for lesion in self._items if lesion.volume_uid not in gone)
        if kept != self._items:
            self._items, self.selected, self.draft = kept, "", None
            self.changed.emit()

    def select(self, uid: str) -> None:
        """Choose a lesion in table and panes; "" for none."""
        if uid != self.selected:
            self.selected = uid
            self.changed.emit()

    def jump(self, uid: str) -> None:
        """Move the linked point to the hottest voxel of a lesion, or to its centre when it has none."""
        lesion = self.get(uid)
        if lesion is None:
            return
        uptake = self.measured(lesion).uptake
        centre = lesion.drawing.shape.centre_mm
        self.select(uid)
        self._view.set_cursor(centre if uptake is None or lesion.liver else uptake.max_mm)

    def at(self, item: OpenVolume, point_mm: npt.ArrayLike) -> Lesion | None:
        """The visible lesion that holds the voxel at a point; the last made when several do."""
        index = np.floor(item.volume.geometry.to_index(point_mm) + 0.5).astype(int)
        for lesion in reversed(self.of(item.volume.uid)):
            region = self.measured(lesion).region
            if region is None or not lesion.visible:
                continue
            inside = index - np.array(region.start)
            if (inside >= 0).all() and (inside < region.mask.shape).all() and region.mask[tuple(inside)]:
                return lesion
        return None

    # --- inside ------------------------------------------------------------------------------------------------

    def _do(self, text: str, after: tuple[Lesion, ...]) -> None:
        before = self._items
        touched = {lesion.volume_uid for lesion in set(before) ^ set(after)}

        def take(items: tuple[Lesion, ...]) -> None:
            self._items = items
            self.changed.emit()
            for uid in touched:
                self.edited.emit(uid)

        self._view.work.of(History).do(Edit(text, lambda: take(after), lambda: take(before)))

    def _name(self, volume_uid: str) -> str:
        taken = {lesion.name for lesion in self.of(volume_uid)}
        number = 1
        while f"L{number}" in taken:
            number += 1
        return f"L{number}"

    def _colour(self, volume_uid: str) -> str:
        made = [lesion for lesion in self.of(volume_uid) if not lesion.liver]
        return PALETTE[len(made) % len(PALETTE)]


def new_uid() -> str:
    """A DICOM UID made from a random number (PS3.5 B.2)."""
    return f"2.25.{secrets.randbits(127) | 1 << 126}"


def threshold_text(threshold: Threshold) -> str:
    """A threshold in words: "41 % of max", "≥ 2.50 SUV", "PERCIST", "whole shape"."""
    if threshold.kind is ThresholdKind.PERCENT:
        return f"{threshold.value:g} % of max"
    if threshold.kind is ThresholdKind.FIXED:
        return f"≥ {threshold.value:.2f} {threshold.unit}".rstrip()
    return "PERCIST" if threshold.kind is ThresholdKind.PERCIST else "whole shape"


def _measure(lesion: Lesion, item: OpenVolume, percist: float | None) -> Measured:
    drawing, unit = lesion.drawing, item.volume.display_unit
    threshold = drawing.threshold
    if threshold.kind is ThresholdKind.FIXED and threshold.unit:
        ratio = uptake_ratio(item, threshold.unit, item.volume.preset_unit)
        if ratio is None:
            nothing = Region((0, 0, 0), np.zeros((0, 0, 0), bool))
            return Measured(lesion, Outlined(nothing, trouble=Trouble.UNIT), None, unit)
        drawing = replace(drawing, threshold=replace(threshold, value=threshold.value * ratio))
    found = outlined(item.volume, drawing, percist)
    return Measured(lesion, found, measure(item.volume, found.region), unit)


def _size_mm(drawing: Drawing) -> float:
    if isinstance(drawing.shape, Sphere):
        return drawing.shape.radius_mm
    return float(np.linalg.norm(np.array(drawing.shape.half_axes_mm), axis=1).min())
