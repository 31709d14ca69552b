"""How long the render kernel takes for a pane, against copying the pane's memory in the same run.

Usage: python -m tests.perf.bench_kernel [--slices 600] [--pane 800] [--repeat 15] [--twin] [--growth] [--json]

Prints for one thread and for all cores: the best of the repetitions in milliseconds, nanoseconds of one pixel, and the
ratio to a copy of one float32 pane. Every repetition samples another plane, so nothing is measured from a warm cache
but what a hand that scrolls would find there too.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.perf.report import Row, emit
from viewer.imaging import kernel
from viewer.imaging.compose import ComposeRequest, LayerPicture, compose_all
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.kernel import binding, pool
from viewer.imaging.picture import PictureRequest, make_pictures
from viewer.imaging.plane import Plane
from viewer.imaging.sample import Interpolation, SampleRequest, Slab, sample_planes
from viewer.imaging.volume import Volume

Float = npt.NDArray[np.float64]

FIELD_MM = 500.0
CT_PADDING = -3024


@dataclass(frozen=True)
class Task:
    """One measurement: what it is, what is called, and how many pixels a call makes."""

    name: str
    call: Callable[[], object]
    pixels: int


class Bench:
    """A CT with and without padding outside its field of view, a PET, and panes through their middle."""

    def __init__(self, slices: int, pane: int) -> None:
        self.pane = pane
        rng = np.random.default_rng(0)
        data = np.empty((slices, 512, 512), np.int16)
        for k in range(slices):
            data[k] = rng.integers(-1000, 2000, (512, 512)) if k < 8 else data[k % 8]
        pitch = FIELD_MM / 512
        geometry = self._geometry(data.shape, (1.0, pitch, pitch), slices)
        self.ct = Volume("ct", data, geometry)
        padded = data.copy()
        j, i = np.indices((512, 512)) - 255.5
        padded[:, np.hypot(j, i) > 256] = CT_PADDING
        self.padded = Volume("padded", padded, geometry, padding=(CT_PADDING, CT_PADDING))
        pet = rng.random((slices // 2, 200, 200), dtype=np.float32)
        self.pet = Volume(
            "pet", pet, self._geometry(pet.shape, (2.0, FIELD_MM / 200, FIELD_MM / 200), slices)
        )
        self.oblique = self._turned(25, 20, 12)
        self._step = itertools.count(1)

    @staticmethod
    def _geometry(
        shape: tuple[int, ...], spacing_mm: tuple[float, float, float], slices: int
    ) -> VolumeGeometry:
        k, j, i = spacing_mm
        edge = FIELD_MM / 2
        affine = np.array(
            [[0, 0, i, i / 2 - edge], [0, j, 0, j / 2 - edge], [k, 0, 0, (k - slices) / 2], [0, 0, 0, 1]]
        )
        return VolumeGeometry((shape[0], shape[1], shape[2]), affine)

    @staticmethod
    def _turned(*degrees: float) -> tuple[Float, Float]:
        turn = np.eye(3)
        for axis, angle in enumerate(np.radians(degrees)):
            one, other = (axis + 1) % 3, (axis + 2) % 3
            step = np.eye(3)
            step[one, one] = step[other, other] = np.cos(angle)
            step[other, one], step[one, other] = np.sin(angle), -np.sin(angle)
            turn = turn @ step
        return turn[:, 0], turn[:, 1]

    def plane(self, name: str, *, moving: bool = True, size: int | None = None) -> Plane:
        """Plane of a kind through a voxel centre near the middle, another one at each call while `moving`."""
        axes = {
            "axial": ((1, 0, 0), (0, 1, 0)),
            "coronal": ((1, 0, 0), (0, 0, -1)),
            "sagittal": ((0, 1, 0), (0, 0, -1)),
        }
        right, down = (np.array(vector, float) for vector in axes.get(name, self.oblique))
        geometry = self.ct.geometry
        centre = geometry.to_patient(np.floor(geometry.to_index(geometry.centre_mm)))
        shift = (next(self._step) * 37) % 60 - 30 if moving else 0
        pitch = 1.0 if name in ("axial", "oblique") else FIELD_MM / 512
        size = size or self.pane
        return Plane.centred(
            centre + np.cross(right, down) * shift * pitch, right, down, 1.04 * FIELD_MM / size, size, size
        )

    def rows(self) -> list[Task]:
        """Every measurement."""
        shape = (self.pane, self.pane)
        floats = [np.zeros(shape, np.float32) for _ in range(6)]
        pixels = self.pane**2

        def sample(names: tuple[str, ...], *volumes: Volume) -> Callable[[], object]:
            def call() -> object:
                planes = [self.plane(name) for name in names]
                pairs = [(volume, plane) for plane in planes for volume in volumes]
                return sample_planes(
                    [SampleRequest(v, p, out) for (v, p), out in zip(pairs, floats, strict=False)]
                )

            return call

        rows = []
        for name in ("axial", "coronal", "sagittal", "oblique"):
            rows += [
                Task(f"{name} CT", sample((name,), self.ct), pixels),
                Task(f"{name} CT with padding", sample((name,), self.padded), pixels),
                Task(f"{name} PET float32", sample((name,), self.pet), pixels),
                Task(f"{name} CT + PET", sample((name,), self.ct, self.pet), pixels),
            ]
        three = ("axial", "coronal", "sagittal")
        rows.append(Task("three panes CT + PET", sample(three, self.ct, self.pet), 3 * pixels))
        small = np.zeros((512, 512), np.float32)
        for kind, volume, slab in (
            (Interpolation.NEAREST, self.ct, None),
            (Interpolation.CUBIC, self.ct, None),
            (Interpolation.LINEAR, self.ct, Slab(10.0)),
        ):
            label = "slab 10 mm" if slab else str(kind)
            rows += [
                Task(
                    f"{name} CT 512x512, {label}",
                    lambda n=name, v=volume, k=kind, s=slab: sample_planes(  # type: ignore[misc]
                        [SampleRequest(v, self.plane(n, size=512), small, k, s)]
                    ),
                    512 * 512,
                )
                for name in ("axial", "oblique")
            ]
        return rows + self._colour_rows(shape)

    def _colour_rows(self, shape: tuple[int, int]) -> list[Task]:
        grey = np.full((256, 4), 255, np.uint8)
        grey[:, :3] = np.arange(256)[:, None]
        hot = grey.copy()
        hot[:, 3] = 128
        hot[0, 3] = 0
        ct, pet = (
            sample_planes([SampleRequest(volume, self.plane("axial", moving=False))])[0]
            for volume in (self.ct, self.pet)
        )
        below, above = LayerPicture(ct, grey, -160, 240), LayerPicture(pet, hot, 0, 1)
        outs = [np.zeros(shape, np.uint32) for _ in range(3)]
        one = [ComposeRequest((below,), outs[0])]
        fused = [ComposeRequest((below, above), out) for out in outs]
        pixels = shape[0] * shape[1]
        return [
            Task("colour CT", lambda: compose_all(one), pixels),
            Task("colour CT + PET", lambda: compose_all(fused[:1]), pixels),
            Task("colour three panes CT + PET", lambda: compose_all(fused), 3 * pixels),
        ]


def best_ms(call: Callable[[], object], repeat: int) -> float:
    """Shortest of some calls, in milliseconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def growth_rows(bench: Bench, repeat: int) -> Iterator[Row]:
    """Whole pictures, both stages in one call, of 1, 2 and 4 layers."""
    shape = (bench.pane, bench.pane)
    grey = np.full((256, 4), 255, np.uint8)
    grey[:, :3] = np.arange(256)[:, None]
    half = grey.copy()
    half[:, 3] = 128
    out = np.zeros(shape, np.uint32)
    for name in ("axial", "oblique"):
        first = 0.0
        for layers in (1, 2, 4):
            volumes = ([bench.ct, bench.pet] * 2)[:layers]
            values = [np.zeros(shape, np.float32) for _ in volumes]
            pictures = tuple(
                LayerPicture(value, half if n else grey, -160, 240) for n, value in enumerate(values)
            )

            def call(name: str = name, volumes: list[Volume] = volumes, values: list[Any] = values) -> None:
                plane = bench.plane(name)
                samples = tuple(SampleRequest(v, plane, o) for v, o in zip(volumes, values, strict=True))
                make_pictures([PictureRequest(samples, ComposeRequest(pictures, out))])  # noqa: B023 - called at once

            cost = best_ms(call, repeat)
            first = first or cost
            yield Row(
                f"one {name} picture of {layers} layers", cost, "ms", None, None, cost / first, "one layer"
            )


