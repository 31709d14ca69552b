"""Zoom about a point: the patient point under the hand stays under the hand."""

from __future__ import annotations

import numpy.typing as npt

from viewer.state.resolve import PaneScene
from viewer.state.view import ZOOM_RANGE, ViewState


def zoom_about(view: ViewState, scene: PaneScene, point_mm: npt.ArrayLike, factor: float) -> None:
    """Multiply the zoom of a pane's plane kind, keeping an LPS point at its place on screen.

    Parameters
    ----------
    scene
        What the pane shows now.
    point_mm
        (3,) the fixed point.
    factor
        Over 1 is nearer.
    """
    kind = scene.pane.kind
    framing = view.framing(kind)
    zoom = min(ZOOM_RANGE[1], max(ZOOM_RANGE[0], framing.zoom * factor))
    right, down = view.axes(kind)
    column, row, _ = scene.place(point_mm)
    offset = scene.plane.at(column, row) - scene.plane.centre_mm
    share = 1.0 - framing.zoom / zoom
    pan = (
        framing.pan_mm[0] + float(offset @ right) * share,
        framing.pan_mm[1] + float(offset @ down) * share,
    )
    view.update_framing(kind, zoom=zoom, pan_mm=pan)
