"""Display shutters: which part of an image is seen (PS3.3 C.7.6.11)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from viewer.imaging.geometry import FloatArray

Pixel = tuple[float, float]

CORNERS = 180
"""Of the polygon that stands for a circle; it leaves the circle by less than 0.02 % of its radius."""


@dataclass(frozen=True)
class Shutter:
    """Several shapes together: only what lies in all of them is seen.

    Positions count pixels from 1, as in the file: a whole number is the centre of a pixel.

    Parameters
    ----------
    rectangle
        (left, top, right, bottom): the first and last columns and rows that are seen.
    circle
        (column, row, radius), the radius in pixels along a row.
    polygon
        (column, row) of each corner, closed by itself.
    grey
        What covers the rest, 0 (black) to 1 (white).
    """

    rectangle: tuple[float, float, float, float] | None = None
    circle: tuple[float, float, float] | None = None
    polygon: tuple[Pixel, ...] = ()
    grey: float = 0.0

    def outlines(self, row_mm: float, column_mm: float) -> tuple[FloatArray, ...]:
        """The shapes as closed polygons on the grid of the image.

        Parameters
        ----------
        row_mm, column_mm
            Distance of rows and of columns; a circle is one in the patient.

        Returns
        -------
        tuple
            (n, 2) columns and rows each, counted from 0: a whole number is the centre of a pixel.
        """
        found = []
        if self.rectangle is not None:
            left, top, right, bottom = self.rectangle
            # An edge is named by the last pixel that is seen, and that one is seen as a whole.
            low, high = np.array([left, top]) - 1.5, np.array([right, bottom]) - 0.5
            found.append(np.array([low, (high[0], low[1]), high, (low[0], high[1])]))
        if self.circle is not None:
            column, row, radius = self.circle
            angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
            across, down = np.cos(angle), np.sin(angle) * column_mm / row_mm
            found.append(np.column_stack([column - 1 + radius * across, row - 1 + radius * down]))
        if self.polygon:
            found.append(np.array(self.polygon) - 1)
        return tuple(found)
