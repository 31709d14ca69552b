"""One small hostile input for every rule of section J, beside one good series, with what has to come of it.

`@case(rule, what, *expectations)` above a function that writes into a folder adds an input. The good series, the ramp
phantom G1, lies in `good/` of the same folder, the hostile files in `bad/`. A function may return another path to
open, for an archive or an index. Every file names the same patient, with words that may appear nowhere but in the
patient's own fields.

Not here, because the fault is not in a file: J34 (`tests/perf`), J35 and J36 for root (`tests/loading`,
`tests/formats/test_walk.py`), J44 (`tests/ui/sidebar`), J50 (`tests/ui/export`, `tests/cli/test_render.py`).
"""

from __future__ import annotations

import gzip
import os
import pickle
import random
import re
import shutil
import socket
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MediaStorageDirectoryStorage,
    RLELossless,
    RTStructureSetStorage,
    SegmentationStorage,
)

from tests.hostile.elements import UNDEFINED, Element, change, join, put, split
from tests.hostile.runner import CPU_S, MEMORY_BYTES, Outcome, SeriesOutcome, StackOutcome, digest
from tests.phantoms import RAMP_CASES, RAMP_SHAPE, ramp_array, uid_of, write_pet, write_ramp, write_series

CANARY: Final = ("zyzzyva", "qwoncary", "19010203")
"""Of every patient here; never in a message, a log or a file name."""
IDENTITY: Final = {
    "PatientName": "Zyzzyva^Test",
    "PatientID": "QWONCARY-7",
    "PatientBirthDate": "19010203",
}
GOOD_UID: Final = uid_of("good", "series", "G1")

Check = Callable[[Outcome, list[SeriesOutcome]], None]
"""Looks at the outcome and at the series that are not the good one."""
Writer = Callable[[Path], Path | None]


@dataclass(frozen=True)
class Case:
    """A hostile input.

    Parameters
    ----------
    rule
        Id of the rule, "J06".
    what
        A few words.
    write
        Writes into the folder it is given.
    checks
        All must hold.
    alone
        What is opened does not lead to the good series.
    """

    rule: str
    what: str
    write: Writer
    checks: tuple[Check, ...]
    alone: bool = False

    @property
    def name(self) -> str:
        """A short unique name."""
        return f"{self.rule}-{re.sub(r'[^a-z0-9]+', '-', self.what.lower())}"

    def create(self, folder: Path) -> Path:
        """Write the good series and the hostile files; the path to open."""
        write_ramp(folder / "good", uid_seed="good", **IDENTITY)
        bad = folder / "bad"
        bad.mkdir()
        return self.write(bad) or folder


CASES: Final[list[Case]] = []


def case(rule: str, what: str, *checks: Check, alone: bool = False) -> Callable[[Writer], Writer]:
    """Add an input."""

    def add(write: Writer) -> Writer:
        CASES.append(Case(rule, what, write, checks, alone))
        return write

    return add


# --- What has to come of an input ---------------------------------------------------------------------------------


def ramp_digests(slices: int = RAMP_SHAPE[0], slope: float = 1.0) -> list[str]:
    """Digest of every slice of the ramp in HU, in order of position."""
    return [digest(plane.astype(np.float64) * slope) for plane in ramp_array(slices)]


def ramp_corners_mm(name: str = "G1") -> npt.NDArray[np.float64]:
    """(k, 6) position of the first and the last voxel of every slice of a case of the ramp."""
    ramp = RAMP_CASES[name]
    _, rows, columns = RAMP_SHAPE
    across = np.array(ramp.row) * ramp.spacing_mm[1] * (columns - 1)
    down = np.array(ramp.column) * ramp.spacing_mm[0] * (rows - 1)
    first = ramp.positions_mm[list(ramp.kept)]
    return np.hstack([first, first + across + down])


def check_good(outcome: Outcome) -> None:
    """The good series is there, whole, in its place, in HU, without a remark."""
    (good,) = [series for series in outcome.series if series.uid == GOOD_UID]
    (stack,) = good.stacks
    assert (stack.kind, stack.shape, stack.unit) == ("volume", list(RAMP_SHAPE), "HU")
    assert stack.multiplanar
    assert stack.digests == ramp_digests()
    np.testing.assert_allclose(stack.corners_mm, ramp_corners_mm(), atol=1e-9)
    assert not stack.warnings
    assert not good.warnings


def check_always(outcome: Outcome) -> None:
    """What holds for every input: no patient data anywhere it does not belong, bounded memory and time."""
    said = [
        outcome.failure,
        *outcome.notes,
        *outcome.log,
        *(text for problem in outcome.problems for text in problem),
        *(text for series in outcome.series for text in series.warnings),
        *(
            text
            for stack in outcome.stacks
            for text in (*stack.warnings, stack.label, stack.suv_note, stack.unit)
        ),
    ]
    for text in said:
        assert not any(word in text.lower() for word in CANARY), text
        assert "Traceback" not in text
        assert printable(text), ascii(text)
    for file, reason in outcome.problems:
        assert file
        assert reason.endswith("."), reason
        assert len(reason) < 300
    assert outcome.peak_bytes <= MEMORY_BYTES
    assert outcome.cpu_s <= CPU_S


