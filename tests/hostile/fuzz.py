"""Mutation fuzzing of whole files: series with damaged files through the real loader, and what came of each.

Run `python tests/hostile/fuzz.py --n 10000` for a long run; `--data` names a folder with real data sets, whose files
are damaged too. The suite runs a few hundred. A case is reproduced by `--seed S --first N --n 1`.

What counts as a fault
----------------------
crash, exception, hang (5 s of processor time), memory (2 GiB), noise (anything on standard error), leak (patient data
or control characters in a message or a log), and a wrong picture:

- a slice of an undamaged file with other values, another place or another unit than without the damaged one,
- a damaged file in one volume with others although its own header, as pydicom reads it, disagrees with theirs in
  size, spacing, orientation, frame of reference, pixel layout or meaning of values, or puts it elsewhere,
- other values than pydicom finds in it,
- a NIfTI or .npy volume with another place or other values than nibabel or numpy find in the damaged file.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

CHECKOUT: Final = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(CHECKOUT))

import numpy as np  # noqa: E402
import pydicom  # noqa: E402
from pydicom.uid import (  # noqa: E402
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.hostile.corpus import CANARY, IDENTITY, printable, write_media_directory  # noqa: E402
from tests.hostile.elements import ALL_VRS, UNDEFINED, Element, join, split  # noqa: E402
from tests.hostile.runner import CPU_S, MEMORY_BYTES, Outcome, StackOutcome, open_path, prepare  # noqa: E402
from tests.phantoms import write_pet, write_ramp  # noqa: E402
from viewer.imaging.volume import Volume  # noqa: E402

FAULTS: Final = ("crash", "exception", "hang", "memory", "noise", "leak", "wrong picture")
OUTCOMES: Final = (
    "unchanged",
    "changed, consistent",
    "apart",
    "corrupt slice",
    "refused",
    "not DICOM",
    "listed",
)
LARGEST_FILE: Final = 600_000
SERIES_FILES: Final = 5
SETS_LOOKED_AT: Final = 400
"""Files of a real data set that are looked at for a series."""
PLACE_MM: Final = 0.1
"""Where a slice may be shown beside its place without a remark."""

# --- What is damaged -----------------------------------------------------------------------------------------------


@dataclass
class Source:
    """A folder of good files.

    Parameters
    ----------
    folder
        Everything in it is opened.
    victims
        The files that may be damaged.
    opened
        The path to open, `folder` when None.
    truth
        How the folder opens undamaged.
    """

    name: str
    folder: Path
    victims: list[Path]
    opened: Path | None = None
    truth: Outcome = field(default_factory=lambda: Outcome(""))
    units: dict[str, str] = field(default_factory=dict)

    @property
    def is_volume(self) -> bool:
        """Whether the victims are NIfTI or .npy volumes."""
        return self.name.startswith(("NIfTI", "npy"))

    @property
    def is_dicom(self) -> bool:
        """Whether the victims are images, not archives or indices of images."""
        return self.opened is None and not self.is_volume


def phantom_sources(root: Path) -> Iterator[Source]:
    """Small synthetic series in every encoding."""
    for name, syntax in (
        ("explicit", None),
        ("implicit", ImplicitVRLittleEndian),
        ("big endian", ExplicitVRBigEndian),
        ("deflated", DeflatedExplicitVRLittleEndian),
        ("RLE", RLELossless),
        ("JPEG lossless", JPEGLosslessSV1),
        ("JPEG-LS", JPEGLSLossless),
        ("JPEG 2000", JPEG2000Lossless),
        ("HTJ2K", HTJ2KLossless),
    ):
        given: dict[str, Any] = {} if syntax is None else {"transfer_syntax": syntax}
        yield _source(f"CT {name}", write_ramp(root / name, **given, **IDENTITY))
    identity: dict[str, Any] = dict(IDENTITY)
    yield _source("PET", write_pet(root / "pet", **identity))
    yield _source("tilted CT", write_ramp(root / "tilted", "G5", **IDENTITY))
    yield _source("enhanced CT", write_ramp(root / "enhanced", "E1", **IDENTITY))
    windows: dict[str, Any] = {
        "PixelPaddingValue": -2000,
        "WindowCenter": [40, 600],
        "WindowWidth": [80, 2800],
    }
    yield _source("CT with windows", write_ramp(root / "windows", **windows, **IDENTITY))
    archive = root / "zip" / "study.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted((root / "explicit").iterdir()):
            file.write(path, path.name)
    yield Source("zip", archive.parent, [archive], archive)
    disc = write_ramp(root / "disc", **IDENTITY)
    write_media_directory(disc / "DICOMDIR", [[path.name] for path in sorted(disc.iterdir())])
    yield Source("DICOMDIR", disc, [disc / "DICOMDIR"], disc / "DICOMDIR")


def volume_sources(root: Path) -> Iterator[Source]:
    """Small volumes of other kinds of file."""
    import nibabel

    values = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6) * 7 - 300
    turned = np.array([[0, -2.0, 0, 30], [1.5, 0, 0.2, -20], [0, 0, 3, 10], [0, 0, 0, 1]])
    for name, ending, kind in (
        ("NIfTI", ".nii", nibabel.Nifti1Image),
        ("NIfTI packed", ".nii.gz", nibabel.Nifti1Image),
        ("NIfTI-2", ".nii", nibabel.Nifti2Image),
        ("NIfTI pair", ".hdr", nibabel.Nifti1Pair),
        ("NIfTI float", ".nii", nibabel.Nifti1Image),
    ):
        folder = root / name.replace(" ", "-")
        folder.mkdir()
        given = values.astype(np.float32) / 3 if name == "NIfTI float" else values
        image = kind(given, turned)
        image.header.set_xyzt_units("mm", "sec")
        if name == "NIfTI-2":
            image.header.set_slope_inter(0.5, 10)
        nibabel.save(image, folder / f"volume{ending}")
        yield Source(name, folder, sorted(folder.iterdir()))
    for name, sidecar in (("npy", True), ("npy alone", False)):
        folder = root / name.replace(" ", "-")
        folder.mkdir()
        np.save(folder / "ct.npy", np.asfortranarray(values) if sidecar else values)
        if sidecar:
            text = json.dumps({"spacing_mm": [3, 2, 1.5], "origin_mm": [-10, -20, -30]})
            (folder / "ct.json").write_text(text)
        yield Source(name, folder, [folder / "ct.npy"])


def real_sources(data: Path, root: Path) -> Iterator[Source]:
    """Short runs of real series, and single files of the sets of odd files."""
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        if folder.name in ("zoo-a", "broken-a"):
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.stat().st_size <= LARGEST_FILE:
                    here = root / f"{folder.name}-{path.name}-{len(str(path))}"
                    here.mkdir(exist_ok=True)
                    shutil.copy(path, here)
                    yield _source(folder.name, here)
        else:
            for number, paths in enumerate(_series_of(folder)):
                here = root / f"{folder.name}-{number}"
                here.mkdir()
                for path in paths:
                    shutil.copy(path, here / path.name)
                yield _source(folder.name, here)


def _series_of(folder: Path) -> Iterator[list[Path]]:
    """A run of neighbours of every series that shows up early in a set."""
    series: dict[str, list[tuple[float, Path]]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file())[:SETS_LOOKED_AT]:
        if path.stat().st_size > LARGEST_FILE or path.read_bytes()[128:132] != b"DICM":
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            position = dataset.get("ImagePositionPatient")
            if position and len(position) == 3 and "Rows" in dataset:
                series.setdefault(str(dataset.SeriesInstanceUID), []).append(
                    (sum(map(float, position)), path)
                )
    for members in series.values():
        members.sort()
        start = max(0, len(members) // 2 - SERIES_FILES // 2)
        if len(members) >= SERIES_FILES:
            yield [path for _, path in members[start : start + SERIES_FILES]]


def _source(name: str, folder: Path) -> Source:
    return Source(name, folder, sorted(folder.iterdir()))


# --- How it is damaged ---------------------------------------------------------------------------------------------

Mutation = Callable[[random.Random, bytearray], None]


def _place(rng: random.Random, data: bytearray, width: int = 1) -> int:
    """Somewhere behind the preamble, mostly in the header."""
    end = min(len(data), 4000) if rng.random() < 0.8 else len(data)
    start = min(128, max(0, end - width - 1)) if data[128:132] == b"DICM" else 0
    return rng.randrange(start, max(start + 1, end - width))


def flip_bits(rng: random.Random, data: bytearray) -> None:
    """One to eight bits."""
    for _ in range(rng.randint(1, 8)):
        data[_place(rng, data)] ^= 1 << rng.randrange(8)


def flip_anywhere(rng: random.Random, data: bytearray) -> None:
    """Bits all over the file, pixels included."""
    for _ in range(rng.randint(1, 64)):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def cut_short(rng: random.Random, data: bytearray) -> None:
    """The file ends anywhere, as after a transfer that was broken off."""
    del data[rng.randrange(len(data) + 1) :]


def set_bytes(rng: random.Random, data: bytearray) -> None:
    """A few bytes of an extreme or random value."""
    width = rng.choice((1, 2, 4, 8))
    at = _place(rng, data, width)
    data[at : at + width] = rng.choice((b"\0" * width, b"\xff" * width, rng.randbytes(width)))


def truncate(rng: random.Random, data: bytearray) -> None:
    """The end is missing."""
    del data[_place(rng, data) :]


def cut_out(rng: random.Random, data: bytearray) -> None:
    """Some bytes in the middle are missing."""
    at = _place(rng, data)
    del data[at : at + rng.randint(1, 64)]


def put_in(rng: random.Random, data: bytearray) -> None:
    """Some bytes too many: random ones or a copy from elsewhere."""
    at, start = _place(rng, data), _place(rng, data)
    size = rng.randint(1, 64)
    data[at:at] = rng.randbytes(size) if rng.random() < 0.5 else data[start : start + size]


def digits(rng: random.Random, data: bytearray) -> None:
    """Another digit, sign or separator in the text of a number."""
    places = [at for at in range(132, min(len(data), 4000)) if data[at] in b"0123456789.-\\"]
    for _ in range(rng.randint(1, 3)):
        if places:
            data[rng.choice(places)] = rng.choice(b"0123456789.-+\\eE,_ \0naif")


def _elementwise(edit: Callable[[random.Random, list[Element]], None]) -> Mutation:
    """A mutation of whole elements; bits are flipped where the file cannot be taken apart."""

    def mutate(rng: random.Random, data: bytearray) -> None:
        try:
            head, elements = split(bytes(data))
        except (ValueError, struct.error):
            flip_bits(rng, data)
            return
        if elements:
            edit(rng, elements)
            data[:] = join(head, elements)

    mutate.__name__ = edit.__name__
    return mutate


def _pick(rng: random.Random, elements: list[Element]) -> int:
    """An element, more often one of the groups that describe the picture."""
    important = [n for n, one in enumerate(elements) if one.tag >> 16 in (0x0020, 0x0028, 0x0054, 0x7FE0)]
    return rng.choice(important) if important and rng.random() < 0.7 else rng.randrange(len(elements))


_NUMBERS: Final = tuple(
    b" 0 -1 1e400 NaN inf 1e-30 99999999999 0\\0 1\\0\\0\\0\\1\\0 -0 1,5 1_0 1.0000001".split(b" "),
)


def _number(rng: random.Random, value: bytes) -> bytes:
    """A hostile number, or one of several changed a little, much or into such a one."""
    parts = value.rstrip(b" \0").split(b"\\")
    n = rng.randrange(len(parts))
    try:
        given = float(parts[n])
    except ValueError:
        given = 0.0
    changed = rng.choice((given + 1, given * 1.01, given - 1000, -given, given / 2))
    parts[n] = rng.choice(_NUMBERS) if rng.random() < 0.5 else b"%.9g" % changed
    result = b"\\".join(parts) if rng.random() < 0.8 else rng.choice(_NUMBERS)
    return result + b" " * (len(result) % 2)


def lie_about_value(rng: random.Random, elements: list[Element]) -> None:
    """Another value of the same kind."""
    n = _pick(rng, elements)
    one = elements[n]
    if one.vr in (b"DS", b"IS"):
        value = _number(rng, one.value)
    elif one.vr in (b"US", b"SS"):
        value = struct.pack("<H", rng.choice((0, 1, 2, 3, 7, 8, 12, 15, 16, 32, 255, 65535)))
    else:
        value = (
            rng.randbytes(2 * rng.randint(0, 8))
            if rng.random() < 0.5
            else one.value[: len(one.value) // 4 * 2]
        )
    elements[n] = Element(one.tag, one.vr, value)


def lie_about_length(rng: random.Random, elements: list[Element]) -> None:
    """A declared length that does not fit."""
    n = _pick(rng, elements)
    one = elements[n]
    true = len(one.value)
    length = rng.choice(
        (0, true - 1, true + 1, true + 2, true * 2, 0xFFFF, 0x7FFFFFFF, UNDEFINED, UNDEFINED - 1)
    )
    elements[n] = Element(one.tag, one.vr, one.value, max(0, length))


def lie_about_kind(rng: random.Random, elements: list[Element]) -> None:
    """Another value representation."""
    n = _pick(rng, elements)
    elements[n] = Element(elements[n].tag, rng.choice(ALL_VRS), elements[n].value, elements[n].length)


def swap_tags(rng: random.Random, elements: list[Element]) -> None:
    """Two elements under each other's tag."""
    a, b = _pick(rng, elements), _pick(rng, elements)
    one, other = elements[a], elements[b]
    elements[a] = Element(other.tag, one.vr, one.value, one.length)
    elements[b] = Element(one.tag, other.vr, other.value, other.length)


