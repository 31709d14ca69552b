"""NIfTI volumes on a DICOM study: placed by their grid, never by their indices (rule I09)."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
import pytest

from tests.conftest import RealData
from tests.formats.volumes import all_series, catalogue_of, events_of, opened, the_volume, value_at
from tests.phantoms import ramp_array, write_ramp
from viewer.dicom.model import Catalogue, Stack
from viewer.loading.cache import VolumeCache
from viewer.loading.cancel import CancelToken
from viewer.loading.events import GeometryReady, Indexed, ThumbnailReady
from viewer.loading.pipeline import load_stack

SHIFT_MM = 0.5


def g1_affine_ras() -> npt.NDArray[np.float64]:
    """G1 as a converter writes it: rows counted from the other end. i, j, k -> RAS (10 - i, 10 + 2 j, -30 + 3 k)."""
    return np.array([[-1.0, 0, 0, 10], [0, 2, 0, 10], [0, 0, 3, -30], [0, 0, 0, 1]])


def write_g1(path: Path, shift_mm: float = 0.0) -> Path:
    data = ramp_array()[:, ::-1, :].T
    affine = g1_affine_ras()
    affine[0, 3] += shift_mm
    image = nibabel.Nifti1Image(np.ascontiguousarray(data), affine, dtype=np.int16)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    nibabel.save(image, path)
    return path


def write_labels(path: Path) -> Path:
    labels = (ramp_array()[:, ::-1, :].T > 2000).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(labels, g1_affine_ras()), path)
    return path


def stack_called(name: str, catalogue: Catalogue) -> Stack:
    return all_series(catalogue)[name].stacks[0]


def test_that_I09_the_voxel_of_the_published_example_is_where_the_dicom_series_has_it(tmp_path: Path) -> None:
    volume = the_volume(write_g1(tmp_path / "g1.nii.gz"))
    index = volume.geometry.to_index((-8.0, -12.0, -21.0))
    assert np.allclose(index, (3, 1, 2))
    assert value_at(volume, (-8.0, -12.0, -21.0)) == 3420
    write_ramp(tmp_path / "dicom")
    catalogue = catalogue_of(tmp_path / "dicom")
    (series,) = all_series(catalogue).values()
    dicom, _ = opened(series.stacks[0], catalogue)
    assert np.allclose(dicom.geometry.to_index((-8.0, -12.0, -21.0)), (3, 4, 2))
    assert value_at(dicom, (-8.0, -12.0, -21.0)) == 3420


def test_that_I09_a_volume_with_the_grid_of_an_open_series_takes_its_frame_of_reference(
    tmp_path: Path,
) -> None:
    write_ramp(tmp_path / "dicom")
    known = catalogue_of(tmp_path / "dicom")
    (series,) = all_series(known).values()
    catalogue = catalogue_of(write_g1(tmp_path / "g1.nii.gz"), known=known)
    assert len(catalogue.studies) == 2
    stack = stack_called("g1", catalogue)
    frame = series.stacks[0].geometry.frame_of_reference_uid
    assert frame
    assert stack.geometry.frame_of_reference_uid == frame
    assert all_series(catalogue)["g1"].frame_of_reference_uid == frame
    assert not stack.warnings


def test_that_I09_a_volume_with_another_grid_keeps_its_own_place_and_says_so(tmp_path: Path) -> None:
    write_ramp(tmp_path / "dicom")
    known = catalogue_of(tmp_path / "dicom")
    catalogue = catalogue_of(write_g1(tmp_path / "g1.nii.gz", SHIFT_MM), known=known)
    stack = stack_called("g1", catalogue)
    assert stack.geometry.frame_of_reference_uid == ""
    assert "geometry differs" in " ".join(stack.warnings)
    volume, _ = opened(stack, catalogue)
    # RAS x grew by the shift, so LPS x shrank by it.
    assert value_at(volume, (-8.0 - SHIFT_MM, -12.0, -21.0)) == 3420


def test_that_a_volume_alone_has_nothing_to_differ_from(tmp_path: Path) -> None:
    stack = stack_called("g1", catalogue_of(write_g1(tmp_path / "g1.nii.gz")))
    assert stack.geometry.frame_of_reference_uid == ""
    assert not stack.warnings


def test_that_I09_volumes_of_one_folder_and_one_grid_share_a_space_and_those_of_two_folders_do_not(
    tmp_path: Path,
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    write_g1(tmp_path / "one" / "scan.nii.gz")
    write_labels(tmp_path / "one" / "liver_seg.nii.gz")
    write_g1(tmp_path / "one" / "moved.nii.gz", SHIFT_MM)
    write_g1(tmp_path / "two" / "other.nii.gz")
    catalogue = catalogue_of(tmp_path)
    frames = {name: s.stacks[0].geometry.frame_of_reference_uid for name, s in all_series(catalogue).items()}
    assert frames["scan"] == frames["liver_seg"] != ""
    assert frames["moved"] == frames["other"] == ""


def test_that_a_scan_opens_before_its_labels_and_dicom_before_both(tmp_path: Path) -> None:
    write_g1(tmp_path / "scan.nii.gz")
    write_labels(tmp_path / "a_seg.nii.gz")
    (ready,) = (e for e in events_of([tmp_path]) if isinstance(e, GeometryReady))
    assert ready.series.description == "scan"
    write_ramp(tmp_path / "dicom", modality="MR")
    (ready,) = (e for e in events_of([tmp_path]) if isinstance(e, GeometryReady))
    assert ready.series.modality == "MR"
    assert len([e for e in events_of([tmp_path]) if isinstance(e, ThumbnailReady)]) == 3


def test_that_labels_opened_by_name_on_an_open_study_are_shown(tmp_path: Path) -> None:
    write_ramp(tmp_path / "dicom")
    known = catalogue_of(tmp_path / "dicom")
    path = write_labels(tmp_path / "liver_seg.nii.gz")
    (ready,) = (e for e in events_of([path], known=known) if isinstance(e, GeometryReady))
    assert ready.series.modality == "SEG"
    assert ready.volume.quantity.is_label
    (alone,) = (e for e in events_of([path]) if isinstance(e, GeometryReady))
    assert alone.volume.quantity.is_label


def test_that_what_was_open_stays_when_more_is_opened(tmp_path: Path) -> None:
    path = write_g1(tmp_path / "g1.nii.gz")
    known = catalogue_of(path)
    write_ramp(tmp_path / "dicom")
    catalogue = catalogue_of(tmp_path / "dicom", known=known)
    stack = stack_called("g1", catalogue)
    assert stack.uid == stack_called("g1", known).uid
    # Now there is a series with its grid, so a picture kept from before must not be shown as unregistered.
    assert stack.geometry.frame_of_reference_uid
    cache = VolumeCache(1 << 20)
    for origin in (known, catalogue):
        study = next(s for s in origin.studies if s.series[0].description == "g1")
        series = study.series[0]
        events = list(load_stack(series.stacks[0], series, study, cancel=CancelToken(), cache=cache))
        (ready,) = (event for event in events if isinstance(event, GeometryReady))
        assert ready.volume.geometry.frame_of_reference_uid == series.frame_of_reference_uid


def test_that_a_volume_in_an_archive_is_found_under_its_own_name(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    write_g1(folder / "scan.nii.gz")
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "study")
    catalogue = catalogue_of(tmp_path / "packed.zip")
    assert catalogue.studies[0].description == "study"
    volume, problems = opened(stack_called("scan", catalogue), catalogue)
    assert not problems
    assert value_at(volume, (-8.0, -12.0, -21.0)) == 3420


def test_that_a_damaged_volume_among_others_is_one_problem(tmp_path: Path) -> None:
    write_g1(tmp_path / "good.nii.gz")
    (tmp_path / "bad.nii.gz").write_bytes(gzip.compress(b"nothing"))
    (tmp_path / "cut.nii").write_bytes(gzip.decompress((tmp_path / "good.nii.gz").read_bytes())[:-1])
    catalogue = catalogue_of(tmp_path)
    assert set(all_series(catalogue)) == {"good"}
    assert sorted(problem.file.rsplit("/", 1)[-1] for problem in catalogue.problems) == [
        "bad.nii.gz",
        "cut.nii",
    ]
    assert all(problem.reason[0].isupper() for problem in catalogue.problems)


def test_that_no_event_before_the_last_says_a_catalogue_is_complete(tmp_path: Path) -> None:
    write_g1(tmp_path / "g1.nii.gz")
    indexed = [e for e in events_of([tmp_path]) if isinstance(e, Indexed)]
    assert [e.complete for e in indexed].count(True) == 1
    assert indexed[-1].complete
    assert indexed[-1].catalogue.files_seen == 1
    assert indexed[-1].catalogue.not_dicom == 0


# --- Real pairs of DICOM and NIfTI -------------------------------------------------------------------------------


def test_that_I09_labels_made_from_a_real_ct_lie_on_it_and_resampled_ones_do_not(real_data: RealData) -> None:
    catalogue = catalogue_of(real_data("nifti-orient") / "totalseg")
    ct = next(s for s in all_series(catalogue).values() if s.modality == "CT").stacks[0]
    on_it = stack_called("example_seg_dicom", catalogue)
    assert on_it.geometry.frame_of_reference_uid == ct.geometry.frame_of_reference_uid != ""
    assert not on_it.warnings
    labels, _ = opened(on_it, catalogue)
    image = nibabel.load(real_data("nifti-orient") / "totalseg" / "example_seg_dicom.nii.gz")
    data = np.asarray(image.dataobj)
    inside = np.argwhere(data > 0)
    for i, j, k in inside[:: max(1, len(inside) // 50)]:
        ras = image.affine @ (i, j, k, 1)
        point = np.array([-ras[0], -ras[1], ras[2]])
        assert value_at(labels, point) == data[i, j, k]
        there = ct.geometry.to_index(point)
        assert np.abs(there - np.rint(there)).max() < 0.01
    for name in ("example_ct_sm", "example_seg"):
        other = stack_called(name, catalogue)
        assert "geometry differs" in " ".join(other.warnings)
        assert other.geometry.frame_of_reference_uid != ct.geometry.frame_of_reference_uid


def test_that_I09_each_real_scan_finds_its_own_series_among_nine(real_data: RealData) -> None:
    catalogue = catalogue_of(real_data("sts-a"))
    matched = 0
    for series in all_series(catalogue).values():
        if series.stacks and series.stacks[0].source is not None and series.modality == "OT":
            twins = [
                other
                for study in catalogue.studies
                for other in study.series
                if other.stacks
                and other.stacks[0].source is None
                and other.stacks[0].geometry.frame_of_reference_uid == series.frame_of_reference_uid
                and other.stacks[0].geometry.shape == series.stacks[0].geometry.shape
            ]
            words = series.description.split("_")[0].replace("PET", "PT")
            assert words in {twin.modality for twin in twins}, series.description
            matched += 1
    assert matched >= 3


@pytest.mark.skipif(shutil.which("dcm2niix") is None, reason="dcm2niix is missing")
def test_that_I09_what_a_converter_makes_of_the_phantom_lies_on_the_phantom(tmp_path: Path) -> None:
    write_ramp(tmp_path / "dicom")
    program = shutil.which("dcm2niix")
    assert program is not None
    subprocess.run(
        [program, "-b", "n", "-z", "n", "-f", "made", "-o", tmp_path, tmp_path / "dicom"],
        check=True,
        capture_output=True,
    )
    known = catalogue_of(tmp_path / "dicom")
    catalogue = catalogue_of(tmp_path / "made.nii", known=known)
    stack = stack_called("made", catalogue)
    assert not stack.warnings
    assert stack.geometry.frame_of_reference_uid
    volume, _ = opened(stack, catalogue)
    assert value_at(volume, (-8.0, -12.0, -21.0)) == 3420


@pytest.mark.parametrize("order", ["RAS", "LPS", "LAS", "PIR", "SRA", "AIL"])
def test_that_A22_thumbnails_are_turned_as_panes_show_them(order: str, real_data: RealData) -> None:
    folder = real_data("nifti-orient") / "nifti_space"
    (made,) = (e for e in events_of([folder / f"{order}.nii.gz"]) if isinstance(e, ThumbnailReady))
    # Radiological: the nearest plane's right is L or P, its down P or the feet.
    image = nibabel.load(folder / f"{order}.nii.gz")
    down_right = {"S": "PL", "I": "PL", "A": "IL", "P": "IL", "L": "IP", "R": "IP"}[order[2]]
    axes = nibabel.orientations.axcodes2ornt(down_right + order[2])
    turned = image.as_reoriented(
        nibabel.orientations.ornt_transform(nibabel.orientations.io_orientation(image.affine), axes)
    )
    wanted = np.asarray(turned.dataobj)[:, :, turned.shape[2] // 2]
    height, width = made.image.shape
    j = ((np.arange(height) + 0.5) * wanted.shape[0] / height).astype(int)
    i = ((np.arange(width) + 0.5) * wanted.shape[1] / width).astype(int)
    assert np.corrcoef(wanted[j][:, i].ravel(), made.image.ravel())[0, 1] > 0.95
