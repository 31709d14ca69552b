"""Header readers: equal to pydicom on real and damaged files, and a sentence for every kind of damage (J01-J24)."""

from __future__ import annotations

import os
import socket
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import RLELossless

from tests.conftest import RealData
from tests.phantoms import ramp_affine, ramp_array, write_ramp, write_series
from viewer.dicom import fast_header
from viewer.dicom.header import WANTED, Header
from viewer.dicom.read import read_header
from viewer.dicom.slow_header import extract, open_dataset, read_with_pydicom
from viewer.errors import NotDicomError, ViewerError

ROUNDS = int(os.environ.get("TRIPTYCH_FUZZ_HEADERS", "1500"))
"""Damaged headers per run; a longer run is one variable away."""
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LARGEST_DAMAGED = 700_000
"""Larger files would only take longer: damage is done to the first kilobytes."""
REAL_SETS = (
    "petct-acrin",
    "head-philips",
    "ct-tilt-ge",
    "mf-a",
    "sts-a",
    "mr-sella",
    "mr-12bit",
    "zoo-a",
    "broken-a",
    "dicomdir",
    "seg-small",
)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _both(content: bytes) -> tuple[Header | None, Header | None]:
    """What the quick and the general reader make of the same bytes; None where one passes or refuses."""
    fast = fast_header.read_bytes(content)
    try:
        slow: Header | None = read_with_pydicom(content, Path("memory"), len(content))
    except (ViewerError, OSError):
        slow = None
    return fast, slow


def _differences(fast: Header, slow: Header) -> list[str]:
    names = Header.__dataclass_fields__
    return [
        f"{name}: {getattr(fast, name)!r} != {getattr(slow, name)!r}"
        for name in names
        if repr(getattr(fast, name)) != repr(getattr(slow, name))
    ]


@pytest.mark.parametrize("name", REAL_SETS)
def test_that_both_readers_agree_on_every_real_file(name: str, real_data: RealData) -> None:
    taken = 0
    for path in _files(real_data(name)):
        content = path.read_bytes()
        fast = fast_header.read_bytes(content)
        if fast is None:
            continue
        taken += 1
        slow = read_with_pydicom(content, Path("memory"), len(content))
        assert not _differences(fast, slow), path.name
    # The quick reader must take the files it was made for, not pass everything on.
    assert taken > 0


def test_that_a_header_longer_than_the_first_read_is_read_in_pieces(real_data: RealData) -> None:
    for path in _files(real_data("head-philips")):
        with path.open("rb") as stream:
            size = path.stat().st_size
            fast = fast_header.read_descriptor(stream.fileno(), path, size)
        whole = fast_header.read_bytes(path.read_bytes())
        assert (fast is None) == (whole is None)
        if fast is not None and whole is not None:
            assert {d.split(":")[0] for d in _differences(fast, whole)} <= {"path"}


def _mutated(rng: np.random.Generator, content: bytes) -> bytes:
    """One small damage in the header."""
    data = bytearray(content)
    end = min(len(data), 4000)
    kind = rng.integers(0, 5)
    at = int(rng.integers(132, end))
    if kind == 0:
        data[at] = int(rng.integers(0, 256))
    elif kind == 1:
        data[at : at + 4] = rng.bytes(4)
    elif kind == 2:
        del data[at : at + int(rng.integers(1, 9))]
    elif kind == 3:
        data[at:at] = rng.bytes(int(rng.integers(1, 9)))
    else:
        del data[at:]
    return bytes(data)


def _compare_damaged(originals: list[bytes]) -> None:
    rng = np.random.default_rng(20)
    compared = 0
    for n in range(ROUNDS):
        fast, slow = _both(_mutated(rng, originals[n % len(originals)]))
        if fast is None:
            continue
        assert slow is not None, n
        compared += 1
        assert not _differences(fast, slow), n
    assert compared > ROUNDS // 5


def test_that_both_readers_agree_on_damaged_headers(tmp_path: Path) -> None:
    write_ramp(tmp_path / "explicit")
    write_ramp(tmp_path / "implicit", transfer_syntax="1.2.840.10008.1.2")
    write_ramp(tmp_path / "object", SOPClassUID=SEGMENTATION)
    folders = [tmp_path / kind for kind in ("explicit", "implicit", "object")]
    _compare_damaged([(folder / "im0001.dcm").read_bytes() for folder in folders])


