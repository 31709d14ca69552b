"""Paints the rows of the study browser: thumbnail tile, chip, three lines, and which role a series is shown in."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from viewer.state.layers import Role
from viewer.ui.sidebar._browser_rows import Row, RowKind
from viewer.ui.theme import GRID_PX, current_theme, icon

TILE_PX = 64
ROW_ROLE = Qt.ItemDataRole.UserRole
THUMBNAIL_ROLE = Qt.ItemDataRole.UserRole + 1
SHOWN_ROLE = Qt.ItemDataRole.UserRole + 2
"""tuple of `Role` the row's stack is shown in."""

BADGES = {Role.BASE: "BASE", Role.OVERLAY: "OVERLAY"}
_PAD = GRID_PX // 2


class BrowserDelegate(QStyledItemDelegate):
    """See the module text."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        row: Row = index.data(ROW_ROLE)
        line = QFontMetrics(option.font).height()
        if row.kind is RowKind.SERIES:
            return QSize(GRID_PX * 20, max(TILE_PX, 3 * line + 2 * _PAD) + 2 * _PAD)
        lines = 1 + bool(row.detail or row.date)
        return QSize(GRID_PX * 20, lines * line + 2 * _PAD + 2)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        row: Row = index.data(ROW_ROLE)
        theme = current_theme()
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(option.rect)
        if selected:
            painter.fillRect(option.rect, QColor(theme.selection))
        elif hovered:
            painter.fillRect(option.rect, QColor(theme.hover))
        ink = QColor(theme.on_selection if selected else theme.text)
        quiet = QColor(theme.on_selection if selected else theme.dim)
        area = option.rect.adjusted(_PAD, _PAD, -_PAD, -_PAD)
        shown: tuple[Role, ...] = index.data(SHOWN_ROLE) or ()
        if row.kind is RowKind.SERIES:
            text_area = self._tile(painter, row, area, index)
            tile_top = area.top() + (area.height() - TILE_PX) // 2
            tile = QRect(area.left(), tile_top, TILE_PX, TILE_PX)
            self._badges(painter, _strong(option.font), tile, shown)
            painter.setPen(QColor(theme.border))  # a white PET thumbnail on a white list needs an edge
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(tile.adjusted(0, 0, -1, -1))
        else:
            text_area = area.adjusted(0, 0, -(TILE_PX + _PAD) if shown else 0, 0)
            beside = QRect(area.right() - TILE_PX + 1, area.top(), TILE_PX, area.height())
            self._badges(painter, _strong(option.font), beside, shown)
        self._lines(painter, option.font, row, text_area, ink, quiet)
        if bool(option.state & QStyle.StateFlag.State_HasFocus):
            painter.setPen(QColor(theme.accent))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(option.rect.adjusted(0, 0, -1, -1))
        painter.restore()

    def _tile(
        self, painter: QPainter, row: Row, area: QRect, index: QModelIndex | QPersistentModelIndex
    ) -> QRect:
        """Black square with the thumbnail or the icon of the kind; returns what is left to its right."""
        tile = QRect(area.left(), area.top() + (area.height() - TILE_PX) // 2, TILE_PX, TILE_PX)
        painter.fillRect(tile, QColor(current_theme().pane))
        picture: QPixmap | None = index.data(THUMBNAIL_ROLE)
        if picture is not None and not picture.isNull():
            size = picture.size().scaled(tile.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(QPoint(0, 0), size)
            target.moveCenter(tile.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(target, picture)
        elif row.icon:
            inner = QRect(0, 0, 28, 28)
            inner.moveCenter(tile.center())
            # Drawn as on a selection, that is white: the tile is black in both themes.
            icon(row.icon).paint(painter, inner, mode=QIcon.Mode.Selected)
        return area.adjusted(TILE_PX + GRID_PX, 0, 0, 0)

    def _badges(self, painter: QPainter, font: QFont, area: QRect, shown: tuple[Role, ...]) -> None:
        """Words along the lower edge of the tile (or at the right of a row without tile)."""
        narrow = QFont(font)
        narrow.setStretch(85)
        height = QFontMetrics(narrow).height()
        for place, role in enumerate(reversed(shown)):
            strip = QRect(area.left(), area.bottom() - (place + 1) * height + 1, area.width(), height)
            painter.fillRect(strip, QColor(current_theme().accent))
            painter.setFont(narrow)
            painter.setPen(QColor(current_theme().base))
            painter.drawText(strip, int(Qt.AlignmentFlag.AlignCenter), BADGES[role])

    def _lines(
        self, painter: QPainter, font: QFont, row: Row, area: QRect, ink: QColor, quiet: QColor
    ) -> None:
        strong = _strong(font)
        height = QFontMetrics(strong).height()
        below = (row.detail, row.date)
        if row.kind is not RowKind.SERIES:
            below = ("  ".join(part for part in below if part), "")
        lines = [text for text in below if text]
        title_font = font if row.kind is RowKind.STACK else strong
        chip = QFontMetrics(strong).horizontalAdvance(row.modality) + 2 * GRID_PX if row.modality else 0
        first, second = row.title, ""
        if row.kind is RowKind.SERIES and (len(lines) + 2) * height <= area.height() + _PAD:
            first, second = broken_title(QFontMetrics(title_font), row.title, area.width() - chip)
        if second:
            lines.insert(0, second)
        y = area.top() + max(0, (area.height() - height * (1 + len(lines))) // 2)
        x = area.left()
        if row.modality:
            x += self._pill(painter, strong, row.modality, QPoint(x, y)) + GRID_PX
        self._text(painter, title_font, QRect(x, y, area.right() - x + 1, height), first, ink)
        for number, text in enumerate(lines, 1):
            line = QRect(area.left(), y + number * height, area.width(), height)
            if number == 1 and second:
                self._text(painter, title_font, line, text, ink)
            else:
                self._text(painter, font, line, text, quiet)

    def _text(self, painter: QPainter, font: QFont, box: QRect, text: str, ink: QColor) -> None:
        painter.setFont(font)
        painter.setPen(ink)
        cut = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), cut)

    def _pill(self, painter: QPainter, font: QFont, text: str, corner: QPoint) -> int:
        """A rounded label; returns its width in pixels."""
        theme = current_theme()
        metrics = QFontMetrics(font)
        box = QRect(
            corner.x(), corner.y() + 1, metrics.horizontalAdvance(text) + GRID_PX, metrics.height() - 2
        )
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.hover))
        painter.drawRoundedRect(box, 3, 3)
        painter.setFont(font)
        painter.setPen(QColor(theme.text))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)
        return box.width()


def broken_title(metrics: QFontMetrics, text: str, width: int) -> tuple[str, str]:
    """Break a title that is wider than `width` pixels after its last word that fits; (text, "") when all of it does."""
    if metrics.horizontalAdvance(text) <= width:
        return text, ""
    words = text.split(" ")
    fitting = [n for n in range(1, len(words)) if metrics.horizontalAdvance(" ".join(words[:n])) <= width]
    taken = max(fitting, default=0)
    return (" ".join(words[:taken]), " ".join(words[taken:]).strip()) if taken else (text, "")


def _strong(font: QFont) -> QFont:
    result = QFont(font)
    result.setWeight(QFont.Weight.DemiBold)
    return result
