"""Histogram with the window drawn into it: two limits to drag, the colours below, arrow keys for the fine work."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from viewer.ui.sidebar._parts import number
from viewer.ui.theme import GRID_PX, current_theme

Grip = Literal["lower", "upper", "both", ""]

_REACH_PX = 7
"""A limit is caught from this far away."""
_STRIP_PX = 10
_MARGIN_PX = 6
_SMALL_SHARE, _LARGE_SHARE = 0.08, 1.0
"""The axis is fitted anew when a window from elsewhere takes less or more than these shares of it."""


class HistogramView(QWidget):
    """Counts of displayed values on a logarithmic scale, with the window's lower and upper limit.

    Values are in the displayed quantity (HU, SUV, ...). Wheel zooms the axis, a double click shows all of it.

    Signals
    -------
    limits_dragged
        (lower, upper) while the user drags or presses arrow keys.
    """

    limits_dragged = Signal(float, float)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName("Histogram with window limits")
        self.setAccessibleDescription(
            "Left and Right move the window, Up and Down make it wider or narrower. Exact values are entered above."
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._edges: npt.NDArray[np.float64] = np.array([0.0, 1.0])
        self._counts: npt.NDArray[np.float64] = np.zeros(1)
        self._colours: npt.NDArray[np.uint8] = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
        self._outline: tuple[tuple[object, ...], QPolygonF] | None = None
        self._axis = (0.0, 1.0)
        self._lower, self._upper = 0.0, 1.0
        self._narrowest = 1e-6
        self._digits = 0
        self._grip: Grip = ""
        self._grabbed_at = 0.0
        self._grabbed = (0.0, 1.0)

    # --- content -----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(GRID_PX * 30, GRID_PX * 13)

    def minimumSizeHint(self) -> QSize:
        return QSize(GRID_PX * 16, GRID_PX * 13)

    def set_data(self, edges: npt.ArrayLike, counts: npt.ArrayLike) -> None:
        """Show other counts.

        Parameters
        ----------
        edges
            n + 1 increasing bin edges in the displayed quantity.
        counts
            n counts.
        """
        first = not self._counts.any()
        self._edges = np.asarray(edges, dtype=np.float64)
        self._counts = np.asarray(counts, dtype=np.float64)
        self._outline = None
        if first:
            self.settle()
        self.update()

    def set_limits(self, lower: float, upper: float, *, narrowest: float, digits: int) -> None:
        """Draw the window that is in force.

        Parameters
        ----------
        lower, upper
            Limits in the displayed quantity.
        narrowest
            Smallest distance of the limits.
        digits
            Decimals of the axis labels.
        """
        changed = (lower, upper) != (self._lower, self._upper)
        self._lower, self._upper = lower, upper
        changed |= digits != self._digits
        self._narrowest, self._digits = narrowest, digits
        if changed:
            if not self._grip:
                self._keep_readable()
            self.update()

    def set_colours(self, rgb: npt.NDArray[np.uint8]) -> None:
        """Colours of the strip below.

        Parameters
        ----------
        rgb
            (n, 3) uint8, from the lower to the upper limit.
        """
        if not np.array_equal(rgb, self._colours):
            self._colours = np.ascontiguousarray(rgb)
            self.update()

    @property
    def limits(self) -> tuple[float, float]:
        """Lower and upper limit as drawn."""
        return self._lower, self._upper

    @property
    def axis(self) -> tuple[float, float]:
        """First and last value on the axis."""
        return self._axis

    def fit(self) -> None:
        """Show all values and the whole window."""
        low, high = float(self._edges[0]), float(self._edges[-1])
        self._set_axis(min(low, self._lower), max(high, self._upper))

    def settle(self) -> None:
        """Show all values, or the neighbourhood of a window that would be too narrow to grip."""
        self.fit()
        self._keep_readable()

    def _keep_readable(self) -> None:
        width = self._upper - self._lower
        span = self._axis[1] - self._axis[0]
        inside = self._axis[0] <= self._lower and self._upper <= self._axis[1]
        if inside and _SMALL_SHARE * span <= width <= _LARGE_SHARE * span:
            return
        low, high = float(self._edges[0]), float(self._edges[-1])
        whole = max(high - low, width)
        if width >= 0.25 * whole:
            self.fit()
            return
        self._set_axis(self._lower - 1.5 * width, self._upper + 1.5 * width)

    def _set_axis(self, low: float, high: float) -> None:
        if high - low < self._narrowest:
            high = low + self._narrowest
        self._axis = (low, high)
        self.update()

    # --- geometry ----------------------------------------------------------------------------------------------

    def _plot(self) -> QRectF:
        text = self.fontMetrics().height()
        below = _STRIP_PX + text + GRID_PX // 2
        return QRectF(_MARGIN_PX, 1, self.width() - 2 * _MARGIN_PX, self.height() - below - 2)

    def x_of(self, value: float) -> float:
        """Pixel of a value."""
        plot = self._plot()
        return plot.left() + (value - self._axis[0]) / (self._axis[1] - self._axis[0]) * plot.width()

    def value_at(self, x: float) -> float:
        """Value at a pixel."""
        plot = self._plot()
        return self._axis[0] + (x - plot.left()) / plot.width() * (self._axis[1] - self._axis[0])

    def _grip_at(self, x: float) -> Grip:
        lower, upper = self.x_of(self._lower), self.x_of(self._upper)
        to_lower, to_upper = abs(x - lower), abs(x - upper)
        if min(to_lower, to_upper) <= _REACH_PX:
            if to_lower == to_upper:
                return "lower" if x < lower else "upper"
            return "lower" if to_lower < to_upper else "upper"
        return "both" if lower < x < upper else ""

    # --- gestures ----------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._grip = self._grip_at(event.position().x())
            self._grabbed_at = self.value_at(event.position().x())
            self._grabbed = (self._lower, self._upper)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not self._grip:
            shapes = {"both": Qt.CursorShape.OpenHandCursor, "": Qt.CursorShape.ArrowCursor}
            self.setCursor(shapes.get(self._grip_at(event.position().x()), Qt.CursorShape.SplitHCursor))
            return
        shift = self.value_at(event.position().x()) - self._grabbed_at
        lower, upper = self._grabbed
        if self._grip in ("lower", "both"):
            lower += shift
        if self._grip in ("upper", "both"):
            upper += shift
        if self._grip == "lower":
            lower = min(lower, upper - self._narrowest)
        elif self._grip == "upper":
            upper = max(upper, lower + self._narrowest)
        self.limits_dragged.emit(lower, upper)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grip = ""

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._grip = ""
        self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        here = self.value_at(event.position().x())
        factor = 0.8 ** (event.angleDelta().y() / 120)
        self._set_axis(here - (here - self._axis[0]) * factor, here + (self._axis[1] - here) * factor)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = max(10.0**-self._digits, (self._upper - self._lower) * 0.02)
        moves = {
            Qt.Key.Key_Left: (-step, -step),
            Qt.Key.Key_Right: (step, step),
            Qt.Key.Key_Up: (-step / 2, step / 2),
            Qt.Key.Key_Down: (step / 2, -step / 2),
        }
        move = moves.get(Qt.Key(event.key()))
        if move is None:
            super().keyPressEvent(event)
            return
        lower, upper = self._lower + move[0], self._upper + move[1]
        if upper - lower >= self._narrowest:
            self.limits_dragged.emit(lower, upper)
        event.accept()

    # --- painting ----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plot = self._plot()
        painter.fillRect(plot, QColor(theme.base))
        self._paint_counts(painter, plot)
        self._paint_strip(painter, plot)
        self._paint_labels(painter, plot)
        painter.setClipRect(plot.adjusted(-_MARGIN_PX, -1, _MARGIN_PX, _STRIP_PX))
        for value in (self._lower, self._upper):
            self._paint_limit(painter, plot, self.x_of(value))
        painter.setClipping(False)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.accent), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(plot)

    def column_counts(self, columns: int) -> npt.NDArray[np.float64]:
        """Count density at `columns` equal steps of the axis, the largest where several bins share a step."""
        at = np.linspace(self._axis[0], self._axis[1], columns + 1)
        left = np.searchsorted(self._edges, at[:-1], side="right") - 1
        right = np.maximum(np.searchsorted(self._edges, at[1:], side="left"), left + 1)
        outside = (at[1:] <= self._edges[0]) | (at[:-1] >= self._edges[-1])
        padded = np.append(self._counts, 0.0)
        left = np.clip(left, 0, self._counts.size - 1)
        right = np.clip(right, left + 1, self._counts.size)
        bounds = np.empty(2 * columns, dtype=np.intp)
        bounds[0::2], bounds[1::2] = left, right
        tallest = np.maximum.reduceat(padded, bounds)[0::2]
        result: npt.NDArray[np.float64] = np.where(outside, 0.0, tallest)
        return result

    def _counts_outline(self, plot: QRectF) -> QPolygonF:
        """Outline of the counts in pixels; made anew only for other counts, another axis or another size."""
        key = (self._axis, plot.left(), plot.width(), plot.bottom(), plot.height())
        if self._outline is None or self._outline[0] != key:
            columns = max(1, int(plot.width()))
            heights = np.log1p(self.column_counts(columns))
            ys = plot.bottom() - heights / max(heights.max(), 1e-9) * (plot.height() - GRID_PX // 2)
            points = [QPointF(plot.left() + n + 0.5, float(y)) for n, y in enumerate(ys)]
            ends = (QPointF(plot.left(), plot.bottom()), QPointF(plot.right(), plot.bottom()))
            self._outline = (key, QPolygonF([ends[0], *points, ends[1]]))
        return self._outline[1]

    def _paint_counts(self, painter: QPainter, plot: QRectF) -> None:
        outline = self._counts_outline(plot)
        theme = current_theme()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.border))
        painter.drawPolygon(outline)
        inside = QRectF(
            QPointF(self.x_of(self._lower), plot.top()), QPointF(self.x_of(self._upper), plot.bottom())
        )
        painter.setClipRect(inside.intersected(plot))
        painter.setBrush(QColor(theme.dim))
        painter.drawPolygon(outline)
        painter.setClipping(False)

    def _paint_strip(self, painter: QPainter, plot: QRectF) -> None:
        columns = max(1, int(plot.width()))
        values = np.linspace(self._axis[0], self._axis[1], columns)
        share = (values - self._lower) / max(self._upper - self._lower, 1e-12)
        index = np.clip(np.rint(share * (len(self._colours) - 1)), 0, len(self._colours) - 1).astype(np.intp)
        pixels = np.ascontiguousarray(self._colours[index])
        image = QImage(pixels.data, columns, 1, 3 * columns, QImage.Format.Format_RGB888)
        painter.drawImage(QRectF(plot.left(), plot.bottom(), plot.width(), _STRIP_PX), image)

    def _paint_labels(self, painter: QPainter, plot: QRectF) -> None:
        painter.setPen(QColor(current_theme().dim))
        line = QRectF(
            plot.left(), plot.bottom() + _STRIP_PX + GRID_PX // 4, plot.width(), self.fontMetrics().height()
        )
        painter.drawText(line, int(Qt.AlignmentFlag.AlignLeft), number(self._axis[0], self._digits))
        painter.drawText(line, int(Qt.AlignmentFlag.AlignRight), number(self._axis[1], self._digits))

    def _paint_limit(self, painter: QPainter, plot: QRectF, x: float) -> None:
        accent = QColor(current_theme().accent)
        painter.setPen(QPen(accent, 1.5))
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom() + _STRIP_PX))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(accent)
        grip = [QPointF(x - 5, plot.top()), QPointF(x + 5, plot.top()), QPointF(x, plot.top() + 7)]
        painter.drawPolygon(QPolygonF(grip))