def remove(rng: random.Random, elements: list[Element]) -> None:
    """An element is missing."""
    del elements[_pick(rng, elements)]


def repeat(rng: random.Random, elements: list[Element]) -> None:
    """An element comes twice, with the value of another or its own."""
    n = _pick(rng, elements)
    one, other = elements[n], elements[_pick(rng, elements)]
    elements.insert(n, one if rng.random() < 0.5 else Element(one.tag, one.vr, other.value))


def shuffle(rng: random.Random, elements: list[Element]) -> None:
    """Two elements in each other's place."""
    a, b = _pick(rng, elements), _pick(rng, elements)
    elements[a], elements[b] = elements[b], elements[a]


def inconsistent_geometry(rng: random.Random, elements: list[Element]) -> None:
    """Position, direction, spacing or size of one file changed in a way that looks believable."""
    places = [n for n, one in enumerate(elements) if one.tag in _GEOMETRY and one.value]
    if not places:
        return
    n = rng.choice(places)
    one = elements[n]
    if one.vr == b"US":
        size = struct.unpack_from("<H", one.value)[0]
        value = struct.pack("<H", rng.choice((size + 1, size * 2, max(1, size // 2), max(1, size - 1))))
    else:
        try:
            numbers = [float(part) for part in one.value.rstrip(b" \0").split(b"\\")]
        except ValueError:
            return
        rng.choice((_shifted, _reversed, _exchanged, _stretched))(rng, numbers)
        text = b"\\".join(b"%.9g" % number for number in numbers)
        value = text + b" " * (len(text) % 2)
    elements[n] = Element(one.tag, one.vr, value)


_GEOMETRY: Final = (0x00200032, 0x00200037, 0x00280030, 0x00280010, 0x00280011, 0x00180088, 0x00200052)


def _shifted(rng: random.Random, numbers: list[float]) -> None:
    numbers[rng.randrange(len(numbers))] += rng.choice((-50.0, -3.0, 0.5, 3.0, 50.0))


def _reversed(rng: random.Random, numbers: list[float]) -> None:
    start = rng.choice((0, len(numbers) // 2))
    numbers[start : start + 3] = [-number for number in numbers[start : start + 3]]


def _exchanged(rng: random.Random, numbers: list[float]) -> None:
    half = len(numbers) // 2
    numbers[:] = numbers[half:] + numbers[:half]


def _stretched(rng: random.Random, numbers: list[float]) -> None:
    factor = rng.choice((0.5, 0.9, 1.1, 2.0))
    numbers[:] = [number * factor for number in numbers]


MUTATIONS: Final[tuple[Mutation, ...]] = (
    flip_bits,
    flip_anywhere,
    set_bytes,
    truncate,
    cut_short,
    cut_out,
    put_in,
    digits,
    *map(
        _elementwise,
        (
            lie_about_value,
            lie_about_length,
            lie_about_kind,
            inconsistent_geometry,
            swap_tags,
            remove,
            repeat,
            shuffle,
        ),
    ),
)
_PRODUCTIVE: Final = ("digits", "lie_about_value", "inconsistent_geometry")
_WEIGHTS: Final = [3 if one.__name__ in _PRODUCTIVE else 1 for one in MUTATIONS]
"""What keeps the file readable finds more than what breaks it."""


# --- What came of it -----------------------------------------------------------------------------------------------


@dataclass
class Verdict:
    """What one case came to: one of `OUTCOMES` or `FAULTS`, and details of a fault."""

    n: int
    source: str
    mutations: list[str]
    verdict: str
    detail: str = ""


class Fuzzer:
    """Damages sources and judges what comes of it; lives in a process with little memory."""

    def __init__(self, seed: int, root: Path, data: Path | None) -> None:
        self._seed = seed
        sources = list(phantom_sources(root / "phantoms"))
        (root / "volumes").mkdir()
        sources += volume_sources(root / "volumes")
        if data is not None:
            sources += real_sources(data, root)
        names = Counter(source.name for source in sources)
        self._sources = sources
        # Every name is as likely as the others, whatever the number of its files; real ones weigh double.
        self._weights = [(1 if "-" not in source.name else 2) / names[source.name] for source in sources]
        self._noise = root / "stderr"
        self._noise.touch()
        os.dup2(os.open(self._noise, os.O_WRONLY | os.O_APPEND), 2)
        prepare()
        for source in self._sources:
            source.truth = open_path(source.name, source.opened or source.folder)
        self._heard = self._noise.stat().st_size

    def case(self, n: int) -> Verdict:
        """Run one case."""
        rng = random.Random(f"{self._seed}/{n}")
        (source,) = rng.choices(self._sources, self._weights)
        victims = rng.sample(source.victims, 2 if len(source.victims) > 2 and rng.random() < 0.15 else 1)
        verdict = Verdict(n, source.name, [], "")
        good = {path: path.read_bytes() for path in victims}
        try:
            for path, content in good.items():
                data = bytearray(content)
                for mutation in rng.choices(MUTATIONS, _WEIGHTS, k=rng.choice((1, 1, 1, 2, 3))):
                    mutation(rng, data)
                    verdict.mutations.append(mutation.__name__)
                path.write_bytes(data)
            volumes: dict[str, Volume] = {}
            outcome = open_path(source.name, source.opened or source.folder, volumes)
            verdict.verdict, verdict.detail = self._judge(source, set(victims), outcome, volumes)
        except Exception:  # noqa: BLE001 - whatever the product lets through is what is looked for
            verdict.verdict, verdict.detail = "exception", traceback.format_exc()
        finally:
            for path, content in good.items():
                path.write_bytes(content)
        heard = self._noise.stat().st_size
        if heard > self._heard and verdict.verdict not in FAULTS:
            verdict.verdict = "noise"
            verdict.detail = self._noise.read_bytes()[self._heard :].decode("utf-8", "replace")
        self._heard = heard
        return verdict

    def _judge(
        self, source: Source, victims: set[Path], outcome: Outcome, volumes: dict[str, Volume]
    ) -> tuple[str, str]:
        if outcome.cpu_s > CPU_S:
            return "hang", f"{outcome.cpu_s:.1f} s"
        if outcome.peak_bytes > MEMORY_BYTES:
            return "memory", f"{outcome.peak_bytes >> 20} MiB"
        if leaked := leak(outcome):
            return "leak", ascii(leaked)
        names = {path.name for path in victims}
        for stack in outcome.stacks:
            if wrong := wrong_picture(source, names, stack, volumes.get(stack.uid)):
                return "wrong picture", wrong
        return self._kind(source, names, outcome), ""

    @staticmethod
    def _kind(source: Source, names: set[str], outcome: Outcome) -> str:
        """What happened to the damaged files, the worst first."""
        shown = [
            (stack, k) for stack in outcome.stacks for k, file in enumerate(stack.files) if file in names
        ]
        if source.is_volume and outcome.stacks:
            digests = _digests(outcome)
            if "corrupt" in digests:
                return "corrupt slice"
            same = digests == _digests(source.truth) and not outcome.problems
            return "unchanged" if same else "changed, consistent"
        if not source.is_dicom:
            same = sorted(_digests(outcome)) == sorted(_digests(source.truth))
            return "unchanged" if same and not outcome.problems else "refused"
        if any(stack.digests and stack.digests[k] == "corrupt" for stack, k in shown):
            return "corrupt slice"
        if not shown:
            return "refused" if outcome.problems else "not DICOM" if outcome.not_dicom else "listed"
        if sorted(_digests(outcome)) == sorted(_digests(source.truth)) and [
            stack.corners_mm for stack in outcome.stacks
        ] == [stack.corners_mm for stack in source.truth.stacks]:
            return "unchanged"
        alone = all(set(stack.files) <= names for stack, _ in shown)
        return "apart" if alone and len(source.victims) > 1 else "changed, consistent"


def _digests(outcome: Outcome) -> list[str]:
    return [one for stack in outcome.stacks for one in stack.digests]


def leak(outcome: Outcome) -> str:
    """The first text that holds what it must not."""
    for text in (
        outcome.failure,
        *outcome.notes,
        *outcome.log,
        *(text for problem in outcome.problems for text in problem),
        *(
            text
            for series in outcome.series
            for text in (*series.warnings, series.description, series.patient)
        ),
        *(
            text
            for stack in outcome.stacks
            for text in (*stack.warnings, stack.label, stack.unit, stack.suv_note)
        ),
    ):
        if not printable(text):
            return text
    for text in (outcome.failure, *outcome.notes, *outcome.log, *(reason for _, reason in outcome.problems)):
        if any(word in text.lower() for word in CANARY):
            return text
    return ""


def wrong_picture(source: Source, damaged: set[str], stack: StackOutcome, volume: Volume | None) -> str:
    """Why a stack would mislead its reader, or ""."""
    if source.is_volume:
        return _wrong_volume(source, stack, volume)
    if not source.is_dicom:
        known = {*_digests(source.truth), "", "corrupt"}
        return "" if set(stack.digests) <= known else "values that are in no file"
    healthy = {
        file: (true, k)
        for true in source.truth.stacks
        if not true.on_request
        for k, file in enumerate(true.files)
        if file not in damaged
    }
    neighbours = [file for file in stack.files if file in healthy]
    # A stack with a remark about its positions may show them in a line.
    allowed_mm = 1.5 if stack.warnings else PLACE_MM
    for k, file in enumerate(stack.files):
        digest = stack.digests[k] if stack.digests else ""
        if file in healthy:
            true, n = healthy[file]
            if len(source.truth.stacks) == 1 or true.files.count(file) == 1:
                if digest not in ("", true.digests[n]):
                    return f"{file} is undamaged and has other values"
                if stack.unit != true.unit:
                    return f"{file} is undamaged and has the unit {stack.unit!r}"
                if stack.multiplanar and true.multiplanar:
                    off = float(np.abs(np.subtract(stack.corners_mm[k], true.corners_mm[n])).max())
                    if off > allowed_mm:
                        return f"{file} is undamaged and shown {off:.2f} mm off"
        elif digest not in ("", "corrupt"):
            path = source.folder / file
            plane = None if volume is None else volume.array[..., k, :, :]
            other = source.folder / neighbours[0] if neighbours and stack.multiplanar else None
            corners = stack.corners_mm[k] if stack.multiplanar else []
            if wrong := _disagrees(path, other, corners, allowed_mm):
                return f"{file}: {wrong}"
            if plane is not None and volume is not None and (wrong := _other_values(path, volume, k)):
                return f"{file}: {wrong}"
    return ""


_SAME: Final = (
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "PixelRepresentation",
    "FrameOfReferenceUID",
    "Modality",
    "Units",
)
"""Attributes that all slices of one volume have in common."""


def _read(path: Path) -> pydicom.Dataset | None:
    """A file as pydicom reads it, None when it cannot."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return pydicom.dcmread(path, force=True)
        except Exception:  # noqa: BLE001 - a damaged file; pydicom raises whatever comes up
            return None


def _value(dataset: pydicom.Dataset, keyword: str) -> Any:
    """A value, None when it is absent or pydicom cannot read it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = dataset.get(keyword)
        except Exception:  # noqa: BLE001 - as above
            return None
    return None if value in (None, "") else value


def _comparable(value: Any) -> Any:
    """A value as number or text, also when a wrong value representation made it bytes or text."""
    if not isinstance(value, (bytes, int, float)):
        value = str(value).encode("latin_1", "replace")
    if isinstance(value, bytes):
        if len(value) in (1, 2) and not value.strip().isalnum():
            return float(int.from_bytes(value, "little"))
        # Control characters are no part of a text (rule J25).
        value = "".join(c for c in value.decode("latin_1") if c.isprintable()).strip(" ")
    try:
        return float(value)
    except ValueError:
        return value.upper()


def _floats(dataset: pydicom.Dataset, keyword: str, count: int) -> list[float] | None:
    value = _value(dataset, keyword)
    try:
        numbers = [float(part) for part in value]
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count else None


def _disagrees(path: Path, other: Path | None, corners_mm: list[float], allowed_mm: float) -> str:
    """In what a damaged file that is in a volume with an undamaged one disagrees with that, or with its own place."""
    if other is None:
        return ""
    here, there = _read(path), _read(other)
    if here is None or there is None or "PerFrameFunctionalGroupsSequence" in there:
        return ""
    for keyword in _SAME:
        mine, theirs = _value(here, keyword), _value(there, keyword)
        if mine is not None and theirs is not None and _comparable(mine) != _comparable(theirs):
            return f"{keyword} is {mine!r} in a volume of {theirs!r}"
    for keyword, count, tolerance in (("PixelSpacing", 2, 2e-3), ("ImageOrientationPatient", 6, 4e-3)):
        numbers, others = _floats(here, keyword, count), _floats(there, keyword, count)
        if numbers and others and float(np.abs(np.subtract(numbers, others)).max()) > tolerance:
            return f"{keyword} is {numbers} in a volume of {others}"
    position = _floats(here, "ImagePositionPatient", 3)
    if position and corners_mm:
        off = float(np.abs(np.subtract(position, corners_mm[:3])).max())
        if off > allowed_mm:
            return f"shown {off:.2f} mm off its own position"
    return ""


def _decimal(value: Any) -> float:
    """A decimal string; Python alone takes an underscore for part of a number."""
    return math.nan if "_" in str(value) else float(value)


def _other_values(path: Path, volume: Volume, k: int) -> str:
    """How the values of a slice differ from what pydicom makes of the file; only where it has no codec to ask."""
    dataset = _read(path)
    if dataset is None or volume.is_colour:
        return ""
    if path.read_bytes().count(b"\xe0\x7f\x10\x00") > 1:
        return ""  # of two elements pydicom takes the last
    syntax = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    if syntax is None or not syntax.is_transfer_syntax or syntax.is_encapsulated:
        return ""
    if _value(dataset, "ModalityLUTSequence") is not None or (_value(dataset, "NumberOfFrames") or 1) != 1:
        return ""
    bits = [_comparable(_value(dataset, keyword)) for keyword in ("BitsStored", "HighBit")]
    if not all(isinstance(number, float) for number in bits) or bits[0] != bits[1] + 1:
        return ""  # rule B05: pydicom leaves out the shift
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            stored = dataset.pixel_array.astype(np.float64)
            slope, intercept = (
                default if (given := _value(dataset, keyword)) is None else _decimal(given)
                for keyword, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
            )
        except Exception:  # noqa: BLE001 - as above
            return ""
    plane = volume.array[k]
    mine = volume.physical(plane)
    shown = ~volume.is_padding(plane)
    if stored.ndim == 3:
        return ""  # without NumberOfFrames pydicom counts the frames by the bytes
    if mine.shape != stored.shape:
        return f"{mine.shape} pixels instead of {stored.shape}"
    believable = (
        np.isfinite(slope)
        and np.isfinite(intercept)
        and 1e-30 <= abs(slope) <= 1e28
        and abs(intercept) <= 1e37
    )
    theirs = stored * slope + intercept if believable else stored
    if volume.suv_factor is not None and volume.quantity.unit == "SUV":
        return ""
    if not np.allclose(mine[shown], theirs[shown], rtol=1e-5, atol=1e-6, equal_nan=True):
        return f"values differ from pydicom's by up to {np.nanmax(np.abs(mine[shown] - theirs[shown])):g}"
    return ""


def _wrong_volume(source: Source, stack: StackOutcome, volume: Volume | None) -> str:
    """How a NIfTI or .npy volume differs from what another reader finds in the damaged file, or ""."""
    if volume is None or volume.is_colour:
        return ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs, affine = _array(source) if source.name.startswith("npy") else _nifti(source)
        except Exception:  # noqa: BLE001 - the file is damaged; other readers raise whatever comes up
            return ""
    if theirs is None:
        return ""
    if affine is None and stack.oriented:
        return "a place in the patient that is not in the file"
    if affine is not None and stack.oriented:
        index = np.array([[0, 0, 0], [n - 1 for n in stack.shape], [0, 0, stack.shape[2] - 1]], np.float64)
        mine = volume.geometry.to_patient(index)
        there = np.column_stack([index[:, ::-1], np.ones(3)]) @ affine.T
        off = float(np.abs(mine - there[:, :3]).max())
        if off > 1e-3 * max(1.0, float(np.abs(there).max())):
            return f"{off:.3f} mm off the place in the file"
    for k, digest in enumerate(stack.digests):
        if digest in ("", "corrupt"):
            continue
        if stack.shape[1:] != list(theirs.shape[1:]) or k >= len(theirs):
            return f"slices of {stack.shape[1:]} instead of {list(theirs.shape[1:])}"
        values, plane = volume.physical(volume.array[k]), theirs[k]
        known = np.isfinite(values) & np.isfinite(plane) & (np.abs(plane) < 1e30)
        if not np.allclose(values[known], plane[known], rtol=1e-4, atol=1e-4):
            return f"slice {k} has other values than another reader finds"
    return ""


def _array(source: Source) -> tuple[Any, Any]:
    """(k, j, i) values as numpy reads them; where they lie is in the sidecar, which is not damaged."""
    array = np.load(source.folder / "ct.npy", allow_pickle=False)
    if array.ndim != 3 or array.dtype.kind not in "iufb":
        return None, None
    if len(source.truth.stacks) == 1 and not source.truth.stacks[0].oriented:
        return array.astype(np.float64), None
    matrix = np.diag([1.5, 2.0, 3.0, 1.0])
    matrix[:3, 3] = (-10, -20, -30)
    return array.astype(np.float64), matrix


def _nifti(source: Source) -> tuple[Any, Any]:
    """(k, j, i) values and the LPS affine from (i, j, k) as nibabel reads them, None where the file names none."""
    import logging

    import nibabel

    # It says on standard error what it mends; what is listened to there is the viewer.
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)
    image: Any = nibabel.load(next(path for path in source.victims if path.suffix != ".img"))
    if len(image.shape) != 3 or image.header.get_data_dtype().kind not in "iuf":
        return None, None
    header = image.header
    unit = {1: 1000.0, 3: 0.001}.get(int(header["xyzt_units"]) & 7, 1.0)
    affine = None
    if int(header["sform_code"]) > 0:
        affine = header.get_sform()
    elif int(header["qform_code"]) > 0:
        affine = header.get_qform()
    if affine is None or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        return None, None  # what is believed then has its own tests
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    affine[:3] *= unit
    with np.errstate(all="ignore"):
        return np.asarray(image.dataobj, dtype=np.float64).T, affine


# --- Running -------------------------------------------------------------------------------------------------------


def child(seed: int, first: int, stop: int, data: Path | None) -> None:
    """Run some cases in this process and write a line before and behind each."""
    out = os.fdopen(os.dup(1), "w")
    with tempfile.TemporaryDirectory(prefix="triptych-fuzz-") as folder:
        fuzzer = Fuzzer(seed, Path(folder), data)
        for n in range(first, stop):
            out.write(json.dumps({"started": n}) + "\n")
            out.flush()
            out.write(json.dumps(asdict(fuzzer.case(n))) + "\n")
            out.flush()


def run(seed: int, first: int, stop: int, data: Path | None) -> Iterator[Verdict]:
    """Run cases in another process; one that ends early is followed by another."""
    while first < stop:
        command = [sys.executable, __file__, "--child", "--seed", str(seed), "--first", str(first)]
        command += ["--n", str(stop - first), *(() if data is None else ("--data", str(data)))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
            assert process.stdout is not None
            started = -1
            for line in process.stdout:
                values = json.loads(line)
                if "started" in values:
                    started = values["started"]
                else:
                    yield Verdict(**values)
                    first = values["n"] + 1
        if process.returncode and started < first:
            raise RuntimeError(f"the fuzzing process did not start: exit code {process.returncode}")
        if process.returncode:
            # A hang ends the process from inside, with exit code 1; a crash by a signal.
            verdict = "hang" if process.returncode == 1 else "crash"
            yield Verdict(started, "", [], verdict, f"exit code {process.returncode}")
            first = started + 1


def run_all(seed: int, first: int, n: int, data: Path | None, processes: int) -> list[Verdict]:
    """Run cases in several processes at once."""
    edges = [first + n * part // processes for part in range(processes + 1)]
    with ThreadPoolExecutor(processes) as pool:
        parts = pool.map(lambda part: list(run(seed, edges[part], edges[part + 1], data)), range(processes))
        return [verdict for part in parts for verdict in part]


def table(verdicts: Iterable[Verdict]) -> str:
    """How often each kind of source came to each verdict."""
    verdicts = list(verdicts)
    columns = [*OUTCOMES, *FAULTS]
    counts = Counter((verdict.source, verdict.verdict) for verdict in verdicts)
    names = sorted({verdict.source for verdict in verdicts})
    width = max(len(name) for name in [*names, "all"])
    heads = [column.replace(" ", "\n").split("\n") for column in columns]
    lines = [
        " " * width + "".join(f"{head[row] if row < len(head) else '':>12}" for head in heads)
        for row in range(max(map(len, heads)))
    ]
    lines += [
        f"{name:<{width}}" + "".join(f"{counts[name, column]:>12}" for column in columns) for name in names
    ]
    totals = Counter(verdict.verdict for verdict in verdicts)
    lines.append(f"{'all':<{width}}" + "".join(f"{totals[column]:>12}" for column in columns))
    return "\n".join(lines)


def main() -> int:
    """Run from the command line; 1 when there was a fault."""
    parser = argparse.ArgumentParser(description="Damage headers and see what the viewer makes of them.")
    parser.add_argument("--n", type=int, default=10_000, help="number of cases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--data", type=Path, help="folder with real data sets")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print every verdict as a line of JSON instead")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.seed, arguments.first, arguments.first + arguments.n, arguments.data)
        return 0
    verdicts = run_all(
        arguments.seed, arguments.first, arguments.n, arguments.data, min(arguments.processes, arguments.n)
    )
    faults = [verdict for verdict in verdicts if verdict.verdict in FAULTS]
    if arguments.json:
        sys.stdout.write("".join(json.dumps(asdict(verdict)) + "\n" for verdict in verdicts))
    else:
        for fault in faults:
            place = f"--seed {arguments.seed} --first {fault.n} --n 1"
            sys.stdout.write(
                f"{fault.verdict} ({place}) {fault.source}, {fault.mutations}\n{fault.detail}\n\n"
            )
        sys.stdout.write(table(verdicts) + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
