"""Outlines of lesions: voxel by voxel on planes and curved pictures, circles and polygons for spheres and boxes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from viewer.imaging import curved_outline
from viewer.imaging.curved import CurvedSurface
from viewer.imaging.geometry import FloatArray
from viewer.imaging.outline import box_polygon, region_lines, sphere_circle
from viewer.imaging.plane import Plane
from viewer.imaging.uptake import ThresholdKind
from viewer.imaging.voi import Region, Sphere
from viewer.state.lesions import Lesion, Lesions, Measured
from viewer.state.library import OpenVolume
from viewer.state.panes import Density
from viewer.state.probe import format_value
from viewer.state.resolve import PaneScene
from viewer.ui.overlays import MARGIN, SHADOW, Overlay, OverlayInput

LINE_PX, SELECTED_PX = 1.5, 2.25
GAP_PX = 4.0
HANDLE_PX = 3.0
MOST_PLACES = 24
"""Planes whose outline of a lesion is kept: a few slices in every pane."""
_outlines: WeakKeyDictionary[Region, dict[tuple[object, ...], FloatArray]] = WeakKeyDictionary()


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw the lesions of the series in view."""
    store = given.view.work.of(Lesions)
    lesions = store.shown()
    if not lesions:
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    drawn: list[_Drawn] = []
    for lesion in lesions:
        item = given.view.library.get(lesion.volume_uid)
        if item is not None and _lies_in(given, item):
            draft = lesion is store.draft
            measured = Measured(lesion, None, None) if draft else store.measured(lesion)
            found = _Drawer(painter, given, item).draw(
                measured, selected=lesion.uid == store.selected, draft=draft
            )
            drawn += [] if found is None else [found]
    _write(painter, given, drawn)
    painter.restore()


def _lies_in(given: OverlayInput, item: OpenVolume) -> bool:
    """Whether the pane shows the series, or one that lies in the same frame of reference."""
    frame = item.volume.geometry.frame_of_reference_uid
    volumes = [layer.volume for layer in given.scene.layers]
    if given.scene.surface is not None:
        # The layers of a curved picture are pictures themselves, in a space of their own.
        shown = (given.view.volume(layer.role) for layer in given.scene.layers)
        volumes = [one.volume for one in shown if one is not None]
    return any(
        volume.uid == item.volume.uid or (bool(frame) and volume.geometry.frame_of_reference_uid == frame)
        for volume in volumes
    )


@dataclass(frozen=True)
class _Drawn:
    """An outline that is on screen: the rectangle around it, what is written beside it, and whether first."""

    place: QRectF
    text: str
    colour: QColor
    first: bool


def _write(painter: QPainter, given: OverlayInput, drawn: list[_Drawn]) -> None:
    """Texts beside outlines, clear of every outline and of each other; the name alone where there is little room."""
    lettering = given.lettering
    pane = QRectF(0, 0, given.width, given.height).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
    taken = [outline.place for outline in drawn]
    for outline in sorted(drawn, key=lambda found: not found.first):
        for shown in dict.fromkeys((outline.text, outline.text.split("  ")[0])):
            place = next(
                (
                    rectangle
                    for rectangle in _beside(outline.place, lettering.width(shown), lettering.height)
                    if pane.contains(rectangle) and not any(other.intersects(rectangle) for other in taken)
                ),
                None,
            )
            if place is not None:
                taken.append(place)
                lettering.draw(painter, place.x(), place.y() + lettering.ascent, shown, outline.colour)
                break


def _beside(place: QRectF, width: float, height: float) -> Iterator[QRectF]:
    """Where a text may stand, the best place first."""
    middle = place.center()
    for x in (place.right() + GAP_PX, place.left() - GAP_PX - width):
        for y in (place.top() - height / 2, place.bottom() - height / 2, middle.y() - height / 2):
            yield QRectF(x, y, width, height)
    for y in (place.top() - height - GAP_PX, place.bottom() + GAP_PX):
        yield QRectF(middle.x() - width / 2, y, width, height)


