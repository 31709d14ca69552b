"""The view state: cursor, layers, layout, framing. One object, changed only through its methods.

Every method leaves a consistent state and emits what changed:

- `cursor_changed`: the linked point moved.
- `layers_changed`: a window, colour, opacity or visibility changed.
- `framing_changed`: zoom, pan, flip, interpolation, slab or MIP angle changed.
- `layout_changed`: other panes are shown.
- `display_changed`: annotations, identity or the active pane/layer changed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.orientation import acquired_frame, nearest_anatomy, plane_axes
from viewer.imaging.sample import Interpolation, Projection, Slab
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import Library, OpenVolume
from viewer.state.panes import Content, Density, Framing, Layout, Pane, PlaneKind, arranged, layout

ACQUIRED_BELOW_DEG = 20.0
"""Up to this obliquity panes follow the acquired planes (rule A20)."""
TILT_ABOVE_DEG = 0.1
"""A stack sheared by more is shown on the patient's axes (rule A15)."""
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
        self.base: ImageLayer | None = None
        self.overlay: ImageLayer | None = None
        self.fused = True
        self.layout: Layout = layout("three")
        self._chosen_layout = ""
        self.area = (1200, 800)
        self.maximised: str = ""
        self.active_pane: str = self.layout.panes[0].id
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
        self.superior_inferior = False
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
            self.cursor_mm = self._voxel_centre(geometry, geometry.centre_mm)
            self.frame = default_frame(geometry)
            self.framings = {}
            self.slab = None
        wanted = self._arranged(layout(self._fitting_layout(item)))
        if wanted != self.layout:
            self._set_layout(wanted)
        self.layers_changed.emit()
        self.cursor_changed.emit()
        self.framing_changed.emit()

    def set_overlay(self, overlay: ImageLayer | None) -> None:
        """Put another volume on top, or take it off."""
        self.show(self.base, overlay)

    def swap_layers(self) -> None:
        """Exchange base and overlay (key Shift+F)."""
        if self.base is not None and self.overlay is not None:
            self.base, self.overlay = self.overlay, self.base
            self.layers_changed.emit()

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

    @property
    def same_frame_of_reference(self) -> bool:
        """Rule D30: overlay without question only for equal, non-empty FrameOfReferenceUID."""
        base, overlay = self.volume(Role.BASE), self.volume(Role.OVERLAY)
        if base is None or overlay is None:
            return True
        uid = base.volume.geometry.frame_of_reference_uid
        return bool(uid) and uid == overlay.volume.geometry.frame_of_reference_uid

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

    def set_window(self, role: Role, window: Window, name: str = "") -> None:
        """Give a layer another window; `name` is the preset's."""
        self.update_layer(role, window=window, window_name=name)

    def set_opacity(self, opacity: float) -> None:
        """Opacity of the overlay, clipped to 0..1."""
        self.update_layer(Role.OVERLAY, opacity=round(min(1.0, max(0.0, opacity)), 4))

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

    def scroll(self, kind: PlaneKind, steps: int) -> None:
        """Move the linked point along the normal of a plane kind by slices; + is to head, left, posterior ... away.

        Steps follow acquired slices where the plane is parallel to them, else the voxel pitch along the normal.
        """
        item = self.base_volume
        if item is None or steps == 0:
            return
        if kind is PlaneKind.MIP:
            self.rotate_mip(5.0 * steps)
            return
        geometry = item.volume.geometry
        axis = grid_axis(geometry, self.normal(kind))
        if axis is not None:
            index = geometry.to_index(self.cursor_mm)
            sign = 1 if self._axis_direction(geometry, axis) @ self.normal(kind) >= 0 else -1
            index[axis] = round(float(index[axis])) + sign * steps
            self.set_cursor(geometry.to_patient(np.clip(index, 0, np.array(geometry.shape) - 1)))
        else:
            self.set_cursor(
                self.cursor_mm + self.normal(kind) * steps * pitch_along(geometry, self.normal(kind))
            )

    def scroll_to_end(self, kind: PlaneKind, *, last: bool) -> None:
        """First or last slice of a plane kind (keys Home, End)."""
        item = self.base_volume
        if item is not None:
            self.scroll(kind, (1 if last else -1) * max(item.volume.geometry.shape) * 4)

    @staticmethod
    def _axis_direction(geometry: VolumeGeometry, axis: int) -> FloatArray:
        direction: FloatArray = geometry.patient_from_index[:3, axis]
        return direction

    @staticmethod
    def _voxel_centre(geometry: VolumeGeometry, point_mm: FloatArray) -> FloatArray:
        """Centre of the voxel at a point, so that the first picture shows acquired slices, not a blend of two."""
        index = np.floor(geometry.to_index(point_mm) + 1e-6)
        return geometry.to_patient(np.clip(index, 0, np.array(geometry.shape) - 1))

    # --- planes ------------------------------------------------------------------------------------------------

    def axes(self, kind: PlaneKind) -> tuple[FloatArray, FloatArray]:
        """(right, down) unit vectors of a plane kind, before flips."""
        item = self.base_volume
        if kind is PlaneKind.MIP:
            angle = np.radians(self.mip_angle_deg)
            return np.array([np.cos(angle), np.sin(angle), 0.0]), np.array([0.0, 0.0, -1.0])
        anatomy = kind.anatomy
        if anatomy is None:
            if item is None:
                return np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
            affine = item.volume.geometry.patient_from_index
            right = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
            down = np.cross(item.volume.geometry.slice_normal, right)
            return right, down
        return plane_axes(anatomy, self.frame)

    def normal(self, kind: PlaneKind) -> FloatArray:
        """Scroll direction of a plane kind: towards the head, the left, the back (right x down or its opposite)."""
        right, down = self.axes(kind)
        normal: FloatArray = np.cross(right, down)
        if kind in (PlaneKind.SAGITTAL, PlaneKind.MIP, PlaneKind.CORONAL):
            dominant = int(np.argmax(np.abs(normal)))
            normal = normal * (1.0 if normal[dominant] >= 0 else -1.0)
        return normal

    def set_frame(self, frame: npt.ArrayLike) -> None:
        """Turn the three planes (acquired planes, patient planes or a double oblique)."""
        self.frame = np.asarray(frame, dtype=np.float64)
        self.framing_changed.emit()

    def toggle_patient_planes(self) -> None:
        """Between the acquired planes and the patient's own (rule A20)."""
        item = self.base_volume
        if item is not None:
            own = acquired_frame(item.volume.geometry.patient_from_index)
            self.set_frame(own if np.allclose(self.frame, np.eye(3)) else np.eye(3))

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
            self.frame = default_frame(item.volume.geometry)
        self.framing_changed.emit()

    def set_interpolation(self, interpolation: Interpolation) -> None:
        """Linear, nearest or cubic."""
        self.interpolation = interpolation
        self.framing_changed.emit()

    def set_slab(self, slab: Slab | None) -> None:
        """Slab projection of the three planes, None for single slices."""
        self.slab = slab
        self.framing_changed.emit()

    def toggle_slab(self) -> None:
        """10 mm MIP on or off (key M)."""
        self.set_slab(None if self.slab is not None else Slab(10.0, Projection.MAX))

    def rotate_mip(self, degrees: float) -> None:
        """Turn the MIP about the body axis."""
        self.mip_angle_deg = (self.mip_angle_deg + degrees) % 360.0
        self.framing_changed.emit()

    def _fitting_layout(self, item: OpenVolume | None) -> str:
        """The layout for a volume: the user's choice where it fits, else that shows the planes larger."""
        if item is not None and not item.stack.multiplanar:
            return "single"
        if self._chosen_layout and (
            self.overlay is not None or not layout(self._chosen_layout).needs_overlay
        ):
            return self._chosen_layout
        if item is None:
            return "three"
        extent = np.ptp(item.volume.geometry.corners_mm(), axis=0)
        across, tall = max(extent[0], extent[1]), extent[2]
        width, height = self.area
        in_a_row = min(width / 3 / across, height / max(across, tall))
        with_large = min(width / 2 / across, height / 2 / max(across, tall))
        return "three" if in_a_row > with_large else "three-large"

    def _arranged(self, wanted: Layout) -> Layout:
        """The acquired plane gets the large pane."""
        item = self.base_volume
        if item is None:
            return wanted
        return arranged(wanted, PlaneKind(nearest_anatomy(item.volume.geometry.slice_normal).value))

    # --- layout and display ------------------------------------------------------------------------------------

    def _set_layout(self, new: Layout) -> None:
        self.layout = new
        self.maximised = ""
        if new.pane(self.active_pane) is None:
            self.active_pane = new.panes[0].id
        self.layout_changed.emit()

    def set_layout(self, layout_id: str) -> None:
        """Show another layout; flat images keep the single pane."""
        item = self.base_volume
        new = layout(layout_id)
        if (new.needs_overlay and self.overlay is None) or (item is not None and not item.stack.multiplanar):
            return
        self._chosen_layout = layout_id
        self._set_layout(self._arranged(new))

    def toggle_maximised(self, pane_id: str) -> None:
        """Maximise a pane or restore the grid (double click)."""
        self.maximised = "" if self.maximised else pane_id
        self.layout_changed.emit()

    def activate(self, pane_id: str) -> None:
        """Make a pane the one that keys act on."""
        if pane_id != self.active_pane:
            self.active_pane = pane_id
            self.display_changed.emit()

    @property
    def active(self) -> Pane:
        """The pane that keys act on."""
        return self.layout.pane(self.active_pane) or self.layout.panes[0]

    def cycle_pane(self, steps: int) -> None:
        """Next or previous pane (keys Left, Right)."""
        ids = [pane.id for pane in self.layout.panes]
        self.activate(ids[(ids.index(self.active.id) + steps) % len(ids)])

    def set_active_role(self, role: Role) -> None:
        """Which layer window drags and presets act on (rule D38)."""
        if self.layer(role) is not None and role is not self.active_role:
            self.active_role = role
            self.display_changed.emit()

    def window_role(self, pane: Pane) -> Role:
        """The layer a window drag in a pane acts on: the one it shows, or the active one when it shows both."""
        roles = self.roles_of(pane)
        return self.active_role if self.active_role in roles or not roles else roles[0]

    def cycle_density(self) -> None:
        """Full, minimal, off (key D)."""
        order = tuple(Density)
        self.density = order[(order.index(self.density) + 1) % len(order)]
        self.display_changed.emit()

    def set_density(self, density: Density) -> None:
        """How much the corners say."""
        self.density = density
        self.display_changed.emit()

    def set_identity_visible(self, visible: bool) -> None:
        """Patient identity in the corners (key Ctrl+Shift+H)."""
        self.identity_visible = visible
        self.display_changed.emit()

    def set_superior_inferior(self, chosen: bool) -> None:  # noqa: FBT001 - a setting's value
        """Letters S and I instead of H and F (rule E01)."""
        self.superior_inferior = chosen
        self.display_changed.emit()

    def set_tool(self, tool_id: str) -> None:
        """What the left mouse button does."""
        self.tool = tool_id
        self.display_changed.emit()


def default_frame(geometry: VolumeGeometry) -> FloatArray:
    """Directions of the three planes for a new volume (rules A15, A20): acquired unless tilted or very oblique."""
    if (
        not geometry.oriented
        or geometry.tilt_deg > TILT_ABOVE_DEG
        or geometry.obliquity_deg >= ACQUIRED_BELOW_DEG
    ):
        return np.eye(3)
    frame = acquired_frame(geometry.patient_from_index)
    return np.eye(3) if np.allclose(frame, np.eye(3), atol=1e-6) else frame


def grid_axis(geometry: VolumeGeometry, normal: FloatArray, tolerance: float = 1e-4) -> int | None:
    """The array axis whose index planes are parallel to a plane with this normal, or None when it cuts across."""
    gradients = geometry.index_from_patient[:3, :3]
    for axis in range(3):
        gradient = gradients[axis] / np.linalg.norm(gradients[axis])
        if abs(abs(float(gradient @ normal)) - 1.0) < tolerance:
            return axis
    return None


def pitch_along(geometry: VolumeGeometry, direction: FloatArray) -> float:
    """Voxel pitch in mm along a unit direction."""
    per_mm = geometry.index_from_patient[:3, :3] @ direction
    return float(1.0 / np.abs(per_mm).max())
