"""The words in the corners of a pane (clinical spec E.2), without drawing them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from viewer.dicom.model import Patient
from viewer.imaging.body_size import is_uptake
from viewer.imaging.presets import format_window
from viewer.imaging.sample import Interpolation, stand_in, stand_in_between
from viewer.state.alignment import Alignment
from viewer.state.as_acquired import turned_text
from viewer.state.bone import BoneRemoval
from viewer.state.combining import WORDS
from viewer.state.comparison import other_patient, study_date_text
from viewer.state.contents import same_frame_of_reference
from viewer.state.layers import Role
from viewer.state.library import OpenVolume
from viewer.state.oblique import LEAST_DEG, off_axis_deg
from viewer.state.panes import Density, PlaneKind
from viewer.state.presentations import shutter_text
from viewer.state.resolve import PaneScene
from viewer.state.silhouettes import projected_text
from viewer.state.slab import plane_text
from viewer.state.view import ViewState
from viewer.state.wording import age_text, date_text, time_text


@dataclass(frozen=True)
class Corners:
    """Lines per corner, from top to bottom, the warnings that are never switched off, and what needs a red band."""

    top_left: tuple[str, ...] = ()
    top_right: tuple[str, ...] = ()
    bottom_left: tuple[str, ...] = ()
    bottom_right: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    alarm: str = ""


def corners(
    view: ViewState, scene: PaneScene, density: Density, *, identity: bool, compact: bool = False
) -> Corners:
    """Corner annotations of a pane.

    Parameters
    ----------
    density
        Full, minimal (window, slice, position) or off (warnings only).
    identity
        False leaves out name, ID, birth date, accession number, institution and dates.
    compact
        Keeps each line short: for panes too narrow for two columns of text.
    """
    item = next((found for layer in scene.layers if (found := view.library.get(layer.volume.uid))), None)
    if item is None:
        return Corners()
    warnings = _warnings(view, scene)
    alarm = "DIFFERENT PATIENTS" if other_patient(view) else ""
    if density is Density.OFF:
        return Corners(warnings=warnings, alarm=alarm)
    bottom_left = [*_windows(view, scene, named=not compact), *_place(view, scene, compact=compact)]
    if density is Density.MINIMAL:
        return Corners(bottom_left=tuple(bottom_left), warnings=warnings, alarm=alarm)
    details = [] if compact else [f"zoom {view.framing(scene.pane.kind).zoom * 100:.0f} %"]
    if view.interpolation is not Interpolation.LINEAR:
        details.append(view.interpolation.value)
    items = _items(view, scene)
    fixed = [_fixed(found, identity=identity, compact=compact) for found in items]
    details += [found.stack.lossy_text for found in items if found.stack.lossy_text]
    return Corners(
        top_left=fixed[0].top_left,
        top_right=fixed[0].top_right,
        bottom_left=tuple(filter(None, [*bottom_left, "  ".join(details)])),
        bottom_right=tuple(line for part in fixed for line in part.bottom_right),
        warnings=warnings,
        alarm=alarm,
    )


_kept: WeakKeyDictionary[OpenVolume, dict[tuple[bool, bool], Corners]] = WeakKeyDictionary()


def _fixed(item: OpenVolume, *, identity: bool, compact: bool) -> Corners:
    """The lines that stay as long as a volume is shown; every frame asks for them."""
    known = _kept.setdefault(item, {})
    if (identity, compact) not in known:
        known[identity, compact] = Corners(
            top_left=_patient(item, compact=compact) if identity else (),
            top_right=_study(item, identity=identity, compact=compact),
            bottom_right=_series(item, identity=identity, compact=compact),
        )
    return known[identity, compact]


def _place(view: ViewState, scene: PaneScene, *, compact: bool) -> list[str]:
    """Slice counter, position, turn and slab; the slab is always named (rule E12), and what is projected in it."""
    slab = scene.layers[0].slab if scene.layers else None
    kind = scene.pane.kind
    thick = plane_text(view, kind, slab) if kind is not PlaneKind.MIP else ""
    off_axis = off_axis_deg(view, kind)
    turned = f"turned {off_axis:.1f}°" if off_axis >= LEAST_DEG else ""
    bone = ""
    if scene.layers and kind is PlaneKind.MIP:
        bone = view.work.of(BoneRemoval).text(scene.layers[0].volume)
    seen_through = projected_text(view, scene)
    texts = [
        text for text in (scene.slice_text, scene.position_text, turned, thick, bone, seen_through) if text
    ]
    return texts if compact or not texts else ["  ".join(texts)]


def _items(view: ViewState, scene: PaneScene) -> tuple[OpenVolume, ...]:
    return tuple(item for layer in scene.layers if (item := view.library.get(layer.volume.uid)) is not None)


def _patient(item: OpenVolume, *, compact: bool) -> tuple[str, ...]:
    patient = item.study.patient
    person = (date_text(patient.birth_date), age_text(item.study.age), patient.sex)
    guessed = "character set guessed" if patient.name_guessed and not compact else ""
    lines = (patient.name, guessed, patient.patient_id, "" if compact else "  ".join(filter(None, person)))
    return tuple(filter(None, lines))


def _study(item: OpenVolume, *, identity: bool, compact: bool) -> tuple[str, ...]:
    study = item.study
    when = (date_text(study.date), time_text(study.time))
    if compact:
        return tuple(filter(None, when)) if identity else ()
    if identity:
        lines = (study.institution, study.description, "  ".join(filter(None, when)), study.accession)
        return tuple(filter(None, lines))
    return tuple(filter(None, (_anonymous(study.description, item),)))


def _series(item: OpenVolume, *, identity: bool, compact: bool) -> tuple[str, ...]:
    series, stack = item.series, item.stack
    number = f"Se {series.number}" if series.number is not None else ""
    if compact:
        # Of several times or echoes even a small pane says which one it shows.
        return tuple(filter(None, (" ".join(filter(None, (number, series.modality))), stack.label)))
    description = series.description if identity else _anonymous(series.description, item)
    report = stack.report
    size = []
    if report.thickness_mm:
        size.append(f"{report.thickness_mm:g} mm")
    if report.spacing_mm[0]:
        size.append(f"step {report.spacing_mm[0]:.2f} mm")
    title = "  ".join(filter(None, (number, series.modality, description, stack.label)))
    technical = "  ".join(filter(None, (stack.acquisition_text, stack.tracer_text, report.patient_position)))
    return tuple(filter(None, (title, " / ".join(size), technical)))


def _anonymous(text: str, item: OpenVolume) -> str:
    """A description without the patient; that of a NIfTI or .npy volume is a file name, which may well be a name."""
    return without_name(text, item.study.patient) if item.stack.source is None else ""


def without_name(text: str, patient: Patient) -> str:
    """A free text, or nothing when a part of the patient's name or the ID was typed into it (rule F01)."""
    parts = re.findall(r"\w{3,}", f"{patient.name} {patient.patient_id}".casefold())
    return "" if any(part in text.casefold() for part in parts) else text


