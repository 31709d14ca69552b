"""From state to a frozen picture request per pane: what should be on screen, decided without a window.

`resolve` is pure. The keys in the answer say which work a change needs: another `sample_key` means sampling again,
another `colour_key` only colouring, anything else only lines and text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from viewer.imaging.body_size import is_uptake
from viewer.imaging.colormap import colormap
from viewer.imaging.combine import Combination
from viewer.imaging.curved import CurvedSurface
from viewer.imaging.display import layer_table
from viewer.imaging.geometry import FloatArray, VolumeGeometry, cross
from viewer.imaging.orientation import letters, opposite, plane_axes
from viewer.imaging.plane import Plane
from viewer.imaging.sample import Interpolation, Projection, Slab
from viewer.imaging.volume import Volume
from viewer.state import curve_picture
from viewer.state.bone import BoneRemoval
from viewer.state.combining import Combined, Combining
from viewer.state.contents import same_frame_of_reference
from viewer.state.crosslines import CrossLine, cross_lines
from viewer.state.curve import AWAY_MM, CurvedPath
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import OpenVolume
from viewer.state.panes import Content, Pane, PlaneKind, quarter_turned
from viewer.state.planes import grid_axis, voxel_centre
from viewer.state.slab import slab_of
from viewer.state.view import ViewState


class PictureScale(Enum):
    """Device pixels per sampled pixel along each side."""

    FULL = 1
    HALF = 2


_SUPERIOR_INFERIOR = str.maketrans("HF", "SI")


@dataclass(frozen=True, eq=False)
class LayerRequest:
    """One layer of a pane.

    Parameters
    ----------
    role
        Base or overlay.
    volume
        Where the values come from.
    interpolation, slab
        How they are sampled.
    table
        (n, 4) uint8 straight RGBA, opacity in alpha.
    lower, upper
        Stored values of the first and last table entry.
    sample_key, colour_key
        Equal keys mean an equal result.
    """

    role: Role
    volume: Volume
    interpolation: Interpolation
    slab: Slab | None
    table: npt.NDArray[np.uint8]
    lower: float
    upper: float
    sample_key: tuple[object, ...]
    colour_key: tuple[object, ...]

    @property
    def values_key(self) -> tuple[object, ...]:
        """Differs whenever the values of the volume may differ."""
        return self.sample_key[:2]


@dataclass(frozen=True, eq=False)
class PaneScene:
    """Everything a pane draws.

    Parameters
    ----------
    pane
        Which pane.
    plane
        Rectangle in the patient at device pixels.
    layers
        From below to above.
    letters
        (left, right, top, bottom) edge letters, empty strings when the orientation is unknown.
    cursor_px
        (column, row) of the linked point, None when it cannot be shown.
    lines
        Crosshair lines through the linked point.
    slice_text
        "40/190" on acquired slices, "" elsewhere (rule E13).
    position_text
        "H 12.5 mm" along the normal, "" without calibration.
    colour_bar
        The layer whose colour bar is drawn (rule D37), or None.
    combined
        What a fused pane does with its two layers instead of blending them, or None.
    surface
        Of a curved picture; its `plane` then is one of the picture's own space (`viewer.state.curve`), not of the
        patient.
    """

    pane: Pane
    plane: Plane
    layers: tuple[LayerRequest, ...]
    letters: tuple[str, ...]
    cursor_px: tuple[float, float] | None
    lines: tuple[CrossLine, ...]
    slice_text: str
    position_text: str
    calibrated: bool
    mirrored: bool
    colour_bar: LayerRequest | None
    combined: Combined | None = None
    surface: CurvedSurface | None = None

    def at(self, column: float, row: float) -> FloatArray:
        """LPS position a (fractional) pixel shows."""
        point = self.plane.at(column, row)
        return point if self.surface is None else self.surface.at(float(point[0]), float(point[1]))

    def place(self, point_mm: npt.ArrayLike) -> tuple[float, float, float]:
        """(column, row, distance_mm) where the pane shows an LPS point, and how far off its surface that is."""
        if self.surface is None:
            return self.plane.project(point_mm)
        x, y, distance = self.surface.project(point_mm)
        column, row, _ = self.plane.project((x, y, AWAY_MM))
        return column, row, distance


def resolve(view: ViewState, pane: Pane, width: int, height: int) -> PaneScene | None:
    """The scene of a pane.

    Parameters
    ----------
    view
        The state.
    pane
        A pane of the layout (or any other, for export).
    width, height
        Size in device pixels.

    Returns
    -------
    PaneScene or None
        None when nothing is open or the pane has no size.
    """
    item = view.base_volume
    if item is None or width < 1 or height < 1:
        return None
    if pane.kind is PlaneKind.CURVED:
        return _curved_scene(view, pane, item, width, height)
    if pane.kind is PlaneKind.MIP:
        item = _mip_volume(view, pane) or item
    geometry = item.volume.geometry
    plane = pane_plane(view, pane, geometry, width, height)
    combined = _combined(view, pane, plane)
    layers = _layers(view, pane, plane, opaque=combined is not None)
    if pane.kind is PlaneKind.MIP:
        layers = layers[-1:]
    right_letters = letters(plane.u_mm) if geometry.oriented else ""
    down_letters = letters(plane.v_mm) if geometry.oriented else ""
    edges = _named(view, opposite(right_letters), right_letters, opposite(down_letters), down_letters)
    column, row, _ = plane.project(view.cursor_mm)
    framing = view.framing(pane.kind)
    return PaneScene(
        pane=pane,
        plane=plane,
        layers=layers,
        letters=edges,
        cursor_px=(column, row) if item.stack.multiplanar else None,
        lines=cross_lines(view, pane.kind, plane) if item.stack.multiplanar else (),
        slice_text=_slice_text(view, pane, geometry),
        position_text=_position_text(view, pane, geometry),
        calibrated=geometry.calibrated,
        mirrored=framing.flip_horizontal or framing.flip_vertical,
        colour_bar=None
        if combined is not None and _in_grey(combined, layers)
        else _with_bar(view, pane, layers),
        combined=combined if len(layers) > 1 else None,
    )


def _combined(view: ViewState, pane: Pane, plane: Plane) -> Combined | None:
    if pane.kind is PlaneKind.MIP or len(view.roles_of(pane)) < 2:
        return None
    return view.work.of(Combining).of(plane)


def _curved_scene(view: ViewState, pane: Pane, item: OpenVolume, width: int, height: int) -> PaneScene:
    """The scene along the drawn path; an empty one as long as there is none."""
    drawn = view.work.of(CurvedPath)
    surface, path = drawn.surface(), drawn.path()
    framing = view.framing(pane.kind)
    plane = curve_picture.picture_plane(surface, framing, width, height)
    mirrored = framing.flip_horizontal or framing.flip_vertical
    geometry = item.volume.geometry
    if surface is None or path is None:
        return PaneScene(
            pane, plane, (), ("",) * 4, None, (), "", "", calibrated=False, mirrored=mirrored, colour_bar=None
        )
    layers = _layers(view, pane, plane)
    *sides, top, bottom = curve_picture.edge_letters(surface, plane, oriented=geometry.oriented)
    edges = (*_named(view, *sides), top, bottom)
    near_mm = max(geometry.spacing_mm)
    cursor_px, lines = curve_picture.linked_point(surface, plane, view.cursor_mm, near_mm)
    return PaneScene(
        pane=pane,
        plane=plane,
        layers=layers,
        letters=edges,
        cursor_px=cursor_px,
        lines=lines,
        slice_text=f"{drawn.mode.value} {drawn.angle_deg:.0f}°",
        position_text=curve_picture.place_text(surface, view.cursor_mm, path.length_mm)
        if geometry.calibrated
        else "",
        calibrated=geometry.calibrated,
        mirrored=mirrored,
        colour_bar=_with_bar(view, pane, layers),
        surface=surface,
    )


def _named(view: ViewState, *edges: str) -> tuple[str, ...]:
    """Letters of edges in the user's choice of words."""
    if view.superior_inferior:
        return tuple(text.translate(_SUPERIOR_INFERIOR) for text in edges)
    return edges


