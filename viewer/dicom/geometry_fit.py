"""From per-slice positions to a `VolumeGeometry` and a report in words (rules A07-A23, J16, J45).

Pure numpy; nothing here knows DICOM files. Positions are LPS millimetres, an orientation is six direction cosines
(row direction, then column direction) and pixel spacing is (between rows, between columns), as in PS3.3 C.7.6.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from viewer.errors import GeometryError
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.geometry_report import GeometryReport, Note, Severity

UNIFORM_MM = 0.01
UNIFORM_SHARE = 0.01
"""Gaps may differ from their median by the larger of the two and still count as equal (rule A11)."""
DRIFT_MM = 0.05
DRIFT_SHARE = 0.05
"""Slices may lie this far off an even grid before every slice keeps a position of its own."""
GAP_FACTOR = 1.5
"""An interval over this many median gaps holds no data (rule A12)."""
GAP_SHOWN_AS_NO_DATA = "hold no data and are shown hatched."
"""End of the sentence about them."""
MAX_JITTER_MM = 1.0
"""Slices that lie further than this (and than a pixel) off their line form no volume."""
TILT_DEG = 0.1
OBLIQUE_DEG = 0.1
ORTHONORMAL_GOOD = 1e-3
ORTHONORMAL_BAD = 1e-2
"""Errors of the direction cosines: below the first taken as they are, below the second repaired (rule A23)."""
SPACING_RANGE_MM = (0.01, 100.0)
MAX_EXTENT_MM = 10_000.0
"""Sanity limits of rule J45."""


@dataclass(frozen=True)
class Fit:
    """A geometry with what was found on the way.

    Parameters
    ----------
    geometry
        Of the sorted stack.
    report
        Numbers and notes.
    order
        Indices into the input, sorted along the slice normal (rule A07).
    multiplanar
        Whether planes other than the acquired ones make sense.
    """

    geometry: VolumeGeometry
    report: GeometryReport
    order: tuple[int, ...]
    multiplanar: bool


@dataclass(frozen=True)
class Label:
    """Header values that are shown beside the geometry and never used for it (rules A10, A21)."""

    thickness_mm: float | None = None
    spacing_between_mm: float | None = None
    patient_position: str = ""
    duplicates: int = 0
    notes: tuple[Note, ...] = ()


def slice_normal(orientation: Sequence[float]) -> FloatArray:
    """Unit normal of a slice, row direction x column direction.

    Raises
    ------
    GeometryError
        The directions are zero or parallel.
    """
    normal = np.cross(np.asarray(orientation[:3], float), np.asarray(orientation[3:], float))
    length = float(np.linalg.norm(normal))
    if not length > 1e-6:
        raise GeometryError("The row and column directions are parallel or zero.")
    unit: FloatArray = normal / length
    return unit


def fit_stack(
    positions_mm: Sequence[Sequence[float]] | FloatArray,
    orientation: Sequence[float],
    spacing_mm: tuple[float, float] | None,
    rows_columns: tuple[int, int],
    frame_of_reference: str = "",
    label: Label = Label(),
) -> Fit:
    """Fit a stack of parallel slices.

    Parameters
    ----------
    positions_mm
        (n, 3) ImagePositionPatient, in any order, all different along the normal.
    orientation
        (6,) ImageOrientationPatient, row then column direction.
    spacing_mm
        PixelSpacing (between rows, between columns), or None.
    rows_columns
        (rows, columns) of a slice.
    frame_of_reference
        FrameOfReferenceUID.
    label
        Values that are only shown.

    Returns
    -------
    Fit
        Two-dimensional (`multiplanar` False, `geometry.oriented` False) when the header makes no sense; the notes
        say why.
    """
    positions = np.asarray(positions_mm, dtype=np.float64).reshape(-1, 3)
    count = len(positions)
    notes = list(label.notes)
    repaired, problem = _orthonormal(orientation, notes)
    if problem is None and spacing_mm is None:
        problem = Note("spacing-unknown", "The pixel spacing is unknown, so no other planes can be shown.")
    if problem is None and spacing_mm is not None and not _sane(spacing_mm):
        problem = Note(
            "spacing-insane",
            f"The pixel spacing {spacing_mm[0]:g} x {spacing_mm[1]:g} mm is not believable; sizes are unknown.",
        )
    if problem is not None:
        return flat_stack(count, spacing_mm, rows_columns, label, notes=(*notes, problem))
    assert spacing_mm is not None  # noqa: S101 - narrowed above
    along = np.array(repaired[:3])
    down = np.array(repaired[3:])
    normal = slice_normal(repaired)
    heights = positions @ normal
    order = np.argsort(heights, kind="stable")
    positions, heights = positions[order], heights[order]
    in_plane = (float(spacing_mm[0]), float(spacing_mm[1]))
    if count == 1:
        return _single(
            positions[0], along, down, normal, in_plane, rows_columns, frame_of_reference, label, notes
        )
    gaps = np.diff(heights)
    median = median_of(gaps)
    extent = float(np.abs(positions).max()) + max(
        in_plane[0] * rows_columns[0], in_plane[1] * rows_columns[1]
    )
    if not SPACING_RANGE_MM[0] <= median <= SPACING_RANGE_MM[1] or extent > MAX_EXTENT_MM or gaps.min() <= 0:
        notes.append(
            Note("positions-insane", "The slice positions are not believable; slices are shown as they are.")
        )
        return flat_stack(
            count,
            spacing_mm,
            rows_columns,
            label,
            notes=tuple(notes),
            order=tuple(int(n) for n in order),
        )
    step = (positions[-1] - positions[0]) / (count - 1)
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = down * in_plane[0]
    affine[:3, 2] = along * in_plane[1]
    affine[:3, 3] = positions[0]
    tolerance = max(UNIFORM_MM, UNIFORM_SHARE * median)
    uniform = bool(np.abs(gaps - median).max() <= tolerance)
    even = heights[0] + np.arange(count) * (heights[-1] - heights[0]) / (count - 1)
    drift = float(np.abs(heights - even).max())
    offsets: FloatArray | None = None
    if not uniform or drift > max(DRIFT_MM, DRIFT_SHARE * median):
        offsets = (heights - heights[0]) / (heights[-1] - heights[0]) * (count - 1)
        offsets[0], offsets[-1] = 0.0, count - 1.0
    missing = _missing(gaps, median)
    geometry = VolumeGeometry(
        shape=(count, *rows_columns),
        patient_from_index=affine,
        frame_of_reference_uid=frame_of_reference,
        slice_offsets=offsets,
        gaps=missing,
    )
    jitter = _sideways_mm(positions, heights, normal)
    if jitter > max(MAX_JITTER_MM, *in_plane):
        notes.append(
            Note("jitter", f"Slices are shifted sideways by up to {jitter:.1f} mm: they form no volume.")
        )
        return flat_stack(
            count, spacing_mm, rows_columns, label, notes=tuple(notes), order=tuple(int(n) for n in order)
        )
    _describe_spacing(notes, gaps, median, missing, uniform=uniform, drift=offsets is not None)
    _describe_direction(notes, geometry)
    if jitter > tolerance:
        notes.append(
            Note("jitter", f"Slices are shifted sideways by up to {jitter:.2f} mm; they are shown in a line.")
        )
    report = GeometryReport(
        slices=count,
        spacing_mm=(median, *in_plane),
        thickness_mm=label.thickness_mm,
        gaps_mm=tuple(float(g) for g in gaps),
        uniform=uniform,
        tilt_deg=geometry.tilt_deg,
        obliquity_deg=geometry.obliquity_deg,
        acquired_plane=plane_name(normal),
        duplicates=label.duplicates,
        missing=len(missing),
        patient_position=label.patient_position,
        notes=tuple(notes),
    )
    return Fit(geometry, report, tuple(int(n) for n in order), multiplanar=True)


def flat_stack(
    count: int,
    spacing_mm: tuple[float, float] | None,
    rows_columns: tuple[int, int],
    label: Label = Label(),
    *,
    notes: tuple[Note, ...] | None = None,
    order: tuple[int, ...] | None = None,
) -> Fit:
    """A stack of pictures without a place in the patient (rule A09): pixels only, millimetres when known.

    Parameters
    ----------
    count
        Number of pictures.
    spacing_mm
        (between rows, between columns) or None; not believable values count as None.
    rows_columns
        (rows, columns).
    label
        Values that are only shown.
    notes
        Findings; those of the label when None.
    order
        Kept in the result.
    """
    calibrated = spacing_mm is not None and _sane(spacing_mm)
    rows_mm, columns_mm = spacing_mm if calibrated and spacing_mm is not None else (1.0, 1.0)
    geometry = VolumeGeometry(
        shape=(count, *rows_columns),
        patient_from_index=np.array(
            [
                [0.0, 0.0, columns_mm, 0.0],
                [0.0, rows_mm, 0.0, 0.0],
                [1.0, 0.0, 0.0, 0.0],
                [0.0, 0.0, 0.0, 1.0],
            ]
        ),
        oriented=False,
        calibrated=calibrated,
    )
    report = GeometryReport(
        slices=count,
        spacing_mm=(None, rows_mm if calibrated else None, columns_mm if calibrated else None),
        thickness_mm=label.thickness_mm,
        duplicates=label.duplicates,
        patient_position=label.patient_position,
        notes=label.notes if notes is None else notes,
    )
    return Fit(geometry, report, tuple(range(count)) if order is None else order, multiplanar=False)


def median_of(values: FloatArray) -> float:
    """Median of some numbers; numpy's own imports its masked arrays first, which takes longer than all the rest."""
    ordered = np.sort(values)
    middle = len(ordered) // 2
    return float(ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)


