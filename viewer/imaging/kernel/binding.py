"""Calls into the compiled kernel (kernel.c) through ctypes, which gives up the interpreter lock."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from viewer.imaging.kernel.build import LIBRARY_NAME
from viewer.imaging.kernel.jobs import (
    DTYPES,
    HATCH_GROUND,
    HATCH_LINE,
    ColourLayer,
    ComposeJob,
    PictureJob,
    SampleJob,
    address,
)
from viewer.imaging.kernel.pool import run_shared

Array = npt.NDArray[np.generic]

ABI = 2
"""Version of the structures below; the same number stands in kernel.c."""

WORTH_A_THREAD = 250_000
"""Values to be sampled and coloured for which another thread is woken: about a quarter of a millisecond."""

_ERRORS = {1: "an argument is out of range", 2: "out of memory"}


class _Sample(ctypes.Structure):
    """`SampleJob` of kernel.c."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("out", ctypes.c_void_p),
        ("out_stride", ctypes.c_int64),
        ("count", ctypes.c_int64 * 3),
        ("matrix", ctypes.c_double * 9),
        ("low", ctypes.c_double * 3),
        ("high", ctypes.c_double * 3),
        ("step", ctypes.c_double * 3),
        ("pad_low", ctypes.c_double),
        ("pad_high", ctypes.c_double),
        ("knot_w", ctypes.c_void_p),
        ("knot_k", ctypes.c_void_p),
        ("knot_no_data", ctypes.c_void_p),
        ("knots", ctypes.c_int64),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("dtype", ctypes.c_int32),
        ("kind", ctypes.c_int32),
        ("padded", ctypes.c_int32),
        ("samples", ctypes.c_int32),
        ("reduce", ctypes.c_int32),
        ("has_knots", ctypes.c_int32),
    ]


class _Layer(ctypes.Structure):
    """`ColourLayer` of kernel.c."""

    _fields_ = [
        ("values", ctypes.c_void_p * 3),
        ("stride", ctypes.c_int64 * 3),
        ("table", ctypes.c_void_p),
        ("entries", ctypes.c_int32),
        ("channels", ctypes.c_int32),
        ("lower", ctypes.c_float),
        ("scale", ctypes.c_float),
        ("offset", ctypes.c_float),
        ("step", ctypes.c_int32),
    ]


class _Compose(ctypes.Structure):
    """`ComposeJob` of kernel.c."""

    _fields_ = [
        ("layers", ctypes.POINTER(_Layer)),
        ("out", ctypes.c_void_p),
        ("out_stride", ctypes.c_int64),
        ("layer_count", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("background", ctypes.c_uint32),
        ("hatch_line", ctypes.c_uint32),
        ("hatch_ground", ctypes.c_uint32),
    ]


class _Picture(ctypes.Structure):
    """`PictureJob` of kernel.c."""

    _fields_ = [
        ("samples", ctypes.POINTER(_Sample)),
        ("compose", ctypes.POINTER(_Compose)),
        ("sample_count", ctypes.c_int32),
        ("height", ctypes.c_int32),
    ]


@dataclass(frozen=True)
class Loaded:
    """The compiled kernel, or None, and a sentence about it."""

    library: ctypes.CDLL | None
    note: str


@cache
def load() -> Loaded:
    """Open the library beside this file, once."""
    path = Path(__file__).with_name(LIBRARY_NAME)
    if not path.exists():
        return Loaded(None, "numpy kernel (slower): the compiled kernel is not part of this installation")
    try:
        return open_library(path)
    except OSError as error:
        return Loaded(None, f"numpy kernel (slower): the compiled kernel does not load ({error})")


def open_library(path: Path) -> Loaded:
    """Open a kernel library and check that it is the one this module was written for.

    Raises
    ------
    OSError
        The file is not a library for this system.
    """
    library = ctypes.CDLL(str(path))
    try:
        abi, turn = library.triptych_abi(), library.triptych_turn
    except AttributeError:
        abi, turn = -1, None
    if turn is None or abi != ABI:
        return Loaded(None, "numpy kernel (slower): the compiled kernel belongs to another version")
    library.triptych_render.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p]
    library.triptych_render.restype = ctypes.c_int
    turn.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32, *[ctypes.c_int64] * 4]
    turn.restype = ctypes.c_int
    library.triptych_parts.argtypes = [ctypes.c_int32]
    library.triptych_parts.restype = ctypes.c_int32
    instructions = "AVX2" if library.triptych_avx2() else "portable"
    return Loaded(library, f"compiled kernel, {instructions} instructions")


