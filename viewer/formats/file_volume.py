"""From the header of a file that is a volume of its own to an entry of the catalogue.

Such a file names no patient, study or series: the files of one folder are taken for one study, each for a series. No
FrameOfReferenceUID exists either; `viewer.loading.file_volumes` finds out what lies in the same space.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from viewer.dicom.geometry_fit import (
    MAX_EXTENT_MM,
    OBLIQUE_DEG,
    SPACING_RANGE_MM,
    TILT_DEG,
    Fit,
    Label,
    flat_stack,
    plane_name,
)
from viewer.dicom.model import (
    LABEL_MODALITY,
    FrameSource,
    Patient,
    PixelFormat,
    Series,
    SeriesKind,
    Stack,
    Study,
    VolumeSource,
)
from viewer.errors import GeometryError
from viewer.formats.registry import FoundVolume
from viewer.formats.voxels import VoxelLayout
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.geometry_report import GeometryReport, Note, Severity
from viewer.imaging.volume import LABEL_UNIT

_LABEL_NAME = re.compile(
    r"(?<![a-z])(seg|segmentations?|masks?|labels?|labelmap|roi)(?![a-z])", re.IGNORECASE
)
_SHEAR_COSINE = 1e-3


def named_as_labels(name: str) -> bool:
    """Whether a file name says that its values are labels: "liver_seg", "PET-mask", "labels"."""
    return _LABEL_NAME.search(name) is not None


@dataclass(frozen=True, eq=False)
class VolumeFile:
    """What a reader knows about a file.

    Parameters
    ----------
    path, shown
        Where it is and how the user knows it.
    stem
        Its name without folder and ending.
    source
        Reads its voxels.
    layout
        How they are written.
    fit
        Where they are, from `affine_fit` or `flat_stack`.
    modality, unit
        Empty when unknown.
    slope, intercept
        From stored values to `unit`, the same for all slices.
    time_labels
        One for each volume of the file, empty texts when there is only one.
    frame_of_reference
        Of volumes that say they share a space with others, else "".
    """

    path: Path
    shown: str
    stem: str
    source: VolumeSource
    layout: VoxelLayout
    fit: Fit
    modality: str = ""
    unit: str = ""
    slope: float = 1.0
    intercept: float = 0.0
    time_labels: Sequence[str] = ("",)
    frame_of_reference: str = ""


def folder_uid(path: Path) -> str:
    """A name for the study that the files of a folder form; says nothing about where the folder is."""
    return f"folder-{_digest(str(path.parent))}"


def found_volume(file: VolumeFile) -> FoundVolume:
    """The entry of the catalogue: a study with one series, a stack for each point in time."""
    status = file.path.stat()
    # A file that was written anew is another series: what is kept of the old one must not be shown for it.
    uid = f"file-{_digest(f'{file.path}|{status.st_size}|{status.st_mtime_ns}')}"
    geometry = replace(file.fit.geometry, frame_of_reference_uid=file.frame_of_reference)
    slices, rows, columns = file.layout.shape
    labels = file.layout.labels
    stacks = tuple(
        Stack(
            uid=uid if t == 0 else f"{uid}#{t + 1}",
            frames=tuple(
                FrameSource(
                    file.path,
                    frame=t * slices + k,
                    sop_instance_uid=uid,
                    frames=file.layout.times * slices,
                    slope=file.slope,
                    intercept=file.intercept,
                    slice_suv_factor=1.0 if file.unit == "SUV" else None,
                )
                for k in range(slices)
            ),
            pixels=_pixel_format(file.layout, rows, columns),
            geometry=geometry,
            report=file.fit.report,
            label=text,
            modality=LABEL_MODALITY if labels else file.modality,
            unit=LABEL_UNIT if labels else file.unit,
            suv_note="" if file.unit == "SUV" else "The file says nothing from which SUV could be computed.",
            multiplanar=file.fit.multiplanar,
            kind=SeriesKind.VOLUME if file.fit.multiplanar else SeriesKind.IMAGE,
            warnings=file.fit.report.warnings,
            source=file.source,
            parts=(("time", text),) if text else (),
        )
        for t, text in enumerate(file.time_labels)
    )
    folder = PurePosixPath(file.shown).parent.name or file.path.parent.name
    study_uid = folder_uid(file.path)
    series = Series(
        uid=uid,
        study_uid=study_uid,
        modality=stacks[0].modality,
        description=file.stem,
        kind=stacks[0].kind,
        files=1,
        frame_of_reference_uid=file.frame_of_reference,
        stacks=stacks,
        paths=(file.path,),
    )
    study = Study(uid=study_uid, patient=Patient(key=study_uid), description=folder, series=(series,))
    return FoundVolume(study)


def affine_fit(
    affine: FloatArray, shape: tuple[int, int, int], notes: Sequence[Note], spacing_mm: FloatArray
) -> Fit:
    """Geometry and report of a regular grid.

    Parameters
    ----------
    affine
        (4, 4), maps (k, j, i, 1) to LPS millimetres, voxel centres.
    shape
        (k, j, i).
    notes
        Findings so far.
    spacing_mm
        (slice, row, column) of the header, for when the affine makes no sense.

    Returns
    -------
    Fit
        Two-dimensional with a note when the affine makes no sense (rule J45).
    """
    if shape[0] == 1 and not np.any(affine[:3, 0]):
        affine = affine.copy()
        affine[:3, 0] = _unit_normal(affine)
    try:
        geometry = VolumeGeometry(shape, affine)
    except GeometryError as error:
        return flat_fit(shape, spacing_mm, (*notes, Note("affine-insane", error.user_message)))
    spacing = geometry.spacing_mm
    low, high = SPACING_RANGE_MM
    if not all(low <= value <= high for value in spacing[1 if shape[0] == 1 else 0 :]):
        text = f"The spacing {' x '.join(f'{value:g}' for value in spacing)} mm is not believable."
        return flat_fit(shape, spacing_mm, (*notes, Note("spacing-insane", text)))
    if float(np.abs(geometry.corners_mm()).max()) > MAX_EXTENT_MM:
        text = "The position is not believable; slices are shown as they are."
        return flat_fit(shape, spacing_mm, (*notes, Note("positions-insane", text)))
    findings = [*notes, *_direction_notes(geometry)]
    if shape[0] == 1:
        findings.append(Note("single-slice", "A single slice: no other planes.", Severity.INFO))
    report = GeometryReport(
        slices=shape[0],
        spacing_mm=(None if shape[0] == 1 else spacing[0], spacing[1], spacing[2]),
        gaps_mm=(spacing[0],) * (shape[0] - 1),
        tilt_deg=geometry.tilt_deg,
        obliquity_deg=geometry.obliquity_deg,
        acquired_plane=plane_name(geometry.slice_normal),
        notes=tuple(findings),
    )
    return Fit(geometry, report, tuple(range(shape[0])), multiplanar=shape[0] > 1)


def flat_fit(shape: tuple[int, int, int], spacing_mm: FloatArray | None, notes: Sequence[Note]) -> Fit:
    """A stack of pictures whose place in the patient is unknown; `spacing_mm` (slice, row, column) if known."""
    in_plane = None
    if spacing_mm is not None and np.isfinite(spacing_mm).all():
        in_plane = (float(spacing_mm[1]), float(spacing_mm[2]))
    return flat_stack(shape[0], in_plane, shape[1:], Label(), notes=tuple(notes))


def _unit_normal(affine: FloatArray) -> FloatArray:
    """A vector of 1 mm perpendicular to rows and columns, zero when these are parallel."""
    normal: FloatArray = np.cross(affine[:3, 2], affine[:3, 1])
    length = float(np.linalg.norm(normal))
    return normal / length if length > 0 else normal


def _direction_notes(geometry: VolumeGeometry) -> list[Note]:
    notes = []
    axes = geometry.patient_from_index[:3, :3] / np.linalg.norm(geometry.patient_from_index[:3, :3], axis=0)
    if geometry.tilt_deg > TILT_DEG or abs(float(axes[:, 1] @ axes[:, 2])) > _SHEAR_COSINE:
        notes.append(
            Note(
                "shear", "The axes of the grid are not perpendicular; planes are resampled to true positions."
            )
        )
    if geometry.obliquity_deg > OBLIQUE_DEG:
        text = f"The slices lie {geometry.obliquity_deg:.1f} degrees oblique."
        notes.append(Note("oblique", text, Severity.INFO))
    return notes


def _pixel_format(layout: VoxelLayout, rows: int, columns: int) -> PixelFormat:
    dtype = layout.array_dtype
    bits = dtype.itemsize * 8
    return PixelFormat(
        rows=rows,
        columns=columns,
        samples_per_pixel=3 if layout.samples > 1 else 1,
        photometric="RGB" if layout.samples > 1 else "MONOCHROME2",
        bits_allocated=bits,
        bits_stored=bits,
        high_bit=bits - 1,
        signed=dtype.kind == "i",
        float_pixels=dtype.kind == "f",
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
