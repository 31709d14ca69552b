"""Cranial cavity, brain and orbits of the phantom as tables of shapes (LPS mm)."""

from __future__ import annotations

from viewer.dicom.demo.shapes import Capsule, Ellipsoid, Loft, Shape, pair, tube


def cavity_upper() -> list[Shape]:
    """Cranial cavity above the skull base, before the floor of the anterior fossa is cut."""
    return [
        Ellipsoid((0.0, 4.0, 48.0), (63.0, 82.0, 61.5)),
        Ellipsoid((0.0, 24.0, 52.0), (67.0, 61.0, 55.0)),
        Ellipsoid((0.0, -32.0, 46.0), (52.0, 45.0, 52.0)),
    ]


def temporal_fossae() -> list[Shape]:
    """Middle cranial fossae."""
    return pair(
        Ellipsoid((38.0, -10.0, 20.0), (24.5, 33.0, 21.0)), Ellipsoid((48.0, 12.0, 28.0), (17.0, 26.0, 18.0))
    )


def posterior_fossa() -> list[Shape]:
    """Posterior cranial fossa with the clivus in front and the foramen magnum below."""
    return [
        Ellipsoid((0.0, 49.0, 7.0), (50.0, 35.0, 24.0)),
        Loft(
            (
                (-15.0, 0.0, 31.0, 15.0, 16.0),
                (-8.0, 0.0, 30.0, 15.5, 16.5),
                (2.0, 0.0, 27.0, 19.0, 19.0),
                (16.0, 0.0, 21.0, 22.0, 18.5),
                (28.0, 0.0, 18.0, 24.0, 22.0),
            )
        ),
    ]


def ridges() -> list[Shape]:
    """Bone that rises into the cavity: petrous ridges, sphenoid wings, sella."""
    return [
        Capsule((0.0, 3.5, 8.0), (0.0, 2.0, 23.0), 4.0, 1.6, (4.0, 1.0, 1.0)),
        *pair(
            Capsule((60.0, 22.0, 3.0), (15.0, 1.0, 8.0), 13.0, 6.0),
            *tube([(54.0, -34.0, 34.0), (30.0, -28.0, 34.0), (11.0, -20.0, 32.0)], [4.5, 3.6, 3.0]),
        ),
    ]


def pituitary_fossa() -> list[Shape]:
    """The saddle the pituitary gland sits in."""
    return [Ellipsoid((0.0, -6.5, 22.0), (7.5, 6.0, 6.5))]


def pituitary() -> list[Shape]:
    """Pituitary gland and its stalk."""
    return [
        Ellipsoid((0.0, -6.5, 20.0), (6.2, 4.6, 3.4)),
        Capsule((0.0, -5.5, 22.0), (0.0, -3.0, 31.0), 1.2, 0.9),
    ]


def canal() -> list[Shape]:
    """Spinal canal."""
    return [
        Loft(
            (
                (-225.0, 0.0, 70.5, 9.0, 8.0),
                (-199.5, 0.0, 70.5, 9.0, 8.0),
                (-180.5, 0.0, 65.5, 9.0, 8.0),
                (-161.5, 0.0, 58.5, 9.2, 8.0),
                (-142.5, 0.0, 50.5, 10.0, 8.0),
                (-124.0, 0.0, 42.5, 11.5, 8.0),
                (-106.5, 0.0, 36.0, 12.0, 7.8),
                (-89.5, 0.0, 32.5, 12.0, 7.8),
                (-73.0, 0.0, 31.0, 12.0, 7.8),
                (-56.5, 0.0, 32.0, 12.0, 8.2),
                (-40.0, 0.0, 34.0, 12.2, 9.0),
                (-22.0, 0.0, 34.0, 13.0, 11.0),
                (-10.0, 0.0, 32.0, 14.0, 14.0),
            )
        )
    ]


