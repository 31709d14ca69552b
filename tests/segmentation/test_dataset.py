"""Which files belong together, how patients are divided, and what a file must hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.errors import FormatError
from viewer.formats.nifti_writer import write_nifti
from viewer.imaging.geometry import VolumeGeometry
from viewer.segmentation.dataset import Case, find_cases, read_case, slices_to_learn, split

GRID = VolumeGeometry((3, 4, 5), np.diag([2.0, 1.5, 1.0, 1.0])[[2, 1, 0, 3]])


def write(path: Path, values: object, geometry: VolumeGeometry = GRID) -> Path:
    path.parent.mkdir(exist_ok=True)
    write_nifti(path, np.asarray(values), geometry)
    return path


def case_of(folder: Path, labels: object, geometry: VolumeGeometry = GRID) -> Case:
    image = write(folder / "image" / "a.nii", np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    return Case("a", "a", image, write(folder / "label" / "a.nii", labels, geometry))


def test_that_files_are_paired_by_name_whatever_usual_word_stands_behind_it(tmp_path: Path) -> None:
    values = np.zeros((3, 4, 5), np.uint8)
    for name in ("a_0000.nii.gz", "b.nii", "c.nii.gz", "d.nii", "._d.nii", "notes.txt"):
        write(tmp_path / "images" / name, values) if name.endswith(("nii", "gz")) else None
    for name in ("a.nii.gz", "b_seg.nii.gz", "c-label.nii", "e.nii"):
        write(tmp_path / "labels" / name, values)
    cases, alone = find_cases(tmp_path / "images", tmp_path / "labels", r"([a-c])")
    assert [(case.name, case.patient, case.image.name, case.labels.name) for case in cases] == [
        ("a", "a", "a_0000.nii.gz", "a.nii.gz"),
        ("b", "b", "b.nii", "b_seg.nii.gz"),
        ("c", "c", "c.nii.gz", "c-label.nii"),
    ]
    assert alone == ("d", "e")


def test_that_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.nii", "a.nii.gz"):
        write(tmp_path / "images" / name, np.zeros((3, 4, 5), np.uint8))
    with pytest.raises(FormatError, match=r"two files for a: a\.nii and a\.nii\.gz"):
        find_cases(tmp_path / "images", tmp_path / "images")


def test_that_folders_without_a_pair_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "images" / "a.nii", np.zeros((3, 4, 5), np.uint8))
    write(tmp_path / "labels" / "b.nii", np.zeros((3, 4, 5), np.uint8))
    with pytest.raises(FormatError, match="holds 1 and labels holds 1 NIfTI files"):
        find_cases(tmp_path / "images", tmp_path / "labels")
    with pytest.raises(FormatError, match="nowhere cannot be read"):
        find_cases(tmp_path / "nowhere", tmp_path / "labels")


@given(st.integers(2, 40), st.integers(1, 3), st.floats(0, 0.9), st.floats(0, 0.5), st.integers(0, 5))
def test_that_no_patient_is_on_two_sides_and_all_cases_are_kept(
    patients: int, each: int, held_back: float, validation: float, seed: int
) -> None:
    cases = [Case(f"{p}-{n}", f"p{p}", Path("i"), Path("l")) for p in range(patients) for n in range(each)]
    parts = split(cases, held_back, validation, seed)
    again = split(cases[::-1], held_back, validation, seed)
    sides = [{case.patient for case in part} for part in (parts.training, parts.validation, parts.held_back)]
    assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2]
    assert sum(map(len, (parts.training, parts.validation, parts.held_back))) == len(cases)
    assert sides[0]
    assert sides[2]
    assert sides == [
        {case.patient for case in part} for part in (again.training, again.validation, again.held_back)
    ]


def test_that_I12_labels_on_another_grid_are_brought_over_by_position(tmp_path: Path) -> None:
    """The label file lists its rows and slices the other way round and its axes in another order."""
    labels = np.zeros((3, 4, 5), np.uint8)
    labels[0, 1, 4] = 7
    labels[2, 3, 0] = 2
    affine = GRID.patient_from_index.copy()
    turned = affine[:, [2, 0, 1, 3]].copy()
    turned[:3, 1] *= -1
    turned[:3, 3] = affine[:3, 3] + 2 * affine[:3, 0]
    swapped = labels.transpose(2, 0, 1)[:, ::-1]
    case = case_of(tmp_path, np.ascontiguousarray(swapped), VolumeGeometry((5, 3, 4), turned))
    _, found = read_case(case)
    np.testing.assert_array_equal(found, labels)


def test_that_labels_elsewhere_in_the_patient_are_refused(tmp_path: Path) -> None:
    far = GRID.patient_from_index.copy()
    far[:3, 3] = 500
    case = case_of(tmp_path, np.ones((3, 4, 5), np.uint8), VolumeGeometry((3, 4, 5), far))
    with pytest.raises(FormatError, match=r"a\.nii lies outside a\.nii"):
        read_case(case)


@pytest.mark.parametrize(
    "value,sentence",
    [(0.5, "no whole numbers"), (-3.0, "outside 0 to 65535"), (70000.0, "outside 0 to 65535")],
)
def test_that_values_that_are_no_labels_are_refused(tmp_path: Path, value: float, sentence: str) -> None:
    values = np.zeros((3, 4, 5), np.float32)
    values[1, 1, 1] = value
    with pytest.raises(FormatError, match=sentence):
        read_case(case_of(tmp_path, values))


def test_that_a_truncated_file_is_named(tmp_path: Path) -> None:
    case = case_of(tmp_path, np.ones((3, 4, 5), np.uint8))
    case.image.write_bytes(case.image.read_bytes()[:-40])
    with pytest.raises(FormatError, match=r"^a\.nii: "):
        read_case(case)


def test_that_the_unit_is_the_one_given_only_where_the_file_names_none(tmp_path: Path) -> None:
    case = case_of(tmp_path, np.ones((3, 4, 5), np.uint8))
    assert read_case(case, "HU")[0].quantity.unit == "HU"
    (case.image.with_suffix(".json")).write_text('{"unit": "SUV"}', encoding="utf-8")
    assert read_case(case, "HU")[0].quantity.unit == "SUV"


def test_that_slices_with_labels_and_as_many_without_are_learned_from() -> None:
    labels = np.zeros((20, 2, 2), np.uint8)
    labels[[3, 7, 8], 0, 0] = 1
    assert list(slices_to_learn(labels)) == [0, 3, 7, 8, 11, 19]
    assert list(slices_to_learn(np.zeros((5, 2, 2), np.uint8))) == [0]
