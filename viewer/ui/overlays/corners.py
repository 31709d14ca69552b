"""Corner annotations in three densities; warnings stay whatever the density."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter

from viewer.state.annotations import corners
from viewer.ui.overlays import MARGIN, TEXT, WARNING, Overlay, OverlayInput, draw_text

LETTER_ROOM = 14.0
"""Half the width kept free for the letters in the middle of the edges."""
NARROW, SHORT = 520, 340
"""Panes smaller than this get short texts, so that they never cover each other or the picture."""


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw the four corners; each keeps to its half of the pane and clear of the letters."""
    compact = given.width < NARROW or given.height < SHORT
    texts = corners(given.view, given.scene, given.density, identity=given.identity, compact=compact)
    metrics = given.metrics
    step = metrics.lineSpacing()

    room = given.width / 2 - MARGIN - LETTER_ROOM

    def elided(text: str) -> str:
        return metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)

    def right_x(text: str) -> float:
        return given.width - MARGIN - metrics.horizontalAdvance(text)

    for row, line in enumerate(texts.top_left):
        draw_text(painter, MARGIN, MARGIN + metrics.ascent() + row * step, elided(line), TEXT)
    for row, line in enumerate(texts.top_right):
        line = elided(line)
        draw_text(painter, right_x(line), MARGIN + metrics.ascent() + row * step, line, TEXT)
    last = given.height - MARGIN - metrics.descent()
    for row, line in enumerate(reversed(texts.bottom_left)):
        draw_text(painter, MARGIN, last - row * step, elided(line), TEXT)
    for row, line in enumerate(reversed(texts.bottom_right)):
        line = elided(line)
        draw_text(painter, right_x(line), last - row * step, line, TEXT)
    first = MARGIN + metrics.ascent() + (max(len(texts.top_left), len(texts.top_right), 1) + 0.5) * step
    for row, line in enumerate(texts.warnings):
        draw_text(painter, MARGIN, first + row * step, f"⚠ {line}", WARNING)


OVERLAY = Overlay("corners", 30, paint)
