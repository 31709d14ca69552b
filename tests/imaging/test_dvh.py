"""Dose-volume histograms against closed forms and against dicompyler-core."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from tests.dicom.doses import write_dose
from tests.dicom.reading import filled
from tests.dicom.structures import write_structures
from tests.imaging.test_contours import SQUARE, at_height, circle
from tests.needs import library
from tests.phantoms import uid_of
from viewer.dicom.rtdose import read_dose
from viewer.dicom.rtstruct import read_structure_set
from viewer.errors import GeometryError
from viewer.imaging.contours import ContourSet
from viewer.imaging.dvh import Dvh, dvh_of
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.labelmap import Mask
from viewer.imaging.volume import Quantity, Volume


def ramp_dose() -> Volume:
    """Dose that grows by 1 Gy a millimetre along x, 0 at x = 0, on a grid of 2.5 mm."""
    affine = np.diag([2.5, 2.5, 2.5, 1.0])[[2, 1, 0, 3]]
    affine[:3, 3] = -20
    geometry = VolumeGeometry((25, 25, 25), affine)
    x = -20 + 2.5 * np.arange(25)
    array = np.broadcast_to((x + 20) * 10, (25, 25, 25)).astype(np.uint16)
    return Volume(
        "dose", np.ascontiguousarray(array), geometry, Quantity("Gy"), "RTDOSE", slope=0.1, intercept=-20
    )


def test_that_I07_the_histogram_of_a_box_in_a_linear_dose_is_a_straight_line() -> None:
    box = ContourSet.of([at_height(SQUARE, z) for z in np.arange(0.0, 10.0, 2.0)])
    found = dvh_of(box, ramp_dose())
    assert found.volume_mm3 == pytest.approx(1000)
    assert found.mean == pytest.approx(5.0, abs=1e-3)
    # V(D) = 1 - D / 10 between 0 and 10 Gy; half a sample of 0.5 mm is the error there can be.
    doses = np.linspace(0.3, 9.7, 20)
    assert np.abs(found.volume_at(doses) / 1000 - (1 - doses / 10)).max() <= 0.026
    for share in (0.95, 0.5, 0.02):
        assert found.dose_at(share) == pytest.approx(10 * (1 - share), abs=0.26)
    assert found.minimum == pytest.approx(0.25, abs=0.01)
    assert found.maximum == pytest.approx(9.75, abs=0.01)
    assert found.unit == "Gy"


def test_that_I07_the_histogram_of_a_ball_in_a_radial_dose_is_that_of_its_shells() -> None:
    # Dose falls with the distance from the centre; a shell of radius r holds 4 pi r2 dr.
    affine = np.diag([0.4, 0.4, 0.4, 1.0])[[2, 1, 0, 3]]
    affine[:3, 3] = -12
    geometry = VolumeGeometry((61, 61, 61), affine)
    places = geometry.to_patient(np.moveaxis(np.indices(geometry.shape), 0, -1))
    radius = np.sqrt((places**2).sum(axis=-1))
    dose = Volume("dose", (20 - radius).astype(np.float32), geometry, Quantity("Gy"), "RTDOSE")
    found = dvh_of(Mask.of(radius <= 10, geometry), dose)
    assert found.mean == pytest.approx(20 - 0.75 * 10, rel=5e-3)
    for limit in (12.0, 14.0, 16.0):
        assert found.volume_at(limit) == pytest.approx(4 / 3 * np.pi * (20 - limit) ** 3, rel=0.04)


def test_that_a_uniform_dose_gives_a_step() -> None:
    found = Dvh(np.full(10, 2.0), np.full(10, 3.0), 0.0, "Gy")
    assert found.volume_at([0.0, 1.99, 2.0, 2.01]).tolist() == [30, 30, 30, 0]
    assert [found.dose_at(share) for share in (0.0, 0.5, 1.0)] == [2, 2, 2]
    doses, shares = found.curve()
    assert (shares[0], shares[-1]) == (1.0, 0.0)
    assert doses[-1] > 2.0


def test_that_volume_outside_the_dose_grid_is_said_and_not_counted_as_zero() -> None:
    square = SQUARE + np.array([36, 0])  # the grid ends at 41.25 mm
    half = ContourSet.of([at_height(square, z) for z in (0.0, 2.0, 4.0)])
    found = dvh_of(half, ramp_dose())
    assert found.outside_mm3 == pytest.approx(4.75 / 10 * 600, abs=20)
    assert found.minimum > 35
    with pytest.raises(GeometryError, match="outside the dose grid"):
        dvh_of(ContourSet.of([at_height(SQUARE + 500, z) for z in (0.0, 2.0)]), ramp_dose())


def test_that_I07_mean_extremes_and_percentiles_agree_with_dicompyler_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It was written for an older pydicom: two names have moved since.
    import pydicom.pixels.utils

    old = types.ModuleType("pydicom.dicomio")
    old.read_file = pydicom.dcmread  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pydicom.dicomio", old)
    handlers = types.ModuleType("pydicom.pixel_data_handlers.util")
    handlers.pixel_dtype = pydicom.pixels.utils.pixel_dtype  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pydicom.pixel_data_handlers.util", handlers)
    dvhcalc = library("dicompylercore.dvhcalc")
    frame = uid_of("plan")
    k, j, i = np.indices((21, 41, 41))
    # A beam with a penumbra: 60 Gy in the middle, falling off to all sides.
    profile = 60 / (1 + np.exp((np.hypot(i - 20, j - 20) - 12) / 1.5)) * np.exp(-(((k - 10) / 9.0) ** 2))
    dose = write_dose(
        tmp_path / "dose.dcm",
        np.rint(profile / 0.001).astype(np.uint16),
        origin_mm=(-50, -50, -25),
        spacing_mm=(2.5, 2.5),
        offsets_mm=[2.5 * n for n in range(21)],
        scaling=0.001,
        frame_of_reference=frame,
    )
    shapes = {"target": circle(20, 120), "shifted": circle(25, 120, (18, 5))}
    heights = np.arange(-15.0, 15.1, 2.5)
    path = write_structures(
        tmp_path / "rs.dcm",
        {name: [at_height(shape, z) for z in heights] for name, shape in shapes.items()},
        frame_of_reference=frame,
    )
    volume = filled(read_dose(dose, "dose"))
    for region in read_structure_set(path).regions:
        assert region.contours is not None
        mine = dvh_of(region.contours, volume)
        # On the dose grid itself: its interpolation moves a structure that reaches the edge of the grid (the mean of
        # the second one becomes 36.7 Gy, the integral of the formula is 34.6 Gy).
        theirs = dvhcalc.get_dvh(str(path), str(dose), region.number)
        assert mine.volume_mm3 / 1000 == pytest.approx(theirs.volume, rel=0.04)
        assert mine.mean == pytest.approx(theirs.mean, rel=0.01, abs=0.1)
        assert mine.maximum == pytest.approx(theirs.max, rel=0.01)
        assert mine.dose_at(0.5) == pytest.approx(theirs.D50.value, rel=0.02, abs=0.3)
        assert mine.dose_at(0.95) == pytest.approx(theirs.D95.value, rel=0.02, abs=0.5)
