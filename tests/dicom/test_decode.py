"""Frames to values: bits, colours and codestreams, and damage against a sentence. Real files: tests/agreement."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest

from tests.conftest import RealData
from tests.phantoms import ramp_affine, ramp_array, write_ramp, write_series
from viewer.dicom.codecs import (
    SUPPORTED,
    CodestreamInfo,
    Decoded,
    decode_codestream,
    jpeg_2000_info,
    jpeg_info,
    native_samples,
)
from viewer.dicom.decode import _from_codestream, decode_frame, palette, rgb8
from viewer.dicom.fragments import frame_data
from viewer.dicom.header import Header
from viewer.dicom.model import FrameSource, PixelFormat
from viewer.dicom.read import read_header
from viewer.dicom.stack import frame_source, pixel_format
from viewer.errors import DecodeError


def test_that_B20_luma_and_chroma_become_the_rgb_of_an_independent_conversion(real_data: RealData) -> None:
    from pydicom.pixels.processing import convert_color_space

    full = real_data("zoo-a") / "pydicom-data" / "SC_ybr_full_uncompressed.dcm"
    half = real_data("broken-a") / "pydicom" / "SC_ybr_full_422_uncompressed.dcm"
    for path in (full, half):
        samples = pydicom.dcmread(path)
        raw = np.frombuffer(samples.PixelData, np.uint8)
        if path is half:
            pairs = raw.reshape(-1, 4)
            raw = np.stack([pairs[:, :2], *(pairs[:, n, None].repeat(2, 1) for n in (2, 3))], axis=-1)
        expected = convert_color_space(raw.reshape(100, 100, 3), "YBR_FULL", "RGB").astype(int)
        assert np.abs(_colour(path) - expected).max() <= 1


def _colour(path: Path) -> npt.NDArray[np.int64]:
    header = read_header(path)
    source, pixels = frame_source(header), pixel_format(header)
    planes = rgb8(decode_frame(source, pixels), source, pixels)
    assert planes.shape == (3, header.rows, header.columns)
    assert planes.dtype == np.uint8
    return planes.transpose(1, 2, 0).astype(np.int64)


@pytest.mark.parametrize(
    "name",
    ["OBXXXX1A.dcm", "OBXXXX1A_rle.dcm", "OBXXXX1A_expb.dcm", "OT-PAL-8-face.dcm", "gdcm-US-ALOKA-16.dcm"],
)
def test_that_B20_palette_colours_equal_those_of_an_independent_reader(
    name: str, real_data: RealData
) -> None:
    import SimpleITK as sitk  # noqa: N813 - its own name

    path = real_data("zoo-a") / "pydicom-data" / name
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0].astype(np.int64)
    if expected.max() > 255:
        expected >>= 8
    assert np.abs(_colour(path) - expected).max() <= 1


def test_that_B20_colour_of_more_than_8_bits_keeps_the_upper_ones(real_data: RealData) -> None:
    folder = real_data("zoo-a") / "pydicom-data"
    eight = _colour(folder / "SC_rgb.dcm")
    for name in ("SC_rgb_16bit.dcm", "SC_rgb_32bit.dcm", "SC_rgb_expb_16bit.dcm"):
        assert np.array_equal(_colour(folder / name), eight), name


def _word_file(folder: Path, words: list[int], **tags: Any) -> Path:
    """A file whose stored words are given bit by bit."""
    write_series(folder, np.array(words, np.uint16).reshape(1, 1, -1), ramp_affine(), **tags)
    return folder / "im0001.dcm"


@pytest.mark.parametrize(
    "words, layout, expected",
    [
        ([0xF800, 0xFFFF, 0x0000, 0x07FF], (12, 11, 1), [-2048, -1, 0, 2047]),
        ([0x0800, 0x0FFF, 0x0000, 0x07FF], (12, 11, 1), [-2048, -1, 0, 2047]),
        ([0x1000, 0x1FFF], (12, 11, 0), [0, 4095]),
        ([0x8000, 0xFFF0, 0x0000, 0x7FF0], (12, 15, 0), [2048, 4095, 0, 2047]),
        ([0x8000, 0xFFFF, 0x7FFF], (16, 15, 0), [32768, 65535, 32767]),
    ],
)
def test_that_B05_B06_words_become_the_values_they_store(
    words: list[int], layout: tuple[int, int, int], expected: list[int], tmp_path: Path
) -> None:
    path = _word_file(tmp_path, words, BitsStored=layout[0], HighBit=layout[1], PixelRepresentation=layout[2])
    header = read_header(path)
    assert decode_frame(frame_source(header), pixel_format(header)).ravel().tolist() == expected


@pytest.mark.parametrize(
    "precision,signed_stream,signed_header,words,expected",
    [
        (12, False, True, [0x0800, 0x0FFF, 0x07FF], [-2048, -1, 2047]),
        (16, False, True, [0xF800, 0xFFFF, 0x07FF], [-2048, -1, 2047]),
        (12, True, True, [-2048, -1, 2047], [-2048, -1, 2047]),
        (12, True, False, [-2048, -1, 2047], [2048, 4095, 2047]),
        (12, False, False, [2048, 4095, 0], [2048, 4095, 0]),
    ],
)
def test_that_B05_the_sign_of_a_codestream_is_read_as_the_header_says(
    precision: int, signed_stream: bool, signed_header: bool, words: list[int], expected: list[int]
) -> None:
    samples = np.array([words], np.int16 if signed_stream else np.uint16)
    info = CodestreamInfo(1, len(words), 1, precision, signed=signed_stream)
    pixels = PixelFormat(1, len(words), bits_stored=12, high_bit=11, signed=signed_header)
    assert _from_codestream(Decoded(samples, info), pixels).ravel().tolist() == expected


def test_that_one_bit_frames_are_unpacked_across_byte_borders() -> None:
    bits = np.random.default_rng(1).integers(0, 2, (3, 5, 7), dtype=np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    pixels = PixelFormat(rows=5, columns=7, bits_allocated=1, bits_stored=1, high_bit=0)
    for n in range(3):
        start = n * 35
        frame = native_samples(packed[start // 8 : (start + 42) // 8], pixels, bit=start % 8)
        assert np.array_equal(frame, bits[n])


SYNTAXES = {
    "rle": "1.2.840.10008.1.2.5",
    "jpeg lossless": "1.2.840.10008.1.2.4.70",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg 2000": "1.2.840.10008.1.2.4.90",
    "htj2k": "1.2.840.10008.1.2.4.201",
    "deflated": "1.2.840.10008.1.2.1.99",
    "big endian": "1.2.840.10008.1.2.2",
    "implicit": "1.2.840.10008.1.2",
}


@pytest.mark.parametrize("name", SYNTAXES)
@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.uint8])
def test_that_lossless_syntaxes_give_back_what_was_written(name: str, kind: type, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    info = np.iinfo(kind)
    array: npt.NDArray[Any] = rng.integers(info.min, info.max, (2, 20, 30), endpoint=True).astype(kind)
    write_series(tmp_path, array, ramp_affine(), transfer_syntax=SYNTAXES[name])
    found = []
    for path in sorted(tmp_path.glob("*.dcm")):
        header = read_header(path)
        found.append((header.position_mm, decode_frame(frame_source(header), pixel_format(header))))
    found.sort(key=lambda pair: pair[0] or ())
    decoded = np.stack([values for _, values in found])
    assert decoded.dtype == kind
    if (name, kind) == ("big endian", np.uint8):
        # The writer leaves the bytes of big endian words as they are; readers swap them (PS3.5 8.1.1).
        decoded = decoded.reshape(2, 20, 15, 2)[..., ::-1].reshape(2, 20, 30)
    assert np.array_equal(decoded, array)


def _source(path: Path) -> tuple[Header, FrameSource, PixelFormat]:
    header = read_header(path)
    return header, frame_source(header), pixel_format(header)


@pytest.mark.parametrize("name", ["rle", "jpeg lossless", "jpeg-ls", "jpeg 2000"])
def test_that_J12_damaged_codestreams_end_in_a_sentence_or_a_picture_of_the_right_size(
    name: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(6)
    array = rng.integers(0, 900, (1, 24, 24)).astype(np.int16)
    write_series(tmp_path, array, ramp_affine(), transfer_syntax=SYNTAXES[name])
    _, source, pixels = _source(tmp_path / "im0001.dcm")
    data = frame_data(source)
    outcomes: set[object] = set()
    for n in range(150):
        damaged = bytearray(data)
        for at in rng.integers(0, len(damaged), 1 + n % 4):
            damaged[at] = int(rng.integers(0, 256))
        if n % 5 == 0:
            del damaged[int(rng.integers(1, len(damaged))) :]
        try:
            outcomes.add(decode_codestream(bytes(damaged), SYNTAXES[name], pixels).samples.shape)
        except DecodeError as error:
            outcomes.add(error.user_message[-1])
    assert "." in outcomes
    assert outcomes <= {".", (24, 24)}


def test_that_a_cut_jpeg_ls_frame_is_refused_at_once(tmp_path: Path) -> None:
    write_ramp(tmp_path, transfer_syntax=SYNTAXES["jpeg-ls"])
    _, source, pixels = _source(tmp_path / "im0001.dcm")
    data = frame_data(source)
    with pytest.raises(DecodeError, match="cut off"):
        decode_codestream(data[: data.rfind(b"\xff\xd9")], SYNTAXES["jpeg-ls"], pixels)


@pytest.mark.parametrize("name", ["jpeg lossless", "jpeg-ls", "jpeg 2000", "htj2k"])
def test_that_J10_a_codestream_of_another_size_is_refused_before_decoding(name: str, tmp_path: Path) -> None:
    write_ramp(tmp_path, transfer_syntax=SYNTAXES[name])
    _, source, pixels = _source(tmp_path / "im0001.dcm")
    for changed in (replace(pixels, rows=65535, columns=65535), replace(pixels, samples_per_pixel=3)):
        with pytest.raises(DecodeError, match="header announces"):
            decode_codestream(frame_data(source), source.transfer_syntax, changed)


def test_that_an_unbelievable_number_of_tiles_is_refused(tmp_path: Path) -> None:
    write_ramp(tmp_path, transfer_syntax=SYNTAXES["jpeg 2000"])
    _, source, pixels = _source(tmp_path / "im0001.dcm")
    data = bytearray(frame_data(source))
    start = data.find(b"\xff\x4f\xff\x51")
    struct.pack_into(">2I", data, start + 24, 1, 1)
    assert jpeg_2000_info(bytes(data)).tiles == 48
    struct.pack_into(">2I", data, start + 8, 4000, 4000)
    with pytest.raises(DecodeError, match="tiles"):
        decode_codestream(bytes(data), source.transfer_syntax, replace(pixels, rows=4000, columns=4000))


def test_that_rle_that_cannot_fill_the_picture_is_refused(tmp_path: Path) -> None:
    write_ramp(tmp_path, transfer_syntax=SYNTAXES["rle"])
    _, source, pixels = _source(tmp_path / "im0001.dcm")
    with pytest.raises(DecodeError, match="too short"):
        decode_codestream(
            frame_data(source), source.transfer_syntax, replace(pixels, rows=9999, columns=9999)
        )


def test_that_J13_an_unknown_compression_is_named(tmp_path: Path) -> None:
    write_ramp(tmp_path, transfer_syntax=SYNTAXES["rle"])
    header, source, pixels = _source(tmp_path / "im0001.dcm")
    assert header.transfer_syntax in SUPPORTED
    for syntax in ("1.2.840.10008.1.2.4.100", "1.2.3.4.5"):
        with pytest.raises(DecodeError, match=syntax):
            decode_frame(replace(source, transfer_syntax=syntax), pixels)


def test_that_J06_missing_bytes_are_counted(tmp_path: Path) -> None:
    write_ramp(tmp_path)
    path = tmp_path / "im0001.dcm"
    path.write_bytes(path.read_bytes()[:-10])
    _, source, pixels = _source(path)
    assert source.offset == -1
    with pytest.raises(DecodeError, match="86 of 96 bytes"):
        decode_frame(source, pixels)


def test_that_J07_more_bytes_than_needed_are_no_fault(tmp_path: Path) -> None:
    write_ramp(tmp_path)
    path = tmp_path / "im0001.dcm"
    dataset = pydicom.dcmread(path)
    dataset.PixelData = dataset.PixelData + bytes(20)
    dataset.save_as(path)
    _, source, pixels = _source(path)
    assert decode_frame(source, pixels).shape == (6, 8)


def test_that_J14_a_deflate_bomb_is_not_inflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewer.dicom.slow_header.INFLATE_FLOOR", 1000)
    monkeypatch.setattr("viewer.dicom.slow_header.INFLATE_RATIO", 2)
    write_series(
        tmp_path, np.zeros((1, 200, 200), np.int16), ramp_affine(), transfer_syntax=SYNTAXES["deflated"]
    )
    _, source, pixels = _source(tmp_path / "im0001.dcm")
    with pytest.raises(DecodeError, match="refused"):
        decode_frame(source, pixels)


def test_that_a_palette_is_read_once_per_file(real_data: RealData) -> None:
    path = real_data("zoo-a") / "pydicom-data" / "OBXXXX1A.dcm"
    version = path.stat().st_mtime_ns
    assert palette(path, version) is palette(path, version)


def test_that_a_codestream_without_header_is_refused() -> None:
    for data in (b"", b"\xff\xd8\xff\xd9", b"\xff\xd8" + b"\xff\xe0\x00\x10" * 3, b"garbage"):
        with pytest.raises(DecodeError):
            jpeg_info(data)
        with pytest.raises(DecodeError):
            jpeg_2000_info(data)


def test_that_ramp_values_survive_the_shortest_path(tmp_path: Path) -> None:
    write_ramp(tmp_path)
    values = ramp_array()
    for path in sorted(tmp_path.glob("*.dcm")):
        header, source, pixels = _source(path)
        k = round(((header.position_mm or (0, 0, 0))[2] + 30) / 3)
        assert np.array_equal(decode_frame(source, pixels), values[k])