def test_that_both_readers_agree_on_damaged_headers_of_real_files(real_data: RealData) -> None:
    originals = []
    for name in REAL_SETS:
        files = _files(real_data(name))
        for path in files[:: max(1, len(files) // 15)]:
            content = path.read_bytes() if path.stat().st_size < LARGEST_DAMAGED else b""
            if fast_header.read_bytes(content) is not None:
                originals.append(content)
    assert len(originals) > 50
    _compare_damaged(originals)


@pytest.mark.parametrize("nested", [False, True])
def test_that_both_readers_agree_on_numbers_that_claim_to_be_a_sequence(nested: bool, tmp_path: Path) -> None:
    """Implicit encoding names no representation: of what an undefined length means, the dictionary decides."""
    content = _ramp_file(tmp_path, transfer_syntax="1.2.840.10008.1.2").read_bytes()
    item, delimiters = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF), b""
    for element in (0xE00D, 0xE0DD):
        delimiters += struct.pack("<HHI", 0xFFFE, element, 0)
    odd = struct.pack("<HHI", 0x0018, 0x9004 if nested else 0x9005, 0xFFFFFFFF) + item + delimiters
    whole = struct.pack("<HHI", 0x0018, 0x9006, 0xFFFFFFFF) + item + odd + delimiters if nested else odd
    at = content.index(struct.pack("<HH", 0x0020, 0x000D))
    fast, slow = _both(content[:at] + whole + content[at:])
    assert fast is None
    assert slow is not None


@pytest.mark.parametrize("group", [0x50, 0x7F])
def test_that_a_tag_damaged_to_a_high_one_does_not_hide_the_patient_of_an_object(
    group: int, tmp_path: Path
) -> None:
    content = _ramp_file(tmp_path, SOPClassUID=SEGMENTATION, PatientID="ID7").read_bytes()
    modality = b"\x08\x00\x60\x00CS"
    assert content.count(modality) == 1
    header = read_header(content.replace(modality, bytes([8, group]) + modality[2:]))
    assert header.patient_id == "ID7"
    assert header.study_uid


def test_that_values_equal_those_pydicom_converts(real_data: RealData) -> None:
    checked = 0
    for path in [*_files(real_data("ct-tilt-ge")), *_files(real_data("petct-acrin"))[::9]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
        header = read_header(path)
        if "ImagePositionPatient" not in dataset:
            continue
        checked += 1
        assert header.position_mm == pytest.approx(tuple(map(float, dataset.ImagePositionPatient)), abs=0)
        assert header.orientation == pytest.approx(tuple(map(float, dataset.ImageOrientationPatient)), abs=0)
        assert header.pixel_spacing_mm == pytest.approx(tuple(map(float, dataset.PixelSpacing)), abs=0)
        assert (header.rows, header.columns) == (dataset.Rows, dataset.Columns)
        assert header.slope == pytest.approx(float(dataset.RescaleSlope), abs=0)
        assert header.sop_instance == dataset.SOPInstanceUID
        assert header.image_type == tuple(dataset.ImageType)
        assert header.signed == bool(dataset.PixelRepresentation)
        assert header.instance_number == dataset.InstanceNumber
        assert header.modality == dataset.Modality
        pixel = pydicom.dcmread(path).PixelData
        with path.open("rb") as stream:
            stream.seek(header.pixel_offset)
            assert stream.read(200) in (pixel[:200], b"") or header.encapsulated
    assert checked > 40


def _ramp_file(folder: Path, **tags: Any) -> Path:
    write_series(folder, ramp_array(1), ramp_affine(), **tags)
    return folder / "im0001.dcm"


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 20, b"random words, no more" * 40, b"\x89PNG\r\n" + b"\1" * 400]
)
def test_that_J01_what_is_not_dicom_says_so(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file.dcm"
    path.write_bytes(content)
    with pytest.raises(NotDicomError):
        read_header(path)


def test_that_J02_J03_a_file_without_preamble_or_magic_is_read_when_its_class_is_known(
    tmp_path: Path,
) -> None:
    content = _ramp_file(tmp_path).read_bytes()
    bare = tmp_path / "bare.dcm"
    meta_length = struct.unpack_from("<I", content, 140)[0]
    # Without any file meta information pydicom guesses implicit representation, so only the preamble goes here.
    bare.write_bytes(content[132:])
    assert read_header(bare).rows == 6
    magicless = tmp_path / "magicless.dcm"
    magicless.write_bytes(content[:128] + b"XXXX" + content[132:])
    with pytest.raises(NotDicomError):
        read_header(magicless)
    implicit = _ramp_file(tmp_path / "i", transfer_syntax="1.2.840.10008.1.2").read_bytes()
    naked = tmp_path / "naked.dcm"
    naked.write_bytes(implicit[144 + struct.unpack_from("<I", implicit, 140)[0] :])
    assert read_header(naked).columns == 8
    assert meta_length > 0


@pytest.mark.parametrize("keep", [200, 400, 410, 600, 900])
def test_that_J04_J05_a_cut_header_is_an_error_and_not_a_slice(keep: int, tmp_path: Path) -> None:
    path = _ramp_file(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ViewerError) as caught:
        read_header(path)
    assert not isinstance(caught.value, NotDicomError)
    assert caught.value.user_message.endswith(".")


def test_that_J08_an_image_without_pixels_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ViewerError, match="no pixel data"):
        read_header(_without(_ramp_file(tmp_path), "PixelData"))


