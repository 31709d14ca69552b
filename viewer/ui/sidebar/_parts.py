"""Small widgets the sections are made of. All of them show plain text only (rule J44)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QLocale, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from viewer.ui.theme import GRID_PX, icon

NARROWEST_PX = GRID_PX * 37
"""Width down to which nothing in the right sidebar is clipped."""


@dataclass(frozen=True)
class Fact:
    """One line of a table of facts.

    Parameters
    ----------
    label, value
        What it is and how much, with its unit.
    origin
        Where the value comes from (a tag, "derived", "assumed", "user"), shown small behind it.
    tone
        "" or "warning", "good", "dim".
    """

    label: str
    value: str
    origin: str = ""
    tone: str = ""


def number(value: float, digits: int) -> str:
    """A number with the decimal separator of the locale (rule E25) and without group separators."""
    locale = QLocale()
    locale.setNumberOptions(QLocale.NumberOption.OmitGroupSeparator)
    return locale.toString(float(value), "f", digits)


def label(text: str = "", tone: str = "", *, wrap: bool = False, selectable: bool = False) -> QLabel:
    """A plain-text label; `tone` is a word of the style sheet (dim, heading, warning, error, good, chip)."""
    result = QLabel(text)
    result.setTextFormat(Qt.TextFormat.PlainText)
    result.setWordWrap(wrap)
    if tone:
        result.setProperty("tone", tone)
    if tone == "chip":
        result.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    if selectable:
        result.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        result.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    return result


def set_tone(widget: QWidget, tone: str) -> None:
    """Change the tone of a label or frame and let the style sheet see it."""
    if widget.property("tone") != tone:
        widget.setProperty("tone", tone)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class ElidedLabel(QLabel):
    """One line of plain text that ends in an ellipsis when there is no room; the whole text is its tooltip."""

    def __init__(self, text: str = "", tone: str = "") -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        if tone:
            self.setProperty("tone", tone)

    def minimumSizeHint(self) -> QSize:
        return QSize(GRID_PX * 3, super().minimumSizeHint().height())

    def _elided(self) -> str:
        return QFontMetrics(self.font()).elidedText(
            self.text(), Qt.TextElideMode.ElideRight, self.contentsRect().width()
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.setToolTip(self.text() if self._elided() != self.text() else "")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(
            self.contentsRect(),
            int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter),
            self._elided(),
        )


class FactTable(QWidget):
    """Labels and values in two columns; values wrap, can be selected, and are read out with their label."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(GRID_PX)
        self._grid.setVerticalSpacing(GRID_PX // 2)
        self._grid.setColumnStretch(1, 1)
        self._facts: tuple[Fact, ...] = ()

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What is shown."""
        return self._facts

    def set_facts(self, facts: Iterable[Fact]) -> None:
        """Show other lines; labels of unchanged tables are kept, so nothing flickers."""
        facts = tuple(facts)
        if facts == self._facts:
            return
        self._facts = facts
        while (entry := self._grid.takeAt(0)) is not None:
            if (widget := entry.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for row, fact in enumerate(facts):
            key = label(fact.label, "dim", wrap=True)
            key.setFixedWidth(GRID_PX * 12)
            value = label(fact.value, fact.tone, wrap=True, selectable=True)
            value.setAccessibleName(f"{fact.label}: {fact.value}")
            self._place(key, row * 2, 0, rows=2 if fact.origin else 1)
            self._place(value, row * 2, 1)
            if fact.origin:
                self._place(label(fact.origin, "dim", wrap=True), row * 2 + 1, 1)

    def _place(self, cell: QLabel, row: int, column: int, rows: int = 1) -> None:
        cell.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._grid.addWidget(cell, row, column, rows, 1)


class Banner(QFrame):
    """A framed warning with an icon; more widgets can stand below the text."""

    def __init__(self, name: str, icon_name: str = "warning", role: str = "warning") -> None:
        super().__init__()
        self.setObjectName(name)
        self.setProperty("tone", f"banner-{role}")
        outer = QHBoxLayout(self)
        outer.setContentsMargins(GRID_PX, GRID_PX, GRID_PX, GRID_PX)
        outer.setSpacing(GRID_PX)
        sign = QLabel()
        sign.setPixmap(icon(icon_name, role).pixmap(16, 16))
        sign.setAlignment(Qt.AlignmentFlag.AlignTop)
        outer.addWidget(sign)
        self.body = QVBoxLayout()
        self.body.setSpacing(GRID_PX)
        outer.addLayout(self.body, 1)
        self._text = label("", wrap=True)
        self.body.addWidget(self._text)

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.text()

    def set_text(self, text: str) -> None:
        """Say something; an empty text hides the banner."""
        self._text.setText(text)
        self.setAccessibleName(text)
        self.setVisible(bool(text))


def card(name: str) -> tuple[QFrame, QVBoxLayout]:
    """A raised block and its layout."""
    frame = QFrame()
    frame.setObjectName(name)
    frame.setProperty("tone", "card")
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(GRID_PX, GRID_PX, GRID_PX, GRID_PX)
    layout.setSpacing(GRID_PX)
    return frame, layout


def rule() -> QFrame:
    """A thin horizontal line."""
    line = QFrame()
    line.setProperty("tone", "rule")
    line.setFixedHeight(1)
    return line


class Column(QScrollArea):
    """A scrolling column of blocks that is as wide as its dock and never scrolls sideways."""

    def __init__(self, name: str, accessible_name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(accessible_name)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(NARROWEST_PX)
        content = QWidget()
        self.blocks = QVBoxLayout(content)
        self.blocks.setContentsMargins(GRID_PX, GRID_PX, GRID_PX, GRID_PX)
        self.blocks.setSpacing(GRID_PX)
        self.setWidget(content)
