"""Presentation states and measurements: their drawings become measurements, and the other way round."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from viewer.dicom.model import Catalogue
from viewer.dicom.presentation_state import Graphic, PresentationState
from viewer.dicom.read import read_header
from viewer.dicom.structured_report import Graphic as Shape
from viewer.dicom.structured_report import ImageReference
from viewer.errors import ExportError, ViewerError
from viewer.imaging.geometry import FloatArray
from viewer.imaging.volume import Volume
from viewer.imaging.window import Voi, VoiTable, Window
from viewer.state.layers import Role
from viewer.state.library import OpenVolume
from viewer.state.measured import Result
from viewer.state.measurement import LABELS, Kind, Measurement, as_points, new_uid
from viewer.state.measurement_file import Kept
from viewer.state.measurement_report import Found, Images, on_image, region_of

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
