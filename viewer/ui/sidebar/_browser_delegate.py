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
        if row.kind is RowKind.SERIES:
            area = self._tile(painter, row, area, index)
        self._lines(painter, option.font, row, area, ink, quiet, index.data(SHOWN_ROLE) or ())
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
            icon(row.icon).paint(
                painter, inner, mode=QIcon.Mode.Selected
            )  # white: the tile is black in both themes
        return area.adjusted(TILE_PX + GRID_PX, 0, 0, 0)

    def _lines(
        self,
        painter: QPainter,
        font: QFont,
        row: Row,
        area: QRect,
        ink: QColor,
        quiet: QColor,
        shown: tuple[Role, ...],
    ) -> None:
        strong = QFont(font)
        strong.setWeight(QFont.Weight.DemiBold)
        metrics, height = QFontMetrics(strong), QFontMetrics(font).height()
        second = "  ".join(part for part in (row.detail, row.date) if part)
        rows = [row.detail, row.date] if row.kind is RowKind.SERIES else [second]
        if row.kind is RowKind.SERIES or shown:
            badges = [BADGES[role] for role in shown]
        else:
            badges = []
        text_height = height * (1 + sum(1 for text in rows if text))
        y = area.top() + max(0, (area.height() - text_height) // 2)
        x = area.left()
        if row.modality:
            x += self._pill(painter, strong, row.modality, QPoint(x, y), filled=False) + GRID_PX // 2 + 2
        painter.setFont(strong if row.kind is not RowKind.STACK else font)
        painter.setPen(ink)
        line = QRect(x, y, area.right() - x + 1, height)
        painter.drawText(line, _LEFT, metrics.elidedText(row.title, _RIGHT_CUT, line.width()))
        room = area.right() + 1
        y += height
        for text in filter(None, rows):
            line = QRect(area.left(), y, room - area.left(), height)
            painter.setFont(font)
            painter.setPen(quiet)
            right = line.right()
            if text is rows[-1] and badges:
                for badge in reversed(badges):
                    width = QFontMetrics(strong).horizontalAdvance(badge) + GRID_PX
                    self._pill(painter, strong, badge, QPoint(right - width + 1, y), filled=True)
                    right -= width + _PAD
                painter.setFont(font)
                painter.setPen(quiet)
            line.setRight(right)
            painter.drawText(line, _LEFT, QFontMetrics(font).elidedText(text, _RIGHT_CUT, line.width()))
            y += height

    def _pill(self, painter: QPainter, font: QFont, text: str, corner: QPoint, *, filled: bool) -> int:
        """A rounded label; returns its width in pixels."""
        theme = current_theme()
        metrics = QFontMetrics(font)
        box = QRect(
            corner.x(), corner.y() + 1, metrics.horizontalAdvance(text) + GRID_PX, metrics.height() - 2
        )
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.accent if filled else theme.hover))
        painter.drawRoundedRect(box, 3, 3)
        painter.setFont(font)
        painter.setPen(QColor(theme.base if filled else theme.text))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)
        return box.width()


_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT_CUT = Qt.TextElideMode.ElideRight
