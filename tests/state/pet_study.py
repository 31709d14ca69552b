"""A CT and a PET made by hand: two hot balls, one of them warm ground away, in known places."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from viewer.dicom.model import Catalogue, Patient, PixelFormat, Series, SeriesKind, Stack, Study
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.geometry_report import GeometryReport
from viewer.imaging.suv import Given, SuvFrame, SuvInputs, SuvResult, suv_factor
from viewer.imaging.volume import Quantity, Volume
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer
from viewer.state.library import Library, OpenVolume
from viewer.state.view import ViewState

SHAPE = (40, 48, 50)
SPACING_MM = 4.0
HOT, WARM = (20, 24, 15), (26, 20, 36)
HOT_SUV, WARM_SUV, GROUND_SUV = 8.0, 5.0, 1.0
HOT_RADIUS_MM, WARM_RADIUS_MM = 14.0, 10.0
BQ_PER_SUV = 1000.0


def geometry(frame_of_reference: str = "1.9") -> VolumeGeometry:
    affine = np.diag([SPACING_MM] * 3 + [1.0])[[2, 1, 0, 3]]
    affine[:3, 3] = [-(n - 1) / 2 * SPACING_MM for n in reversed(SHAPE)]
    return VolumeGeometry(SHAPE, affine, frame_of_reference)


def point_of(index: tuple[int, int, int]) -> npt.NDArray[np.float64]:
    return geometry().to_patient(np.array(index, dtype=float))


def ball(middle: tuple[int, int, int], radius_mm: float) -> npt.NDArray[np.bool_]:
    index = np.moveaxis(np.indices(SHAPE), 0, -1).astype(float)
    inside: npt.NDArray[np.bool_] = np.linalg.norm((index - middle) * SPACING_MM, axis=-1) <= radius_mm
    return inside


def suv_values() -> npt.NDArray[np.float64]:
    values = np.full(SHAPE, GROUND_SUV)
    values[ball(HOT, HOT_RADIUS_MM)] = HOT_SUV
    values[ball(WARM, WARM_RADIUS_MM)] = WARM_SUV
    return values


def suv_result() -> SuvResult:
    """80 kg and 80 MBq measured when they were injected: 1000 Bq/mL are an SUV of 1."""
    at = dt.datetime(2025, 1, 1, 11, 0, tzinfo=dt.UTC)
    return suv_factor(
        SuvInputs(
            frames=tuple(SuvFrame(at, 0.0, 300.0) for _ in range(SHAPE[0])),
            modality="PT",
            units="BQML",
            decay_correction="ADMIN",
            corrections=frozenset({"ATTN", "DECY"}),
            weight_kg=Given(80.0, "(0010,1030)"),
            height_cm=Given(180.0, "(0010,1020)"),
            sex=Given("M", "(0010,0040)"),
            dose_bq=Given(80e6, "(0018,1074)"),
            half_life_s=Given(6586.2, "(0018,1075)"),
            injection=Given(at - dt.timedelta(hours=1), "(0018,1078)"),
            series_start=Given(at, "(0008,0031)"),
        )
    )


def opened(uid: str, modality: str, *, suv: bool = True, frame_of_reference: str = "1.9") -> OpenVolume:
    """One series of the study, with or without an SUV."""
    grid = geometry(frame_of_reference)
    result = suv_result() if modality == "PT" and suv else None
    note = "" if result or modality != "PT" else "The counts are not in a unit that gives an SUV."
    array = (suv_values() * BQ_PER_SUV).astype(np.float32) if modality == "PT" else np.zeros(SHAPE, np.int16)
    volume = Volume(
        uid,
        array,
        grid,
        Quantity("HU" if modality == "CT" else "Bq/mL" if suv else "PROPCNTS"),
        modality,
        suv_factor=None if result is None else result.factor,
        suv_note=note,
    )
    report = GeometryReport(SHAPE[0], grid.spacing_mm)
    stack = Stack(
        uid, (), PixelFormat(*SHAPE[1:]), grid, report, modality=modality, suv=result, suv_note=note
    )
    series = Series(uid, "1.5", modality, f"{modality} series", SeriesKind.VOLUME, SHAPE[0], stacks=(stack,))
    return OpenVolume(
        volume, stack, series, Study("1.5", Patient("p", "DOE^JANE", "ID-77"), series=(series,))
    )


def show(
    library: Library, view: ViewState, *, suv: bool = True, frame_of_reference: str = "1.9"
) -> OpenVolume:
    """Open CT and PET in a view; the PET."""
    pet = opened("pt", "PT", suv=suv, frame_of_reference=frame_of_reference)
    ct = opened("ct", "CT")
    library.set_catalogue(Catalogue(studies=(replace(pet.study, series=(ct.series, pet.series)),)))
    library.add(ct)
    library.add(pet)
    view.show(ImageLayer("ct", Window(40, 400)), ImageLayer("pt", Window.from_bounds(0, 7)))
    return pet
