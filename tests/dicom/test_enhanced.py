"""Multi-frame objects: functional groups, detectors, and frames that are only pictures (A24, A25, A27)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, NuclearMedicineImageStorage

from tests.conftest import RealData
from tests.dicom.reading import catalogue_of, filled, only_stack, stacks_of
from tests.phantoms import ramp_affine, write_ramp, write_series
from viewer.dicom.enhanced import expand
from viewer.dicom.read import read_header


def test_that_A24_frames_of_an_enhanced_ct_are_sorted_and_rescaled(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path, "E1"))
    geometry = stack.geometry
    assert geometry.spacing_mm == pytest.approx((3, 2, 1))
    assert geometry.patient_from_index[:3, 3] == pytest.approx((-10, -20, -30))
    volume = filled(stack)
    assert volume.physical(volume.array[:, 0, 0]).tolist() == [-1000, 1000, 3000, 5000, 7000]
    assert volume.quantity.unit == "HU"


def test_that_A02_echoes_of_one_enhanced_object_become_stacks(real_data: RealData) -> None:
    catalogue = catalogue_of(real_data("mf-a"))
    labels = [stack.label for stack in stacks_of(catalogue) if stack.geometry.shape == (32, 64, 64)]
    assert len(labels) == 2
    assert len(set(labels)) == 2


def _nm(folder: Path, spacing: float, vector: list[int]) -> Path:
    """A nuclear medicine reconstruction of as many slices as the vector names, 4 x 5 pixels."""
    frames = np.stack([np.full((4, 5), 10 * (n + 1), np.uint16) for n in range(len(vector))])
    write_series(folder, frames[:1], ramp_affine(), modality="NM", SOPClassUID=NuclearMedicineImageStorage)
    path = next(folder.iterdir())
    dataset = pydicom.dcmread(path)
    detector = Dataset()
    detector.ImagePositionPatient = [-10, -20, -30]
    detector.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.DetectorInformationSequence = Sequence([detector])
    dataset.NumberOfFrames = len(vector)
    dataset.SliceVector = vector
    dataset.SpacingBetweenSlices = spacing
    dataset.PixelData = frames.tobytes()
    del dataset.ImagePositionPatient, dataset.ImageOrientationPatient
    dataset.save_as(path)
    return folder


@pytest.mark.parametrize("spacing, first_value, origin", [(4.0, 10, -30.0), (-4.0, 30, -38.0)])
def test_that_A25_nuclear_medicine_slices_follow_their_vector(
    spacing: float, first_value: int, origin: float, tmp_path: Path
) -> None:
    stack = only_stack(_nm(tmp_path, spacing, [1, 2, 3]))
    assert stack.geometry.spacing_mm[0] == pytest.approx(4.0)
    assert stack.geometry.patient_from_index[2, 3] == pytest.approx(origin)
    assert filled(stack).array[0, 0, 0] == first_value


def test_that_A25_without_a_vector_nuclear_medicine_is_a_run_of_pictures(tmp_path: Path) -> None:
    folder = _nm(tmp_path, 4.0, [1, 2, 3])
    path = next(folder.iterdir())
    dataset = pydicom.dcmread(path)
    del dataset.SliceVector
    dataset.save_as(path)
    stack = only_stack(folder)
    assert stack.geometry.shape == (3, 4, 5)
    assert not stack.multiplanar


def test_that_other_multi_frame_files_are_runs_of_pictures(real_data: RealData) -> None:
    path = real_data("zoo-a") / "multiframe-encap" / "IM00001.implicit_little_endian.dcm"
    headers = expand(read_header(path))
    assert [header.frame for header in headers] == list(range(8))
    assert all(header.position_mm is None for header in headers)


def test_that_damaged_functional_groups_are_one_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ramp(tmp_path, "E1")

    def broken(*_: Any) -> None:
        raise ValueError("private text")

    monkeypatch.setattr("viewer.dicom.enhanced._frame_values", broken)
    catalogue = catalogue_of(tmp_path)
    assert len(catalogue.problems) == 1
    assert "private text" not in catalogue.problems[0].reason
    assert not stacks_of(catalogue)


def test_that_A27_a_concatenation_is_one_volume(tmp_path: Path) -> None:
    write_ramp(tmp_path, "E1")
    path = next(tmp_path.iterdir())
    whole = pydicom.dcmread(path)
    frames = whole.pixel_array
    groups = list(whole.PerFrameFunctionalGroupsSequence)
    for part, chosen in enumerate(([0, 1], [2, 3, 4])):
        piece = pydicom.dcmread(path)
        piece.SOPInstanceUID = piece.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.{part + 1}")
        piece.ConcatenationUID = "1.2.9"
        piece.NumberOfFrames = len(chosen)
        piece.PerFrameFunctionalGroupsSequence = Sequence([groups[n] for n in chosen])
        piece.PixelData = frames[chosen].tobytes()
        piece.save_as(tmp_path / f"part{part}.dcm")
    path.unlink()
    volume = filled(only_stack(tmp_path))
    assert volume.physical(volume.array[:, 0, 0]).tolist() == [-1000, 1000, 3000, 5000, 7000]


def _groups(path: Path) -> tuple[pydicom.Dataset, Any, Any]:
    """A data set of E1 with its shared group and its per-frame groups, stored in the order 3, 0, 4, 1, 2."""
    dataset = pydicom.dcmread(path)
    return dataset, dataset.SharedFunctionalGroupsSequence[0], dataset.PerFrameFunctionalGroupsSequence


def _rescale(slope: float, intercept: float) -> Sequence:
    item = Dataset()
    item.RescaleSlope, item.RescaleIntercept, item.RescaleType = slope, intercept, "HU"
    return Sequence([item])


def test_that_A24_a_frame_group_comes_before_the_shared_one_and_that_before_the_file(tmp_path: Path) -> None:
    path = next(write_ramp(tmp_path, "E1").iterdir())
    dataset, shared, frames = _groups(path)
    dataset.RescaleSlope, dataset.RescaleIntercept = 1000, 1000
    shared.PixelValueTransformationSequence = _rescale(7, 50)
    # Slices 3 and 0 keep a rescale of their own, 2 and -1000; the others fall back to the shared one.
    for frame in frames[2:]:
        del frame.PixelValueTransformationSequence
    dataset.save_as(path)
    volume = filled(only_stack(tmp_path))
    physical = volume.physical(volume.array[:, 0, 0])
    assert physical.tolist() == [0 * 2 - 1000, 1000 * 7 + 50, 2000 * 7 + 50, 3000 * 2 - 1000, 4000 * 7 + 50]


def test_that_A24_geometry_of_the_frames_comes_before_shared_geometry(tmp_path: Path) -> None:
    path = next(write_ramp(tmp_path, "E1").iterdir())
    dataset, shared, frames = _groups(path)
    for frame in frames:
        frame.PlaneOrientationSequence = shared.PlaneOrientationSequence
        frame.PixelMeasuresSequence = shared.PixelMeasuresSequence
    wrong = Dataset()
    wrong.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    shared.PlaneOrientationSequence = Sequence([wrong])
    wrong = Dataset()
    wrong.PixelSpacing, wrong.SliceThickness = [9, 9], 9
    shared.PixelMeasuresSequence = Sequence([wrong])
    wrong = Dataset()
    wrong.ImagePositionPatient = [500, 500, 500]
    shared.PlanePositionSequence = Sequence([wrong])
    dataset.ImagePositionPatient, dataset.PixelSpacing = [700, 700, 700], [8, 8]
    dataset.save_as(path)
    stack = only_stack(tmp_path)
    assert stack.geometry.patient_from_index == pytest.approx(ramp_affine("G1"))
    assert stack.report.thickness_mm == 5


def test_that_A24_geometry_may_be_shared(tmp_path: Path) -> None:
    path = next(write_ramp(tmp_path, "E1").iterdir())
    dataset, shared, frames = _groups(path)
    # Everything in the shared group but the position, which five slices cannot share.
    shared.PixelValueTransformationSequence = frames[0].PixelValueTransformationSequence
    for frame in frames:
        del frame.PixelValueTransformationSequence
    dataset.save_as(path)
    stack = only_stack(tmp_path)
    assert stack.geometry.patient_from_index == pytest.approx(ramp_affine("G1"))
    volume = filled(stack)
    assert volume.physical(volume.array[:, 0, 0]).tolist() == [-1000, 1000, 3000, 5000, 7000]


def test_that_A24_a_position_that_is_shared_belongs_to_a_single_slice(tmp_path: Path) -> None:
    path = next(write_ramp(tmp_path, "E1").iterdir())
    dataset, shared, frames = _groups(path)
    shared.PlanePositionSequence = frames[0].PlanePositionSequence
    first = frames[0]
    del first.PlanePositionSequence
    dataset.PerFrameFunctionalGroupsSequence = Sequence([first])
    dataset.NumberOfFrames = 1
    dataset.PixelData = dataset.PixelData[:96]
    dataset.save_as(path)
    stack = only_stack(tmp_path)
    assert stack.geometry.shape == (1, 6, 8)
    assert stack.geometry.patient_from_index[:3, 3] == pytest.approx((-10, -20, -21))


def test_that_A24_the_window_of_the_frames_comes_before_the_shared_one(tmp_path: Path) -> None:
    path = next(write_ramp(tmp_path, "E1").iterdir())
    dataset, _, frames = _groups(path)
    window = Dataset()
    window.WindowCenter, window.WindowWidth = 40, 80
    for frame in frames:
        frame.FrameVOILUTSequence = Sequence([window])
    dataset.save_as(path)
    (found,) = only_stack(tmp_path).windows
    assert (found.center, found.width) == (40, 80)
