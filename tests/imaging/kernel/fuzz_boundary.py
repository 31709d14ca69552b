"""Run by test_sanitized.py in a process of its own: throw valid and broken jobs at a kernel built with sanitizers.

Usage: fuzz_boundary.py LIBRARY ROUNDS
A read or write outside a numpy buffer, an overflow or any other undefined step ends the process with a report.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np

from tests.imaging.kernel.random_jobs import compose_jobs, sample_jobs
from viewer.imaging.kernel import binding
from viewer.imaging.kernel.jobs import PictureJob

NUMBERS = [0, -1, 1, 2, 7, 255, 2**31 - 1, -(2**31), 1 << 20, (1 << 20) + 1]
DOUBLES = [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e9, -1e9, 1e-300, 0.0, 0.5, 3.0]


def main(library: Path, rounds: int) -> None:
    """Valid jobs first, then the same jobs with one field broken."""
    loaded = binding.open_library(library)
    if loaded.library is None:
        raise SystemExit(loaded.note)
    binding.load = lambda: loaded  # type: ignore[assignment]
    refused = 0
    for seed in range(rounds):
        binding.render([PictureJob((job,)) for job in sample_jobs(seed)])
        binding.render([PictureJob((), job) for job in compose_jobs(seed)])
        refused += _broken_sample(seed, loaded.library) + _broken_compose(seed, loaded.library)
        _turn(seed, loaded.library)
        if not _broken_picture(seed, loaded.library):
            raise SystemExit("a picture whose parts do not fit was drawn")
    sys.stdout.write(f"refused {refused}\n")


def _turn(seed: int, library: ctypes.CDLL) -> None:
    """Columns of an array that exist, and arguments that name none."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 70, 3))
    data = rng.integers(0, 100, shape).astype(rng.choice(["u1", "i2", "f4", "f8"]))
    first = int(rng.integers(shape[2]))
    count = int(rng.integers(1, shape[2] - first + 1))
    turned = binding.turned_columns(data, first, count)
    if not np.array_equal(turned, np.moveaxis(data[..., first : first + count], -1, 0)):
        raise SystemExit("columns were turned wrongly")
    good = [data.ctypes.data, turned.ctypes.data, data.itemsize, shape[0] * shape[1], shape[2], first, count]
    for place, bad in (
        (0, None),
        (1, None),
        (2, 3),
        (2, 0),
        (3, 0),
        (5, -1),
        (6, 0),
        (6, shape[2] - first + 1),
    ):
        broken = [*good[:place], bad, *good[place + 1 :]]
        if library.triptych_turn(*broken) == 0:
            raise SystemExit(f"turned columns that do not exist: {broken[2:]}")


def _broken_sample(seed: int, library: ctypes.CDLL) -> int:
    """Break what the C code checks by itself; sizes of buffers are the caller's word."""
    rng = np.random.default_rng(seed)
    (job,) = sample_jobs(seed, 1)
    struct = binding._sample_struct(job)
    match rng.integers(6):
        case 0:
            setattr(struct, str(rng.choice(["kind", "samples", "reduce"])), int(rng.choice(NUMBERS)))
            struct.samples = min(struct.samples, 9)
        case 1:
            field = getattr(struct, str(rng.choice(["matrix", "low", "high", "step"])))
            field[int(rng.integers(len(field)))] = float(rng.choice(DOUBLES))
        case 2:
            struct.pad_low, struct.pad_high = (float(value) for value in rng.choice(DOUBLES, 2))
            struct.padded = 1
        case 3:
            setattr(struct, str(rng.choice(["data", "out"])), None)
        case 4:
            struct.dtype = int(rng.choice([-1, 8, 99, -(2**31)]))
        case _:
            k = rng.integers(-3, job.data.shape[0] + 3, 5).astype(np.int32)
            w = rng.choice(DOUBLES, 5)
            if rng.random() < 0.7:
                k, w = np.unique(k), np.arange(5.0)
            flags = np.zeros(5, np.uint8)
            struct.has_knots, struct.knots = 1, len(k)
            struct.knot_w, struct.knot_k, struct.knot_no_data = (
                w.ctypes.data,
                k.ctypes.data,
                flags.ctypes.data,
            )
            return _call(library, _sampled(struct))
    return _call(library, _sampled(struct))


def _broken_compose(seed: int, library: ctypes.CDLL) -> int:
    rng = np.random.default_rng(seed)
    (job,) = compose_jobs(seed, 1)
    struct = binding._compose_struct(job)
    if job.layers and rng.random() < 0.8:
        layer = struct.layers[0]
        match rng.integers(4):
            case 0:
                layer.scale = float(rng.choice(np.array(DOUBLES, np.float32)))
            case 1:
                layer.offset = float(rng.choice(np.array(DOUBLES, np.float32)))
            case 2:
                layer.entries = int(rng.choice([0, -1, (1 << 16) + 1, -(2**31)]))
            case _:
                layer.table = None
    else:
        struct.layer_count = int(rng.choice([-1, 65, 2**31 - 1]))
    return _call(
        library, binding._Picture(compose=ctypes.pointer(struct), sample_count=0, height=struct.height)
    )


def _sampled(struct: binding._Sample) -> binding._Picture:
    return binding._Picture(samples=ctypes.pointer(struct), sample_count=1, height=struct.height)


def _broken_picture(seed: int, library: ctypes.CDLL) -> int:
    """A picture whose parts do not fit each other."""
    rng = np.random.default_rng(seed)
    (job,) = sample_jobs(seed, 1)
    picture = _sampled(binding._sample_struct(job))
    match rng.integers(3):
        case 0:
            picture.height = picture.height + int(rng.choice([-1, 1, 5, 2**20]))
        case 1:
            picture.sample_count = int(rng.choice([-1, 193, 2**31 - 1]))
        case _:
            picture.samples = ctypes.POINTER(binding._Sample)()
    return _call(library, picture)


def _call(library: ctypes.CDLL, picture: binding._Picture) -> int:
    counter = ctypes.c_int64(0)
    code = library.triptych_render(ctypes.addressof(picture), 1, ctypes.addressof(counter))
    if code not in (0, 1):
        raise SystemExit(f"unexpected answer {code}")
    return int(code)


if __name__ == "__main__":
    with np.errstate(over="ignore"):
        main(Path(sys.argv[1]), int(sys.argv[2]))
