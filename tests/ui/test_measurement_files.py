"""Measurements to files and back: reports that others can read, reports of others, and JSON for exchange."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from tests.conftest import RealData
from tests.needs import library, program
from tests.phantoms import write_ramp
from tests.state.test_measurement_file import POINTS
from tests.ui.conftest import MakeWindow
from tests.ui.test_kept_work import files, show, store_of
from viewer.dicom.structured_report import read_report
from viewer.imaging.geometry import FloatArray
from viewer.imaging.window import Window
from viewer.state.drawing import placed
from viewer.state.layers import Role
from viewer.state.measurement import LABELS, OUTLINES, Kind, Measurement, as_points, new_uid
from viewer.state.measurement_report import from_report
from viewer.state.presentations import Presentations
from viewer.ui.actions import measurement_files
from viewer.ui.background import Jobs
from viewer.ui.main_window import MainWindow


def draw_all(window: MainWindow) -> tuple[Measurement, ...]:
    """One measurement of each kind on the ramp."""
    view = window.context.view
    item = view.volume(Role.BASE)
    assert item is not None
    geometry = item.volume.geometry
    made = []
    for kind, index in POINTS.items():
        one = Measurement(
            new_uid(),
            kind,
            as_points(geometry.to_patient(np.array(index))),
            (0.0, 0.0, 1.0),
            item.study.uid,
            geometry.frame_of_reference_uid,
            item.volume.uid,
            name=kind.value,
            text="cyst" if kind in LABELS else "",
        )
        made.append(placed(view, one))
    store_of(window).add(made)
    return tuple(made)


def save(qtbot: QtBot, window: MainWindow, target: Path, form: str) -> None:
    """Save, and wait until the file is there or something was said."""
    measurement_files.save(window.context, target, form)
    qtbot.waitUntil(lambda: not Jobs.of(window).busy, timeout=20_000)


def errors_of(path: Path) -> list[str]:
    done = subprocess.run(
        [program("dciodvfy", "dicom3tools"), str(path)], capture_output=True, text=True, check=False
    )
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]


def ends(points: FloatArray) -> FloatArray:
    """Points in an order that does not depend on which axis comes first."""
    return points[np.lexsort(np.round(points, 6).T)]


def test_that_G09_a_report_of_everything_is_valid_and_says_the_same_again(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path
) -> None:
    library("highdicom")
    window = show(make_window(), write_ramp(tmp_path / "ramp"))
    made = draw_all(window)
    target = tmp_path / "out" / "report.dcm"
    target.parent.mkdir()
    save(qtbot, window, target, measurement_files.REPORT)
    assert window.context.library.problems == ()
    assert errors_of(target) == []
    report = read_report(target)
    assert report is not None
    back = from_report(report, window.context.library.catalogue, made[0].study_uid)
    store = store_of(window)
    for before, after in zip(made, back, strict=True):
        wanted = Kind.POLYGON if before.kind in OUTLINES | {Kind.RECTANGLE} else before.kind
        assert after.measurement.kind is wanted
        assert after.measurement.uid == before.uid
        assert after.measurement.frame_of_reference_uid == before.frame_of_reference_uid
        np.testing.assert_allclose(ends(after.measurement.array), ends(before.array), atol=1e-5)
        assert after.measurement.text == before.text
        numbers = {one.id: one.value for one in store.result(before).values}
        for one in after.result.values:
            assert one.value == pytest.approx(numbers[one.id]), (before.kind, one.id)
        assert len(after.result.values) == len(numbers)


def test_that_a_report_in_the_folder_is_shown_and_cannot_be_changed(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path, config_home: Path
) -> None:
    library("highdicom")
    folder = write_ramp(tmp_path / "ramp")
    first = show(make_window(), folder)
    made = draw_all(first)
    save(qtbot, first, folder / "report.dcm", measurement_files.REPORT)
    before = {item.uid: store_of(first).result(item).get("mean") for item in made}
    first.close()
    for path in files(config_home):
        path.unlink()
    second = show(make_window(), folder)
    qtbot.waitUntil(lambda: len(store_of(second).items) == len(made), timeout=10_000)
    for item in store_of(second).items:
        assert item.origin
        mean = before[item.uid]
        if mean is not None:
            assert store_of(second).result(item).get("mean") == pytest.approx(mean)
    second.close()
    assert files(config_home) == [], "what a report says is not kept a second time"


def test_that_a_circle_on_an_image_of_others_lies_there_in_the_patient(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path, real_data: RealData
) -> None:
    source = real_data("seg-small") / "highdicom"
    for name in ("ct_image.dcm", "sr_document_with_multiple_groups.dcm"):
        shutil.copy(source / name, tmp_path / name)
    image = dcmread(source / "ct_image.dcm", stop_before_pixels=True)
    report = dcmread(source / "sr_document_with_multiple_groups.dcm")
    report.StudyInstanceUID = image.StudyInstanceUID  # reports of others lie in the study of their images
    report.save_as(tmp_path / "sr_document_with_multiple_groups.dcm")
    window = show(make_window(), tmp_path)
    store = store_of(window)
    qtbot.waitUntil(lambda: len(store.items) == 4, timeout=10_000)
    by_name = {item.name.split(",")[0]: item for item in store.items}
    nodule = by_name["LungNodule0001"]
    row, column = (np.array(image.ImageOrientationPatient[n : n + 3], float) for n in (0, 3))
    across, down = image.PixelSpacing[1], image.PixelSpacing[0]
    centre = np.array(image.ImagePositionPatient, float) + row * across * 44.5 + column * down * 54.5
    np.testing.assert_allclose(nodule.middle_mm, centre, atol=1e-6)
    assert np.linalg.norm(nodule.array[1] - nodule.array[0]) == pytest.approx(20 * down)
    assert "Diameter 10.0 mm" in store.result(nodule).lines()
    assert by_name["Image0001"].points == ()
    store.jump(by_name["Image0001"].uid)
    assert by_name["Vertebra0001"].kind is Kind.POINT


def test_that_json_is_written_with_uids_and_opened_once(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path
) -> None:
    window = show(make_window(), write_ramp(tmp_path / "ramp"))
    made = draw_all(window)
    target = tmp_path / "out.json"
    save(qtbot, window, target, measurement_files.TEXT)
    assert made[0].study_uid in target.read_text(encoding="utf-8")
    store_of(window).remove([item.uid for item in made])
    measurement_files.read(window.context, target)
    measurement_files.read(window.context, target)
    assert store_of(window).items == made
    assert window.context.library.problems == ()


def test_that_measurements_of_another_study_are_left_out_and_said(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path
) -> None:
    first = show(make_window(), write_ramp(tmp_path / "one", uid_seed="one"))
    draw_all(first)
    save(qtbot, first, tmp_path / "one.json", measurement_files.TEXT)
    second = show(make_window(), write_ramp(tmp_path / "two", uid_seed="two"))
    measurement_files.read(second.context, tmp_path / "one.json")
    assert store_of(second).items == ()
    assert "studies that are not open" in second.context.library.problems[-1].reason


def test_that_a_file_of_the_study_is_never_written_over(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path
) -> None:
    folder = write_ramp(tmp_path / "ramp")
    window = show(make_window(), folder)
    draw_all(window)
    image = sorted(folder.iterdir())[0]
    before = image.read_bytes()
    for form in (measurement_files.REPORT, measurement_files.LOOK, measurement_files.TEXT):
        save(qtbot, window, image, form)
        assert image.read_bytes() == before
        box = window.findChild(QMessageBox, "measurements-not-saved")
        assert isinstance(box, QMessageBox)
        assert "file of the open study" in box.text()
        box.close()
        box.setObjectName("")


def test_that_G10_a_presentation_state_brings_look_and_drawings_back(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path, config_home: Path
) -> None:
    library("highdicom")
    folder = write_ramp(tmp_path / "ramp")
    first = show(make_window(), folder)
    made = {item.kind: item for item in draw_all(first)}
    first.context.view.set_window(Role.BASE, Window(300, 700))
    target = folder / "presentation.dcm"
    save(qtbot, first, target, measurement_files.LOOK)
    assert first.context.library.problems == ()
    assert errors_of(target) == []
    first.close()
    for path in files(config_home):
        path.unlink()
    second = show(make_window(), folder)
    store = store_of(second)
    qtbot.waitUntil(lambda: len(store.items) > 0, timeout=10_000)
    assert all(item.origin for item in store.items)
    ellipses = [item for item in store.items if item.kind is Kind.ELLIPSE]
    np.testing.assert_allclose(ends(ellipses[0].array), ends(made[Kind.ELLIPSE].array), atol=1e-4)
    polygons = [item for item in store.items if item.kind is Kind.POLYGON]
    np.testing.assert_allclose(ends(polygons[0].array), ends(made[Kind.RECTANGLE].array), atol=1e-4)
    assert {"7.8 mm", "cyst"} <= {item.text for item in store.items}
    second.context.commands.run("presentation.next")
    layer = second.context.view.base
    assert layer is not None
    assert isinstance(layer.window, Window)
    assert (layer.window.center, layer.window.width) == (300, 700)


def test_that_G10_the_presentation_state_of_another_program_gives_its_picture(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path, real_data: RealData
) -> None:
    for name in ("imageForPrLUTs.dcm", "prLUTs.dcm"):
        shutil.copy(real_data("gsps") / name, tmp_path / name)
    window = show(make_window(), tmp_path)
    states = window.context.view.work.of(Presentations)
    qtbot.waitUntil(lambda: len(states.fitting()) == 1, timeout=10_000)
    window.context.commands.refresh()
    window.context.commands.run("presentation.next")
    layer, item = window.context.view.base, window.context.view.volume(Role.BASE)
    assert layer is not None
    assert item is not None
    expected = np.asarray(Image.open(real_data("gsps") / "expected_imgForPrLUT.png").convert("L"))
    shown = np.rint(layer.window.apply(item.volume.array[0]) * 255)
    np.testing.assert_array_equal(shown, expected)
    assert layer.window_name == "XLUT_P03"