def pane_plane(view: ViewState, pane: Pane, geometry: VolumeGeometry, width: int, height: int) -> Plane:
    """The rectangle a pane shows: through the linked point, framed by zoom and pan, true millimetres on both axes."""
    right, down = view.axes(pane.kind)
    framing = view.framing(pane.kind)
    centre = geometry.centre_mm
    # The scale is that of the planes before they were turned: turning neither zooms nor moves a picture.
    across = (right, down)
    if pane.kind.anatomy is not None:
        across = quarter_turned(*plane_axes(pane.kind.anatomy, view.home), framing.quarter_turns)
    fit = fit_mm_per_pixel(geometry, *across, width, height, cylinder=pane.kind is PlaneKind.MIP)
    along = right * framing.pan_mm[0] + down * framing.pan_mm[1]
    normal = cross(right, down)
    # Rounded to a nanometre: moving the point within the plane must not make another plane of it.
    # A projection is sampled from its plane outwards: through voxel centres it meets the highest values themselves.
    through = voxel_centre(geometry, centre) if pane.kind is PlaneKind.MIP else view.cursor_mm
    depth = round(float((through - centre) @ normal), 6)
    if framing.flip_horizontal:
        right = -right
    if framing.flip_vertical:
        down = -down
    return Plane.centred(centre + along + normal * depth, right, down, fit / framing.zoom, width, height)


