"""Random jobs for the kernel: every element type, kind of plane, padding, knots and slab, from one seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.imaging.kernel.jobs import DTYPES, ColourLayer, ComposeJob, Kind, Knots, Reduce, SampleJob

COMMON = ("i2", "u2", "f4", "u1")


def sample_jobs(seed: int, count: int = 2) -> list[SampleJob]:
    """Two equal jobs (by default) with an output of their own each."""
    rng = np.random.default_rng(seed)
    arguments = _arguments(rng)
    height, width = (int(n) for n in rng.integers(1, 70, 2))
    arguments["matrix"] = _matrix(rng, arguments["data"].shape, height, width)
    # The second has spare columns, so that a kernel that writes beyond its row is caught.
    spare = int(rng.integers(0, 4))
    return [
        SampleJob(out=np.full((height, width + spare), -7, np.float32)[:, :width], **arguments)
        for _ in range(count)
    ]


def _arguments(rng: np.random.Generator) -> dict[str, Any]:
    dtype = np.dtype(rng.choice(COMMON)) if rng.random() < 0.7 else DTYPES[rng.integers(len(DTYPES))]
    shape = tuple(int(n) for n in rng.integers(1, 24, 3)) if rng.random() < 0.4 else _shape(rng)
    data = _values(rng, dtype, shape)
    padding = None
    if rng.random() < 0.6:
        where = rng.random(shape) < rng.choice([0.02, 0.5, 0.95])
        if rng.random() < 0.5:
            where = np.indices(shape)[rng.integers(3)] < rng.integers(0, 12)
        if dtype.kind == "f" and rng.random() < 0.5:
            data[where] = rng.choice([np.nan, np.inf, -np.inf])
        else:
            data[where] = data.min()
            padding = (float(data.min()), float(data.min()) + float(rng.choice([0, 0, 40.5])))
    return {
        "data": data,
        "low": np.full(3, -0.5 - 1e-6),
        "high": np.array(shape) - 0.5 + 1e-6,
        "kind": Kind(int(rng.integers(3))) if rng.random() < 0.5 else Kind.LINEAR,
        "padding": padding,
        "knots": _knots(rng, shape[0]) if rng.random() < 0.4 else None,
        "samples": int(rng.choice([1, 1, 1, 3, 7])),
        "step": rng.normal(size=3) * 0.6,
        "reduce": Reduce(int(rng.integers(4))),
    }


def _shape(rng: np.random.Generator) -> tuple[int, int, int]:
    k, j, i = (int(n) for n in rng.integers(8, 40, 3))
    return k, j, i


def _values(rng: np.random.Generator, dtype: np.dtype[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if dtype.kind == "f":
        return rng.normal(0, 1000, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(max(limits.min, -30000), min(limits.max, 60000), shape, endpoint=True).astype(dtype)


def _knots(rng: np.random.Generator, slices: int) -> Knots:
    k = np.sort(rng.permutation(slices)[: rng.integers(0, slices + 1)]).astype(np.int32)
    w = np.cumsum(rng.uniform(0.3, 2, len(k)))
    flags = rng.choice([0, 0, 0, 0, 1, 2, 3], len(k)) if rng.random() < 0.5 else np.zeros(len(k))
    return Knots(w - w[:1].sum(), k, flags.astype(np.uint8))


def _matrix(
    rng: np.random.Generator, shape: tuple[int, ...], height: int, width: int
) -> npt.NDArray[np.float64]:
    """Oblique, parallel to the grid, turned within a slice, or sheared."""
    form = rng.integers(4)
    basis = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    if form == 0:
        basis = np.eye(3)[rng.permutation(3)] * rng.choice([-1, 1], 3)[:, None]
    elif form == 1:
        cosine, sine = np.cos(turn := rng.random() * 6), np.sin(turn)
        basis = np.array([[0, 0, 1], [sine, cosine, 0], [cosine, -sine, 0]])
    elif form == 2:
        basis = basis @ np.array([[1, 0, 0], [0, 1, 0], [0.3, 0.2, 1]])
    zoom = rng.choice([0.07, 0.3, 0.5, 1, 2.3])
    across, down = basis[:, 0] * zoom, basis[:, 1] * zoom
    centre = (np.array(shape) - 1) / 2
    if rng.random() < 0.7:
        centre = centre + rng.normal(0, 2, 3)
    elif rng.random() < 0.5:
        centre = np.round(centre)
    return np.column_stack([across, down, centre - across * (width - 1) / 2 - down * (height - 1) / 2])


def disagreement(job: SampleJob, other: SampleJob) -> float:
    """Share of pixels that differ by more than a thousandth of the value range (of the sum for SUM)."""
    a, b = job.out, other.out
    finite = job.data[np.isfinite(job.data)].astype(np.float64)
    span = max(float(np.ptp(finite)), float(np.abs(finite).max())) if finite.size else 1.0
    tolerance = 1e-3 * span * (job.samples if job.reduce is Reduce.SUM else 1)
    with np.errstate(invalid="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= tolerance)
    return float(1 - same.mean())


def compose_jobs(seed: int, count: int = 2) -> list[ComposeJob]:
    """Two equal jobs (by default) with an output of their own each."""
    rng = np.random.default_rng(seed)
    height, width = (int(n) for n in rng.integers(1, 60, 2))
    layers = tuple(_layer(rng, (height, width)) for _ in range(rng.integers(0, 4)))
    background = 0xFF000000 | int(rng.integers(1 << 24))
    return [
        ComposeJob(layers, np.zeros((height, width + 3), np.uint32)[:, :width], background)
        for _ in range(count)
    ]


def _layer(rng: np.random.Generator, shape: tuple[int, int]) -> ColourLayer:
    values = []
    for _ in range(int(rng.choice([1, 1, 3]))):
        channel = rng.normal(0, 300, shape).astype(np.float32)
        channel[rng.random(shape) < 0.1] = np.nan
        channel[rng.random(shape) < rng.choice([0, 0.1])] = np.inf
        values.append(channel)
    entries = int(rng.choice([1, 2, 256, 256, 4096]))
    table = rng.integers(0, 256, (entries, 4), dtype=np.uint8)
    if rng.random() < 0.5:
        table[:, 3] = 255
    lower = float(rng.normal(0, 200))
    return ColourLayer(tuple(values), table, lower, lower + float(rng.choice([0, 1e-42, 1, 400, -300])))
