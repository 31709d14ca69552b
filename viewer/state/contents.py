"""Questions about what a view shows."""

from __future__ import annotations

from viewer.state.layers import Role
from viewer.state.panes import Pane
from viewer.state.view import ViewState


def same_frame_of_reference(view: ViewState) -> bool:
    """Rule D30: an overlay is drawn without question only for equal, non-empty FrameOfReferenceUID."""
    base, overlay = view.volume(Role.BASE), view.volume(Role.OVERLAY)
    if base is None or overlay is None:
        return True
    uid = base.volume.geometry.frame_of_reference_uid
    return bool(uid) and uid == overlay.volume.geometry.frame_of_reference_uid


def window_role(view: ViewState, pane: Pane) -> Role:
    """The layer a window drag in a pane acts on: the one it shows, or the active one when it shows both."""
    roles = view.roles_of(pane)
    return view.active_role if view.active_role in roles or not roles else roles[0]
