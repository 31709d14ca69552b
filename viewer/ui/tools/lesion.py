"""A lesion on a PET: a click finds it, a drag limits it to a sphere."""

from __future__ import annotations

from viewer.imaging.geometry import FloatArray
from viewer.imaging.lesion import Drawing
from viewer.imaging.projection import voxel_of_ray
from viewer.state.lesion_shapes import dragged_sphere
from viewer.state.lesions import Lesions
from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState
from viewer.ui.tools import Pointer


class LesionTool:
    """A click grows the lesion around the hottest voxel near it; a drag takes the isocontour within a sphere."""

    id = "lesion"
    text = "Lesion on PET: click it, or drag a limit"
    icon = "lesion"
    order = 200
    family = "PET regions"

    def __init__(self) -> None:
        self._idle = False

    def hover(self, view: ViewState, pointer: Pointer) -> str:
        """A cross."""
        return "cross"

    def click(self, view: ViewState, pointer: Pointer) -> None:
        """Grow; on a projection from the voxel that made the pixel."""
        store = view.work.of(Lesions)
        if pointer.pane.kind is not PlaneKind.MIP:
            store.grow(pointer.pane, pointer.point_mm)
            return
        found = _hit(pointer)
        made = None if found is None else store.grow(pointer.pane, found)
        if made is not None:
            store.jump(made.uid)

    def press(self, view: ViewState, pointer: Pointer) -> None:
        """The centre of the limit."""
        self._idle = False

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        """Its radius."""
        store = view.work.of(Lesions)
        item = store.series(pointer.pane)
        if item is not None and not self._idle:
            sphere = dragged_sphere(pointer.press_mm, pointer.point_mm)
            store.draw(pointer.pane, Drawing(sphere, store.new_threshold(item)))

    def release(self, view: ViewState, pointer: Pointer) -> None:
        """Keep it."""
        view.work.of(Lesions).finish()

    def interrupt(self, view: ViewState) -> None:
        """Half a region is none: as if it had been given up."""
        self.cancel(view)

    def cancel(self, view: ViewState) -> bool:
        """Forget what is being drawn; the rest of the drag does nothing."""
        self._idle = view.work.of(Lesions).give_up()
        return self._idle


def _hit(pointer: Pointer) -> FloatArray | None:
    """LPS centre of the voxel that made the pixel of a projection."""
    for layer in pointer.scene.layers:
        if layer.slab is not None:
            return voxel_of_ray(
                layer.volume, pointer.scene.plane, pointer.point_mm, layer.slab, layer.interpolation
            )
    return None


TOOL = LesionTool()