def _windows(view: ViewState, scene: PaneScene, *, named: bool) -> list[str]:
    lines = []
    for request in scene.layers:
        layer = view.layer(request.role)
        if layer is None or request.volume.is_colour:
            continue
        text = format_window(layer.window, request.volume.display_unit)
        if request.role is Role.OVERLAY and len(scene.layers) > 1 and scene.combined is None:
            text += f"  {layer.opacity * 100:.0f} %"
        # The name of a SUV range is its numbers.
        name = layer.window_name if named and not is_uptake(request.volume.display_unit) else ""
        lines.append(text + (f"  {name}" if name else ""))
    return lines


def _warnings(view: ViewState, scene: PaneScene) -> tuple[str, ...]:
    lines: list[str] = []
    if not same_frame_of_reference(view) and view.overlay is not None:
        lines.append("NOT REGISTERED: different frame of reference")
    lines += [text for item in _items(view, scene) if (text := study_date_text(view, item))]
    if scene.combined is not None:
        lines.append(WORDS[scene.combined.how])
    alignment = view.work.of(Alignment)
    lines += [text for item in _items(view, scene) if (text := alignment.text(item.volume.uid))]
    if scene.mirrored:
        lines.append("flipped")
    if scene.pane.kind is PlaneKind.AXIAL and (turned := turned_text(view)):
        lines.append(turned)
    for item in _items(view, scene):
        lines += _volume_warnings(item)
    if text := shutter_text(view, scene):
        lines.append(text)
    if _is_coarse(view, scene):
        lines.append("coarse: slices are still to come")
    return tuple(dict.fromkeys(lines))


def _is_coarse(view: ViewState, scene: PaneScene) -> bool:
    """Whether a coarse level stands for slices that are still to come."""
    if scene.surface is not None:
        return any(stand_in_between(item.volume) is not None for item in _items(view, scene))
    return any(stand_in(layer.volume, scene.plane, layer.slab) is not None for layer in scene.layers)


def _volume_warnings(item: OpenVolume) -> list[str]:
    """What is unusual about one volume."""
    lines: list[str] = []
    geometry = item.volume.geometry
    if item.stack.preliminary:
        lines.append("preliminary: not all files are read")
    if not geometry.oriented:
        lines.append("orientation unknown")
    if not geometry.calibrated:
        lines.append("no spacing: not in millimetres")
    if geometry.tilt_deg > 0.1:
        lines.append(f"tilt {geometry.tilt_deg:.1f}° corrected")
    elif geometry.oriented and geometry.obliquity_deg > 1.0:
        lines.append(f"oblique {geometry.obliquity_deg:.0f}°")
    if not item.stack.report.uniform:
        gaps = item.stack.report.gaps_mm
        lines.append(f"slice spacing {min(gaps):.2f} to {max(gaps):.2f} mm")
    if item.volume.interpolate_gaps:
        count = len(geometry.gaps)
        lines.append(f"{count} gap{'s' * (count != 1)} interpolated")
    if bool(item.volume.corrupt.any()):
        lines.append(f"{int(item.volume.corrupt.sum())} slice(s) could not be decoded")
    if (
        item.series.modality == "PT"
        and item.volume.suv_factor is None
        and not is_uptake(item.volume.display_unit)
    ):
        lines.append("no SUV")
    if item.stack.suv is not None and item.stack.suv.edited:
        lines.append("SUV*")
    if item.stack.suv is not None and item.stack.suv.mean_of_sexes:
        lines.append("mean of F/M formulas")
    return lines
