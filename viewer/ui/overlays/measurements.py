"""Measurements on every plane they cross: whole and solid in their plane, dashed where they only pass through it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from viewer.imaging.geometry import FloatArray
from viewer.imaging.measure.crossing import chords_mm, crossings_mm
from viewer.imaging.plane import Plane
from viewer.state.annotations import corners
from viewer.state.measured import Result
from viewer.state.measurement import LABELS, REGIONS, Kind, Measurement
from viewer.state.measurements import Measurements, distances_mm, pixels
from viewer.ui.overlays import MARGIN, SHADOW, WARNING, Overlay, OverlayInput

OWN = QColor("#5FE3D0")
CHOSEN = QColor("#FFFFFF")
READ = QColor("#C9B2FF")
"""Of somebody else: read from a report or presentation state."""
FADED = 0.6
WIDTH = 1.4
HANDLE = 3.5
"""Half the side of a handle, logical pixels."""
MARK = 4.0
BESIDE = 10.0
ARROW_HEAD = 9.0
READING = REGIONS | {Kind.POINT}
MIDDLE = "⚠ of the middle plane, not of the slab"
"""Said while a slab is shown: the eye sees a projection, the numbers are those of one plane."""
CROSSHAIR_ROOM = 3.0
CROSSED, PER_PIXEL_AWAY = 1e6, 8.0
"""What it costs a label to lie on the crosshair, and far away, in square pixels of covered drawing."""
NARROW, SHORT = 520, 340
"""Panes smaller than this have short texts."""


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw what lies in this plane or passes through it, and what is being drawn."""
    store = given.view.work.of(Measurements)
    seen = store.seen_on(given.scene)
    if not seen and store.draft is None:
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    taken = list(_corner_texts(given))
    boxes = []
    for found in seen:
        item = found.measurement
        colour = CHOSEN if item.uid == store.selected else READ if item.origin else OWN
        if not found.in_plane:
            _draw_crossing(painter, given, item, colour)
            continue
        _draw_lines(painter, given, item, colour)
        if given.interactive and item.uid in (store.selected, store.hovered) and not item.origin:
            _draw_handles(painter, given, item, colour)
        boxes.append((item, store.result(item), colour))
    draft = store.draft
    if draft is not None and given.interactive and store.belongs(draft):
        _draw_lines(painter, given, draft, CHOSEN)
        boxes.append((draft, store.result(draft), CHOSEN))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
    taken += [_extent(given, item) for item, _, _ in boxes]
    thick = any(layer.slab is not None for layer in given.scene.layers)
    small = given.width < NARROW or given.height < SHORT
    for item, result, colour in reversed(boxes):  # the selected one finds its place first
        short = small and given.interactive and colour is not CHOSEN
        lines = label_lines(item, result, short=short)
        if thick and item.kind in READING:
            lines = (*lines, MIDDLE)
        _draw_label(painter, given, item, lines, colour, taken)
    painter.restore()


def label_lines(item: Measurement, result: Result, *, short: bool = False) -> tuple[str, ...]:
    """What is written beside a drawing: all of it, or the first line and the warnings."""
    if item.kind in LABELS:
        return tuple(item.text.splitlines())
    lines = result.lines()
    return tuple(line for n, line in enumerate(lines) if n == 0 or line.startswith("⚠")) if short else lines


# --- drawing ----------------------------------------------------------------------------------------------------


def _draw_lines(painter: QPainter, given: OverlayInput, item: Measurement, colour: QColor) -> None:
    lines = [_logical(given, line) for line in item.lines_mm if len(line) > 1]
    for pen in (_shadow_pen(), QPen(colour, WIDTH)):
        painter.setPen(pen)
        for line in lines:
            painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in line.tolist()]))
        if item.kind is Kind.ARROW and lines:
            painter.drawLines(_arrow_head(lines[0]))
        if item.kind is Kind.POINT:
            x, y = _logical(given, item.array)[0]
            painter.drawLines([QLineF(x - 6, y, x - 2, y), QLineF(x + 2, y, x + 6, y)])
            painter.drawLines([QLineF(x, y - 6, x, y - 2), QLineF(x, y + 2, x, y + 6)])
        if item.kind in (Kind.LENGTH, Kind.COBB, Kind.BIDIRECTIONAL):
            painter.drawLines([tick for line in lines for tick in _ticks(line)])
    if item.kind is Kind.COBB and len(item.points) == 4:
        _draw_cobb_link(painter, given, item, colour)


def _draw_cobb_link(painter: QPainter, given: OverlayInput, item: Measurement, colour: QColor) -> None:
    """A faint line from the middle of one end plate to that of the other, so that the eye finds the pair."""
    middles = _logical(given, np.stack([item.array[:2].mean(axis=0), item.array[2:].mean(axis=0)]))
    painter.setPen(_dashed(colour))
    painter.drawLine(QLineF(*middles[0].tolist(), *middles[1].tolist()))


