"""The view state: cursor, layers, layout, framing. One object, changed only through its methods.

Every method leaves a consistent state and emits what changed:

- `cursor_changed`: the linked point moved.
- `layers_changed`: a window, colour, opacity or visibility changed.
- `framing_changed`: zoom, pan, flip, interpolation, slab or MIP angle changed.
- `layout_changed`: other panes are shown.
- `display_changed`: annotations, identity or the active pane/layer changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from viewer.imaging.geometry import FloatArray, cross
from viewer.imaging.orientation import plane_axes, plane_normal
from viewer.imaging.sample import Interpolation, Slab
from viewer.imaging.window import Voi
from viewer.state.arrangement import arranged_for, fitting_layout
from viewer.state.hanging import Hanging, kind_shown
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import Library, OpenVolume
from viewer.state.panes import Content, Density, Framing, Layout, Pane, PlaneKind, layout, quarter_turned
from viewer.state.planes import default_frame, voxel_centre
from viewer.state.work import Work

ZOOM_RANGE = (0.1, 40.0)


class ViewState:
    """See the module text. All positions are LPS millimetres."""

    cursor_changed = Signal()
    layers_changed = Signal()
    framing_changed = Signal()
    layout_changed = Signal()
    display_changed = Signal()

    def __init__(self, library: Library) -> None:
        self.library = library
        self.cursor_mm: FloatArray = np.zeros(3)
        self.frame: FloatArray = np.eye(3)
        """(3, 3) unit vectors across the sagittal, coronal and axial plane, as columns."""
        self.home: FloatArray = self.frame
        """The frame before planes were turned by hand; the scale of the panes follows it."""
        self.turned: dict[PlaneKind, tuple[FloatArray, FloatArray]] = {}
        """(right, down) of the planes since they were turned; empty while they lie as `frame` says."""
        self.base: ImageLayer | None = None
        self.overlay: ImageLayer | None = None
        self.fused = True
        self.layout: Layout = layout("three")
        self.hanging = Hanging()
        self.area = (1200, 800)
        self.maximised: str = ""
        self.active_pane: str = self.layout.panes[0].id
        self.elsewhere: tuple[Pane, ...] = ()
        """Panes of other windows."""
        self.active_role = Role.BASE
        self.framings: dict[PlaneKind, Framing] = {}
        self.interpolation = Interpolation.LINEAR
        self.slab: Slab | None = None
        self.mip_angle_deg = 0.0
        self.density = Density.FULL
        self.identity_visible = True
        self.registration_confirmed = False
        self.tool = "window"
        self.window_drag_inverted = False
        self.prefer_patient_planes = False
        self.superior_inferior = False
        self.work: Work[ViewState] = Work(self)
        library.volume_removed.connect(self._forget)

    # --- what is shown -----------------------------------------------------------------------------------------

    def show(self, base: ImageLayer | None, overlay: ImageLayer | None = None) -> None:
        """Put volumes into the two roles; cursor, frame and framing start afresh with a new base."""
        changed = (base.volume_uid if base else "") != (self.base.volume_uid if self.base else "")
        self.base, self.overlay = base, overlay
        self.registration_confirmed = False
        self.active_role = Role.BASE if base is not None else Role.OVERLAY
        item = self.base_volume
        if changed and item is not None:
            geometry = item.volume.geometry
            self.cursor_mm = voxel_centre(geometry, geometry.centre_mm)
            self.frame = self.home = default_frame(geometry, patient=self.prefer_patient_planes)
            self.turned = {}
            self.framings = {}
            self.slab = None
            self.hanging.begin()
        shown = self.volume(Role.BASE), self.volume(Role.OVERLAY)
        fitting = fitting_layout(*shown, self.hanging.chosen(kind_shown(*shown)), self.area)
        wanted = arranged_for(item, layout(fitting))
        if changed:
            self.active_pane = wanted.panes[0].id
        if wanted != self.layout:
            self._set_layout(wanted)
        self.layers_changed.emit()
        self.cursor_changed.emit()
        self.framing_changed.emit()

    def exchange(self) -> None:
        """Base and overlay take each other's place."""
        self.base, self.overlay = self.overlay, self.base
        self.layers_changed.emit()

    def set_overlay(self, overlay: ImageLayer | None) -> None:
        """Put another volume on top, or take it off."""
        self.show(self.base, overlay)

    def _forget(self, uid: str) -> None:
        if self.overlay is not None and self.overlay.volume_uid == uid:
            self.overlay = None
            self.layers_changed.emit()
        if self.base is not None and self.base.volume_uid == uid:
            self.base = None
            self.layers_changed.emit()

    def layer(self, role: Role) -> ImageLayer | None:
        """The layer in a role."""
        return self.base if role is Role.BASE else self.overlay

    def volume(self, role: Role) -> OpenVolume | None:
        """The open volume in a role."""
        layer = self.layer(role)
        return None if layer is None else self.library.get(layer.volume_uid)

    @property
    def base_volume(self) -> OpenVolume | None:
        """The volume that defines position and extent: the base, or the overlay when it is alone."""
        return self.volume(Role.BASE) or self.volume(Role.OVERLAY)

    def roles_of(self, pane: Pane) -> tuple[Role, ...]:
        """Roles drawn in a pane from below to above; falls back to what is there."""
        has_base, has_overlay = self.base is not None, self.overlay is not None
        content = pane.content
        if content is Content.FUSED and not self.fused:
            content = Content.BASE
        wanted = {
            Content.BASE: (Role.BASE,),
            Content.OVERLAY: (Role.OVERLAY,),
            Content.FUSED: (Role.BASE, Role.OVERLAY),
        }[content]
        present = tuple(role for role in wanted if (has_base if role is Role.BASE else has_overlay))
        return present or ((Role.BASE,) if has_base else (Role.OVERLAY,) if has_overlay else ())

    # --- layers ------------------------------------------------------------------------------------------------

    def update_layer(self, role: Role, **changes: object) -> None:
        """Change fields of the layer in a role (`window`, `opacity`, `invert`, `colormap`, ...)."""
        layer = self.layer(role)
        if layer is None:
            return
        changed = replace(layer, **changes)  # type: ignore[arg-type]
        if changed == layer:
            return
        if role is Role.BASE:
            self.base = changed
        else:
            self.overlay = changed
        self.layers_changed.emit()

    def set_window(self, role: Role, window: Voi, name: str = "") -> None:
        """Give a layer another window or VOI table; `name` is the preset's."""
        self.update_layer(role, window=window, window_name=name)

    def toggle_fused(self) -> None:
        """Overlay on or off in fused panes (key F)."""
        self.fused = not self.fused
        self.layers_changed.emit()

    def confirm_registration(self) -> None:
        """The user accepts an overlay of another frame of reference; the banner stays (rule D31)."""
        self.registration_confirmed = True
        self.layers_changed.emit()

    # --- cursor ------------------------------------------------------------------------------------------------

    def set_cursor(self, point_mm: npt.ArrayLike) -> None:
        """Move the linked point, kept inside the base volume."""
        item = self.base_volume
        if item is None:
            return
        geometry = item.volume.geometry
        index = geometry.to_index(np.asarray(point_mm, dtype=np.float64))
        index = np.clip(index, 0, np.array(geometry.shape) - 1)
        point = geometry.to_patient(index)
        if not np.array_equal(point, self.cursor_mm):
            self.cursor_mm = point
            self.cursor_changed.emit()

    # --- planes ------------------------------------------------------------------------------------------------

    def axes(self, kind: PlaneKind) -> tuple[FloatArray, FloatArray]:
        """(right, down) unit vectors of a plane kind, before flips."""
        item = self.base_volume
        if kind is PlaneKind.MIP:
            angle = np.radians(self.mip_angle_deg)
            return np.array([np.cos(angle), np.sin(angle), 0.0]), np.array([0.0, 0.0, -1.0])
        if kind is PlaneKind.CURVED:
            return np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
        anatomy = kind.anatomy
        if anatomy is None:
            if item is None:
                return np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
            affine = item.volume.geometry.patient_from_index
            right = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
            down = cross(item.volume.geometry.slice_normal, right)
            return right, down
        return self.turned.get(kind) or quarter_turned(
            *plane_axes(anatomy, self.frame), self.framing(kind).quarter_turns
        )

    def normal(self, kind: PlaneKind) -> FloatArray:
        """Scroll direction of a plane kind: towards the head, the left, the back, and the same way however turned."""
        anatomy = kind.anatomy
        if anatomy is None or kind in self.turned:
            normal = cross(*self.axes(kind))
        else:
            normal = plane_normal(anatomy, self.frame)
        return -normal if kind is PlaneKind.SAGITTAL else normal

    def set_frame(
        self,
        frame: npt.ArrayLike,
        turned: Mapping[PlaneKind, tuple[FloatArray, FloatArray]] | None = None,
    ) -> None:
        """Choose three planes (acquired, the patient's own), or turn those that are shown.

        Parameters
        ----------
        frame
            (3, 3) orthonormal, columns across the sagittal, coronal and axial plane.
        turned
            (right, down) of each plane after a turn by hand; None for new planes, which lie upright.
        """
        frame = np.asarray(frame, dtype=np.float64)
        self.frame, self.turned = frame, dict(turned or {})
        if turned is None:
            self.home = frame
        self.framing_changed.emit()

    # --- framing -----------------------------------------------------------------------------------------------

    def framing(self, kind: PlaneKind) -> Framing:
        """Zoom and pan of a plane kind."""
        return self.framings.get(kind, Framing())

    def update_framing(self, kind: PlaneKind, **changes: object) -> None:
        """Change zoom, pan or flips of a plane kind."""
        changed = replace(self.framing(kind), **changes)  # type: ignore[arg-type]
        changed = replace(changed, zoom=min(ZOOM_RANGE[1], max(ZOOM_RANGE[0], changed.zoom)))
        if changed != self.framing(kind):
            self.framings[kind] = changed
            self.framing_changed.emit()

    def reset_view(self) -> None:
        """Zoom, pan, flips, slab and plane directions as at the start (key Space); windows are reset by the caller."""
        self.framings = {}
        self.slab = None
        self.mip_angle_deg = 0.0
        item = self.base_volume
        if item is not None:
            self.frame = self.home = default_frame(item.volume.geometry, patient=self.prefer_patient_planes)
            self.turned = {}
        self.framing_changed.emit()

    def set_interpolation(self, interpolation: Interpolation) -> None:
        """Linear, nearest or cubic."""
        self.interpolation = interpolation
        self.framing_changed.emit()

    def set_slab(self, slab: Slab | None) -> None:
        """Slab projection of the three planes, None for single slices."""
        self.slab = slab
        self.framing_changed.emit()

    # --- layout and display ------------------------------------------------------------------------------------

    def _set_layout(self, new: Layout) -> None:
        self.layout = new
        self.maximised = ""
        self.active_pane = self.active.id
        self.layout_changed.emit()

    def set_layout(self, layout_id: str, *, remember: bool = True) -> None:
        """Show another layout; flat images keep the single pane.

        Parameters
        ----------
        layout_id
            One of `viewer.state.panes.LAYOUTS`.
        remember
            Whether the user chose it, so that the next thing of this kind is shown the same way.
        """
        item = self.base_volume
        new = layout(layout_id)
        if (new.needs_overlay and self.overlay is None) or (item is not None and not item.stack.multiplanar):
            return
        kind = kind_shown(self.volume(Role.BASE), self.volume(Role.OVERLAY))
        self.hanging.choose(kind, layout_id, remember=remember)
        self._set_layout(arranged_for(item, new))

    def activate(self, pane_id: str) -> None:
        """Make a pane the one that keys act on."""
        if pane_id != self.active_pane:
            self.active_pane = pane_id
            self.display_changed.emit()

    def set_display(
        self,
        *,
        density: Density | None = None,
        identity_visible: bool | None = None,
        superior_inferior: bool | None = None,
        tool: str | None = None,
    ) -> None:
        """Change what is written over the pictures, or what the left mouse button does.

        Parameters
        ----------
        density
            How much the corners say.
        identity_visible
            Patient identity in the corners (key Ctrl+Shift+H).
        superior_inferior
            Letters S and I instead of H and F (rule E01).
        tool
            Id of the tool.
        """
        self.density = self.density if density is None else density
        self.identity_visible = self.identity_visible if identity_visible is None else identity_visible
        self.superior_inferior = self.superior_inferior if superior_inferior is None else superior_inferior
        self.tool = self.tool if tool is None else tool
        self.display_changed.emit()

    def set_mip_angle(self, degrees: float) -> None:
        """Turn the MIP about the body axis; 0 looks from the front."""
        self.mip_angle_deg = degrees % 360.0
        self.framing_changed.emit()

    def maximise(self, pane_id: str) -> None:
        """Show one pane alone, or all with an empty id."""
        self.maximised = pane_id
        self.layout_changed.emit()

    @property
    def active(self) -> Pane:
        """The pane that keys act on."""
        shown = (*self.layout.panes, *self.elsewhere)
        return next((pane for pane in shown if pane.id == self.active_pane), shown[0])

    def set_active_role(self, role: Role) -> None:
        """Which layer window drags and presets act on (rule D38)."""
        if self.layer(role) is not None and role is not self.active_role:
            self.active_role = role
            self.display_changed.emit()
