"""The demo study read back with pydicom alone: every number is computed here a second time, from the headers."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from viewer.dicom.demo import LESIONS, DemoStudy, demo_folder, write, write_demo_study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Stack:
    """Images in order of z and their rescaled values (k, j, i)."""

    headers: list[Any]
    values: np.ndarray[Any, Any]

    def index(self, x_mm: float, y_mm: float, z_mm: float) -> tuple[int, int, int]:
        origin = np.array(self.headers[0].ImagePositionPatient, float)
        rows, columns = map(float, self.headers[0].PixelSpacing)
        step = float(self.headers[1].ImagePositionPatient[2]) - origin[2]
        k, j, i = (z_mm - origin[2]) / step, (y_mm - origin[1]) / rows, (x_mm - origin[0]) / columns
        return round(k), round(j), round(i)

    def around(self, x_mm: float, y_mm: float, z_mm: float, half: int = 2) -> float:
        """Mean of a small cube."""
        k, j, i = self.index(x_mm, y_mm, z_mm)
        cube = self.values[k - half : k + half + 1, j - half : j + half + 1, i - half : i + half + 1]
        return float(cube.mean())


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoStudy]:
    folder = tmp_path_factory.mktemp("demo")
    yield write_demo_study(folder)
    shutil.rmtree(folder)


def rescaled(d: Any) -> np.ndarray[Any, Any]:
    """Values (j, i): whole Hounsfield units as int16, everything else as float32."""
    if d.Modality == "CT" and d.RescaleSlope == 1:
        return np.asarray(d.pixel_array.astype(np.int16) + np.int16(d.RescaleIntercept))
    return np.asarray(d.pixel_array * np.float32(d.RescaleSlope) + np.float32(d.RescaleIntercept))


def load(folder: Path) -> Stack:
    headers = sorted(
        (pydicom.dcmread(path) for path in folder.iterdir()), key=lambda d: float(d.ImagePositionPatient[2])
    )
    values = np.stack([rescaled(d) for d in headers])
    for d in headers:
        del d.PixelData
    return Stack(headers, values)


@pytest.fixture(scope="module")
def ct(study: DemoStudy) -> Stack:
    return load(study.folder / "CT")


@pytest.fixture(scope="module")
def pet(study: DemoStudy) -> Stack:
    return load(study.folder / "PET_AC")


@pytest.fixture(scope="module")
def nac(study: DemoStudy) -> Stack:
    return load(study.folder / "PET_NAC")


def seconds(time: str) -> float:
    return int(time[:2]) * 3600 + int(time[2:4]) * 60 + float(time[4:])


def closed_form_factor(header: Any) -> float:
    """SUVbw per Bq/mL from the header: W / (D 2^(-t/T)), START."""
    item = header.RadiopharmaceuticalInformationSequence[0]
    waited = seconds(header.SeriesTime) - seconds(item.RadiopharmaceuticalStartTime)
    dose = float(item.RadionuclideTotalDose) * 2 ** (-waited / float(item.RadionuclideHalfLife))
    return float(header.PatientWeight) * 1000 / dose


# --- The study as a whole ---------------------------------------------------------------------------------------


def test_that_the_study_holds_the_promised_series(study: DemoStudy) -> None:
    headers = [
        pydicom.dcmread(path, stop_before_pixels=True) for path in study.folder.rglob("*") if path.is_file()
    ]
    assert len(headers) == study.files
    assert Counter((d.Modality, d.SeriesDescription) for d in headers) == {
        ("CT", "CT Head Neck 1.0"): 320,
        ("PT", "PET AC"): 108,
        ("PT", "PET NAC"): 108,
        ("CT", "Scout"): 2,
        ("CT", "Dose report"): 1,
    }
    assert {d.StudyInstanceUID for d in headers} == {study.study_uid}
    assert {(str(d.PatientName), d.PatientID) for d in headers} == {("Phantom^Demo", "TRIPTYCH-DEMO")}
    assert len({d.SOPInstanceUID for d in headers}) == len(headers)
    assert len({d.SeriesInstanceUID for d in headers}) == 5
    assert {d.file_meta.TransferSyntaxUID for d in headers} == {ExplicitVRLittleEndian}
    assert all(UID.startswith("2.25.") and len(UID) <= 44 for UID in (d.SOPInstanceUID for d in headers))


def test_that_two_writes_give_the_same_bytes(study: DemoStudy, tmp_path: Path) -> None:
    def digests(folder: Path) -> dict[str, str]:
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*.dcm")
        }

    calls: list[tuple[int, int]] = []
    write_demo_study(tmp_path, lambda done, total: calls.append((done, total)))
    try:
        assert digests(tmp_path) == digests(study.folder)
    finally:
        shutil.rmtree(tmp_path)
    assert calls[-1] == (study.files, study.files)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


# --- CT ---------------------------------------------------------------------------------------------------------


def test_that_A10_the_ct_has_the_promised_grid(ct: Stack) -> None:
    assert ct.values.shape == (320, 512, 512)
    assert {tuple(map(float, d.PixelSpacing)) for d in ct.headers} == {(0.468, 0.468)}
    assert {tuple(map(float, d.ImageOrientationPatient)) for d in ct.headers} == {(1, 0, 0, 0, 1, 0)}
    assert np.allclose(np.diff([float(d.ImagePositionPatient[2]) for d in ct.headers]), 1.0)
    # Numbered from the head down, so a reader that trusts numbers shows it upside down.
    assert [d.InstanceNumber for d in ct.headers] == list(range(320, 0, -1))


def test_that_an_independent_reader_finds_the_same_volume(study: DemoStudy, ct: Stack) -> None:
    sitk = pytest.importorskip("SimpleITK")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(study.folder / "CT")))
    image = reader.Execute()
    assert np.allclose(image.GetSpacing(), (0.468, 0.468, 1.0))
    assert np.allclose(image.GetOrigin(), (-119.574, -124.574, -195.0))
    assert (sitk.GetArrayViewFromImage(image)[::40] == ct.values[::40]).all()


@pytest.mark.parametrize(
    "place, point_mm, low, high",
    [
        ("thalamus, left", (9.5, 11, 42), 34, 43),
        ("thalamus, right", (-9.5, 11, 42), 34, 43),
        ("white matter, left", (26, -2, 70), 24, 33),
        ("white matter, right", (-26, -2, 70), 24, 33),
        ("cerebellum", (25, 55, 5), 29, 42),
        ("vitreous body", (31.5, -70, 17.5), 3, 14),
        ("air before the face", (0, -115, 60), -1010, -990),
        ("maxillary sinus, right", (-30, -58, -6), -1010, -970),
        ("trachea", (0, -8, -150), -1010, -970),
        ("lung, left", (52, 34, -180), -960, -700),
        ("fat of the orbit", (28, -50, 25), -115, -70),
        ("tongue", (0, -45, -48), 30, 75),
        ("carotid artery, left", (26, 1, -110), 160, 200),
        ("body of C5", (0, 17, -90), 120, 420),
    ],
)
def test_that_tissues_have_their_hounsfield_units(
    ct: Stack, place: str, point_mm: tuple[float, float, float], low: float, high: float
) -> None:
    assert low < ct.around(*point_mm) < high, place


@pytest.mark.parametrize("x_mm, y_mm", [(0, 0), (30, 20), (-30, 20)])
def test_that_the_skull_is_bone_with_diploe_between_its_tables(ct: Stack, x_mm: float, y_mm: float) -> None:
    k, j, i = ct.index(x_mm, y_mm, 60)
    column = ct.values[k:, j, i]
    bone = np.flatnonzero(column > 300)
    wall = column[bone[0] : bone[-1] + 1]
    assert 4 <= len(wall) <= 14
    assert wall.max() > 1000
    middle = wall[len(wall) // 3 : -len(wall) // 3].min()
    assert middle < wall[: len(wall) // 2].max() - 200
    assert middle < wall[len(wall) // 2 :].max() - 200


def test_that_A22_nose_points_to_the_front_and_the_head_is_up(ct: Stack) -> None:
    def body(z_mm: float) -> np.ndarray[Any, Any]:
        """Pixels of the body (j, i) in front of the head rest."""
        return np.asarray(ct.values[ct.index(0, 0, z_mm)[0], :340] > -300)

    front = {z: int(body(z).any(axis=1).argmax()) for z in range(-60, 61, 4)}
    tip_z = min(front, key=lambda z: front[z])
    assert -25 < tip_z < 5  # the nose lies below the eyes
    tip = np.flatnonzero(body(tip_z)[front[tip_z] + 2])
    assert abs(tip.mean() - 255.5) * 0.468 < 4  # and in the middle
    assert body(-185).any(axis=0).all()  # shoulders fill the field
    assert body(55).any(axis=0).sum() < 350
    assert not body(123).any()


def test_that_the_lymph_node_is_on_the_patients_left_only(ct: Stack) -> None:
    node = next(lesion for lesion in LESIONS if "level II" in lesion.name)
    x, y, z = node.centre_mm
    assert x > 0
    k, j, i = ct.index(x, y, z)
    mirrored = ct.index(-x, y, z)[2]
    # A sphere of one tissue on the left; vein, fat and muscle at the same place on the right.
    left, right = (ct.values[k, j - 12 : j + 13, c - 12 : c + 13] for c in (i, mirrored))
    assert left.min() > 20
    assert right.min() < -40


# --- PET --------------------------------------------------------------------------------------------------------


def test_that_D30_ct_and_both_pets_and_scout_share_one_frame_of_reference(
    study: DemoStudy, ct: Stack, pet: Stack, nac: Stack
) -> None:
    headers = [*ct.headers, *pet.headers, *nac.headers]
    headers += [pydicom.dcmread(path) for path in (study.folder / "SCOUT").iterdir()]
    assert len({d.FrameOfReferenceUID for d in headers}) == 1


def test_that_B01_every_pet_slice_has_a_slope_of_its_own(pet: Stack) -> None:
    slopes = [float(d.RescaleSlope) for d in pet.headers]
    assert len(set(slopes)) == len(slopes)
    assert max(slopes) > 2 * min(slopes)
    assert {float(d.RescaleIntercept) for d in pet.headers} == {0.0}
    assert {d.Units for d in pet.headers} == {"BQML"}


def test_that_the_pet_has_a_coarser_and_wider_grid_off_the_ct_grid(ct: Stack, pet: Stack) -> None:
    assert pet.values.shape == (108, 128, 128)
    assert tuple(map(float, pet.headers[0].PixelSpacing)) == (4.07283, 4.07283)
    assert np.allclose(np.diff([float(d.ImagePositionPatient[2]) for d in pet.headers]), 3.0)
    ct_z = {float(d.ImagePositionPatient[2]) for d in ct.headers}
    assert not ct_z & {float(d.ImagePositionPatient[2]) for d in pet.headers}
    assert float(pet.headers[0].ImagePositionPatient[0]) < 2 * float(ct.headers[0].ImagePositionPatient[0])


def test_that_D03_the_stated_factor_is_the_closed_form(study: DemoStudy, pet: Stack) -> None:
    factors = {closed_form_factor(d) for d in pet.headers}
    assert len(factors) == 1
    assert study.suv_factor_g_per_bq == pytest.approx(factors.pop(), rel=1e-9)


@pytest.mark.parametrize("number", range(len(LESIONS)))
def test_that_D03_every_lesion_has_its_stated_suv_in_the_middle(pet: Stack, number: int) -> None:
    lesion = LESIONS[number]
    becquerel = pet.values[pet.index(*lesion.centre_mm)]
    assert becquerel * closed_form_factor(pet.headers[0]) == pytest.approx(lesion.suv, rel=0.05)


def test_that_uptake_sits_on_the_anatomy(pet: Stack) -> None:
    suv = closed_form_factor(pet.headers[0])

    def at(x: float, y: float, z: float) -> float:
        return pet.around(x, y, z, 0) * suv

    cortex = np.percentile(pet.values[pet.index(0, 0, 75)[0]], 99) * suv
    white = at(26, -2, 70)
    assert cortex > 7
    assert white < 0.6 * cortex
    assert 1.0 < at(0, -5, -192) < 2.2  # blood in the aortic arch
    assert at(0, 65, -100) < 1.2  # muscles of the neck
    assert at(0, -115, 80) < 0.1  # air
    assert at(52, 34, -180) < 0.9  # lung


def test_that_D05_back_computed_reference_times_agree_with_the_series_time(pet: Stack) -> None:
    starts = set()
    for d in pet.headers:
        rate = np.log(2) / float(d.RadiopharmaceuticalInformationSequence[0].RadionuclideHalfLife)
        frame = float(d.ActualFrameDuration) / 1000
        average = np.log(rate * frame / (1 - np.exp(-rate * frame))) / rate
        start = seconds(d.AcquisitionTime)
        starts.add(start)
        assert start + average - float(d.FrameReferenceTime) / 1000 == pytest.approx(
            seconds(d.SeriesTime), abs=0.01
        )
        decayed = float(d.DecayFactor) * (1 - np.exp(-rate * frame)) / (rate * frame)
        assert start - np.log(decayed) / rate == pytest.approx(seconds(d.SeriesTime), abs=0.05)
    assert len(starts) == 3  # bed positions: taking a slice's own time as reference would show


def test_that_D01_only_the_corrected_pet_says_so(pet: Stack, nac: Stack) -> None:
    assert all({"ATTN", "DECY"} <= set(d.CorrectedImage) for d in pet.headers)
    assert all("ATTN" not in d.CorrectedImage for d in nac.headers)
    deep = pet.index(0, 20, 40)
    assert nac.values[deep] < 0.6 * pet.values[deep]


# --- What is no volume ------------------------------------------------------------------------------------------


def test_that_A04_the_scouts_are_localizers_and_project_the_ct(study: DemoStudy, ct: Stack) -> None:
    frontal, lateral = (pydicom.dcmread(study.folder / "SCOUT" / f"IM000{n}.dcm") for n in (1, 2))
    for scout, axes in ((frontal, (1, 0, 0, 0, 0, -1)), (lateral, (0, 1, 0, 0, 0, -1))):
        assert scout.ImageType[2] == "LOCALIZER"
        assert tuple(map(float, scout.ImageOrientationPatient)) == axes
        assert tuple(map(float, scout.PixelSpacing)) == (1.0, 0.468)
    top = float(frontal.ImagePositionPatient[2])
    assert top == float(ct.headers[-1].ImagePositionPatient[2])
    water = np.maximum(ct.values[200].astype(np.float64) + 1000, 0) * 0.468 / 1000
    row = frontal.pixel_array[320 - 1 - 200] - 1024.0
    assert np.allclose(row, np.clip(water.sum(axis=0) * 10 - 1000, -1024, 3071), atol=3)
    row = lateral.pixel_array[320 - 1 - 200] - 1024.0
    assert np.allclose(row, np.clip(water.sum(axis=1) * 10 - 1000, -1024, 3071), atol=3)


def test_that_A04_the_dose_page_is_a_screen_save_with_legible_text(study: DemoStudy) -> None:
    page = pydicom.dcmread(study.folder / "DOSE" / "IM0001.dcm")
    assert list(page.ImageType)[:2] == ["DERIVED", "SECONDARY"]
    assert "DOSE_INFO" in page.ImageType
    assert "ImagePositionPatient" not in page
    assert "FrameOfReferenceUID" not in page
    assert page.BurnedInAnnotation == "YES"
    bright = page.pixel_array.min(axis=-1) > 120
    assert page.pixel_array.shape == (400, 640, 3)
    assert 0.01 < bright.mean() < 0.2
    assert bright.any(axis=1).sum() > 100


# --- The cache --------------------------------------------------------------------------------------------------


def test_that_the_cached_study_is_written_once_and_old_versions_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def fake(folder: Path, progress: object = None) -> None:
        written.append(folder)
        (folder / "IM0001.dcm").write_bytes(b"x")

    monkeypatch.setattr(write, "write_demo_study", fake)
    cache = tmp_path / "a" / "cache"
    (cache / "demo-older").mkdir(parents=True)
    (cache / "thumbnails").mkdir()
    first = demo_folder(cache)
    assert demo_folder(cache) == first
    assert len(written) == 1
    assert written[0] != first
    assert sorted(path.name for path in cache.iterdir()) == sorted([first.name, "thumbnails"])
    monkeypatch.setattr(write, "CONTENT_VERSION", 999)
    assert demo_folder(cache) != first


def test_that_a_cancelled_write_leaves_nothing_behind(tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        demo_folder(tmp_path, stop)
    assert list(tmp_path.iterdir()) == []
