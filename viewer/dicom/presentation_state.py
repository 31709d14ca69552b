"""Softcopy presentation states: how images shall look and what is drawn over them (PS3.3 A.33, PS3.4 N; rule G10).

Positions on an image are (column, row) from the corner of its first pixel, as in structured reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from viewer.atomic import written_aside
from viewer.dicom.careful import careful_pydicom, quiet_pydicom
from viewer.dicom.charset import clean_text
from viewer.dicom.evidence import check_target, evidence_header, require_highdicom
from viewer.dicom.presentation_display import (
    Area,
    Images,
    names,
    numbers,
    read_areas,
    read_own_overlays,
    read_shutter,
    referenced,
    references,
)
from viewer.dicom.structured_report import ImageReference, Point
from viewer.errors import ExportError
from viewer.imaging.modality import lut_data, lut_descriptor, voi_table
from viewer.imaging.presentation import GreyChain
from viewer.imaging.window import Voi, VoiFunction, Window, header_windows

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from viewer.dicom.overlay_planes import OverlayPlane
    from viewer.imaging.shutter import Shutter

NAME = "Triptych"
SERIES_NUMBER = 9200
MAX_POINTS = 100_000
BAD_TABLE = "A lookup table of the presentation state is not usable and was left out."
LAYER = "MEASUREMENTS"


@dataclass(frozen=True)
class Graphic:
    """One line, shape or text over images.

    Parameters
    ----------
    type
        "POINT", "POLYLINE", "INTERPOLATED", "CIRCLE", "ELLIPSE" (PS3.3 C.10.5.1.2), or "TEXT".
    points
        (column, row) each; of a text its anchor.
    text
        Words.
    images
        Images it lies on; empty for all images of the presentation state.
    tracking_uid
        Tracking Unique Identifier (0062,0021), "" for none.
    """

    type: str
    points: tuple[Point, ...]
    text: str = ""
    images: tuple[ImageReference, ...] = ()
    tracking_uid: str = ""


@dataclass(frozen=True, eq=False)
class PresentationState:
    """What a presentation state says.

    Parameters
    ----------
    sop_instance_uid, label, description
        Which one.
    images
        Images it is for; one for each frame where it is not for all of an object.
    chain
        From stored values to grey.
    rotation_deg, flipped
        Spatial transformation: clockwise, then left and right exchanged.
    vois
        (images, window or table) of the windows, the first one being that of `chain`.
    areas
        What of which images fills the display.
    shutter
        What covers the rest of the images.
    overlays
        Overlay planes in the file itself; those of the images are not repeated here.
    graphics
        What is drawn.
    notes
        What is not shown, in sentences.
    """

    sop_instance_uid: str
    label: str
    description: str
    images: tuple[ImageReference, ...]
    chain: GreyChain
    rotation_deg: int = 0
    flipped: bool = False
    vois: tuple[tuple[Images, Voi], ...] = ()
    areas: tuple[Area, ...] = ()
    shutter: Shutter | None = None
    overlays: tuple[OverlayPlane, ...] = ()
    graphics: tuple[Graphic, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def chain_for(self, sop_instance_uid: str, frame: int = 0) -> GreyChain:
        """The chain with the window of one image, a frame from 0 of an object."""
        image = names(sop_instance_uid, frame)
        found = (voi for images, voi in self.vois if not images or images & image)
        return replace(self.chain, voi=next(found, self.chain.voi))

    def area_for(self, sop_instance_uid: str, frame: int = 0) -> Area | None:
        """The displayed area of one image, a frame from 0 of an object."""
        image = names(sop_instance_uid, frame)
        return next((one for one in self.areas if not one.images or one.images & image), None)


# --- reading ----------------------------------------------------------------------------------------------------


def read_presentation_state(path: Path) -> PresentationState | None:
    """Read a presentation state.

    Returns
    -------
    PresentationState or None
        None when the file refers to no images.

    Raises
    ------
    ViewerError
        It is damaged, or no DICOM.
    OSError
        The system refused.
    """
    from pydicom import dcmread

    with careful_pydicom("The presentation state"):
        found = dcmread(path)
        images = tuple(
            reference
            for series in found.get("ReferencedSeriesSequence") or []
            for reference in references(series.get("ReferencedImageSequence"))
        )
        if not images:
            return None
        notes: list[str] = []
        graphics = tuple(
            graphic
            for item in found.get("GraphicAnnotationSequence") or []
            for graphic in _graphics(item, notes)
        )
        if "MaskSubtractionSequence" in found:
            notes.append("The mask subtraction of the presentation state is not applied.")
        return PresentationState(
            str(found.get("SOPInstanceUID", "")),
            clean_text(str(found.get("ContentLabel", ""))),
            clean_text(str(found.get("ContentDescription", ""))),
            images,
            _chain(found, notes),
            int(found.get("ImageRotation") or 0) % 360,
            str(found.get("ImageHorizontalFlip", "N")).upper() == "Y",
            _vois(found, notes),
            read_areas(found, notes),
            read_shutter(found, notes),
            read_own_overlays(found),
            graphics,
            tuple(dict.fromkeys(notes)),
        )


def _graphics(item: Dataset, notes: list[str]) -> list[Graphic]:
    images = references(item.get("ReferencedImageSequence"))
    found = []
    for graphic in item.get("GraphicObjectSequence") or []:
        points = _points(graphic.get("GraphicData"))
        if graphic.get("GraphicAnnotationUnits") != "PIXEL" or points is None:
            notes.append("Drawings that are placed on the screen instead of the image are not shown.")
            continue
        uid = str(graphic.get("TrackingUID", ""))
        found.append(Graphic(str(graphic.get("GraphicType", "")), points, "", images, uid))
    for text in item.get("TextObjectSequence") or []:
        anchored = text.get("AnchorPoint") is not None
        units = text.get("AnchorPointAnnotationUnits" if anchored else "BoundingBoxAnnotationUnits")
        place = text.get("AnchorPoint") if anchored else text.get("BoundingBoxTopLeftHandCorner")
        points = _points(place)
        if units != "PIXEL" or points is None:
            notes.append("Texts that are placed on the screen instead of the image are not shown.")
            continue
        # Texts have lines; each of them is cleaned of what cannot be shown.
        lines = str(text.get("UnformattedTextValue", "")).replace("\r", "\n").split("\n")
        words = "\n".join(clean_text(line) for line in lines if line.strip())
        found.append(Graphic("TEXT", points[:1], words, images, str(text.get("TrackingUID", ""))))
    return found


def _chain(found: Dataset, notes: list[str]) -> GreyChain:
    modality = None
    slope, intercept = _number(found.get("RescaleSlope"), 1.0), _number(found.get("RescaleIntercept"), 0.0)
    voi: Voi | None = None
    presentation = None
    try:
        if found.get("ModalityLUTSequence"):
            item = found.ModalityLUTSequence[0]
            descriptor = lut_descriptor(item.LUTDescriptor, input_signed=False)
            modality = (descriptor.first_mapped, lut_data(item.LUTData, descriptor))
        if found.get("SoftcopyVOILUTSequence"):
            voi = _voi(found.SoftcopyVOILUTSequence[0], signed=intercept < 0)
        if found.get("PresentationLUTSequence"):
            item = found.PresentationLUTSequence[0]
            descriptor = lut_descriptor(item.LUTDescriptor, input_signed=False)
            presentation = lut_data(item.LUTData, descriptor) / float(2**descriptor.bits - 1)
    except (AttributeError, IndexError, TypeError, ValueError):
        notes.append(BAD_TABLE)
    inverse = str(found.get("PresentationLUTShape", "")).upper() == "INVERSE"
    return GreyChain(modality, slope or 1.0, intercept, voi, presentation, inverse)


def _vois(found: Dataset, notes: list[str]) -> tuple[tuple[Images, Voi], ...]:
    """Windows and tables with the images they are for."""
    signed = _number(found.get("RescaleIntercept"), 0.0) < 0
    several = []
    for item in found.get("SoftcopyVOILUTSequence") or []:
        try:
            voi = _voi(item, signed=signed)
        except (AttributeError, IndexError, TypeError, ValueError):
            notes.append(BAD_TABLE)
            continue
        if voi is not None:
            several.append((referenced(item), voi))
    return tuple(several)


def _voi(item: Dataset, *, signed: bool) -> Voi | None:
    if item.get("VOILUTSequence"):
        table = item.VOILUTSequence[0]
        return voi_table(lut_descriptor(table.LUTDescriptor, signed), table.LUTData)
    windows, _ = header_windows(
        numbers(item.get("WindowCenter")), numbers(item.get("WindowWidth")), (), item.get("VOILUTFunction")
    )
    return windows[0] if windows else None


def _points(value: Any) -> tuple[Point, ...] | None:
    data = numbers(value)
    if not data or len(data) % 2 or len(data) > MAX_POINTS or not np.isfinite(data).all():
        return None
    return tuple((data[n], data[n + 1]) for n in range(0, len(data), 2))


def _number(value: Any, default: float) -> float:
    found = numbers(value)
    return found[0] if found and np.isfinite(found[0]) else default


# --- writing ----------------------------------------------------------------------------------------------------


def write_presentation_state(
    target: Path,
    images: Sequence[Path],
    *,
    label: str,
    window: Voi,
    inverse: bool = False,
    graphics: Sequence[Graphic] = (),
    area: tuple[int, int, int, int] | None = None,
) -> str:
    """Write a greyscale softcopy presentation state.

    Parameters
    ----------
    target
        File to make; an image is never overwritten.
    images
        Files of one series it is for, monochrome.
    label
        Content Label (0070,0080), upper case.
    window
        On the values after the rescale of the images.
    inverse
        Whether black and white are exchanged.
    graphics
        What is drawn, each with the images it lies on.
    area
        (left, top, right, bottom) of the displayed area in pixels from 1; the whole image when None.

    Returns
    -------
    str
        Its SOPInstanceUID.

    Raises
    ------
    ExportError
        highdicom is missing, the images cannot be read or do not fit together, or the file cannot be written.
    """
    require_highdicom("Presentation states")
    check_target(target, images)
    headers = [evidence_header(path, "presentation state") for path in images]
    try:
        with quiet_pydicom():
            document = _document(
                headers, label, _windows(headers, window), inverse=inverse, graphics=graphics
            )
    except (AttributeError, TypeError, ValueError) as error:
        raise ExportError("The images of this series do not allow a presentation state.") from error
    document.SeriesDescription = "Presentation states"
    if "Laterality" not in document:
        document.Laterality = None  # type 2C: unknown is said by an empty value
    if area is not None:
        shown = document.DisplayedAreaSelectionSequence[0]
        shown.DisplayedAreaTopLeftHandCorner = list(area[:2])
        shown.DisplayedAreaBottomRightHandCorner = list(area[2:])
    with written_aside(target) as aside:
        document.save_as(aside, enforce_file_format=True)
    return str(document.SOPInstanceUID)


def _document(
    headers: Sequence[Dataset],
    label: str,
    windows: Sequence[tuple[Voi, Sequence[Dataset]]],
    *,
    inverse: bool,
    graphics: Sequence[Graphic],
) -> Any:
    import highdicom as hd
    from pydicom.uid import generate_uid

    from viewer import __version__

    layer = hd.pr.GraphicLayer(LAYER, order=1, description="Measurements")
    by_image: dict[tuple[ImageReference, ...], list[Graphic]] = {}
    for graphic in graphics:
        by_image.setdefault(graphic.images, []).append(graphic)
    by_uid = {str(item.SOPInstanceUID): item for item in headers}
    annotations = [
        hd.pr.GraphicAnnotation(
            referenced_images=[by_uid[image.sop_instance_uid] for image in references] or list(headers),
            referenced_frame_number=[image.frame for image in references if image.frame] or None,
            graphic_layer=layer,
            graphic_objects=[_graphic_object(one) for one in found if one.type != "TEXT"] or None,
            text_objects=[_text_object(one) for one in found if one.type == "TEXT"] or None,
        )
        for references, found in by_image.items()
    ]
    shape = "INVERSE" if inverse else "IDENTITY"
    # Without rescale values of one kind the windows are on stored values: the identity, said as such.
    stored = hd.ModalityLUTTransformation(rescale_intercept=0.0, rescale_slope=1.0, rescale_type="US")
    return hd.pr.GrayscaleSoftcopyPresentationState(
        referenced_images=list(headers),
        series_instance_uid=generate_uid(prefix=None),
        series_number=SERIES_NUMBER,
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        manufacturer=NAME,
        manufacturer_model_name=NAME,
        software_versions=__version__,
        device_serial_number="1",
        content_label=label,
        graphic_layers=[layer] if annotations else None,
        graphic_annotations=annotations or None,
        modality_lut_transformation=stored if len(windows) > 1 else None,
        voi_lut_transformations=[_softcopy_voi(window, images) for window, images in windows],
        presentation_lut_transformation=hd.PresentationLUTTransformation(presentation_lut_shape=shape),
    )


def _windows(headers: Sequence[Dataset], window: Voi) -> list[tuple[Voi, Sequence[Dataset]]]:
    """The window with the images it is for (none: all).

    A presentation state has one rescale for all its images (PS3.3 A.33.1, C.11.1), but a window for each of them
    (C.11.8). Where images have rescales of their own, there is none, and each image has the same window on its stored
    values.

    Raises
    ------
    ExportError
        The window cannot be put into stored values.
    """
    groups: dict[tuple[float, float], list[Dataset]] = {}
    for header in headers:
        rescale = (_number(header.get("RescaleSlope"), 1.0), _number(header.get("RescaleIntercept"), 0.0))
        groups.setdefault(rescale, []).append(header)
    if len(groups) == 1:
        return [(window, ())]
    if not isinstance(window, Window) or any(slope <= 0 for slope, _ in groups):
        raise ExportError(
            "Each image of this series has its own rescale; a presentation state can then hold a window, but no table."
        )
    if window.function is VoiFunction.SIGMOID:
        return [
            (Window((window.center - intercept) / slope, window.width / slope, window.function), images)
            for (slope, intercept), images in groups.items()
        ]
    return [
        (Window.from_bounds((window.lower - intercept) / slope, (window.upper - intercept) / slope), images)
        for (slope, intercept), images in groups.items()
    ]


def _softcopy_voi(window: Voi, images: Sequence[Dataset]) -> Any:
    import highdicom as hd

    named = hd.ReferencedImageSequence(list(images)) if images else None
    if isinstance(window, Window):
        return hd.pr.SoftcopyVOILUTTransformation(
            window_center=window.center,
            window_width=window.width,
            voi_lut_function=window.function.value,
            referenced_images=named,
        )
    bits = 16 if window.bits > 8 else 8
    data = window.values.astype(np.uint16 if bits == 16 else np.uint8)
    return hd.pr.SoftcopyVOILUTTransformation(voi_luts=[hd.VOILUT(round(window.first_mapped), data)])


def _graphic_object(graphic: Graphic) -> Any:
    import highdicom as hd

    return hd.pr.GraphicObject(
        graphic.type,
        np.array(graphic.points),
        units="PIXEL",
        tracking_id=LAYER if graphic.tracking_uid else None,
        tracking_uid=graphic.tracking_uid or None,
    )


def _text_object(graphic: Graphic) -> Any:
    import highdicom as hd

    return hd.pr.TextObject(
        graphic.text,
        units="PIXEL",
        anchor_point=(graphic.points[0][0], graphic.points[0][1]),
        anchor_point_visible=False,
        tracking_id=LAYER if graphic.tracking_uid else None,
        tracking_uid=graphic.tracking_uid or None,
    )