def render(jobs: Sequence[PictureJob]) -> None:
    """Fill `out` of every job of every picture."""
    library = load().library
    if library is None:
        raise RuntimeError("the compiled kernel is not loaded")
    structs = [struct for job in jobs if (struct := _picture_struct(job)) is not None]
    if not structs:
        return
    pictures = (_Picture * len(structs))(*structs)
    next_part = ctypes.c_int64(0)
    work = partial(
        library.triptych_render, ctypes.addressof(pictures), len(pictures), ctypes.addressof(next_part)
    )
    # Waking a thread for less than it takes to wake it would only add to the time and to the noise.
    strips = sum(library.triptych_parts(struct.height) for struct in structs)
    for code in run_shared(work, min(strips, 1 + sum(map(_work, jobs)) // WORTH_A_THREAD)):
        if code == 2:
            raise MemoryError("the render kernel ran out of memory")
        if code:
            raise ValueError(f"the render kernel refused a job: {_ERRORS.get(code, code)}")


def turned_columns(data: Array, first: int, count: int) -> Array:
    """See `viewer.imaging.kernel.turned_columns`."""
    library = load().library
    if library is None:
        raise RuntimeError("the compiled kernel is not loaded")
    k, j, i = data.shape
    out = np.empty((count, k, j), data.dtype)
    if library.triptych_turn(address(data), address(out), data.itemsize, k * j, i, first, count):
        raise ValueError(f"columns {first} to {first + count} of {i}")
    return out


def _work(job: PictureJob) -> int:
    """Number of values to be sampled and coloured."""
    sampled = sum(part.out.size * part.samples for part in job.samples)
    return sampled + (0 if job.compose is None else job.compose.out.size * len(job.compose.layers))


def _picture_struct(job: PictureJob) -> _Picture | None:
    """None when there is not a single pixel to be made."""
    samples = [_sample_struct(part) for part in job.samples if part.out.size]
    compose = None if job.compose is None or not job.compose.out.size else _compose_struct(job.compose)
    if not samples and compose is None:
        return None
    return _Picture(
        samples=(_Sample * len(samples))(*samples),
        compose=None if compose is None else ctypes.pointer(compose),
        sample_count=len(samples),
        height=job.height,
    )


def _sample_struct(job: SampleJob) -> _Sample:
    height, width = job.out.shape
    low, high = job.padding or (0.0, 0.0)
    knots = job.knots
    return _Sample(
        data=address(job.data),
        out=address(job.out),
        out_stride=job.out.strides[0] // 4 if height > 1 else width,
        count=job.data.shape,
        matrix=tuple(job.matrix.ravel().tolist()),
        low=tuple(job.low.tolist()),
        high=tuple(job.high.tolist()),
        step=tuple(job.step.tolist()),
        pad_low=low,
        pad_high=high,
        knot_w=None if knots is None else address(knots.w),
        knot_k=None if knots is None else address(knots.k),
        knot_no_data=None if knots is None else address(knots.no_data),
        knots=0 if knots is None else len(knots.w),
        width=width,
        height=height,
        dtype=DTYPES.index(job.data.dtype),
        kind=int(job.kind),
        padded=job.padding is not None,
        samples=job.samples,
        reduce=int(job.reduce),
        has_knots=knots is not None,
    )


def _compose_struct(job: ComposeJob) -> _Compose:
    height, width = job.out.shape
    layers = (_Layer * len(job.layers))(*map(_layer_struct, job.layers))
    return _Compose(
        layers=layers,
        out=address(job.out),
        out_stride=job.out.strides[0] // 4 if height > 1 else width,
        layer_count=len(layers),
        width=width,
        height=height,
        background=job.background,
        hatch_line=HATCH_LINE,
        hatch_ground=HATCH_GROUND,
    )


def _layer_struct(layer: ColourLayer) -> _Layer:
    lower, scale, offset, step = layer.index_rule()
    channels = layer.values
    rows = [values.strides[0] // 4 if len(values) > 1 else values.shape[1] for values in channels]
    return _Layer(
        values=tuple(address(values) for values in channels),
        stride=tuple(rows),
        table=address(layer.table),
        entries=len(layer.table),
        channels=len(channels),
        lower=lower,
        scale=scale,
        offset=offset,
        step=step,
    )
