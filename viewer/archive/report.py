"""A page about an archive for people: its sums, and some of its volumes looked at and checked.

One HTML file without scripts and without anything from elsewhere. It names no patient: no names, no descriptions, no
paths of sources; series are known by their UIDs.
"""

from __future__ import annotations

import base64
import html
import io
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.archive.keys import require_key
from viewer.archive.outcome import Summary, sum_of, summarize
from viewer.archive.reader import ArchiveVolume, volumes_below
from viewer.archive.verify import Checked, Verdict, check
from viewer.assets import asset_path
from viewer.atomic import write_bytes
from viewer.errors import FormatError, ViewerError
from viewer.imaging.geometry import FloatArray
from viewer.imaging.histogram import Histogram, histogram
from viewer.imaging.orientation import Anatomy, letters, opposite, plane_axes
from viewer.imaging.plane import Plane
from viewer.imaging.sample import sample_plane
from viewer.imaging.volume import Volume
from viewer.imaging.window import Window, default_window

PICTURE_PX = 232
"""Side of a picture."""
LOOK_VOXELS = 320
"""A level whose longest axis is not longer is fine enough to look at."""
VERIFIED_SLICES = 3

_BARS = 96
_WIDTH, _HEIGHT = 360, 84
Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Sample:
    """A volume that was looked at.

    Parameters
    ----------
    checked
        Against its source.
    facts
        (what, value) lines.
    pictures
        (caption, letters at left, right, top, bottom, PNG).
    histogram
        SVG, or "".
    warnings
        What is unusual about its geometry.
    """

    checked: Checked
    facts: tuple[tuple[str, str], ...] = ()
    pictures: tuple[tuple[str, tuple[str, str, str, str], bytes], ...] = ()
    histogram: str = ""
    warnings: tuple[str, ...] = ()


def write_report(
    archive: Path, target: Path, samples: int, *, seed: int = 0, tell: Tell | None = None
) -> int:
    """Write the page.

    Parameters
    ----------
    archive
        Folder of the archive.
    target
        The HTML file; replaced when it is there.
    samples
        How many volumes are looked at; of each modality as many as of the others, as far as there are any.
    seed
        Another one picks other volumes.
    tell
        Called after each volume.

    Returns
    -------
    int
        Number of sampled volumes that are not equal to their sources.

    Raises
    ------
    FormatError
        There are no volumes, or the key of an encrypted archive is not here.
    ExportError
        The page cannot be written.
    """
    require_key(archive)
    paths = list(volumes_below(archive))
    if not paths:
        raise FormatError(f"{archive.name}: there are no volumes.")
    picked = _picked(paths, samples, seed)
    looked = []
    for done, path in enumerate(picked, 1):
        looked.append(look(path, archive))
        if tell is not None:
            tell(done, len(picked))
    try:
        summaries = summarize(archive)
    except FormatError:
        summaries = []
    write_bytes(target, _page(archive.resolve().name, len(paths), looked, summaries).encode("utf-8"))
    return sum(sample.checked.verdict is not Verdict.EQUAL for sample in looked)


def _picked(paths: Sequence[Path], samples: int, seed: int) -> list[Path]:
    """Volumes by lot, of all modalities in turn, those with three planes before single pictures."""
    lot = random.Random(seed)  # noqa: S311 - a lot, not a secret
    shuffled = lot.sample(paths, len(paths))
    by_modality: dict[str, list[Path]] = {}
    # In a large archive a part of it tells the modalities well enough.
    kinds = [(_kind(path), path) for path in shuffled[: max(20 * samples, 200)]]
    for (_, modality), path in sorted(kinds, key=lambda item: item[0][0]):
        by_modality.setdefault(modality, []).append(path)
    picked: list[Path] = []
    while len(picked) < samples and any(by_modality.values()):
        for modality in sorted(by_modality):
            if by_modality[modality] and len(picked) < samples:
                picked.append(by_modality[modality].pop(0))
    return picked


