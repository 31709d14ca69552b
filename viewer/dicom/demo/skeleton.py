"""Bones, cartilage and teeth of the phantom as tables of shapes (LPS mm, origin between the ear canals)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from viewer.dicom.demo.shapes import Capsule, Ellipsoid, Point, Shape, pair, tube

if TYPE_CHECKING:
    from collections.abc import Callable

# (z, y of the body's centre, half height, half width, half depth) of C3 to T4, mm.
VERTEBRAE: Final = (
    (-56.5, 17.0, 6.3, 11.5, 8.0),
    (-73.0, 15.5, 6.3, 11.5, 8.2),
    (-89.5, 16.5, 6.3, 12.0, 8.5),
    (-106.5, 20.0, 6.5, 13.0, 8.8),
    (-124.0, 26.0, 7.0, 14.5, 9.0),
    (-142.5, 33.5, 7.5, 14.5, 9.5),
    (-161.5, 41.0, 7.8, 14.0, 10.0),
    (-180.5, 47.5, 8.0, 14.0, 10.5),
    (-199.5, 52.5, 8.2, 14.0, 11.0),
)
THORACIC_FROM: Final = 5
_SPINOUS_MM: Final = (15.0, 15.0, 16.0, 21.0, 31.0, 30.0, 27.0, 25.0, 24.0)


def vertebrae() -> list[Shape]:
    """C1 to T4 without the spinal canal, which is cut out afterwards."""
    shapes: list[Shape] = []
    for number, (z, y, half_height, half_width, half_depth) in enumerate(VERTEBRAE):
        thoracic = number >= THORACIC_FROM
        # Two flat ellipsoids and a waist make the end plates wider than the middle.
        for end in (-1, 1):
            centre = (0.0, y, z + end * (half_height - 2.6))
            shapes.append(Ellipsoid(centre, (half_width, half_depth, 3.4)))
        shapes.append(Ellipsoid((0.0, y, z), (half_width - 0.8, half_depth - 0.6, half_height + 1.5)))
        side = 17.0 if thoracic else 19.5
        back = y + half_depth
        length = _SPINOUS_MM[number]
        drop = 13.0 if thoracic else 6.0
        root = (0.0, back + 17.0, z - 4.0)
        shapes += pair(
            Capsule((10.0, back - 4.0, z + 2.0), (side - 1.0, back + 5.0, z + 2.0), 3.6, 3.6),
            Capsule((side, back + 6.0, z + 7.0), (side, back + 7.5, z - 7.0), 5.2, 5.2),
            Capsule(
                (side - 1.0, back + 9.0, z - 1.0), (2.0, back + 17.0, z - 4.0), 3.0, 2.8, (1.0, 0.8, 1.6)
            ),
        )
        shapes.append(
            Capsule(root, (0.0, root[1] + length - 12.0, root[2] - drop), 3.0, 3.4, (0.9, 1.0, 1.4))
        )
        if thoracic:
            shapes += pair(Capsule((14.0, back + 7.0, z + 3.0), (32.0, back + 15.0, z + 4.0), 4.4, 4.6))
        else:
            # Two roots leave the foramen of the vertebral artery open between them.
            shapes += pair(
                Capsule((11.0, y - 2.0, z - 1.0), (24.0, y + 3.0, z - 4.0), 2.4, 2.6),
                Capsule((17.0, back + 4.0, z - 2.0), (25.0, y + 5.0, z - 4.0), 2.4, 2.6),
            )
            if number < 4:
                shapes += pair(
                    Capsule(
                        (0.0, root[1] + length - 14.0, root[2] - drop),
                        (4.5, root[1] + length - 9.0, root[2] - drop - 1),
                        2.8,
                        2.2,
                    )
                )
    return [*shapes, *_atlas(), *_axis(), *_facets()]


def _atlas() -> list[Shape]:
    ring: list[Point] = [(0.0, 7.5, -22.5), (12.0, 11.0, -22.0), (22.0, 22.0, -21.0)]
    back: list[Point] = [(23.0, 26.0, -21.0), (20.0, 42.0, -24.0), (9.0, 52.0, -26.0), (0.0, 54.0, -26.5)]
    return pair(
        *tube(ring, [4.2, 3.4, 5.0]),
        *tube(back, [4.0, 3.2, 2.8, 3.4]),
        Ellipsoid((20.5, 22.0, -19.0), (7.5, 10.0, 9.0), 20),
        Capsule((24.0, 24.0, -20.0), (38.0, 25.0, -21.0), 4.0, 3.4),
    )


def _axis() -> list[Shape]:
    return [
        Capsule((0.0, 17.5, -15.0), (0.0, 18.0, -30.0), 4.6, 5.2),
        Ellipsoid((0.0, 18.0, -38.0), (11.0, 8.0, 9.5)),
        Capsule((0.0, 50.0, -38.0), (0.0, 62.0, -45.0), 4.6, 5.0),
        *pair(
            Ellipsoid((16.0, 20.0, -33.0), (9.0, 8.0, 5.0)),
            Capsule((17.0, 24.0, -34.0), (19.0, 33.0, -42.0), 4.6, 5.0),
            Capsule((18.0, 33.0, -40.0), (3.0, 49.0, -38.0), 3.6, 3.6, (1.0, 0.9, 1.5)),
            Capsule((15.0, 20.0, -36.0), (24.0, 23.0, -39.0), 3.0, 2.6),
        ),
    ]


def _facets() -> list[Shape]:
    # Occipital condyles sit on the atlas.
    return pair(Ellipsoid((17.0, 20.0, -10.5), (6.5, 9.5, 4.5), 25))


def discs() -> list[Shape]:
    """Intervertebral discs C2/3 to T4."""
    bodies = ((-38.0, 18.0, 9.0, 11.0, 8.0), *VERTEBRAE)
    shapes: list[Shape] = []
    for (z, y, half, *_), (lower_z, lower_y, lower_half, width, depth) in pairwise(bodies):
        centre = (0.0, (y + lower_y) / 2, ((z - half) + (lower_z + lower_half)) / 2)
        shapes.append(Ellipsoid(centre, (width + 0.4, depth + 0.4, 3.2)))
    return shapes


def skull_base() -> list[Shape]:
    """What the cranial bone has besides the wall of its cavity."""
    return [
        Capsule((0.0, 1.0, 12.0), (0.0, 11.0, -7.0), 8.0, 5.0, (1.5, 1.0, 1.0)),
        Ellipsoid((0.0, -20.0, 9.0), (18.0, 17.0, 14.0)),
        *pair(
            Capsule((56.0, 20.0, -1.0), (14.0, 0.0, 5.0), 12.0, 6.5),
            Ellipsoid((57.0, 27.0, -12.0), (12.0, 17.0, 19.0)),
            Capsule((42.0, 15.0, -12.0), (36.0, 3.0, -40.0), 2.6, 1.3),
            # Greater wing and pterygoid plates.
            Capsule((28.0, -26.0, 4.0), (47.0, -34.0, 18.0), 3.6, 3.0, (1.0, 1.0, 2.2)),
            Capsule((20.0, -27.0, 0.0), (22.0, -20.0, -26.0), 3.4, 1.5, (0.8, 1.4, 1.0)),
            Capsule((19.0, -28.0, -4.0), (13.0, -19.0, -27.0), 2.6, 1.3, (0.6, 1.4, 1.0)),
        ),
    ]


def petrous() -> list[Shape]:
    """The dense bone around the inner ears."""
    return pair(Capsule((45.0, 16.0, 3.0), (22.0, 4.0, 6.0), 8.0, 5.0))


def face() -> list[Shape]:
    """Maxilla, zygoma, nasal bones and orbital rims; walls of cavities come from the cavities."""
    arch: list[Point] = [
        (0.0, -79.0, -33.0),
        (9.0, -77.5, -33.0),
        (17.0, -72.5, -33.0),
        (23.5, -61.0, -33.0),
        (28.5, -33.0, -32.0),
    ]
    return [
        Ellipsoid((0.0, -54.0, -25.0), (24.0, 30.0, 2.6)),
        Capsule((0.0, -81.0, -24.0), (0.0, -87.0, -23.0), 2.4, 1.2),
        *pair(
            *tube(arch, [5.0, 5.4, 6.0, 6.8, 6.5], (1.0, 1.0, 1.35)),
            # Frontal process of the maxilla and nasal bone.
            Capsule((15.0, -75.0, -8.0), (9.0, -84.0, 27.0), 4.4, 3.6),
            Capsule((2.2, -86.0, 33.0), (4.0, -97.0, 11.0), 3.0, 1.5),
            # Zygoma, its frontal process, its arch.
            Ellipsoid((45.0, -62.0, -6.0), (13.0, 8.0, 12.0), 40),
            *tube([(47.0, -62.0, 0.0), (50.5, -62.0, 20.0), (49.5, -68.0, 37.0)], [5.0, 4.0, 4.6]),
            *tube(
                [(53.0, -55.0, -6.0), (64.5, -34.0, -6.0), (68.0, -14.0, -4.0), (64.0, 6.0, 1.0)],
                [4.6, 2.9, 2.7, 4.2],
                (1.0, 1.0, 1.5),
            ),
            # Rims of the orbit.
            *tube(
                [(8.0, -86.0, 33.0), (22.0, -86.0, 40.0), (38.0, -80.0, 41.0), (49.0, -70.0, 36.0)],
                [5.0, 4.6, 4.6, 4.4],
            ),
            *tube([(16.0, -80.0, 4.0), (28.0, -78.0, -2.0), (42.0, -69.0, 0.0)], [3.6, 4.0, 5.0]),
        ),
    ]


def mandible() -> list[Shape]:
    """Lower jaw with ramus, coronoid and condyle."""
    upper: list[Point] = [
        (0.0, -74.5, -64.0),
        (9.0, -73.0, -64.0),
        (17.0, -67.5, -63.5),
        (24.0, -57.0, -62.0),
        (31.0, -40.0, -58.0),
    ]
    lower: list[Point] = [
        (0.0, -78.0, -79.0),
        (10.0, -76.5, -79.0),
        (20.0, -69.0, -78.5),
        (30.0, -54.0, -76.5),
        (39.0, -36.0, -73.0),
        (45.0, -18.0, -64.0),
    ]
    return pair(
        *tube(upper, [5.0, 5.0, 5.4, 6.0, 5.6], (1.0, 1.0, 1.3)),
        *tube(lower, [6.6, 6.4, 6.2, 6.0, 5.6, 4.4], (1.0, 1.0, 1.2)),
        *tube(
            [(17.0, -69.0, -71.0), (27.0, -55.0, -69.0), (35.0, -38.0, -66.0)],
            [5.2, 5.2, 5.0],
            (1.0, 1.0, 1.5),
        ),
        *tube(
            [(42.0, -26.0, -66.0), (46.0, -16.0, -48.0), (48.0, -8.0, -26.0)],
            [4.4, 4.0, 4.2],
            (0.8, 2.4, 1.0),
        ),
        *tube([(48.0, -5.0, -28.0), (49.5, 2.0, -12.0), (49.5, 3.5, -5.0)], [4.2, 3.4, 4.4], (1.3, 1.0, 1.0)),
        *tube([(47.0, -14.0, -30.0), (47.0, -23.0, -8.0)], [4.4, 2.0], (0.7, 1.4, 1.0)),
    )


def thorax() -> list[Shape]:
    """Ribs one to four, clavicles, manubrium, scapulae and humeral heads."""
    first: list[Point] = [
        (30.0, 52.0, -138.0),
        (47.0, 44.0, -142.0),
        (57.0, 24.0, -149.0),
        (55.0, 0.0, -158.0),
        (40.0, -19.0, -168.0),
    ]
    second: list[Point] = [
        (30.0, 60.0, -157.0),
        (54.0, 62.0, -156.0),
        (75.0, 44.0, -163.0),
        (82.0, 16.0, -174.0),
        (72.0, -14.0, -187.0),
        (44.0, -36.0, -200.0),
    ]
    third: list[Point] = [
        (30.0, 67.0, -176.0),
        (58.0, 74.0, -174.0),
        (84.0, 58.0, -180.0),
        (96.0, 26.0, -192.0),
        (90.0, -8.0, -208.0),
    ]
    fourth: list[Point] = [
        (30.0, 72.0, -195.0),
        (62.0, 80.0, -192.0),
        (92.0, 66.0, -198.0),
        (104.0, 34.0, -210.0),
    ]
    clavicle: list[Point] = [
        (11.0, -37.0, -172.0),
        (36.0, -38.0, -164.0),
        (66.0, -30.0, -152.0),
        (98.0, -10.0, -142.0),
        (128.0, 4.0, -140.0),
        (158.0, 6.0, -142.0),
    ]
    return [
        Ellipsoid((0.0, -37.0, -190.0), (27.0, 6.0, 21.0)),
        *pair(
            *tube(first, [4.2, 4.0, 4.6, 5.0, 4.2], (1.3, 1.3, 0.8)),
            *tube(second, [4.0, 3.9, 4.0, 4.4, 4.6, 4.2], (0.95, 0.95, 1.4)),
            *tube(third, [4.0, 4.0, 4.2, 4.4, 4.6], (0.9, 0.9, 1.5)),
            *tube(fourth, [4.0, 4.1, 4.3, 4.4], (0.9, 0.9, 1.5)),
            *tube(clavicle, [9.0, 6.4, 5.6, 5.6, 6.2, 7.0]),
            # Scapula: spine, upper border, body, glenoid; then the head of the humerus.
            Capsule((72.0, 84.0, -160.0), (140.0, 62.0, -146.0), 4.2, 6.0, (1.0, 1.4, 0.7)),
            *tube(
                [(78.0, 76.0, -158.0), (110.0, 58.0, -162.0), (138.0, 36.0, -166.0)],
                [3.0, 3.2, 9.0],
                (1.0, 1.0, 2.0),
            ),
            *tube(
                [(82.0, 80.0, -172.0), (104.0, 66.0, -190.0), (112.0, 66.0, -215.0)],
                [2.6, 2.6, 3.4],
                (1.8, 1.0, 4.0),
            ),
            Capsule((134.0, 30.0, -158.0), (128.0, 2.0, -156.0), 5.0, 6.0),
            Ellipsoid((168.0, 28.0, -166.0), (23.0, 23.0, 23.0)),
            Capsule((174.0, 26.0, -176.0), (186.0, 24.0, -240.0), 14.0, 11.5),
        ),
    ]


def cartilage() -> list[Shape]:
    """Larynx, hyoid and first costal cartilage, partly calcified."""
    return [
        *tube([(-11.0, -18.0, -121.0), (0.0, -24.5, -120.5), (11.0, -18.0, -121.0)], 2.0),
        *tube(
            [(-11.0, -18.0, -121.0), (-10.0, -8.0, -119.0), (0.0, -4.5, -118.0)],
            [2.0, 2.4, 3.4],
            (1.0, 1.0, 2.2),
        ),
        *tube(
            [(11.0, -18.0, -121.0), (10.0, -8.0, -119.0), (0.0, -4.5, -118.0)],
            [2.0, 2.4, 3.4],
            (1.0, 1.0, 2.2),
        ),
        *pair(
            *tube([(0.5, -33.0, -101.0), (9.0, -23.0, -103.0), (18.0, -8.0, -104.0)], 1.8, (1.0, 1.0, 5.6)),
            Capsule((18.0, -6.0, -96.0), (18.5, -4.0, -86.0), 1.8, 1.5),
            Capsule((17.0, -7.0, -108.0), (14.0, -8.0, -118.0), 1.8, 1.7),
            Ellipsoid((4.5, -10.5, -111.0), (2.6, 3.4, 4.4)),
            Capsule((40.0, -19.0, -168.0), (22.0, -34.0, -178.0), 4.4, 4.6),
        ),
    ]


def hyoid() -> list[Shape]:
    """Hyoid bone."""
    return pair(
        *tube(
            [(0.0, -32.0, -87.0), (10.0, -30.0, -86.5), (18.0, -16.0, -84.0), (20.0, -5.0, -81.0)],
            [3.4, 3.2, 2.2, 1.8],
        )
    )


def teeth() -> list[tuple[Shape, Shape, Shape]]:
    """(crown, root, pulp) of every tooth; the right upper third molar never came through."""
    sizes = (8.2, 6.6, 7.6, 7.0, 6.9, 10.2, 9.8, 8.8)
    out: list[tuple[Shape, Shape, Shape]] = []
    for upper in (True, False):
        path = _arch(upper)
        along = 0.35
        for number, width in enumerate(sizes):
            if not upper and number < 2:
                width -= 2.2 if number == 0 else 0.6
            x, y = path(along + width / 2)
            along += width + 0.25
            molar = number >= 3
            thick = width / 2 * (1.15 if molar else 0.9)
            heading = path(along + 0.5)
            turn = float(np.rad2deg(np.arctan2(heading[1] - y, heading[0] - x)))
            up = 1.0 if upper else -1.0
            bite = -49.2 if upper else -49.8
            crown_z, root_z = bite + up * (3.6 if molar else 4.6), bite + up * (20.0 if molar else 24.0)
            tall = 4.2 if molar else 5.4
            crown = Ellipsoid((x, y, crown_z), (width / 2 + 0.5, thick + 0.4, tall), turn)
            lean = 0.965 if upper else 0.985
            root = Capsule((x, y, crown_z), (x * lean, y * lean + 0.5, root_z), width / 2.5, 1.2)
            pulp = Capsule((x, y, crown_z), (x * lean, y * lean + 0.5, root_z - up * 3.0), 0.75, 0.3)
            both = [pair(crown), pair(root), pair(pulp)]
            sides = (0,) if upper and number == 7 else (0, 1)
            out += [(both[0][side], both[1][side], both[2][side]) for side in sides]
    return out


def _arch(upper: bool) -> Callable[[float], tuple[float, float]]:
    """Point of the dental arch at a length from the midline, mm."""
    t = np.linspace(0, 1.0, 400)
    x = (31.0 if upper else 29.5) * np.sin(t * np.pi / 2)
    y = (-81.5 if upper else -79.0) + 50.0 * (1 - np.cos(t * np.pi / 2))
    length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])

    def at(distance: float) -> tuple[float, float]:
        return float(np.interp(distance, length, x)), float(np.interp(distance, length, y))

    return at
