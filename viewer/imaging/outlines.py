"""The edges of voxels as polygons: the way back from a mask to contours (rule I06).

Contours run along the edges of the voxels, not through their centres: a contour through the centres of a 4 x 4 mask
would enclose 3 x 3.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray
from viewer.imaging.labelmap import BoolArray

_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""Right, down, left, up as (rows, columns) between corners."""


def outlines(mask: BoolArray) -> list[FloatArray]:
    """Closed polygons around a mask.

    Parameters
    ----------
    mask
        (rows, columns) bool.

    Returns
    -------
    list
        Each (n, 2) rows and columns of corners, where pixel (r, c) reaches from r - 0.5 to r + 0.5. Holes are polygons
        of their own, so that by the even-odd rule the polygons cover the mask exactly. Pixels that touch in a corner
        only belong to different polygons.
    """
    padded = np.pad(mask, 1)
    # Edges with the mask on their right side when walked in direction d, by the corner they start at.
    edges = np.stack(
        [
            padded[1:, 1:] & ~padded[:-1, 1:],  # to the right, along the top of a pixel
            padded[1:, :-1] & ~padded[1:, 1:],  # down, along its right side
            padded[:-1, :-1] & ~padded[1:, :-1],  # to the left, along its bottom
            padded[:-1, 1:] & ~padded[:-1, :-1],  # up, along its left side
        ]
    )
    found = []
    starts = np.argwhere(edges[0])
    for row, column in starts.tolist():
        if edges[0, row, column]:
            found.append(np.array(_walk(edges, row, column), dtype=np.float64) - 0.5)
    return found


def _walk(edges: npt.NDArray[np.bool_], row: int, column: int) -> list[tuple[int, int]]:
    """Follow edges from a corner until they close, and take them away; only the corners of turns are kept."""
    corners: list[tuple[int, int]] = []
    direction, before = 0, -1
    while True:
        # Turning right first keeps pixels apart that touch in a corner.
        for turn in (1, 0, 3):
            wanted = (before + turn) % 4 if before >= 0 else 0
            if edges[wanted, row, column]:
                direction = wanted
                break
        else:
            return corners
        if direction != before:
            corners.append((row, column))
        edges[direction, row, column] = False
        row, column = row + _STEPS[direction][0], column + _STEPS[direction][1]
        before = direction
