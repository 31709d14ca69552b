"""Move the linked point by patient position."""

from __future__ import annotations

from viewer.imaging.projection import voxel_of_ray
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
        for layer in pointer.scene.layers:
            if layer.slab is None:
                continue
            found = voxel_of_ray(
                layer.volume, pointer.scene.plane, pointer.point_mm, layer.slab, layer.interpolation
            )
            if found is not None:
                view.set_cursor(found)


TOOL = CrosshairTool()
