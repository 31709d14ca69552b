"""The way of a lesion: found on a real PET/CT, measured, reported, kept, and the same when it is opened again."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from tests.conftest import RealData
from tests.needs import library, program
from tests.ui.conftest import MakeWindow
from viewer.dicom.seg import read_segmentation
from viewer.dicom.structured_report import read_report
from viewer.imaging.uptake import Threshold, ThresholdKind, Uptake, measure
from viewer.imaging.voi import Region, Sphere, hottest_voxel, shape_region
from viewer.loading.cancel import CancelToken
from viewer.loading.pipeline import load
from viewer.state.lesions import Lesions
from viewer.state.library import OpenVolume
from viewer.ui.actions.lesion_files import LesionFiles
from viewer.ui.main_window import MainWindow


def show(window: MainWindow, folder: Path) -> OpenVolume:
    """Open a folder without waiting for threads; its PET."""
    for event in load([folder], cancel=CancelToken()):
        window.session.apply(event)
    item = store_of(window).series()
    assert item is not None
    return item


def store_of(window: MainWindow) -> Lesions:
    return window.context.view.work.of(Lesions)


def numbers(window: MainWindow) -> list[tuple[str, Uptake | None]]:
    store, item = store_of(window), store_of(window).series()
    assert item is not None
    return [(lesion.name, store.measured(lesion).uptake) for lesion in store.of(item.volume.uid)]


def errors_of(path: Path) -> list[str]:
    done = subprocess.run(
        [program("dciodvfy", "dicom3tools"), str(path)], capture_output=True, text=True, check=False
    )
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]


def test_that_D20_D22_G08_G09_a_lesion_of_a_real_study_is_the_same_in_table_report_and_after_reopening(
    make_window: MakeWindow, real_data: RealData, tmp_path: Path, config_home: Path
) -> None:
    library("highdicom")
    study = real_data("petct-acrin")
    first = make_window()
    item = show(first, study)
    store, volume = store_of(first), item.volume
    # The hottest lesion of the chest: the hottest voxel of all lies in the renal pelvis.
    chest = shape_region(volume.geometry, Sphere((-30.0, 0.0, -100.0), 80.0))
    hottest = hottest_voxel(volume, chest)
    assert hottest is not None
    lesion = store.grow(None, volume.geometry.to_patient(np.array(hottest, dtype=float)))
    assert lesion is not None
    uptake = store.measured(lesion).uptake
    assert uptake is not None
    # The numbers by another way: the mask on the whole volume, in Bq/mL, times the published factor.
    region = store.measured(lesion).region
    assert region is not None
    mask = region.full(volume.geometry.shape)
    suv = np.asarray(volume.array)[mask] * 4.2111e-4
    assert uptake.max == pytest.approx(suv.max(), rel=1e-4)
    assert uptake.mean == pytest.approx(suv.mean(), rel=1e-4)
    assert uptake.volume_ml == pytest.approx(mask.sum() * 4.6875**2 * 3.27 / 1000, rel=1e-3)
    assert uptake.glycolysis == pytest.approx(suv.sum() * 4.6875**2 * 3.27 / 1000, rel=1e-3)
    assert suv.min() >= 0.41 * suv.max() * (1 - 1e-6)
    store.set_threshold(lesion.uid, Threshold(ThresholdKind.FIXED, 4.0, "SUV"))
    store.set_liver((-60.0, -10.0, -260.0))
    before = numbers(first)
    target = tmp_path / "report.dcm"
    files = first.findChild(LesionFiles, "lesion-files")
    assert isinstance(files, LesionFiles)
    files.save(target)
    files.wait()
    segmentation = tmp_path / "report-seg.dcm"
    assert errors_of(target) == []
    assert errors_of(segmentation) == []
    report = read_report(target)
    assert report is not None
    for group, (name, expected) in zip(report.groups, before, strict=True):
        assert expected is not None
        values = [value.value for value in group.values]
        assert group.tracking_id == name
        assert values[:4] == [expected.max, expected.mean, expected.sd, expected.peak]
    # The voxels of the file, read as those of any other program and measured on the series.
    found = read_segmentation(segmentation)
    for segment, (_, expected) in zip(found.segments, before, strict=True):
        assert expected is not None
        again = measure(volume, Region((0, 0, 0), on_grid(segment.mask, volume.geometry.shape, item)))
        assert again is not None
        assert (again.count, again.max, again.max_index) == (expected.count, expected.max, expected.max_index)
        for name in ("mean", "sd", "peak", "volume_ml", "glycolysis"):
            assert getattr(again, name) == pytest.approx(getattr(expected, name), rel=1e-12), name
    assert dcmread(target).StudyInstanceUID == item.study.uid
    first.close()
    (kept,) = (path for path in config_home.rglob("*.json") if "lesions" in path.parts)
    assert item.volume.uid not in kept.read_text()
    if sys.platform != "win32":
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    second = make_window()
    show(second, study)
    assert numbers(second) == before
    assert [found.name for found in store_of(second).of(item.volume.uid)] == ["L1", "Liver"]


def on_grid(mask: Any, shape: tuple[int, int, int], item: OpenVolume) -> np.ndarray:
    """A mask of a segmentation on the grid of the series, by the position of each of its voxels."""
    whole = np.zeros(shape, bool)
    there = np.argwhere(mask.block) + np.array(mask.corner)
    index = item.volume.geometry.to_index(mask.geometry.to_patient(there.astype(float)))
    assert np.abs(index - np.rint(index)).max() < 0.01
    whole[tuple(np.rint(index).astype(int).T)] = True
    return whole


def test_that_D22_volumes_of_the_segmentations_of_the_study_are_the_published_ones(
    make_window: MakeWindow, real_data: RealData, reference: Callable[[str], Any]
) -> None:
    """Two masks on the PET grid by other programs, measured as regions of it."""
    study = real_data("petct-acrin")
    item = show(make_window(), study)
    for name in ("SEG_100_504365/0001_504366.dcm", "SEG_100_162308/0001_162309.dcm"):
        expected = reference("volumes")[f"SEG petct-acrin/{name}"]["segments"]
        for segment in read_segmentation(study / name).segments:
            region = Region((0, 0, 0), on_grid(segment.mask, item.volume.geometry.shape, item))
            found = measure(item.volume, region, with_peak=False)
            published = expected[f"{segment.number}:{segment.label}"]
            assert found is not None
            assert found.count == published["voxels"]
            assert found.volume_ml * 1000 == pytest.approx(published["mm3"], rel=1e-4)


def test_that_a_kept_file_that_cannot_be_read_is_set_aside(
    make_window: MakeWindow, real_data: RealData, config_home: Path
) -> None:
    study = real_data("suv-dro-a") / "DRO_0_0" / "PT"
    first = make_window()
    item = show(first, study)
    made = store_of(first).grow(None, hot_place(item))
    assert made is not None
    first.close()
    (kept,) = (path for path in config_home.rglob("*.json") if "lesions" in path.parts)
    kept.write_text("{")
    second = make_window()
    show(second, study)
    assert numbers(second) == []
    assert "set aside" in second.context.library.problems[0].reason
    assert kept.with_suffix(".unread").read_text() == "{"
    # All lesions deleted: no file stays.
    made = store_of(second).grow(None, hot_place(item))
    assert made is not None
    second.close()
    assert kept.exists()
    third = make_window()
    show(third, study)
    store_of(third).remove([lesion.uid for lesion in store_of(third).of(item.volume.uid)])
    third.close()
    assert not kept.exists()


def hot_place(item: OpenVolume) -> np.ndarray:
    values = np.asarray(item.volume.array)
    middle: np.ndarray = item.volume.geometry.to_patient(np.argwhere(values == values.max()).mean(axis=0))
    return middle
