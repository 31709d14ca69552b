"""Two studies on screen: are they of one person, from when, and do both windows go together (rule E22)."""

from __future__ import annotations

import numpy as np
from psygnal import Signal

from viewer.imaging.rigid import shift
from viewer.state.alignment import Alignment, How, Placement, moving_uid
from viewer.state.contents import same_frame_of_reference
from viewer.state.hanging import COMPARISON
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import OpenVolume
from viewer.state.view import ViewState
from viewer.state.wording import date_text


def other_patient(view: ViewState) -> bool:
    """Whether base and overlay are of different patients."""
    base, overlay = view.volume(Role.BASE), view.volume(Role.OVERLAY)
    return base is not None and overlay is not None and base.study.patient.key != overlay.study.patient.key


def study_date_text(view: ViewState, item: OpenVolume) -> str:
    """The date of a study while another one is on screen beside it, "" otherwise."""
    base, overlay = view.volume(Role.BASE), view.volume(Role.OVERLAY)
    if base is None or overlay is None or base.study.uid == overlay.study.uid:
        return ""
    return f"study of {date_text(item.study.date) or 'an unknown date'}"


class Comparison:
    """A study that was added to be compared with the one on screen.

    Attributes
    ----------
    changed
        A study is awaited.
    """

    changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self._known: frozenset[str] | None = None
        view.library.catalogue_changed.connect(self._follow)

    def await_study(self) -> None:
        """What comes next from another study than those that are known is shown beside what is there."""
        self._known = frozenset(study.uid for study in self._view.library.catalogue.studies)
        self.changed.emit()

    def added(self, item: OpenVolume) -> bool:
        """Whether a volume is of a study that was added to compare with."""
        base = self._view.volume(Role.BASE)
        return self._known is not None and base is not None and item.study.uid not in self._known

    def show_beside(self, layer: ImageLayer) -> None:
        """Show an added volume below the base, or as the user hangs comparisons; others wait in the study browser.

        Where the two have nothing in common, not even a place, their centres are brought together, which is marked
        like every movement.
        """
        item, base = self._view.library.get(layer.volume_uid), self._view.volume(Role.BASE)
        if item is None or base is None or item.series.modality != base.series.modality:
            return
        if not item.stack.multiplanar:
            return
        self._view.set_overlay(layer)
        if not self._view.hanging.chosen(COMPARISON):
            self._view.set_layout("compare", remember=False)
        if not same_frame_of_reference(self._view) and apart(base, item):
            bring_together(self._view)

    def _follow(self) -> None:
        if not self._view.library.catalogue.studies:
            self._known = None


def apart(one: OpenVolume, other: OpenVolume) -> bool:
    """Whether the boxes of two volumes have no point in common."""
    corners = [item.volume.geometry.corners_mm() for item in (one, other)]
    low, high = [c.min(axis=0) for c in corners], [c.max(axis=0) for c in corners]
    return bool(np.any(np.maximum(*low) > np.minimum(*high)))


def bring_together(view: ViewState) -> None:
    """Move the overlay so that its centre lies on that of the base."""
    uid, base = moving_uid(view), view.volume(Role.BASE)
    alignment = view.work.of(Alignment)
    acquired = alignment.acquired(uid)
    if base is not None and acquired is not None:
        away = base.volume.geometry.centre_mm - acquired.centre_mm
        alignment.move(uid, Placement(shift(away), How.CENTRES), "Centres together")


class LinkedWindows:
    """Both series of one quantity keep the same window while this is on.

    Attributes
    ----------
    changed
        Switched on or off.
    """

    changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self.on = False
        view.layers_changed.connect(self._follow)

    def toggle(self) -> None:
        """Switch on, with the window of the active layer, or off."""
        self.on = not self.on
        self.changed.emit()
        self._follow()

    def possible(self) -> bool:
        """Whether both series are in one quantity."""
        base, overlay = self._view.volume(Role.BASE), self._view.volume(Role.OVERLAY)
        return (
            base is not None and overlay is not None and base.volume.preset_unit == overlay.volume.preset_unit
        )

    def _follow(self) -> None:
        view = self._view
        if not self.on or not self.possible():
            return
        other = Role.OVERLAY if view.active_role is Role.BASE else Role.BASE
        leading, led = view.layer(view.active_role), view.layer(other)
        if leading is not None and led is not None and leading.window != led.window:
            view.set_window(other, leading.window, leading.window_name)