def fit_mm_per_pixel(
    geometry: VolumeGeometry,
    right: FloatArray,
    down: FloatArray,
    width: int,
    height: int,
    *,
    cylinder: bool = False,
) -> float:
    """Largest scale at which the whole volume fits the pane; with `cylinder` at every angle of a turning MIP."""
    return _fit(geometry, right.tobytes(), down.tobytes(), width, height, cylinder=cylinder)


@lru_cache(64)
def _fit(
    geometry: VolumeGeometry,
    right_bytes: bytes,
    down_bytes: bytes,
    width: int,
    height: int,
    *,
    cylinder: bool,
) -> float:
    right, down = np.frombuffer(right_bytes), np.frombuffer(down_bytes)
    offsets = geometry.corners_mm() - geometry.centre_mm
    half_width = float(np.abs(offsets @ right).max())
    if cylinder:
        normal = cross(right, down)
        half_width = float(np.hypot(offsets @ right, offsets @ normal).max()) * 0.8
    half_height = float(np.abs(offsets @ down).max())
    return max(2 * half_width / width, 2 * half_height / height)


def _mip_volume(view: ViewState, pane: Pane) -> OpenVolume | None:
    roles = view.roles_of(pane)
    return view.volume(roles[-1]) if roles else None


def _layers(view: ViewState, pane: Pane, plane: Plane, *, opaque: bool = False) -> tuple[LayerRequest, ...]:
    """What a pane draws from below to above; `opaque` without opacity and threshold."""
    found = (_layer(view, pane, role, plane, opaque=opaque) for role in view.roles_of(pane))
    return tuple(request for request in found if request is not None)


