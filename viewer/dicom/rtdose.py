"""RT dose grids (PS3.3 A.18, C.8.8.3, rule I07): a stack of planes whose values are dose.

The planes lie where Grid Frame Offset Vector says, which may be uneven; dose is the stored value times Dose Grid
Scaling, in the unit that Dose Units names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from viewer.dicom.careful import careful_pydicom
from viewer.dicom.geometry_fit import Label, fit_stack, slice_normal
from viewer.dicom.header import Header
from viewer.dicom.model import DOSE_MODALITY, SeriesKind, Stack
from viewer.dicom.read import read_header
from viewer.dicom.stack import frame_source, pixel_format
from viewer.errors import FormatError
from viewer.imaging.geometry import FloatArray
from viewer.imaging.geometry_report import Note

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

GRAY = "Gy"
_UNITS = {"GY": GRAY, "RELATIVE": "relative dose"}
_SAME_PLANE_MM = 0.01


def read_dose(path: Path, uid: str) -> Stack:
    """The stack of a dose file.

    Parameters
    ----------
    path
        A DICOM file of the class RT Dose Storage.
    uid
        Of the stack.

    Raises
    ------
    ViewerError
        The file is damaged, holds no dose grid, or its planes have no place.
    OSError
        It cannot be read.
    """
    from viewer.dicom.slow_header import open_dataset

    header = read_header(path, objects=True)
    if not header.is_image:
        raise FormatError("The dose file holds no dose grid.")
    with path.open("rb") as stream:
        dataset, _, _ = open_dataset(stream, path.stat().st_size)
    with careful_pydicom("The dose grid"):
        return _stack(header, dataset, uid)


def _stack(header: Header, dataset: Dataset, uid: str) -> Stack:
    if header.position_mm is None or header.orientation is None or header.pixel_spacing_mm is None:
        raise FormatError("The dose grid has no place in the patient.")
    notes: list[Note] = []
    scaling = float(dataset.get("DoseGridScaling") or 0.0)
    unit = _UNITS.get(str(dataset.get("DoseUnits") or "").upper(), "")
    if not np.isfinite(scaling) or scaling <= 0:
        scaling, unit = 1.0, ""
        notes.append(
            Note("dose-scaling", "The dose grid has no scaling; its stored values are shown without a unit.")
        )
    kind = str(dataset.get("DoseType") or "")
    positions = _positions(header, dataset, notes)
    fit = fit_stack(
        positions,
        header.orientation,
        header.pixel_spacing_mm,
        (header.rows, header.columns),
        header.frame_of_reference,
        Label(thickness_mm=header.thickness_mm, notes=tuple(notes)),
    )
    if not fit.multiplanar and header.frames > 1:
        raise FormatError("The planes of the dose grid form no volume.")
    frames = tuple(replace(frame_source(header.at_frame(n)), slope=scaling, intercept=0.0) for n in fit.order)
    return Stack(
        uid,
        frames,
        pixel_format(header),
        fit.geometry,
        fit.report,
        modality=DOSE_MODALITY,
        unit=unit,
        kind=SeriesKind.DOSE,
        on_request=True,
        multiplanar=fit.multiplanar,
        acquisition_text=", ".join(filter(None, (kind.lower(), _summation(dataset)))),
        warnings=tuple(note.text for note in notes),
    )


def _summation(dataset: Dataset) -> str:
    """Of what the dose is the sum (PS3.3 C.8.8.3): "plan", "beam 2", "multi plan"."""
    items: Sequence[Dataset] = dataset.get("ReferencedRTPlanSequence") or ()
    for keyword in ("ReferencedFractionGroupSequence", "ReferencedBeamSequence"):
        items = [part for item in items for part in item.get(keyword) or ()]
    beams = {int(item.ReferencedBeamNumber) for item in items if item.get("ReferencedBeamNumber") is not None}
    words = [str(dataset.get("DoseSummationType") or "").lower().replace("_", " ")]
    return " ".join([*words, *map(str, sorted(beams))]).strip()


def _positions(header: Header, dataset: Dataset, notes: list[Note]) -> FloatArray:
    """(n, 3) position of every plane, by Grid Frame Offset Vector (PS3.3 C.8.8.3.2).

    Offsets that start with 0 count along row x column direction from Image Position; offsets that start with the z of
    Image Position are patient z coordinates themselves.
    """
    assert header.position_mm is not None  # noqa: S101 - checked by the caller
    assert header.orientation is not None  # noqa: S101 - checked by the caller
    origin = np.array(header.position_mm)
    value = dataset.get("GridFrameOffsetVector")
    offsets = np.atleast_1d(np.array([] if value is None else value, dtype=np.float64))
    if header.frames == 1 and offsets.size == 0:
        offsets = np.zeros(1)
    if offsets.size < header.frames or not np.isfinite(offsets).all():
        raise FormatError("The dose grid does not say where its planes are.")
    if offsets.size > header.frames:
        notes.append(
            Note("dose-offsets", f"{offsets.size - header.frames} plane offsets without a plane are ignored.")
        )
        offsets = offsets[: header.frames]
    if abs(offsets[0]) <= _SAME_PLANE_MM:
        return origin + np.outer(offsets, slice_normal(header.orientation))
    if abs(offsets[0] - origin[2]) > _SAME_PLANE_MM:
        notes.append(
            Note(
                "dose-offsets",
                "The plane offsets start neither with 0 nor with the position of the first plane; "
                "they are taken as distances from it.",
            )
        )
        return origin + np.outer(offsets - offsets[0], slice_normal(header.orientation))
    positions = np.tile(origin, (header.frames, 1))
    positions[:, 2] = offsets
    return positions
