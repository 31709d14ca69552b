"""The body of the phantom on a grid: one distance field for every tissue.

`build` puts the tables of shapes together. The fields are smooth, so they may be computed on a coarse grid and
interpolated: the surfaces stay smooth and sharp at any pixel size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from viewer.dicom.demo import brain, skeleton, soft
from viewer.dicom.demo.shapes import FAR_MM, REACH_MM, Array, Grid, union, waves, without

BRAIN_BOX: Final = ((-78.0, -92.0, -40.0), (78.0, 100.0, 122.0))


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Signed distances in mm (negative inside), each (k, j, i) float32 on `grid`.

    `fold` is no solid: it is the distance to the nearest sulcus, signed by the side. `texture` is smooth noise of
    mean 0 and variance 1.
    """

    grid: Grid
    skin: Array
    muscle: Array
    gland: Array
    cartilage: Array
    bone: Array
    canal: Array
    cord: Array
    air: Array
    cells: Array
    lung: Array
    orbit: Array
    cavity: Array
    convexity: Array
    infratentorial: Array
    fluid: Array
    grey: Array
    callosum: Array
    fold: Array
    texture: Array


def build(grid: Grid) -> Anatomy:
    """Compute every field on `grid`."""
    x, y, z = grid.points
    texture = waves(7, 9.0, 16)(x, y, z)
    skin = _skin(grid)
    cavity = _cavity(grid)
    canal = grid.distance_to(brain.canal())
    air = _air(grid)
    orbit = grid.distance_to(brain.orbits())
    cells = grid.distance_to(soft.ethmoid(), 2.0)
    mastoid = grid.distance_to(soft.mastoid(), 3.0)
    lung = without(
        grid.distance_to(soft.lungs(), 6.0), grid.distance_to(soft.mediastinum(), reach_mm=14.0), 8.0
    )
    below_tentorium = z - tentorium_z(x, y)
    posterior = np.maximum(grid.distance_to(brain.posterior_fossa(), 5.0) - 4, below_tentorium)
    bone = _bone(grid, skin, cavity, canal, orbit, cells)
    cells = np.minimum(cells, np.maximum(mastoid, bone + np.float32(1.2)))
    return Anatomy(
        grid=grid,
        skin=skin,
        muscle=_muscle(grid, skin, lung),
        gland=_gland(grid),
        cartilage=grid.distance_to([*skeleton.cartilage(), *skeleton.discs()], 1.0),
        bone=bone,
        canal=canal,
        cord=grid.distance_to(brain.cord()),
        air=air,
        cells=cells,
        lung=lung,
        orbit=orbit,
        cavity=cavity,
        convexity=grid.distance_to([*brain.cavity_upper(), *brain.temporal_fossae()], 6.0),
        infratentorial=posterior,
        fluid=grid.distance_to([*brain.ventricles(), *brain.cisterns()], 1.5),
        grey=grid.distance_to(brain.deep_nuclei()),
        callosum=grid.distance_to(brain.callosum(), 2.0),
        fold=_fold(grid),
        texture=texture,
    )


def tentorium_z(x: Array, y: Array) -> Array:
    """Height of the tentorium in mm over a point of the axial plane."""
    height: Array = 38.0 - 0.32 * np.abs(x) - 0.22 * (y - 25.0)
    return height


def midline_x(y: Array, z: Array) -> Array:
    """Where the falx and the fissure lie: nobody's are exactly in the middle, mm."""
    offset: Array = 2.0 + 0.4 * np.sin((y + 25.0) / 38.0) - 0.006 * (z - 50.0)
    return offset


def falx_opening(y: Array, z: Array) -> Array:
    """How far above the corpus callosum a point of the midline lies; 0 on its upper surface, 1 twice as far."""
    opening: Array = np.sqrt(((y + 1.0) / 39.0) ** 2 + ((z - 44.0) / 24.0) ** 2) - 1
    return opening


