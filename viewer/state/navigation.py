"""What keys, wheel and buttons do to the view, in terms of its own methods."""

from __future__ import annotations

import numpy as np

from viewer.imaging.orientation import acquired_frame
from viewer.state.arrangement import Arrangement
from viewer.state.curve import CurvedPath
from viewer.state.layers import Role
from viewer.state.panes import Density, PlaneKind
from viewer.state.planes import grid_axis, pitch_along, share_inside
from viewer.state.view import ViewState

MIP_STEP_DEG = 5.0
"""Turn of the projection for one step of the wheel."""


def scroll(view: ViewState, kind: PlaneKind, steps: int) -> None:
    """Move the linked point along the normal of a plane kind by slices; a projection and a curved picture turn instead.

    Steps follow acquired slices where the plane is parallel to them, else the voxel pitch along the normal. Positive
    steps go towards the head, the left and the back.
    """
    item = view.base_volume
    if item is None or steps == 0:
        return
    if kind is PlaneKind.MIP:
        view.set_mip_angle(view.mip_angle_deg + MIP_STEP_DEG * steps)
        return
    if kind is PlaneKind.CURVED:
        view.work.of(CurvedPath).turn(steps)
        return
    geometry = item.volume.geometry
    normal = view.normal(kind)
    axis = grid_axis(geometry, normal)
    if axis is None:
        step = normal * steps * pitch_along(geometry, normal)
        view.set_cursor(view.cursor_mm + step * share_inside(geometry, view.cursor_mm, step))
        return
    index = geometry.to_index(view.cursor_mm)
    sign = 1 if geometry.patient_from_index[:3, axis] @ normal >= 0 else -1
    index[axis] = round(float(index[axis])) + sign * steps
    view.set_cursor(geometry.to_patient(np.clip(index, 0, np.array(geometry.shape) - 1)))


def scroll_to_end(view: ViewState, kind: PlaneKind, *, last: bool) -> None:
    """First or last slice of a plane kind (keys Home, End)."""
    item = view.base_volume
    if item is not None and kind is not PlaneKind.CURVED:
        scroll(view, kind, (1 if last else -1) * max(item.volume.geometry.shape) * 4)


def cycle_pane(view: ViewState, steps: int) -> None:
    """Next or previous pane of the window that has the active one (keys Left, Right)."""
    panes = view.layout.panes if view.layout.pane(view.active.id) is not None else view.elsewhere
    ids = [pane.id for pane in panes]
    view.activate(ids[(ids.index(view.active.id) + steps) % len(ids)])


def toggle_maximised(shown: Arrangement, pane_id: str) -> None:
    """Maximise a pane or restore the grid (double click)."""
    shown.maximise("" if shown.maximised else pane_id)


def toggle_patient_planes(view: ViewState) -> None:
    """Between the acquired planes and the patient's own (rule A20)."""
    item = view.base_volume
    if item is not None:
        own = acquired_frame(item.volume.geometry.patient_from_index)
        view.set_frame(own if np.allclose(view.frame, np.eye(3)) else np.eye(3))


def cycle_density(view: ViewState) -> None:
    """Full, minimal, off (key D)."""
    order = tuple(Density)
    view.set_display(density=order[(order.index(view.density) + 1) % len(order)])


def swap_layers(view: ViewState) -> None:
    """Exchange base and overlay (key Shift+F)."""
    if view.base is not None and view.overlay is not None:
        view.exchange()


def set_opacity(view: ViewState, opacity: float) -> None:
    """Opacity of the overlay, clipped to 0..1."""
    view.update_layer(Role.OVERLAY, opacity=round(min(1.0, max(0.0, opacity)), 4))
