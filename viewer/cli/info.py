"""`triptych info`: what a folder holds and every problem found, for people and for programs.

The JSON object (`--json`)
--------------------------
::

    {"studies": [{
        "study_uid": str,
        "series": [{
            "series_uid": str, "modality": str, "description": str,
            "kind": str,                      "volume", "image", "localizer", "capture", "segmentation", ...
            "files": int,
            "volumes": [{
                "shape": [k, j, i],
                "affine_lps": 4 rows of 4,    maps (k, j, i, 1) to (x, y, z, 1), LPS mm, voxel centres; null when the
                                              place in the patient is unknown
                "uniform": bool,              slices are equidistant
                "gaps_mm": [k - 1 numbers],   perpendicular distance from each slice to the next
                "tilt_deg": float,            shear: angle between the stacking direction and the slice normal
                "unit": str,                  of min and max: "HU", "SUV" where there is one, else "Bq/mL", ..., ""
                                              when the header names none
                "min": float, "max": float,   extremes without padding and without slices that cannot be decoded
                "stored_units_min": float,    extremes of every stored value after the modality LUT, padding included,
                "stored_units_max": float,    as other toolkits report them (a PET in Bq/mL)
                "suv_factor": float | null,   SUVbw = value after the modality LUT * suv_factor; null without SUV
                "warnings": [str]             what is unusual and what was done, the reason why there is no SUV
            }]
        }]
    }],
     "problems": [{"file": str, "reason": str}]}

- One entry in `volumes` for each stack of images, single pictures included; objects without pixels have none.
- For a stack that is not uniform `affine_lps` has the mean step in its first column; `gaps_mm` holds the true steps.
- Without pixels (`--no-pixels`) the four extremes are null. They are null too when no slice could be decoded or when
  no value is left without padding.
- Colour pictures: extremes over the three channels, 0 to 255.
- Values are rounded nowhere. Keys are never removed or renamed; new ones may be added.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from viewer.cli.reading import Reading
    from viewer.dicom.model import Patient, Problem, Series, Stack, Study
    from viewer.imaging.volume import Volume


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from viewer.cli.places import place

    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        type=place,
        help="folder, DICOM file, DICOMDIR, .zip, .nii or .npy, or an address (https://, s3://)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument(
        "--pixels",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="read all pixels to find decoding problems and extremes (default with --json)",
    )
    parser.add_argument("--identity", action="store_true", help="show who the patients are (text only)")
    parser.epilog = "exit codes: 0 all well, 1 nothing found, 2 wrong usage, 3 some files had problems"


def run(arguments: argparse.Namespace) -> int:
    """Print what the paths hold."""
    from viewer.cli import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL
    from viewer.cli.reading import index

    pixels = arguments.json if arguments.pixels is None else arguments.pixels
    reading = index(arguments.paths)
    report = describe(reading, pixels=pixels)
    if arguments.json:
        print(json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print_text(report, reading, identity=arguments.identity)
    if not report["studies"]:
        return EXIT_FAILED
    return EXIT_PARTIAL if report["problems"] else EXIT_OK


def describe(reading: Reading, *, pixels: bool) -> dict[str, Any]:
    """The JSON object of the module text.

    Parameters
    ----------
    reading
        A finished index.
    pixels
        Whether to decode every slice for the extremes.
    """
    problems = list(dict.fromkeys((*reading.catalogue.problems, *reading.problems)))
    studies = []
    for study in reading.catalogue.studies:
        series_list = []
        for series in study.series:
            volumes = []
            for stack in series.stacks:
                volume, found = _read(stack, series, study, reading.names) if pixels else (None, [])
                problems += found
                volumes.append(_volume(stack, series, volume))
            series_list.append(
                {
                    "series_uid": series.uid,
                    "modality": series.modality,
                    "description": series.description,
                    "kind": series.kind.value,
                    "files": series.files,
                    "volumes": volumes,
                }
            )
        studies.append({"study_uid": study.uid, "series": series_list})
    if reading.failure and not problems:
        problems.append(_failure(reading.failure))
    return {
        "studies": studies,
        "problems": [{"file": problem.file, "reason": problem.reason} for problem in problems],
    }


def _failure(reason: str) -> Problem:
    from viewer.dicom.model import Problem

    return Problem("", reason)


def _read(
    stack: Stack, series: Series, study: Study, names: Mapping[str, str]
) -> tuple[Volume | None, list[Problem]]:
    from viewer.cli.reading import read_stack

    return read_stack(stack, series, study, names)


def _volume(stack: Stack, series: Series, volume: Volume | None) -> dict[str, Any]:
    """One entry of `volumes`."""
    geometry = stack.geometry
    extremes = _extremes(volume, stack) if volume is not None else (None,) * 4
    factor = volume.suv_factor if volume is not None else stack.suv.factor if stack.suv is not None else None
    notes = [*stack.warnings, *stack.report.warnings, *series.warnings]
    if stack.modality == "PT" and factor is None and stack.suv_note:
        notes.append(stack.suv_note)
    return {
        "shape": list(geometry.shape),
        "affine_lps": geometry.patient_from_index.tolist() if geometry.oriented else None,
        "uniform": stack.report.uniform,
        "gaps_mm": list(stack.report.gaps_mm),
        "tilt_deg": stack.report.tilt_deg,
        "unit": "SUV" if factor is not None else stack.unit if volume is None else volume.quantity.unit,
        "min": _scaled(extremes[0], factor),
        "max": _scaled(extremes[1], factor),
        "stored_units_min": extremes[2],
        "stored_units_max": extremes[3],
        "suv_factor": factor,
        "warnings": list(dict.fromkeys(notes)),
    }


def _scaled(value: float | None, factor: float | None) -> float | None:
    """A value after the modality LUT in the unit shown to the user."""
    return value if value is None or factor is None else value * factor


def _extremes(volume: Volume, stack: Stack) -> tuple[float | None, float | None, float | None, float | None]:
    """(min, max) without padding and (min, max) with it, in the unit of the volume."""
    import numpy as np

    inner: list[float] = []
    outer: list[float] = []
    for k in np.flatnonzero(volume.ready & ~volume.corrupt):
        stored = volume.array[..., k, :, :]
        finite = stored[np.isfinite(stored)] if stored.dtype.kind == "f" else stored
        used = finite if volume.padding is None else finite[~volume.is_padding(finite)]
        inner += _physical_ends(volume, used)
        if volume.padding is None and stack.padding is not None and not volume.is_colour:
            outer += _ends_with_padding(stack, int(k))
        else:
            factor = stack.frames[k].slice_suv_factor or 1.0
            outer += [value / factor for value in _physical_ends(volume, finite)]
    return (
        min(inner, default=None),
        max(inner, default=None),
        min(outer, default=None),
        max(outer, default=None),
    )


def _ends_with_padding(stack: Stack, k: int) -> list[float]:
    """Extremes after the modality LUT of a slice whose padding became NaN in the volume: decoded once more."""
    from viewer.dicom.decode import decode_frame

    source = stack.frames[k]
    frame = decode_frame(source, stack.pixels)
    return sorted(float(value) * source.slope + source.intercept for value in (frame.min(), frame.max()))


def _physical_ends(volume: Volume, stored: Any) -> list[float]:
    """Smallest and largest physical value of stored ones; none for none."""
    if stored.size == 0:
        return []
    return sorted(float(value) for value in volume.physical([stored.min(), stored.max()]))


# --- For people --------------------------------------------------------------------------------------------------


def print_text(report: dict[str, Any], reading: Reading, *, identity: bool) -> None:
    """Print the report for people; the patient's identity only when asked for."""
    catalogue = reading.catalogue
    if reading.failure:
        print(reading.failure)
    for study, described in zip(catalogue.studies, report["studies"], strict=True):
        if identity:
            print(f"Patient {_patient_text(study.patient)}")
        title = "  ".join(text for text in (study.date, study.description) if text)
        print(f"Study {study.uid}" + (f"  {title}" if title else ""))
        for series, entry in zip(study.series, described["series"], strict=True):
            number = "" if series.number is None else f"{series.number}"
            files = f"{series.files} file{'' if series.files == 1 else 's'}"
            print(
                f"  {number:>4}  {series.modality:4}  {series.kind.value:12}  {files:>10}  {series.description}"
            )
            for stack, volume in zip(series.stacks, entry["volumes"], strict=True):
                print(f"        {_stack_text(stack, volume)}")
                for warning in volume["warnings"]:
                    print(f"          ! {warning}")
    summary = f"{catalogue.files_seen} file{'' if catalogue.files_seen == 1 else 's'}"
    if catalogue.not_dicom:
        summary += f", {catalogue.not_dicom} of them not DICOM"
    print(summary)
    for note in catalogue.notes:
        print(note)
    for problem in report["problems"]:
        print(f"problem  {problem['file']}: {problem['reason']}")


