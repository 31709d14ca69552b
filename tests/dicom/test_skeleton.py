"""Headers read with the help of the file before are those read without it, for regular, odd and damaged files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import RealData
from tests.phantoms import ramp_affine, write_pet, write_series
from viewer.dicom import fast_header, recurring, skeleton
from viewer.dicom.fast_header import UnusualError
from viewer.dicom.header import PIXEL_DATA, Header

ROUNDS = int(os.environ.get("TRIPTYCH_FUZZ_HEADERS", "1500"))
IMPLICIT = "1.2.840.10008.1.2"
SEGMENTATION = b"1.2.840.10008.5.1.4.1.1.66.4"
REAL_SETS = ("petct-acrin", "head-philips", "ct-tilt-ge", "sts-a", "mr-sella", "zoo-a", "broken-a")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No memory of other tests."""
    monkeypatch.setattr(fast_header, "_skeletons", skeleton.Skeletons())
    monkeypatch.setattr(recurring, "_last", {})


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with each header that is walked."""
    counted: list[int] = []
    walk = fast_header.parse

    def parse(buffer: bytes, *, complete: bool) -> fast_header.Parsed:
        counted.append(len(buffer))
        return walk(buffer, complete=complete)

    monkeypatch.setattr(fast_header, "parse", parse)
    return counted


@pytest.fixture
def wholes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Grows with each header of which every field is read."""
    counted: list[Path] = []
    build = Header.from_elements

    def from_elements(path: Path, *given: object) -> Header:
        counted.append(path)
        return build(path, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Header, "from_elements", from_elements)
    return counted


_parse, _from_elements = fast_header.parse, Header.from_elements


def alone(content: bytes) -> Header | None:
    """The header as if no file had been read before."""
    if content[128:132] != b"DICM":
        return None
    try:
        return _from_elements(Path("memory"), len(content), *_parse(content, complete=True))
    except UnusualError:
        return None


def same(one: Header | None, other: Header | None) -> bool:
    """Equal in every field, NaN included."""
    return repr(one) == repr(other)


def series(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]


def write_many(folder: Path, **given: Any) -> None:
    """30 slices with numbers of one and two digits and UIDs of several lengths."""
    tags: dict[str, Any] = {
        "SeriesDescription": "plain",
        "RescaleSlope": "1",
        "RescaleIntercept": "0",
        **given,
    }
    write_series(folder, np.zeros((30, 3, 4), np.int16), ramp_affine(), **tags)


@pytest.fixture
def explicit(tmp_path: Path) -> list[bytes]:
    write_many(tmp_path / "explicit")
    return series(tmp_path / "explicit")


def put(content: bytes, tag: int, value: bytes) -> bytes:
    """The file with another value of an element of a short representation (explicit little endian)."""
    place = next(
        place for place in fast_header._places_of(content, _parse(content, complete=True)) if place.tag == tag
    )
    length = len(value).to_bytes(4 if place.long else 2, "little")
    return content[: place.length_at] + length + value + content[place.end :]


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", IMPLICIT])
def test_that_files_of_a_series_are_walked_until_their_skeleton_is_known(
    tmp_path: Path, walks: list[int], wholes: list[Path], syntax: str
) -> None:
    write_many(tmp_path / "ct", transfer_syntax=syntax)
    files = series(tmp_path / "ct")
    headers = [fast_header.read_bytes(content) for content in files]
    assert all(same(header, alone(content)) for header, content in zip(headers, files, strict=True))
    assert len({len(content) for content in files}) > 2
    assert len(walks) == 2  # the second teaches
    assert len(wholes) == 1


def test_that_a_rescale_and_times_of_each_slice_are_read_anew(tmp_path: Path, wholes: list[Path]) -> None:
    write_many(tmp_path / "pet", modality="PT")
    files = series(tmp_path / "pet")
    for n, content in enumerate(files):
        files[n] = put(put(content, 0x00281053, b"1.%02d" % n), 0x00281052, b"-%d" % (n % 10))
    headers = [fast_header.read_bytes(content) for content in files]
    assert [header.slope for header in headers if header] == [float(f"1.{n:02d}") for n in range(len(files))]
    assert all(same(header, alone(content)) for header, content in zip(headers, files, strict=True))
    assert len(wholes) == 1


