"""DICOM segmentations: the boxes of the specification, real objects of other programs, and damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest

from tests.conftest import RealData, Reference
from tests.dicom.structures import source_images, write_seg
from tests.phantoms import write_ramp
from viewer.dicom.seg import Segmentation, read_segmentation
from viewer.dicom.structure_facts import lab_of_rgb, rgb_of_lab
from viewer.errors import ViewerError


@pytest.fixture
def ramp(tmp_path: Path) -> list[pydicom.Dataset]:
    """The images of the ramp phantom, by position."""
    return source_images(write_ramp(tmp_path / "ramp"))


def boxes() -> npt.NDArray[np.uint8]:
    """The overlapping boxes A and B of the specification, (k, j, i, segment)."""
    masks = np.zeros((5, 6, 8, 2), np.uint8)
    masks[1:4, 1:5, 2:6, 0] = 1
    masks[2:5, 3:6, 4:8, 1] = 1
    return masks


def put_on_ramp(found: Segmentation, n: int) -> npt.NDArray[np.bool_]:
    """Voxels of a segment on the ramp, by their LPS position (origin -10, -20, -30; pitch 1, 2, 3 mm)."""
    result = np.zeros((5, 6, 8), bool)
    mask = found.segments[n].mask
    places = mask.geometry.to_patient(np.argwhere(mask.dense()))
    index = np.rint((places - [-10, -20, -30]) / [1, 2, 3]).astype(int)
    result[index[:, 2], index[:, 1], index[:, 0]] = True
    return result


def test_that_I01_I02_overlapping_segments_have_the_volumes_of_the_specification(
    ramp: list[pydicom.Dataset], tmp_path: Path
) -> None:
    path = write_seg(tmp_path / "s1.dcm", ramp, boxes())
    assert len(pydicom.dcmread(path).PixelData) == 36  # six frames of 48 bits, none padded
    found = read_segmentation(path)
    a, b = found.segments
    assert (a.mask.voxels, b.mask.voxels) == (48, 36)
    assert a.mask.volume_mm3 == pytest.approx(288)
    assert b.mask.volume_mm3 == pytest.approx(216)
    assert a.mask.geometry.shape[0] == 4  # the empty slice at the bottom is not there
    for n in (0, 1):
        assert np.array_equal(put_on_ramp(found, n), boxes()[..., n].astype(bool))
    assert np.count_nonzero(put_on_ramp(found, 0) & put_on_ramp(found, 1)) == 8


def test_that_I03_fractions_count_from_one_half_and_are_weighted(
    ramp: list[pydicom.Dataset], tmp_path: Path
) -> None:
    masks = np.zeros((5, 6, 8, 1), np.float32)
    masks[2, 2, 2], masks[2, 2, 3], masks[2, 3, 3] = 1.0, 0.5, 0.25
    path = write_seg(tmp_path / "s2.dcm", ramp, masks, "FRACTIONAL", max_fractional_value=255)
    (segment,) = read_segmentation(path).segments
    assert segment.mask.volume_mm3 == pytest.approx(12)
    # Stored as 255, 128 and 64, so a little more than 1 + 0.5 + 0.25 voxels of 6 mm3.
    assert segment.weighted_mm3 == pytest.approx(6 * (255 + 128 + 64) / 255)
    assert segment.weighted_mm3 == pytest.approx(10.5, abs=0.05)
    assert segment.at(0.2).voxels == 3
    assert segment.at(0.9).voxels == 1
    assert segment.fraction is not None
    assert segment.fraction.meaning == "PROBABILITY"


def test_that_I03_a_label_map_is_read_by_its_values(ramp: list[pydicom.Dataset], tmp_path: Path) -> None:
    labels = np.zeros((5, 6, 8), np.uint8)
    labels[1:4, 1:5, 2:6] = 1
    labels[4, 3:6, 4:8] = 2
    found = read_segmentation(write_seg(tmp_path / "map.dcm", ramp, labels, "LABELMAP"))
    assert found.kind == "LABELMAP"
    assert [segment.mask.voxels for segment in found.segments] == [48, 12]
    assert np.array_equal(put_on_ramp(found, 1), labels == 2)


def test_that_I01_frames_in_any_order_go_to_their_positions(
    ramp: list[pydicom.Dataset], tmp_path: Path
) -> None:
    dataset = pydicom.dcmread(write_seg(tmp_path / "s1.dcm", ramp, boxes()))
    bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little").reshape(6, 48)
    order = [4, 0, 5, 2, 1, 3]
    dataset.PixelData = np.packbits(bits[order], bitorder="little").tobytes()
    frames = list(dataset.PerFrameFunctionalGroupsSequence)
    dataset.PerFrameFunctionalGroupsSequence = [frames[n] for n in order]
    dataset.save_as(tmp_path / "mixed.dcm")
    found = read_segmentation(tmp_path / "mixed.dcm")
    for n in (0, 1):
        assert np.array_equal(put_on_ramp(found, n), boxes()[..., n].astype(bool))


def test_that_I04_colour_and_codes_of_a_segment_are_those_of_the_file(
    ramp: list[pydicom.Dataset], tmp_path: Path
) -> None:
    first, second = read_segmentation(write_seg(tmp_path / "s1.dcm", ramp, boxes())).segments
    assert np.abs(np.array(first.colour) - (200, 30, 60)).max() <= 2
    assert np.abs(np.array(second.colour) - (200, 130, 60)).max() <= 2
    assert (first.label, first.identity.type.meaning, first.identity.category.value) == (
        "part 1",
        "Liver",
        "85756007",
    )
    assert first.identity.made == "MANUAL"


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (12, 200, 90), (3, 7, 250)])
def test_that_I04_a_colour_survives_the_header(colour: tuple[int, int, int]) -> None:
    assert np.abs(np.array(rgb_of_lab(lab_of_rgb(colour))) - colour).max() <= 1


def test_that_I04_white_and_red_have_their_published_cielab_values() -> None:
    # sRGB white is (100, 0, 0), red (53.24, 80.09, 67.20) under D65.
    assert np.allclose(lab_of_rgb((255, 255, 255)), (65535, 128 * 257, 128 * 257), atol=15)
    red = np.array(lab_of_rgb((255, 0, 0))) * [100 / 65535, 255 / 65535, 255 / 65535] - [0, 128, 128]
    assert np.allclose(red, (53.24, 80.09, 67.20), atol=0.05)


def test_that_I01_I02_I03_real_segmentations_have_the_voxels_that_another_program_counted(
    real_data: RealData, reference: Reference
) -> None:
    expected: dict[str, Any] = reference("volumes")
    compared = 0
    for name, values in expected.items():
        if not name.startswith("SEG ") or "segments" not in values or "/seg_image_sm_" in name:
            continue
        folder, _, file = name[4:].partition("/")
        found = {f"{s.number}:{s.label}": s for s in read_segmentation(real_data(folder) / file).segments}
        assert found.keys() == values["segments"].keys(), name
        for label, counted in values["segments"].items():
            # The reference counts every fraction above nothing.
            mask = found[label].at(1e-9) if values["type"] == "FRACTIONAL" else found[label].mask
            assert mask.voxels == counted["voxels"], (name, label)
            # It takes the declared spacing, which is rounded in one file.
            assert mask.volume_mm3 == pytest.approx(counted["mm3"], rel=1e-5, abs=0.06), (name, label)
            compared += 1
    assert compared == 21


def test_that_I01_a_sparse_label_map_keeps_the_slice_that_is_missing(real_data: RealData) -> None:
    for name in ("sparse-labelmap-noppv.dcm", "sparse-labelmap-ppv5.dcm"):
        (liver,) = read_segmentation(real_data("seg-small") / "dcmqi" / name).segments
        assert liver.label == "Liver"
        assert liver.mask.geometry.shape == (3, 38, 24)
        assert not liver.mask.dense()[1].any()
        assert liver.mask.voxels == 630


@pytest.mark.parametrize(
    "name, reason",
    [
        ("seg_image_sm_dots.dcm", "microscope slide"),
        ("seg_image_cr_binary.dcm", "no position in the patient"),
    ],
)
def test_that_J47_what_has_no_place_in_the_patient_is_said(
    real_data: RealData, name: str, reason: str
) -> None:
    with pytest.raises(ViewerError, match=reason):
        read_segmentation(real_data("seg-small") / "highdicom" / name)


def test_that_J05_a_segmentation_cut_short_is_one_sentence(
    ramp: list[pydicom.Dataset], tmp_path: Path
) -> None:
    data = write_seg(tmp_path / "s1.dcm", ramp, boxes()).read_bytes()
    for share in (0.2, 0.5, 0.8, 0.95):
        path = tmp_path / f"cut-{share}.dcm"
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(ViewerError):
            read_segmentation(path)