def plane_name(normal: FloatArray) -> str:
    """Patient plane (sagittal, coronal or axial) nearest to a slice with this normal (rule A19)."""
    return ("sagittal", "coronal", "axial")[int(np.argmax(np.abs(normal)))]


def _sane(spacing_mm: Sequence[float]) -> bool:
    return all(SPACING_RANGE_MM[0] <= value <= SPACING_RANGE_MM[1] for value in spacing_mm)


def _orthonormal(orientation: Sequence[float], notes: list[Note]) -> tuple[tuple[float, ...], Note | None]:
    """The direction cosines, repaired when slightly off, and why they cannot be used if so (rule A23)."""
    along, down = np.asarray(orientation[:3], float), np.asarray(orientation[3:], float)
    lengths = np.linalg.norm(along), np.linalg.norm(down)
    error = float(max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(along @ down)))
    if error < ORTHONORMAL_GOOD:
        return tuple(float(v) for v in orientation), None
    if error >= ORTHONORMAL_BAD:
        return tuple(orientation), Note(
            "orientation-insane",
            "ImageOrientationPatient is not two perpendicular unit vectors; other planes are not shown.",
        )
    along = along / lengths[0]
    down = down - (down @ along) * along
    down = down / np.linalg.norm(down)
    notes.append(
        Note(
            "orientation-repaired",
            f"The slice directions were off by {error:.1g} and made perpendicular again.",
        )
    )
    return (*(float(v) for v in along), *(float(v) for v in down)), None