def _without(path: Path, *keywords: str, **changes: Any) -> Path:
    dataset = pydicom.dcmread(path)
    for keyword in keywords:
        delattr(dataset, keyword)
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize(
    "keyword, value",
    [("Rows", 0), ("BitsAllocated", 12), ("SamplesPerPixel", 0), ("SamplesPerPixel", 2), ("HighBit", 3)],
)
def test_that_J09_a_layout_that_cannot_be_is_an_error(keyword: str, value: int, tmp_path: Path) -> None:
    with pytest.raises(ViewerError):
        read_header(_without(_ramp_file(tmp_path), **{keyword: value}))


def test_that_J09_missing_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ViewerError, match="Rows or Columns"):
        read_header(_without(_ramp_file(tmp_path), "Rows"))


@pytest.mark.parametrize("changes", [{"Rows": 65535, "Columns": 65535}, {"NumberOfFrames": 100000}])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"])
def test_that_J10_J11_a_size_the_file_cannot_hold_is_refused_before_anything_is_allocated(
    changes: dict[str, Any], syntax: str, tmp_path: Path
) -> None:
    with pytest.raises(ViewerError):
        read_header(_without(_ramp_file(tmp_path, transfer_syntax=syntax), **changes))


def test_that_J11_compressed_data_that_is_too_small_for_its_frames_is_refused(tmp_path: Path) -> None:
    path = sorted(write_ramp(tmp_path, transfer_syntax=RLELossless).iterdir())[0]
    dataset = pydicom.dcmread(path)
    dataset.NumberOfFrames = path.stat().st_size // 9 + 1
    dataset.save_as(path)
    with pytest.raises(ViewerError, match="too small for the"):
        read_header(path)


def test_that_J06_a_few_missing_bytes_keep_the_slice(tmp_path: Path) -> None:
    path = _ramp_file(tmp_path)
    path.write_bytes(path.read_bytes()[:-10])
    assert read_header(path).position_mm == (-10.0, -20.0, -30.0)


def test_that_J14_a_deflate_bomb_costs_little(tmp_path: Path) -> None:
    path = _ramp_file(tmp_path, transfer_syntax="1.2.840.10008.1.2.1.99")
    assert read_header(path).rows == 6
    content = path.read_bytes()
    start = 144 + struct.unpack_from("<I", content, 140)[0]
    body = zlib.decompressobj(-15).decompress(content[start:])
    # A private element of 300 MB in front of everything else.
    bomb = zlib.compressobj(9, wbits=-15)
    head = b"\x07\x00\x10\x10OB\x00\x00" + struct.pack("<I", 300 << 20)
    packed = bomb.compress(head)
    block = bytes(1 << 20)
    packed += b"".join(bomb.compress(block) for _ in range(300)) + bomb.compress(body) + bomb.flush()
    path.write_bytes(content[:start] + packed)
    with pytest.raises(ViewerError):
        read_header(path)