def cord() -> list[Shape]:
    """Spinal cord and brainstem."""
    return [
        Loft(
            (
                (-225.0, 0.0, 70.0, 4.6, 3.8),
                (-180.5, 0.0, 65.0, 4.6, 3.8),
                (-142.5, 0.0, 49.8, 5.4, 3.8),
                (-106.5, 0.0, 35.4, 6.6, 4.0),
                (-73.0, 0.0, 31.0, 6.2, 4.0),
                (-40.0, 0.0, 33.0, 5.6, 4.4),
                (-22.0, 0.0, 32.0, 6.0, 5.4),
                (-10.0, 0.0, 28.0, 8.0, 7.0),
                (-2.0, 0.0, 25.0, 10.0, 8.0),
                (6.0, 0.0, 22.0, 15.0, 12.0),
                (16.0, 0.0, 19.5, 16.0, 12.5),
                (22.0, 0.0, 18.5, 14.0, 10.5),
                (29.0, 0.0, 16.0, 17.0, 9.5),
                (36.0, 0.0, 14.0, 20.0, 9.0),
            )
        )
    ]


def ventricles() -> list[Shape]:
    """Lateral, third and fourth ventricles; the left lateral one is a little wider."""
    lateral = [
        *tube(
            [
                (5.5, -33.0, 42.0),
                (9.0, -22.0, 50.0),
                (12.5, 2.0, 56.0),
                (19.0, 26.0, 53.0),
                (25.0, 36.0, 42.0),
            ],
            [3.0, 4.2, 4.4, 5.0, 6.4],
            (0.95, 1.0, 1.1),
        ),
        *tube([(25.0, 37.0, 41.0), (25.0, 52.0, 38.0), (21.0, 66.0, 37.0)], [5.6, 3.6, 1.2]),
        *tube(
            [(26.0, 33.0, 38.0), (31.0, 20.0, 24.0), (32.0, 2.0, 16.0), (29.0, -8.0, 17.0)],
            [4.2, 2.2, 1.8, 1.4],
            (1.3, 1.0, 1.0),
        ),
    ]
    return [
        *pair(*lateral),
        *tube(
            [(6.0, -31.0, 43.0), (10.0, -20.0, 50.5), (14.0, 4.0, 56.0), (20.0, 27.0, 53.0)],
            [3.4, 4.8, 5.0, 5.2],
        ),
        Capsule((0.0, -8.0, 33.0), (0.0, 18.0, 40.0), 2.0, 2.2, (0.9, 3.0, 3.6)),
        Capsule((0.0, 22.0, 34.0), (0.0, 31.0, 14.0), 0.9, 1.0),
        Ellipsoid((0.0, 34.5, 6.0), (7.0, 4.5, 9.5)),
        Capsule((0.0, 36.0, 6.0), (0.0, 43.0, 7.0), 4.0, 0.8),
    ]


def cisterns() -> list[Shape]:
    """Larger spaces of cerebrospinal fluid outside the brain."""
    return [
        Ellipsoid((0.0, -8.0, 29.0), (13.0, 10.0, 5.5)),
        Ellipsoid((0.0, 30.0, 34.0), (11.0, 4.5, 6.0)),
        Capsule((0.0, 62.0, -12.0), (0.0, 44.0, -14.0), 6.0, 8.0, (1.6, 1.0, 1.0)),
        Capsule((0.0, 84.0, -2.0), (0.0, 80.0, 16.0), 2.6, 1.2),
        *pair(
            Capsule((15.0, 26.0, 32.0), (20.0, 10.0, 27.0), 2.6, 2.4),
            # Sylvian fissure: stem, then the slit over the insula.
            *tube([(12.0, -14.0, 29.0), (28.0, -18.0, 29.0), (39.0, -14.0, 32.0)], [2.6, 1.9, 1.7]),
            *tube(
                [(40.0, -18.0, 33.0), (42.0, -2.0, 38.0), (42.0, 14.0, 45.0)],
                [1.5, 1.5, 1.2],
                (0.8, 1.0, 7.0),
            ),
            *tube(
                [(40.0, -14.0, 33.0), (54.0, -20.0, 34.0), (64.0, -20.0, 36.0)],
                [1.7, 1.4, 1.8],
                (1.0, 6.0, 0.9),
            ),
            *tube(
                [(42.0, 8.0, 43.0), (55.0, 8.0, 46.0), (66.0, 10.0, 48.0)], [1.6, 1.3, 1.6], (1.0, 10.0, 0.9)
            ),
        ),
    ]


