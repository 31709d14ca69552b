"""Standardised uptake value by body weight: factor, inputs with their origin, refusals (rules D01-D16).

The rules follow the vendor-neutral QIBA procedure and PS3.3 C.8.9.1, C.8.9.2 and C.8.9.4, checked against the IBSI
reference objects. Nothing here knows DICOM elements; `viewer.dicom.pet` reads them. A wrong number is worse than none:
whatever is missing, contradictory or ambiguous raises `SuvUnavailable` with the reason.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from viewer.errors import SuvUnavailable
from viewer.imaging.body_size import UPTAKE_UNITS, BodySize, body_size
from viewer.imaging.suv_inputs import (
    USER,
    Given,
    SuvFrame,
    SuvGap,
    SuvInputs,
    edited,
    refuse,
    require_same,
    user_values,
)
from viewer.imaging.suv_times import (
    check_interval,
    check_uptake,
    decayed,
    earliest_acquisition,
    elapsed_s,
    frame_decay,
    injection_time,
    reference_time,
)

__all__ = [
    "USER",
    "BodySize",
    "Given",
    "SuvFrame",
    "SuvGap",
    "SuvInputs",
    "SuvResult",
    "SuvRow",
    "as_kind",
    "as_used",
    "body_size",
    "edited",
    "suv_factor",
    "user_values",
]

WEIGHT_RANGE_KG = (0.5, 500.0)
HEIGHT_RANGE_CM = (30.0, 260.0)


@dataclass(frozen=True)
class SuvRow:
    """A line of the SUV details: what, its value with unit, and where it came from."""

    label: str
    value: str
    origin: str


@dataclass(frozen=True)
class SuvResult:
    """SUV = physical value * factor, where the physical value is stored * slope + intercept.

    Parameters
    ----------
    slice_factors
        One factor per slice, in the order of `inputs.frames`; g/mL per unit of the physical value.
    kind
        "bw", or the lower-case name of a `BodySize`.
    method
        In words, how the factor was reached.
    inputs
        What it was computed from.
    weight_kg, dose_bq
        As used, after the checks of D10 and D11; None where they were not needed.
    reference, reference_origin
        Time the dose was decayed to, and the rule that found it.
    injection, injection_origin
        Time of injection and where it came from.
    uptake_s
        Injection to the start of the acquisition, in seconds.
    dose_at_reference_bq
        Activity at `reference`.
    warnings
        What the user must know before trusting the number.
    """

    slice_factors: tuple[float, ...]
    kind: str
    method: str
    inputs: SuvInputs
    weight_kg: float | None = None
    dose_bq: float | None = None
    reference: dt.datetime | None = None
    reference_origin: str = ""
    injection: dt.datetime | None = None
    injection_origin: str = ""
    uptake_s: float | None = None
    dose_at_reference_bq: float | None = None
    warnings: tuple[str, ...] = ()

    @property
    def factor(self) -> float | None:
        """The factor of the whole series; None when slices have different ones."""
        first = self.slice_factors[0]
        return first if all(value == first for value in self.slice_factors) else None

    @property
    def edited(self) -> bool:
        """True when the user entered any input (D15)."""
        return self.inputs.edited

    @property
    def unit(self) -> str:
        """How values are written: "SUV", "SUL Janma", with a star behind it after an edit (D15)."""
        return UPTAKE_UNITS[self.kind] + ("*" if self.edited else "")

    @property
    def mean_of_sexes(self) -> bool:
        """True when a formula that depends on the sex was used without knowing it (D14)."""
        types = {self.kind.upper(), self.inputs.suv_type if self.inputs.units == "GML" else ""}
        return bool(types & set(BodySize) - {BodySize.BSA}) and self.inputs.sex.value not in ("M", "F")

    def rows(self) -> tuple[SuvRow, ...]:
        """Lines of the details panel: inputs, times and factor with their origins (D15)."""
        given = self.inputs
        factors = self.slice_factors
        factor = (
            f"{factors[0]:.7g}" if self.factor is not None else f"{min(factors):.7g} to {max(factors):.7g}"
        )
        rows = [
            SuvRow("SUV factor", factor, self.method),
            SuvRow("Units", given.units + (f" ({given.suv_type})" if given.suv_type else ""), "(0054,1001)"),
            SuvRow("Decay correction", given.decay_correction or "absent", "(0054,1102)"),
            SuvRow("Corrections", ", ".join(sorted(given.corrections)), "(0028,0051)"),
        ]

        def add(label: str, value: str, origin: str) -> None:
            rows.append(SuvRow(label, value, origin))

        if self.weight_kg is not None:
            add("Weight", f"{self.weight_kg:g} kg", given.weight_kg.origin)
        if self.dose_bq is not None:
            label = "Injected dose" if given.residual_bq.value is None else "Dose without residual"
            add(label, f"{self.dose_bq / 1e6:.6g} MBq", given.dose_bq.origin)
        if given.residual_bq.value is not None:
            add("Residual activity", f"{given.residual_bq.value / 1e6:.6g} MBq", given.residual_bq.origin)
        if given.half_life_s.value is not None:
            nuclide = f" ({given.radionuclide})" if given.radionuclide else ""
            add("Half-life", f"{given.half_life_s.value:g} s{nuclide}", given.half_life_s.origin)
        if self.injection is not None:
            add("Injection", _when(self.injection), self.injection_origin)
        if self.reference is not None:
            add("Decay reference", _when(self.reference), self.reference_origin)
        if self.uptake_s is not None:
            add("Uptake time", f"{self.uptake_s / 60:.1f} min", "derived: injection to acquisition")
        if self.dose_at_reference_bq is not None:
            add("Dose at reference", f"{self.dose_at_reference_bq / 1e6:.6g} MBq", "derived: decay")
        if given.height_cm.value is not None:
            add("Height", f"{given.height_cm.value:g} cm", given.height_cm.origin)
        if given.sex.value is not None:
            add("Sex", given.sex.value, given.sex.origin)
        return tuple(rows)


def _when(moment: dt.datetime) -> str:
    return moment.isoformat(sep=" ", timespec="milliseconds" if moment.microsecond else "seconds")


# --- The factor -------------------------------------------------------------------------------------------------


def suv_factor(inputs: SuvInputs) -> SuvResult:
    """SUVbw factor of a PET series.

    Parameters
    ----------
    inputs
        What the headers and the user say.

    Returns
    -------
    SuvResult
        Factor or factors to multiply `stored * slope + intercept` with, and how they came about.

    Raises
    ------
    SuvUnavailable
        An input is missing, contradictory, ambiguous or implausible; the message says which.
    """
    if not inputs.frames:
        refuse("The PET series has no slices.")
    if inputs.modality != "PT":
        refuse("Only PET has an SUV.")
    require_same(inputs, "units", "suv_type", "decay_correction")
    method = _METHODS.get(inputs.units)
    if method is None:
        refuse(f"Values in {inputs.units or 'an unnamed unit'} cannot be converted to SUV.")
    if "ATTN" not in inputs.corrections:
        refuse("The PET series is not attenuation corrected (NAC).")
    if "DECY" not in inputs.corrections and inputs.decay_correction != "NONE":
        refuse("The PET series is not decay corrected.")
    return method(inputs)


def as_kind(result: SuvResult, measure: BodySize) -> SuvResult:
    """The same uptake normalised to lean or ideal mass (SUL) or to surface area.

    Parameters
    ----------
    result
        SUV by body weight.
    measure
        New normalisation.

    Returns
    -------
    SuvResult
        Factors for g/mL, for BSA cm2/mL.

    Raises
    ------
    SuvUnavailable
        Weight or height is missing or implausible.
    ValueError
        `result` is not by body weight.
    """
    if result.kind != "bw":
        raise ValueError("only SUV by body weight can be converted")
    warnings = list(result.warnings)
    weight_kg = result.weight_kg or _weight_kg(result.inputs, warnings)
    size = _size(result.inputs, measure, weight_kg, warnings)
    area = measure is BodySize.BSA
    scale = size * 1e4 / (weight_kg * 1000.0) if area else size / weight_kg
    return replace(
        result,
        slice_factors=tuple(factor * scale for factor in result.slice_factors),
        kind=measure.value.lower(),
        method=f"{result.method}; {measure.value} {size:.4g} {'m2' if area else 'kg'}",
        weight_kg=weight_kg,
        warnings=_unique(warnings),
    )


def as_used(inputs: SuvInputs) -> dict[str, float]:
    """Weight in kg and dose in Bq, before any residual, as the checks of D10 and D11 read them.

    An input that is missing or unclear is left out.
    """
    found: dict[str, float] = {}
    whole = replace(inputs, residual_bq=Given())
    for name, read in (("weight_kg", _weight_kg), ("dose_bq", _dose_bq)):
        with suppress(SuvUnavailable):
            found[name] = read(whole, [])
    return found


def _unique(sentences: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentences))


# --- Unit by unit (D02) -----------------------------------------------------------------------------------------


def _from_activity(inputs: SuvInputs) -> SuvResult:
    """BQML: weight over dose at the time the values refer to."""
    return _by_dose(inputs, tuple(1.0 for _ in inputs.frames), "Bq/mL")


def _from_normalised(inputs: SuvInputs) -> SuvResult:
    """GML: already an SUV; other normalisations than body weight are converted back."""
    if inputs.suv_type in ("", "BW"):
        return SuvResult(
            _all(inputs, 1.0), "bw", "values are SUVbw already", inputs, warnings=inputs.warnings
        )
    if inputs.suv_type not in set(BodySize) - {BodySize.BSA}:
        refuse(f"SUV type {inputs.suv_type} does not go with values in g/mL.")
    measure = BodySize(inputs.suv_type)
    warnings = list(inputs.warnings)
    weight_kg = _weight_kg(inputs, warnings)
    size_kg = _size(inputs, measure, weight_kg, warnings)
    text = f"values are SUV by {measure.value} ({size_kg:.4g} kg), times weight over it"
    factors = _all(inputs, weight_kg / size_kg)
    return SuvResult(factors, "bw", text, inputs, weight_kg=weight_kg, warnings=_unique(warnings))


def _from_surface(inputs: SuvInputs) -> SuvResult:
    """CM2ML: SUV by body surface area."""
    if inputs.suv_type not in ("", "BSA"):
        refuse(f"SUV type {inputs.suv_type} does not go with values in cm2/mL.")
    warnings = list(inputs.warnings)
    weight_kg = _weight_kg(inputs, warnings)
    area_m2 = _size(inputs, BodySize.BSA, weight_kg, warnings)
    text = f"values are SUV by body surface area ({area_m2:.4g} m2), times weight over it"
    factors = _all(inputs, weight_kg * 1000.0 / (area_m2 * 1e4))
    return SuvResult(factors, "bw", text, inputs, weight_kg=weight_kg, warnings=_unique(warnings))


def _from_counts(inputs: SuvInputs) -> SuvResult:
    """CNTS: only with one of the Philips scale factors."""
    direct = tuple(frame.philips_suv_scale for frame in inputs.frames)
    activity = tuple(frame.philips_activity_scale for frame in inputs.frames)
    if _complete(direct):
        text = "counts times the SUV scale factor of the scanner"
        return SuvResult(_complete(direct), "bw", text, inputs, warnings=inputs.warnings)
    if not _complete(activity):
        refuse("Values are raw counts and the scanner's scale factors are missing.")
    return _by_dose(inputs, _complete(activity), "counts times the activity scale factor of the scanner")


def _complete(scales: tuple[float | None, ...]) -> tuple[float, ...]:
    """The scales when every slice has one above 0, else nothing."""
    found = tuple(scale for scale in scales if scale is not None and math.isfinite(scale) and scale > 0)
    return found if len(found) == len(scales) else ()


_METHODS: dict[str, Callable[[SuvInputs], SuvResult]] = {
    "BQML": _from_activity,
    "GML": _from_normalised,
    "CM2ML": _from_surface,
    "CNTS": _from_counts,
}


def _all(inputs: SuvInputs, factor: float) -> tuple[float, ...]:
    return (factor,) * len(inputs.frames)


# --- Dose, weight, size (D10, D11, D14) -------------------------------------------------------------------------


def _weight_kg(inputs: SuvInputs, warnings: list[str]) -> float:
    require_same(inputs, "weight_kg")
    weight = inputs.weight_kg.value
    if weight is None or not math.isfinite(weight) or weight <= 0:
        refuse("The patient's weight is missing.", "weight_kg")
    if weight > 1000 and inputs.weight_kg.origin != USER:
        weight /= 1000.0
        warnings.append(f"The weight was read as grams: {weight:g} kg.")
    if not WEIGHT_RANGE_KG[0] <= weight <= WEIGHT_RANGE_KG[1]:
        refuse(f"A weight of {weight:g} kg is not plausible.", "weight_kg")
    return weight


def _dose_bq(inputs: SuvInputs, warnings: list[str]) -> float:
    require_same(inputs, "dose_bq")
    dose = inputs.dose_bq.value
    if dose is None or not math.isfinite(dose) or dose <= 0:
        refuse("The injected dose is missing.", "dose_bq")
    if inputs.dose_bq.origin != USER:
        if 1 <= dose < 1e4:
            dose *= 1e6
            warnings.append(f"The injected dose was read as {dose / 1e6:g} MBq; the header should give Bq.")
        elif dose < 1e6:
            refuse(f"The injected dose of {dose:g} has an unclear unit; enter the dose.", "dose_bq")
    residual = inputs.residual_bq.value
    if residual is not None:
        if not 0 <= residual < dose:
            refuse("The residual activity is not smaller than the injected dose.", "residual_bq")
        dose -= residual
        warnings.append(f"A residual activity of {residual / 1e6:g} MBq was subtracted from the dose.")
    return dose


def _half_life_s(inputs: SuvInputs, warnings: list[str]) -> float:
    require_same(inputs, "half_life_s")
    half_life = inputs.half_life_s.value
    if half_life is None or not math.isfinite(half_life) or half_life <= 0:
        refuse("The half-life of the radionuclide is missing.", "half_life_s")
    if inputs.half_life_s.origin.startswith("assumed"):
        warnings.append(f"The half-life was assumed: {half_life:g} s.")
    known = inputs.known_half_life_s
    if known is not None and abs(half_life / known - 1.0) > 0.02:
        warnings.append(f"The half-life of {half_life:g} s does not fit {inputs.radionuclide} ({known:g} s).")
    return half_life


def _size(inputs: SuvInputs, measure: BodySize, weight_kg: float, warnings: list[str]) -> float:
    height = inputs.height_cm.value
    if height is None or not HEIGHT_RANGE_CM[0] <= height <= HEIGHT_RANGE_CM[1]:
        refuse(f"The patient's height is missing or not plausible, which {measure.value} needs.", "height_cm")
    sex = inputs.sex.value or ""
    if measure is not BodySize.BSA and sex not in ("M", "F"):
        warnings.append(f"The patient's sex is not given: {measure.value} is the mean of both formulas.")
    size = body_size(measure, weight_kg, height, sex)
    if not size > 0:
        refuse(f"The formula {measure.value} gives no sensible value for this patient.", "height_cm")
    return size


# --- Times (D04-D09, D16) ---------------------------------------------------------------------------------------


def _by_dose(inputs: SuvInputs, scales: tuple[float, ...], values: str) -> SuvResult:
    """Weight over dose, per D03 and D04; `scales` bring the values to Bq/mL."""
    warnings = list(inputs.warnings)
    if inputs.decay_correction not in ("START", "ADMIN", "NONE"):
        refuse("The header does not say to which time the values are decay corrected.")
    if inputs.decay_correction == "NONE" and "DECY" in inputs.corrections:
        refuse("The header says both that the values are decay corrected and that they are not.")
    weight_kg, dose_bq = _weight_kg(inputs, warnings), _dose_bq(inputs, warnings)
    undecayed = weight_kg * 1000.0 / dose_bq
    result = SuvResult(
        tuple(scale * undecayed for scale in scales), "bw", "", inputs, weight_kg=weight_kg, dose_bq=dose_bq
    )
    if inputs.decay_correction == "ADMIN":
        result = replace(
            result,
            method=f"{values}; weight over injected dose (corrected to the injection)",
            dose_at_reference_bq=dose_bq,
        )
        return _with_optional_uptake(result, warnings)
    half_life_s = _half_life_s(inputs, warnings)
    if inputs.decay_correction == "NONE":
        return _not_corrected(result, half_life_s, values, warnings)
    reference, origin = reference_time(inputs, half_life_s, warnings)
    injection, injection_origin = injection_time(inputs, reference, half_life_s, warnings)
    decay_s = elapsed_s(reference, injection)
    # Only a stated correction time may be the injection itself: that is ADMIN said in another way.
    at_injection = decay_s == 0 and inputs.decay_reference.value is not None
    if not at_injection:
        check_interval(decay_s, half_life_s)
    uptake_s = elapsed_s(earliest_acquisition(inputs) or reference, injection)
    check_interval(uptake_s, half_life_s)
    check_uptake(uptake_s, half_life_s, warnings)
    at_reference_bq = decayed(dose_bq, decay_s, half_life_s)
    return replace(
        result,
        slice_factors=tuple(scale * weight_kg * 1000.0 / at_reference_bq for scale in scales),
        method=f"{values}; weight over dose decayed to the start",
        reference=reference,
        reference_origin=origin,
        injection=injection,
        injection_origin=injection_origin,
        uptake_s=uptake_s,
        dose_at_reference_bq=at_reference_bq,
        warnings=_unique(warnings),
    )


def _with_optional_uptake(result: SuvResult, warnings: list[str]) -> SuvResult:
    """ADMIN: times do not change the number, but they are shown and checked where they exist."""
    inputs = result.inputs
    start, half_life_s = earliest_acquisition(inputs), inputs.half_life_s.value
    if start is None or not half_life_s or half_life_s <= 0:
        return replace(result, warnings=_unique(warnings))
    try:
        injection, origin = injection_time(inputs, start, half_life_s, warnings)
        uptake_s = elapsed_s(start, injection)
        check_interval(uptake_s, half_life_s)
    except SuvUnavailable as reason:
        warnings.append(f"{reason.user_message} The SUV does not depend on it.")
        return replace(result, warnings=_unique(warnings))
    check_uptake(uptake_s, half_life_s, warnings)
    return replace(
        result, injection=injection, injection_origin=origin, uptake_s=uptake_s, warnings=_unique(warnings)
    )


def _not_corrected(result: SuvResult, half_life_s: float, values: str, warnings: list[str]) -> SuvResult:
    """NONE: every frame is corrected here, for the decay since the injection and during the frame (D04)."""
    inputs = result.inputs
    start = earliest_acquisition(inputs)
    if start is None:
        refuse("The acquisition time is missing.")
    injection, origin = injection_time(inputs, start, half_life_s, warnings)
    decay_constant = math.log(2.0) / half_life_s
    factors = []
    for frame, undecayed in zip(inputs.frames, result.slice_factors, strict=True):
        if frame.acquisition is None or frame.duration_s is None or not frame.duration_s > 0:
            refuse("The duration of a frame is missing.")
        since_s = elapsed_s(frame.acquisition, injection)
        check_interval(since_s, half_life_s)
        during = frame_decay(decay_constant * frame.duration_s)
        factors.append(undecayed * during * math.exp(decay_constant * since_s))
    uptake_s = elapsed_s(start, injection)
    check_uptake(uptake_s, half_life_s, warnings)
    return replace(
        result,
        slice_factors=tuple(factors),
        method=f"{values}; weight over dose, each frame corrected for its decay since the injection",
        injection=injection,
        injection_origin=origin,
        uptake_s=uptake_s,
        warnings=_unique(warnings),
    )
