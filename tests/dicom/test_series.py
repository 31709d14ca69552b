"""What belongs together: the split rules A01-A09, A13, A14 on synthetic series."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.dicom.reading import catalogue_of, filled, only_stack, stacks_of
from tests.phantoms import ramp_affine, ramp_array, uid_of, write_ramp, write_series
from viewer.dicom.index import Indexer
from viewer.dicom.model import SeriesKind

SERIES = uid_of("tests", "one series")


def _write(folder: Path, name: str, *, slices: int = 5, **tags: Any) -> None:
    """One more run of the ramp in the same series."""
    write_series(
        folder / name,
        ramp_array(slices),
        ramp_affine(),
        **{
            "SeriesInstanceUID": SERIES,
            "SOPInstanceUID": lambda k: uid_of("tests", name, k),
            **tags,
        },
    )


def test_that_A01_two_patients_in_one_study_are_kept_apart_and_named(tmp_path: Path) -> None:
    write_ramp(tmp_path / "a", PatientID="one")
    write_ramp(tmp_path / "b", "G3", PatientID="two")
    catalogue = catalogue_of(tmp_path)
    assert {study.patient.patient_id for study in catalogue.studies} == {"one", "two"}
    assert any("2 patients" in note for note in catalogue.notes)
    assert not any("one" in note.split() for note in catalogue.notes if "2 patients" in note)


def test_that_A01_the_issuer_belongs_to_the_identity(tmp_path: Path) -> None:
    write_ramp(tmp_path / "a", PatientID="one", IssuerOfPatientID="here")
    write_ramp(tmp_path / "b", "G3", PatientID="one", IssuerOfPatientID="there")
    assert len(catalogue_of(tmp_path).studies) == 2


def test_that_A01_one_id_with_two_names_is_noticed(tmp_path: Path) -> None:
    write_ramp(tmp_path / "a", PatientName="A^B")
    write_ramp(tmp_path / "b", "G3", PatientName="C^D")
    assert any("different names" in note for note in catalogue_of(tmp_path).notes)


@pytest.mark.parametrize(
    "tags, label",
    [
        ({"TemporalPositionIdentifier": 2}, "time"),
        ({"TriggerTime": 300.0}, "trigger"),
        ({"EchoTime": 30.0}, "TE 30 ms"),
        ({"DiffusionBValue": 1000.0}, "b 1000"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "PHASE"]}, "PHASE"),
        ({"AcquisitionNumber": 2}, "acquisition"),
        ({"ConvolutionKernel": "SHARP"}, "kernel SHARP"),
    ],
)
def test_that_A02_slices_at_one_place_are_told_apart_by_the_dimension_that_differs(
    tags: dict[str, Any], label: str, tmp_path: Path
) -> None:
    base: dict[str, Any] = {
        "TemporalPositionIdentifier": 1,
        "TriggerTime": 0.0,
        "EchoTime": 10.0,
        "DiffusionBValue": 0.0,
        "ImageType": ["ORIGINAL", "PRIMARY", "M"],
        "AcquisitionNumber": 1,
        "ConvolutionKernel": "SOFT",
    }
    _write(tmp_path, "first", modality="MR", **base)
    _write(tmp_path, "second", modality="MR", **{**base, **tags})
    stacks = stacks_of(catalogue_of(tmp_path))
    assert [stack.geometry.shape for stack in stacks] == [(5, 6, 8)] * 2
    assert all(stack.multiplanar for stack in stacks)
    assert any(label in stack.label for stack in stacks)
    assert len({stack.uid for stack in stacks}) == 2


def test_that_A02_times_that_differ_in_every_slice_still_make_whole_stacks(tmp_path: Path) -> None:
    for run in range(3):
        _write(
            tmp_path,
            f"run{run}",
            modality="MR",
            ContentTime=lambda k, run=run: f"10{run:02d}{10 + 2 * k:02d}.0",
        )
    stacks = stacks_of(catalogue_of(tmp_path))
    assert [stack.geometry.shape[0] for stack in stacks] == [5, 5, 5]
    for n, stack in enumerate(stacks):
        assert all(f"run{n}" in str(frame.path) for frame in stack.frames)


@pytest.mark.parametrize(
    "tags",
    [
        {"FrameOfReferenceUID": "1.2.3.4"},
        {"PixelSpacing": [2.5, 1.5]},
        {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]},
    ],
)
def test_that_A02_J31_other_geometry_is_another_stack(tags: dict[str, Any], tmp_path: Path) -> None:
    _write(tmp_path, "first")
    _write(tmp_path, "second", ImagePositionPatient=lambda k: [k, 40 + k, 50 + k], **tags)
    stacks = stacks_of(catalogue_of(tmp_path))
    assert sorted(stack.geometry.shape[0] for stack in stacks) in ([5, 5], [1, 5])
    assert len(stacks) == 2


def test_that_A03_an_acquisition_number_a_slice_does_not_split(tmp_path: Path) -> None:
    write_ramp(tmp_path, AcquisitionNumber=lambda k: k + 1)
    assert only_stack(tmp_path).geometry.shape[0] == 5


def test_that_A04_a_scout_in_the_series_is_kept_apart(tmp_path: Path) -> None:
    _write(tmp_path, "slices")
    _write(
        tmp_path,
        "scout",
        slices=1,
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
        ImageOrientationPatient=[1, 0, 0, 0, 0, -1],
    )
    volume, scout = stacks_of(catalogue_of(tmp_path))
    assert volume.kind is SeriesKind.VOLUME
    assert scout.kind is SeriesKind.LOCALIZER
    assert volume.geometry.shape[0] == 5


def test_that_A04_an_unmarked_ct_image_across_the_stack_is_a_localizer(tmp_path: Path) -> None:
    _write(tmp_path, "slices")
    _write(tmp_path, "scout", slices=1, ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    assert [stack.kind for stack in stacks_of(catalogue_of(tmp_path))] == [
        SeriesKind.VOLUME,
        SeriesKind.LOCALIZER,
    ]


def test_that_A05_a_description_alone_never_removes_a_volume(tmp_path: Path) -> None:
    write_ramp(tmp_path, SeriesDescription="post scout 3mm")
    assert only_stack(tmp_path).kind is SeriesKind.VOLUME


def test_that_A04_dose_pages_are_captures_whatever_their_size(tmp_path: Path) -> None:
    _write(tmp_path, "slices")
    write_series(
        tmp_path / "dose",
        np.zeros((1, 9, 7, 3), np.uint8),
        ramp_affine(),
        SeriesInstanceUID=SERIES,
        SOPInstanceUID=uid_of("tests", "dose"),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.7",
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
    )
    catalogue = catalogue_of(tmp_path)
    assert [stack.kind for stack in stacks_of(catalogue)] == [SeriesKind.VOLUME, SeriesKind.CAPTURE]
    assert catalogue.studies[0].series[0].kind is SeriesKind.VOLUME


def test_that_A08_the_order_does_not_depend_on_the_order_of_the_files(tmp_path: Path) -> None:
    write_ramp(tmp_path / "a")
    expected = [frame.sop_instance_uid for frame in only_stack(tmp_path).frames]
    files = sorted((tmp_path / "a").iterdir())
    (tmp_path / "b").mkdir()
    for n, path in enumerate(np.random.default_rng(3).permutation(np.array(files, dtype=object))):
        shutil.move(path, tmp_path / "b" / f"{n}.dcm")
    assert [frame.sop_instance_uid for frame in only_stack(tmp_path).frames] == expected


def test_that_A08_whatever_comes_first_the_same_stacks_come_out(tmp_path: Path) -> None:
    for echo in (1, 2):
        _write(tmp_path, f"echo{echo}", EchoNumbers=echo, EchoTime=10 * echo)
    # The same instance with other content: the first by name is shown, not the first that was read.
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    (tmp_path / "z.dcm").write_bytes(files[2].read_bytes()[:-2] + b"\x11\x11")
    shutil.copy(files[1], tmp_path / "y.dcm")
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    found = []
    for order in (files, files[::-1], [files[n] for n in np.random.default_rng(5).permutation(len(files))]):
        indexer = Indexer()
        for path in order:
            indexer.add(path)
        catalogue = indexer.catalogue(complete=True)
        told = [
            (stack.uid, stack.label, [frame.path.name for frame in stack.frames])
            for stack in stacks_of(catalogue)
        ]
        found.append((told, {Path(problem.file).name for problem in catalogue.problems}))
    assert found[1] == found[0]
    assert found[2] == found[0]
    assert len(found[0][0]) == 2
    assert found[0][1] == {"z.dcm"}


def test_that_A09_one_slice_without_position_makes_pictures_and_offers_the_located_ones(
    tmp_path: Path,
) -> None:
    write_ramp(tmp_path, ImagePositionPatient=lambda k: None if k == 2 else [-10, -20, -30 + 3 * k])
    pictures, located = stacks_of(catalogue_of(tmp_path))
    assert pictures.geometry.shape[0] == 5
    assert not pictures.multiplanar
    assert not pictures.geometry.oriented
    assert any("No spatial information" in text for text in pictures.warnings)
    assert located.geometry.shape[0] == 4
    assert located.geometry.gaps == (1,)


def test_that_A13_a_copy_is_ignored_and_counted(tmp_path: Path) -> None:
    write_ramp(tmp_path / "a")
    shutil.copy(tmp_path / "a" / "im0002.dcm", tmp_path / "copy.dcm")
    catalogue = catalogue_of(tmp_path)
    (stack,) = stacks_of(catalogue)
    assert stack.geometry.shape[0] == 5
    assert stack.report.duplicates == 1
    assert catalogue.studies[0].series[0].warnings == ("1 duplicate file ignored.",)
    assert not catalogue.problems


def test_that_A13_J30_the_same_uid_with_other_content_is_a_problem_and_the_first_is_shown(
    tmp_path: Path,
) -> None:
    write_ramp(tmp_path / "a")
    changed = (tmp_path / "a" / "im0002.dcm").read_bytes()
    (tmp_path / "z.dcm").write_bytes(changed[:-2] + b"\x11\x11")
    catalogue = catalogue_of(tmp_path)
    (stack,) = stacks_of(catalogue)
    assert stack.geometry.shape[0] == 5
    assert [Path(problem.file).name for problem in catalogue.problems] == ["z.dcm"]
    assert filled(stack).array.max() == 4570


def test_that_A13_different_instances_at_one_place_are_offered_as_stacks(tmp_path: Path) -> None:
    _write(tmp_path, "first")
    _write(tmp_path, "second")
    stacks = stacks_of(catalogue_of(tmp_path))
    assert [stack.geometry.shape[0] for stack in stacks] == [5, 5]
    assert any("share a position" in text for text in stacks[0].warnings)


def test_that_J46_two_beds_that_overlap_in_one_slice_stay_one_volume(tmp_path: Path) -> None:
    # Beds of 5 slices each, the last of the first at the place of the first of the second.
    _write(tmp_path, "bed1", AcquisitionNumber=1)
    _write(tmp_path, "bed2", AcquisitionNumber=2, ImagePositionPatient=lambda k: [-10, -20, -18 + 3 * k])
    stacks = stacks_of(catalogue_of(tmp_path))
    assert [stack.geometry.shape[0] for stack in stacks] == [9, 1]


def test_that_A26_a_mosaic_without_its_private_header_is_one_picture(tmp_path: Path) -> None:
    write_ramp(tmp_path, ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"])
    stack = only_stack(tmp_path)
    assert not stack.multiplanar
    assert any("mosaic" in text.lower() for text in stack.warnings)


def test_that_a_survey_in_three_planes_is_a_localizer(tmp_path: Path) -> None:
    for n, orientation in enumerate(([1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1])):
        _write(
            tmp_path,
            str(n),
            modality="MR",
            SeriesDescription="3-plane loc",
            ImageOrientationPatient=orientation,
            ImagePositionPatient=lambda k: [5 * k, 5 * k, 5 * k],
        )
    assert {stack.kind for stack in stacks_of(catalogue_of(tmp_path))} == {SeriesKind.LOCALIZER}


def test_that_files_without_series_uid_are_gathered_by_folder(tmp_path: Path) -> None:
    write_ramp(tmp_path / "a", SeriesInstanceUID="")
    stack = only_stack(tmp_path)
    assert stack.geometry.shape[0] == 5
    assert stack.uid
