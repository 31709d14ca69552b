"""The slabs of the planes: how thick, which projection, what they are called; one for all, or one of a plane's own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal

from viewer.imaging.sample import Projection, Slab

if TYPE_CHECKING:
    from viewer.state.panes import PlaneKind
    from viewer.state.view import ViewState

FIRST = Slab(10.0, Projection.MAX)
"""What key M begins with."""
THICKNESS_MM = (0.5, 500.0)
STEPS_MM = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0, 75.0, 100.0)
"""Thicknesses the keys step through."""

NAMES = {
    Projection.MAX: "MIP",
    Projection.MIN: "MinIP",
    Projection.MEAN: "mean",
    Projection.SUM: "sum",
}


class OwnSlabs:
    """Planes whose slab is not that of the others, or that stay thin while the others are thick.

    All panes of one kind show the same plane, so they share it. It counts as long as the base it was chosen for.

    Attributes
    ----------
    changed
        A plane got a slab of its own, gave it up, or has another one.
    """

    changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self._base = ""
        self._slabs: dict[PlaneKind, Slab | None] = {}
        view.layers_changed.connect(self._follow_base)

    def has(self, kind: PlaneKind) -> bool:
        """Whether a plane has a slab of its own."""
        return kind in self._slabs

    def of(self, kind: PlaneKind) -> Slab | None:
        """The slab of a plane that has its own, None for a thin one."""
        return self._slabs.get(kind)

    def put(self, kind: PlaneKind, slab: Slab | None) -> None:
        """Give a plane a slab of its own, None for a thin plane."""
        self._base = self._shown()
        self._slabs[kind] = slab
        self.changed.emit()

    def give_up(self, kind: PlaneKind | None = None) -> None:
        """One plane, or all with None, joins the others again."""
        if kind is None:
            self._slabs.clear()
        else:
            self._slabs.pop(kind, None)
        self.changed.emit()

    def _follow_base(self) -> None:
        if self._slabs and self._base != self._shown():
            self.give_up()

    def _shown(self) -> str:
        item = self._view.base_volume
        return "" if item is None else item.volume.uid


def slab_of(view: ViewState, kind: PlaneKind) -> Slab | None:
    """The slab a plane is shown with; None for a single slice."""
    own = view.work.of(OwnSlabs)
    return own.of(kind) if own.has(kind) else view.slab


def set_slab(view: ViewState, slab: Slab | None, kind: PlaneKind) -> None:
    """Change the slab of a plane, and with it of all that have none of their own unless it has one itself."""
    own = view.work.of(OwnSlabs)
    if own.has(kind):
        own.put(kind, slab)
    else:
        view.set_slab(slab)


def toggle_own(view: ViewState, kind: PlaneKind) -> None:
    """Let a plane go its own way from where it is, or let it join the others."""
    own = view.work.of(OwnSlabs)
    if own.has(kind):
        own.give_up(kind)
    elif kind.anatomy is not None:
        own.put(kind, view.slab)


def slab_text(slab: Slab) -> str:
    """Projection and thickness, "MIP 10 mm", as they stand in the pane (rule E12)."""
    return f"{NAMES[slab.projection]} {slab.thickness_mm:.4g} mm"


def plane_text(view: ViewState, kind: PlaneKind, slab: Slab | None) -> str:
    """The words of a pane's slab; where the plane goes its own way they say so, also when it is thin."""
    own = view.work.of(OwnSlabs).has(kind)
    if slab is None:
        return "single slice" if own and view.slab is not None else ""
    return slab_text(slab) + (", own" if own else "")


def set_thickness(view: ViewState, thickness_mm: float, kind: PlaneKind) -> None:
    """Make the slab so thick, with the projection it has; values out of range become the nearest possible one."""
    low, high = THICKNESS_MM
    now = slab_of(view, kind) or FIRST
    set_slab(view, replace(now, thickness_mm=min(high, max(low, thickness_mm))), kind)


def set_projection(view: ViewState, projection: Projection, kind: PlaneKind) -> None:
    """Project the slab otherwise; a thin plane becomes a slab."""
    set_slab(view, replace(slab_of(view, kind) or FIRST, projection=projection), kind)


def step_thickness(view: ViewState, steps: int, kind: PlaneKind) -> None:
    """Thicker or thinner by round numbers; thinner than the least is a thin plane again."""
    slab = slab_of(view, kind)
    now = slab.thickness_mm if slab is not None else 0.0
    if steps > 0:
        set_thickness(view, next((mm for mm in STEPS_MM if mm > now + 1e-6), now), kind)
        return
    thinner = [mm for mm in STEPS_MM if mm < now - 1e-6]
    if thinner:
        set_thickness(view, thinner[-1], kind)
    else:
        set_slab(view, None, kind)


def toggle(view: ViewState, kind: PlaneKind) -> None:
    """The slab on and off (key M)."""
    set_slab(view, None if slab_of(view, kind) is not None else FIRST, kind)
