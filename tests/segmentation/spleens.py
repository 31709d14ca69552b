"""A data set like that of a spleen challenge: images and labels as NIfTI, a different body in each file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from viewer.formats.nifti_writer import write_nifti
from viewer.imaging.geometry import VolumeGeometry


def write_spleens(folder: Path, size: int, cases: int, slices: int = 8) -> tuple[Path, Path]:
    """Write coronal slices of `size` x `size` and return the folders of images and labels.

    Each has a body, a liver on the right and a spleen on the left that is as bright as the liver, so that place and
    size tell them apart, and noise. Voxels are listed from the head downwards, so models must go by position.
    """
    images, labels = folder / "images", folder / "labels"
    images.mkdir(parents=True)
    labels.mkdir()
    spacing = 400 / size
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2] = -spacing, 30 / slices, spacing
    affine[:, 3] = (-200, -15, 200, 1)
    geometry = VolumeGeometry((size, slices, size), affine)
    down, back, left = np.meshgrid(
        np.linspace(-1, 1, size), np.linspace(-1, 1, slices), np.linspace(-1, 1, size), indexing="ij"
    )

    def ellipsoid(
        centre: tuple[float, float, float], radii: tuple[float, float, float]
    ) -> npt.NDArray[np.bool_]:
        parts = zip((down, back, left), centre, radii, strict=True)
        inside: npt.NDArray[np.bool_] = np.sum([((axis - c) / r) ** 2 for axis, c, r in parts], axis=0) < 1
        return inside

    for n in range(cases):
        rng = np.random.default_rng(n)
        shift = rng.uniform(-0.08, 0.08, 6)
        values = np.where(ellipsoid((0, 0, 0), (0.95, 1.2, 0.8)), 30.0, -900.0)
        values[ellipsoid((-0.15 + shift[0], 0, -0.4 + shift[1]), (0.3, 0.8, 0.3))] = 115
        spleen = ellipsoid(
            (-0.25 + shift[2], 0.1, 0.45 + shift[3]), (0.2 + shift[4] / 3, 0.7, 0.14 + shift[5] / 4)
        )
        values[spleen] = 115
        values += rng.normal(0, 12, values.shape)
        write_nifti(images / f"case_{n:02}.nii.gz", values.astype(np.int16), geometry)
        write_nifti(labels / f"case_{n:02}.nii.gz", spleen.astype(np.uint8), geometry, labels=True)
    return images, labels