def _skin(grid: Grid) -> Array:
    x, y, z = grid.points
    outline = union(
        grid.distance_to(soft.skin_head(), 14.0, 30.0), grid.distance_to(soft.trunk(), reach_mm=30.0), 16.0
    )
    outline = union(outline, grid.distance_to(soft.arms(), 10.0, 20.0), 16.0)
    for shape in soft.skin_details():
        window = grid.window(shape.bounds, 10.0)
        part = grid.part(window)
        if 0 not in part.shape:
            outline[window] = union(outline[window], shape.distance(*part.points), 5.0)
    outline += np.float32(0.5) * waves(11, 38.0, 10)(x, y, z)
    return outline


def _cavity(grid: Grid) -> Array:
    out: Array = np.full(grid.shape, FAR_MM, dtype=np.float32)
    window = grid.window(BRAIN_BOX, 0.0)
    part = grid.part(window)
    if 0 in part.shape:
        return out
    x, y, z = part.points
    back = np.clip((y + 36.0) / 36.0, 0, 1)
    midline = np.exp(-((x / 11.0) ** 2))
    floor_z = 36.0 - 8.0 * midline - (back * back * (3 - 2 * back)) * (24.0 - 6.0 * midline)
    upper = without(part.distance_to(brain.cavity_upper(), 8.0, 30.0), z - floor_z, 5.0)
    inside = union(upper, part.distance_to(brain.temporal_fossae(), 5.0), 4.0)
    inside = union(inside, part.distance_to(brain.posterior_fossa(), 5.0), 5.0)
    inside = union(inside, part.distance_to(brain.pituitary_fossa()), 1.5)
    out[window] = without(inside, part.distance_to(brain.ridges(), 3.0), 4.0)
    out[window] += np.float32(0.35) * waves(13, 26.0, 10)(x, y, z)
    return out


def skull_wall_mm(x: Array, y: Array, z: Array) -> Array:
    """Thickness of the cranial bone: thin at the temples, thick at the occipital protuberance."""
    temple = np.exp(-(((np.abs(x) - 66) / 16) ** 2) - ((y + 12) / 26) ** 2 - ((z - 26) / 24) ** 2)
    inion = np.exp(-((x / 16) ** 2) - ((y - 86) / 14) ** 2 - ((z - 22) / 13) ** 2)
    ridge = np.exp(-((x / 6) ** 2)) * np.clip((-40 - y) / 20, 0, 1) * np.clip((80 - z) / 40, 0, 1)
    base = np.clip((30 - z) / 30, 0, 1)
    roof = np.exp(-(((np.abs(x) - 30) / 20) ** 2) - ((y + 52) / 24) ** 2 - ((z - 33) / 9) ** 2)
    wall: Array = (6.8 - 3.4 * temple + 5.0 * inion + 2.5 * ridge - 2.2 * base - 4.0 * roof).astype(
        np.float32
    )
    return wall


def _bone(grid: Grid, skin: Array, cavity: Array, canal: Array, orbit: Array, cells: Array) -> Array:
    bone = np.full(grid.shape, FAR_MM, dtype=np.float32)
    window = grid.window(BRAIN_BOX, 0.0)
    part = grid.part(window)
    if 0 not in part.shape:
        vault = cavity[window] - skull_wall_mm(*part.points)
        # Thin plates follow from the cavities they enclose: sinuses, nose, ethmoid, orbits.
        walls = part.distance_to(soft.sinuses(), 1.0) - np.float32(0.9)
        nose = part.distance_to(soft.nasal_cavity()) - np.float32(1.0)
        walls = np.minimum(walls, np.maximum(nose, np.maximum(-82 - part.points[1], part.points[1] + 30)))
        walls = np.minimum(walls, np.maximum(orbit[window] - np.float32(1.0), -70 - part.points[1]))
        walls = np.minimum(walls, cells[window] - np.float32(0.8))
        bone[window] = np.minimum(vault, walls)
    bone = union(bone, grid.distance_to([*skeleton.skull_base(), *skeleton.petrous()], 3.0), 3.0)
    bone = union(bone, grid.distance_to(skeleton.face(), 2.0), 2.0)
    bone = np.minimum(bone, grid.distance_to([*skeleton.mandible(), *skeleton.hyoid()], 3.0))
    bone = np.minimum(bone, grid.distance_to(skeleton.vertebrae(), 1.6))
    bone = np.minimum(bone, grid.distance_to(skeleton.thorax(), 2.0))
    bone = np.maximum(bone, -canal)
    bone = np.maximum(bone, -cavity)
    bone = np.maximum(bone, -orbit)
    out: Array = np.maximum(bone, skin + np.float32(2.2))
    return out


