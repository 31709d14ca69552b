"""The index: what it counts, what it lists, and what opens by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import RealData
from tests.dicom.reading import catalogue_of, filled, stacks_of
from tests.phantoms import ramp_affine, ramp_array, uid_of, write_pet, write_ramp, write_series
from viewer.dicom.choice import next_stack
from viewer.dicom.index import Indexer
from viewer.dicom.model import Catalogue, SeriesKind
from viewer.dicom.series import choose_default


def test_that_J01_other_files_are_counted_and_not_listed(tmp_path: Path) -> None:
    write_ramp(tmp_path / "a")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "empty").write_bytes(b"")
    catalogue = catalogue_of(tmp_path)
    assert catalogue.not_dicom == 2
    assert catalogue.files_seen == 7
    assert not catalogue.problems


def test_that_a_bad_file_is_one_problem_by_the_name_the_user_knows(tmp_path: Path) -> None:
    write_ramp(tmp_path)
    path = tmp_path / "im0002.dcm"
    path.write_bytes(path.read_bytes()[:500])
    indexer = Indexer()
    problem = indexer.add(path, "archive.zip/im0002.dcm")
    assert problem is not None
    assert problem.file == "archive.zip/im0002.dcm"
    assert indexer.catalogue(complete=True).problems == (problem,)


def test_that_J36_an_unreadable_file_is_a_problem(tmp_path: Path) -> None:
    problem = Indexer().add(tmp_path / "missing.dcm")
    assert problem is not None
    assert "cannot be read" in problem.reason


def test_that_snapshots_list_series_before_they_are_sorted(tmp_path: Path) -> None:
    write_ramp(tmp_path)
    indexer = Indexer()
    for n, path in enumerate(sorted(tmp_path.iterdir())):
        indexer.add(path)
        (series,) = indexer.catalogue().studies[0].series
        assert series.files == n + 1
        assert series.stacks == ()
    complete = indexer.catalogue(complete=True)
    assert complete.studies[0].series[0].stacks[0].geometry.shape[0] == 5
    # Nothing new: the same series again, not sorted twice.
    assert indexer.catalogue(complete=True).studies[0].series[0] is complete.studies[0].series[0]


def test_that_A06_objects_without_images_are_listed_and_are_no_slices(real_data: RealData) -> None:
    catalogue = catalogue_of(real_data("petct-acrin"))
    kinds = [series.kind for study in catalogue.studies for series in study.series]
    assert kinds.count(SeriesKind.SEGMENTATION) == 3
    assert kinds.count(SeriesKind.VALUE_MAP) == 3
    assert kinds.count(SeriesKind.LOCALIZER) == 1
    assert kinds.count(SeriesKind.VOLUME) == 3
    assert not catalogue.problems


def test_that_the_sop_class_counts_and_not_the_modality(real_data: RealData) -> None:
    catalogue = catalogue_of(real_data("rt-opentps"))
    (structures,) = [s for study in catalogue.studies for s in study.series if s.modality == "RTDOSE"]
    assert structures.kind is SeriesKind.STRUCTURES


def test_that_A04_the_exam_summary_is_kept_apart(real_data: RealData) -> None:
    catalogue = catalogue_of(real_data("head-philips"))
    summary = next(s for study in catalogue.studies for s in study.series if s.description == "Exam Summary")
    assert summary.kind is SeriesKind.CAPTURE
    assert sorted(stack.geometry.shape for stack in summary.stacks) == [
        (1, 741, 650),
        (2, 512, 650),
        (3, 256, 512),
    ]
    assert any("DICOMDIR" in note for note in catalogue.notes)


def test_that_the_thin_head_ct_opens(real_data: RealData) -> None:
    choice = choose_default(catalogue_of(real_data("head-philips")))
    assert choice.ct is not None
    assert choice.ct.geometry.shape == (140, 512, 512)
    assert choice.pet is None


def test_that_the_corrected_pet_opens_on_its_ct(real_data: RealData) -> None:
    choice = choose_default(catalogue_of(real_data("petct-acrin")))
    assert choice.ct is not None
    assert choice.pet is not None
    assert (choice.ct.modality, choice.ct.geometry.shape[0]) == ("CT", 135)
    assert choice.pet.suv is not None


@pytest.mark.parametrize("name, modality", [("mr-sella", "MR"), ("mf-a", "CT"), ("mr-decubitus-a", "MR")])
def test_that_without_a_plain_ct_the_best_volume_opens(name: str, modality: str, real_data: RealData) -> None:
    choice = choose_default(catalogue_of(real_data(name)))
    assert choice.ct is not None
    assert choice.ct.modality == modality
    assert choice.ct.multiplanar


def test_that_D30_a_pet_of_another_frame_of_reference_does_not_open_on_the_ct(tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    write_pet(tmp_path / "pet", FrameOfReferenceUID="1.2.3")
    choice = choose_default(catalogue_of(tmp_path))
    assert choice.ct is not None
    assert choice.pet is None


def test_that_a_standard_kernel_is_preferred_to_a_sharp_one(tmp_path: Path) -> None:
    for kernel in ("BONE", "STANDARD"):
        write_series(
            tmp_path / kernel,
            ramp_array(20),
            ramp_affine(),
            ConvolutionKernel=kernel,
            SeriesInstanceUID=uid_of("kernel", kernel),
        )
    choice = choose_default(catalogue_of(tmp_path))
    assert choice.ct is not None
    assert choice.ct.kernel == "STANDARD"


def test_that_an_empty_catalogue_opens_nothing() -> None:
    choice = choose_default(Indexer().catalogue(complete=True))
    assert choice.ct is None
    assert choice.pet is None


def test_that_broken_files_beside_a_good_series_cost_nothing_but_lines(
    real_data: RealData, tmp_path: Path
) -> None:
    write_ramp(tmp_path / "good")
    catalogue = catalogue_of(tmp_path, real_data("broken-a"))
    good = next(s for s in stacks_of(catalogue) if s.geometry.shape == (5, 6, 8))
    assert filled(good).array[1, 2, 3] == 1230
    reasons = {Path(problem.file).name: problem.reason for problem in catalogue.problems}
    assert set(reasons) >= {"UN_sequence.dcm", "nested_priv_SQ.dcm", "meta_missing_tsyntax.dcm"}
    assert all(reason.endswith(".") for reason in reasons.values())


def test_that_identity_is_shown_and_stays_out_of_notes(tmp_path: Path) -> None:
    write_ramp(tmp_path, PatientName="Doe^Jane", PatientID="ID-77")
    catalogue = catalogue_of(tmp_path)
    patient = catalogue.studies[0].patient
    assert patient.name == "DOE, Jane"
    assert patient.patient_id == "ID-77"
    assert "ID-77" not in " ".join(catalogue.notes)


def _study(folder: Path, *, images: int) -> Catalogue:
    """A scout, images and another scout between them, in the order of their numbers."""
    scout: dict[str, Any] = {
        "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"],
        "ImageOrientationPatient": [1, 0, 0, 0, 0, -1],
    }
    for number in range(1, images + 1):
        write_ramp(folder / f"images {number}", SeriesInstanceUID=f"1.2.{number}0", SeriesNumber=number * 10)
    for number in (1, 15):
        write_series(
            folder / f"scout {number}",
            np.zeros((1, 9, 7), np.int16),
            ramp_affine(),
            SeriesInstanceUID=f"1.2.{number}",
            SeriesNumber=number,
            **scout,
        )
    return catalogue_of(folder)


def test_that_A04_stepping_through_the_series_leaves_out_localizers(tmp_path: Path) -> None:
    catalogue = _study(tmp_path, images=2)
    stacks = [stack for series in catalogue.studies[0].series for stack in series.stacks]
    kinds = {stack.uid: stack.kind for stack in stacks}
    first, second = (uid for uid, kind in kinds.items() if kind is SeriesKind.VOLUME)
    assert list(kinds.values()).count(SeriesKind.LOCALIZER) == 2
    assert [next_stack(catalogue, first, 1), next_stack(catalogue, second, 1)] == [second, first]
    assert [next_stack(catalogue, first, -1), next_stack(catalogue, "unknown", 1)] == [second, first]


def test_that_A04_from_a_localizer_the_step_leads_to_the_images_around_it(tmp_path: Path) -> None:
    catalogue = _study(tmp_path, images=3)
    order = [
        (stack.uid, stack.kind is SeriesKind.VOLUME)
        for series in catalogue.studies[0].series
        for stack in series.stacks
    ]
    images = [uid for uid, image in order if image]
    for number, (uid, image) in enumerate(order):
        if not image:
            after = sum(flag for _, flag in order[:number])
            assert next_stack(catalogue, uid, 1) == images[after % 3]
            assert next_stack(catalogue, uid, -1) == images[(after - 1) % 3]


def test_that_localizers_follow_each_other_where_there_is_nothing_else(tmp_path: Path) -> None:
    catalogue = _study(tmp_path, images=0)
    uids = [stack.uid for series in catalogue.studies[0].series for stack in series.stacks]
    assert len(uids) == 2
    assert next_stack(catalogue, uids[0], 1) == uids[1]
    assert next_stack(catalogue, uids[1], 1) == uids[0]
    assert next_stack(Catalogue(()), "any", 1) == ""