def _layer(view: ViewState, pane: Pane, role: Role, plane: Plane, *, opaque: bool) -> LayerRequest | None:
    item, layer = view.volume(role), view.layer(role)
    if item is None or layer is None:
        return None
    on_top = role is Role.OVERLAY and len(view.roles_of(pane)) > 1 and pane.kind is not PlaneKind.MIP
    if on_top and not (same_frame_of_reference(view) or view.registration_confirmed):
        return None
    volume = item.volume
    slab = slab_of(view, pane.kind)
    depends: tuple[object, ...] | None = None
    interpolation = Interpolation.NEAREST if volume.quantity.is_label else view.interpolation
    if pane.kind is PlaneKind.MIP:
        bone = view.work.of(BoneRemoval)
        depends = bone.key(volume)
        volume = bone.without_bone(volume)
        corners = volume.geometry.corners_mm()
        slab = Slab(float(np.linalg.norm(corners[0] - corners[-1])), Projection.MAX)
    elif pane.kind is PlaneKind.ACQUIRED:
        slab = None
    elif pane.kind is PlaneKind.CURVED:
        if volume.is_colour:
            return None
        slab = None
        volume, depends = view.work.of(CurvedPath).flat(
            volume, view.library.version(volume.uid), interpolation
        )
    table, lower, upper, colour_key = _colours(layer, volume, on_top=on_top, opaque=opaque)
    place = (plane.origin_mm.tobytes(), plane.u_mm.tobytes(), plane.v_mm.tobytes(), plane.width, plane.height)
    sample_key = (volume.uid, view.library.version(volume.uid), interpolation, slab, depends, place)
    return LayerRequest(role, volume, interpolation, slab, table, lower, upper, sample_key, colour_key)


def _colours(
    layer: ImageLayer, volume: Volume, *, on_top: bool, opaque: bool
) -> tuple[npt.NDArray[np.uint8], float, float, tuple[object, ...]]:
    """Window, colormap, inversion and opacity of a layer as one table over stored values."""
    # Beside its base a series that is no uptake is shown like the base, or nobody could compare them.
    as_base = opaque and not is_uptake(volume.display_unit)
    name = layer.fused_colormap if on_top and not as_base else layer.colormap
    invert = layer.invert != volume.inverted
    opacity = layer.opacity if on_top and not opaque else 1.0
    transparent = on_top and not opaque and layer.transparent_below
    key = (layer.window, name, invert, opacity, transparent, volume.display_slope, volume.display_intercept)
    table, lower, upper = layer_table(
        layer.window,
        colormap(name),
        invert=invert,
        opacity=opacity,
        transparent_below=transparent,
        slope=volume.display_slope,
        intercept=volume.display_intercept,
    )
    return table, lower, upper, key


def _with_bar(view: ViewState, pane: Pane, layers: tuple[LayerRequest, ...]) -> LayerRequest | None:
    """The uppermost layer whose colours need a bar."""
    return next((layer for layer in reversed(layers) if _is_coloured(view, pane, layer.role)), None)


def _in_grey(combined: Combined, layers: tuple[LayerRequest, ...]) -> bool:
    """Whether the fused colours of the overlay are not used although it is shown."""
    return combined.how is Combination.DIFFERENCE or not is_uptake(layers[-1].volume.display_unit)


def _is_coloured(view: ViewState, pane: Pane, role: Role) -> bool:
    layer = view.layer(role)
    item = view.volume(role)
    if layer is None or item is None or item.volume.is_colour:
        return False
    fused = role is Role.OVERLAY and pane.content is Content.FUSED and len(view.roles_of(pane)) > 1
    name = layer.fused_colormap if fused else layer.colormap
    return name != "grey" or is_uptake(item.volume.display_unit)


def _slice_text(view: ViewState, pane: Pane, geometry: VolumeGeometry) -> str:
    if pane.kind is PlaneKind.MIP:
        return f"MIP {view.mip_angle_deg:.0f}°"
    axis = grid_axis(geometry, view.normal(pane.kind))
    if axis is None:
        return ""
    index = round(float(geometry.to_index(view.cursor_mm)[axis]))
    return f"{index + 1}/{geometry.shape[axis]}"


def _position_text(view: ViewState, pane: Pane, geometry: VolumeGeometry) -> str:
    if pane.kind is PlaneKind.MIP or not (geometry.calibrated and geometry.oriented):
        return ""
    normal = view.normal(pane.kind)
    depth = float(view.cursor_mm @ normal)
    letter = letters(normal if depth >= 0 else -normal)
    return f"{letter} {abs(depth):.1f} mm"
