"""Volumes made by hand: the ramp phantom as open volumes, without files."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from viewer.dicom.model import Patient, PixelFormat, Series, SeriesKind, Stack, Study
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.geometry_report import GeometryReport
from viewer.imaging.volume import Quantity, Volume
from viewer.state.library import Library, OpenVolume
from viewer.state.view import ViewState

MakeVolume = Callable[..., OpenVolume]


def ramp(shape: tuple[int, int, int]) -> np.ndarray:
    """Stored value 1000 k + 100 j + 10 i."""
    k, j, i = np.indices(shape)
    values: np.ndarray = (1000 * k + 100 * j + 10 * i).astype(np.int16)
    return values


def g1_affine() -> np.ndarray:
    """Axial, steps 3, 2, 1 mm, origin (-10, -20, -30)."""
    matrix = np.zeros((4, 4))
    matrix[2, 0], matrix[1, 1], matrix[0, 2] = 3, 2, 1
    matrix[:, 3] = (-10, -20, -30, 1)
    return matrix


@pytest.fixture
def make_volume() -> MakeVolume:
    """A function that makes an open volume of the ramp."""

    def make(
        uid: str = "1.2.3",
        affine: np.ndarray | None = None,
        shape: tuple[int, int, int] = (5, 6, 8),
        modality: str = "CT",
        frame_of_reference: str = "1.9",
        **changes: object,
    ) -> OpenVolume:
        geometry = VolumeGeometry(shape, g1_affine() if affine is None else affine, frame_of_reference)
        fields: dict[str, object] = {"quantity": Quantity("HU"), "modality": modality} | changes
        volume = Volume(uid, ramp(shape), geometry, **fields)  # type: ignore[arg-type]
        report = GeometryReport(shape[0], geometry.spacing_mm)
        stack = Stack(uid, (), PixelFormat(shape[1], shape[2]), geometry, report, modality=modality)
        series = Series(uid, "1.5", modality, "ramp", SeriesKind.VOLUME, shape[0], stacks=(stack,), number=2)
        patient = Patient("p", "DOE, Jane", "ID-77", "1970-01-31", "F")
        study = Study(
            "1.5", patient, "study text", "2025-01-31", "10:00", "ACC-5", "Clinic", "055Y", (series,)
        )
        return OpenVolume(volume, stack, series, study)

    return make


@pytest.fixture
def view() -> ViewState:
    """An empty view."""
    return ViewState(Library())
