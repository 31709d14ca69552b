"""The part of an image that a presentation state shows: displayed areas, shutters, overlays of its own (rule G10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from viewer.dicom.model import PixelFormat
from viewer.dicom.overlay_planes import GROUPS, OverlayPlane, read_overlays
from viewer.dicom.structured_report import ImageReference
from viewer.imaging.shutter import Shutter

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

WHITE = 0xFFFF
"""Of a shutter's presentation value (PS3.3 C.7.6.11)."""
BITMAP = "The shutter of the presentation state that is drawn pixel by pixel is not applied."
SHAPELESS = "A shutter of the presentation state is not usable and was left out."
TRUE_SIZE = "The presentation state asks for true size; its displayed area is fitted to the pane instead."


Images = frozenset[tuple[str, int]]
"""SOPInstanceUIDs, each with a frame from 1 or with 0 for all of them; nothing at all means all images."""


@dataclass(frozen=True)
class Area:
    """What of the images fills the display (PS3.3 C.10.4).

    Parameters
    ----------
    corners
        (left, top, right, bottom): first and last columns and rows, from 1; they may lie outside the image.
    images
        Which ones it is for.
    magnification
        Pixels of the display along one of the image, None to fit the area.
    """

    corners: tuple[int, int, int, int]
    images: Images = frozenset()
    magnification: float | None = None


def referenced(item: Dataset) -> Images:
    """The images that an item is for."""
    return frozenset(
        (image.sop_instance_uid, image.frame) for image in references(item.get("ReferencedImageSequence"))
    )


def references(sequence: Any) -> tuple[ImageReference, ...]:
    """The images of a sequence; of objects with many frames one for each that is named, or one for all."""
    found = []
    for item in sequence or []:
        uids = (str(item.get("ReferencedSOPClassUID", "")), str(item.get("ReferencedSOPInstanceUID", "")))
        frames = numbers(item.get("ReferencedFrameNumber")) or [0.0]
        found += [ImageReference(*uids, int(frame)) for frame in frames]
    return tuple(found)


def names(sop_instance_uid: str, frame: int) -> Images:
    """What an image may be called: its object with the frame, from 0, or as a whole."""
    return frozenset({(sop_instance_uid, 0), (sop_instance_uid, frame + 1)})


def read_areas(found: Dataset, notes: list[str]) -> tuple[Area, ...]:
    """Displayed areas, in the order of the file."""
    areas = []
    for item in found.get("DisplayedAreaSelectionSequence") or []:
        first = numbers(item.get("DisplayedAreaTopLeftHandCorner"))
        last = numbers(item.get("DisplayedAreaBottomRightHandCorner"))
        if not len(first) == len(last) == 2:
            continue
        left, right = sorted((int(first[0]), int(last[0])))
        top, bottom = sorted((int(first[1]), int(last[1])))
        mode = str(item.get("PresentationSizeMode", "")).strip().upper()
        ratio = numbers(item.get("PresentationPixelMagnificationRatio"))
        if mode == "TRUE SIZE":
            notes.append(TRUE_SIZE)
        magnified = ratio[0] if mode == "MAGNIFY" and ratio and ratio[0] > 0 else None
        areas.append(Area((left, top, right, bottom), referenced(item), magnified))
    return tuple(areas)


def read_shutter(found: Dataset, notes: list[str]) -> Shutter | None:
    """The shapes that cover the images, without a bitmap."""
    value = found.get("ShutterShape")
    named = [value] if isinstance(value, str) else list(value or [])
    shapes = {str(shape).strip().upper() for shape in named}
    if "BITMAP" in shapes:
        notes.append(BITMAP)
    rectangle = circle = None
    polygon: tuple[tuple[float, float], ...] = ()
    if "RECTANGULAR" in shapes:
        names = ("LeftVertical", "UpperHorizontal", "RightVertical", "LowerHorizontal")
        edges = [numbers(found.get(f"Shutter{name}Edge")) for name in names]
        if all(edges):
            left, top, right, bottom = (edge[0] for edge in edges)
            rectangle = (min(left, right), min(top, bottom), max(left, right), max(top, bottom))
        else:
            notes.append(SHAPELESS)
    if "CIRCULAR" in shapes:
        centre, radius = (
            numbers(found.get("CenterOfCircularShutter")),
            numbers(found.get("RadiusOfCircularShutter")),
        )
        if len(centre) == 2 and radius and radius[0] > 0:
            circle = (centre[1], centre[0], radius[0])  # the file names the row first
        else:
            notes.append(SHAPELESS)
    if "POLYGONAL" in shapes:
        corners = numbers(found.get("VerticesOfThePolygonalShutter"))
        if len(corners) >= 6 and not len(corners) % 2:
            polygon = tuple(zip(corners[1::2], corners[::2], strict=True))
        else:
            notes.append(SHAPELESS)
    if rectangle is None and circle is None and not polygon:
        return None
    grey = numbers(found.get("ShutterPresentationValue"))
    return Shutter(rectangle, circle, polygon, min(max(grey[0] / WHITE, 0.0), 1.0) if grey else 0.0)


def read_own_overlays(found: Dataset) -> tuple[OverlayPlane, ...]:
    """Overlay planes that lie in the presentation state itself, without the one that is a shutter."""
    shutter = numbers(found.get("ShutterOverlayGroup"))
    if not any((group, 0x3000) in found for group in GROUPS):
        return ()
    planes = read_overlays(found, PixelFormat(0, 0), lambda _frame: None)
    return tuple(plane for plane in planes if plane.group not in [int(group) for group in shutter])


def numbers(value: Any) -> list[float]:
    """The finite numbers of a value; nothing when it holds anything else."""
    if value is None or value == "":
        return []
    several = [value] if isinstance(value, (str, int, float)) else value
    try:
        found = [float(one) for one in several]
    except (TypeError, ValueError):
        return []
    return found if np.isfinite(found).all() else []