def printable(text: str) -> bool:
    """Whether a text holds no control character, terminal escape or mark that turns the writing direction."""
    return not re.search("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)


def refused(pattern: str, count: int = 1) -> Check:
    """The files are problems with this reason, and nothing of them can be shown."""

    def check(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
        assert [reason for _, reason in outcome.problems if re.search(pattern, reason)] != []
        assert len(outcome.problems) == count, outcome.problems
        assert not [stack for series in bad for stack in series.stacks]

    return check


def problem(pattern: str, count: int = 1) -> Check:
    """So many problems have this reason, and there are no others."""

    def check(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
        assert len(outcome.problems) == count, outcome.problems
        assert all(re.search(pattern, reason) for _, reason in outcome.problems), outcome.problems

    return check


def not_dicom(count: int) -> Check:
    """So many files are counted as not DICOM and nothing else is said."""

    def check(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
        assert outcome.not_dicom == count
        assert not outcome.problems
        assert not bad

    return check


def note(pattern: str) -> Check:
    """The folder as a whole has a note."""

    def check(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
        assert any(re.search(pattern, text) for text in outcome.notes), outcome.notes

    return check


def only_stack(bad: list[SeriesOutcome]) -> StackOutcome:
    """The one stack of the one other series."""
    assert len(bad) == 1, [series.kind for series in bad]
    assert len(bad[0].stacks) == 1, [stack.label for stack in bad[0].stacks]
    return bad[0].stacks[0]


def said(bad: list[SeriesOutcome], pattern: str) -> bool:
    """Whether a warning of the other series or their stacks matches."""
    texts = [text for series in bad for text in series.warnings]
    texts += [text for series in bad for stack in series.stacks for text in stack.warnings]
    return any(re.search(pattern, text) for text in texts)


def ramp(warning: str = "", *, name: str = "G1", unit: str | None = "HU", silent: bool = True) -> Check:
    """The series opens as the whole ramp, every value and position right."""

    def check(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
        stack = only_stack(bad)
        assert stack.kind == "volume"
        assert stack.multiplanar
        assert stack.digests == ramp_digests()
        np.testing.assert_allclose(stack.corners_mm, ramp_corners_mm(name), atol=1e-6)
        if unit is not None:
            assert stack.unit == unit
        if warning:
            assert said(bad, warning), stack.warnings
        else:
            assert not stack.warnings
        if silent:
            assert not outcome.problems

    return check


def flat(warning: str, *, unit: str | None = None, oriented: bool = False) -> Check:
    """The pictures are shown one by one with all their values, without a place in the patient, and it is said why."""

    def check(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
        stack = only_stack(bad)
        assert not stack.multiplanar
        assert stack.oriented == oriented
        assert sorted(stack.digests) == sorted(ramp_digests())
        assert said(bad, warning), stack.warnings
        assert not outcome.problems
        if unit is not None:
            assert stack.unit == unit

    return check


def corrupt(k: int | None, pattern: str) -> Check:
    """Slice k (all for None) is marked as corrupt and told of, keeps its place, and the others have their values."""

    def check(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
        stack = only_stack(bad)
        expected = ["corrupt" if k is None or n == k else one for n, one in enumerate(ramp_digests())]
        assert stack.digests == expected
        np.testing.assert_allclose(stack.corners_mm, ramp_corners_mm(), atol=1e-6)
        assert len(outcome.problems) == (RAMP_SHAPE[0] if k is None else 1), outcome.problems
        assert all(re.search(pattern, reason) for _, reason in outcome.problems), outcome.problems

    return check


def apart(*groups: tuple[int, ...], warning: str = "") -> Check:
    """The slices of the ramp lie in these stacks and no two groups in one; values are right in each.

    A stack that repeats slices of another and opens on request only does not count.
    """

    def check(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
        assert len(bad) == 1
        stacks = [stack for stack in bad[0].stacks if not stack.on_request]
        held = sorted(tuple(sorted(k_of(file) for file in stack.files)) for stack in stacks)
        assert held == sorted(groups)
        if warning:
            assert said(bad, warning)

    return check


def k_of(file: str) -> int:
    """Slice in order of writing of a file of the ramp; its number runs the other way."""
    return RAMP_SHAPE[0] - int(file[2:6])


def listed(kind: str, count: int = 1) -> Check:
    """So many series of a kind are listed, none of them with pictures."""

    def check(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
        assert [series.kind for series in bad] == [kind] * count
        assert not [stack for series in bad for stack in series.stacks]
        assert not outcome.problems

    return check


def named(name: str) -> Check:
    """The patient of the series is called so."""

    def check(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
        assert {series.patient for series in bad} == {name}

    return check


# --- Helpers that write ------------------------------------------------------------------------------------------


def bad_ramp(folder: Path, **overrides: Any) -> list[Path]:
    """The ramp under other UIDs; its files in order of k."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_ramp(folder, **{"uid_seed": "bad", **IDENTITY, **overrides})
    return sorted(folder.iterdir(), reverse=True)


def bad_slice(folder: Path, **overrides: Any) -> Path:
    """One slice of it."""
    first, *others = bad_ramp(folder, **overrides)
    for path in others:
        path.unlink()
    return first


def spoil(folder: Path, tag: int, value: bytes | None, vr: bytes = b"") -> None:
    """The ramp with an element of every file changed."""
    for path in bad_ramp(folder):
        put(path, tag, value, vr)


def spoiled(tag: int, value: bytes | None) -> Writer:
    """A writer of that."""
    return lambda bad: spoil(bad, tag, value)


def _even(value: bytes) -> bytes:
    return value + b" " * (len(value) % 2)


def sequence(items: bytes, *, defined: bool) -> tuple[bytes, int | None]:
    """Value of a sequence with one item that holds some bytes, and its declared length."""
    if defined:
        return struct.pack("<HHI", 0xFFFE, 0xE000, len(items)) + items, None
    item = struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED) + items + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    return item + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0), UNDEFINED


def nested(depth: int, *, defined: bool) -> Element:
    """A private sequence in a sequence in a sequence."""
    value, length = b"", None
    for _ in range(depth):
        value, length = sequence(Element(0x00091010, b"SQ", value, length).encoded(), defined=defined)
    return Element(0x00091010, b"SQ", value, length)


def encapsulated(*fragments: bytes) -> bytes:
    """Fragments behind an empty offset table (PS3.5 A.4)."""
    return b"".join(
        struct.pack("<HHI", 0xFFFE, 0xE000, len(part)) + part for part in (b"", *fragments)
    ) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def deflated(path: Path, elements: list[Element], zeros: int, behind: Element | None = None) -> None:
    """A deflated file whose last element is followed by so many zero bytes of value."""
    head, _ = split(path.read_bytes())
    meta = head.replace(ExplicitVRLittleEndian.encode() + b"\0", DeflatedExplicitVRLittleEndian.encode())
    grown = len(meta) - len(head)
    meta = meta[:140] + struct.pack("<I", struct.unpack_from("<I", head, 140)[0] + grown) + meta[144:]
    # The length in front of the UID grows with it.
    at = meta.index(DeflatedExplicitVRLittleEndian.encode())
    length = len(DeflatedExplicitVRLittleEndian)
    meta = meta[: at - 2] + struct.pack("<H", length) + meta[at:]
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = bytes(1 << 20)
    with path.open("wb") as file:
        file.write(meta)
        file.write(packer.compress(join(b"", elements)))
        for _ in range(zeros >> 20):
            file.write(packer.compress(block))
        if behind is not None:
            file.write(packer.compress(behind.encoded()))
        file.write(packer.flush())


# --- J01-J05: hardly DICOM ---------------------------------------------------------------------------------------


@case("J01", "empty file, random bytes, text", not_dicom(4))
def _(bad: Path) -> None:
    (bad / "empty.dcm").touch()
    (bad / "random.dcm").write_bytes(random.Random(1).randbytes(5000))
    (bad / "text.dcm").write_text("Dear colleague,\n" * 100)
    (bad / "short.dcm").write_bytes(b"DICM")


@case("J02", "no preamble", ramp())
def _(bad: Path) -> None:
    for path in bad_ramp(bad):
        path.write_bytes(path.read_bytes()[132:])


@case("J02", "bare implicit data set", ramp())
def _(bad: Path) -> None:
    for path in bad_ramp(bad, transfer_syntax=ImplicitVRLittleEndian):
        content = path.read_bytes()
        path.write_bytes(content[144 + struct.unpack_from("<I", content, 140)[0] :])


@case("J02", "bare data set of an unknown class", not_dicom(1))
def _(bad: Path) -> None:
    path = bad_slice(bad)
    put(path, 0x00080016, b"1.2.3.4.5 ")
    content = path.read_bytes()
    path.write_bytes(content[144 + struct.unpack_from("<I", content, 140)[0] :])


@case("J03", "preamble without magic", not_dicom(5))
def _(bad: Path) -> None:
    for path in bad_ramp(bad):
        content = path.read_bytes()
        path.write_bytes(content[:128] + b"XXXX" + content[132:])


@case("J04", "cut off in the file meta information", refused("damaged|cut off|neither|neither what"))
def _(bad: Path) -> None:
    path = bad_slice(bad)
    path.write_bytes(path.read_bytes()[:200])


@case("J05", "cut off in the data set", refused("cut off|damaged"))
def _(bad: Path) -> None:
    path = bad_slice(bad)
    path.write_bytes(path.read_bytes()[:800])


# --- J06-J14: pixels that are not there ---------------------------------------------------------------------------


@case("J06", "pixel data ten bytes short", corrupt(2, "ends early"))
def _(bad: Path) -> None:
    path = bad_ramp(bad)[2]
    path.write_bytes(path.read_bytes()[:-10])


@case("J06", "pixel data announced ten bytes short", corrupt(2, "ends early"))
def _(bad: Path) -> None:
    path = bad_ramp(bad)[2]
    put(path, 0x7FE00010, ramp_array()[2].tobytes()[:-10])


@case("J07", "pixel data longer than needed", ramp())
def _(bad: Path) -> None:
    for path in bad_ramp(bad):
        path.write_bytes(path.read_bytes() + b"tail" * 50)


@case("J07", "pixel data announced longer than needed", ramp())
def _(bad: Path) -> None:
    for k, path in enumerate(bad_ramp(bad)):
        put(path, 0x7FE00010, ramp_array()[k].tobytes() + bytes(500))


@case("J08", "no pixel data", refused("no pixel data"))
def _(bad: Path) -> None:
    put(bad_slice(bad), 0x7FE00010, None)


@case("J08", "pixel data of length zero", refused("has 0 bytes"))
def _(bad: Path) -> None:
    put(bad_slice(bad), 0x7FE00010, b"")


@case("J08", "compressed pixel data without fragments", refused("too small|no fragment|cut off|damaged"))
def _(bad: Path) -> None:
    put(bad_slice(bad, transfer_syntax=RLELossless), 0x7FE00010, encapsulated()[:-8], length=UNDEFINED)


@case("J09", "no Rows", refused("Rows or Columns"))
def _(bad: Path) -> None:
    put(bad_slice(bad), 0x00280010, None)


@case("J09", "BitsAllocated 12", refused("BitsAllocated is 12"))
def _(bad: Path) -> None:
    put(bad_slice(bad), 0x00280100, struct.pack("<H", 12))


@case("J09", "SamplesPerPixel 0", refused("SamplesPerPixel is 0"))
def _(bad: Path) -> None:
    put(bad_slice(bad), 0x00280002, struct.pack("<H", 0))


@case("J09", "no PixelRepresentation", refused("PixelRepresentation"))
def _(bad: Path) -> None:
    put(bad_slice(bad), 0x00280103, None)


@case("J09", "HighBit below BitsStored", refused("contradict"))
def _(bad: Path) -> None:
    put(bad_slice(bad), 0x00280102, struct.pack("<H", 3))


def _huge(path: Path, rows: int = 65535, columns: int = 65535) -> None:
    put(path, 0x00280010, struct.pack("<H", rows))
    put(path, 0x00280011, struct.pack("<H", columns))


@case("J10", "65535 x 65535 and tiny data", refused("too large|announces"))
def _(bad: Path) -> None:
    _huge(bad_slice(bad))


@case("J10", "16384 x 16384 and tiny data", refused("announces 536870912"))
def _(bad: Path) -> None:
    _huge(bad_slice(bad), 16384, 16384)


@case("J10", "65535 x 65535 in RLE", refused("too large"))
def _(bad: Path) -> None:
    _huge(bad_slice(bad, transfer_syntax=RLELossless))


@case("J10", "16384 x 16384 in RLE", refused("too small"))
def _(bad: Path) -> None:
    _huge(bad_slice(bad, transfer_syntax=RLELossless), 16384, 16384)


@case("J10", "16384 x 16384 deflated", refused("too small|announces"))
def _(bad: Path) -> None:
    path = bad_slice(bad)
    _huge(path, 16384, 16384)
    deflated(path, split(path.read_bytes())[1], 0)


def _codestream_bomb(bad: Path, syntax: str, markers: bytes, pattern: str) -> None:
    """A real little codestream that announces 16384 x 16384 pixels, padded until the announcement is believable."""
    path = bad_slice(bad, transfer_syntax=syntax)
    size = 16384
    _huge(path, size, size)
    _, elements = split(path.read_bytes())
    value = bytearray(elements[-1].value)
    at = value.index(markers)
    assert pattern in (">HH", ">II")
    if pattern == ">HH":  # JPEG family: length, precision, rows, columns
        struct.pack_into(">HH", value, at + 5, size, size)
    else:  # SIZ: length, capabilities, width, height, origin, tile width, tile height
        struct.pack_into(">II", value, at + 8, size, size)
        struct.pack_into(">II", value, at + 24, size, size)
    fragment = bytes(value[16:-8]) + random.Random(2).randbytes(40_000)
    put(path, 0x7FE00010, encapsulated(fragment), length=UNDEFINED)


def bomb(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """Refused, or a picture that is marked as corrupt; never a picture."""
    assert outcome.problems
    assert not [
        one
        for series in bad
        for stack in series.stacks
        for one in stack.digests
        if one not in ("", "corrupt")
    ]


@case("J10", "JPEG lossless of 16384 x 16384", bomb)
def _(bad: Path) -> None:
    _codestream_bomb(bad, JPEGLosslessSV1, b"\xff\xc3", ">HH")


@case("J10", "JPEG-LS of 16384 x 16384", bomb)
def _(bad: Path) -> None:
    _codestream_bomb(bad, JPEGLSLossless, b"\xff\xf7", ">HH")


@case("J10", "JPEG 2000 of 16384 x 16384", bomb)
def _(bad: Path) -> None:
    _codestream_bomb(bad, JPEG2000Lossless, b"\xff\x51", ">II")


@case("J10", "HTJ2K of 16384 x 16384", bomb)
def _(bad: Path) -> None:
    _codestream_bomb(bad, HTJ2KLossless, b"\xff\x51", ">II")


@case("J11", "100000 frames and tiny data", refused("announces"))
def _(bad: Path) -> None:
    put(bad_slice(bad), 0x00280008, b"100000", b"IS")


@case("J11", "60000 frames and tiny data", refused("announces 5760000"))
def _(bad: Path) -> None:
    put(bad_slice(bad), 0x00280008, b"60000 ", b"IS")


@case("J11", "a million compressed frames and tiny data", refused("announces"))
def _(bad: Path) -> None:
    put(bad_slice(bad, transfer_syntax=RLELossless), 0x00280008, b"1000000 ", b"IS")


@case("J11", "four million frames of one pixel", refused("frames"))
def _(bad: Path) -> None:
    path = bad_slice(bad)
    _huge(path, 1, 1)
    for tag, bits in ((0x00280100, 8), (0x00280101, 8), (0x00280102, 7)):
        put(path, tag, struct.pack("<H", bits))
    put(path, 0x00280008, b"4000000 ", b"IS")
    put(path, 0x7FE00010, bytes(4_000_000))


@case("J11", "NumberOfFrames -1", refused("NumberOfFrames is -1"))
def _(bad: Path) -> None:
    put(bad_slice(bad), 0x00280008, b"-1", b"IS")


@case("J11", "NumberOfFrames 1e300", refused("announces|frames"))
def _(bad: Path) -> None:
    put(bad_slice(bad), 0x00280008, b"1e300 ", b"IS")


@case("J11", "compressed frames that are not there fill no memory", bomb)
def _(bad: Path) -> None:
    path = bad_slice(bad, transfer_syntax=JPEG2000Lossless)
    _huge(path, 2000, 2000)
    put(path, 0x00280008, b"150 ", b"IS")
    put(path, 0x7FE00010, encapsulated(*[b"\xff\x4f\xff\x51" + bytes(40)] * 150), length=UNDEFINED)


_GARBAGE: Final = (
    ("JPEG 2000", JPEG2000Lossless),
    ("JPEG lossless", JPEGLosslessSV1),
    ("JPEG-LS", JPEGLSLossless),
    ("HTJ2K", HTJ2KLossless),
    ("RLE", RLELossless),
)


def _garbage(syntax: str) -> Writer:
    def write(bad: Path) -> None:
        path = bad_ramp(bad, transfer_syntax=syntax)[2]
        put(path, 0x7FE00010, encapsulated(random.Random(3).randbytes(300)), length=UNDEFINED)

    return write


def _rotten(syntax: str) -> Writer:
    """The frame header is kept, so that the decoder itself meets the garbage."""

    def write(bad: Path) -> None:
        path = bad_ramp(bad, transfer_syntax=syntax)[2]
        _, elements = split(path.read_bytes())
        value = bytearray(elements[-1].value)
        start = len(value) * 2 // 3
        value[start:-12] = bytes(byte ^ 0xA5 for byte in value[start:-12])
        put(path, 0x7FE00010, bytes(value), length=UNDEFINED)

    return write


def rotten(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """The codec may notice or not (a raw coefficient has no check sum); slices around it are right all the same."""
    stack = only_stack(bad)
    assert [one for k, one in enumerate(stack.digests) if k != 2] == [
        one for k, one in enumerate(ramp_digests()) if k != 2
    ]
    assert ("corrupt" in stack.digests) == bool(outcome.problems)


for _name, _syntax in _GARBAGE:
    case("J12", f"garbage in {_name}", corrupt(2, "damaged|no readable frame header|header"))(
        _garbage(_syntax)
    )
    case("J12", f"garbage behind the frame header of {_name}", rotten)(_rotten(_syntax))


@case(
    "J12", "a fragment that is longer than the file", corrupt(2, "damaged|cut off|ends early|size|too short")
)
def _(bad: Path) -> None:
    path = bad_ramp(bad, transfer_syntax=RLELossless)[2]
    path.write_bytes(path.read_bytes()[:-30])


@case("J13", "unknown transfer syntax", corrupt(None, r"not supported.*1\.2\.3\.4"))
def _(bad: Path) -> None:
    for path in bad_ramp(bad, transfer_syntax=RLELossless):
        path.write_bytes(
            path.read_bytes().replace(
                RLELossless.encode() + b"\0", b"1.2.3.4.5.6.7.8.9.0\0\0"[: len(RLELossless) + 1]
            )
        )


@case("J13", "transfer syntax with a name in it", refused("transfer syntax|compression"))
def _(bad: Path) -> None:
    path = bad_slice(bad)
    name = b"Zyzzyva^\x1b[31mTest\0\0\0\0"
    content = path.read_bytes()
    path.write_bytes(
        content.replace(ExplicitVRLittleEndian.encode() + b"\0", name[: len(ExplicitVRLittleEndian) + 1])
    )


@case("J13", "colour space with a name in it", problem("colour space|PhotometricInterpretation"))
def _(bad: Path) -> None:
    path = bad_slice(bad)
    put(path, 0x00280004, b"Zyzzyva^\x1b[31mTe ")
    put(path, 0x00280002, struct.pack("<H", 3))
    put(path, 0x7FE00010, bytes(6 * 8 * 2 * 3))


def little_memory(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """What is behind the announced pixels stays packed."""
    assert outcome.peak_bytes < 160 << 20


@case("J14", "deflate bomb in the pixel data", little_memory)
def _(bad: Path) -> None:
    path = bad_slice(bad)
    _, elements = split(path.read_bytes())
    elements[-1] = Element(0x7FE00010, b"OW", b"", 300 << 20)
    deflated(path, elements, 300 << 20)


@case("J14", "deflate bomb in front of the pixel data", bomb, little_memory)
def _(bad: Path) -> None:
    path = bad_slice(bad)
    _, elements = split(path.read_bytes())
    private = [*elements[:-1], Element(0x7FDF1010, b"OB", b"", 600 << 20)]
    deflated(path, private, 600 << 20, elements[-1])


@case("J14", "a private element of three gigabytes in a sparse file", ramp())
def _(bad: Path) -> None:
    for k, path in enumerate(bad_ramp(bad)):
        if k:
            continue
        head, elements = split(path.read_bytes())
        before = [one for one in elements if one.tag < 0x00290000]
        after = [one for one in elements if one.tag > 0x00290000]
        size = 3 << 30
        start = join(head, [*before, Element(0x00291010, b"OB", b"", size)])
        with path.open("wb") as file:
            file.write(start)
            file.seek(size, os.SEEK_CUR)
            file.write(join(b"", after))


# --- J15, J24, J43: structure -------------------------------------------------------------------------------------


def _deep(depth: int, *, defined: bool) -> Writer:
    def write(bad: Path) -> None:
        for path in bad_ramp(bad):
            change(
                path,
                lambda elements: sorted([*elements, nested(depth, defined=defined)], key=lambda one: one.tag),
            )

    return write


def opens_or_refused(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """Every file is either read in full or a problem about its depth."""
    if outcome.problems:
        problem("too deeply", RAMP_SHAPE[0])(outcome, bad)
        assert not [stack for series in bad for stack in series.stacks]
    else:
        ramp()(outcome, bad)


for _depth in (50, 300, 3000):
    case("J15", f"sequences {_depth} deep", opens_or_refused)(_deep(_depth, defined=False))
    case("J15", f"sequences {_depth} deep of defined length", opens_or_refused)(_deep(_depth, defined=True))


@case("J24", "private element of a megabyte", ramp())
def _(bad: Path) -> None:
    spoil(bad, 0x00291010, b"Zyzzyva^" * (1 << 17), b"OB")


@case("J43", "values of odd length", ramp())
def _(bad: Path) -> None:
    spoil(bad, 0x00080060, b"CT ")
    for path in bad.iterdir():
        put(path, 0x0008103E, b"odd")
        put(path, 0x00200011, b"1")


@case("J43", "sequence without its delimiter", problem("damaged|cut off|pixel data", RAMP_SHAPE[0]))
def _(bad: Path) -> None:
    item = sequence(Element(0x00080100, b"SH", b"CODE").encoded(), defined=False)[0]
    for path in bad_ramp(bad):
        put(path, 0x00081032, item[:-8], b"SQ", length=UNDEFINED)


@case("J43", "reserved bytes of the pixel data that are not zero", ramp())
def _(bad: Path) -> None:
    for path in bad_ramp(bad):
        content = bytearray(path.read_bytes())
        at = content.rindex(b"\xe0\x7f\x10\x00OW") + 6
        content[at : at + 2] = b"\x00\x01"
        path.write_bytes(content)


@case("J43", "group length that is wrong", ramp())
def _(bad: Path) -> None:
    spoil(bad, 0x00280000, struct.pack("<I", 7), b"UL")


@case("J43", "length of the file meta information that is wrong", ramp())
def _(bad: Path) -> None:
    for path in bad_ramp(bad):
        content = bytearray(path.read_bytes())
        struct.pack_into("<I", content, 140, 77)
        path.write_bytes(content)


# --- J16-J23, J45: numbers -----------------------------------------------------------------------------------------

SPACING, SLOPE, INTERCEPT = 0x00280030, 0x00281053, 0x00281052
POSITION, ORIENTATION = 0x00200032, 0x00200037
UNKNOWN_SIZE: Final = "spacing|sizes"

for _value in (b"0\\0 ", b"NaN\\NaN ", b"-1\\-1 ", b"", b"2 ", b"abc\\def ", b"inf\\inf "):
    case("J16", f"PixelSpacing {_value.decode().strip() or 'empty'}", flat(UNKNOWN_SIZE))(
        spoiled(SPACING, _value)
    )


@case("J16", "no PixelSpacing", flat(UNKNOWN_SIZE))
def _(bad: Path) -> None:
    spoil(bad, SPACING, None)


@case("J17", "decimal comma", ramp("decimal comma"))
def _(bad: Path) -> None:
    spoil(bad, SPACING, b"2,0\\1,0 ")


for _value in (b"0 ", b"1e400 ", b"NaN ", b"-inf", b"1e308 ", b"abc "):
    case("J18", f"RescaleSlope {_value.decode().strip()}", ramp("raw values", unit=""))(
        spoiled(SLOPE, _value)
    )


@case("J18", "RescaleSlope empty", ramp("empty; 1 is used"))
def _(bad: Path) -> None:
    spoil(bad, SLOPE, b"")


@case("J18", "RescaleIntercept 1e300", ramp("raw values", unit=""))
def _(bad: Path) -> None:
    spoil(bad, INTERCEPT, b"1e300 ")


def alone_without_unit(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """Slice 2 is raw: it never shares a unit with the others."""
    apart((0, 1, 3, 4), (2,))(outcome, bad)
    units = {tuple(map(k_of, stack.files)): stack.unit for stack in bad[0].stacks}
    assert units[2,] == ""
    assert units[0, 1, 3, 4] == "HU"


@case("J18", "RescaleSlope 0 in one slice", alone_without_unit)
def _(bad: Path) -> None:
    put(bad_ramp(bad)[2], SLOPE, b"0 ")


@case("J18", "no RescaleIntercept in one slice", apart((0, 1, 3, 4), (2,)))
def _(bad: Path) -> None:
    put(bad_ramp(bad)[2], INTERCEPT, None)


def told_of_rescale(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """Every slice has its own values, and the reader is told that they are unusual."""
    stack = only_stack(bad)
    assert stack.digests == [ramp_digests(slope=1.0 + (k == 2))[k] for k in range(RAMP_SHAPE[0])]
    assert said(bad, "rescale differs between the slices")


@case("B01", "another RescaleSlope in one slice of a CT", told_of_rescale)
def _(bad: Path) -> None:
    put(bad_ramp(bad)[2], SLOPE, b"2 ")


def no_window(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """The window of the header is not offered."""
    assert only_stack(bad).windows == 0
    ramp("window|Window")(outcome, bad)


def _window(center: bytes, width: bytes) -> Writer:
    def write(bad: Path) -> None:
        for path in bad_ramp(bad):
            put(path, 0x00281050, center, b"DS")
            put(path, 0x00281051, width, b"DS")

    return write


for _value in (b"0 ", b"NaN ", b"-5", b"abc ", b"1e400 "):
    case("J19", f"WindowWidth {_value.decode().strip()}", no_window)(_window(b"40", _value))


def common_prefix(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """Two centres and three widths are two windows."""
    assert only_stack(bad).windows == 2
    ramp("window|Window")(outcome, bad)


case("J19", "unequal numbers of centres and widths", common_prefix)(_window(b"40\\600", b"80\\2800\\10"))

for _given in (None, b"", b"-10\\-20", b"NaN\\NaN\\NaN ", b"a\\b\\c ", b"1e400\\0\\0 "):
    case(
        "J20",
        f"ImagePositionPatient {'absent' if _given is None else _given.decode().strip() or 'empty'}",
        flat("[Nn]o spatial information|ImagePositionPatient"),
    )(spoiled(POSITION, _given))


def four_on_request(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """Rule A09: all five as pictures; the four located ones as a volume with a remark, on request only."""
    assert len(bad) == 1
    pictures, volume = bad[0].stacks
    assert not pictures.multiplanar
    assert sorted(pictures.digests) == sorted(ramp_digests())
    assert volume.on_request
    assert volume.uid not in outcome.opened
    assert volume.shape == [4, 6, 8]
    assert any("left out" in text for text in volume.warnings)


@case("J20", "ImagePositionPatient absent in one slice", four_on_request)
def _(bad: Path) -> None:
    put(bad_ramp(bad)[2], POSITION, None)


for _given in (
    None,
    b"0\\0\\0\\0\\0\\0 ",
    b"1\\0\\0\\0.7\\0.7\\0 ",
    b"1\\0\\0",
    b"NaN\\0\\0\\0\\1\\0 ",
    b"1\\0\\0\\1\\0\\0 ",
):
    case(
        "J21",
        f"ImageOrientationPatient {'absent' if _given is None else _given.decode().strip()}",
        flat("[Nn]o spatial information|ImageOrientationPatient"),
    )(spoiled(ORIENTATION, _given))

for _value in (b"12.0", b"99999999999 ", b"abc ", b"", b"NaN ", b"1e300 "):
    case("J22", f"InstanceNumber {_value.decode().strip() or 'empty'}", ramp())(spoiled(0x00200013, _value))


@case("J23", "Rows as decimal string", ramp())
def _(bad: Path) -> None:
    spoil(bad, 0x00280010, b"6 ", b"DS")


@case("J23", "Rows as text", refused("not a number", RAMP_SHAPE[0]))
def _(bad: Path) -> None:
    spoil(bad, 0x00280010, b"six ", b"LO")


@case("J23", "SamplesPerPixel as text", refused("not a number", RAMP_SHAPE[0]))
def _(bad: Path) -> None:
    spoil(bad, 0x00280002, b"BRAIN ", b"LO")


@case("J23", "pixel data as another kind of words", ramp())
def _(bad: Path) -> None:
    for k, path in enumerate(bad_ramp(bad)):
        put(path, 0x7FE00010, ramp_array()[k].tobytes(), b"OV" if k % 2 else b"UC")


@case("J23", "pixel data as short text", refused("no pixel data", RAMP_SHAPE[0]))
def _(bad: Path) -> None:
    for k, path in enumerate(bad_ramp(bad)):
        put(path, 0x7FE00010, ramp_array()[k].tobytes(), b"DS")


@case("J23", "PixelSpacing as binary doubles", ramp())
def _(bad: Path) -> None:
    spoil(bad, SPACING, struct.pack("<2d", 2.0, 1.0), b"FD")


@case("J45", "PixelSpacing 1e9", flat("pixel spacing .* not believable"))
def _(bad: Path) -> None:
    spoil(bad, SPACING, b"1e9\\1e9 ")


@case("J45", "positions of 1e9", flat("not believable"))
def _(bad: Path) -> None:
    for k, path in enumerate(bad_ramp(bad)):
        put(path, POSITION, b"0\\0\\%de9 " % k)


def never_a_volume(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """Pictures with their values, in one stack or several, with a remark and without other planes."""
    stacks = [stack for series in bad for stack in series.stacks]
    assert not any(stack.multiplanar for stack in stacks)
    assert sorted(one for stack in stacks for one in stack.digests) == sorted(ramp_digests())
    assert said(bad, "not believable|share a position")


@case("J45", "positions 1e-6 apart", never_a_volume)
def _(bad: Path) -> None:
    for k, path in enumerate(bad_ramp(bad)):
        value = b"0\\0\\%d.%06d" % (30, 10 * k)
        put(path, POSITION, value + b" " * (len(value) % 2))


# --- J25-J29: text -------------------------------------------------------------------------------------------------


def clean_names(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """What is shown of the patient and of the series is one short line."""
    for series in bad:
        for text in (series.patient, series.patient_id, series.description):
            assert printable(text), ascii(text)
            assert len(text) <= 256


@case("J25", "a name of 5000 characters with controls", ramp(), clean_names)
def _(bad: Path) -> None:
    name = ("Zyzzyva\x1b[31m\x07\n\u202e^Te\u2066st\x85" * 250).encode()
    assert len(name) > 5000
    spoil(bad, 0x00100010, name + b" " * (len(name) % 2))
    for path in bad.iterdir():
        put(path, 0x0008103E, "\x1b]0;owned\x07title\n\u202etpircs".encode() + b" ")


_JAPANESE = "Yamada^Tarou=山田^太郎=やまだ^たろう"
_NAMES: Final[tuple[tuple[str, str, bytes, bytes, str], ...]] = (
    # rule, what, SpecificCharacterSet, PatientName, what is shown
    (
        "J26",
        "ISO 2022 IR 87",
        b"\\ISO 2022 IR 87",
        _JAPANESE.encode("iso2022_jp"),
        "YAMADA, Tarou (山田 太郎)",
    ),
    (
        "J27",
        "ISO 2022 IR 13 and 87",
        b"ISO 2022 IR 13\\ISO 2022 IR 87",
        "ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis")
        + b"="
        + b"^".join(part.encode("iso2022_jp").replace(b"\x1b(B", b"\x1b(J") for part in ("山田", "太郎")),
        "ﾔﾏﾀﾞ, ﾀﾛｳ (山田 太郎)",
    ),
    ("J27", "GB18030", b"GB18030 ", "Wang^XiaoDong=王^小东".encode("gb18030"), "WANG, XiaoDong (王 小东)"),
    ("J27", "ISO_IR 192", b"ISO_IR 192", "Wang^XiaoDong=王^小東".encode(), "WANG, XiaoDong (王 小東)"),
    (
        "J27",
        "ISO 2022 IR 149",
        b"\\ISO 2022 IR 149 ",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "HONG, Gildong (洪 吉洞)",
    ),
    ("J27", "ISO_IR 144", b"ISO_IR 144", "Люкceмбypг".encode("iso8859_5"), "ЛЮКCEМБYPГ"),
    (
        "J28",
        "ISO 2022 IR 58",
        b"\\ISO 2022 IR 58",
        bytes.fromhex("5a68616e675e5869616f446f6e673d1b242941d5c55e1b242941d0a1b6ab3d"),
        "ZHANG, XiaoDong (张 小东)",
    ),
    ("J29", "Latin-1 without a declared set", b"", "Müller^Jörg".encode("latin_1"), "MÜLLER, Jörg"),
    ("J29", "UTF-8 without a declared set", b"", "Müller^Jörg".encode(), "MÜLLER, Jörg"),
    ("J29", "an unknown set", b"LATIN1", "Müller^Jörg".encode("latin_1"), "MÜLLER, Jörg"),
    ("J29", "invalid UTF-8", b"ISO_IR 192", b"M\xfcller^J", "M\ufffdLLER, J"),
)


for _rule, _what, _charset, _raw, _shown in _NAMES:

    def _write_name(bad: Path, charset: bytes = _charset, raw: bytes = _raw) -> None:
        path = bad_slice(bad)
        put(path, 0x00080005, _even(charset))
        put(path, 0x00100010, _even(raw))
        # A patient of their own, because the good series names the same one otherwise.
        put(path, 0x00100020, b"QWONCARY-8")

    case(_rule, f"name in {_what}", named(_shown))(_write_name)


# --- J30-J32: what does not belong together ------------------------------------------------------------------------


@case("J30", "copies of a slice", ramp("1 duplicate file ignored"))
def _(bad: Path) -> None:
    shutil.copy(bad_ramp(bad)[2], bad / "im0009.dcm")


def conflict(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """The first by name is used, the other one is a problem."""
    problem("other content")(outcome, bad)
    assert [Path(file).name for file, _ in outcome.problems] == ["im0009.dcm"]
    ramp("repeat", silent=False)(outcome, bad)


@case("J30", "one instance with two contents", conflict)
def _(bad: Path) -> None:
    shutil.copy(bad_ramp(bad)[2], bad / "im0009.dcm")
    put(bad / "im0009.dcm", 0x7FE00010, bytes(96))


@case("J30", "one instance at two positions", conflict)
def _(bad: Path) -> None:
    shutil.copy(bad_ramp(bad)[2], bad / "im0009.dcm")
    put(bad / "im0009.dcm", POSITION, b"-10\\-20\\-15 ")


@case("J30", "one instance with two slopes", conflict)
def _(bad: Path) -> None:
    shutil.copy(bad_ramp(bad)[2], bad / "im0009.dcm")
    put(bad / "im0009.dcm", SLOPE, b"2 ")


@case("J31", "two frames of reference in one series", apart((0, 1, 2), (3, 4)))
def _(bad: Path) -> None:
    for path in bad_ramp(bad)[3:]:
        put(path, 0x00200052, b"1.2.3.4 ")


_DISAGREEMENTS: Final[tuple[tuple[str, str, dict[int, bytes]], ...]] = (
    ("A02", "Rows", {0x00280010: struct.pack("<H", 3)}),
    ("A02", "Columns", {0x00280011: struct.pack("<H", 7)}),
    ("A02", "PixelSpacing", {SPACING: b"2.1\\1 "}),
    ("A02", "ImageOrientationPatient", {ORIENTATION: b"0.9998\\0.02\\0\\-0.02\\0.9998\\0 "}),
    ("B05", "PixelRepresentation", {0x00280103: b"\0\0"}),
    ("B05", "BitsStored", {0x00280101: struct.pack("<H", 12), 0x00280102: struct.pack("<H", 11)}),
    ("B16", "PhotometricInterpretation", {0x00280004: b"MONOCHROME1 "}),
    ("B04", "RescaleType", {0x00281054: b"US"}),
    ("B04", "no HU of a derived map", {0x00281054: b"mg/ml "}),
)

for _rule, _what, _changes in _DISAGREEMENTS:

    def _disagree(bad: Path, changes: dict[int, bytes] = _changes) -> None:
        path = bad_ramp(bad)[2]
        for tag, value in changes.items():
            put(path, tag, value)

    case(_rule, f"one slice disagrees in {_what}", apart((0, 1, 3, 4), (2,)))(_disagree)


@case("B03", "a modality table in one slice only", apart((0, 1, 3, 4), (2,)))
def _(bad: Path) -> None:
    table = b"".join(
        Element(tag, vr, value).encoded()
        for tag, vr, value in (
            (0x00283002, b"US", struct.pack("<3H", 4, 0, 16)),
            (0x00283004, b"LO", b"HU"),
            (0x00283006, b"US", struct.pack("<4H", 7, 8, 9, 10)),
        )
    )
    value, _ = sequence(table, defined=True)
    put(bad_ramp(bad)[2], 0x00283000, value, b"SQ")


def padding_of_one(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """The values of the other slices stay."""
    healthy = {
        k_of(file): one
        for stack in bad[0].stacks
        for file, one in zip(stack.files, stack.digests, strict=True)
        if k_of(file) != 2
    }
    assert healthy == {k: one for k, one in enumerate(ramp_digests()) if k != 2}


@case("B07", "one slice declares everything as padding", padding_of_one)
def _(bad: Path) -> None:
    path = bad_ramp(bad)[2]
    put(path, 0x00280120, struct.pack("<h", -32768), b"SS")
    put(path, 0x00280121, struct.pack("<h", 32767), b"SS")


def two_patients(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """One study, two patients: never in one stack."""
    assert sorted(series.patient_id for series in bad) == ["QWONCARY-7", "QWONCARY-8"]
    assert sorted(sum(len(stack.files) for stack in series.stacks) for series in bad) == [2, 3]


@case("J32", "two patients in one series", two_patients, note("2 patients"), note("more than one patient"))
def _(bad: Path) -> None:
    for path in bad_ramp(bad)[3:]:
        put(path, 0x00100020, b"QWONCARY-8")


@case("J32", "one patient under two names", note("different names"))
def _(bad: Path) -> None:
    bad_slice(bad, PatientName="Zyzzyva^Other")


# --- J33-J41: the file system --------------------------------------------------------------------------------------


@case("J33", "loops of links", not_dicom(0), note("links were not followed"))
def _(bad: Path) -> None:
    inner = bad / "inner"
    inner.mkdir()
    (inner / "up").symlink_to(bad, target_is_directory=True)
    (bad / "self").symlink_to(bad / "self")
    (bad / "root").symlink_to("/", target_is_directory=True)


@case("J33", "hard links", ramp("5 duplicate files ignored"))
def _(bad: Path) -> None:
    other = bad / "other"
    paths = bad_ramp(bad)
    other.mkdir()
    for path in paths:
        os.link(path, other / path.name)


@case("J33", "folders nested too deep", problem("nested deeper"))
def _(bad: Path) -> None:
    deep = bad.joinpath(*["d"] * 40)
    deep.mkdir(parents=True)
    (deep / "text").write_text("unseen")


@case("J37", "a pipe and a socket", not_dicom(0), note("devices, pipes or sockets were skipped"))
def _(bad: Path) -> None:
    os.mkfifo(bad / "pipe.dcm")
    here = Path.cwd()
    os.chdir(bad)  # the name of a socket may have no more than some hundred characters
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket.dcm")
    finally:
        os.chdir(here)


def _zip(path: Path, members: dict[str, bytes]) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
    for file in sorted((path.parent.parent / "good").iterdir()):
        archive.write(file, f"good/{file.name}")
    for name, content in members.items():
        archive.writestr(zipfile.ZipInfo(name), content)
    return archive


def nothing_outside(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """No member of the archive was written where its name leads."""
    assert not Path("/tmp/triptych-evil").exists()
    assert not bad


def refused_alone(pattern: str) -> Check:
    """The one file that was opened ends in words, and nothing is shown."""

    def check(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
        texts = [outcome.failure, *(reason for _, reason in outcome.problems)]
        assert any(re.search(pattern, text) for text in texts), texts
        assert not bad
        little_memory(outcome, bad)

    return check


@case("J38", "a zip with names that lead out of it", problem("leads out", 3), nothing_outside)
def _(bad: Path) -> Path:
    names = ("../triptych-evil", "/tmp/triptych-evil", "a\\..\\..\\triptych-evil")
    with _zip(bad / "study.zip", dict.fromkeys(names, b"evil")):
        pass
    return bad / "study.zip"


@case("J38", "a zip with a damaged member of every method", problem("damaged|cannot be read", 3))
def _(bad: Path) -> Path:
    path = bad / "study.zip"
    content = random.Random(4).randbytes(2000)
    with _zip(path, {}) as archive:
        for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            archive.writestr(f"member{method}", content * 3, method)
        places = [
            (info.header_offset + 30 + len(info.filename), info.compress_size)
            for info in archive.infolist()
            if info.filename.startswith("member")
        ]
    data = bytearray(path.read_bytes())
    for start, size in places:
        for at in range(start + 4, start + size, 11):
            data[at] ^= 0x5A
    path.write_bytes(data)
    return path


@case("J38", "a zip with a member packed by an unknown method", problem("cannot be read"))
def _(bad: Path) -> Path:
    path = bad / "study.zip"
    with _zip(path, {"strange": b"x" * 100}) as archive:
        offset = archive.getinfo("strange").header_offset
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, offset + 8, 99)
    central = data.rindex(b"PK\x01\x02")
    struct.pack_into("<H", data, central + 10, 99)
    path.write_bytes(data)
    return path


@case("J38", "a zip of an unknown version", refused_alone("cannot be read"), alone=True)
def _(bad: Path) -> Path:
    path = bad / "study.zip"
    with _zip(path, {}):
        pass
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<H", data, at + 6, 84)
    path.write_bytes(data)
    return path


@case("J38", "a zip bomb beside images", problem("100 times its size"))
def _(bad: Path) -> Path:
    path = bad / "study.zip"
    with _zip(path, {}) as archive:
        archive.writestr("filler", random.Random(5).randbytes(1 << 20), zipfile.ZIP_STORED)
        archive.writestr("bomb", bytes(100 << 20), zipfile.ZIP_DEFLATED)
    return path


@case("J39", "strange names", ramp())
def _(bad: Path) -> None:
    names = (
        b"\xf0\x9f\x98\x80 .dcm",
        b"a" * 240,
        "\u202egnp.exe".encode(),
        b"'\"$(touch x);",
        b"bad\xff\xfe.dcm.",
    )
    for path, name in zip(bad_ramp(bad), names, strict=True):
        Path(os.fsdecode(os.path.join(os.fsencode(bad), name))).write_bytes(path.read_bytes())  # noqa: PTH118
        path.unlink()


@case("J39", "problems with strange names", refused("no pixel data", 3))
def _(bad: Path) -> None:
    path = bad_slice(bad)
    put(path, 0x7FE00010, None)
    content = path.read_bytes()
    path.unlink()
    for name in (b"\xff\xfe", b"line\nbreak\x1b[31m", "\u202egnp".encode()):
        Path(os.fsdecode(os.path.join(os.fsencode(bad), name))).write_bytes(content)  # noqa: PTH118


@case("J39", "a path of 2000 characters", ramp())
def _(bad: Path) -> None:
    folder = bad.joinpath(*["x" * 200] * 10)
    folder.mkdir(parents=True)
    bad_ramp(folder)


@case("J40", "unknown class", ramp())
def _(bad: Path) -> None:
    spoil(bad, 0x00080016, b"1.2.840.99999.1 ")


@case("J40", "retired big endian", ramp())
def _(bad: Path) -> None:
    bad_ramp(bad, transfer_syntax=ExplicitVRBigEndian)


def write_media_directory(path: Path, names: list[list[str]]) -> None:
    """A DICOMDIR with a record for each ReferencedFileID (PS3.3 F.3)."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = UID("2.25.1")
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    records = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            record = Dataset()
            record.DirectoryRecordType = "IMAGE"
            record.ReferencedFileID = name
            records.append(record)
        dataset.DirectoryRecordSequence = records
        dataset.save_as(path, enforce_file_format=True)


@case("J41", "DICOMDIR that names files outside", problem("1 of 6 files that the DICOMDIR names is missing"))
def _(bad: Path) -> Path:
    secret = bad_slice(bad / "secret")
    disc = bad.parent / "good"
    path = disc / "DICOMDIR"
    names = [[file.name.upper()] for file in sorted(disc.iterdir())]
    write_media_directory(path, [*names, ["..", "bad", "secret", secret.name]])
    return path


@case("J41", "DICOMDIR that is garbage", problem("DICOMDIR"))
def _(bad: Path) -> Path:
    path = bad.parent / "good" / "DICOMDIR"
    path.write_bytes(bytes(128) + b"DICM" + random.Random(6).randbytes(500))
    return path


@case("J42", "file meta information says implicit", ramp())
def _(bad: Path) -> None:
    for path in bad_ramp(bad):
        content = path.read_bytes()
        length = len(ExplicitVRLittleEndian) + 1
        path.write_bytes(
            content.replace(
                ExplicitVRLittleEndian.encode() + b"\0", ImplicitVRLittleEndian.encode().ljust(length, b"\0")
            )
        )


@case("J42", "raw pixels called compressed", corrupt(None, "compressed|fragments|offset table"))
def _(bad: Path) -> None:
    for path in bad_ramp(bad):
        put(path, 0x7FE00010, path.read_bytes()[-96:])
        content = path.read_bytes()
        path.write_bytes(content.replace(ExplicitVRLittleEndian.encode() + b"\0", b"1.2.840.10008.1.2.5\0"))


@case("J42", "fragments called raw", corrupt(None, "fragments"))
def _(bad: Path) -> None:
    for path in bad_ramp(bad, transfer_syntax=RLELossless):
        content = path.read_bytes()
        path.write_bytes(content.replace(RLELossless.encode() + b"\0", b"1.2.840.10008.1.2.1\0"))


@case("J42", "JPEG 2000 called JPEG baseline", corrupt(None, "frame header|damaged"))
def _(bad: Path) -> None:
    for path in bad_ramp(bad, transfer_syntax=JPEG2000Lossless):
        content = path.read_bytes()
        path.write_bytes(content.replace(JPEG2000Lossless.encode(), JPEGBaseline8Bit.encode()))


# --- J46-J49: other objects ------------------------------------------------------------------------------------------


def gap_is_kept(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """Seven slices of two beds: the wide interval holds no data, everything keeps its position."""
    stack = only_stack(bad)
    assert stack.multiplanar
    assert stack.gaps == [3]
    heights = [corner[2] for corner in stack.corners_mm]
    np.testing.assert_allclose(np.diff(heights), [3.5, 3.5, 3.5, 17.5, 3.5, 3.5], atol=1e-3)
    assert any("hold no data" in text for text in stack.warnings)


@case("J46", "two beds with a gap between them", gap_is_kept)
def _(bad: Path) -> None:
    changes: dict[str, Any] = {
        "ImagePositionPatient": lambda k: [-16.0, -24.0, -34.5 + 3.5 * k + 14.0 * (k > 3)],
        **IDENTITY,
    }
    write_pet(bad, uid_seed="bad", **changes)


def _object(path: Path, sop_class: UID, modality: str) -> Dataset:
    dataset = pydicom.dcmread(bad_slice(path.parent))
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(dataset, keyword)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = sop_class
    dataset.Modality = modality
    for file in path.parent.iterdir():
        file.unlink()
    return dataset


@case("J47", "structures of images that are not there", listed("structures"))
def _(bad: Path) -> None:
    dataset = _object(bad / "rs.dcm", RTStructureSetStorage, "RTSTRUCT")
    reference = Dataset()
    reference.FrameOfReferenceUID = "1.2.3.4"
    dataset.ReferencedFrameOfReferenceSequence = [reference]
    dataset.save_as(bad / "rs.dcm")


@case("J47", "a segmentation of images that are not there", listed("segmentation"))
def _(bad: Path) -> None:
    dataset = _object(bad / "seg.dcm", SegmentationStorage, "SEG")
    reference = Dataset()
    reference.SeriesInstanceUID = "1.2.3.4"
    dataset.ReferencedSeriesSequence = [reference]
    dataset.save_as(bad / "seg.dcm")


@case("J48", "structures of half a million points", listed("structures"))
def _(bad: Path) -> None:
    dataset = _object(bad / "rs.dcm", RTStructureSetStorage, "RTSTRUCT")
    dataset.save_as(bad / "rs.dcm")
    points = b"\\".join(b"%d\\%d\\0" % (n % 500, n % 300) for n in range(500_000))
    contours = b"".join(
        struct.pack("<HHI", 0xFFFE, 0xE000, len(one)) + one
        for one in (
            Element(0x30060050, b"UN", _even(value)).encoded()
            for value in (points, b"1\\2\\3", b"1\\2\\3\\4\\5\\6")
        )
    )
    value, _ = sequence(Element(0x30060040, b"SQ", contours).encoded(), defined=True)
    put(bad / "rs.dcm", 0x30060039, value, b"SQ")


class _Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (Path.touch, (self._path,))


def not_unpickled(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """Nothing in the files has run."""
    assert not TRAP.exists()


TRAP: Final = Path("/tmp/triptych-unpickled")


@case("J49", "pickles beside images", not_dicom(3), not_unpickled)
def _(bad: Path) -> None:
    trap = _Trap(TRAP)
    (bad / "ct.pkl").write_bytes(pickle.dumps(trap))
    (bad / "ct.pickle.dcm").write_bytes(pickle.dumps(trap))
    np.save(bad / "ct.npy", np.array([trap], dtype=object), allow_pickle=True)


@case(
    "J49", "an array of objects opened by itself", refused_alone("object|numbers"), not_unpickled, alone=True
)
def _(bad: Path) -> Path:
    np.save(bad / "ct.npy", np.array([_Trap(TRAP)], dtype=object), allow_pickle=True)
    return bad / "ct.npy"


@case(
    "J49",
    "an array that announces more than the file holds",
    refused_alone("announces|holds|bytes|short"),
    alone=True,
)
def _(bad: Path) -> Path:
    np.save(bad / "ct.npy", np.zeros((2, 3, 4), np.int16))
    content = (bad / "ct.npy").read_bytes()
    (bad / "ct.npy").write_bytes(
        content.replace(b"(2, 3, 4), }" + b" " * 12, b"(9999, 9999, 9999), }".ljust(24))
    )
    return bad / "ct.npy"


def _nifti(shape: tuple[int, int, int]) -> bytes:
    """Header of a NIfTI-1 file of int16 (nifti1.h)."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *shape, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 0, 0, 0, 0)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    return bytes(header)


@case(
    "J10", "a NIfTI of 32767 voxels a side", refused_alone("announces|holds|bytes|short|memory"), alone=True
)
def _(bad: Path) -> Path:
    (bad / "ct.nii").write_bytes(_nifti((32767, 32767, 32767)) + bytes(1000))
    return bad / "ct.nii"


@case(
    "J14",
    "a packed NIfTI of 32767 voxels a side",
    refused_alone("announces|holds|bytes|short|memory"),
    alone=True,
)
def _(bad: Path) -> Path:
    (bad / "ct.nii.gz").write_bytes(gzip.compress(_nifti((32767, 32767, 32767)) + bytes(1000)))
    return bad / "ct.nii.gz"


@case("J14", "a packed NIfTI that goes on for ever", little_memory, alone=True)
def _(bad: Path) -> Path:
    (bad / "ct.nii.gz").write_bytes(gzip.compress(_nifti((4, 3, 2)) + bytes(300 << 20), 1))
    return bad / "ct.nii.gz"


# --- Many of a thing -------------------------------------------------------------------------------------------------


def told_apart(outcome: Outcome, bad: list[SeriesOutcome]) -> None:
    """Shown one after the other, since they form no volume."""
    assert not only_stack(bad).multiplanar


@case("A02", "four thousand directions in one object", told_apart)
def _(bad: Path) -> None:
    path = bad_slice(bad)
    _huge(path, 2, 2)
    frames = 4000
    directions = np.random.default_rng(7).normal(size=(frames, 2, 3))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    items = []
    for n in range(frames):
        across = directions[n, 0]
        down = np.cross(across, directions[n, 1])
        down /= np.linalg.norm(down)
        values = b"\\".join(b"%.8f" % value for value in (*across, *down))
        items.append(_groups((0x00209113, POSITION, b"0\\0\\%d" % n), (0x00209116, ORIENTATION, values)))
    put(path, POSITION, None)
    put(path, ORIENTATION, None)
    put(path, 0x00080016, b"1.2.840.10008.5.1.4.1.1.2.1\0")
    put(path, 0x00280008, b"%d" % frames, b"IS")
    put(path, 0x52009230, b"".join(items), b"SQ")
    put(path, 0x7FE00010, bytes(8 * frames))


def _groups(*groups: tuple[int, int, bytes]) -> bytes:
    """An item of functional groups that hold one element each (PS3.3 C.7.6.16)."""
    content = b""
    for group, tag, value in groups:
        content += Element(
            group, b"SQ", sequence(Element(tag, b"DS", _even(value)).encoded(), defined=True)[0]
        ).encoded()
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


@case("A13", "a thousand slices at one position", problem("", 0))
def _(bad: Path) -> None:
    array = np.zeros((1000, 2, 2), np.int16)
    write_series(bad, array, np.eye(4), positions_mm=np.zeros((1000, 3)), uid_seed="bad", **IDENTITY)