@pytest.mark.parametrize("depth", [300, 3000])
def test_that_J15_deep_sequences_end_in_a_sentence(depth: int, tmp_path: Path) -> None:
    path = _ramp_file(tmp_path)
    content = path.read_bytes()
    sequence = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    at = content.find(b"\x10\x00\x10\x00PN")
    path.write_bytes(content[:at] + sequence * depth + closing * depth + content[at:])
    outcome: object
    try:
        outcome = read_header(path).rows
    except ViewerError as error:
        outcome = error.user_message
    assert outcome in (6, "The file nests sequences too deeply to be read.")


@pytest.mark.parametrize("spacing", [[0, 0], [-1, 1], ["NaN", 1], [1]])
def test_that_J16_a_senseless_spacing_is_unknown(spacing: list[Any], tmp_path: Path) -> None:
    text = "\\".join(map(str, spacing)).encode()
    header = read_header(_with_raw(_ramp_file(tmp_path), b"2.0\\1.0 ", text))
    assert header.pixel_spacing_mm is None
    assert any("PixelSpacing" in text for text in header.warnings)


def _with_raw(path: Path, old: bytes, new: bytes) -> Path:
    """Replace the bytes of a value by others of the same length."""
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new.ljust(len(old))))
    return path


def test_that_J17_a_decimal_comma_is_read_and_told(tmp_path: Path) -> None:
    header = read_header(_with_raw(_ramp_file(tmp_path), b"2.0\\1.0 ", b"0,5\\0,5"))
    assert header.pixel_spacing_mm == (0.5, 0.5)
    assert any("comma" in text for text in header.warnings)


def test_that_J22_odd_instance_numbers_are_no_fault(tmp_path: Path) -> None:
    path = _ramp_file(tmp_path)
    dataset = pydicom.dcmread(path)
    dataset.add_new("SeriesNumber", "LO", "12.0")
    dataset.save_as(path)
    assert read_header(path).series_number == 12


def test_that_J23_rows_with_a_wrong_representation_are_coerced(tmp_path: Path) -> None:
    path = _ramp_file(tmp_path)
    content = path.read_bytes()
    old = b"\x28\x00\x10\x00US\x02\x00\x06\x00"
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, b"\x28\x00\x10\x00DS\x02\x006 "))
    assert read_header(path).rows == 6


def test_that_J37_only_regular_files_are_opened(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(NotDicomError):
        read_header(fifo)
    with pytest.raises((NotDicomError, OSError)):
        read_header(tmp_path)
    address = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(address))
        with pytest.raises((NotDicomError, OSError)):
            read_header(address)


def test_that_J42_a_lying_transfer_syntax_is_seen_through(tmp_path: Path) -> None:
    explicit = _ramp_file(tmp_path).read_bytes()
    lie = explicit.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0")
    assert lie != explicit
    header = read_header(lie)
    assert (header.rows, header.columns) == (6, 8)
    assert header.pixel_offset == read_header(explicit).pixel_offset


def test_that_messages_never_quote_the_patient(tmp_path: Path) -> None:
    path = _ramp_file(tmp_path, PatientName="Secret^Person", PatientID="SECRET-1")
    content = path.read_bytes()
    messages = []
    for cut in range(140, len(content) - 400, 37):
        try:
            read_header(content[:cut])
        except ViewerError as error:
            messages.append(error.user_message)
    assert messages
    assert "secret" not in " ".join(messages).lower()


def test_that_every_wanted_element_has_its_standard_representation() -> None:
    for tag, vrs in WANTED.items():
        standard = pydicom.datadict.dictionary_VR(tag)
        assert vrs.decode() == standard.replace(" or ", ""), hex(tag)


def test_that_extract_finds_pixels_where_they_are(real_data: RealData) -> None:
    path = next(p for p in _files(real_data("ct-tilt-ge")) if p.suffix != ".json")
    with path.open("rb") as stream:
        dataset, position, _ = open_dataset(stream, path.stat().st_size)
        _, (tag, offset, length), _ = extract(dataset, stream, position)
    assert tag == 0x7FE00010
    assert length == 512 * 512 * 2
    assert path.read_bytes()[offset : offset + 64] == pydicom.dcmread(path).PixelData[:64]
