"""Orientation letters at the four edges (rules E01-E03), or the statement that there are none."""

from __future__ import annotations

from PySide6.QtGui import QPainter

from viewer.state.panes import PlaneKind
from viewer.ui.overlays import MARGIN, MUTED, TEXT, Overlay, OverlayInput


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw the letters of the pane's own axes."""
    left, right, top, bottom = given.scene.letters
    lettering = given.lettering
    first = MARGIN + lettering.ascent

    def centred(text: str) -> float:
        return (given.width - lettering.width(text)) / 2

    if given.scene.pane.kind is PlaneKind.CURVED and given.scene.surface is None:
        return
    if not any(given.scene.letters):
        text = "orientation unknown"
        # Above the texts of the lower corners, which may reach to the middle.
        rows = max(len(given.corners.bottom_left), len(given.corners.bottom_right))
        base = given.height - MARGIN - lettering.descent - rows * lettering.line_spacing
        lettering.draw(painter, centred(text), base, text, MUTED)
        return
    left_base, right_base = given.letter_bases
    lettering.draw(painter, MARGIN, left_base, left, TEXT)
    lettering.draw(painter, given.width - MARGIN - lettering.width(right), right_base, right, TEXT)
    lettering.draw(painter, centred(top), first, top, TEXT)
    lettering.draw(painter, centred(bottom), given.height - MARGIN - lettering.descent, bottom, TEXT)


OVERLAY = Overlay("letters", 40, paint)