def _single(
    position: FloatArray,
    along: FloatArray,
    down: FloatArray,
    normal: FloatArray,
    spacing_mm: tuple[float, float],
    rows_columns: tuple[int, int],
    frame_of_reference: str,
    label: Label,
    notes: list[Note],
) -> Fit:
    """One slice: it has a place but no volume (rule A14)."""
    slab = next(
        (
            abs(value)
            for value in (label.thickness_mm, label.spacing_between_mm)
            if value is not None and SPACING_RANGE_MM[0] <= abs(value)
        ),
        1.0,
    )
    affine = np.eye(4)
    affine[:3, 0] = normal * slab
    affine[:3, 1] = down * spacing_mm[0]
    affine[:3, 2] = along * spacing_mm[1]
    affine[:3, 3] = position
    geometry = VolumeGeometry(
        shape=(1, *rows_columns), patient_from_index=affine, frame_of_reference_uid=frame_of_reference
    )
    notes.append(Note("single-slice", "A single slice: no other planes.", Severity.INFO))
    report = GeometryReport(
        slices=1,
        spacing_mm=(None, *spacing_mm),
        thickness_mm=label.thickness_mm,
        obliquity_deg=geometry.obliquity_deg,
        acquired_plane=plane_name(normal),
        duplicates=label.duplicates,
        patient_position=label.patient_position,
        notes=tuple(notes),
    )
    return Fit(geometry, report, (0,), multiplanar=False)