def other_rows(bench: Bench) -> Iterator[Row]:
    """The same oblique plane by other libraries, where they are installed."""
    plane = bench.plane("oblique", moving=False)
    geometry = bench.ct.geometry
    own = best_ms(lambda: sample_planes([SampleRequest(bench.ct, plane)]), 5)
    yield Row("oblique CT by the kernel", own)
    if importlib.util.find_spec("SimpleITK") is not None:
        import SimpleITK

        image = SimpleITK.GetImageFromArray(bench.ct.array)
        k, j, i = geometry.spacing_mm
        image.SetSpacing((i, j, k))
        image.SetOrigin(geometry.patient_from_index[:3, 3].tolist())
        resample = SimpleITK.ResampleImageFilter()
        resample.SetSize((plane.width, plane.height, 1))
        resample.SetOutputOrigin(plane.origin_mm.tolist())
        pitch = plane.mm_per_pixel
        resample.SetOutputSpacing((pitch, pitch, pitch))
        frame = np.column_stack([plane.right, plane.down, plane.normal])
        resample.SetOutputDirection(frame.ravel().tolist())
        cost = best_ms(lambda: resample.Execute(image), 5)
        yield Row("oblique CT by SimpleITK's resampler", cost, "ms", None, None, cost / own, "kernel")
    if importlib.util.find_spec("scipy") is not None:
        map_coordinates = importlib.import_module("scipy.ndimage").map_coordinates
        column, row = np.meshgrid(np.arange(plane.width), np.arange(plane.height))
        points = plane.origin_mm + column[..., None] * plane.u_mm + row[..., None] * plane.v_mm
        index = np.moveaxis(geometry.to_index(points), -1, 0)
        cost = best_ms(lambda: map_coordinates(bench.ct.array, index, order=1, output=np.float32), 3)
        yield Row("oblique CT by scipy's map_coordinates", cost, "ms", None, None, cost / own, "kernel")


