"""Lesions as DICOM: valid by an independent checker, and other programs find the same voxels and numbers (rule G09)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from tests.dicom.reading import catalogue_of, filled
from tests.needs import library, program
from tests.phantoms import write_pet
from tests.state.pet_study import HOT, point_of, show
from viewer.dicom.structured_report import read_report
from viewer.errors import ExportError
from viewer.imaging.lesion import Drawing
from viewer.imaging.uptake import Threshold, ThresholdKind
from viewer.imaging.voi import Sphere
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer
from viewer.state.lesion_report import write_dicom
from viewer.state.lesions import Lesions, Measured
from viewer.state.library import Library, OpenVolume
from viewer.state.suv_edit import show_kind
from viewer.state.view import ViewState

SHAPE = (9, 20, 22)
SPACING_MM = (5.0, 4.0, 3.0)


def measured_of(store: Lesions, item: OpenVolume) -> list[Measured]:
    return [store.measured(lesion) for lesion in store.of(item.volume.uid)]


def errors_of(path: Path) -> list[str]:
    done = subprocess.run(
        [program("dciodvfy", "dicom3tools"), str(path)], capture_output=True, text=True, check=False
    )
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]


@pytest.fixture
def opened(tmp_path: Path) -> tuple[Lesions, OpenVolume, ViewState]:
    """A PET of two balls, read from DICOM files whose clinical trial is only half there."""
    library("highdicom")
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = *SPACING_MM, 1.0
    index = np.moveaxis(np.indices(SHAPE), 0, -1)
    suv = np.ones(SHAPE)
    for middle, value in (((3, 8, 7), 6.0), ((6, 12, 15), 4.0)):
        suv[np.linalg.norm((index - middle) * SPACING_MM, axis=-1) <= 11] = value
    folder = write_pet(
        tmp_path / "pet",
        suv=suv,
        affine=affine,
        slopes=(2.0, 3.0),
        ClinicalTrialSponsorName="",
        SpecificCharacterSet="ISO_IR 100",
        PatientName="Müller^Jörg",
    )
    catalogue = catalogue_of(folder)
    (study,) = catalogue.studies
    (series,) = study.series
    (stack,) = series.stacks
    item = OpenVolume(filled(stack), stack, series, study)
    view = ViewState(Library())
    view.library.set_catalogue(catalogue)
    view.library.add(item)
    view.show(ImageLayer(item.volume.uid, Window.from_bounds(0, 7)))
    return view.work.of(Lesions), item, view


def test_that_words_that_the_images_could_not_hold_are_written_all_the_same(
    opened: tuple[Lesions, OpenVolume, ViewState], tmp_path: Path
) -> None:
    store, item, _ = opened
    lesion = store.grow(None, item.volume.geometry.to_patient([3.0, 8.0, 7.0]))
    assert lesion is not None
    store.change(lesion.uid, "Rename", name="Узел 左")
    store.set_threshold(lesion.uid, Threshold(ThresholdKind.FIXED, 2.5, "SUV"))
    target = tmp_path / "words.dcm"
    segmentation = write_dicom(measured_of(store, item), item, target)
    for path in (target, segmentation):
        assert str(dcmread(path).PatientName) == "Müller^Jörg"
        assert errors_of(path) == []
    report = read_report(target)
    assert report is not None
    assert report.groups[0].tracking_id == "Узел 左"
    assert "Threshold: ≥ 2.50 SUV" in report.groups[0].comments
    assert dcmread(segmentation).SegmentSequence[0].SegmentLabel == "Узел 左"


def made(store: Lesions, item: OpenVolume) -> None:
    for index in ((3, 8, 7), (6, 12, 15)):
        assert store.grow(None, item.volume.geometry.to_patient(np.array(index, dtype=float))) is not None
    x, y, z = item.volume.geometry.to_patient([7.0, 4.0, 4.0]).tolist()
    whole = Drawing(Sphere((x, y, z), 9.0), Threshold(ThresholdKind.WHOLE))
    assert store.add(item, whole, liver=True) is not None


def test_that_G09_segmentation_and_report_are_valid_and_hold_voxels_and_numbers(
    opened: tuple[Lesions, OpenVolume, ViewState], tmp_path: Path
) -> None:
    store, item, _ = opened
    made(store, item)
    target = tmp_path / "lesions.dcm"
    segmentation = write_dicom(measured_of(store, item), item, target)
    assert errors_of(segmentation) == []
    assert errors_of(target) == []
    # The voxels, read by pydicom and placed by the positions of the frames.
    found = dcmread(segmentation)
    pixels = found.pixel_array
    measured = [store.measured(lesion) for lesion in store.of(item.volume.uid)]
    masks = np.zeros((3, *SHAPE), bool)
    for layer, frame in zip(pixels, found.PerFrameFunctionalGroupsSequence, strict=True):
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        position = [float(part) for part in frame.PlanePositionSequence[0].ImagePositionPatient]
        k = round(float(item.volume.geometry.to_index(position)[0]))
        masks[number - 1, k] = layer
        # Every frame names the image it was made on.
        (derived,) = frame.DerivationImageSequence[0].SourceImageSequence
        assert derived.ReferencedSOPInstanceUID == item.stack.frames[k].sop_instance_uid
    for mask, one in zip(masks, measured, strict=True):
        assert one.region is not None
        assert np.array_equal(mask, one.region.full(SHAPE))
    labels = [segment.SegmentLabel for segment in found.SegmentSequence]
    assert labels == ["L1", "L2", "Liver"]
    assert [segment.TrackingUID for segment in found.SegmentSequence] == [one.lesion.uid for one in measured]
    report = read_report(target)
    assert report is not None
    for group, one in zip(report.groups, measured, strict=True):
        uptake = one.uptake
        assert uptake is not None
        assert (group.tracking_uid, group.tracking_id) == (one.lesion.uid, one.lesion.name)
        assert group.segment is not None
        assert group.segment.segmentation.sop_instance_uid == found.SOPInstanceUID
        values = {
            (value.name.meaning, value.derivation.meaning if value.derivation else ""): value
            for value in group.values
        }
        assert values["SUVbw", "Maximum"].value == uptake.max
        assert values["SUVbw", "Mean"].value == uptake.mean
        assert values["SUVbw", "Standard Deviation"].value == uptake.sd
        assert values["SUVbw", "Peak Value Within ROI"].value == uptake.peak
        assert values["SUVbw", "Maximum"].unit.value == "{SUVbw}g/ml"
        if one.lesion.liver:
            assert values["Volume", ""].value == uptake.volume_ml
            assert ("Total Lesion Glycolysis", "") not in values
        else:
            assert values["Metabolic Volume", ""].value == uptake.volume_ml
            assert values["Total Lesion Glycolysis", ""].value == uptake.glycolysis
            assert "Threshold: 41 % of max" in group.comments
        assert any(comment.startswith("Uptake time: ") for comment in group.comments)


def test_that_a_report_names_the_quantity_it_is_in(
    opened: tuple[Lesions, OpenVolume, ViewState], tmp_path: Path
) -> None:
    store, item, view = opened
    made(store, item)
    show_kind(view.library, item.volume.uid, "lbmjanma")
    current = view.library.get(item.volume.uid)
    assert current is not None
    target = tmp_path / "lean.dcm"
    write_dicom(measured_of(store, current), current, target)
    assert errors_of(target) == []
    report = read_report(target)
    assert report is not None
    assert {value.name.meaning for value in report.groups[0].values} == {
        "SUVlbm(Janma)",
        "Metabolic Volume",
        "Total Lesion Glycolysis",
    }


def test_that_images_are_never_written_over_and_other_series_are_refused(
    opened: tuple[Lesions, OpenVolume, ViewState], tmp_path: Path
) -> None:
    store, item, _ = opened
    with pytest.raises(ExportError, match="no lesions"):
        write_dicom(measured_of(store, item), item, tmp_path / "none.dcm")
    made(store, item)
    image = item.stack.frames[4].path
    before, beside = image.read_bytes(), sorted(image.parent.iterdir())
    with pytest.raises(ExportError, match="never written over"):
        write_dicom(measured_of(store, item), item, image)
    assert image.read_bytes() == before
    assert sorted(image.parent.iterdir()) == beside
    view = ViewState(Library())
    by_hand = show(view.library, view)
    view.work.of(Lesions).grow(None, point_of(HOT))
    with pytest.raises(ExportError, match="does not come from DICOM"):
        write_dicom(measured_of(view.work.of(Lesions), by_hand), by_hand, tmp_path / "other.dcm")
    assert not list(tmp_path.glob("other*"))