@pytest.mark.parametrize(
    "tag,value",
    [
        (0x00100010, b"Someone^Else"),
        (0x00080005, b"ISO_IR 192"),
        (0x00080016, b"1.2.840.10008.5.1.4.1.1.66.4"),
        (0x00280010, b"\x05\x00"),
        (0x00280103, b"\x00\x00"),
        (0x00200032, b"1\\2"),
        (0x00200032, b"1,5\\2\\3"),
        (0x00200032, b""),
        (0x00281053, b""),
        (0x00281053, b"nan "),
        (0x00200013, b"12.0"),
        (0x00080018, b"1.2.3 "),
        (0x0020000E, b"1.2.840.99999"),
    ],
)
def test_that_one_file_that_differs_anywhere_is_what_it_says(
    explicit: list[bytes], tag: int, value: bytes
) -> None:
    try:
        odd = put(explicit[5], tag, value)
    except StopIteration:
        pytest.fail("the series lacks the element")
    for content in (*explicit[:4], odd, *explicit[6:]):
        assert same(fast_header.read_bytes(content), alone(content))


def test_that_a_tag_which_changes_from_file_to_file_is_learned(
    explicit: list[bytes], walks: list[int]
) -> None:
    """Other than what usually varies: here the text of the protocol, which the header keeps, and longer each time."""
    files = [put(content, 0x0008103E, b"scan" * (n + 1)) for n, content in enumerate(explicit)]
    headers = [fast_header.read_bytes(content) for content in files]
    assert [header.series_description for header in headers if header] == [
        "scan" * (n + 1) for n in range(len(files))
    ]
    assert len(walks) <= 5


