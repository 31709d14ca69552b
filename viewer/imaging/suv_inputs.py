"""What an SUV is computed from, each value with its origin (rule D15)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Generic, NoReturn, TypeVar

from viewer.errors import SuvUnavailable

T = TypeVar("T")

USER = "user"
"""Origin of a value the user entered."""

EDITABLE = frozenset({"weight_kg", "height_cm", "sex", "dose_bq", "residual_bq", "half_life_s", "injection"})
"""Inputs the user can enter."""


@dataclass(frozen=True)
class Given(Generic[T]):
    """A value and where it came from.

    Parameters
    ----------
    value
        None when the header has none.
    origin
        Tag as text, "derived: ...", "assumed: ..." or `USER`.
    """

    value: T | None = None
    origin: str = ""


@dataclass(frozen=True)
class SuvFrame:
    """What a single slice or frame contributes.

    Parameters
    ----------
    acquisition
        Start of its acquisition.
    reference_s
        Frame Reference Time (0054,1300) in seconds.
    duration_s
        Actual Frame Duration (0018,1242) in seconds.
    philips_suv_scale
        (7053,xx00): SUVbw = value * scale. None when absent or not above 0.
    philips_activity_scale
        (7053,xx09): Bq/mL = value * scale. None when absent or not above 0.
    """

    acquisition: dt.datetime | None = None
    reference_s: float | None = None
    duration_s: float | None = None
    philips_suv_scale: float | None = None
    philips_activity_scale: float | None = None


@dataclass(frozen=True)
class SuvInputs:
    """Everything an SUV needs, with origins (D15). Date-times either all have a UTC offset or mean local time.

    Parameters
    ----------
    frames
        One entry per slice, in the order of the slices.
    modality, units, suv_type, decay_correction
        (0008,0060), (0054,1001), (0054,1006), (0054,1102); upper case, empty when absent.
    corrections
        Values of Corrected Image (0028,0051) that every slice has.
    weight_kg, height_cm, sex
        Patient, as in the header: the weight may turn out to be in grams (D11).
    dose_bq, residual_bq
        Injected activity as in the header, which may turn out to be in MBq (D10), and the activity left in the
        syringe, which only the user enters. Becquerel.
    half_life_s, radionuclide
        Half-life in seconds and name of the nuclide.
    known_half_life_s
        Textbook half-life of the coded nuclide, for the plausibility check; None when the nuclide is unknown.
    injection, injection_time
        Start of the injection with date, or only the time of day (D07).
    decay_reference, series_start, ge_scan, siemens_reference
        Candidates for the time the values are corrected to, in the order of D05.
    series_earliest
        Earliest acquisition of the whole series, when `frames` are only a part of it (one time of a dynamic scan).
    conflicts
        Names of fields whose value differs between slices.
    warnings
        What the reader had to assume.
    """

    frames: tuple[SuvFrame, ...]
    modality: str = ""
    units: str = ""
    suv_type: str = ""
    decay_correction: str = ""
    corrections: frozenset[str] = frozenset()
    weight_kg: Given[float] = field(default_factory=Given)
    height_cm: Given[float] = field(default_factory=Given)
    sex: Given[str] = field(default_factory=Given)
    dose_bq: Given[float] = field(default_factory=Given)
    residual_bq: Given[float] = field(default_factory=Given)
    half_life_s: Given[float] = field(default_factory=Given)
    radionuclide: str = ""
    known_half_life_s: float | None = None
    injection: Given[dt.datetime] = field(default_factory=Given)
    injection_time: Given[dt.time] = field(default_factory=Given)
    decay_reference: Given[dt.datetime] = field(default_factory=Given)
    series_start: Given[dt.datetime] = field(default_factory=Given)
    ge_scan: Given[dt.datetime] = field(default_factory=Given)
    siemens_reference: Given[dt.datetime] = field(default_factory=Given)
    series_earliest: dt.datetime | None = None
    conflicts: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    @property
    def edited(self) -> bool:
        """True when the user entered any of the values; the picture then says "SUV*" (D15)."""
        return any(isinstance(value, Given) and value.origin == USER for value in vars(self).values())


@dataclass(frozen=True)
class SuvGap:
    """A PET that has no SUV yet, for want of an input the user can enter (rules D10, D11, D15).

    Parameters
    ----------
    inputs
        What the headers say.
    field
        Name of the first input that is missing, ambiguous or implausible.
    """

    inputs: SuvInputs
    field: str


def user_values(inputs: SuvInputs) -> dict[str, float | str | dt.datetime]:
    """What the user entered, by field name, in the form `edited` takes."""
    given = {name: getattr(inputs, name) for name in sorted(EDITABLE)}
    return {
        name: value.value for name, value in given.items() if value.origin == USER and value.value is not None
    }


def edited(inputs: SuvInputs, **values: float | str | dt.datetime) -> SuvInputs:
    """Inputs with values the user entered, marked as such (D15).

    Parameters
    ----------
    inputs
        Before.
    values
        By field name: weight_kg, height_cm, sex, dose_bq, residual_bq, half_life_s, injection.

    Raises
    ------
    ValueError
        A field that cannot be edited.
    """
    unknown = values.keys() - EDITABLE
    if unknown:
        raise ValueError(f"not an SUV input that can be edited: {', '.join(sorted(unknown))}")
    changes = {name: Given(value, USER) for name, value in values.items()}
    return replace(inputs, conflicts=inputs.conflicts - values.keys(), **changes)  # type: ignore[arg-type]


def refuse(reason: str, field: str = "") -> NoReturn:
    """Give up on an SUV, with the reason and the input that would help when the user entered it."""
    raise SuvUnavailable(reason, field)


_FIELD_TEXT = {
    "units": "Units",
    "suv_type": "SUV type",
    "decay_correction": "Decay correction",
    "weight_kg": "Patient weight",
    "dose_bq": "Injected dose",
    "half_life_s": "Half-life",
    "injection": "Injection time",
}


def require_same(inputs: SuvInputs, *fields: str) -> None:
    """Refuse when one of the fields differs between slices."""
    for name in fields:
        if name in inputs.conflicts:
            field = name if name in EDITABLE else ""
            refuse(f"{_FIELD_TEXT[name]} differs between the slices of the series.", field)
