"""Prone and decubitus patients as they lay (rule A22): the side that was down on the table is down in the axial pane.

By default panes are radiological whatever the acquisition. The switch turns the axial picture by a quarter or a half,
so nothing is mirrored; the sagittal and coronal panes stay, because they would become views from behind.
"""

from __future__ import annotations

import numpy as np

from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.orientation import Anatomy, letters, nearest_anatomy, plane_axes
from viewer.state.oblique import straighten
from viewer.state.panes import PlaneKind, quarter_turned
from viewer.state.view import ViewState

_DOWN_OF_POSITION = {
    # Patient Position (0018,5100): which side faces the table (PS3.3 C.7.3.1.1.2), as an LPS direction.
    "S": (0.0, 1.0, 0.0),
    "P": (0.0, -1.0, 0.0),
    "DR": (-1.0, 0.0, 0.0),
    "DL": (1.0, 0.0, 0.0),
}
_SIDES = {"A": "front", "P": "back", "L": "left side", "R": "right side"}


def toggle_as_acquired(view: ViewState) -> None:
    """Between the radiological display and the patient as they lay."""
    straighten(view)
    turns = 0 if shown_as_acquired(view) else acquired_turns(view)
    view.update_framing(PlaneKind.AXIAL, quarter_turns=turns, pan_mm=(0.0, 0.0))


def shown_as_acquired(view: ViewState) -> bool:
    """Whether the axial picture is turned."""
    return view.framing(PlaneKind.AXIAL).quarter_turns != 0


def acquired_turns(view: ViewState) -> int:
    """Quarter turns from the radiological axial picture to the patient as they lay; 0 also when that is unknown."""
    item = view.base_volume
    if item is None or not item.volume.geometry.oriented or not item.stack.multiplanar:
        return 0
    right, down = plane_axes(Anatomy.AXIAL, view.frame)
    for wanted in _down_directions(item.volume.geometry, item.stack.report.patient_position):
        turns = max(range(4), key=lambda n: float(quarter_turned(right, down, n)[1] @ wanted))
        if turns:
            return turns
    return 0


def turned_text(view: ViewState) -> str:
    """What a turned axial picture says for as long as it is turned; "" when it is radiological."""
    if not shown_as_acquired(view):
        return ""
    _, down = view.axes(PlaneKind.AXIAL)
    return f"as acquired: {_SIDES.get(letters(down)[0], 'patient')} down"


def _down_directions(geometry: VolumeGeometry, position: str) -> list[FloatArray]:
    """Where down was: the columns of axial slices as they are stored, then what Patient Position says."""
    found: list[FloatArray] = []
    if nearest_anatomy(geometry.slice_normal) is Anatomy.AXIAL:
        found.append(np.asarray(geometry.patient_from_index[:3, 1]))
    named = _DOWN_OF_POSITION.get(position.strip().upper()[2:])
    if named is not None:
        found.append(np.array(named))
    return found
