"""Corner annotations in three densities; warnings stay whatever the density."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter

from viewer.state.annotations import corners
from viewer.ui.overlays import MARGIN, TEXT, WARNING, Overlay, OverlayInput, draw_text


NARROW, SHORT = 520, 340
"""Panes smaller than this get short texts, so that they never cover each other or the picture."""


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw the four corners; a long line takes what its neighbour leaves, at least half."""
    compact = given.width < NARROW or given.height < SHORT
    texts = corners(given.view, given.scene, given.density, identity=given.identity, compact=compact)
    metrics = given.metrics
    step = metrics.lineSpacing()

    def elided(text: str, opposite: tuple[str, ...] = ()) -> str:
        taken = max((metrics.horizontalAdvance(line) for line in opposite), default=0.0)
        room = given.width - 4 * MARGIN - min(taken, given.width / 2)
        return metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)

    def right_x(text: str) -> float:
        return given.width - MARGIN - metrics.horizontalAdvance(text)

    for row, line in enumerate(texts.top_left):
        draw_text(painter, MARGIN, MARGIN + metrics.ascent() + row * step, elided(line, texts.top_right), TEXT)
    for row, line in enumerate(texts.top_right):
        line = elided(line, texts.top_left)
        draw_text(painter, right_x(line), MARGIN + metrics.ascent() + row * step, line, TEXT)
    last = given.height - MARGIN - metrics.descent()
    for row, line in enumerate(reversed(texts.bottom_left)):
        draw_text(painter, MARGIN, last - row * step, elided(line, texts.bottom_right), TEXT)
    for row, line in enumerate(reversed(texts.bottom_right)):
        line = elided(line, texts.bottom_left)
        draw_text(painter, right_x(line), last - row * step, line, TEXT)
    first = MARGIN + metrics.ascent() + (max(len(texts.top_left), len(texts.top_right), 1) + 0.5) * step
    for row, line in enumerate(texts.warnings):
        draw_text(painter, MARGIN, first + row * step, f"⚠ {line}", WARNING)


OVERLAY = Overlay("corners", 30, paint)