def _draw_crossing(painter: QPainter, given: OverlayInput, item: Measurement, colour: QColor) -> None:
    plane = given.scene.plane
    faded = QColor(colour)
    faded.setAlphaF(FADED)
    for line in item.lines_mm:
        away = distances_mm(plane, line)
        if item.kind in REGIONS:
            for chord in chords_mm(line[:-1], away[:-1]):
                (x0, y0), (x1, y1) = _logical(given, chord).tolist()
                for pen in (_shadow_pen(), _dashed(faded)):
                    painter.setPen(pen)
                    painter.drawLine(QLineF(x0, y0, x1, y1))
            continue
        met = crossings_mm(line, away, closed=False)
        for x, y in _logical(given, met).tolist():
            for pen in (_shadow_pen(), _dashed(faded)):
                painter.setPen(pen)
                painter.drawEllipse(QPointF(x, y), MARK, MARK)


def _draw_handles(painter: QPainter, given: OverlayInput, item: Measurement, colour: QColor) -> None:
    painter.setPen(QPen(SHADOW, 1.0))
    painter.setBrush(colour)
    for x, y in _logical(given, item.handles_mm).tolist():
        painter.drawRect(QRectF(x - HANDLE, y - HANDLE, 2 * HANDLE, 2 * HANDLE))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _draw_label(
    painter: QPainter,
    given: OverlayInput,
    item: Measurement,
    lines: Sequence[str],
    colour: QColor,
    taken: list[QRectF],
) -> None:
    """Write the numbers beside the drawing: not on the crosshair, not on another label, not out of the pane."""
    if not lines:
        return
    lettering = given.lettering
    width = max(lettering.width(line) for line in lines)
    height = lettering.line_spacing * len(lines)
    drawn = _extent(given, item)
    if not drawn.intersects(QRectF(0, 0, given.width, given.height)):
        return
    box = _place(drawn, width, height, taken, given)
    taken.append(box)
    _draw_leader(painter, box, drawn, colour)
    for row, line in enumerate(lines):
        tint = WARNING if line.startswith("⚠") else colour
        base = box.top() + lettering.ascent + row * lettering.line_spacing
        lettering.draw(painter, box.left(), base, line, tint)


def _place(
    drawn: QRectF, width: float, height: float, taken: Sequence[QRectF], given: OverlayInput
) -> QRectF:
    """The best place around a drawing: off the crosshair, over little else, and near."""
    room = QRectF(MARGIN, MARGIN, given.width - 2 * MARGIN, given.height - 2 * MARGIN)
    x, y = drawn.center().x() - width / 2, drawn.center().y() - height / 2
    right, left = drawn.right() + BESIDE, drawn.left() - BESIDE - width
    below, above = drawn.bottom() + BESIDE, drawn.top() - BESIDE - height
    places = [(right, y), (left, y), (x, below), (x, above)]
    places += [(right, below), (right, above), (left, below), (left, above)]
    # Farther out, for drawings on the crosshair or close together.
    for step in (0.6, 1.2, 2.0):
        up, aside = step * height, step * width / 2
        places += [(right, y - up), (right, y + up), (left, y - up), (left, y + up)]
        places += [(x + aside, below), (x - aside, below), (x + aside, above), (x - aside, above)]
        places += [(x, below + up), (x, above - up), (right + aside, y), (left - aside, y)]
    boxes = [_kept_in(QRectF(px, py, width, height), room) for px, py in places]
    lines = _crosshair(given)

    def cost(box: QRectF) -> float:
        crossed = sum(_crosses(box, *line) for line in lines)
        covered = _covered(box, drawn) + sum(_covered(box, other) for other in taken)
        return CROSSED * crossed + covered + PER_PIXEL_AWAY * _apart(box, drawn)

    return min(boxes, key=cost)


def _draw_leader(painter: QPainter, box: QRectF, drawn: QRectF, colour: QColor) -> None:
    """A faint line from a label to its drawing where the two do not lie together."""
    if _apart(box, drawn) <= 2.5 * BESIDE:
        return
    end = QPointF(
        min(max(box.center().x(), drawn.left()), drawn.right()),
        min(max(box.center().y(), drawn.top()), drawn.bottom()),
    )
    begin = QPointF(min(max(end.x(), box.left()), box.right()), min(max(end.y(), box.top()), box.bottom()))
    faded = QColor(colour)
    faded.setAlphaF(FADED)
    pen = QPen(faded, 1.0)
    pen.setDashPattern([2.0, 3.0])
    painter.setPen(pen)
    painter.drawLine(QLineF(begin, end))