def _muscle(grid: Grid, skin: Array, lung: Array) -> Array:
    """Muscles grown until they nearly touch: the gap between the nearest two becomes a plane of fat."""
    x, y, z = grid.points
    nearest: Array = np.full(grid.shape, FAR_MM, dtype=np.float32)
    second = nearest.copy()
    for group in soft.muscles():
        corners = np.array([shape.bounds for shape in group])
        window = grid.window((tuple(corners[:, 0].min(axis=0)), tuple(corners[:, 1].max(axis=0))), REACH_MM)
        part = grid.part(window)
        if 0 in part.shape:
            continue
        distance = part.distance_to(group, 1.0)
        second[window] = np.minimum(second[window], np.maximum(nearest[window], distance))
        nearest[window] = np.minimum(nearest[window], distance)
    muscle = np.maximum(nearest - np.float32(6.5), (nearest - second + np.float32(1.7)) * np.float32(0.6))
    wall = np.minimum(
        grid.distance_to(soft.pharynx(), 2.0) - np.float32(3.2),
        grid.distance_to([*soft.tonsils(), *soft.esophagus()]),
    )
    chest_wall = np.maximum(lung - np.float32(7.0), np.float32(25.0) - np.abs(x))
    muscle = np.minimum(np.minimum(muscle, wall), chest_wall)
    muscle += np.float32(0.5) * waves(17, 17.0, 14)(x, y, z)
    fat = (
        2.2
        + 3.5 * np.clip((-70 - z) / 60, 0, 1)
        + 2.0 * np.clip((y - 30) / 40, 0, 1) * np.clip(-z / 60, 0, 1)
    )
    out: Array = np.maximum(muscle, skin + fat.astype(np.float32))
    return out


def _gland(grid: Grid) -> Array:
    x, y, z = grid.points
    shapes = [*soft.salivary_glands(), *soft.submandibular_glands(), *soft.thyroid()]
    out: Array = grid.distance_to(shapes, 2.0) + np.float32(0.6) * waves(19, 9.0, 8)(x, y, z)
    return out


def _air(grid: Grid) -> Array:
    air = grid.distance_to(soft.pharynx(), 2.0)
    air = union(air, grid.distance_to(soft.nasal_cavity(), 3.0), 2.0)
    sinuses = grid.distance_to(soft.sinuses(), 1.0)
    return np.minimum(air, np.minimum(sinuses, grid.distance_to(soft.ears(), 1.0)))


def _fold(grid: Grid) -> Array:
    """Distance to the nearest sulcus: the zero lines of noise on the brain's surface, carried inwards."""
    out: Array = np.full(grid.shape, FAR_MM, dtype=np.float32)
    window = grid.window(BRAIN_BOX, 0.0)
    part = grid.part(window)
    if min(part.shape) < 2:
        return out
    x, y, z = part.points
    bend = [np.float32(2.2) * waves(seed, 30.0, 6)(x, y, z) for seed in (23, 29, 31)]
    u = np.asarray((x + bend[0]) / 66, dtype=np.float32)
    v = np.asarray((y - 5 + bend[1]) / 82, dtype=np.float32)
    w = np.asarray((z - 40 + bend[2]) / 64, dtype=np.float32)
    radius = np.sqrt(u * u + v * v + w * w)
    scale: Array = (np.float32(57.6) + np.float32(14.4) * radius) / np.maximum(radius, np.float32(0.2))
    noise = waves(37, 25.0, 20)(u * scale, v * scale, w * scale)
    steps = [float(axis[1] - axis[0]) for axis in (part.z_mm, part.y_mm, part.x_mm)]
    slope = np.sqrt(sum(np.square(g) for g in np.gradient(noise, *steps)))
    out[window] = np.clip(noise / np.maximum(slope, np.float32(0.07)), -9, 9)
    return out
