"""Presentation states of the open studies: their drawings as measurements, their look for the volume they are for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from viewer.dicom.model import Catalogue
from viewer.dicom.presentation_state import Graphic, PresentationState
from viewer.dicom.read import read_header
from viewer.dicom.structured_report import Graphic as Shape
from viewer.dicom.structured_report import ImageReference
from viewer.errors import ExportError, ViewerError
from viewer.imaging.geometry import FloatArray
from viewer.imaging.histogram import value_range
from viewer.imaging.presentation import as_table
from viewer.imaging.volume import Volume
from viewer.imaging.window import Voi, VoiTable, Window
from viewer.state.layers import Role
from viewer.state.library import OpenVolume
from viewer.state.measured import Result
from viewer.state.measurement import LABELS, Kind, Measurement, as_points, new_uid
from viewer.state.measurement_file import Kept
from viewer.state.measurement_report import Found, Images, on_image, region_of
from viewer.state.panes import PlaneKind

if TYPE_CHECKING:
    from viewer.state.view import ViewState

SIZE = (512, 512)
"""Of the pane whose visible part is written."""
MOST_IMAGES = 200
"""A drawing for all images of a presentation state is put on so many of them."""


@dataclass(frozen=True)
class PresentationContent:
    """What goes into a presentation state.

    Parameters
    ----------
    images
        Files of the series.
    window, inverse
        How the base is shown, on the values after its rescale.
    graphics
        What is drawn on acquired images.
    left_out
        How many measurements lie on no acquired image.
    area
        (left, top, right, bottom) of the image that is seen, in pixels from 1, None when the pane shows other planes.
    """

    images: tuple[Path, ...]
    window: Voi
    inverse: bool
    graphics: tuple[Graphic, ...]
    left_out: int
    area: tuple[int, int, int, int] | None = None


class Presentations:
    """The presentation states that were read.

    Attributes
    ----------
    changed
        There are more of them, or other ones.
    """

    changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self._items: list[PresentationState] = []
        self._next = 0

    @property
    def items(self) -> tuple[PresentationState, ...]:
        """All of them."""
        return tuple(self._items)

    def bring(self, states: Iterable[PresentationState]) -> None:
        """Take over what was read."""
        known = {item.sop_instance_uid for item in self._items}
        new = [state for state in states if state.sop_instance_uid not in known]
        if new:
            self._items += new
            self.changed.emit()

    def clear(self) -> None:
        """Forget all."""
        self._items, self._next = [], 0
        self.changed.emit()

    def fitting(self) -> tuple[PresentationState, ...]:
        """Those for images of the base."""
        item = self._view.volume(Role.BASE)
        if item is None:
            return ()
        shown = {frame.sop_instance_uid for frame in item.stack.frames}
        return tuple(
            state for state in self._items if any(image.sop_instance_uid in shown for image in state.images)
        )

    def apply_next(self) -> None:
        """Show the base as the next fitting presentation state says: grey values and flips."""
        fitting = self.fitting()
        item, layer = self._view.volume(Role.BASE), self._view.layer(Role.BASE)
        if not fitting or item is None or layer is None:
            return
        state = fitting[self._next % len(fitting)]
        self._next += 1
        window, inverse = look_of(state, item.volume)
        name = state.label or "presentation state"
        self._view.update_layer(
            Role.BASE, window=window, window_name=name, invert=inverse != item.volume.inverted
        )
        for pane in self._view.layout.panes:
            if pane.kind is PlaneKind.ACQUIRED:
                flips = flips_of(state)
                if flips is not None:
                    self._view.update_framing(pane.kind, flip_horizontal=flips[0], flip_vertical=flips[1])


def look_of(state: PresentationState, volume: Volume) -> tuple[Voi, bool]:
    """(window on the displayed quantity, inverse) of a presentation state for a volume.

    A simple window stays a window, so that dragging goes on from there; everything else becomes one table.
    """
    chain = state.chain
    same = (chain.slope, chain.intercept) == (volume.slope, volume.intercept)
    factor = volume.suv_factor if volume.suv_factor is not None else 1.0
    plain = chain.modality is None and chain.presentation is None
    if (
        plain
        and isinstance(chain.voi, Window)
        and (same or (volume.slope == 1.0 and volume.intercept == 0.0))
    ):
        window = chain.voi
        if factor != 1.0:
            window = Window.from_bounds(window.lower * factor, window.upper * factor)
        return window, chain.inverse
    found = value_range(volume.array, volume.padding) or (0.0, 1.0)
    return as_table(chain, *found, volume.display_slope, volume.display_intercept), False


def flips_of(state: PresentationState) -> tuple[bool, bool] | None:
    """(left and right, up and down) exchanged; None when it takes a quarter turn, which panes do not do."""
    if state.rotation_deg == 0:
        return state.flipped, False
    return (not state.flipped, True) if state.rotation_deg == 180 else None


# --- drawings ---------------------------------------------------------------------------------------------------


def from_presentation(state: PresentationState, catalogue: Catalogue, study_uid: str) -> tuple[Kept, ...]:
    """The drawings of a presentation state as measurements that cannot be changed, in the patient."""
    images = Images(catalogue)
    kept = []
    for graphic in state.graphics:
        for reference in (graphic.images or state.images)[:MOST_IMAGES]:
            found = images.get(reference)
            if found is not None:
                kept.append(_kept(graphic, found, state, study_uid))
    return tuple(kept)


def _kept(graphic: Graphic, found: Found, state: PresentationState, study_uid: str) -> Kept:
    points = on_image(found, np.array(graphic.points, np.float64))
    kind = Kind.TEXT
    if graphic.type == "POINT":
        kind, points = Kind.POINT, points[:1]
    elif graphic.type != "TEXT":
        shape = Shape(graphic.type) if graphic.type in set(Shape) else Shape.POLYLINE
        kind, points, _ = region_of(shape, points, found.stack)
        if kind is Kind.POLYGON and not np.allclose(graphic.points[0], graphic.points[-1]):
            kind, points = Kind.PATH, on_image(found, np.array(graphic.points, np.float64))
    geometry = found.stack.geometry
    name = graphic.text.splitlines()[0] if graphic.text else "Drawing"
    measurement = Measurement(
        uid=new_uid(),
        kind=kind,
        points=as_points(points),
        normal=as_points(geometry.slice_normal[None])[0],
        study_uid=study_uid,
        frame_of_reference_uid=geometry.frame_of_reference_uid,
        volume_uid=found.stack.uid,
        sop_instance_uid=found.frame.sop_instance_uid,
        frame=found.frame.frame,
        calibrated=geometry.calibrated,
        name=name,
        text=graphic.text,
        origin=state.description or state.label or "a presentation state",
    )
    return Kept(measurement, Result())


# --- to a presentation state ------------------------------------------------------------------------------------


def presentation_content(view: ViewState, items: Iterable[Kept]) -> PresentationContent:
    """The look of the base and the measurements on its images.

    Raises
    ------
    ExportError
        What is shown cannot be described by a greyscale presentation state.
    """
    item, layer = view.volume(Role.BASE), view.layer(Role.BASE)
    if item is None or layer is None or not item.stack.frames or item.volume.is_colour:
        raise ExportError("A presentation state is for greyscale images, and none is shown.")
    if not all(frame.sop_instance_uid for frame in item.stack.frames):
        raise ExportError(
            "What is shown does not come from DICOM files, so no presentation state can name it."
        )
    paths = tuple(dict.fromkeys(frame.path for frame in item.stack.frames))
    try:
        sop_class = read_header(paths[0]).sop_class
    except (OSError, ViewerError) as error:
        raise ExportError("An image that the presentation state is for cannot be read any more.") from error
    graphics: list[Graphic] = []
    left_out = 0
    for kept in items:
        drawn = _drawn(kept, item, sop_class)
        graphics += drawn
        left_out += not drawn
    return PresentationContent(
        paths,
        _physical(layer.window, item.volume),
        layer.invert != item.volume.inverted,
        tuple(graphics),
        left_out,
    )


def _physical(window: Voi, volume: Volume) -> Voi:
    """A window on the values after the rescale: without the SUV factor."""
    factor = volume.suv_factor
    if factor is None or isinstance(window, VoiTable):
        return window
    return Window.from_bounds(window.lower / factor, window.upper / factor)


def _drawn(kept: Kept, item: OpenVolume, sop_class: str) -> list[Graphic]:
    """Lines and words of a measurement on the image it lies on; none when it lies on none of this series."""
    measurement = kept.measurement
    frames = item.stack.frames
    slices = [
        n
        for n, frame in enumerate(frames)
        if frame.sop_instance_uid == measurement.sop_instance_uid and frame.frame == measurement.frame
    ]
    if not slices:
        return []
    many = len({frame.frame for frame in frames}) > 1
    image = ImageReference(sop_class, measurement.sop_instance_uid, measurement.frame + 1 if many else 0)

    def positions(points_mm: FloatArray) -> tuple[tuple[float, float], ...]:
        index = item.volume.geometry.to_index(points_mm)
        return tuple((float(i) + 0.5, float(j) + 0.5) for _, j, i in index)

    found = []
    uid = measurement.uid
    if measurement.kind is Kind.ELLIPSE:
        points = measurement.array
        longer = np.linalg.norm(points[1] - points[0]) >= np.linalg.norm(points[3] - points[2])
        axes = points if longer else points[[2, 3, 0, 1]]
        found.append(Graphic("ELLIPSE", positions(axes), "", (image,), uid))
    elif measurement.kind is Kind.POINT:
        found.append(Graphic("POINT", positions(measurement.array), "", (image,), uid))
    elif measurement.kind is not Kind.TEXT:
        found += [Graphic("POLYLINE", positions(line), "", (image,), uid) for line in measurement.lines_mm]
    words = measurement.text if measurement.kind in LABELS else "\r\n".join(kept.result.lines())
    if words:
        places = positions(measurement.array)
        anchor = max(places) if measurement.kind is not Kind.ARROW else places[-1]
        found.append(Graphic("TEXT", (anchor,), words, (image,), uid))
    return found
