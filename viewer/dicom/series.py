"""From the headers of one series to its stacks: what belongs together, in which order, and what is apart.

Rules A02-A09, A13, A14, A26 and A27 of the clinical specification. A series may hold several stacks (echoes, time
points, orientations); images that are no slices (localizers, dose pages, screen saves) become stacks of their own,
marked as such, behind the volumes. The kind of a series is the kind of its first stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from viewer.dicom.choice import DefaultChoice, choose_default
from viewer.dicom.geometry_fit import Fit, Label, fit_stack, flat_stack, median_of, slice_normal
from viewer.dicom.header import MODALITY_LUT, Header
from viewer.dicom.model import SeriesKind
from viewer.dicom.mosaic import is_mosaic
from viewer.dicom.sop_classes import CT, ENHANCED_CT, LEGACY_CT, kind_of_class
from viewer.dicom.units import rescale, unit_of
from viewer.errors import GeometryError
from viewer.imaging.geometry import FloatArray
from viewer.imaging.geometry_report import Note, Severity

__all__ = [
    "DefaultChoice",
    "SplitResult",
    "StackDraft",
    "choose_default",
    "is_capture",
    "is_localizer",
    "split_series",
]

LOCALIZER_WORDS = frozenset(
    {"LOCALIZER", "SCOUT", "TOPOGRAM", "SURVIEW", "REF_SURVIEW", "SCANOGRAM", "SCOUT VIEW"}
)
CAPTURE_WORDS = frozenset({"DOSE_INFO", "PATIENT_INFO", "RESULTS", "SCREEN SAVE", "SCREENSAVE", "SCREENSHOT"})
LOCALIZER_HINTS = ("loc", "scout", "survey", "topogram", "surview", "scano")
ANGLE_DEG = 0.1
SPACING_SHARE = 1e-3
POSITION_MM = 1e-3
POSITION_SHARE = 0.01
MIN_COVERAGE = 0.6
"""A dimension tells stacks apart when its values cover this share of all positions on average (rule A02)."""
MANY_ORIENTATIONS = 3
FEW_SLICES = 4

_RANK = {SeriesKind.VOLUME: 0, SeriesKind.IMAGE: 1, SeriesKind.LOCALIZER: 2, SeriesKind.CAPTURE: 3}


@dataclass(frozen=True)
class StackDraft:
    """Frames of one stack in their final order, before anything is read for display.

    Parameters
    ----------
    headers
        One a slice, sorted along the normal.
    fit
        Geometry and report; `fit.order` has been applied to `headers`.
    kind
        VOLUME when other planes make sense or could with more slices, else what the pictures are.
    label
        What tells the stack from its siblings.
    on_request
        It leaves out images of its series and never opens by itself (rule A09).
    parts
        (dimension, value in words) for each dimension of rule A02 that tells it from its siblings.
    """

    headers: tuple[Header, ...]
    fit: Fit
    kind: SeriesKind
    label: str = ""
    on_request: bool = False
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class SplitResult:
    """All stacks of a series and what was noticed.

    Parameters
    ----------
    drafts
        The stack to show first comes first.
    warnings
        Sentences about the series.
    conflicts
        (header left out, sentence) for files that share a SOPInstanceUID but not their content (rule A13).
    """

    drafts: tuple[StackDraft, ...]
    warnings: tuple[str, ...] = ()
    conflicts: tuple[tuple[Header, str], ...] = ()


@dataclass
class _Group:
    """Frames that may form a stack."""

    headers: list[Header]
    label: str = ""
    notes: list[Note] = field(default_factory=list)
    parts: tuple[tuple[str, str], ...] = ()


SamePixels = Callable[[Header, Header], bool]
Mask = npt.NDArray[np.bool_]


def split_series(headers: Iterable[Header], same_pixels: SamePixels) -> SplitResult:
    """Sort the images of one series into stacks.

    Parameters
    ----------
    headers
        Images of one SeriesInstanceUID in any order; multi-frame files already one header a frame.
    same_pixels
        Compares the pixel data of two files; called only for a repeated SOPInstanceUID (rule A13).
    """
    ordered = sorted(headers, key=lambda h: (str(h.path), h.frame))
    kept, duplicates, conflicts = _without_duplicates(ordered, same_pixels)
    warnings: list[str] = []
    if duplicates:
        warnings.append(f"{duplicates} duplicate file{'s' * (duplicates != 1)} ignored.")
    if conflicts:
        warnings.append(
            f"{len(conflicts)} file{'s' * (len(conflicts) != 1)} repeat an instance with other content; "
            "the first by name is shown."
        )
    drafts: list[StackDraft] = []
    for group in _grouped(kept, _layout_key):
        drafts.extend(_drafts_of_layout(group, duplicates))
    drafts = _scouts_apart(drafts)
    drafts.sort(key=lambda d: (d.on_request, _RANK[d.kind], not d.fit.multiplanar, -len(d.headers)))
    return SplitResult(tuple(_labelled(drafts)), tuple(warnings), tuple(conflicts))


def is_localizer(header: Header) -> bool:
    """Whether ImageType names a scout; a description alone never does (rules A04, A05)."""
    return any(word in LOCALIZER_WORDS for word in header.image_type[2:])


def is_capture(header: Header) -> bool:
    """Whether the image is a page about the study rather than a slice of the patient (rule A04)."""
    if any(word in CAPTURE_WORDS for word in header.image_type[1:]):
        return True
    located = header.position_mm is not None and header.orientation is not None
    if kind_of_class(header.sop_class) is SeriesKind.CAPTURE:
        return True
    return (
        not located
        and header.image_type[:2] == ("DERIVED", "SECONDARY")
        and header.modality in ("CT", "MR", "PT")
    )


def _layout_key(header: Header) -> tuple[object, ...]:
    """Frames with different keys can never share an array (rule A02, first part)."""
    return (
        header.sop_class,
        header.rows,
        header.columns,
        header.samples,
        header.photometric,
        header.bits_allocated,
        # Unsigned samples of different depth share an array; a sign bit or a shift must be the same for all.
        header.high_bit - header.bits_stored,
        header.bits_stored if header.signed else 0,
        header.signed,
        header.pixel_tag,
        # Values of different meaning never share an array either: one damaged slice would pass for the others' unit.
        header.modality,
        unit_of(header),
        rescale(header).usable,
        (header.slope is None, header.intercept is None),
        MODALITY_LUT in header.sequences,
        None if header.tile is None else header.tile.picture,
        is_localizer(header),
        is_capture(header),
    )


def _grouped(headers: Iterable[Header], key: Callable[[Header], object]) -> list[list[Header]]:
    groups: dict[object, list[Header]] = {}
    for header in headers:
        groups.setdefault(key(header), []).append(header)
    return list(groups.values())


def _without_duplicates(
    headers: Sequence[Header], same_pixels: SamePixels
) -> tuple[list[Header], int, list[tuple[Header, str]]]:
    """Drop files whose SOPInstanceUID came before; tell copies from conflicts (rule A13)."""
    first: dict[tuple[str, int, int], Header] = {}
    kept: list[Header] = []
    duplicates = 0
    conflicts: list[tuple[Header, str]] = []
    for header in headers:
        if not header.sop_instance:
            kept.append(header)
            continue
        part = 0 if header.tile is None else header.tile.index
        known = first.setdefault((header.sop_instance, header.frame, part), header)
        if known is header:
            kept.append(header)
        elif header.frame or part:
            continue
        elif _means_the_same(known, header) and same_pixels(known, header):
            duplicates += 1
        else:
            conflicts.append(
                (header, "Same SOPInstanceUID as another file but other content; the first by name is shown.")
            )
    return kept, duplicates, conflicts


_MEANING = attrgetter(
    "frames",
    "rows",
    "columns",
    "samples",
    "photometric",
    "bits_allocated",
    "bits_stored",
    "high_bit",
    "signed",
    "slope",
    "intercept",
    "rescale_type",
    "units",
    "position_mm",
    "orientation",
    "pixel_spacing_mm",
    "frame_of_reference",
)
"""What turns the same pixels into another picture."""


def _means_the_same(first: Header, second: Header) -> bool:
    """Whether equal pixels of two files are equal values at equal places (rule A13)."""
    # As text, because NaN is not equal to itself.
    return repr(_MEANING(first)) == repr(_MEANING(second))


def _drafts_of_layout(headers: list[Header], duplicates: int) -> list[StackDraft]:
    """Stacks of frames that share one pixel layout."""
    sample = headers[0]
    if is_mosaic(sample) and sample.tile is None:
        note = Note("mosaic", "A mosaic of many slices in one picture: other planes are not available.")
        return [_flat(headers, SeriesKind.IMAGE, (note,), duplicates)]
    located = [h for h in headers if h.position_mm is not None and h.orientation is not None]
    capture = is_capture(sample)
    if len(located) < len(headers):
        kind = (
            SeriesKind.CAPTURE
            if capture
            else SeriesKind.LOCALIZER
            if is_localizer(sample)
            else SeriesKind.IMAGE
        )
        notes: tuple[Note, ...] = ()
        if kind_of_class(sample.sop_class) is SeriesKind.VOLUME and kind is SeriesKind.IMAGE:
            notes = (Note("no-position", "No spatial information: no other planes, no measurements in mm."),)
        flat = [_flat(headers, kind, notes, duplicates)]
        if len(located) >= FEW_SLICES and kind is SeriesKind.IMAGE:
            # The located ones are offered beside it, never instead of it (rule A09).
            missing = len(headers) - len(located)
            note = Note(
                "slices-left-out", f"{missing} image{'s' * (missing != 1)} without a position left out."
            )
            offered = _located_drafts(located, duplicates, (note,), label="located slices only")
            flat.extend(replace(draft, on_request=True) for draft in offered)
        return flat
    if capture and len({h.position_mm for h in located}) < FEW_SLICES:
        return [_flat(headers, SeriesKind.CAPTURE, (), duplicates)]
    return _located_drafts(located, duplicates, _mosaic_notes(sample))


def _mosaic_notes(sample: Header) -> tuple[Note, ...]:
    """What was done with a mosaic (rule A26)."""
    if sample.tile is None:
        return ()
    text = "Taken out of a mosaic; position and direction of the slices are those of the vendor's private header."
    return (Note("mosaic", text, Severity.INFO),)


def _located_drafts(
    headers: list[Header], duplicates: int, notes: tuple[Note, ...], label: str = ""
) -> list[StackDraft]:
    """Stacks of frames that all have a position and an orientation."""
    orientations = _clusters([h.orientation or () for h in headers], _same_orientation)
    groups = _partition(headers, orientations)
    if len(groups) > MANY_ORIENTATIONS and len(groups) > len(headers) // 2:
        note = Note(
            "radial", f"{len(headers)} pictures in {len(groups)} directions: shown one after the other."
        )
        return [_flat(headers, SeriesKind.IMAGE, (*notes, note), duplicates)]
    drafts: list[StackDraft] = []
    for group in groups:
        spacings = _clusters([h.pixel_spacing_mm or () for h in group], _same_spacing)
        for spaced in _partition(group, spacings):
            for framed in _grouped(spaced, lambda h: h.frame_of_reference):
                parts = _without_collisions(_Group(framed, label, list(notes)))
                drafts.extend(_fitted(part, duplicates) for part in parts)
    return drafts


def _clusters(
    values: Sequence[tuple[float, ...]], same: Callable[[FloatArray, FloatArray], Mask]
) -> list[int]:
    """Cluster number of each value; equal tuples are compared once, and each with all clusters in one go.

    Parameters
    ----------
    values
        All of one length, or empty for a value that is missing; the missing ones are a cluster of their own.
    same
        Tells for (n, length) first values of n clusters which of them take in another value of (length,).
    """
    distinct = list(dict.fromkeys(values))
    firsts = np.full((len(distinct), max(map(len, distinct))), np.nan)
    number: dict[tuple[float, ...], int] = {}
    count = 0
    for value in distinct:
        found = np.flatnonzero(same(firsts[:count], np.array(value))).tolist() if value else []
        if found:
            number[value] = found[0]
        else:
            firsts[count, : len(value)] = value
            number[value] = count
            count += 1
    return [number[value] for value in values]


def _partition(headers: Sequence[Header], numbers: Sequence[int]) -> list[list[Header]]:
    groups: dict[int, list[Header]] = {}
    for header, number in zip(headers, numbers, strict=True):
        groups.setdefault(number, []).append(header)
    return list(groups.values())


def _same_orientation(firsts: FloatArray, value: FloatArray) -> Mask:
    """Row and column directions within 0.1 degrees each."""
    limit = 2 * np.sin(np.radians(ANGLE_DEG) / 2)
    off = firsts - value
    along, down = np.linalg.norm(off[:, :3], axis=1), np.linalg.norm(off[:, 3:], axis=1)
    return np.asarray((along <= limit) & (down <= limit))


def _same_spacing(firsts: FloatArray, value: FloatArray) -> Mask:
    return np.asarray((np.abs(firsts - value) <= SPACING_SHARE * firsts).all(axis=1))


# What may tell frames at one position apart, in the order of rule A02; concatenated files count as one (A27).
_Dimension = tuple[str, Callable[[Header], object]]
_DIMENSIONS: tuple[_Dimension, ...] = (
    ("file", lambda h: (h.concatenation_uid or str(h.path)) if h.frames > 1 else ""),
    # Every mosaic is a volume of its own, in the order in which they were acquired.
    ("time", lambda h: "" if h.tile is None else (h.instance_number or 0, str(h.path))),
    ("time", lambda h: h.temporal_position),
    ("trigger", lambda h: h.trigger_time_ms),
    ("echo", lambda h: (h.echo_time_ms, h.echo_number)),
    ("b", lambda h: (h.b_value, h.gradient)),
    ("type", lambda h: h.image_type),
    ("acquisition", lambda h: h.acquisition_number),
    ("frame time", lambda h: h.frame_reference_time_ms),
    ("kernel", lambda h: h.kernel),
    ("acquisition time", lambda h: h.acquisition_datetime or h.acquisition_date + h.acquisition_time),
    ("content time", lambda h: h.content_date + h.content_time),
)


def _without_collisions(group: _Group, dimensions: tuple[_Dimension, ...] = _DIMENSIONS) -> list[_Group]:
    """Split a group until no two frames share a position (rules A02, A08, A13)."""
    places = _places(group.headers)
    if places is None:
        return [group]
    count = int(places.max()) + 1
    most = int(np.bincount(places).max())
    if most == 1:
        return [group]
    for n, (name, key) in enumerate(dimensions):
        values = [key(header) for header in group.headers]
        if not _tells_apart(values, places):
            continue
        distinct = sorted(set(values), key=_sort_key)
        if len(distinct) > most:
            ranks = _ranks(values, places)
            if ranks is None:
                continue
            names = [f"{name} {r + 1}" for r in range(max(ranks) + 1)]
            parts = _partition_sorted(group.headers, ranks)
        else:
            numbers = {value: i for i, value in enumerate(distinct)}
            names = [_value_name(name, value, i) for i, value in enumerate(distinct)]
            parts = _partition_sorted(group.headers, [numbers[value] for value in values])
        if len(group.headers) / (len(parts) * count) < MIN_COVERAGE:
            continue
        split: list[_Group] = []
        for part, part_name in zip(parts, names, strict=True):
            label = ", ".join(filter(None, (group.label, part_name)))
            told = (*group.parts, (name, part_name))
            named = _Group(part, label, list(group.notes), told)
            split.extend(_without_collisions(named, dimensions[n + 1 :]))
        return split
    instance = [(header.instance_number or 0, str(header.path), header.frame) for header in group.headers]
    ranks = _ranks(instance, places)
    assert ranks is not None  # noqa: S101 - paths and frames differ
    extra = len(group.headers) - count
    note = Note(
        "same-position",
        f"{extra} image{'s' * (extra != 1)} share a position with another and nothing in the header tells them "
        "apart; they are shown as a stack of their own.",
    )
    return [
        _Group(
            part,
            ", ".join(filter(None, (group.label, f"part {i + 1}"))),
            [*group.notes, note],
            (*group.parts, ("part", f"part {i + 1}")),
        )
        for i, part in enumerate(_partition_sorted(group.headers, ranks))
    ]


def _places(headers: Sequence[Header]) -> np.ndarray[tuple[int], np.dtype[np.intp]] | None:
    """Number of the position of each frame along the normal, or None when there is no normal."""
    try:
        normal = slice_normal(headers[0].orientation or ())
    except (GeometryError, ValueError):
        return None
    heights = np.array([h.position_mm for h in headers], dtype=np.float64) @ normal
    order = np.argsort(heights, kind="stable")
    steps = np.diff(heights[order])
    wide = steps[steps > POSITION_MM]
    tolerance = max(POSITION_MM, POSITION_SHARE * median_of(wide)) if len(wide) else POSITION_MM
    places = np.empty(len(headers), dtype=np.intp)
    places[order] = np.concatenate([[0], np.cumsum(steps > tolerance)])
    return places


def _tells_apart(values: Sequence[object], places: np.ndarray[tuple[int], np.dtype[np.intp]]) -> bool:
    seen: dict[int, object] = {}
    return any(
        seen.setdefault(int(place), value) != value for place, value in zip(places, values, strict=True)
    )


def _sort_key(value: object) -> tuple[object, ...]:
    """Sort mixed values: None first, numbers by size, the rest as text."""
    if isinstance(value, tuple):
        return (2, tuple(_sort_key(part) for part in value))
    if value is None:
        return (0, 0)
    if isinstance(value, (int, float)):
        return (1, value)
    return (3, str(value))


def _ranks(values: Sequence[object], places: np.ndarray[tuple[int], np.dtype[np.intp]]) -> list[int] | None:
    """Rank of each value among those at its position; None when values repeat at a position."""
    at: dict[int, list[int]] = {}
    for n, place in enumerate(places):
        at.setdefault(int(place), []).append(n)
    ranks = [0] * len(values)
    for members in at.values():
        members.sort(key=lambda n: _sort_key(values[n]))
        if any(values[a] == values[b] for a, b in pairwise(members)):
            return None
        for rank, n in enumerate(members):
            ranks[n] = rank
    return ranks


def _partition_sorted(headers: Sequence[Header], numbers: Sequence[int]) -> list[list[Header]]:
    parts: list[list[Header]] = [[] for _ in range(max(numbers) + 1)]
    for header, number in zip(headers, numbers, strict=True):
        parts[number].append(header)
    return parts


def _value_name(name: str, value: object, index: int) -> str:
    """A short text for a value of a dimension."""
    if name == "echo" and isinstance(value, tuple) and isinstance(value[0], float):
        return f"TE {value[0]:g} ms"
    if name == "b" and isinstance(value, tuple) and isinstance(value[0], float):
        return f"b {value[0]:g}" + (f" direction {index + 1}" if value[1] else "")
    if name == "type" and isinstance(value, tuple):
        return "\\".join(str(part) for part in value[2:]) or f"type {index + 1}"
    if name == "kernel" and value:
        return f"kernel {value}"
    return f"{name} {index + 1}"


def _label_of(headers: Sequence[Header], duplicates: int, notes: Iterable[Note]) -> Label:
    sample = headers[0]
    found = list(notes)
    texts = {text for header in headers for text in header.warnings}
    found.extend(Note("header", text) for text in sorted(texts))
    if duplicates:
        found.append(
            Note("duplicate", f"{duplicates} duplicate file{'s' * (duplicates != 1)} ignored.", Severity.INFO)
        )
    return Label(
        thickness_mm=sample.thickness_mm,
        spacing_between_mm=sample.spacing_between_mm,
        patient_position=sample.patient_position,
        duplicates=duplicates,
        notes=tuple(found),
    )


def _fitted(group: _Group, duplicates: int) -> StackDraft:
    headers = group.headers
    sample = headers[0]
    label = _label_of(headers, duplicates, group.notes)
    fit = fit_stack(
        np.array([h.position_mm for h in headers], dtype=np.float64),
        sample.orientation or (),
        sample.pixel_spacing_mm,
        (sample.rows, sample.columns),
        sample.frame_of_reference,
        label,
    )
    if is_localizer(sample):
        kind = SeriesKind.LOCALIZER
    elif is_capture(sample) and not fit.multiplanar:
        kind = SeriesKind.CAPTURE
    elif fit.multiplanar:
        kind = SeriesKind.VOLUME
    else:
        kind = SeriesKind.IMAGE
    return StackDraft(tuple(headers[n] for n in fit.order), fit, kind, group.label, parts=group.parts)


def _flat(headers: list[Header], kind: SeriesKind, notes: tuple[Note, ...], duplicates: int) -> StackDraft:
    """Pictures without (usable) geometry, by InstanceNumber (rule A09)."""
    ordered = tuple(sorted(headers, key=lambda h: (h.instance_number or 0, str(h.path), h.frame)))
    sample = ordered[0]
    spacing = sample.pixel_spacing_mm or sample.imager_spacing_mm
    if spacing is None and sample.pixel_aspect is not None:
        notes = (*notes, Note("aspect-only", "Only the pixel aspect ratio is known.", Severity.INFO))
    if sample.pixel_spacing_mm is None and sample.imager_spacing_mm is not None:
        notes = (*notes, Note("detector-plane", "Distances are those at the detector plane.", Severity.INFO))
    fit = flat_stack(
        len(ordered), spacing, (sample.rows, sample.columns), _label_of(ordered, duplicates, notes)
    )
    return StackDraft(ordered, fit, kind)


def _scouts_apart(drafts: list[StackDraft]) -> list[StackDraft]:
    """Mark CT images across the stack, and three-plane surveys, as localizers (rule A04)."""
    volumes = [d for d in drafts if d.kind is SeriesKind.VOLUME]
    result: list[StackDraft] = []
    largest = max(volumes, key=lambda d: len(d.headers), default=None)
    survey = _is_survey(volumes)
    for draft in drafts:
        across = (
            largest is not None
            and draft is not largest
            and draft.headers[0].sop_class in (CT, ENHANCED_CT, LEGACY_CT)
            and len(draft.headers) < FEW_SLICES
            and draft.fit.geometry.oriented
            and abs(float(draft.fit.geometry.slice_normal @ largest.fit.geometry.slice_normal)) < 0.1
        )
        if across or (survey and draft.kind in (SeriesKind.VOLUME, SeriesKind.IMAGE)):
            result.append(replace(draft, kind=SeriesKind.LOCALIZER))
        else:
            result.append(draft)
    return result


def _is_survey(volumes: Sequence[StackDraft]) -> bool:
    """Whether a series shows a few slices in perpendicular planes and says that it is a survey."""
    planes = {d.fit.report.acquired_plane for d in volumes}
    description = volumes[0].headers[0].series_description.lower() if volumes else ""
    return len(planes) > 1 and any(hint in description for hint in LOCALIZER_HINTS)


def _labelled(drafts: Sequence[StackDraft]) -> list[StackDraft]:
    """Give siblings without a label of their own one that tells them apart."""
    if len(drafts) < 2:
        return list(drafts)
    used: dict[str, int] = {}
    result = []
    for draft in drafts:
        label = draft.label
        if not label:
            label = draft.fit.report.acquired_plane if draft.kind is SeriesKind.VOLUME else draft.kind.value
            if draft.kind is SeriesKind.LOCALIZER and draft.fit.report.acquired_plane != "unknown":
                label = f"localizer {draft.fit.report.acquired_plane}"
        used[label] = used.get(label, 0) + 1
        if used[label] > 1:
            label = f"{label} {used[label]}"
        result.append(replace(draft, label=label))
    return result
