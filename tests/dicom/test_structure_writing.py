"""Structures written as SEG, RTSTRUCT and NIfTI, read back by this program and by others."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tests.dicom.reading import only_stack
from tests.imaging.test_contours import SQUARE, at_height
from tests.needs import library, program
from tests.phantoms import ramp_affine, write_ramp, write_series
from viewer.dicom.model import Stack
from viewer.dicom.rtstruct import read_structure_set
from viewer.dicom.seg import read_segmentation
from viewer.dicom.structure_facts import Code, SegmentIdentity
from viewer.dicom.structure_file import read_structure_file
from viewer.errors import ExportError
from viewer.imaging.contours import ContourSet
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.labelmap import Mask
from viewer.state.library import Library
from viewer.state.structure_saving import StructureForm, save_structures
from viewer.state.structures import Structure, StructureStore
from viewer.state.view import ViewState

MADE_BY_MODEL = SegmentIdentity(algorithm_type="AUTOMATIC", algorithm="A model")
CASES = ("G1", "G2", "G4", "G5", "G6", "G7", "G11")


def stack_of(folder: Path, case: str = "G1") -> Stack:
    """The images of a ramp phantom."""
    return only_stack(write_ramp(folder / case, case))


def structures_on(geometry: VolumeGeometry, seed: int = 3) -> tuple[Structure, Structure]:
    """Two overlapping structures of irregular voxels."""
    k, j, i = np.indices(geometry.shape)
    a = (k >= 1) & (k <= 3) & (j >= 1) & (j <= 4) & (i >= 2) & (i <= 5)
    rng = np.random.default_rng(seed)
    b = (k >= 1) & (k <= 3) & (rng.random(geometry.shape) < 0.4)
    frame = geometry.frame_of_reference_uid
    return (
        Structure(1, "box", (200, 30, 60), Mask.of(a, geometry), frame),
        Structure(2, "dust", (20, 130, 250), Mask.of(b, geometry), frame, identity=MADE_BY_MODEL),
    )


def dense(structure: Structure) -> np.ndarray:
    """All voxels of a structure of voxels."""
    assert isinstance(structure.body, Mask)
    return structure.body.dense()


@pytest.mark.parametrize("case", CASES)
def test_that_I01_I11_a_segmentation_comes_back_voxel_by_voxel(tmp_path: Path, case: str) -> None:
    library("highdicom")
    stack = stack_of(tmp_path, case)
    written = structures_on(stack.geometry)
    path = tmp_path / "out.dcm"
    assert save_structures(path, StructureForm.SEG, written, stack) == "2 structures saved as out.dcm."
    found = read_segmentation(path)
    assert found.frame_of_reference_uid == stack.geometry.frame_of_reference_uid
    for structure, segment in zip(written, found.segments, strict=True):
        assert np.array_equal(segment.mask.on(stack.geometry).dense(), dense(structure))
        assert segment.mask.volume_mm3 == pytest.approx(structure.volume_mm3, rel=0.01)
        assert segment.label == structure.name
        assert np.abs(np.array(segment.colour) - structure.colour).max() <= 2
    assert found.segments[0].identity.made == "MANUAL"
    assert found.segments[1].identity.made == "AUTOMATIC, A model"


def test_that_I11_highdicom_and_dciodvfy_accept_the_segmentation(tmp_path: Path) -> None:
    highdicom = library("highdicom")
    # De-identified images often have an empty trial module, which a new object must not take over.
    images = write_ramp(tmp_path / "G1", ClinicalTrialSponsorName="", ClinicalTrialProtocolID="")
    stack = only_stack(images)
    written = structures_on(stack.geometry)
    path = tmp_path / "out.dcm"
    save_structures(path, StructureForm.SEG, written, stack)
    seg = highdicom.seg.segread(path)
    for number, structure in enumerate(written, 1):
        volume = seg.get_volume(segment_numbers=[number], combine_segments=True)
        (k, j, i), affine = np.nonzero(volume.array), volume.affine
        places = np.stack([k, j, i, np.ones_like(k)], axis=1) @ np.asarray(affine).T
        expected = stack.geometry.to_patient(np.argwhere(dense(structure)))
        assert np.allclose(sorted(map(tuple, places[:, :3].round(3))), sorted(map(tuple, expected.round(3))))
    checked = subprocess.run(
        [program("dciodvfy", "dicom3tools"), path], capture_output=True, text=True, check=False
    )
    errors = [line for line in checked.stderr.splitlines() if line.startswith("Error")]
    assert errors == []


@pytest.mark.parametrize("case", CASES)
def test_that_I06_a_structure_set_of_voxels_comes_back_with_its_volume(tmp_path: Path, case: str) -> None:
    stack = stack_of(tmp_path, case)
    written = structures_on(stack.geometry)
    path = tmp_path / "rs.dcm"
    save_structures(path, StructureForm.RTSTRUCT, written, stack)
    found = read_structure_set(path)
    assert found.references.series == {pydicom.dcmread(stack.frames[0].path).SeriesInstanceUID}
    for structure, region in zip(written, found.regions, strict=True):
        assert region.contours is not None
        assert (region.name, region.colour) == (structure.name, structure.colour)
        assert np.array_equal(region.contours.mask(stack.geometry).dense(), dense(structure))
        # Uneven slices: only with the images at hand is known how far a contour reaches at the ends of a part.
        on_images = region.contours.on_slices(stack.geometry)
        assert on_images.volume_mm3 == pytest.approx(structure.volume_mm3, rel=1e-3)
        tolerance = 0.01 if stack.geometry.uniform else 0.35
        assert region.contours.volume_mm3 == pytest.approx(structure.volume_mm3, rel=tolerance)


def test_that_I06_rt_utils_reads_the_structure_set(tmp_path: Path) -> None:
    rt_utils = library("rt_utils")
    # Square images of square pixels, because it takes rows for columns.
    affine = ramp_affine()
    affine[:3, 2] *= 2
    stack = only_stack(write_series(tmp_path / "images", np.zeros((5, 12, 12), np.int16), affine))
    box, _ = structures_on(stack.geometry)
    save_structures(tmp_path / "rs.dcm", StructureForm.RTSTRUCT, [box], stack)
    read = rt_utils.RTStructBuilder.create_from(str(tmp_path / "images"), str(tmp_path / "rs.dcm"))
    assert read.get_roi_names() == ["box"]
    mask = np.moveaxis(read.get_roi_mask_by_name("box"), 2, 0)
    # It draws contours by whole pixels, edges included: at most one pixel more on each side, on the same slices.
    expected = dense(box)
    if not np.array_equal(mask.any(axis=(1, 2)), expected.any(axis=(1, 2))):
        mask = mask[::-1]
    assert np.array_equal(mask.any(axis=(1, 2)), expected.any(axis=(1, 2)))
    assert mask[expected].all()
    grown = np.pad(expected, ((0, 0), (1, 1), (1, 1)))
    near = np.any(
        [np.roll(grown, (a, b), (1, 2))[:, 1:-1, 1:-1] for a in (-1, 0, 1) for b in (-1, 0, 1)], axis=0
    )
    assert not (mask & ~near).any()


@pytest.mark.parametrize("case", ["G1", "G2", "G4", "G6"])
def test_that_I08_nifti_labels_come_back_by_simpleitk_at_their_positions(tmp_path: Path, case: str) -> None:
    sitk = library("SimpleITK")
    stack = stack_of(tmp_path, case)
    box, dust = structures_on(stack.geometry)
    said = save_structures(tmp_path / "l.nii.gz", StructureForm.NIFTI, [box, dust], stack)
    both = int(np.count_nonzero(dense(box) & dense(dust)))
    assert said == (
        f"2 structures saved as l.nii.gz: 1 box, 2 dust. {both} voxels belong to several structures; "
        "the last of them kept each."
    )
    image = sitk.ReadImage(str(tmp_path / "l.nii.gz"))
    array = sitk.GetArrayFromImage(image)
    for label, mask in ((1, dense(box) & ~dense(dust)), (2, dense(dust))):
        places = [
            image.TransformIndexToPhysicalPoint((int(i), int(j), int(k)))
            for k, j, i in np.argwhere(array == label)
        ]
        expected = stack.geometry.to_patient(np.argwhere(mask))
        assert np.allclose(
            sorted(np.round(places, 2).tolist()), sorted(np.round(expected, 2).tolist()), atol=0.02
        )


def test_that_contours_keep_their_points_in_a_structure_set_and_their_volume_in_a_segmentation(
    tmp_path: Path,
) -> None:
    library("highdicom")
    stack = stack_of(tmp_path)
    contours = ContourSet.of([at_height(SQUARE * 0.6 - (9, 19), z) for z in (-27.0, -24.0, -21.0)])
    structure = Structure(1, "square", (1, 2, 3), contours, stack.geometry.frame_of_reference_uid)
    save_structures(tmp_path / "rs.dcm", StructureForm.RTSTRUCT, [structure], stack)
    (region,) = read_structure_set(tmp_path / "rs.dcm").regions
    assert region.contours is not None
    assert region.contours.volume_mm3 == pytest.approx(contours.volume_mm3, rel=1e-6)
    save_structures(tmp_path / "seg.dcm", StructureForm.SEG, [structure], stack)
    (segment,) = read_segmentation(tmp_path / "seg.dcm").segments
    assert segment.mask.volume_mm3 == pytest.approx(contours.mask(stack.geometry).volume_mm3)


def test_that_voxels_of_another_grid_keep_it(tmp_path: Path) -> None:
    library("highdicom")
    stack = stack_of(tmp_path)
    affine = stack.geometry.patient_from_index.copy()
    affine[:3, :3] /= 2
    fine = VolumeGeometry((10, 12, 16), affine, stack.geometry.frame_of_reference_uid)
    mask = Mask.of(np.random.default_rng(1).random(fine.shape) < 0.3, fine)
    structure = Structure(1, "fine", (1, 2, 3), mask, fine.frame_of_reference_uid)
    save_structures(tmp_path / "seg.dcm", StructureForm.SEG, [structure], stack)
    (segment,) = read_segmentation(tmp_path / "seg.dcm").segments
    assert segment.mask.voxels == mask.voxels
    assert segment.mask.volume_mm3 == pytest.approx(mask.volume_mm3, rel=1e-6)


@pytest.mark.parametrize("form", list(StructureForm))
def test_that_I11_no_file_that_was_opened_is_written_over(tmp_path: Path, form: StructureForm) -> None:
    stack = stack_of(tmp_path)
    box, _ = structures_on(stack.geometry)
    before = {path: path.read_bytes() for path in (tmp_path / "G1").iterdir()}
    with pytest.raises(ExportError, match="never written over"):
        save_structures(stack.frames[2].path, form, [box], stack)
    own = tmp_path / "mine.nii.gz"
    own.write_bytes(b"mine")
    with pytest.raises(ExportError, match="never written over"):
        save_structures(own, form, [replace(box, source=own)], stack)
    assert own.read_bytes() == b"mine"
    assert {path: path.read_bytes() for path in (tmp_path / "G1").iterdir()} == before


def test_that_nothing_to_save_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    stack = stack_of(tmp_path)
    with pytest.raises(ExportError, match="no structure to save"):
        save_structures(tmp_path / "x.dcm", StructureForm.SEG, [], stack)
    outside = Mask.empty(stack.geometry)
    empty = Structure(1, "none", (1, 2, 3), outside, stack.geometry.frame_of_reference_uid)
    for form in (StructureForm.SEG, StructureForm.RTSTRUCT):
        with pytest.raises(ExportError, match="nothing was written"):
            save_structures(tmp_path / "x.dcm", form, [empty], stack)
    assert not (tmp_path / "x.dcm").exists()


LIVER = SegmentIdentity(
    Code("123037004", "SCT", "Anatomical Structure"),
    Code("10200004", "SCT", "Liver"),
    "SEMIAUTOMATIC",
    "Paint with help",
    "2.1",
    Code("123102", "DCM", "Adaptive Filtering"),
    "liver of the first visit",
    "2.25.7",
)


def test_that_I04_I11_codes_algorithm_tracking_and_colour_of_a_segmentation_are_written_again(
    tmp_path: Path,
) -> None:
    library("highdicom")
    stack = stack_of(tmp_path)
    box, dust = structures_on(stack.geometry)
    save_structures(tmp_path / "first.dcm", StructureForm.SEG, [replace(box, identity=LIVER), dust], stack)
    (first, _), found = (
        read_segmentation(tmp_path / "first.dcm").segments,
        pydicom.dcmread(tmp_path / "first.dcm"),
    )
    # As pydicom reads it: the attributes of the standard, not this program's own reading.
    item = found.SegmentSequence[0]
    assert item.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "123037004"
    assert item.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Liver"
    assert (item.SegmentAlgorithmType, item.SegmentAlgorithmName) == ("SEMIAUTOMATIC", "Paint with help")
    made = item.SegmentationAlgorithmIdentificationSequence[0]
    assert (made.AlgorithmVersion, made.AlgorithmFamilyCodeSequence[0].CodeValue) == ("2.1", "123102")
    assert (item.TrackingID, item.TrackingUID) == ("liver of the first visit", "2.25.7")
    assert first.identity == LIVER
    store = StructureStore(ViewState(Library()))
    opened = store.add_file(read_structure_file(tmp_path / "first.dcm"))
    save_structures(tmp_path / "second.dcm", StructureForm.SEG, opened, stack)
    again = pydicom.dcmread(tmp_path / "second.dcm")
    for one, other in zip(found.SegmentSequence, again.SegmentSequence, strict=True):
        # A colour passes through the screen's 8 bits on its way.
        colours = np.array([s.RecommendedDisplayCIELabValue for s in (one, other)], float)
        assert np.ptp(colours, axis=0).max() < 600
        del one.RecommendedDisplayCIELabValue, other.RecommendedDisplayCIELabValue
        assert one == other
    # A structure without codes of its own is a tissue made by hand, with an identity of its own.
    save_structures(tmp_path / "plain.dcm", StructureForm.SEG, [box], stack)
    plain = pydicom.dcmread(tmp_path / "plain.dcm").SegmentSequence[0]
    assert plain.SegmentAlgorithmType == "MANUAL"
    assert plain.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Tissue"
    assert plain.TrackingUID != item.TrackingUID


def test_that_I03_saving_says_from_which_fraction_voxels_were_counted(tmp_path: Path) -> None:
    stack = stack_of(tmp_path)
    box, dust = structures_on(stack.geometry)
    said = save_structures(
        tmp_path / "rs.dcm", StructureForm.RTSTRUCT, [replace(box, threshold=0.25), dust], stack
    )
    assert said == (
        "2 structures saved as rs.dcm. Instead of fractions the voxels counted are saved: box from 0.25."
    )


def test_that_a_missing_highdicom_is_one_sentence_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = stack_of(tmp_path)
    box, _ = structures_on(stack.geometry)
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(ExportError) as caught:
        save_structures(tmp_path / "x.dcm", StructureForm.SEG, [box], stack)
    assert caught.value.user_message == (
        "Segmentations are written with the Python package highdicom, which is not installed "
        "(pip install highdicom; it needs Python 3.13 or older). "
        "A structure set or NIfTI file needs nothing more."
    )
    assert not (tmp_path / "x.dcm").exists()
    # What it promises is true.
    save_structures(tmp_path / "x.dcm", StructureForm.RTSTRUCT, [box], stack)
    save_structures(tmp_path / "x.nii.gz", StructureForm.NIFTI, [box], stack)
