"""Orientation letters at the four edges (rules E01-E03), or the statement that there are none."""

from __future__ import annotations

from PySide6.QtGui import QPainter

from viewer.ui.overlays import MARGIN, MUTED, TEXT, Overlay, OverlayInput, draw_text


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw the letters of the pane's own axes."""
    left, right, top, bottom = given.scene.letters
    metrics = given.metrics
    middle = given.height / 2 + metrics.capHeight() / 2
    if not any(given.scene.letters):
        text = "orientation unknown"
        draw_text(
            painter,
            (given.width - metrics.horizontalAdvance(text)) / 2,
            MARGIN + metrics.ascent(),
            text,
            MUTED,
        )
        return
    draw_text(painter, MARGIN, middle, left, TEXT)
    draw_text(painter, given.width - MARGIN - metrics.horizontalAdvance(right), middle, right, TEXT)
    draw_text(
        painter, (given.width - metrics.horizontalAdvance(top)) / 2, MARGIN + metrics.ascent(), top, TEXT
    )
    draw_text(
        painter,
        (given.width - metrics.horizontalAdvance(bottom)) / 2,
        given.height - MARGIN - metrics.descent(),
        bottom,
        TEXT,
    )


OVERLAY = Overlay("letters", 40, paint)
