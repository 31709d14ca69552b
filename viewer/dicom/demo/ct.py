"""Hounsfield units of the phantom, slice by slice at full resolution."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from viewer.dicom.demo import brain, skeleton, soft
from viewer.dicom.demo.anatomy import Anatomy, build, falx_opening, midline_x, tentorium_z
from viewer.dicom.demo.lesions import LESIONS, Lesion
from viewer.dicom.demo.shapes import Array, Capsule, Ellipsoid, Grid, Shape, pair, tube

ROWS: Final = 512
COLUMNS: Final = 512
SLICES: Final = 320
PIXEL_MM: Final = 0.468
SLICE_MM: Final = 1.0
# Centre of the first voxel of the lowest slice, LPS mm.
ORIGIN_MM: Final = (-255.5 * PIXEL_MM, -255.5 * PIXEL_MM - 5.0, -195.0)

# The distance fields are computed on every fourth pixel and every second slice.
_STEP: Final = 4
_SLICE_STEP: Final = 2
_EDGE_MM: Final = np.float32(0.75)
_NOISE_SIDE: Final = 701


def _cubic(t: float) -> tuple[float, float, float, float]:
    """Weights of the four neighbours in Catmull-Rom interpolation at t in 0..1 between the middle two."""
    return (
        0.5 * (-t + 2 * t * t - t**3),
        0.5 * (2 - 5 * t * t + 3 * t**3),
        0.5 * (t + 4 * t * t - 3 * t**3),
        0.5 * (-t * t + t**3),
    )


_WEIGHTS: Final = [np.array(_cubic(p / _STEP), dtype=np.float32) for p in range(_STEP)]


def coarse_grid() -> Grid:
    """Grid of the distance fields: one node before the first voxel, enough after the last for cubic weights."""
    x0, y0, z0 = ORIGIN_MM
    across = PIXEL_MM * (_STEP * (np.arange(COLUMNS // _STEP + 3) - 1))
    up = SLICE_MM * (_SLICE_STEP * (np.arange(SLICES // _SLICE_STEP + 3) - 1))
    return Grid(
        (x0 + across).astype(np.float32), (y0 + across).astype(np.float32), (z0 + up).astype(np.float32)
    )


def fine_grid(k: int) -> Grid:
    """Voxel centres of one slice."""
    x0, y0, z0 = ORIGIN_MM
    across = PIXEL_MM * np.arange(COLUMNS)
    return Grid(
        (x0 + across).astype(np.float32),
        (y0 + across).astype(np.float32),
        np.array([z0 + SLICE_MM * k], dtype=np.float32),
    )


@dataclass(frozen=True)
class _Detail:
    """Something too small for the fields: a shape, its value in HU, and how soft its edge is."""

    shape: Shape
    value_hu: float
    edge_mm: float = 0.7


class _Details:
    """Details in the order they are laid over each other, with the pixels each can touch found once."""

    def __init__(self, details: list[_Detail]) -> None:
        self._details = details
        plane = fine_grid(0)
        margin_mm = 1.0
        self._windows = [plane.window(d.shape.bounds, margin_mm)[1:] for d in details]
        self._low = np.array([d.shape.bounds[0][2] for d in details]) - margin_mm
        self._high = np.array([d.shape.bounds[1][2] for d in details]) + margin_mm

    def paint(self, image: Array, grid: Grid) -> None:
        """Lay the details over `image`, (j, i) HU on the whole of a one-slice `grid`, in place."""
        z = float(grid.z_mm[0])
        for number in np.flatnonzero((self._low < z) & (z < self._high)):
            detail, window = self._details[number], self._windows[number]
            part = grid.part((slice(0, 1), *window))
            distance = detail.shape.distance(*part.points)[0]
            target = image[window]
            share = np.clip(0.5 - distance / np.float32(detail.edge_mm), 0, 1)
            target += share * (np.float32(detail.value_hu) - target)


class Scanner:
    """Makes CT slices of the phantom.

    Building it computes the distance fields; `slice_hu` may then be called from several threads.
    """

    def __init__(self) -> None:
        self._anatomy = build(coarse_grid())
        names = [f.name for f in fields(Anatomy) if f.name != "grid"]
        self._lowest = {name: getattr(self._anatomy, name).min(axis=(1, 2)) for name in names}
        self._noise, self._streaks = _noise_pools()
        self.soft_details, self.bone_details = _Details(_soft_details()), _Details(_bone_details())
        self.metal_streaks = np.random.default_rng(5).normal(size=128).astype(np.float32)

    def slice_hu(self, k: int) -> Array:
        """Hounsfield units (j, i) float32 of slice k, counted from the feet."""
        return _SliceMaker(self, k).make()

    def body_window(self, k: int) -> tuple[slice, slice]:
        """Rows and columns that hold the body in slice k, in steps of the coarse grid."""
        node = k // _SLICE_STEP
        inside = self._anatomy.skin[node : node + 4].min(axis=0) < 3
        ranges = []
        for axis in (1, 0):
            nodes = np.flatnonzero(inside.any(axis=axis))
            if nodes.size == 0:
                return slice(0, 0), slice(0, 0)
            # Node n sits on pixel 4 (n - 1).
            first, last = max(int(nodes[0]) - 2, 0), min(int(nodes[-1]) + 1, ROWS // _STEP)
            ranges.append(slice(first * _STEP, last * _STEP))
        return ranges[0], ranges[1]

    def has(self, name: str, k: int, window: tuple[slice, slice], below: float) -> bool:
        """Whether anything of a field lies below `below` within a window of slice k."""
        node = k // _SLICE_STEP
        if self._lowest[name][node : node + 4].min() > below:
            return False
        rows, columns = (slice(w.start // _STEP, w.stop // _STEP + 3) for w in window)
        coarse: Array = getattr(self._anatomy, name)
        return bool(coarse[node : node + 4, rows, columns].min() <= below)

    def field(self, name: str, k: int, window: tuple[slice, slice]) -> Array:
        """Field on a window of slice k, (j, i) float32, mm for distances."""
        coarse: Array = getattr(self._anatomy, name)
        node, phase = divmod(k, _SLICE_STEP)
        rows, columns = (slice(w.start // _STEP, w.stop // _STEP + 3) for w in window)
        if not phase:
            return _upsample(coarse[node + 1, rows, columns])
        weights = np.array(_cubic(phase / _SLICE_STEP), dtype=np.float32)
        between: Array = np.tensordot(weights, coarse[node : node + 4, rows, columns], axes=1)
        return _upsample(between)

    def noise(self, k: int) -> tuple[Array, Array]:
        """Two noise images (j, i) of variance 1 for slice k: fine grain, and streaks along x."""
        random = np.random.default_rng(1000 + k)
        j, i = random.integers(0, _NOISE_SIDE - ROWS, 2)
        view = np.s_[j : j + ROWS, i : i + COLUMNS]
        return self._noise[view], self._streaks[view]


def _upsample(plane: Array) -> Array:
    """Every node of `plane` becomes `_STEP` by `_STEP` pixels, Catmull-Rom; the border of three nodes is used up."""
    down, across = (n - 3 for n in plane.shape)
    wide = np.empty((down + 3, across * _STEP), dtype=np.float32)
    rows = np.empty((down, _STEP, across * _STEP), dtype=np.float32)
    for phase, weights in enumerate(_WEIGHTS):
        wide[:, phase::_STEP] = sum(w * plane[:, n : n + across] for n, w in enumerate(weights) if w)
    for phase, weights in enumerate(_WEIGHTS):
        rows[:, phase] = sum(w * wide[n : n + down] for n, w in enumerate(weights) if w)
    return rows.reshape(down * _STEP, across * _STEP)


def _noise_pools() -> tuple[Array, Array]:
    """Grain and streak noise, larger than a slice so that every slice can take another part."""
    grain = np.random.default_rng(1).normal(size=(_NOISE_SIDE, _NOISE_SIDE)).astype(np.float32)
    spread = grain
    for axis in (0, 1):
        spread = 0.5 * spread + 0.25 * (np.roll(spread, 1, axis) + np.roll(spread, -1, axis))
    streaks = np.random.default_rng(2).normal(size=(_NOISE_SIDE, _NOISE_SIDE)).astype(np.float32)
    streaks = 0.5 * streaks + 0.25 * (np.roll(streaks, 1, 0) + np.roll(streaks, -1, 0))
    total = np.cumsum(np.concatenate([streaks, streaks[:, :64]], axis=1), axis=1)
    streaks = total[:, 64:] - total[:, :-64]
    return spread / spread.std(), streaks[:, :_NOISE_SIDE] / streaks.std()


def _soft_details() -> list[_Detail]:
    vessels = [_Detail(s, 185.0) for s in soft.arteries()] + [_Detail(s, 165.0) for s in soft.veins()]
    eyes = [
        *(_Detail(s, 42.0) for s in brain.orbit_contents()),
        *(_Detail(s, 52.0) for s in brain.globes()),
        *(_Detail(Ellipsoid(s.centre, tuple(r - 1.3 for r in s.radii)), 8.0) for s in _whole(brain.globes())),  # type: ignore[arg-type]
        *(_Detail(s, 90.0) for s in brain.lenses()),
        *(_Detail(s, 95.0) for s in brain.pituitary()),
    ]
    spots = [
        _Detail(Ellipsoid((0.5, 26.5, 39.0), (2.4, 3.0, 2.0)), 230.0, 1.2),
        _Detail(Ellipsoid((25.0, 37.0, 41.0), (2.4, 3.2, 3.4)), 190.0, 1.2),
        _Detail(Ellipsoid((-25.5, 37.0, 41.0), (1.8, 2.8, 2.6)), 150.0, 1.2),
        _Detail(Ellipsoid((-17.0, -10.0, -139.0), (4.2, 4.8, 5.0)), 70.0, 1.6),
    ]
    nodes = [_Detail(_sphere(n), n.hounsfield, 1.2) for n in LESIONS]
    hearts = [_Detail(_sphere(n, 0.5), n.hounsfield - 30, 3.0) for n in LESIONS if n.necrotic]
    return [*vessels, *eyes, *spots, *nodes, *hearts]


def _sphere(lesion: Lesion, scale: float = 1.0) -> Ellipsoid:
    radius = scale * lesion.diameter_mm / 2
    return Ellipsoid(lesion.centre_mm, (radius, radius, radius))


def _whole(shapes: list[Shape]) -> list[Ellipsoid]:
    """Ellipsoids of a paired list, mirror images written out."""
    left = [s for s in shapes if isinstance(s, Ellipsoid)]
    right = [Ellipsoid((-s.centre[0], *s.centre[1:]), s.radii) for s in left]
    return [*left, *right]


def _bone_details() -> list[_Detail]:
    out = [_Detail(s, 1650.0, 1.5) for s in skeleton.petrous()]
    circle = np.linspace(0, 2 * np.pi, 13)
    upright = [(36.0 + 2.9 * np.cos(a), 14.0 + 2.9 * np.sin(a) * 0.7, 10.0 + 2.9 * np.sin(a)) for a in circle]
    level = [(37.5 + 2.8 * np.cos(a), 16.5 + 2.8 * np.sin(a), 6.5) for a in circle]
    cochlea = [
        (30.5 + (2.8 - 0.13 * n) * np.cos(a), 8.5 + (2.8 - 0.13 * n) * np.sin(a) * 0.8, 4.0 + 0.16 * n)
        for n, a in enumerate(np.linspace(0, 4 * np.pi, 17))
    ]
    inner = [
        *tube(upright, 0.6),
        *tube(level, 0.6),
        *tube(cochlea, 0.8),
        Capsule((24.0, 13.0, 6.0), (32.0, 13.0, 6.0), 2.6, 1.8),
        Capsule((34.5, 12.0, 5.5), (35.0, 14.0, 7.0), 1.6, 1.4),
    ]
    out += [_Detail(s, 60.0, 0.6) for s in pair(*inner)]
    out += [_Detail(s, 700.0, 0.6) for s in pair(*tube([(48.0, 13.0, 4.0), (48.5, 15.5, 6.5)], [0.7, 1.0]))]
    # What stands in the air of nose and throat.
    out += [_Detail(s, 60.0, 0.8) for s in [*soft.turbinates(), *soft.epiglottis()]]
    out += [_Detail(s, 420.0, 0.6) for s in soft.turbinate_bones()]
    # The nodule in the lung comes after the lung.
    out += [_Detail(_sphere(n), n.hounsfield, 1.4) for n in LESIONS if n.in_lung]
    out.append(_Detail(Ellipsoid((29.0, -55.0, -20.0), (11.0, 12.0, 8.0)), 25.0, 0.8))
    for crown, root, pulp in skeleton.teeth():
        out += [_Detail(root, 1500.0, 0.6), _Detail(crown, 2450.0, 0.6), _Detail(pulp, 350.0, 0.6)]
    out.append(_Detail(_FILLING, 3400.0, 0.6))
    return out


_FILLING: Final = Ellipsoid((-29.2, -50.5, -43.5), (3.4, 3.4, 2.4))


class _SliceMaker:
    """One slice in the making: tissues are laid over each other from the outside in."""

    def __init__(self, scanner: Scanner, k: int) -> None:
        self._scanner, self._k = scanner, k
        self._whole = fine_grid(k)
        self._z = float(self._whole.z_mm[0])
        self._image: Array = np.full((ROWS, COLUMNS), -1000.0, dtype=np.float32)
        self._window = scanner.body_window(k)
        self._grid = self._whole.part((slice(0, 1), *self._window))
        self._hu = self._image[self._window]

    def make(self) -> Array:
        self._couch()
        skin = None
        if self._hu.size:
            skin = self._needed("skin")
            self._texture = self._needed("texture")
            self._other_texture = self._texture[::-1, ::-1]
            background = self._hu.copy()
            self._soft_tissue(skin)
            self._bones()
            self._head(skin)
            self._scanner.soft_details.paint(self._image, self._whole)
            self._cavities()
            self._scanner.bone_details.paint(self._image, self._whole)
            self._filling()
            self._mix(np.clip(0.5 + skin / _EDGE_MM, 0, 1), background)
        self._add_noise(skin)
        return self._image

    # --- Helpers ---

    def _field(self, name: str, below: float = 2.0) -> Array | None:
        """Field on the window of this slice; None where it would change nothing."""
        return self._needed(name) if self._scanner.has(name, self._k, self._window, below) else None

    def _needed(self, name: str) -> Array:
        return self._scanner.field(name, self._k, self._window)

    def _lay(
        self, distance: Array, value: npt.NDArray[np.floating[Any]] | float, edge_mm: np.float32 = _EDGE_MM
    ) -> None:
        """Cover what lies inside a distance with a value in HU; the edge voxels become mixtures."""
        self._mix(np.clip(0.5 - distance / edge_mm, 0, 1), value)

    def _mix(self, share: Array, value: npt.NDArray[np.floating[Any]] | float) -> None:
        self._hu += share * (value - self._hu)

    # --- Tissues ---

    def _couch(self) -> None:
        x, y, _ = (a[0] for a in self._whole.points)
        if self._z > -98:
            radius = np.sqrt(x * x + (y + 9) ** 2)
            inside = (y > 40) & (radius > 108)
            self._image[inside & (radius < 114)] = -930
            for shell in (109.3, 113.3):
                share = np.clip(1.4 - np.abs(radius - shell), 0, 1) * (y > 40)
                self._image += share.astype(np.float32) * (20 - self._image)
        else:
            self._image[y[:, 0] > 110] = -925
            self._image += np.clip(1.5 - np.abs(y - 109.5), 0, 1) * (60 - self._image)

    def _soft_tissue(self, skin: Array) -> None:
        texture, other = self._texture, self._other_texture
        strands = np.clip(1 - np.abs(other) * 9, 0, 1)
        self._lay(skin, -104 + 5 * texture + 50 * strands, np.float32(0.9))
        self._mix(np.clip(0.5 - (np.abs(skin + 0.7) - 0.7) / _EDGE_MM, 0, 1), 5.0)
        muscle = self._field("muscle")
        if muscle is not None:
            streaks = np.clip(1 - np.abs(texture + 0.6) * 8, 0, 1) * np.clip(-muscle / 3, 0, 1)
            self._lay(muscle, 60 + 3.5 * other - 55 * streaks, np.float32(1.0))
        gland = self._field("gland")
        if gland is not None:
            if self._z > -58:
                value = 2 + 16 * texture
            elif self._z > -100:
                value = 48 + 6 * texture
            else:
                value = 150 + 10 * other
            self._lay(gland, value, np.float32(1.0))
        cartilage = self._field("cartilage")
        if cartilage is not None:
            discs = 105 - 40 * np.clip(-cartilage / 3, 0, 1)
            self._lay(cartilage, discs + np.clip(texture, 0, 2) * (160 if -125 < self._z < -84 else 10))

    def _bones(self) -> None:
        bone = self._field("bone")
        if bone is None:
            return
        texture, other = self._texture, self._other_texture
        shell_mm = 1.9 if self._z > 30 else 1.3
        marrow = (480 if self._z > 20 else 250) + 60 * texture + 50 * other
        depth = np.clip((-bone - shell_mm) / 1.1, 0, 1)
        self._lay(bone, 1250 + 60 * other - depth * (1250 + 60 * other - marrow), np.float32(0.9))

    def _head(self, skin: Array) -> None:
        canal = self._field("canal")
        cavity = self._field("cavity")
        if canal is not None:
            self._lay(canal, -60.0)
            self._lay(canal + np.float32(1.6), 14.0, np.float32(1.2))
        if cavity is not None:
            self._brain(cavity)
        cord = self._field("cord")
        if cord is not None:
            self._lay(cord, 33.0, np.float32(1.4))
        orbit = self._field("orbit")
        if orbit is not None:
            self._lay(np.maximum(orbit, skin + np.float32(3.0)), -96.0)

    def _brain(self, cavity: Array) -> None:
        x, y, z = (a[0] for a in self._grid.points)
        inside = np.clip(0.5 - cavity / _EDGE_MM, 0, 1)
        depth = -cavity
        value = np.full_like(cavity, 8.0)
        infra, fold = self._needed("infratentorial"), self._needed("fold")
        inward, texture = -self._needed("convexity"), self._texture

        def cover(share: Array, hu: Array | float) -> None:
            np.add(value, share * (hu - value), out=value)

        def solid(distance: Array, edge_mm: float = 1.2) -> Array:
            share: Array = np.clip(0.5 - distance / np.float32(edge_mm), 0, 1)
            return share

        # Cerebrum: white matter, cortex along surface and sulci, fluid in the sulci.
        opening = falx_opening(y, z)
        off = np.abs(x - midline_x(y, z))
        fissure = np.maximum(off - 1.0, -40 * opening)
        # Sulci run in from the outer surface, and from the fissure as far as it is open.
        inward = np.minimum(inward, np.where(opening > 0.04, off - 0.4, 99))
        sulcus = (1.55 + 0.35 * texture) * np.clip(1 - (inward - 1) / 21, 0, 1)
        gap = np.abs(fold) - sulcus
        cortex = np.minimum(inward - 5.4, np.maximum(gap - 3.0, inward - 23))
        cortex = np.minimum(cortex, fissure - 3.4)
        cerebrum = solid(2.0 - depth) * solid(-infra)
        cover(cerebrum, 28.0)
        cover(cerebrum * solid(cortex, 1.8), 39.0)
        grey = self._field("grey")
        if grey is not None:
            cover(solid(grey, 1.8), 38.5)
        cover(cerebrum * solid(gap, 1.3) * solid(inward - 20, 5.0), 9.0)
        cover(cerebrum * solid(fissure), 9.0)
        callosum = self._field("callosum")
        if callosum is not None:
            cover(solid(callosum), 29.0)

        # Below the tentorium: the cerebellum fills what the brainstem and its cisterns leave.
        lobe = np.maximum(np.maximum(1.8 - depth, infra + 1.2), 27.0 + 0.08 * np.abs(x) - y)
        cord = self._field("cord")
        if cord is not None:
            lobe = np.maximum(lobe, 1.6 - cord)
        leaves = np.cos((y + 0.35 * np.abs(x) + 1.1 * z + 0.9 * fold) * np.float32(2 * np.pi / 4.8))
        shade = 37 + 4.0 * leaves * np.clip((lobe + 10) / 5, 0, 1) - 5 * np.clip((-lobe - 9) / 4, 0, 1)
        cover(solid(lobe), shade)
        fluid = self._field("fluid")
        if fluid is not None:
            cover(solid(fluid), 7.0)
        # Dura: falx, tentorium, and the superior sagittal sinus in the angle of the falx.
        if self._z > 22:
            cover(
                solid(
                    np.maximum(off - 0.5, 0.22 - opening)
                    + np.where(self._z < 40, np.where(y > -20, 9, 0), 0),
                    0.9,
                ),
                60.0,
            )
            edge = np.abs(z - tentorium_z(x, y)) * np.float32(0.92) - 0.6
            cover(
                solid(
                    np.maximum(edge, np.maximum(22 - y + np.abs(x) * 0.2, 14 - np.abs(x) + (y - 30) * 0.6)),
                    0.9,
                ),
                58.0,
            )
        if self._z > 24:
            sinus = (depth + off * 0.9 - 6.2) * 0.7
            cover(solid(np.maximum(sinus, np.minimum(20 - y, 55 - z)), 1.0), 165.0)
        cover(solid(depth - 0.7), 70.0)
        self._mix(inside, value)

    def _cavities(self) -> None:
        texture, other = self._texture, self._other_texture
        cells = self._field("cells")
        if cells is not None:
            wall = np.clip((0.32 - np.abs(texture + 0.15)) * 6, 0, 1)
            self._lay(cells, -960 + wall * (1250 if self._z < 8 else 1000), np.float32(0.9))
        air = self._field("air")
        if air is not None:
            if -26 < self._z < 28:
                # The nasal septum, a little bent to the left as most are.
                x, y, _ = (a[0] for a in self._grid.points)
                bend = 1.5 * np.sin((y + 62) / 14) * np.exp(-(((y + 62) / 24) ** 2)) + 0.2
                septum = np.where(y < -27, 1.3 - np.abs(x - bend), -9).astype(np.float32)
                self._lay(air, 65.0)
                air = np.maximum(air, septum)
            self._lay(air, -1000.0, np.float32(0.9))
        lung = self._field("lung")
        if lung is not None:
            vessels = np.clip((texture + 0.5 * other - 1.75) * 3, 0, 1)
            fade = np.clip((-lung - 2) / 6, 0, 1)
            self._lay(lung, -865 + 22 * other + 840 * vessels * fade, np.float32(1.0))

    def _filling(self) -> None:
        """Amalgam in a right upper molar and its streaks."""
        cx, cy, cz = _FILLING.centre
        if abs(self._z - cz) > 3.2:
            return
        x, y, _ = (a[0] for a in self._grid.points)
        angle = (np.arctan2(y - cy, x - cx) / np.float32(2 * np.pi) + 1) * 128
        table = self._scanner.metal_streaks
        cell = angle.astype(np.int32)
        t = angle - cell
        ray = table[cell % 128] * (1 - t) + table[(cell + 1) % 128] * t
        radius = np.sqrt((x - cx) ** 2 + (y - cy) ** 2)
        strength = np.float32(1 - (abs(self._z - cz) / 3.4) ** 2)
        self._hu += ray * strength * np.clip(2100 / (radius + 6) - 14, 0, 220) * (radius > 3)

    def _add_noise(self, skin: Array | None) -> None:
        grain, streaks = self._scanner.noise(self._k)
        shoulders = np.clip((-118 - self._z) / 30, 0, 1)
        base = np.exp(-(((self._z + 5) / 30) ** 2))
        sigma = 3.7 + 2.0 * base + 6.5 * shoulders
        self._image += np.float32(sigma) * grain
        if shoulders and skin is not None:
            self._hu += np.float32(9 * shoulders) * np.clip(-skin / 10, 0, 1) * streaks[self._window]
        np.clip(self._image, -1024, 3071, out=self._image)
