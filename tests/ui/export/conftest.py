"""A CT with a PET on it, made by hand: enough to paint, no files."""

from __future__ import annotations

import numpy as np
import pytest

from viewer.dicom.model import Patient, PixelFormat, Series, SeriesKind, Stack, Study
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.geometry_report import GeometryReport
from viewer.imaging.volume import Quantity, Volume
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer
from viewer.state.library import Library, OpenVolume
from viewer.state.view import ViewState

SHAPE = (12, 20, 24)
"""(k, j, i) of the CT."""


def open_volume(
    uid: str,
    modality: str,
    unit: str,
    *,
    name: str = "MUSTERFRAU, Erika",
    identifier: str = "ID-4711",
    kind: SeriesKind = SeriesKind.VOLUME,
    affine: np.ndarray | None = None,
    multiplanar: bool = True,
) -> OpenVolume:
    """A volume whose value differs from slice to slice, row to row and column to column."""
    matrix = np.zeros((4, 4))
    matrix[2, 0], matrix[1, 1], matrix[0, 2] = 4, 3, 2
    matrix[:, 3] = (-24, -30, 100, 1)
    geometry = VolumeGeometry(SHAPE, matrix if affine is None else affine, "1.9")
    k, j, i = np.indices(SHAPE)
    values = (20 * k + 3 * j + i).astype(np.int16)
    suv = {"suv_factor": 0.02} if unit == "SUV" else {}
    volume = Volume(
        uid,
        values,
        geometry,
        quantity=Quantity("Bq/mL" if unit == "SUV" else unit),
        modality=modality,
        **suv,  # type: ignore[arg-type]
    )
    stack = Stack(
        uid,
        (),
        PixelFormat(SHAPE[1], SHAPE[2]),
        geometry,
        GeometryReport(SHAPE[0], geometry.spacing_mm),
        modality=modality,
        multiplanar=multiplanar,
    )
    series = Series(uid, "1.5", modality, "thin", kind, SHAPE[0], stacks=(stack,), number=2)
    patient = Patient("p", name, identifier, "1970-01-31", "F")
    study = Study("1.5", patient, "head", "2025-01-31", "10:00", "ACC-5", "Clinic", "055Y", (series,))
    return OpenVolume(volume, stack, series, study)


@pytest.fixture
def library() -> Library:
    """CT and PET, open."""
    made = Library()
    made.add(open_volume("1.1", "CT", "HU"))
    made.add(open_volume("1.2", "PT", "SUV"))
    return made


@pytest.fixture
def view(library: Library) -> ViewState:
    """The PET on the CT, cursor in the middle."""
    made = ViewState(library)
    made.show(
        ImageLayer("1.1", Window(150, 300), window_name="MUSTERFRAU private window"),
        ImageLayer("1.2", Window.from_bounds(0, 7)),
    )
    return made
