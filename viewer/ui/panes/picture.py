"""Pictures without a window: the same scenes and overlays as on screen, painted into an image for export and tests."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QImage, QPainter

from viewer.state.panes import Density, Pane
from viewer.state.resolve import PaneScene, resolve
from viewer.state.view import ViewState
from viewer.ui.overlays import OverlayInput, overlays
from viewer.ui.panes.renderer import Picture, render

ANNOTATION_PIXELS = 13
"""Height of annotation text in logical pixels; one size for all (design section 9)."""
SPACING = 2
"""Logical pixels between panes."""


def annotation_font(zoom: float = 1.0) -> QFont:
    """The font of annotations."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    font.setPixelSize(round(ANNOTATION_PIXELS * zoom))
    return font


def paint_scene(
    painter: QPainter, scene: PaneScene, picture: Picture, given: OverlayInput, *, annotated: bool
) -> None:
    """Paint a rendered picture and its overlays.

    Parameters
    ----------
    painter
        Set up in logical pixels of the pane.
    annotated
        False paints the picture alone.
    """
    ratio = given.ratio
    target = QRectF(0, 0, scene.plane.width / ratio, scene.plane.height / ratio)
    if picture.image.width() == scene.plane.width:
        picture.image.setDevicePixelRatio(ratio)
        painter.drawImage(0, 0, picture.image)
    else:
        picture.image.setDevicePixelRatio(1.0)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=True)
        factor = round(scene.plane.width / picture.image.width())
        size = QRectF(0, 0, picture.image.width() * factor / ratio, picture.image.height() * factor / ratio)
        painter.setClipRect(target)
        painter.drawImage(size, picture.image)
        painter.setClipping(False)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
    if annotated:
        painter.setFont(given.font)
        for overlay in overlays():
            overlay.paint(painter, given)


def pane_image(
    view: ViewState,
    pane: Pane,
    width: int,
    height: int,
    *,
    scale: float = 1.0,
    density: Density | None = None,
    identity: bool = False,
    overlays: bool = True,
) -> QImage:
    """Picture of one pane.

    Parameters
    ----------
    view
        The state.
    pane
        Which pane.
    width, height
        Logical pixels.
    scale
        Device pixels per logical pixel: the picture is rendered at this resolution, not enlarged.
    density
        Annotation density, the view's own when None.
    identity
        Whether patient identity is drawn.
    overlays
        False gives the picture alone.

    Returns
    -------
    QImage
        RGB32, round(width * scale) x round(height * scale).
    """
    columns, rows = round(width * scale), round(height * scale)
    image = QImage(columns, rows, QImage.Format.Format_RGB32)
    image.fill(QColor(Qt.GlobalColor.black))
    scene = resolve(view, pane, columns, rows)
    if scene is None:
        return image
    picture = Picture()
    render([(scene, picture)])
    image.setDevicePixelRatio(scale)
    given = OverlayInput(
        scene,
        view,
        width,
        height,
        scale,
        annotation_font(),
        density or view.density,
        identity,
        interactive=False,
    )
    painter = QPainter(image)
    paint_scene(painter, scene, picture, given, annotated=overlays)
    painter.end()
    image.setDevicePixelRatio(1.0)
    return image


def layout_image(
    view: ViewState,
    width: int,
    height: int,
    *,
    scale: float = 1.0,
    density: Density | None = None,
    identity: bool = False,
    overlays: bool = True,
) -> QImage:
    """Picture of the whole layout (or of the maximised pane); see `pane_image`."""
    image = QImage(round(width * scale), round(height * scale), QImage.Format.Format_RGB32)
    image.fill(QColor("#202020"))
    painter = QPainter(image)
    for pane, x, y, w, h in pane_rectangles(view, width, height):
        part = pane_image(
            view, pane, w, h, scale=scale, density=density, identity=identity, overlays=overlays
        )
        painter.drawImage(round(x * scale), round(y * scale), part)
    painter.end()
    return image


def pane_rectangles(view: ViewState, width: int, height: int) -> list[tuple[Pane, int, int, int, int]]:
    """(pane, x, y, width, height) of the panes on screen, in logical pixels."""
    shown = view.layout.alone(view.maximised)
    rows, result = shown.rows, []
    if shown.beside is not None:
        column = (width - SPACING * (shown.size[0] - 1)) / shown.size[0]
        left = round(width - column)
        result.append((shown.beside, left, 0, width - left, height))
        width = left - SPACING
    row_height = (height - SPACING * (len(rows) - 1)) / len(rows)
    for number, row in enumerate(rows):
        y, bottom = (
            round(number * (row_height + SPACING)),
            round(number * (row_height + SPACING) + row_height),
        )
        column_width = (width - SPACING * (len(row) - 1)) / len(row)
        for place, pane in enumerate(row):
            x = round(place * (column_width + SPACING))
            right = round(place * (column_width + SPACING) + column_width)
            result.append((pane, x, y, right - x, bottom - y))
    return result
