"""Writing masks as a DICOM segmentation (PS3.3 A.51) through highdicom: structures and lesions alike (rule I11)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from viewer import __version__
from viewer.atomic import written_aside
from viewer.dicom.careful import quiet_pydicom
from viewer.dicom.evidence import check_target, require_highdicom
from viewer.dicom.model import Stack
from viewer.dicom.structure_facts import Code
from viewer.dicom.structure_writing import (
    LABEL_LENGTH,
    NAME,
    SavedStructure,
    on_one_grid,
    source_headers,
)
from viewer.errors import ExportError
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.labelmap import Mask

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SERIES_NUMBER = 9101
SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
TISSUE = Code("85756007", "SCT", "Tissue")
"""Category and type of a segment of which nothing is known."""
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
_MANUAL, _SEMIAUTOMATIC = "MANUAL", "SEMIAUTOMATIC"


def write_segmentation(
    target: Path, structures: Sequence[SavedStructure], stack: Stack, description: str = "Segmentation"
) -> str:
    """Write a binary segmentation: one segment a structure, which may overlap; slices without a voxel are left out.

    Codes, algorithm, tracking identifiers and colour are those of the structures; a structure without codes is a
    tissue made by hand, and one without tracking identifiers gets new ones.

    Parameters
    ----------
    target
        File to make.
    structures
        At least one, in the order of their numbers, from 1. When all are voxels of one grid that grid is kept, else
        they are put on the grid of the images.
    stack
        The images, DICOM files.
    description
        SeriesDescription (0008,103E).

    Returns
    -------
    str
        Its SOPInstanceUID.

    Raises
    ------
    ExportError
        highdicom is missing, there is nothing to write, the images cannot be read, or the file cannot be written.
    """
    require_writer()
    check_target(target, (frame.path for frame in stack.frames))
    sources = source_headers(stack)
    geometry, masks = on_one_grid(structures, stack.geometry)
    if not any(mask.voxels for mask in masks):
        raise ExportError("The structures have no voxel on these images; nothing was written.")
    try:
        with quiet_pydicom():
            dataset = _segmentation(structures, masks, geometry, sources, description)
    except (AttributeError, TypeError, ValueError, KeyError, IndexError) as error:
        raise ExportError(
            "The segmentation cannot be put together: the images lack what it has to repeat of them."
        ) from error
    with written_aside(target) as aside, quiet_pydicom():
        dataset.save_as(aside, enforce_file_format=True)
    return str(dataset.SOPInstanceUID)


def require_writer() -> None:
    """Refuse before any work what could not be written after it.

    Raises
    ------
    ExportError
        highdicom is not installed.
    """
    require_highdicom("Segmentations", "A structure set or NIfTI file needs nothing more.")


def _segmentation(
    structures: Sequence[SavedStructure],
    masks: Sequence[Mask],
    geometry: VolumeGeometry,
    sources: list[Dataset],
    description: str,
) -> Any:
    import highdicom as hd
    from pydicom.uid import generate_uid

    first = min(mask.corner[0] for mask in masks if mask.voxels)
    last = max(mask.corner[0] + mask.block.shape[0] for mask in masks if mask.voxels)
    pixels = np.zeros((last - first, *geometry.shape[1:], len(masks)), np.uint8)
    for n, mask in enumerate(masks):
        k, j, i = mask.slices
        if mask.voxels:
            pixels[k.start - first : k.stop - first, j, i, n] = mask.block
    columns = geometry.patient_from_index[:3, 2] / geometry.spacing_mm[2]
    rows = geometry.patient_from_index[:3, 1] / geometry.spacing_mm[1]
    positions = [
        hd.PlanePositionSequence(
            "PATIENT", [round(float(x), 6) for x in geometry.to_patient(np.array([k, 0.0, 0.0]))]
        )
        for k in range(first, last)
    ]
    spacing = geometry.spacing_mm[0]
    result = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type="BINARY",
        segment_descriptions=[_segment(n, structure) for n, structure in enumerate(structures, 1)],
        series_instance_uid=generate_uid(prefix=None),
        series_number=SERIES_NUMBER,
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        manufacturer=NAME,
        manufacturer_model_name=NAME,
        software_versions=__version__,
        device_serial_number="1",
        content_label="SEGMENTATION",
        pixel_measures=hd.PixelMeasuresSequence(
            (geometry.spacing_mm[1], geometry.spacing_mm[2]),
            slice_thickness=spacing,
            spacing_between_slices=spacing if geometry.uniform else None,
        ),
        plane_orientation=hd.PlaneOrientationSequence("PATIENT", [float(x) for x in (*columns, *rows)]),
        plane_positions=positions,
    )
    # Names of structures need not fit into the character set of the images.
    result.SpecificCharacterSet = "ISO_IR 192"
    result.SeriesDescription = description
    return result


def _segment(number: int, structure: SavedStructure) -> Any:
    import highdicom as hd
    from pydicom.uid import generate_uid

    identity = structure.identity
    label = structure.name[:LABEL_LENGTH] or f"Structure {number}"
    kind = identity.algorithm_type or (_SEMIAUTOMATIC if identity.algorithm else _MANUAL)
    identification = None
    if kind != _MANUAL or identity.algorithm:
        identification = hd.AlgorithmIdentificationSequence(
            identity.algorithm[:LABEL_LENGTH] or "unknown",
            _concept(identity.algorithm_family, ARTIFICIAL_INTELLIGENCE),
            identity.algorithm_version[:LABEL_LENGTH] or "unknown",
        )
    tracked = identity.tracking_id and identity.tracking_uid
    return hd.seg.SegmentDescription(
        number,
        label,
        _concept(identity.category, TISSUE),
        _concept(identity.type, TISSUE),
        kind,
        algorithm_identification=identification,
        tracking_uid=identity.tracking_uid if tracked else generate_uid(prefix=None),
        tracking_id=identity.tracking_id[:LABEL_LENGTH] if tracked else label,
        display_color=hd.color.CIELabColor.from_rgb(*structure.colour),
    )


def _concept(code: Code, otherwise: Code) -> Any:
    """A code as highdicom takes it; one that lacks a part counts as none."""
    import highdicom as hd

    whole = code if code.value and code.scheme and code.meaning else otherwise
    return hd.sr.CodedConcept(whole.value, whole.scheme, whole.meaning)