def _apart(one: QRectF, other: QRectF) -> float:
    """Pixels between the nearest edges of two rectangles."""
    dx = max(one.left() - other.right(), other.left() - one.right(), 0.0)
    dy = max(one.top() - other.bottom(), other.top() - one.bottom(), 0.0)
    return float(np.hypot(dx, dy))


def _crosses(box: QRectF, point: tuple[float, float], direction: tuple[float, float]) -> bool:
    """Whether a line passes through a rectangle, or nearly so."""
    away = [
        (x - point[0]) * direction[1] - (y - point[1]) * direction[0]
        for x in (box.left(), box.right())
        for y in (box.top(), box.bottom())
    ]
    return min(away) < CROSSHAIR_ROOM and max(away) > -CROSSHAIR_ROOM


def _covered(box: QRectF, other: QRectF) -> float:
    """Square pixels two rectangles share."""
    shared = box.intersected(other)
    return max(0.0, shared.width()) * max(0.0, shared.height())


# --- helpers ----------------------------------------------------------------------------------------------------


def _logical(given: OverlayInput, points_mm: FloatArray) -> FloatArray:
    """(n, 2) logical pixels of (n, 3) points."""
    plane: Plane = given.scene.plane
    found: FloatArray = (pixels(plane, points_mm) + 0.5) / given.ratio
    return found


def _extent(given: OverlayInput, item: Measurement) -> QRectF:
    """The rectangle around a drawing."""
    outline = np.concatenate([_logical(given, line) for line in item.lines_mm if len(line)])
    (left, top), (right, bottom) = outline.min(axis=0).tolist(), outline.max(axis=0).tolist()
    return QRectF(left, top, max(1.0, right - left), max(1.0, bottom - top))


def _corner_texts(given: OverlayInput) -> Iterable[QRectF]:
    """Where the corner annotations and the scale bar are."""
    compact = given.width < NARROW or given.height < SHORT
    texts = corners(given.view, given.scene, given.density, identity=given.identity, compact=compact)
    lettering = given.lettering
    for lines, at_right, at_bottom in (
        (texts.top_left, False, False),
        (texts.top_right, True, False),
        (texts.bottom_left, False, True),
        (texts.bottom_right, True, True),
    ):
        if lines:
            width = max(lettering.width(line) for line in lines) + MARGIN
            height = lettering.line_spacing * len(lines) + MARGIN
            x, y = given.width - width if at_right else 0.0, given.height - height if at_bottom else 0.0
            yield QRectF(x, y, width, height)
    # Letters, scale bar and colour bar.
    yield QRectF(given.width - 3 * MARGIN, 0, 3 * MARGIN, given.height)
    left = 3 * MARGIN if given.scene.colour_bar is None else 7 * MARGIN
    yield QRectF(0, 0, left, given.height)


def _crosshair(given: OverlayInput) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """A point and the direction of each line of the crosshair."""
    if given.scene.cursor_px is None:
        return []
    column, row = given.scene.cursor_px
    point = (column + 0.5) / given.ratio, (row + 0.5) / given.ratio
    return [(point, line.direction) for line in given.scene.lines]


def _kept_in(box: QRectF, room: QRectF) -> QRectF:
    x = min(max(box.left(), room.left()), max(room.left(), room.right() - box.width()))
    y = min(max(box.top(), room.top()), max(room.top(), room.bottom() - box.height()))
    return QRectF(x, y, box.width(), box.height())


def _shadow_pen() -> QPen:
    colour = QColor(SHADOW)
    colour.setAlphaF(0.6)
    return QPen(colour, WIDTH + 2.0)


def _dashed(colour: QColor) -> QPen:
    pen = QPen(colour, WIDTH)
    pen.setDashPattern([3.0, 2.5])
    return pen


def _ticks(line: FloatArray) -> list[QLineF]:
    """Short strokes across both ends of a straight line."""
    start, end = line[0], line[-1]
    length = float(np.hypot(*(end - start)))
    if length == 0:
        return []
    across = np.array([-(end - start)[1], (end - start)[0]]) / length * 4.0
    return [QLineF(*(point - across).tolist(), *(point + across).tolist()) for point in (start, end)]


def _arrow_head(line: FloatArray) -> list[QLineF]:
    """Both strokes of the head at the first end."""
    tip, tail = line[0], line[-1]
    length = float(np.hypot(*(tail - tip)))
    if length == 0:
        return []
    back = (tail - tip) / length * ARROW_HEAD
    across = np.array([-back[1], back[0]]) * 0.4
    return [QLineF(*tip.tolist(), *(tip + back + side * across).tolist()) for side in (-1, 1)]


OVERLAY = Overlay("measurements", 35, paint)
