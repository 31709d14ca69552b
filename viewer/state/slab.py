"""The slab of the three planes: how thick, which projection, what it is called."""

from __future__ import annotations

from dataclasses import replace

from viewer.imaging.sample import Projection, Slab
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


def slab_text(slab: Slab) -> str:
    """Projection and thickness, "MIP 10 mm", as they stand in the pane (rule E12)."""
    return f"{NAMES[slab.projection]} {slab.thickness_mm:.4g} mm"


def set_thickness(view: ViewState, thickness_mm: float) -> None:
    """Make the slab so thick, with the projection it has; values out of range become the nearest possible one."""
    low, high = THICKNESS_MM
    view.set_slab(replace(view.slab or FIRST, thickness_mm=min(high, max(low, thickness_mm))))


def set_projection(view: ViewState, projection: Projection) -> None:
    """Project the slab otherwise; a thin plane becomes a slab."""
    view.set_slab(replace(view.slab or FIRST, projection=projection))


def step_thickness(view: ViewState, steps: int) -> None:
    """Thicker or thinner by round numbers; thinner than the least is a thin plane again."""
    now = view.slab.thickness_mm if view.slab is not None else 0.0
    if steps > 0:
        set_thickness(view, next((mm for mm in STEPS_MM if mm > now + 1e-6), now))
        return
    thinner = [mm for mm in STEPS_MM if mm < now - 1e-6]
    if thinner:
        set_thickness(view, thinner[-1])
    else:
        view.set_slab(None)


def toggle(view: ViewState) -> None:
    """The slab on and off (key M)."""
    view.set_slab(None if view.slab is not None else FIRST)
