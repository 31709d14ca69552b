"""Times and decay of a PET series: when injected, to when corrected, how plausible (rules D04-D09, D16).

Moments are `datetime`s: either all have a UTC offset, or all mean the same local clock.
"""

from __future__ import annotations

import datetime as dt
import math

from viewer.imaging.suv_inputs import USER, SuvInputs, refuse, require_same

LONG_HALF_LIFE_S = 12 * 3600.0
"""Above this an injection time without a date is ambiguous (D07)."""
AGREEMENT_S = 1.0
"""Back-computed reference times of all slices agree within this (D05)."""
CROSS_CHECK_S = 30.0
"""A larger difference between two reference times is worth a warning (D16)."""
MOST_HALF_LIVES = 10.0
F18_HALF_LIFE_S = (6500.0, 6700.0)
F18_UPTAKE_S = (30 * 60.0, 180 * 60.0)


def decayed(activity_bq: float, interval_s: float, half_life_s: float) -> float:
    """Activity in Bq after `interval_s` seconds."""
    result: float = activity_bq * 2.0 ** (-interval_s / half_life_s)
    return result


def average_activity_time_s(duration_s: float, half_life_s: float) -> float:
    """Seconds after the start of a frame at which the activity equals its mean over the frame (D05, T_ave)."""
    decay_constant = math.log(2.0) / half_life_s
    return math.log(frame_decay(decay_constant * duration_s)) / decay_constant


def frame_decay(x: float) -> float:
    """Activity at the start of a frame over its mean: x / (1 - exp(-x)) for x = lambda * T > 0."""
    return x / -math.expm1(-x)


def elapsed_s(later: dt.datetime, earlier: dt.datetime) -> float:
    """Seconds between two moments; local times are compared as such when one has no UTC offset."""
    if later.tzinfo is None or earlier.tzinfo is None:
        later, earlier = later.replace(tzinfo=None), earlier.replace(tzinfo=None)
    return (later - earlier).total_seconds()


def earliest_acquisition(inputs: SuvInputs) -> dt.datetime | None:
    """Start of the first acquisition of the whole series; None unless every slice has one."""
    moments = [frame.acquisition for frame in inputs.frames if frame.acquisition is not None]
    if len(moments) != len(inputs.frames):
        return None
    if inputs.series_earliest is not None:
        moments.append(inputs.series_earliest)
    return min(moments, key=lambda moment: elapsed_s(moment, moments[0]))


def reference_time(inputs: SuvInputs, half_life_s: float, warnings: list[str]) -> tuple[dt.datetime, str]:
    """Time the values of a START series are corrected to: the first rule of D05 that applies."""
    stated = inputs.decay_reference.value
    if stated is not None:
        return stated, inputs.decay_reference.origin
    earliest = earliest_acquisition(inputs)
    if earliest is None:
        refuse("The acquisition time is missing.")
    computed = _back_computed(inputs, half_life_s)
    series = inputs.series_start.value
    if series is not None and elapsed_s(earliest, series) >= 0:
        if computed is not None and abs(elapsed_s(computed, series)) > CROSS_CHECK_S:
            apart_s = abs(elapsed_s(computed, series))
            warnings.append(
                f"Series time and frame reference times disagree by {apart_s:.0f} s about the decay."
            )
        return series, inputs.series_start.origin
    for private in (inputs.ge_scan, inputs.siemens_reference):
        if private.value is None:
            continue
        # De-identified files shift the dates of standard elements and leave private ones as they were.
        if -AGREEMENT_S <= elapsed_s(earliest, private.value) < 86400.0:
            return private.value, private.origin
        warnings.append(
            f"The private reference time {private.origin} does not fit the acquisition and was ignored."
        )
    if computed is not None and elapsed_s(earliest, computed) >= -AGREEMENT_S:
        return computed, "derived: acquisition time, frame reference time and frame duration"
    warnings.append(
        "The time of the decay correction is not certain: the earliest acquisition time was used."
    )
    return earliest, "derived: earliest acquisition time"


