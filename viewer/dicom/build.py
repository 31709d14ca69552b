"""From a stack to a volume: allocate the array, then fill it slice by slice in any order, from any thread."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.dicom.decode import decode_frame, rgb8, stored_dtype
from viewer.dicom.model import FrameSource, Stack
from viewer.errors import DecodeError, UnreadableError
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.modality import apply_modality_lut
from viewer.imaging.stored import quiet, stored_values
from viewer.imaging.volume import Quantity, Volume


def is_colour(stack: Stack) -> bool:
    """Whether a stack is shown in colour."""
    return stack.pixels.samples_per_pixel == 3 or stack.pixels.photometric == "PALETTE COLOR"


def is_physical(stack: Stack) -> bool:
    """Whether the array holds physical values instead of stored ones.

    So it is when slices have their own slope (nearly every PET, rule B01), when a Modality LUT replaces the slope
    (rule B03), and when the SUV factor differs per slice.
    """
    first = stack.frames[0]
    return stack.modality_lut is not None or any(
        frame.slope != first.slope or frame.intercept != first.intercept or frame.slice_suv_factor is not None
        for frame in stack.frames
    )


def array_dtype(stack: Stack) -> np.dtype[Any]:
    """Type of the voxel array of a stack."""
    if is_colour(stack):
        return np.dtype(np.uint8)
    if stack.source is not None:
        return stack.source.dtype
    return np.dtype(np.float32) if is_physical(stack) else stored_dtype(stack.pixels)


def volume_bytes(stack: Stack) -> int:
    """Bytes the voxel array of a stack will take."""
    return math.prod(array_shape(stack)) * array_dtype(stack).itemsize


def array_shape(stack: Stack) -> tuple[int, ...]:
    """Shape of the voxel array of a stack: (k, j, i), or (3, k, j, i) for colour."""
    return (3, *stack.geometry.shape) if is_colour(stack) else stack.geometry.shape


def make_volume(stack: Stack, description: str = "", array: npt.NDArray[np.generic] | None = None) -> Volume:
    """Allocate the volume of a stack; no slice is read, `ready` is False everywhere.

    The stored type is kept, with one slope for all slices. Where slices differ (`is_physical`) the array is float32
    and physical with slope 1; padding then is NaN. When SUV factors differ per slice (DecayCorrection NONE) the array
    holds SUV, its unit is "SUV" and the SUV factor 1. Colour is planar RGB, (3, k, j, i) uint8.

    Parameters
    ----------
    stack
        Of the catalogue.
    description
        Of the series.
    array
        Zeros of `array_shape` and `array_dtype` to use, for a volume that is not to be in memory.

    Raises
    ------
    DecodeError
        The array does not fit into memory.
    """
    colour, physical = is_colour(stack), is_physical(stack)
    try:
        array = np.zeros(array_shape(stack), dtype=array_dtype(stack)) if array is None else array
    except (MemoryError, ValueError) as error:
        raise DecodeError(f"The volume needs {volume_bytes(stack) >> 20} MiB, more than there is.") from error
    first = stack.frames[0]
    holds_suv = first.slice_suv_factor is not None
    suv_factor = None
    if holds_suv:
        suv_factor = 1.0
    elif stack.suv is not None:
        suv_factor = stack.suv.factor
    return Volume(
        uid=stack.uid,
        array=array,
        geometry=stack.geometry,
        quantity=Quantity("" if colour else "SUV" if holds_suv else stack.unit),
        modality=stack.modality,
        description=description,
        slope=1.0 if physical or colour else first.slope,
        intercept=0.0 if physical or colour else first.intercept,
        suv_factor=suv_factor,
        suv_note=stack.suv_note,
        padding=None if physical or colour else stack.padding,
        windows=stack.windows,
        voi_tables=() if colour else stack.voi_tables,
        inverted=stack.pixels.photometric == "MONOCHROME1",
        ready=np.zeros(stack.geometry.shape[0], dtype=bool),
        corrupt=np.zeros(stack.geometry.shape[0], dtype=bool),
    )


def some_slices(stack: Stack, slices: Sequence[int], description: str = "") -> Volume:
    """Read some slices of a stack as a volume of their own: the voxels, places and meaning they have in that of all.

    Parameters
    ----------
    stack
        Of the catalogue.
    slices
        Ascending; none gives what is known without voxels.
    description
        Of the series.

    Returns
    -------
    Volume
        (len(slices), j, i). Slices that could not be decoded are marked.
    """
    part = replace(stack, geometry=stack.geometry.some_slices(slices))
    volume = make_volume(part, description)
    for n, k in enumerate(slices):
        with suppress(DecodeError):
            fill_slice(volume, stack, k, n)
    return volume


def fill_slice(volume: Volume, stack: Stack, k: int, place: int | None = None) -> None:
    """Read slice k of a stack into the array of its volume.

    Different slices may be filled from different threads at the same time.

    Parameters
    ----------
    volume, stack, k
        Which slice of what.
    place
        Where it lies in a volume that does not hold all slices; k when None.

    Raises
    ------
    DecodeError
        The slice is damaged: it is marked corrupt, holds padding and keeps its place (J06, J12).
    UnreadableError
        The same when the file has vanished or cannot be read (J35, J36).
    """
    source = stack.frames[k]
    k = k if place is None else place
    try:
        if stack.source is not None:
            volume.array[..., k, :, :] = stack.source.read(source)
        elif not _read_straight(volume, stack, source, k):
            _decode_into(volume, stack, source, k)
    except OSError as error:
        _mark_corrupt(volume, k)
        raise UnreadableError(
            f"The file cannot be read ({error.strerror or type(error).__name__})."
        ) from error
    except DecodeError:
        _mark_corrupt(volume, k)
        raise
    volume.ready[k] = True


def _mark_corrupt(volume: Volume, k: int) -> None:
    """Show a slice as "no data": NaN or padding, so that it is never taken for values."""
    filler: float = 0
    if volume.array.dtype.kind == "f":
        filler = np.nan
    elif volume.padding is not None:
        filler = volume.padding[1]
    volume.array[..., k, :, :] = filler
    volume.corrupt[k] = True


def _read_straight(volume: Volume, stack: Stack, source: FrameSource, k: int) -> bool:
    """Read an uncompressed slice from the disk into its place, without a copy; False when that is not possible."""
    plane = volume.array[k] if volume.array.ndim == 3 else None
    pixels = stack.pixels
    if (
        source.offset < 0
        or plane is None
        or pixels.samples_per_pixel != 1
        or plane.dtype != stored_dtype(pixels)
        or plane.nbytes != source.length
        or (pixels.bits_allocated > 8 and not np.little_endian)
        or is_colour(stack)
    ):
        return False
    if plane.dtype.kind == "f" and is_physical(stack):
        return False
    view = memoryview(plane.reshape(-1).view(np.uint8))
    descriptor = os.open(source.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        done = _read_into(descriptor, view, source.offset)
    finally:
        os.close(descriptor)
    if done < source.length:
        raise DecodeError(f"The pixel data ends early: {done} of {source.length} bytes of this frame.")
    if pixels.float_pixels:
        quiet(plane)
    else:
        words = plane.view(f"u{plane.itemsize}")
        stored_values(
            words, pixels.bits_allocated, pixels.bits_stored, pixels.high_bit, pixels.signed, in_place=True
        )
    return True


def _read_into(descriptor: int, view: memoryview, offset: int) -> int:
    """Fill a buffer from a file; the number of bytes that were there."""
    done = 0
    if hasattr(os, "preadv"):
        while done < len(view):
            count = os.preadv(descriptor, [view[done:]], offset + done)
            if not count:
                break
            done += count
        return done
    os.lseek(descriptor, offset, os.SEEK_SET)
    while done < len(view):
        part = os.read(descriptor, len(view) - done)
        if not part:
            break
        view[done : done + len(part)] = part
        done += len(part)
    return done


def _decode_into(volume: Volume, stack: Stack, source: FrameSource, k: int) -> None:
    """Decode one frame and put it in its place in the type of the array."""
    frame = decode_frame(source, stack.pixels)
    if is_colour(stack):
        volume.array[:, k] = rgb8(frame, source, stack.pixels)
        return
    if frame.shape != volume.array.shape[1:]:
        raise DecodeError("The picture has another size than the rest of its series.")
    volume.array[k] = voxels_of(frame, stack, source)


def stored_stack(stack: Stack, first: int = 0, last: int | None = None) -> Stack:
    """Some slices of a stack without what their values mean: a volume of it holds what the files hold.

    Parameters
    ----------
    stack
        Of DICOM files.
    first, last
        Slices first to last - 1; all when left out.

    Returns
    -------
    Stack
        Its volume has the stored type (`viewer.dicom.decode.stored_dtype`) and stored values, or RGB for colour; it
        has no place in the patient.
    """
    frames = tuple(
        replace(frame, slope=1.0, intercept=0.0, slice_suv_factor=None) for frame in stack.frames[first:last]
    )
    _, rows, columns = stack.geometry.shape
    return replace(
        stack,
        frames=frames,
        geometry=VolumeGeometry((len(frames), rows, columns), np.eye(4), oriented=False, calibrated=False),
        padding=None,
        modality_lut=None,
        suv=None,
        suv_gap=None,
    )


def voxels_of(stored: npt.NDArray[Any], stack: Stack, source: FrameSource) -> npt.NDArray[Any]:
    """What the array of a volume holds for a slice.

    Parameters
    ----------
    stored
        (j, i) stored values of the slice, or (3, j, i) RGB.
    stack, source
        Where it belongs, and its frame.

    Returns
    -------
    ndarray
        The stored values, or physical ones where the array holds those (`is_physical`).
    """
    return _physical(stored, stack, source) if is_physical(stack) and not is_colour(stack) else stored


def _physical(frame: npt.NDArray[Any], stack: Stack, source: FrameSource) -> npt.NDArray[np.float32]:
    """Physical values of a frame, float32; padding becomes NaN."""
    if stack.modality_lut is not None:
        values = apply_modality_lut(frame, *stack.modality_lut)
    else:
        # In double precision, so that the one rounding is that of the result (rule B02).
        values = (frame.astype(np.float64) * source.slope + source.intercept).astype(np.float32)
    if source.slice_suv_factor is not None:
        values *= np.float32(source.slice_suv_factor)
    if stack.padding is not None:
        values[(frame >= stack.padding[0]) & (frame <= stack.padding[1])] = np.nan
    result: npt.NDArray[np.float32] = values
    return result
