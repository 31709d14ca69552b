"""The look: Fusion with our own palette, a small style sheet, and icons drawn in the theme's colours.

Panes are pure black in both themes; the chrome around them is neutral grey so that it never tints the eye's
judgement of a grey image. One accent colour marks what is selected or focused. Every text and glyph colour keeps a
contrast of at least 4.5:1 on the surfaces it is used on (clinical rule E24); `CONTRAST_PAIRS` lists them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from string import Template

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QStyleFactory

from viewer.assets import asset_path

GRID_PX = 8
"""Distances in the chrome are multiples of this, in device-independent pixels."""


@dataclass(frozen=True)
class Theme:
    """Colours of a theme as #rrggbb.

    Parameters
    ----------
    window, base, alternate, button, hover
        Surfaces: chrome, fields and lists, every other row, buttons and cards, the button under the mouse.
    line, border
        Quiet separators; outlines of fields and other controls (at least 3:1).
    text, dim, disabled
        Writing: normal, secondary, not available.
    accent, selection, on_selection
        The one accent (focus, handles, checked marks); selected rows and the text on them.
    warning, error, good
        Meaning, always together with an icon or a word.
    """

    id: str
    window: str
    base: str
    alternate: str
    button: str
    hover: str
    line: str
    border: str
    text: str
    dim: str
    disabled: str
    accent: str
    selection: str
    on_selection: str
    warning: str
    error: str
    good: str
    pane: str = "#000000"


THEMES = {
    "dark": Theme(
        id="dark",
        window="#212121",
        base="#181818",
        alternate="#1d1d1d",
        button="#2d2d2d",
        hover="#383838",
        line="#363636",
        border="#767676",
        text="#e6e6e6",
        dim="#adadad",
        disabled="#7c7c7c",
        accent="#6fb1e8",
        selection="#1d5580",
        on_selection="#ffffff",
        warning="#e9b552",
        error="#ff9089",
        good="#86cc89",
    ),
    "light": Theme(
        id="light",
        window="#f1f1f1",
        base="#ffffff",
        alternate="#f7f7f7",
        button="#e6e6e6",
        hover="#d9d9d9",
        line="#d2d2d2",
        border="#7d7d7d",
        text="#1b1b1b",
        dim="#545454",
        disabled="#8c8c8c",
        accent="#0b5a99",
        selection="#0b5a99",
        on_selection="#ffffff",
        warning="#7a4b00",
        error="#a31d16",
        good="#1d6429",
    ),
}

CONTRAST_PAIRS: tuple[tuple[str, str, float], ...] = (
    *((ink, paper, 4.5) for ink in ("text", "dim") for paper in ("window", "base", "alternate", "button")),
    *(
        (ink, paper, 4.5)
        for ink in ("accent", "warning", "error", "good")
        for paper in ("window", "base", "button")
    ),
    ("text", "hover", 4.5),
    ("on_selection", "selection", 4.5),
    ("border", "window", 3.0),
    ("border", "base", 3.0),
)
"""(ink, paper, smallest contrast ratio): every combination the chrome uses."""

_state = {"theme": THEMES["dark"]}


def current_theme() -> Theme:
    """The theme that was applied last."""
    return _state["theme"]


def contrast_ratio(ink: str, paper: str) -> float:
    """WCAG 2.2 contrast ratio of two #rrggbb colours, 1 to 21."""
    light, dark = sorted((_luminance(ink), _luminance(paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def palette(theme: Theme) -> QPalette:
    """The Qt palette of a theme."""
    result = QPalette()
    role = QPalette.ColorRole
    for roles, colour in (
        ((role.Window,), theme.window),
        ((role.Base,), theme.base),
        ((role.AlternateBase,), theme.alternate),
        ((role.Button, role.ToolTipBase), theme.button),
        ((role.Midlight, role.Light), theme.hover),
        ((role.Mid,), theme.line),
        ((role.Dark, role.Shadow), theme.base if theme.id == "dark" else theme.border),
        ((role.WindowText, role.Text, role.ButtonText, role.ToolTipText, role.BrightText), theme.text),
        ((role.PlaceholderText,), theme.dim),
        ((role.Link, role.LinkVisited, role.Accent), theme.accent),
        ((role.Highlight,), theme.selection),
        ((role.HighlightedText,), theme.on_selection),
    ):
        for one in roles:
            result.setColor(one, QColor(colour))
    for one in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, one, QColor(theme.disabled))
    result.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(theme.hover))
    return result


def style_sheet(theme: Theme) -> str:
    """The style sheet of a theme: `resources/qss/chrome.qss` with its colours filled in."""
    template = Template(asset_path("qss/chrome.qss").read_text(encoding="utf-8"))
    colours = {field.name: getattr(theme, field.name) for field in fields(theme)}
    marks = {
        name: asset_path(f"qss/{name}-{theme.id}.svg").as_posix() for name in ("check", "close", "down", "up")
    }
    return template.substitute(colours | marks)


def apply_theme(app: QApplication, name: str) -> Theme:
    """Dress the program; may be called again at any time, icons follow by themselves.

    Parameters
    ----------
    app
        The application.
    name
        "dark" or "light"; anything else is dark.
    """
    theme = THEMES.get(name, THEMES["dark"])
    _state["theme"] = theme
    if app.style() is None or app.style().objectName().lower() != "fusion":
        app.setStyle(QStyleFactory.create("Fusion"))
    app.setPalette(palette(theme))
    app.setStyleSheet(style_sheet(theme))
    return theme


@lru_cache(maxsize=256)
def _svg(name: str) -> str:
    return asset_path(f"icons/{name}.svg").read_text(encoding="utf-8")


@lru_cache(maxsize=512)
def _renderer(name: str, colour: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(_svg(name).replace("currentColor", colour).encode()))


class _ThemedIconEngine(QIconEngine):
    """Draws an SVG in the colours of the current theme, sharp at every size and screen scale."""

    def __init__(self, name: str, role: str) -> None:
        super().__init__()
        self._name = name
        self._role = role

    def _colour(self, mode: QIcon.Mode, state: QIcon.State) -> str:
        theme = current_theme()
        if mode == QIcon.Mode.Disabled:
            return theme.disabled
        if mode == QIcon.Mode.Selected:
            return theme.on_selection
        if state == QIcon.State.On and self._role == "text":
            return theme.accent
        colour: str = getattr(theme, self._role)
        return colour

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        side = min(rect.width(), rect.height())
        square = QRectF(0, 0, side, side)
        square.moveCenter(QRectF(rect).center())
        _renderer(self._name, self._colour(mode, state)).render(painter, square)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        result = QPixmap(size)
        result.fill(Qt.GlobalColor.transparent)
        painter = QPainter(result)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return result

    def clone(self) -> QIconEngine:
        return _ThemedIconEngine(self._name, self._role)


def icon(name: str, role: str = "text") -> QIcon:
    """An icon of `resources/icons`, in the theme's colours and redrawn when the theme changes.

    Parameters
    ----------
    name
        File name without ".svg".
    role
        Name of the theme colour it is drawn in: "text", "dim", "accent", "warning", "error", "good".

    Raises
    ------
    FileNotFoundError
        There is no such icon.
    """
    _svg(name)
    return QIcon(_ThemedIconEngine(name, role))
