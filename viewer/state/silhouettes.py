"""Structures on projections: the outlines of what their voxels cover, kept for the next repaint."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

from viewer.imaging.contours import ContourSet
from viewer.imaging.labelmap import NOTHING, Mask, Patch
from viewer.imaging.plane import Plane
from viewer.imaging.silhouette import shadow, silhouette, voxels_of
from viewer.state.panes import PlaneKind
from viewer.state.structures import Structure, StructureStore, space_of

if TYPE_CHECKING:
    from viewer.state.resolve import PaneScene
    from viewer.state.view import ViewState

PROJECTED = "structures projected"
_KEPT = 12
"""Pictures of a structure: one in every pane, and some where the hand comes back to."""

Key = tuple[object, ...]
Kept = TypeVar("Kept", Mask, Patch)


@dataclass(eq=False)
class _Known:
    """What was made of the voxels of a structure."""

    mask: Mask
    shadows: OrderedDict[Key, Mask] = field(default_factory=OrderedDict)
    patches: OrderedDict[Key, Patch] = field(default_factory=OrderedDict)


_known: WeakKeyDictionary[Mask | ContourSet, _Known] = WeakKeyDictionary()


def projection_of(structure: Structure, scene: PaneScene) -> Patch:
    """The pixels of a MIP, or of a plane with a slab, whose rays meet a structure."""
    body, plane, slab = structure.body, scene.plane, scene.layers[0].slab
    if body is None or slab is None:
        return NOTHING
    if body not in _known:
        # A weak key must not be held by its own value.
        copy = Mask(body.geometry, body.block, body.corner) if isinstance(body, Mask) else voxels_of(body)
        _known[body] = _Known(copy)
    known = _known[body]
    where = (plane.origin_mm.tobytes(), plane.u_mm.tobytes(), plane.v_mm.tobytes(), plane.width, plane.height)
    if scene.pane.kind is PlaneKind.MIP:
        return _kept(known.patches, where, lambda: _shadow(known, plane).section(plane))
    thickness_mm = slab.thickness_mm
    return _kept(known.patches, (*where, thickness_mm), lambda: silhouette(known.mask, plane, thickness_mm))


def _shadow(known: _Known, plane: Plane) -> Mask:
    """Zooming and moving a MIP turn no rays, so its shadow stays."""
    return _kept(known.shadows, (plane.normal.tobytes(),), lambda: shadow(known.mask, plane.normal))


def _kept(known: OrderedDict[Key, Kept], key: Key, make: Callable[[], Kept]) -> Kept:
    if key not in known:
        known[key] = make()
        while len(known) > _KEPT:
            known.popitem(last=False)
    known.move_to_end(key)
    return known[key]


def is_projection(scene: PaneScene) -> bool:
    """Whether a pane shows what lies in front of its plane and behind it as well."""
    return bool(scene.layers) and scene.surface is None and scene.layers[0].slab is not None


def projected_text(view: ViewState, scene: PaneScene) -> str:
    """What a pane says of structures that it draws as projections, empty when it draws none."""
    store = view.work.of(StructureStore)
    if not is_projection(scene) or not scene.layers[0].volume.geometry.oriented:
        return ""
    space = space_of(scene.layers[0].volume)
    drawn = any(structure.visible and not store.why_not_drawn(structure, space) for structure in store)
    return PROJECTED if drawn else ""
