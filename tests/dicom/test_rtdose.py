"""Dose grids: scaling, unit and the places of the planes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from tests.conftest import RealData
from tests.dicom.doses import write_dose
from tests.dicom.reading import catalogue_of, filled
from tests.phantoms import write_ramp
from viewer.dicom.choice import choose_default
from viewer.dicom.model import SeriesKind
from viewer.dicom.rtdose import read_dose
from viewer.errors import FormatError
from viewer.imaging.plane import Plane
from viewer.imaging.sample import sample_plane, voxel_at

STEPS = np.array([4000, 8000, 12000], np.uint16)[:, None, None] * np.ones((3, 6, 8), np.uint16)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_that_I07_dose_is_stored_value_times_scaling_on_uneven_planes(tmp_path: Path, dtype: Any) -> None:
    path = write_dose(tmp_path / "dose.dcm", STEPS.astype(dtype), offsets_mm=[0, 2.5, 6])
    stack = read_dose(path, "dose")
    volume = filled(stack)
    assert (volume.quantity.unit, volume.modality, stack.kind) == ("Gy", "RTDOSE", SeriesKind.DOSE)
    for z, dose in ((-30.0, 2.0), (-27.5, 4.0), (-24.0, 6.0)):
        reading = voxel_at(volume, [-6.0, -12.0, z])
        assert reading.stored is not None
        assert volume.physical(reading.stored[0]) == pytest.approx(dose)
    # Between the uneven planes dose is linear in position: a third of the way from 4 to 6 Gy is not half of it.
    plane = Plane(
        np.array([-8.0, -16.0, -27.5 + 3.5 / 3]), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), 4, 4
    )
    assert np.allclose(volume.physical(sample_plane(volume, plane)), 4 + 2 / 3, atol=1e-5)


@pytest.mark.parametrize(
    "offsets, orientation, heights",
    [
        ([0, 2.5, 6], (1, 0, 0, 0, 1, 0), [-30, -27.5, -24]),
        ([0, -2.5, -6], (1, 0, 0, 0, 1, 0), [-36, -32.5, -30]),
        ([-30, -27.5, -24], (1, 0, 0, 0, 1, 0), [-30, -27.5, -24]),
        # Prone, rows towards the right and columns to the front: the product still points to the head.
        ([0, 2.5, 6], (-1, 0, 0, 0, -1, 0), [-30, -27.5, -24]),
        # Columns to the front alone: it points to the feet.
        ([0, 2.5, 6], (1, 0, 0, 0, -1, 0), [-36, -32.5, -30]),
    ],
)
def test_that_I07_plane_offsets_are_relative_or_absolute(
    tmp_path: Path, offsets: list[float], orientation: tuple[int, ...], heights: list[float]
) -> None:
    path = write_dose(tmp_path / "dose.dcm", STEPS, offsets_mm=offsets, orientation=orientation)
    geometry = read_dose(path, "dose").geometry
    found = sorted(geometry.to_patient([k, 0, 0])[2] for k in range(3))
    assert found == pytest.approx(heights)


def test_that_I07_a_dose_without_scaling_or_places_says_so(tmp_path: Path) -> None:
    stack = read_dose(write_dose(tmp_path / "raw.dcm", STEPS, offsets_mm=[0, 2.5, 6], scaling=None), "dose")
    assert stack.unit == ""
    assert "no scaling" in stack.warnings[0]
    with pytest.raises(FormatError, match="where its planes are"):
        read_dose(write_dose(tmp_path / "few.dcm", STEPS, offsets_mm=[0, 2.5]), "dose")
    relative = write_dose(tmp_path / "rel.dcm", STEPS, offsets_mm=[0, 2.5, 6], DoseUnits="RELATIVE")
    assert read_dose(relative, "dose").unit == "relative dose"


def plan_of_beams(*numbers: int) -> list[Dataset]:
    """A reference to a plan, one fraction group, and some of its beams."""
    plan, group = Dataset(), Dataset()
    group.ReferencedFractionGroupNumber = 1
    group.ReferencedBeamSequence = []
    for number in numbers:
        beam = Dataset()
        beam.ReferencedBeamNumber = number
        group.ReferencedBeamSequence.append(beam)
    plan.ReferencedFractionGroupSequence = [group]
    return [plan]


def test_that_I07_of_several_doses_each_says_what_it_sums(tmp_path: Path) -> None:
    """A plan, two of its beams and a relative sum of plans; the beams hold half and a quarter of the plan."""
    cases: dict[str, dict[str, Any]] = {
        "a": {"DoseSummationType": "PLAN"},
        "b": {"DoseSummationType": "BEAM", "scaling": 0.00025, "ReferencedRTPlanSequence": plan_of_beams(1)},
        "c": {"DoseSummationType": "BEAM", "scaling": 0.000125, "ReferencedRTPlanSequence": plan_of_beams(2)},
        "d": {"DoseSummationType": "MULTI_PLAN", "DoseType": "EFFECTIVE", "DoseUnits": "RELATIVE"},
    }
    for name, more in cases.items():
        write_dose(
            tmp_path / f"{name}.dcm", STEPS, offsets_mm=[0, 2.5, 6], SeriesInstanceUID="2.25.77", **more
        )
    (series,) = (s for study in catalogue_of(tmp_path).studies for s in study.series)
    assert [(stack.label, stack.acquisition_text, stack.unit) for stack in series.stacks] == [
        ("Dose 1: physical, plan", "physical, plan", "Gy"),
        ("Dose 2: physical, beam 1", "physical, beam 1", "Gy"),
        ("Dose 3: physical, beam 2", "physical, beam 2", "Gy"),
        ("Dose 4: effective, multi plan", "effective, multi plan", "relative dose"),
    ]
    highest = [float(filled(s).physical(filled(s).array).max()) for s in series.stacks]
    assert highest == pytest.approx([6.0, 3.0, 1.5, 6.0])


def test_that_I07_a_unit_that_is_not_named_is_not_made_up(tmp_path: Path) -> None:
    path = write_dose(tmp_path / "dose.dcm", STEPS, offsets_mm=[0, 2.5, 6], DoseUnits="")
    stack = read_dose(path, "dose")
    assert stack.unit == ""
    assert float(filled(stack).physical(filled(stack).array).max()) == pytest.approx(6.0)


def test_that_I07_offsets_that_are_neither_are_taken_from_the_first_plane_and_said(tmp_path: Path) -> None:
    stack = read_dose(write_dose(tmp_path / "odd.dcm", STEPS, offsets_mm=[10, 12.5, 16]), "dose")
    found = sorted(stack.geometry.to_patient([k, 0, 0])[2] for k in range(3))
    assert found == pytest.approx([-30, -27.5, -24])
    assert "neither with 0" in stack.warnings[0]
    more = read_dose(write_dose(tmp_path / "more.dcm", STEPS, offsets_mm=[0, 2.5, 6, 9]), "dose")
    assert "1 plane offsets without a plane" in more.warnings[0]


def test_that_a_dose_beside_its_images_is_offered_and_never_opens_by_itself(tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    write_dose(tmp_path / "dose.dcm", STEPS, offsets_mm=[0, 2.5, 6])
    catalogue = catalogue_of(tmp_path)
    (dose,) = (s for study in catalogue.studies for s in study.series if s.kind is SeriesKind.DOSE)
    assert len(dose.stacks) == 1
    choice = choose_default(catalogue)
    assert choice.ct is not None
    assert choice.ct.modality == "CT"


def test_that_I07_a_real_dose_has_the_values_that_pydicom_reads(real_data: RealData) -> None:
    path = real_data("broken-a") / "pydicom" / "rtdose.dcm"
    volume = filled(read_dose(path, "dose"))
    dataset = pydicom.dcmread(path)
    expected = dataset.pixel_array * float(dataset.DoseGridScaling)
    # Positions along the normal may run against the order of the file.
    mine = volume.physical(volume.array)
    z = [volume.geometry.to_patient([k, 0, 0])[2] for k in range(len(mine))]
    offsets = np.array(dataset.GridFrameOffsetVector)
    assert np.allclose(np.sort(z), np.sort(dataset.ImagePositionPatient[2] + offsets))
    assert np.allclose(mine, expected) or np.allclose(mine, expected[::-1])