def _back_computed(inputs: SuvInputs, half_life_s: float) -> dt.datetime | None:
    """Reference time out of acquisition time, frame reference time and duration; None unless all slices agree."""
    moments: list[dt.datetime] = []
    for frame in inputs.frames:
        if frame.acquisition is None or frame.reference_s is None or not math.isfinite(frame.reference_s):
            return None
        if frame.duration_s is None or not (math.isfinite(frame.duration_s) and frame.duration_s > 0):
            return None
        offset_s = average_activity_time_s(frame.duration_s, half_life_s) - frame.reference_s
        moments.append(frame.acquisition + dt.timedelta(seconds=offset_s))
    offsets = sorted(elapsed_s(moment, moments[0]) for moment in moments)
    if offsets[-1] - offsets[0] > AGREEMENT_S:
        return None
    return moments[0] + dt.timedelta(seconds=offsets[len(offsets) // 2])


def injection_time(
    inputs: SuvInputs, scan: dt.datetime, half_life_s: float, warnings: list[str]
) -> tuple[dt.datetime, str]:
    """Time of injection: with its date, or the time of day before the scan (D07)."""
    require_same(inputs, "injection")
    start = earliest_acquisition(inputs) or scan
    moment, time = inputs.injection.value, inputs.injection_time.value
    if moment is not None:
        return _dated(inputs, moment, start, warnings)
    if time is None:
        refuse("The injection time is missing.", "injection")
    if half_life_s > LONG_HALF_LIFE_S:
        refuse(
            "The injection time has no date, which a radionuclide with a long half-life needs; enter it.",
            "injection",
        )
    moment = dt.datetime.combine(start.date(), time, start.tzinfo)
    if elapsed_s(start, moment) < 0:
        moment -= dt.timedelta(days=1)
        return moment, f"{inputs.injection_time.origin}, on the day before the acquisition"
    return moment, f"{inputs.injection_time.origin}, on the day of the acquisition"


def _dated(
    inputs: SuvInputs, moment: dt.datetime, start: dt.datetime, warnings: list[str]
) -> tuple[dt.datetime, str]:
    """An injection time with a date, held against the time of day the header gives beside it."""
    time = inputs.injection_time.value
    if inputs.injection.origin == USER:
        return moment, USER
    lone_offset = moment.tzinfo is not None and start.tzinfo is None
    if time is not None:
        apart_s = abs(_seconds_of(moment.time()) - _seconds_of(time))
        if min(apart_s, 86400.0 - apart_s) > 60.0:
            if lone_offset:
                refuse(
                    "The two injection times of the header differ, and only one has a time zone; enter the time.",
                    "injection",
                )
            warnings.append("The two injection times of the header differ; the one with a date was used.")
    elif lone_offset:
        warnings.append("Only the injection time has a time zone; it was taken for the scanner's own.")
    return moment, inputs.injection.origin


def _seconds_of(time: dt.time) -> float:
    return time.hour * 3600 + time.minute * 60 + time.second + time.microsecond / 1e6


def check_interval(interval_s: float, half_life_s: float) -> None:
    """Refuse an interval from the injection that is not above 0 and below 10 half-lives (D09)."""
    if interval_s <= 0:
        refuse("The injection is not before the time the values refer to.", "injection")
    if interval_s >= MOST_HALF_LIVES * half_life_s:
        refuse(f"The scan is {interval_s / half_life_s:.1f} half-lives after the injection.", "injection")


def check_uptake(uptake_s: float, half_life_s: float, warnings: list[str]) -> None:
    """Warn of an F-18 uptake time outside 30 to 180 minutes (D09)."""
    low, high = F18_UPTAKE_S
    if F18_HALF_LIFE_S[0] <= half_life_s <= F18_HALF_LIFE_S[1] and not low <= uptake_s <= high:
        warnings.append(f"The uptake time of {uptake_s / 60:.0f} min is unusual for F-18 (30 to 180 min).")