def test_that_a_series_that_never_fits_is_not_learned_for_ever(
    explicit: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sequence of undefined length that differs in every file belongs to no skeleton."""
    learned: list[int] = []
    places_of = fast_header._places_of

    def places(content: bytes, parsed: fast_header.Parsed) -> tuple[skeleton.Place, ...]:
        learned.append(1)
        return places_of(content, parsed)

    monkeypatch.setattr(fast_header, "_places_of", places)
    for n in range(60):
        content = explicit[n % len(explicit)]
        item = b"\xfe\xff\x00\xe0\x08\x00\x00\x00" + b"%08d" % n
        sequence = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff" + item + b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
        behind = next(p for p in places_of(content, _parse(content, complete=True)) if p.tag > 0x00081140)
        at = behind.length_at - (8 if behind.long else 6)
        odd = content[:at] + sequence + content[at:]
        header = fast_header.read_bytes(odd)
        assert header is not None
        assert same(header, alone(odd))
    assert len(learned) <= skeleton.MOST_MISSES


def test_that_series_mixed_in_one_folder_are_told_apart(tmp_path: Path, walks: list[int]) -> None:
    write_many(tmp_path / "a", uid_seed="a")
    write_many(tmp_path / "b", uid_seed="b", PatientName="Other")
    mixed = [c for pair in zip(series(tmp_path / "a"), series(tmp_path / "b"), strict=True) for c in pair]
    for content in mixed:
        assert same(fast_header.read_bytes(content), alone(content))
    assert len(walks) == len(mixed)  # each is tried as one of the other series first


def test_that_memory_is_bounded_over_many_series(explicit: list[bytes]) -> None:
    for n in range(3 * skeleton.MOST_SERIES):
        for content in explicit[:3]:
            fast_header.read_bytes(put(content, 0x0020000E, b"1.2.%04d" % n))
    assert len(fast_header._skeletons._known) <= skeleton.MOST_SERIES
    assert len(recurring._last) <= recurring.MOST_SERIES


def damaged(rng: np.random.Generator, content: bytes) -> bytes:
    """One small damage in the header."""
    data = bytearray(content)
    at = int(rng.integers(128, min(len(data), 4000)))
    kind = rng.integers(0, 6)
    if kind == 0:
        data[at] ^= 1 << int(rng.integers(0, 8))
    elif kind == 1:
        data[at : at + 4] = rng.bytes(4)
    elif kind == 2:
        del data[at : at + int(rng.integers(1, 9))]
    elif kind == 3:
        data[at:at] = rng.bytes(int(rng.integers(1, 9)))
    elif kind == 4:
        del data[at:]
    else:
        data[at] = int(rng.integers(0x30, 0x3A))  # digits: most often another value that makes sense
    return bytes(data)


def interleaved(files: list[bytes], rounds: int) -> Iterator[bytes]:
    """Files in their order, each damaged one after two sound ones, so that the skeleton is that of its series."""
    rng = np.random.default_rng(7)
    for n in range(rounds):
        yield files[n % len(files)]
        yield files[(n + 1) % len(files)]
        yield damaged(rng, files[(n + 2) % len(files)])


@pytest.mark.parametrize(
    "make",
    [
        write_many,
        lambda folder: write_many(folder, transfer_syntax=IMPLICIT),
        write_pet,
    ],
    ids=["explicit", "implicit", "PET"],
)
def test_that_damaged_files_among_sound_ones_are_read_as_they_are(
    tmp_path: Path, walks: list[int], make: Callable[[Path], object]
) -> None:
    make(tmp_path / "files")
    read = 0
    for content in interleaved(series(tmp_path / "files"), ROUNDS // 3):
        header = fast_header.read_bytes(content)
        assert same(header, alone(content))
        read += header is not None
    assert len(walks) < read  # skeletons were tried, and fitted


@pytest.mark.parametrize("name", REAL_SETS)
def test_that_real_files_and_their_damaged_siblings_are_read_as_they_are(
    name: str, real_data: RealData
) -> None:
    files = [content[:100_000] for content in series(real_data(name))[:200]]
    for content in files:
        assert same(fast_header.read_bytes(content), alone(content))
    for content in interleaved(files, ROUNDS // 10):
        assert same(fast_header.read_bytes(content), alone(content))


def test_that_every_field_of_a_varying_element_comes_from_it_alone(explicit: list[bytes]) -> None:
    """Changing an element changes the fields that are named for it, and no other."""
    elements, pixel, sequences = _parse(explicit[0], complete=True)
    assert pixel[0] == PIXEL_DATA
    other = {
        0x0008002A: b"20200102030405",
        0x00080018: b"1.2.3.4 ",
        0x00200032: b"7\\8\\9 ",
    }
    for tag, fields in recurring.VARYING.items():
        changed = {**elements, tag: other.get(tag, b"77")}
        plain = _from_elements(Path("memory"), 1, {**elements, tag: b""}, pixel, sequences)
        new = _from_elements(Path("memory"), 1, changed, pixel, sequences)
        differing = {
            name
            for name in Header.__dataclass_fields__
            if repr(getattr(plain, name)) != repr(getattr(new, name)) and name != "warnings"
        }
        assert differing == {name for name, _ in fields}, hex(tag)


def sound_then(explicit: list[bytes], odd: bytes) -> None:
    """After files that teach the skeleton, an odd one is what it is, and so are those behind it."""
    for content in (*explicit[:4], odd, *explicit[4:8]):
        assert same(fast_header.read_bytes(content), alone(content))


def test_that_a_length_of_the_file_meta_information_that_does_not_fit_is_noticed(
    explicit: list[bytes],
) -> None:
    odd = put(explicit[4], 0x00020003, b"1.2.3.4.")
    assert alone(odd) is None
    sound_then(explicit, odd)


def test_that_a_sequence_that_only_one_file_has_is_noticed(explicit: list[bytes]) -> None:
    at = _parse(explicit[4], complete=True)[1][1] - 12
    odd = explicit[4][:at] + b"\x28\x00\x10\x30SQ\0\0\0\0\0\0" + explicit[4][at:]
    header = alone(odd)
    assert header is not None
    assert header.sequences == {0x00283010}
    sound_then(explicit, odd)


def test_that_another_element_in_the_place_of_one_is_noticed(explicit: list[bytes]) -> None:
    elements = _parse(explicit[4], complete=True)[0]
    assert {tag for tag in elements if 0x00281053 < tag <= 0x00281056} == {0x00281054}
    odd = explicit[4].replace(b"\x28\x00\x54\x10LO\x02\x00HU", b"\x28\x00\x56\x10CS\x02\x00HU")
    header = alone(odd)
    assert header is not None
    assert (header.rescale_type, header.window_function) == ("", "HU")
    sound_then(explicit, odd)


def test_that_an_object_without_pictures_among_pictures_of_two_kinds_is_read_as_one(
    explicit: list[bytes],
) -> None:
    """What kind of object it is decides how far a file is read, so it is never taken for something that varies."""
    kinds = (b"1.2.840.10008.5.1.4.1.1.4\0", b"1.2.840.10008.5.1.4.1.1.2\0", SEGMENTATION)
    for n, content in enumerate(explicit):
        changed = put(content, 0x00080016, kinds[0 if n < 4 else 1 if n < 8 else 2])
        assert same(fast_header.read_bytes(changed), alone(changed))
