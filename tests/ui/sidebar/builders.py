"""Small catalogues and volumes for the sidebar's tests, made by hand: no files, no loader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from viewer.dicom.model import (
    Catalogue,
    FrameSource,
    Patient,
    PixelFormat,
    Series,
    SeriesKind,
    Stack,
    Study,
)
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.geometry_report import GeometryReport, Note, Severity
from viewer.imaging.volume import Quantity, Volume
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer
from viewer.state.library import OpenVolume

FRAME_OF_REFERENCE = "2.25.1"
SHAPE = (5, 6, 8)
PATIENT = Patient("secret-key", "DOE, Jane", "ID-4711", "19500229", "F")


def geometry(frame: str = FRAME_OF_REFERENCE) -> VolumeGeometry:
    """5 slices of 6 rows and 8 columns, 3 x 2 x 1 mm, first voxel at (-10, -20, -30)."""
    affine = np.array([[0, 0, 1, -10], [0, 2, 0, -20], [3, 0, 0, -30], [0, 0, 0, 1]], dtype=float)
    return VolumeGeometry(SHAPE, affine, frame)


def report(**changes: object) -> GeometryReport:
    """The report that belongs to `geometry`."""
    values: dict[str, object] = {
        "slices": 5,
        "spacing_mm": (3.0, 2.0, 1.0),
        "thickness_mm": 5.0,
        "gaps_mm": (3.0, 3.0, 3.0, 3.0),
        "acquired_plane": "axial",
        "patient_position": "HFS",
        "notes": (Note("single", "Nothing special.", Severity.INFO),),
    }
    return GeometryReport(**(values | changes))  # type: ignore[arg-type]


def stack(uid: str, modality: str = "CT", frame: str = FRAME_OF_REFERENCE, label: str = "") -> Stack:
    """A stack of five frames in five files that do not exist."""
    frames = tuple(FrameSource(Path(f"study/{uid}-{k}.dcm")) for k in range(SHAPE[0]))
    return Stack(uid, frames, PixelFormat(6, 8), geometry(frame), report(), label, modality)


def series(uid: str, modality: str, kind: SeriesKind, *stacks: Stack, **changes: object) -> Series:
    """A series with a description made from its uid."""
    values: dict[str, object] = {
        "uid": uid,
        "study_uid": "study-1",
        "modality": modality,
        "description": f"{uid} description",
        "kind": kind,
        "files": max(1, sum(len(item.frames) for item in stacks)),
        "number": 3,
        "date": "20250131",
        "time": "093000.5",
        "stacks": stacks,
        "paths": (Path(f"study/{uid}.dcm"),),
    }
    return Series(**(values | changes))  # type: ignore[arg-type]


def study(*members: Series, patient: Patient = PATIENT, uid: str = "study-1") -> Study:
    """A study of these series."""
    return Study(uid, patient, "Whole body", "20250131", "0915", "ACC-99", "Some Hospital", "075Y", members)


def petct() -> Catalogue:
    """CT, PET, a scout, a dose page, a segmentation, and an MR of two echoes."""
    return Catalogue(
        (
            study(
                series("ct", "CT", SeriesKind.VOLUME, stack("ct")),
                series("pt", "PT", SeriesKind.VOLUME, stack("pt", "PT"), time="093230"),
                series("scout", "CT", SeriesKind.LOCALIZER, stack("scout")),
                series("dose", "OT", SeriesKind.CAPTURE, stack("dose", "OT")),
                series("seg", "SEG", SeriesKind.SEGMENTATION),
                series(
                    "mr",
                    "MR",
                    SeriesKind.VOLUME,
                    stack("mr", "MR", "2.25.9", "echo 1"),
                    stack("mr#2", "MR", "2.25.9"),
                ),
            ),
        )
    )


def ramp() -> npt.NDArray[np.int16]:
    """Stored values 1000 k + 100 j + 10 i."""
    k, j, i = np.indices(SHAPE)
    values: npt.NDArray[np.int16] = (1000 * k + 100 * j + 10 * i).astype(np.int16)
    return values


def opened(catalogue: Catalogue, stack_uid: str, **changes: object) -> OpenVolume:
    """The volume of a stack: HU for CT, SUV (factor 0.001 on Bq/mL) for PET, no unit for the rest."""
    found = catalogue.find_stack(stack_uid)
    owner = next(s for st in catalogue.studies for s in st.series if found in s.stacks)
    parent = catalogue.study_of(owner.uid)
    assert found is not None
    assert parent is not None
    unit = {"CT": "HU", "PT": "Bq/mL"}.get(owner.modality, "")
    array = ramp().astype(np.float32) if owner.modality == "PT" else ramp()
    values: dict[str, object] = {
        "uid": stack_uid,
        "array": array,
        "geometry": found.geometry,
        "quantity": Quantity(unit),
        "modality": owner.modality,
        "suv_factor": 0.001 if owner.modality == "PT" else None,
    }
    return OpenVolume(Volume(**(values | changes)), found, owner, parent)  # type: ignore[arg-type]


def layer(stack_uid: str, window: Window | None = None) -> ImageLayer:
    """A layer of a stack with a CT or any other window."""
    return ImageLayer(stack_uid, window or Window(40, 400))
