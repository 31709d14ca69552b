"""Interpolation across missing slices, on request (rule A12): by default such an interval holds no data.

What the user asked for is said wherever the gap was said before: in the pane, in the geometry report and in the
warnings of the series. Readings and measurements still take the interval for one without data.
"""

from __future__ import annotations

from dataclasses import replace

from viewer.dicom.geometry_fit import GAP_SHOWN_AS_NO_DATA
from viewer.imaging.volume import Volume
from viewer.state.layers import Role
from viewer.state.library import OpenVolume
from viewer.state.view import ViewState

GAP_INTERPOLATED = "hold no data; the values shown there are interpolated, as you asked."


def toggle_gap_interpolation(view: ViewState) -> None:
    """Interpolate across the gaps of what is shown, or show them as no data again."""
    wanted = not gaps_interpolated(view)
    for item in _with_gaps(view):
        if item.volume.interpolate_gaps != wanted:
            view.library.replace(_filled(item, wanted))


def gaps_interpolated(view: ViewState) -> bool:
    """Whether every gap on show is interpolated."""
    items = _with_gaps(view)
    return bool(items) and all(item.volume.interpolate_gaps for item in items)


def has_gaps(view: ViewState) -> bool:
    """Whether slices are missing in anything that is shown."""
    return bool(_with_gaps(view))


def _with_gaps(view: ViewState) -> list[OpenVolume]:
    items = (view.volume(role) for role in Role)
    return [item for item in items if item is not None and item.volume.geometry.gaps]


def _filled(item: OpenVolume, wanted: bool) -> OpenVolume:
    words = (GAP_SHOWN_AS_NO_DATA, GAP_INTERPOLATED)
    old, new = words if wanted else words[::-1]
    report = item.stack.report
    notes = tuple(
        replace(note, text=note.text.replace(old, new)) if note.code == "gap" else note
        for note in report.notes
    )
    stack = replace(
        item.stack,
        report=replace(report, notes=notes),
        warnings=tuple(text.replace(old, new) for text in item.stack.warnings),
    )
    return replace(item, volume=_with(item.volume, wanted), stack=stack)


def _with(volume: Volume, wanted: bool) -> Volume:
    coarse = None if volume.coarse is None else _with(volume.coarse, wanted)
    return replace(volume, interpolate_gaps=wanted, coarse=coarse)