def deep_nuclei() -> list[Shape]:
    """Caudate, putamen with pallidum, thalamus and claustrum: grey matter around the ventricles."""
    return pair(
        Ellipsoid((13.0, -24.0, 44.0), (5.4, 8.5, 9.0)),
        *tube([(14.5, -16.0, 52.0), (18.0, 6.0, 58.0)], [3.6, 1.6]),
        Ellipsoid((25.5, -5.0, 38.0), (6.0, 17.0, 11.0), -8),
        Ellipsoid((9.5, 11.0, 41.0), (7.0, 13.0, 9.5), -22),
        Ellipsoid((36.5, -2.0, 39.0), (2.0, 20.0, 12.0)),
        Ellipsoid((24.0, -4.0, 17.0), (7.0, 7.0, 6.0)),
    )


def callosum() -> list[Shape]:
    """Corpus callosum, the bridge under the interhemispheric fissure."""
    arch = [
        (0.0, -33.0, 42.0),
        (0.0, -38.0, 50.0),
        (0.0, -28.0, 61.0),
        (0.0, 0.0, 67.0),
        (0.0, 26.0, 62.0),
        (0.0, 36.0, 51.0),
        (0.0, 30.0, 45.0),
    ]
    return [*tube(arch, [2.4, 3.8, 3.2, 3.0, 3.2, 4.6, 3.6], (4.0, 1.0, 1.0))]


def orbits() -> list[Shape]:
    """Fat-filled cones behind the rims."""
    return pair(
        Capsule((32.0, -68.0, 18.0), (14.0, -31.0, 19.5), 18.5, 3.5, (0.98, 1.0, 0.95)),
        Ellipsoid((28.5, -58.0, 18.5), (16.5, 19.0, 17.0)),
    )


def globes() -> list[Shape]:
    """Eyeballs."""
    return pair(Ellipsoid((31.5, -72.5, 17.5), (12.2, 12.4, 12.0)))


def lenses() -> list[Shape]:
    """Lenses of the eyes."""
    return pair(Ellipsoid((32.0, -81.0, 17.5), (4.6, 2.2, 4.6)))


def orbit_contents() -> list[Shape]:
    """Eye muscles, optic nerves and lacrimal glands."""
    return pair(
        *tube(
            [(16.0, -37.0, 19.0), (18.5, -56.0, 18.0), (20.5, -71.0, 17.5)], [1.2, 2.3, 0.9], (0.8, 1.0, 1.9)
        ),
        *tube(
            [(17.0, -37.0, 19.0), (38.0, -54.0, 18.0), (43.0, -69.0, 17.5)], [1.2, 2.2, 0.9], (0.8, 1.0, 1.9)
        ),
        *tube(
            [(16.0, -37.0, 20.0), (24.0, -52.0, 30.0), (30.0, -68.0, 29.5)], [1.2, 2.1, 0.9], (2.0, 1.0, 0.8)
        ),
        *tube(
            [(16.0, -37.0, 18.0), (24.0, -52.0, 6.5), (30.0, -68.0, 6.0)], [1.2, 2.3, 0.9], (2.0, 1.0, 0.8)
        ),
        *tube(
            [(10.0, -24.0, 26.0), (16.0, -36.0, 19.5), (24.0, -50.0, 17.0), (30.0, -61.0, 17.5)],
            [2.0, 2.0, 2.1, 2.3],
        ),
        Ellipsoid((45.0, -72.0, 27.0), (3.0, 5.5, 5.5)),
    )