class _Drawer:
    """One lesion in one pane."""

    def __init__(self, painter: QPainter, given: OverlayInput, item: OpenVolume) -> None:
        self._painter = painter
        self._given = given
        self._item = item
        self._thickness_mm = max(
            (layer.slab.thickness_mm for layer in given.scene.layers if layer.slab), default=0.0
        )

    def draw(self, measured: Measured, *, selected: bool, draft: bool) -> _Drawn | None:
        """Outline and handles; what is to be written beside them."""
        lesion, drawing = measured.lesion, measured.lesion.drawing
        whole = drawing.threshold.kind is ThresholdKind.WHOLE
        surface, plane = self._given.scene.surface, self._given.scene.plane
        colour = QColor(lesion.colour)
        width = SELECTED_PX if selected else LINE_PX
        outline = None
        if measured.region is not None and not whole:
            outline = self._mask(measured.region, colour, width)
        if surface is not None and (whole or draft) and not drawing.grown:
            lines = curved_outline.shape_lines(drawing.shape, _positions(surface, plane))
            outline = self._line(lines, colour, width)
        elif surface is None and not drawing.grown:
            solid = whole and not draft
            found = self._shape(lesion, colour, width if solid else 1.0, solid=solid, handle=selected)
            outline = outline or found
        if outline is None or (self._given.density is Density.OFF and not draft):
            return None
        text = _size_text(lesion) if draft else _text(measured, self._given.density)
        return _Drawn(outline, text, colour, first=selected or draft)

    def _mask(self, region: Region, colour: QColor, width: float) -> QRectF | None:
        return self._line(_lines(self._item, region, self._given.scene, self._thickness_mm), colour, width)

    def _line(self, lines: FloatArray, colour: QColor, width: float) -> QRectF | None:
        """Lines along the edges of pixels; the rectangle around them."""
        if not len(lines):
            return None
        scaled = (lines + 0.5) / self._given.ratio
        drawn = [QLineF(*line) for line in scaled.tolist()]
        for pen in self._pens(colour, width):
            self._painter.setPen(pen)
            self._painter.drawLines(drawn)
        return _around(scaled.reshape(-1, 2))

    def _shape(
        self, lesion: Lesion, colour: QColor, width: float, *, solid: bool, handle: bool
    ) -> QRectF | None:
        """The circle or polygon where the plane cuts the shape, dashed when only a part of its voxels is taken."""
        shape, plane, ratio = lesion.drawing.shape, self._given.scene.plane, self._given.ratio
        pens = self._pens(colour, width, dashed=not solid)
        if isinstance(shape, Sphere):
            circle = sphere_circle(shape, plane, self._thickness_mm)
            if circle is None:
                return None
            centre = QPointF((circle.column + 0.5) / ratio, (circle.row + 0.5) / ratio)
            radius = circle.radius_px / ratio
            for pen in pens:
                self._painter.setPen(pen)
                self._painter.drawEllipse(centre, radius, radius)
            outline = QRectF(centre.x() - radius, centre.y() - radius, 2 * radius, 2 * radius)
        else:
            polygon = (box_polygon(shape, plane, self._thickness_mm) + 0.5) / ratio
            if not len(polygon):
                return None
            for pen in pens:
                self._painter.setPen(pen)
                self._painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in polygon.tolist()]))
            column, row, _ = plane.project(shape.centre_mm)
            centre = QPointF((column + 0.5) / ratio, (row + 0.5) / ratio)
            outline = _around(polygon)
        if handle and self._given.interactive:
            self._painter.setPen(QPen(SHADOW, 1.0))
            self._painter.setBrush(colour)
            self._painter.drawEllipse(centre, HANDLE_PX, HANDLE_PX)
            self._painter.setBrush(Qt.BrushStyle.NoBrush)
        return outline

    @staticmethod
    def _pens(colour: QColor, width: float, *, dashed: bool = False) -> tuple[QPen, QPen]:
        """A dark line below the coloured one, so that it shows on a white PET as on a black one."""
        shadow = QColor(SHADOW)
        shadow.setAlpha(150)
        pens = QPen(shadow, width + 1.75), QPen(colour, width)
        for pen in pens:
            pen.setCapStyle(Qt.PenCapStyle.SquareCap)
        if dashed:
            pens[1].setDashPattern([4.0, 4.0])
        return pens


def _around(points: FloatArray) -> QRectF:
    """The rectangle around (n, 2) points."""
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return QRectF(left, top, right - left, bottom - top)


def _lines(item: OpenVolume, region: Region, scene: PaneScene, thickness_mm: float) -> FloatArray:
    """The outline of a region on a plane or a curved picture, kept while the region lives."""
    kept, plane = _outlines.setdefault(region, {}), scene.plane
    place = (
        scene.surface,
        plane.origin_mm.tobytes(),
        plane.u_mm.tobytes(),
        plane.v_mm.tobytes(),
        plane.width,
        plane.height,
        thickness_mm,
    )
    found = kept.get(place)
    if found is None:
        if len(kept) >= MOST_PLACES:
            kept.pop(next(iter(kept)))
        geometry = item.volume.geometry
        found = kept[place] = (
            region_lines(geometry, region, plane, thickness_mm)
            if scene.surface is None
            else curved_outline.region_lines(geometry, region, _positions(scene.surface, plane))
        )
    return found


def _positions(surface: CurvedSurface, plane: Plane) -> FloatArray:
    """Points of the patient under the pixels of a curved picture."""
    place = (plane.origin_mm.tobytes(), plane.u_mm.tobytes(), plane.v_mm.tobytes(), plane.width, plane.height)
    return _latest_positions(surface, *place)


@lru_cache(2)
def _latest_positions(
    surface: CurvedSurface, origin: bytes, u: bytes, v: bytes, width: int, height: int
) -> FloatArray:
    """Kept for the other lesions in the picture, and no longer: they take as much memory as some pictures."""
    start, across, down = (np.frombuffer(part) for part in (origin, u, v))
    return curved_outline.positions_of(surface, Plane(start, across, down, width, height))


def _text(measured: Measured, density: Density) -> str:
    """Name and maximum; the name alone where texts are short."""
    name, uptake = measured.lesion.name, measured.uptake
    if density is not Density.FULL or uptake is None:
        return name
    if measured.lesion.liver:
        return f"{name}  {format_value(uptake.mean, measured.unit)} mean"
    return f"{name}  {format_value(uptake.max, measured.unit)} max"


def _size_text(lesion: Lesion) -> str:
    shape = lesion.drawing.shape
    if isinstance(shape, Sphere):
        return f"r {shape.radius_mm:.0f} mm  {shape.volume_ml:.1f} mL"
    sides = 2 * np.linalg.norm(np.array(shape.half_axes_mm), axis=1)
    return " × ".join(f"{side:.0f}" for side in sides) + " mm"


OVERLAY = Overlay("lesions", 15, paint)
