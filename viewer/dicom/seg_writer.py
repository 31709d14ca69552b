"""Masks as a DICOM segmentation on the grid of the images they were made on (PS3.3 A.51), through highdicom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer import __version__
from viewer.atomic import written_aside
from viewer.dicom.careful import quiet_pydicom
from viewer.dicom.evidence import evidence_header
from viewer.dicom.model import FrameSource
from viewer.dicom.structured_report import NAME, Code
from viewer.errors import ExportError

NO_HIGHDICOM = (
    "Segmentations are written with the Python package highdicom, which is not installed "
    "(pip install highdicom; it needs Python 3.13 or older)."
)
SERIES_NUMBER = 9101
SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"


@dataclass(frozen=True, eq=False)
class NewSegment:
    """A mask to be written.

    Parameters
    ----------
    label
        Its name.
    category, type
        What it is, coded.
    start
        (k, j, i) of the first voxel of the block.
    mask
        (k, j, i) bool.
    tracking_uid
        Identity over time, the same in every report.
    colour
        #rrggbb.
    algorithm
        Name of what made it, "" when it was drawn by hand.
    """

    label: str
    category: Code
    type: Code
    start: tuple[int, int, int]
    mask: npt.NDArray[np.bool_]
    tracking_uid: str
    colour: str
    algorithm: str = ""


def write_segmentation(
    target: Path,
    segments: Sequence[NewSegment],
    frames: Sequence[FrameSource],
    shape: tuple[int, int, int],
    *,
    description: str,
) -> str:
    """Write masks as a BINARY segmentation; slices without a voxel are left out.

    Parameters
    ----------
    target
        File to make.
    segments
        At least one, in the order of their numbers, from 1.
    frames
        Sources of the (k) slices of the volume, in its order.
    shape
        (k, j, i) of the volume.
    description
        SeriesDescription (0008,103E).

    Returns
    -------
    str
        Its SOPInstanceUID.

    Raises
    ------
    ExportError
        highdicom is missing, the images cannot be read or do not fit, or the file cannot be written.
    """
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        raise ExportError(NO_HIGHDICOM) from error
    if not segments or not frames:
        raise ExportError("There is nothing to write into a segmentation, or no image it belongs to.")
    if any(target.exists() and frame.path.exists() and target.samefile(frame.path) for frame in frames):
        raise ExportError("A segmentation cannot take the place of an image. Choose another name.")
    try:
        with quiet_pydicom():
            found = _document(segments, frames, shape)
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise ExportError(
            "The segmentation cannot be put together: the images lack what it has to repeat of them."
        ) from error
    found.SpecificCharacterSet = "ISO_IR 192"
    found.SeriesDescription = description
    with written_aside(target) as aside:
        found.save_as(aside, enforce_file_format=True)
    return str(found.SOPInstanceUID)


def _document(
    segments: Sequence[NewSegment], frames: Sequence[FrameSource], shape: tuple[int, int, int]
) -> Any:
    import highdicom as hd
    from pydicom.uid import generate_uid

    used = sorted(
        {k for one in segments for k in (one.start[0] + np.flatnonzero(one.mask.any(axis=(1, 2)))).tolist()}
    )
    paths = {frame.path for frame in frames}
    if len(paths) == 1 and frames[0].frames > 1:
        # A multi-frame object: its frames in the order of the file, whatever the order of the slices.
        sources = [evidence_header(frames[0].path)]
        place = {k: frames[k].frame for k in used}
        count = frames[0].frames
    else:
        sources = [evidence_header(frames[k].path) for k in used]
        place = {k: n for n, k in enumerate(used)}
        count = len(used)
    pixels = np.zeros((count, shape[1], shape[2], len(segments)), np.uint8)
    for number, one in enumerate(segments):
        rows = slice(one.start[1], one.start[1] + one.mask.shape[1])
        columns = slice(one.start[2], one.start[2] + one.mask.shape[2])
        for n, layer in enumerate(one.mask):
            if layer.any():
                pixels[place[one.start[0] + n], rows, columns, number] = layer
    return hd.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_description(number, one) for number, one in enumerate(segments, start=1)],
        series_instance_uid=generate_uid(prefix=None),
        series_number=SERIES_NUMBER,
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        manufacturer=NAME,
        manufacturer_model_name=NAME,
        software_versions=__version__,
        device_serial_number="1",
        content_label="LESIONS",
        content_description="Lesions",
    )


def _description(number: int, segment: NewSegment) -> Any:
    import highdicom as hd

    automatic = hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC
    family = hd.sr.CodedConcept("123110", "DCM", "Region Growing")
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.label[:64],
        segmented_property_category=_concept(segment.category),
        segmented_property_type=_concept(segment.type),
        algorithm_type=automatic if segment.algorithm else hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        algorithm_identification=hd.AlgorithmIdentificationSequence(segment.algorithm, family, __version__)
        if segment.algorithm
        else None,
        tracking_uid=segment.tracking_uid,
        tracking_id=segment.label[:64],
        display_color=hd.color.CIELabColor.from_rgb(*(int(segment.colour[n : n + 2], 16) for n in (1, 3, 5))),
    )


def _concept(code: Code) -> Any:
    import highdicom as hd

    return hd.sr.CodedConcept(value=code.value, scheme_designator=code.scheme, meaning=code.meaning)
