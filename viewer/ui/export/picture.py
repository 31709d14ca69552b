"""Paint what is exported: the panes' own painters at the size of the export, plus the strip below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QGuiApplication, QImage, QPainter

from viewer.errors import ExportError
from viewer.state.view import ViewState
from viewer.ui.export.facts import footer_lines, technical_facts
from viewer.ui.export.names import today
from viewer.ui.export.options import PictureRequest, Target
from viewer.ui.panes.picture import layout_image, pane_image

MAX_PIXELS = 200_000_000
"""Largest picture; four bytes a pixel while it is painted."""

_FOOTER_TEXT_PX = 11
_FOOTER_MARGIN_PX = 6
_FOOTER_GROUND = QColor(18, 18, 20)
_FOOTER_INK = QColor(196, 196, 200)  # 10.6:1 on the ground


def render(view: ViewState, request: PictureRequest) -> QImage:
    """Paint a pane or the layout as it is shown, at `request.scale` times its pixels.

    Returns
    -------
    QImage
        RGB32, `request.width * request.scale` wide; with a footer taller than the request by the strip.

    Raises
    ------
    ExportError
        The picture would be too large to paint.
    """
    width, height = request.width, request.height
    if width < 1 or height < 1 or width * height * request.scale**2 > MAX_PIXELS:
        raise ExportError("A picture of this size cannot be painted. Choose a smaller scale.")
    pane = view.active if request.target is Target.PANE else None
    if pane is not None:
        image = pane_image(
            view,
            pane,
            width,
            height,
            scale=request.scale,
            identity=request.mode.identity,
            overlays=request.mode.overlays,
        )
    else:
        image = layout_image(
            view,
            width,
            height,
            scale=request.scale,
            identity=request.mode.identity,
            overlays=request.mode.overlays,
        )
    if image.isNull():
        raise ExportError("There is not enough memory for a picture of this size. Choose a smaller scale.")
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(1.0)
    if request.footer:
        image = with_footer(image, footer_lines(technical_facts(view, pane, today())), request.scale)
    return image


def with_footer(image: QImage, lines: Sequence[str], scale: float) -> QImage:
    """The picture with a strip of text below; long lines wrap, so that nothing is cut off on a narrow picture.

    Parameters
    ----------
    image
        Any picture; it is copied unchanged to the top.
    lines
        Paragraphs of the strip.
    scale
        Text size relative to a picture at 1x.
    """
    font = QFont(QGuiApplication.font())
    font.setPixelSize(max(1, round(_FOOTER_TEXT_PX * scale)))
    margin = round(_FOOTER_MARGIN_PX * scale)
    room = QRect(0, 0, max(1, image.width() - 2 * margin), 1 << 20)
    metrics = QFontMetrics(font)
    wrap = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft
    if any(metrics.horizontalAdvance(word) > room.width() for line in lines for word in line.split()):
        wrap |= Qt.TextFlag.TextWrapAnywhere
    heights = [metrics.boundingRect(room, int(wrap), line).height() for line in lines]
    framed = QImage(image.width(), image.height() + sum(heights) + 2 * margin, QImage.Format.Format_RGB32)
    if framed.isNull():
        raise ExportError("There is not enough memory for a picture of this size. Choose a smaller scale.")
    framed.fill(_FOOTER_GROUND)
    painter = QPainter(framed)
    painter.drawImage(0, 0, image)
    painter.setFont(font)
    painter.setPen(_FOOTER_INK)
    top = image.height() + margin
    for line, height in zip(lines, heights, strict=True):
        painter.drawText(QRect(margin, top, room.width(), height), int(wrap), line)
        top += height
    painter.end()
    return framed


def pixels(image: QImage) -> npt.NDArray[np.uint8]:
    """(rows, columns, 3) uint8 RGB copy of a picture; text and resolution that an image may carry stay behind."""
    rgb = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(rgb.constBits(), dtype=np.uint8).reshape(rgb.height(), rgb.bytesPerLine())
    return rows[:, : rgb.width() * 3].reshape(rgb.height(), rgb.width(), 3).copy()


def copy_to_clipboard(image: QImage) -> None:
    """Put a picture on the clipboard (rule F03)."""
    QGuiApplication.clipboard().setImage(image)
