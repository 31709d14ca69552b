"""Spatial Registration objects: read, written, accepted by dciodvfy, applied to what they link (rule D31)."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from tests.needs import program
from tests.phantoms import write_ramp
from tests.ui.panes.test_frames import open_volume
from viewer.dicom.model import Catalogue, Patient, Series, SeriesKind, Study
from viewer.dicom.spatial_registration import read_spatial_registration, write_spatial_registration
from viewer.errors import ExportError, FormatError, ViewerError
from viewer.imaging.rigid import Movement, matrix_of
from viewer.imaging.window import Window
from viewer.state.alignment import Alignment, How
from viewer.state.layers import ImageLayer
from viewer.state.library import Library
from viewer.state.registration_objects import apply_registration_object
from viewer.state.view import ViewState

MATRIX = matrix_of(Movement((12, -3, 7.5), (2, 4, 8)), (10, 20, 30))
WHEN = dt.datetime(2024, 5, 6, 7, 8, 9)  # noqa: DTZ001 - DICOM times are local


def two_series(folder: Path) -> tuple[Path, Path, str, str]:
    """An image of each of two series of different frames of reference, and these."""
    found = []
    for name in ("a", "b"):
        write_ramp(folder / name)
        path = min((folder / name).rglob("*"), key=lambda p: (p.is_dir(), p.name))
        dataset = pydicom.dcmread(path)
        dataset.FrameOfReferenceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
        if name == "b":
            dataset.StudyInstanceUID = generate_uid()
        dataset.save_as(path)
        found.append((path, str(dataset.FrameOfReferenceUID)))
    return found[0][0], found[1][0], found[0][1], found[1][1]


def written(folder: Path) -> tuple[Path, str, str]:
    target, source, one, other = two_series(folder)
    write_spatial_registration(folder / "reg.dcm", target, source, MATRIX, "moved by hand", WHEN)
    return folder / "reg.dcm", one, other


def test_that_D31_a_written_object_gives_the_movement_back_both_ways(tmp_path: Path) -> None:
    path, target, source = written(tmp_path)
    found = read_spatial_registration(path)
    there, back = found.between(target, source), found.between(source, target)
    assert there is not None
    assert back is not None
    np.testing.assert_allclose(there, MATRIX, atol=1e-9)
    np.testing.assert_allclose(back, np.linalg.inv(MATRIX), atol=1e-9)
    assert found.between(target, "1.2.3") is None
    assert found.between("", source) is None


def test_that_dciodvfy_accepts_what_is_written(tmp_path: Path) -> None:
    path, _, _ = written(tmp_path)
    said = subprocess.run(
        [program("dciodvfy", "dicom3tools"), str(path)], capture_output=True, text=True, check=False
    )
    errors = [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]
    assert errors == []


def test_that_matrices_of_one_item_are_done_one_after_the_other(tmp_path: Path) -> None:
    """First a shift of 10 mm along x, then a quarter turn about z: (0, 0, 0) goes to (0, 10, 0)."""
    path, target, source = written(tmp_path)
    dataset = pydicom.dcmread(path)
    steps = dataset.RegistrationSequence[1].MatrixRegistrationSequence[0].MatrixSequence
    first, second = pydicom.Dataset(), pydicom.Dataset()
    first.FrameOfReferenceTransformationMatrix = [1, 0, 0, 10, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    second.FrameOfReferenceTransformationMatrix = [0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    for step in (first, second):
        step.FrameOfReferenceTransformationMatrixType = "RIGID"
    steps.clear()
    steps.extend([first, second])
    dataset.save_as(path)
    matrix = read_spatial_registration(path).between(target, source)
    assert matrix is not None
    np.testing.assert_allclose(matrix @ [0, 0, 0, 1], [0, 10, 0, 1], atol=1e-12)


def opened(path: Path, target: str, source: str) -> ViewState:
    """A CT and a PET of the two frames of reference, and the object in the catalogue."""
    library = Library()
    library.add(open_volume("ct", "CT", 1.0, frame=target))
    library.add(open_volume("pt", "PT", 2.0, frame=source))
    series = Series("r", "1.5", "REG", "", SeriesKind.REGISTRATION, 1, paths=(path,))
    library.set_catalogue(Catalogue(studies=(Study("1.5", Patient("p"), series=(series,)),)))
    view = ViewState(library)
    view.show(ImageLayer("ct", Window(40, 400)), ImageLayer("pt", Window.from_bounds(0, 7)))
    return view


def test_that_D31_the_object_that_links_two_series_is_applied(tmp_path: Path) -> None:
    view = opened(*written(tmp_path))
    assert apply_registration_object(view)
    placement = view.work.of(Alignment).placement("pt")
    assert placement is not None
    assert placement.how is How.OBJECT
    np.testing.assert_allclose(placement.matrix, MATRIX, atol=1e-9)
    assert not apply_registration_object(view)  # once


def test_that_D31_an_object_of_other_series_is_not_applied(tmp_path: Path) -> None:
    path, target, _ = written(tmp_path)
    view = opened(path, target, "1.2.3.4")
    assert not apply_registration_object(view)
    assert view.work.of(Alignment).placement("pt") is None
    assert view.library.problems == ()


@pytest.mark.parametrize(
    "damage,reason",
    [
        (lambda matrix: [value * 1.5 for value in matrix], "not a rigid movement|scales or shears"),
        (lambda matrix: matrix[:15], "16 numbers"),
    ],
)
def test_that_D31_an_object_that_scales_or_is_cut_short_is_named_and_not_applied(
    tmp_path: Path, damage: object, reason: str
) -> None:
    path, target, source = written(tmp_path)
    dataset = pydicom.dcmread(path)
    step = dataset.RegistrationSequence[1].MatrixRegistrationSequence[0].MatrixSequence[0]
    step.FrameOfReferenceTransformationMatrix = damage(list(step.FrameOfReferenceTransformationMatrix))  # type: ignore[operator]
    dataset.save_as(path)
    with pytest.raises(FormatError, match=reason):
        read_spatial_registration(path)
    view = opened(path, target, source)
    assert not apply_registration_object(view)
    (problem,) = view.library.problems
    assert "It was not applied." in problem.reason


@pytest.mark.parametrize("seed", range(40))
def test_that_damaged_objects_give_a_sentence_or_a_movement(tmp_path: Path, seed: int) -> None:
    path, target, source = written(tmp_path)
    data, rng = bytearray(path.read_bytes()), np.random.default_rng(seed)
    for place in rng.integers(140, len(data), 12):
        data[place] = rng.integers(256)
    path.write_bytes(bytes(data[: rng.integers(400, len(data))] if seed % 2 else data))
    try:
        matrix = read_spatial_registration(path).between(target, source)
    except ViewerError as error:
        sentence, matrix = error.user_message, None
    else:
        sentence = "."
    assert sentence.endswith(".")
    assert matrix is None or np.linalg.det(matrix[:3, :3]) == pytest.approx(1)


def test_that_other_files_are_refused_by_name(tmp_path: Path) -> None:
    target, *_ = two_series(tmp_path)
    with pytest.raises(FormatError, match="is not a spatial registration"):
        read_spatial_registration(target)
    (tmp_path / "text.dcm").write_text("no", encoding="utf-8")
    with pytest.raises(FormatError, match="is not a DICOM file"):
        read_spatial_registration(tmp_path / "text.dcm")


def test_that_a_series_without_a_frame_of_reference_cannot_be_named(tmp_path: Path) -> None:
    target, source, *_ = two_series(tmp_path)
    dataset = pydicom.dcmread(source)
    del dataset.FrameOfReferenceUID
    dataset.save_as(source)
    with pytest.raises(ExportError, match="has no frame of reference"):
        write_spatial_registration(tmp_path / "reg.dcm", target, source, MATRIX, "", WHEN)
    assert not (tmp_path / "reg.dcm").exists()


def test_that_I11_a_registration_never_takes_the_place_of_its_images(tmp_path: Path) -> None:
    target, source, *_ = two_series(tmp_path)
    before = source.read_bytes()
    with pytest.raises(ExportError, match="never written over"):
        write_spatial_registration(source, target, source, MATRIX, "", WHEN)
    assert source.read_bytes() == before


def test_that_an_image_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    target, source, *_ = two_series(tmp_path)
    source.unlink()
    with pytest.raises(ExportError, match="cannot be read any more"):
        write_spatial_registration(tmp_path / "reg.dcm", target, source, MATRIX, "", WHEN)
