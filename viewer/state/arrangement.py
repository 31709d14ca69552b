"""Which layout suits a volume."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from psygnal import SignalInstance

from viewer.imaging.orientation import nearest_anatomy
from viewer.state.library import OpenVolume
from viewer.state.panes import Layout, PlaneKind, arranged, layout

LEAST_PANE = (300, 270)
"""(width, height) of a pane that still shows a plane of a whole body well."""


class Arrangement(Protocol):
    """What a grid of panes shows: the view state for the main window, an object of its own for another window."""

    layout: Layout
    maximised: str
    """Id of the pane that is shown alone, empty for all."""
    area: tuple[int, int]
    """(width, height) of all panes together."""

    @property
    def layout_changed(self) -> SignalInstance:
        """Other panes are shown."""

    def maximise(self, pane_id: str) -> None:
        """Show one pane alone, or all with an empty id."""


def fitting_layout(
    base: OpenVolume | None, overlay: OpenVolume | None, chosen: str, area: tuple[int, int]
) -> str:
    """Id of the layout for what is shown: the user's choice where it fits, else the one that shows the planes larger.

    PET over CT or MR is hung in rows beside its MIP where there is room for ten panes (rule E21).

    Parameters
    ----------
    base, overlay
        The volumes in the two roles, None where there is none.
    chosen
        Id of the layout the user chose, empty for none.
    area
        (width, height) of all panes together.
    """
    item = base or overlay
    if item is not None and not item.stack.multiplanar:
        return "single"
    if chosen and (overlay is not None or not layout(chosen).needs_overlay):
        return chosen
    if item is None:
        return "three"
    if overlay is not None and overlay.series.modality == "PT" and item.series.modality in ("CT", "MR"):
        wide, high = layout("rows-mip").size
        if area[0] >= wide * LEAST_PANE[0] and area[1] >= high * LEAST_PANE[1]:
            return "rows-mip"
    extent = np.ptp(item.volume.geometry.corners_mm(), axis=0)
    across, tall = max(extent[0], extent[1]), extent[2]
    width, height = area
    in_a_row = min(width / 3 / across, height / max(across, tall))
    with_large = min(width / 2 / across, height / 2 / max(across, tall))
    return "three" if in_a_row > with_large else "three-large"


def arranged_for(item: OpenVolume | None, wanted: Layout) -> Layout:
    """A layout with the acquired plane of a volume in its large pane."""
    if item is None:
        return wanted
    return arranged(wanted, PlaneKind(nearest_anatomy(item.volume.geometry.slice_normal).value))