def rows(bench: Bench, repeat: int, *, growth: bool) -> Iterator[Row]:
    """The kernel on all cores, its size, and how the work grows."""
    source, target = (np.zeros((bench.pane, bench.pane), np.float32) for _ in range(2))
    copy_ms = best_ms(lambda: np.copyto(target, source), 50)
    yield Row("copy of one float32 pane", copy_ms)
    for measured in bench.rows():
        cost = best_ms(measured.call, repeat)
        limit = 5.0 if measured.name == "oblique CT 512x512, slab 10 mm" else None
        yield Row(measured.name, cost, "ms", limit, None, cost / copy_ms, "copy of a pane")
    library = binding.load().library
    if library is not None:
        size_kb = Path(str(library._name)).stat().st_size / 1e3
        yield Row("own compiled payload", size_kb, "kB", 100.0)
    if growth:
        yield from growth_rows(bench, repeat)
        yield from other_rows(bench)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=600)
    parser.add_argument("--pane", type=int, default=800, help="pixels along each side")
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument(
        "--twin", action="store_true", help="measure whichever kernel is in use once only (slow twin)"
    )
    parser.add_argument("--growth", action="store_true", help="also 1, 2, 4 layers and other libraries")
    parser.add_argument("--json", action="store_true", help="all cores only, for all.py")
    arguments = parser.parse_args()
    repeat = 1 if arguments.twin else arguments.repeat
    if arguments.json or arguments.growth:
        bench = Bench(arguments.slices, arguments.pane)
        emit(rows(bench, repeat, growth=arguments.growth), as_json=arguments.json)
        return

    source, target = (np.zeros((arguments.pane, arguments.pane), np.float32) for _ in range(2))
    copy_ms = best_ms(lambda: np.copyto(target, source), 50)
    print(f"{kernel.reason()}; CT 512x512x{arguments.slices}, pane {arguments.pane}x{arguments.pane}")
    print(f"copy of one float32 pane: {copy_ms:.3f} ms\n")
    bench = Bench(arguments.slices, arguments.pane)
    all_cores = pool.cores()
    results: dict[str, list[float]] = {}
    measured = bench.rows()
    for cores in sorted({1, all_cores}):
        pool.cores = lambda number=cores: number  # type: ignore[misc]
        for row in measured:
            results.setdefault(row.name, []).append(best_ms(row.call, repeat))
    print(
        f"| what | ms, 1 thread | ns per px | x copy | ms, {all_cores} threads |\n| --- | --- | --- | --- | --- |"
    )
    for row in measured:
        first, last = results[row.name][0], results[row.name][-1]
        print(
            f"| {row.name} | {first:.2f} | {first * 1e6 / row.pixels:.2f} | {first / copy_ms:.1f} | {last:.2f} |"
        )


if __name__ == "__main__":
    main()
