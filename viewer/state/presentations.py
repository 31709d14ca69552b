"""Presentation states of the open studies: which there are, and their look for the volume they are for.

Grey values are the same on every plane; the displayed area, the shutter and the overlays of a presentation state are
about images, so they count on the planes of the acquisition only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.presentation import as_table
from viewer.imaging.window import SMALLEST_WIDTH, Voi, VoiFunction, Window
from viewer.state.first_window import volume_range
from viewer.state.layers import Role
from viewer.state.overlay_graphics import OverlayGraphics
from viewer.state.panes import Pane, PlaneKind
from viewer.state.planes import grid_axis

if TYPE_CHECKING:
    # Read when a study has one: the window starts without what reads them.
    from viewer.dicom.model import FrameSource
    from viewer.dicom.presentation_display import Area, Images
    from viewer.dicom.presentation_state import PresentationState
    from viewer.imaging.shutter import Shutter
    from viewer.state.library import OpenVolume
    from viewer.state.resolve import PaneScene
    from viewer.state.view import ViewState

SHUTTERED = "presentation state: shutter covers part of the image"


@dataclass(frozen=True)
class Cover:
    """A shutter on the plane of an image.

    Parameters
    ----------
    shutter
        Its shapes.
    geometry, slice
        Of the image.
    """

    shutter: Shutter
    geometry: VolumeGeometry
    slice: int

    def in_patient(self, columns_rows: FloatArray) -> FloatArray:
        """(n, 3) LPS positions of (n, 2) columns and rows of the image, from 0."""
        index = np.column_stack([np.full(len(columns_rows), self.slice), columns_rows[:, ::-1]])
        return self.geometry.to_patient(index)


class Presentations:
    """The presentation states that were read.

    Attributes
    ----------
    changed
        There are more of them, or other ones.
    """

    changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self._items: list[PresentationState] = []
        self._next = 0
        self._applied: PresentationState | None = None
        self._volume_uid = ""
        self.lifted = False
        """Whether the user took the shutter away."""
        view.layers_changed.connect(self._follow_base)

    @property
    def items(self) -> tuple[PresentationState, ...]:
        """All of them."""
        return tuple(self._items)

    def bring(self, states: Iterable[PresentationState]) -> None:
        """Take over what was read."""
        known = {item.sop_instance_uid for item in self._items}
        new = [state for state in states if state.sop_instance_uid not in known]
        if new:
            self._items += new
            self.changed.emit()

    def clear(self) -> None:
        """Forget all."""
        self._items = []
        self.take_off()

    def fitting(self) -> tuple[PresentationState, ...]:
        """Those for images of the base."""
        item = self._view.volume(Role.BASE)
        if item is None:
            return ()
        shown = frozenset[tuple[str, int]]().union(*map(_names, item.stack.frames))
        return tuple(state for state in self._items if not shown.isdisjoint(_images(state)))

    @property
    def applied(self) -> PresentationState | None:
        """What the base is shown by, None when it is shown freely."""
        return self._applied

    def apply_next(self, sizes: Mapping[str, tuple[int, int]]) -> None:
        """Show the base as the next fitting presentation state says.

        Parameters
        ----------
        sizes
            (width, height) in device pixels of the panes on screen, by id.
        """
        fitting = self.fitting()
        item, layer = self._view.volume(Role.BASE), self._view.layer(Role.BASE)
        if not fitting or item is None or layer is None:
            return
        state = fitting[self._next % len(fitting)]
        self._next += 1
        k = self._go_to(state, item)
        window, inverse = look_of(state, item, k)
        name = state.label or "presentation state"
        self._view.update_layer(
            Role.BASE, window=window, window_name=name, invert=inverse != item.volume.inverted
        )
        self._applied, self._volume_uid, self.lifted = state, item.volume.uid, False
        self._draw(state, item)
        pane = self._pane_of_images(item)
        if pane is not None:
            flips = flips_of(state) if pane.kind is PlaneKind.ACQUIRED else None
            if flips is not None:
                self._view.update_framing(pane.kind, flip_horizontal=flips[0], flip_vertical=flips[1])
            shown = item.stack.frames[k]
            area = state.area_for(shown.sop_instance_uid, shown.frame)
            if area is not None and pane.id in sizes:
                self._frame(area, item.volume.geometry, pane, k, *sizes[pane.id])
        self.changed.emit()

    def take_off(self) -> None:
        """Shutter and overlays of the presentation state go, and the next one is the first.

        Grey values and zoom stay as they are.
        """
        if self._applied is not None:
            self._view.work.of(OverlayGraphics).add(self._volume_uid, None)
        self._applied, self._volume_uid, self._next = None, "", 0
        self.changed.emit()

    def _follow_base(self) -> None:
        """A presentation state is for what it was applied to, and ends with that."""
        base = self._view.base
        if self._applied is not None and (base is None or base.volume_uid != self._volume_uid):
            self.take_off()

    def lift(self) -> None:
        """Take the shutter away, or put it back."""
        self.lifted = not self.lifted
        self.changed.emit()

    @property
    def has_shutter(self) -> bool:
        """Whether there is one, lifted or not."""
        return self.applied is not None and self.applied.shutter is not None

    def cover(self, scene: PaneScene) -> Cover | None:
        """The shutter over a pane; None on planes that are no image, in slabs, and on images it is not for."""
        state, item = self.applied, self._view.volume(Role.BASE)
        if state is None or state.shutter is None or self.lifted or item is None or not scene.layers:
            return None
        shown, geometry = scene.layers[0], item.volume.geometry
        if scene.surface is not None or shown.slab is not None or shown.volume.uid != item.volume.uid:
            return None
        if grid_axis(geometry, scene.plane.normal) != 0:
            return None
        k = round(float(geometry.to_index(scene.plane.centre_mm)[0]))
        return Cover(state.shutter, geometry, k) if k in _slices(state, item) else None

    def _go_to(self, state: PresentationState, item: OpenVolume) -> int:
        """Show the nearest image that a presentation state is for; its slice."""
        geometry = item.volume.geometry
        index = geometry.to_index(self._view.cursor_mm)
        k = min(_slices(state, item), key=lambda place: abs(place - index[0]))
        if k != round(float(index[0])):
            self._view.set_cursor(geometry.to_patient([k, index[1], index[2]]))
        return k

    def _pane_of_images(self, item: OpenVolume) -> Pane | None:
        """The pane that shows images of the base as they were acquired."""
        panes = self._view.layout.panes
        along = (
            pane
            for pane in panes
            if Role.BASE in self._view.roles_of(pane)
            and pane.kind not in (PlaneKind.MIP, PlaneKind.CURVED)
            and grid_axis(item.volume.geometry, self._view.normal(pane.kind)) == 0
        )
        return next(along, None)

    def _frame(
        self, area: Area, geometry: VolumeGeometry, pane: Pane, k: int, width: int, height: int
    ) -> None:
        """Zoom and move a pane so that the displayed area fills it."""
        from viewer.state.resolve import pane_plane

        left, top, right, bottom = area.corners
        ends = np.array([(k, top - 1.5, left - 1.5), (k, bottom - 0.5, right - 0.5)])
        first, last = geometry.to_patient(ends)
        axes = self._view.axes(pane.kind)
        whole = pane_plane(self._view, pane, geometry, width, height).mm_per_pixel
        whole *= self._view.framing(pane.kind).zoom
        if area.magnification is None:
            across, down = (abs(float((last - first) @ axis)) for axis in axes)
            wanted = max(across / width, down / height)
        else:
            wanted = geometry.spacing_mm[2] / area.magnification
        offset = (first + last) / 2 - geometry.centre_mm
        pan = (float(offset @ axes[0]), float(offset @ axes[1]))
        self._view.update_framing(pane.kind, zoom=whole / wanted, pan_mm=pan)

    def _draw(self, state: PresentationState, item: OpenVolume) -> None:
        """Put the overlay planes of the presentation state over its images."""
        geometry = item.volume.geometry
        mask = None
        if state.overlays:
            mask = np.zeros(geometry.shape, bool)
            for k in _slices(state, item):
                for plane in state.overlays:
                    mask[k] |= plane.on_frame(item.stack.frames[k].frame, geometry.shape[1:])
        drawn = None if mask is None or not mask.any() else (geometry, mask)
        self._view.work.of(OverlayGraphics).add(item.volume.uid, drawn)


def shutter_text(view: ViewState, scene: PaneScene) -> str:
    """What a pane says of its shutter, empty without one."""
    return SHUTTERED if view.work.of(Presentations).cover(scene) is not None else ""


def _slices(state: PresentationState, item: OpenVolume) -> list[int]:
    """Slices of a stack that are whole images of a presentation state."""
    images = _images(state)
    return [k for k, frame in enumerate(item.stack.frames) if not images.isdisjoint(_names(frame))]


def _images(state: PresentationState) -> Images:
    return frozenset((image.sop_instance_uid, image.frame) for image in state.images)


def _names(frame: FrameSource) -> Images:
    """What a presentation state may call a slice; nothing for a tile, which is no image."""
    from viewer.dicom.presentation_display import names

    return names(frame.sop_instance_uid, frame.frame) if frame.tile is None else frozenset()


def look_of(state: PresentationState, item: OpenVolume, k: int) -> tuple[Voi, bool]:
    """(window on the displayed quantity, inverse) of a presentation state for a volume.

    A simple window stays a window, so that dragging goes on from there; everything else becomes one table.

    Parameters
    ----------
    item
        The volume.
    k
        The slice that is looked at: images may have windows and rescales of their own.
    """
    volume, frame = item.volume, item.stack.frames[k]
    chain = state.chain_for(frame.sop_instance_uid, frame.frame)
    factor = volume.suv_factor if volume.suv_factor is not None else 1.0
    plain = chain.modality is None and chain.presentation is None
    if plain and isinstance(chain.voi, Window):
        window, falling = chain.voi, False
        if (chain.slope, chain.intercept) != (frame.slope, frame.intercept):
            # On other values than those of the image: by way of what is stored.
            scale = frame.slope / chain.slope
            window = _moved(window, scale, frame.intercept - chain.intercept * scale)
            falling = scale < 0
        if factor != 1.0:
            window = _moved(window, factor, 0.0)
        return window, chain.inverse != falling
    if volume.slope == 1.0 and volume.intercept == 0.0 and (frame.slope, frame.intercept) != (1.0, 0.0):
        # The volume holds values after the rescale of each image.
        chain = replace(
            chain,
            slope=chain.slope / frame.slope,
            intercept=chain.intercept - chain.slope * frame.intercept / frame.slope,
        )
    found = volume_range(volume) or (0.0, 1.0)
    return as_table(chain, *found, volume.display_slope, volume.display_intercept), False


def _moved(window: Window, scale: float, shift: float) -> Window:
    """The window on values that are `scale` times those it was made for, plus `shift`; a scale below 0 inverts too."""
    lower, upper = window.lower * scale + shift, window.upper * scale + shift
    sigmoid = window.function is VoiFunction.SIGMOID
    function = VoiFunction.SIGMOID if sigmoid else VoiFunction.LINEAR_EXACT
    return Window((lower + upper) / 2, max(abs(upper - lower), SMALLEST_WIDTH), function)


def flips_of(state: PresentationState) -> tuple[bool, bool] | None:
    """(left and right, up and down) exchanged; None when it takes a quarter turn, which panes do not do."""
    if state.rotation_deg == 0:
        return state.flipped, False
    return (not state.flipped, True) if state.rotation_deg == 180 else None
