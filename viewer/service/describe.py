"""What is said about studies and volumes.

Without `identity` nothing in it leads to a patient: no names, dates, UIDs or free text of the headers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from viewer.dicom.build import array_dtype, volume_bytes
from viewer.dicom.model import Series, Study
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.orientation import letters, opposite
from viewer.imaging.presets import Preset, builtin_presets
from viewer.imaging.volume import Volume
from viewer.imaging.window import Voi, Window
from viewer.service.planes import NamedPlane
from viewer.service.shelf import Level, Part, Scan, Shelf
from viewer.state.first_window import header_windows


def studies(shelf: Shelf, *, identity: bool) -> dict[str, Any]:
    """The list of studies, series and volumes."""
    scans: dict[str, list[Scan]] = {}
    for scan in shelf.scans:
        scans.setdefault(scan.series.uid, []).append(scan)
    listed = [_study(study, scans, identity=identity) for study in shelf.studies]
    return {"studies": [study for study in listed if study["series"]]}


def _study(study: Study, scans: dict[str, list[Scan]], *, identity: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {"id": _hidden("study", study.uid)}
    if identity:
        answer["patient"] = {
            "name": study.patient.name,
            "id": study.patient.patient_id,
            "birth_date": study.patient.birth_date,
            "sex": study.patient.sex,
        }
        answer |= {
            "uid": study.uid,
            "description": study.description,
            "date": study.date,
            "time": study.time,
            "accession": study.accession,
            "institution": study.institution,
        }
    series = (_series(one, scans[one.uid], identity=identity) for one in study.series if one.uid in scans)
    return answer | {"series": list(series)}


def _series(series: Series, scans: list[Scan], *, identity: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "id": _hidden("series", series.uid),
        "modality": series.modality,
        "number": series.number,
        "kind": series.kind.value,
    }
    if identity:
        answer |= {
            "uid": series.uid,
            "description": series.description,
            "date": series.date,
            "time": series.time,
        }
    volumes = [
        {
            "id": scan.id,
            "label": scan.stack.label,
            "shape": list(scan.stack.geometry.shape),
            "multiplanar": scan.stack.multiplanar,
            "bytes": volume_bytes(scan.stack),
        }
        for scan in scans
    ]
    return answer | {"volumes": volumes}


def volume(
    scan: Scan,
    part: Part,
    planes: dict[str, NamedPlane],
    levels: Sequence[Level],
    window: Voi,
    *,
    identity: bool,
) -> dict[str, Any]:
    """Geometry, unit, windows and shape of a volume, of which nothing need have been read."""
    geometry, loaded = part.geometry, part.volume
    answer: dict[str, Any] = {
        "id": scan.id,
        "study": _hidden("study", scan.study.uid),
        "series": _hidden("series", scan.series.uid),
        "modality": scan.series.modality,
        "number": scan.series.number,
        "label": scan.stack.label,
        "kind": scan.stack.kind.value,
        "shape": list(geometry.shape),
        "dtype": array_dtype(scan.stack).newbyteorder("<").str,
        "colour": loaded.is_colour,
        "unit": loaded.display_unit,
        "slope": loaded.display_slope,
        "intercept": loaded.display_intercept,
        "padding": None if loaded.padding is None else list(loaded.padding),
        "geometry": {
            "patient_from_index": geometry.patient_from_index.tolist(),
            "spacing_mm": list(geometry.spacing_mm),
            "slice_offsets": None if geometry.slice_offsets is None else geometry.slice_offsets.tolist(),
            "gaps": list(geometry.gaps),
            "oriented": geometry.oriented,
            "calibrated": geometry.calibrated,
        },
        "missing_slices": part.missing.tolist(),
        "whole": part.whole,
        "levels": [
            {
                "level": n,
                "step": list(level.step),
                "shape": list(level.geometry.shape),
                "spacing_mm": list(level.geometry.spacing_mm),
                "bytes": level.nbytes,
            }
            for n, level in enumerate(levels)
        ],
        "windows": windows(loaded, window, identity=identity),
        "presets": [
            {"id": preset.id, "name": preset.name, **_window(preset.window)} for preset in presets_of(loaded)
        ],
        "planes": {name: _plane(plane, geometry) for name, plane in planes.items()},
    }
    if identity:
        answer |= {
            "uid": scan.stack.uid,
            "description": scan.series.description,
            "frame_of_reference_uid": geometry.frame_of_reference_uid,
        }
    return answer


def presets_of(loaded: Volume) -> list[Preset]:
    """Presets that are made for the quantity on display (rules C01, C02)."""
    return [preset for preset in builtin_presets() if preset.quantity == loaded.preset_unit]


def windows(loaded: Volume, first: Voi, *, identity: bool) -> list[dict[str, Any]]:
    """The window it opens with, then those of its header; the names of a header may name the patient."""
    if loaded.is_colour:
        return []
    listed: list[tuple[str, Voi]] = [("default", first)]
    for number, window in enumerate(header_windows(loaded), 1):
        listed.append((window.name if identity else f"header {number}", window))
    return [{"name": name, **_window(window)} for name, window in listed if isinstance(window, Window)]


def _window(window: Window) -> dict[str, Any]:
    return {"center": window.center, "width": window.width, "function": window.function.value}


def _plane(plane: NamedPlane, geometry: VolumeGeometry) -> dict[str, Any]:
    known = geometry.oriented
    right, bottom = (letters(axis) if known else "" for axis in (plane.right, plane.down))
    return {
        "axis": plane.axis,
        "count": geometry.shape[plane.axis],
        "rows": geometry.shape[plane.row_axis],
        "columns": geometry.shape[plane.column_axis],
        "right": plane.right.tolist(),
        "down": plane.down.tolist(),
        "normal": plane.normal.tolist(),
        "positions_mm": plane.positions_mm(geometry).tolist(),
        "letters": {
            "left": opposite(right),
            "right": right,
            "top": opposite(bottom),
            "bottom": bottom,
        },
    }


def _hidden(kind: str, uid: str) -> str:
    """A name that is the same for the same UID without showing it."""
    return hashlib.sha256(f"triptych-{kind} {uid}".encode()).hexdigest()[:16]
