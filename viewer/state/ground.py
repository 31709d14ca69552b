"""What a hand draws on: the volumes, the plane and the slab of a pane, so that a stroke ends when they are exchanged.

A stroke joins the places of the hand by lines. When the picture under the hand becomes another one in the middle of
it, the next place belongs to another plane or another patient point, and the line between the two is none that anybody
drew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from viewer.imaging.plane import Plane
from viewer.imaging.sample import Slab
from viewer.state.panes import Pane, PlaneKind
from viewer.state.resolve import pane_plane
from viewer.state.slab import slab_of
from viewer.state.view import ViewState

SLIP_PX = 0.5
"""A picture that moved less than this under the hand has not moved."""
SAME_DIRECTION = 1 - 1e-9
SAME_DEPTH_MM = 1e-4


@dataclass(frozen=True, eq=False)
class Ground:
    """What is drawn on.

    Parameters
    ----------
    volumes
        Uids of base and overlay.
    slab
        Of the pane.
    plane
        What the pane shows.
    """

    volumes: tuple[str, str]
    slab: Slab | None
    plane: Plane

    def carries(self, after: Ground, column: float, row: float) -> bool:
        """Whether a stroke begun here goes on there.

        Parameters
        ----------
        after
            What the pane shows now.
        column, row
            Where the hand rests, in device pixels of the pane. Zooming about the hand leaves its point where it was,
            so it does not end a stroke.
        """
        if (self.volumes, self.slab) != (after.volumes, after.slab):
            return False
        step = after.plane.at(column, row) - self.plane.at(column, row)
        parallel = float(self.plane.normal @ after.plane.normal) > SAME_DIRECTION
        depth = abs(float(step @ self.plane.normal))
        return (
            parallel
            and depth < SAME_DEPTH_MM
            and float(np.linalg.norm(step)) <= SLIP_PX * self.plane.mm_per_pixel
        )


def ground_of(view: ViewState, pane: Pane, width: int, height: int) -> Ground | None:
    """What a pane of so many device pixels gives to draw on; None where nothing is open and on a curved picture."""
    item = view.base_volume
    if item is None or pane.kind is PlaneKind.CURVED:
        return None
    volumes = tuple("" if layer is None else layer.volume_uid for layer in (view.base, view.overlay))
    plane = pane_plane(view, pane, item.volume.geometry, width, height)
    return Ground((volumes[0], volumes[1]), slab_of(view, pane.kind), plane)