def _patient_text(patient: Patient) -> str:
    parts = (patient.name, patient.patient_id, patient.birth_date, patient.sex)
    return "  ".join(text for text in parts if text)


def _stack_text(stack: Stack, volume: dict[str, Any]) -> str:
    k, j, i = volume["shape"]
    parts = [f"{i} x {j} x {k}"]
    slice_mm, row_mm, column_mm = stack.report.spacing_mm
    if row_mm is not None and column_mm is not None:
        depth = "" if slice_mm is None else f" x {slice_mm:.3f}"
        parts.append(f"{column_mm:.3f} x {row_mm:.3f}{depth} mm")
    if stack.report.acquired_plane != "unknown":
        parts.append(stack.report.acquired_plane)
    if volume["tilt_deg"] > 0.1:
        parts.append(f"tilt {volume['tilt_deg']:.1f} deg")
    if stack.label:
        parts.append(stack.label)
    if volume["min"] is not None:
        parts.append(f"{volume['min']:g} .. {volume['max']:g} {volume['unit']}".rstrip())
    elif volume["unit"]:
        parts.append(volume["unit"])
    if volume["suv_factor"] is not None:
        parts.append(f"SUV = {volume['suv_factor']:.5g} x {stack.unit or 'value'}")
    return "  ".join(parts)