def _missing(gaps: FloatArray, median: float) -> tuple[int, ...]:
    """Intervals that hold no data: wide against the whole stack and against their surroundings (rule A12).

    A stack may go on with a wider spacing on purpose (rule A03: incremental head CT, 4 then 7 mm); there the slices
    touch and nothing is missing, so an interval as wide as those around it is no hole.
    """
    wide = (int(k) for k in np.flatnonzero(gaps > GAP_FACTOR * median))
    return tuple(k for k in wide if gaps[k] > GAP_FACTOR * _median_around(gaps, k, median))


def _median_around(gaps: FloatArray, k: int, default: float, reach: int = 3) -> float:
    """Median of up to `reach` gaps on either side of gap k, without it."""
    near = np.concatenate([gaps[max(0, k - reach) : k], gaps[k + 1 : k + 1 + reach]])
    return median_of(near) if len(near) else default


def _describe_spacing(
    notes: list[Note],
    gaps: FloatArray,
    median: float,
    missing: tuple[int, ...],
    *,
    uniform: bool,
    drift: bool,
) -> None:
    if not uniform:
        odd = int(np.count_nonzero(np.abs(gaps - median) > max(UNIFORM_MM, UNIFORM_SHARE * median)))
        notes.append(
            Note(
                "spacing-varies",
                f"Slice spacing varies from {gaps.min():.2f} to {gaps.max():.2f} mm; "
                f"{odd} interval{'s' * (odd != 1)} interpolated by position.",
            )
        )
    elif drift:
        notes.append(
            Note(
                "spacing-drifts",
                "Slice spacing drifts slightly; every slice keeps its own position.",
                Severity.INFO,
            )
        )
    if missing:
        notes.append(
            Note(
                "gap",
                f"{len(missing)} interval{'s' * (len(missing) != 1)} of up to {gaps.max():.2f} mm "
                f"(median {median:.2f} mm) {GAP_SHOWN_AS_NO_DATA}",
            )
        )


def _describe_direction(notes: list[Note], geometry: VolumeGeometry) -> None:
    if geometry.tilt_deg > TILT_DEG:
        notes.append(
            Note(
                "tilt",
                f"The stack is sheared by {geometry.tilt_deg:.1f} degrees (gantry tilt); "
                "planes are resampled to true positions.",
            )
        )
    if geometry.obliquity_deg > OBLIQUE_DEG:
        notes.append(
            Note("oblique", f"Acquired {geometry.obliquity_deg:.1f} degrees oblique.", Severity.INFO),
        )


def _sideways_mm(positions: FloatArray, heights: FloatArray, normal: FloatArray) -> float:
    """Largest distance of a slice, within its plane, from the line through the first and the last."""
    share = (heights - heights[0]) / (heights[-1] - heights[0])
    off = positions - positions[0] - share[:, None] * (positions[-1] - positions[0])
    off -= (off @ normal)[:, None] * normal
    return float(np.linalg.norm(off, axis=1).max())
