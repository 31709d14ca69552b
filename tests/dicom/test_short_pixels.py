"""Pixel data that ends early (J06), on every way from the file to the volume."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tests.dicom.reading import only_stack
from tests.phantoms import ramp_affine, ramp_array, write_ramp, write_series
from viewer.dicom.build import fill_slice, make_volume
from viewer.dicom.model import Stack
from viewer.errors import DecodeError
from viewer.imaging.volume import Volume

DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"


def _cut(path: Path, count: int = 10) -> None:
    path.write_bytes(path.read_bytes()[:-count])


def _filled_but(stack: Stack, missing: int) -> Volume:
    """The volume of a stack of which exactly one slice must fail."""
    volume = make_volume(stack)
    for k in range(len(stack.frames)):
        if k == missing:
            with pytest.raises(DecodeError, match="ends early: 86 of 96 bytes"):
                fill_slice(volume, stack, k)
        else:
            fill_slice(volume, stack, k)
    assert np.flatnonzero(volume.corrupt).tolist() == [missing]
    assert np.flatnonzero(~volume.ready).tolist() == [missing]
    return volume


def test_that_J06_a_file_cut_after_it_was_indexed_costs_one_slice(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path))
    assert stack.frames[1].offset >= 0
    _cut(stack.frames[1].path)
    volume = _filled_but(stack, 1)
    # Not a pixel of the half that was there stays: it would look like a picture.
    assert not volume.array[1].any()
    np.testing.assert_array_equal(volume.array[2], ramp_array()[2])


def test_that_J06_a_short_slice_of_a_padded_series_is_padding(tmp_path: Path) -> None:
    write_ramp(tmp_path, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1500)
    _cut(tmp_path / "im0003.dcm")
    volume = _filled_but(only_stack(tmp_path), 2)
    assert volume.is_padding(volume.array[2]).all()
    assert not volume.is_padding(volume.array[[0, 1, 3, 4]]).any()


def test_that_J06_a_short_slice_among_slopes_of_their_own_is_no_number(tmp_path: Path) -> None:
    write_ramp(tmp_path, RescaleSlope=lambda k: 1.0 + k)
    _cut(tmp_path / "im0003.dcm")
    volume = _filled_but(only_stack(tmp_path), 2)
    assert np.isnan(volume.array[2]).all()
    np.testing.assert_array_equal(volume.array[3], ramp_array()[3] * 4.0)


def test_that_J06_the_last_frame_of_a_short_file_is_the_one_that_is_missing(tmp_path: Path) -> None:
    # Frames are stored in the order 3, 0, 4, 1, 2.
    write_ramp(tmp_path, "E1")
    _cut(next(tmp_path.iterdir()))
    volume = _filled_but(only_stack(tmp_path), 2)
    np.testing.assert_array_equal(volume.array[[0, 1, 3, 4]], ramp_array()[[0, 1, 3, 4]])


def test_that_J06_a_short_big_endian_slice_is_counted_too(tmp_path: Path) -> None:
    write_ramp(tmp_path, transfer_syntax=BIG_ENDIAN)
    _cut(tmp_path / "im0003.dcm")
    _filled_but(only_stack(tmp_path), 2)


def test_that_J06_a_short_deflated_slice_is_counted_too(tmp_path: Path) -> None:
    write_series(tmp_path, ramp_array(), ramp_affine(), transfer_syntax=DEFLATED)
    path = tmp_path / "im0003.dcm"
    whole = path.read_bytes()
    start = 144 + int.from_bytes(whole[140:144], "little")
    body = zlib.decompress(whole[start:], -zlib.MAX_WBITS)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    cut = packer.compress(body[: body.rindex(pydicom.dcmread(path).PixelData) + 86]) + packer.flush()
    path.write_bytes(whole[:start] + cut + b"\0" * (len(cut) % 2))
    _filled_but(only_stack(tmp_path), 2)
