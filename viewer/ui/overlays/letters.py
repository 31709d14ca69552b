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
    middle = given.height / 2 + lettering.cap_height / 2

    def centred(text: str) -> float:
        return (given.width - lettering.width(text)) / 2

    if given.scene.pane.kind is PlaneKind.CURVED and given.scene.surface is None:
        return
    if not any(given.scene.letters):
        text = "orientation unknown"
        # At the lower edge: above, the patient's name may reach across.
        lettering.draw(painter, centred(text), given.height - MARGIN - lettering.descent, text, MUTED)
        return
    lettering.draw(painter, MARGIN, middle, left, TEXT)
    lettering.draw(painter, given.width - MARGIN - lettering.width(right), middle, right, TEXT)
    lettering.draw(painter, centred(top), first, top, TEXT)
    lettering.draw(painter, centred(bottom), given.height - MARGIN - lettering.descent, bottom, TEXT)


OVERLAY = Overlay("letters", 40, paint)
