"""Move the linked point by patient position."""

from __future__ import annotations

import numpy as np

from viewer.imaging.projection import brightest_along
from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState
from viewer.ui.tools import Pointer


class CrosshairTool:
    """Puts the linked point under the mouse; on a projection at the voxel that made the pixel."""

    id = "crosshair"
    text = "Crosshair"
    icon = "crosshair"
    order = 20

    def press(self, view: ViewState, pointer: Pointer) -> None:
        """Jump there."""
        self.drag(view, pointer)

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        """Follow the mouse."""
        if pointer.pane.kind is not PlaneKind.MIP:
            view.set_cursor(pointer.point_mm)
            return
        if pointer.scene.layers:
            volume = pointer.scene.layers[0].volume
            found = brightest_along(volume, pointer.point_mm, np.asarray(pointer.scene.plane.normal))
            if found is not None:
                view.set_cursor(found)


TOOL = CrosshairTool()