def _kind(path: Path) -> tuple[bool, str]:
    """(has no other planes, modality); a damaged volume comes first."""
    try:
        with ArchiveVolume(path) as volume:
            return not volume.stack.multiplanar, volume.stack.modality
    except (ViewerError, OSError):
        return False, ""


def look(path: Path, archive: Path) -> Sample:
    """Check a volume and make its pictures; what cannot be read is a verdict."""
    checked = check(path, archive, VERIFIED_SLICES)
    try:
        with ArchiveVolume(path) as archived:
            level = _level(archived)
            volume = archived.volume(level)
            return Sample(
                checked,
                _facts(archived, path),
                tuple(_pictures(volume, archived.stack.multiplanar)),
                "" if volume.is_colour else _histogram_svg(_distribution(volume), volume.display_unit),
                archived.stack.warnings,
            )
    except (ViewerError, OSError):
        return Sample(checked)


def _level(archived: ArchiveVolume) -> int:
    shape = archived.stack.geometry.shape
    for level, step in enumerate(archived.steps):
        if max(-(-n // s) for n, s in zip(shape, step, strict=True)) <= LOOK_VOXELS:
            return level
    return len(archived.steps) - 1


def _facts(archived: ArchiveVolume, path: Path) -> tuple[tuple[str, str], ...]:
    stack, geometry = archived.stack, archived.stack.geometry
    k, j, i = geometry.shape
    slice_mm, row_mm, column_mm = stack.report.spacing_mm
    spacing = " × ".join(f"{mm:.3f}" for mm in (column_mm, row_mm, slice_mm) if mm is not None)
    slopes = sorted({record.slope for record in archived.slices})
    stored = (
        sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
        if path.is_dir()
        else path.stat().st_size
    )
    raw = k * j * i * _voxel_bytes(archived)
    damaged = sum(bool(record.problem) for record in archived.slices)
    facts = [
        ("Modality", stack.modality or "–"),
        ("Voxels", f"{i} × {j} × {k}"),
        ("Spacing", f"{spacing} mm" if geometry.calibrated else "unknown"),
        ("Plane", stack.report.acquired_plane if geometry.oriented else "place in the patient unknown"),
        ("Unit", stack.unit or "–"),
        ("Slope", f"{slopes[0]:g}" if len(slopes) == 1 else f"{slopes[0]:g} … {slopes[-1]:g}, one a slice"),
        ("On the disk", f"{_size(stored)} for {_size(raw)} of values, {len(archived.steps)} levels"),
    ]
    if archived.key_id:
        facts.append(("Encrypted", f"AES-256-GCM, key {archived.key_id}"))
    if k > 1 and geometry.oriented:
        words = "equidistant" if stack.report.uniform else "not equidistant, kept where they are"
        facts.append(("Slices", words))
    if stack.report.tilt_deg > 0.1:
        facts.append(("Tilt", f"{stack.report.tilt_deg:.2f}°, kept as shear"))
    if stack.report.missing:
        facts.append(("Gaps", f"{stack.report.missing}, shown as no data"))
    if stack.suv is not None and stack.suv.factor is not None:
        facts.append(("SUV", f"{stack.suv.factor:.5g} × {stack.unit}"))
    if damaged:
        facts.append(("No values", f"{damaged} slices that could not be decoded"))
    return tuple(facts)


def _size(nbytes: float) -> str:
    return f"{nbytes / 1e6:.1f} MB" if nbytes >= 1e6 else f"{nbytes / 1e3:.0f} kB"


def _voxel_bytes(archived: ArchiveVolume) -> int:
    pixels = archived.stack.pixels
    return 3 if archived.is_colour else max(1, pixels.bits_allocated // 8)


# --- Pictures ----------------------------------------------------------------------------------------------------


def _pictures(volume: Volume, multiplanar: bool) -> Iterable[tuple[str, tuple[str, str, str, str], bytes]]:
    """Three planes through the middle, or the middle slice where there are no others."""
    window = _window(volume)
    geometry = volume.geometry
    if multiplanar:
        for anatomy in (Anatomy.AXIAL, Anatomy.CORONAL, Anatomy.SAGITTAL):
            right, down = plane_axes(anatomy)
            yield anatomy.value, _edges(right, down), _png(_grey(volume, right, down, window))
        return
    right = geometry.patient_from_index[:3, 2] / geometry.spacing_mm[2]
    down = geometry.patient_from_index[:3, 1] / geometry.spacing_mm[1]
    edges = _edges(right, down) if geometry.oriented else ("", "", "", "")
    yield "middle picture", edges, _png(_grey(volume, right, down, window))


def _edges(right: FloatArray, down: FloatArray) -> tuple[str, str, str, str]:
    return opposite(letters(right)), letters(right), opposite(letters(down)), letters(down)


def _grey(volume: Volume, right: FloatArray, down: FloatArray, window: Window) -> npt.NDArray[np.uint8]:
    """A square picture around the middle of a volume, (h, w) or (h, w, 3)."""
    geometry = volume.geometry
    middle = geometry.to_patient([geometry.shape[0] // 2, *((n - 1) / 2 for n in geometry.shape[1:])])
    corners = geometry.corners_mm() - middle
    reach = max(float(np.abs(corners @ right).max()), float(np.abs(corners @ down).max()))
    plane = Plane.centred(middle, right, down, 2 * reach / PICTURE_PX, PICTURE_PX, PICTURE_PX)
    if volume.is_colour:
        channels = [np.nan_to_num(sample_plane(volume, plane, channel=c), posinf=0.0) for c in range(3)]
        return np.stack(channels, axis=-1).astype(np.uint8)
    stored = sample_plane(volume, plane)
    there = np.isfinite(stored)
    shown = np.where(there, stored, 0.0) * volume.display_slope + volume.display_intercept
    grey = window.apply(shown)
    if volume.inverted != (volume.modality == "PT"):
        grey = 1.0 - grey  # a PET is shown dark on white (rule D36)
    picture: npt.NDArray[np.uint8] = np.where(there, np.rint(grey * 255), 0).astype(np.uint8)
    return picture


def _window(volume: Volume) -> Window:
    if volume.is_colour:
        return Window.from_bounds(0.0, 255.0)
    if volume.suv_factor is not None:
        return Window.from_bounds(0.0, 7.0)
    if volume.windows and volume.quantity.is_hounsfield:
        return volume.windows[0]
    # By the values: windows of other headers are now and then meant for other values than these.
    return default_window(volume.display_unit, volume.modality, _distribution(volume))


def _distribution(volume: Volume) -> Histogram:
    good = np.flatnonzero(volume.ready & ~volume.corrupt)
    array = volume.array if len(good) == volume.geometry.shape[0] else volume.array[good]
    return histogram(array, volume.display_slope, volume.display_intercept, volume.padding, bins=_BARS)


def _png(picture: npt.NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _histogram_svg(found: Histogram, unit: str) -> str:
    """The distribution of values; heights are square roots, so that a small organ shows beside the air."""
    if not found.count:
        return ""
    heights = np.sqrt(found.counts / found.counts.max()) * (_HEIGHT - 4)
    step = _WIDTH / len(heights)
    bars = " ".join(
        f"M{n * step:.1f} {_HEIGHT}V{_HEIGHT - h:.1f}h{step:.1f}V{_HEIGHT}z"
        for n, h in enumerate(heights)
        if h > 0
    )
    low, high = f"{found.min:.4g} {unit}".rstrip(), f"{found.max:.4g} {unit}".rstrip()
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + 18}" role="img" aria-label="Histogram from {html.escape(low)} to '
        f'{html.escape(high)}"><path d="{bars}"/><line x2="{_WIDTH}" y1="{_HEIGHT}" y2="{_HEIGHT}"/>'
        f'<text y="{_HEIGHT + 14}">{html.escape(low)}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 14}" text-anchor="end">{html.escape(high)}</text></svg>'
    )


# --- The page ----------------------------------------------------------------------------------------------------

_MARKS = {
    Verdict.EQUAL: ("good", "equal to the source"),
    Verdict.NO_SOURCE: ("warning", "source not there"),
    Verdict.DIFFERS: ("error", "not equal to the source"),
    Verdict.DAMAGED: ("error", "damaged"),
}


def _page(name: str, volumes: int, samples: Sequence[Sample], summaries: Sequence[Summary]) -> str:
    template = Template(asset_path("archive/report.html").read_text(encoding="utf-8"))
    counts = {verdict: sum(s.checked.verdict is verdict for s in samples) for verdict in Verdict}
    verdicts = ", ".join(f"{n} {_MARKS[verdict][1]}" for verdict, n in counts.items() if n)
    return template.substitute(
        name=html.escape(name),
        volumes=volumes,
        sampled=len(samples),
        verdicts=html.escape(verdicts or "none looked at"),
        state="good" if counts[Verdict.EQUAL] == len(samples) else "error",
        sums=_sums(summaries),
        failures=_failures(summaries),
        samples="\n".join(_card(sample) for sample in samples),
    )


def _sums(summaries: Sequence[Summary]) -> str:
    if not summaries:
        return "<p>There are no summaries of the conversion.</p>"
    total = sum_of(summaries)
    rows = [
        ("Series in the archive", total.counts["converted"] + total.counts["present"]),
        ("Series that failed", total.failed),
        ("Volumes", total.volumes),
        ("Slices", total.slices),
        ("Slices without values", len(total.problems)),
        ("Scouts and pages beside them, left out", total.left_out.total()),
        ("Stored values", f"{total.raw_bytes / 1e9:.2f} GB"),
        ("On the disk", f"{total.stored_bytes / 1e9:.2f} GB"),
        ("Shards", f"{len(summaries)}" + ("" if total.complete else ", not all complete")),
    ]
    return _definitions(rows)


def _definitions(rows: Iterable[tuple[str, Any]]) -> str:
    lines = (f"<dt>{html.escape(what)}</dt><dd>{html.escape(str(value))}</dd>" for what, value in rows)
    return f"<dl>{''.join(lines)}</dl>"


def _failures(summaries: Sequence[Summary]) -> str:
    failures = [failure for one in summaries for failure in one.failures]
    if not failures:
        return ""
    rows = "".join(
        f"<tr><td>{html.escape(failure['series_uid'])}</td><td>{html.escape(_without_path(failure['reason']))}</td></tr>"
        for failure in failures
    )
    return f"<h2>Series that failed</h2><table><tr><th>Series</th><th>Reason</th></tr>{rows}</table>"


def _without_path(reason: str) -> str:
    """A reason without the file it begins with: paths may name patients."""
    return reason.rsplit("/", 1)[-1]


def _card(sample: Sample) -> str:
    mark, words = _MARKS[sample.checked.verdict]
    pictures = "".join(
        f'<figure><div class="picture"><img alt="{html.escape(caption)}" width="{PICTURE_PX}" height="{PICTURE_PX}" '
        f'src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        + "".join(
            f'<span class="{edge}">{html.escape(letter)}</span>'
            for edge, letter in zip(("left", "right", "top", "bottom"), edges, strict=True)
            if letter
        )
        + f"</div><figcaption>{html.escape(caption)}</figcaption></figure>"
        for caption, edges, png in sample.pictures
    )
    notes = "".join(f"<li>{html.escape(text)}</li>" for text in (*sample.checked.findings, *sample.warnings))
    return (
        f"<article><h3>{html.escape(sample.checked.name).replace('/', '/<wbr>')}</h3>"
        f'<p class="verdict {mark}">{words}, {sample.checked.slices} '
        f"slice{'s' * (sample.checked.slices != 1)} compared</p>"
        f'<div class="looked"><div class="pictures">{pictures}</div><div class="facts">{_definitions(sample.facts)}'
        f'<div class="histogram">{sample.histogram}</div></div></div>'
        + (f'<ul class="notes">{notes}</ul>' if notes else "")
        + "</article>"
    )
