"""FDG uptake of the phantom as a PET scanner would see it: its own coarser grid, blurred, slightly noisy."""

from __future__ import annotations

from math import erf
from typing import Final

import numpy as np

from viewer.dicom.demo import brain, soft
from viewer.dicom.demo.anatomy import Anatomy, build
from viewer.dicom.demo.lesions import LESIONS, Lesion
from viewer.dicom.demo.shapes import Array, Ellipsoid, Grid, Shape, pair

ROWS: Final = 128
COLUMNS: Final = 128
SLICES: Final = 108
PIXEL_MM: Final = 4.07283
SLICE_MM: Final = 3.0
# Centre of the first voxel of the lowest slice, LPS mm: no voxel of the CT has the same centre.
ORIGIN_MM: Final = (-63.5 * PIXEL_MM, -63.5 * PIXEL_MM - 5.0, -196.5)

# Full width at half maximum of the blur. Lesions are wide enough to keep their value in the middle.
RESOLUTION_MM: Final = 5.0
_EDGE_MM: Final = 4.0
_NOISE: Final = 0.025


def grid() -> Grid:
    """Voxel centres of the PET, LPS mm."""
    x0, y0, z0 = ORIGIN_MM
    across = PIXEL_MM * np.arange(COLUMNS)
    up = SLICE_MM * np.arange(SLICES)
    return Grid(
        (x0 + across).astype(np.float32), (y0 + across).astype(np.float32), (z0 + up).astype(np.float32)
    )


def uptake() -> tuple[Array, Array]:
    """SUVbw of the phantom, corrected and not corrected for attenuation.

    Returns
    -------
    tuple
        Two float32 arrays (k, j, i) on `grid()`: SUVbw in g/mL, and what the scanner sees when nothing is
        corrected for attenuation, in arbitrary units: dark inside, bright at the skin.
    """
    anatomy = build(grid())
    suv = _blurred(_activity(anatomy))
    noise = _blurred(np.random.default_rng(3).normal(size=suv.shape).astype(np.float32))
    suv += np.float32(_NOISE) * np.sqrt(suv) * (noise / noise.std())
    np.maximum(suv, 0, out=suv)
    depth_mm = np.clip(-anatomy.skin, 0, 90)
    lost = np.exp(np.float32(-0.021) * depth_mm) + 0.5 * np.clip(-anatomy.lung / 20, 0, 1) * 0.25
    return suv, suv * lost.astype(np.float32)


def _activity(anatomy: Anatomy) -> Array:
    """SUVbw before the scanner blurs it, (k, j, i)."""
    x, y, z = anatomy.grid.points
    suv: Array = np.full(anatomy.grid.shape, 0.02, dtype=np.float32)

    def cover(share: Array, value: Array | float) -> None:
        np.add(suv, share * (value - suv), out=suv)

    def solid(distance: Array) -> Array:
        share: Array = np.clip(0.5 - distance / np.float32(_EDGE_MM), 0, 1)
        return share

    def place(shapes: list[Shape], value: float) -> None:
        cover(solid(anatomy.grid.distance_to(shapes)), value)

    cover(solid(anatomy.skin), 0.35)
    cover(solid(anatomy.muscle), 0.75)
    cover(solid(anatomy.gland), np.where(z > -60, 1.9, np.where(z > -100, 2.4, 1.5)).astype(np.float32))
    cover(solid(anatomy.bone), np.where(y > 0, 1.3, 0.8).astype(np.float32))
    place([*soft.arteries(), *soft.veins()], 1.7)
    place(soft.tonsils(), 3.6)
    place(soft.esophagus(), 1.6)
    place(pair(Ellipsoid((4.0, -16.0, -110.0), (2.5, 7.0, 4.0))), 2.6)
    cover(solid(anatomy.canal), 0.8)
    cover(solid(anatomy.orbit), 0.4)
    place(brain.orbit_contents(), 2.6)
    place(brain.globes(), 0.5)

    # Brain: the cortex is a ribbon along the surface and the sulci.
    depth, inward = -anatomy.cavity, -anatomy.convexity
    cover(solid(anatomy.cavity + 1.0), 0.7)
    cerebrum = solid(2.0 - depth) * solid(-anatomy.infratentorial)
    cover(cerebrum, 3.2)
    ribbon = np.minimum(inward - 6.0, np.maximum(np.abs(anatomy.fold) - 4.2, inward - 22))
    cover(cerebrum * solid(ribbon), 10.0)
    middle = np.maximum(np.abs(x) - 4.5, 2.0 - depth) + np.where(z > 30, 0, 20)
    cover(cerebrum * solid(middle.astype(np.float32)), 8.5)
    cover(solid(anatomy.grey), 10.5)
    cover(solid(anatomy.callosum), 3.2)
    lobe = np.maximum(np.maximum(2.0 - depth, anatomy.infratentorial + 1.2), 27.0 - y)
    cover(solid(lobe), 7.5)
    cover(solid(anatomy.cord), np.where(z > -15, 5.0, 2.0).astype(np.float32))
    cover(solid(anatomy.fluid), 0.8)
    place(brain.pituitary(), 2.5)

    cover(solid(anatomy.cells), 0.6)
    cover(solid(anatomy.air), 0.15)
    cover(solid(anatomy.lung), 0.45)
    for lesion in LESIONS:
        _place_lesion(suv, anatomy.grid, lesion)
    return suv


def _place_lesion(suv: Array, points: Grid, lesion: Lesion, parts: int = 6) -> None:
    """Lay a sphere over `suv`, in place, every voxel mixed by the share of it inside the sphere."""
    radius = lesion.diameter_mm / 2
    shape = Ellipsoid(lesion.centre_mm, (radius, radius, radius))
    window = points.window(shape.bounds, 2 * PIXEL_MM)
    part = points.part(window)
    steps = ((np.arange(parts) + 0.5) / parts - 0.5).astype(np.float32)

    def split(axis_mm: Array, size_mm: float) -> Array:
        inner: Array = (axis_mm[:, None] + steps * np.float32(size_mm)).ravel()
        return inner

    fine = Grid(split(part.x_mm, PIXEL_MM), split(part.y_mm, PIXEL_MM), split(part.z_mm, SLICE_MM))
    inside = (shape.distance(*fine.points) < 0).astype(np.float32)
    k, j, i = part.shape
    share = inside.reshape(k, parts, j, parts, i, parts).mean(axis=(1, 3, 5), dtype=np.float32)
    suv[window] += share * (np.float32(lesion.suv) - suv[window])


def _blurred(image: Array) -> Array:
    """Convolution of (k, j, i) on the PET grid with a Gaussian of `RESOLUTION_MM`."""
    out = image
    for axis, step_mm in enumerate((SLICE_MM, PIXEL_MM, PIXEL_MM)):
        sigma = RESOLUTION_MM / 2.354820 / step_mm
        # The Gaussian is integrated over each voxel: at this size its samples would not add up to one.
        edges = [erf(e / (sigma * 2**0.5)) for e in (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)]
        weights = np.diff(edges) / (edges[-1] - edges[0])
        pad = [(2, 2) if n == axis else (0, 0) for n in range(3)]
        padded = np.moveaxis(np.pad(out, pad, mode="edge"), axis, 0)
        count = image.shape[axis]
        summed = sum(np.float32(w) * padded[n : n + count] for n, w in enumerate(weights))
        out = np.moveaxis(np.asarray(summed, dtype=np.float32), 0, axis)
    return np.ascontiguousarray(out)
