"""Volumes that are shown elsewhere than they were acquired: moved by hand, by a registration, by an object (rule D31).

The voxels stay as they are; only where they lie changes, so every plane, reading and measurement follows. A moved
volume takes the frame of reference of what it was moved onto and says so in every pane for as long as it is moved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from psygnal import Signal

from viewer.imaging.coarse import elsewhere
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.rigid import angle_deg, farthest_mm
from viewer.state.layers import Role
from viewer.state.undo import Edit, History
from viewer.state.view import ViewState

LEAST_MM = 1e-3
"""A movement that takes no corner farther is none."""


class How(StrEnum):
    """Where a placement came from."""

    HAND = "by hand"
    AUTOMATIC = "automatically"
    OBJECT = "by a registration object"
    CENTRES = "so that the centres meet"


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a volume was put.

    Parameters
    ----------
    matrix
        (4, 4), LPS mm as acquired to LPS mm as shown.
    how
        Where it came from.
    """

    matrix: FloatArray
    how: How


class Alignment:
    """See the module text.

    Attributes
    ----------
    changed
        A volume was put elsewhere.
    """

    changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self._placements: dict[str, Placement] = {}
        self._acquired: dict[str, VolumeGeometry] = {}
        view.library.volume_removed.connect(self._forget)

    def placement(self, uid: str) -> Placement | None:
        """Where a volume was put, None when it lies where it was acquired."""
        return self._placements.get(uid)

    def acquired(self, uid: str) -> VolumeGeometry | None:
        """The geometry of an open volume as it was acquired."""
        item = self._view.library.get(uid)
        return self._acquired.get(uid) or (None if item is None else item.volume.geometry)

    def place(self, uid: str, placement: Placement | None) -> None:
        """Show an open volume elsewhere, or where it was acquired; not undoable, see `move`."""
        item, geometry = self._view.library.get(uid), self.acquired(uid)
        if item is None or geometry is None or not geometry.oriented:
            return
        if placement is None or farthest_mm(placement.matrix, geometry.corners_mm()) < LEAST_MM:
            self._placements.pop(uid, None)
            self._acquired.pop(uid, None)
            shown = geometry
        else:
            self._placements[uid] = placement
            self._acquired[uid] = geometry
            shown = replace(
                geometry,
                patient_from_index=placement.matrix @ geometry.patient_from_index,
                frame_of_reference_uid=self._target(uid) or geometry.frame_of_reference_uid,
            )
        self._view.library.replace(replace(item, volume=elsewhere(item.volume, shown)))
        self.changed.emit()
        self._view.layers_changed.emit()

    def move(self, uid: str, placement: Placement | None, text: str) -> None:
        """Put a volume elsewhere, None for where it was acquired, so that it can be undone as `text`."""
        self._remember(uid, placement, self.placement(uid), text)

    def moved(self, uid: str, before: Placement | None, text: str) -> None:
        """A drag that began at `before` has ended: all of it is undone as one step."""
        self._remember(uid, self.placement(uid), before, text)

    def _remember(self, uid: str, after: Placement | None, before: Placement | None, text: str) -> None:
        self._view.work.of(History).do(
            Edit(text, lambda: self.place(uid, after), lambda: self.place(uid, before))
        )

    def text(self, uid: str) -> str:
        """What panes say about a moved volume, "" when it was not moved."""
        placement, geometry = self.placement(uid), self.acquired(uid)
        if placement is None or geometry is None:
            return ""
        centre = geometry.centre_mm
        away = placement.matrix[:3, :3] @ centre + placement.matrix[:3, 3] - centre
        distance = float(np.linalg.norm(away))
        return f"moved {placement.how}: {distance:.1f} mm, {angle_deg(placement.matrix):.1f}°"

    def _target(self, uid: str) -> str:
        """Frame of reference of what a volume is moved onto."""
        base = self._view.volume(Role.BASE)
        if base is None or base.volume.uid == uid:
            return ""
        return base.volume.geometry.frame_of_reference_uid

    def _forget(self, uid: str) -> None:
        self._placements.pop(uid, None)
        self._acquired.pop(uid, None)


def moving_uid(view: ViewState) -> str:
    """The volume that tools and registrations move: the overlay of two; "" when there is nothing to move."""
    base, overlay = view.volume(Role.BASE), view.volume(Role.OVERLAY)
    if base is None or overlay is None:
        return ""
    both = base.volume.geometry, overlay.volume.geometry
    return overlay.volume.uid if all(g.oriented and g.calibrated for g in both) else ""
