"""Series of several times or echoes in the window: stepping keeps place, window, colours and edits (A02, A27)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtWidgets import QSlider, QWidget
from pytestqt.qtbot import QtBot

from tests import phantoms
from tests.dicom.reading import catalogue_of, filled
from viewer.dicom.model import Catalogue, Stack
from viewer.imaging.window import Window
from viewer.loading.events import GeometryReady
from viewer.settings import Settings
from viewer.state.annotations import corners
from viewer.state.layers import Role
from viewer.state.library import Library, OpenVolume
from viewer.state.panes import Density, PlaneKind
from viewer.state.probe import read_point
from viewer.state.resolve import resolve
from viewer.state.suv_edit import edit_suv, show_kind
from viewer.state.time_points import dimension_name, place_in_time, time_points
from viewer.state.view import ViewState
from viewer.ui.loader_thread import Loader
from viewer.ui.session import Session

if TYPE_CHECKING:
    from viewer.ui.main_window import MainWindow

TIMES = 4
AFFINE = np.array([[0, 0, 1.0, -4], [0, 1, 0, -3], [3, 0, 0, -6], [0, 0, 0, 1]])
SHARED: dict[str, Any] = {
    "StudyInstanceUID": "1.2.826.1",
    "SeriesInstanceUID": "1.2.826.2",
    "FrameOfReferenceUID": "1.2.826.3",
}


def write_time(folder: Path, n: int, modality: str = "MR", **tags: Any) -> None:
    """Five slices whose stored value is 1000 n + k at every pixel."""
    values = np.broadcast_to((1000 * n + np.arange(5))[:, None, None], (5, 6, 8)).astype(np.int16)
    seed = f"time {n} {tags.get('EchoTime', '')} {tags.get('ImageType', '')}"
    phantoms.write_series(
        folder / seed.replace("\\", "-"), values, AFFINE, modality=modality, uid_seed=seed, **(SHARED | tags)
    )


@pytest.fixture
def dynamic(tmp_path: Path) -> Path:
    folder = tmp_path / "dynamic"
    for n in range(TIMES):
        write_time(folder, n, TemporalPositionIdentifier=n + 1)
    return folder


def series_of(folder: Path) -> list[OpenVolume]:
    (study,) = catalogue_of(folder).studies
    (series,) = study.series
    return [OpenVolume(filled(stack), stack, series, study) for stack in series.stacks]


def opened(qtbot: QtBot, shown: MainWindow, folder: Path) -> None:
    shown.open([folder])
    qtbot.waitUntil(lambda: shown.context.view.base_volume is not None and not shown.context.loader.busy)


def stack_of(shown: MainWindow) -> Stack:
    item = shown.context.view.base_volume
    assert item is not None
    return item.stack


def step(qtbot: QtBot, shown: MainWindow, command: str = "time.next") -> None:
    before = stack_of(shown).uid
    shown.context.commands.run(command)
    qtbot.waitUntil(lambda: stack_of(shown).uid != before and not shown.context.loader.busy)


def under_cursor(shown: MainWindow) -> str:
    (reading,) = read_point(shown.context.view, shown.context.view.cursor_mm)
    return reading.text


# --- which stacks belong together ---------------------------------------------------------------------------------


def test_that_A27_times_of_a_series_are_found_in_order(dynamic: Path) -> None:
    items = series_of(dynamic)
    assert [place_in_time(item) for item in items] == [0, 1, 2, 3]
    assert [int(item.volume.array[0, 0, 0]) for item in items] == [0, 1000, 2000, 3000]
    assert dimension_name(items[0]) == "Time"


def test_that_A02_echoes_are_stepped_through_but_other_image_types_are_not(tmp_path: Path) -> None:
    for n, (echo, kind) in enumerate([(10, "M"), (30, "M"), (10, "P"), (30, "P")]):
        write_time(
            tmp_path,
            n,
            EchoTime=echo,
            EchoNumbers=1 + n % 2,
            ImageType=["ORIGINAL", "PRIMARY", kind, "SE"],
        )
    items = series_of(tmp_path)
    assert len(items) == 4
    for item in items:
        points = time_points(item)
        assert len(points) == 2
        assert dimension_name(item) == "Echo"
        kinds = {stack.image_type[2] for stack in points}
        assert kinds == {item.stack.image_type[2]}


def test_that_times_with_missing_slices_still_belong(tmp_path: Path) -> None:
    for n in range(3):
        write_time(tmp_path, n, TemporalPositionIdentifier=n + 1)
    next(path for path in tmp_path.rglob("im0001.dcm")).unlink()
    items = series_of(tmp_path)
    assert all(len(time_points(item)) == 3 for item in items)
    # The shorter one comes last: the list of stacks is ordered by length first.
    assert sorted(item.volume.array.shape[0] for item in items) == [4, 5, 5]


def test_that_a_single_volume_or_two_orientations_have_no_times(tmp_path: Path) -> None:
    write_time(tmp_path / "one", 0)
    (alone,) = series_of(tmp_path / "one")
    assert time_points(alone) == ()
    assert place_in_time(alone) == -1
    write_time(tmp_path / "two", 0)
    turned = np.array([[3.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    values = np.zeros((5, 6, 8), np.int16)
    phantoms.write_series(tmp_path / "two" / "sag", values, turned, modality="MR", uid_seed="sag", **SHARED)
    assert all(time_points(item) == () for item in series_of(tmp_path / "two"))


# --- in the window ------------------------------------------------------------------------------------------------


def test_that_A27_stepping_keeps_cursor_window_framing_and_colours(
    qtbot: QtBot, window: MainWindow, dynamic: Path
) -> None:
    opened(qtbot, window, dynamic)
    view = window.context.view
    first = stack_of(window)
    assert first.label == "time 1"
    point = AFFINE[:3, 3] + AFFINE[:3, :3] @ [3, 2, 5]
    view.set_cursor(point)
    view.update_framing(PlaneKind.AXIAL, zoom=2.5, pan_mm=(1.0, -2.0))
    view.set_window(Role.BASE, Window(1500, 3500))
    view.update_layer(Role.BASE, invert=True)
    assert under_cursor(window) == "3"
    for n in range(1, TIMES):
        step(qtbot, window)
        assert stack_of(window).label == f"time {n + 1}"
        assert under_cursor(window) == str(1000 * n + 3)
        scene = resolve(view, view.layout.panes[0], 200, 200)
        assert scene is not None
        small = corners(view, scene, Density.FULL, identity=False, compact=True)
        assert small.bottom_right[-1] == f"time {n + 1}"
        np.testing.assert_array_equal(view.cursor_mm, point)
        assert view.framing(PlaneKind.AXIAL).zoom == 2.5
        assert view.base is not None
        assert (view.base.window, view.base.invert) == (Window(1500, 3500), True)
    # At the end it stays, and the way back needs no loading of what is kept.
    window.context.commands.run("time.next")
    assert stack_of(window).label == f"time {TIMES}"
    step(qtbot, window, "time.previous")
    assert stack_of(window).label == "time 3"


def test_that_the_slider_is_there_for_several_times_only_and_loads_one(
    qtbot: QtBot, window: MainWindow, dynamic: Path, tmp_path: Path
) -> None:
    write_time(tmp_path / "one", 0, SeriesInstanceUID="1.2.826.9")
    opened(qtbot, window, tmp_path / "one")
    block = window.findChild(QWidget, "time-block")
    slider = window.findChild(QSlider, "time-slider")
    assert isinstance(block, QWidget)
    assert isinstance(slider, QSlider)
    assert block.isHidden()
    assert not window.context.commands.action("time.next").isEnabled()
    opened(qtbot, window, dynamic)
    assert not block.isHidden()
    assert (slider.minimum(), slider.maximum(), slider.value()) == (0, TIMES - 1, 0)
    assert slider.accessibleName() == "Time of the series"
    slider.setValue(2)
    qtbot.waitUntil(lambda: stack_of(window).label == "time 3" and not window.context.loader.busy)
    assert slider.value() == 2


def test_that_the_last_wish_counts_in_whatever_order_the_answers_come(
    qtbot: QtBot, dynamic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library()
    view = ViewState(library)
    loader = Loader()
    session = Session(library, view, loader, Settings(tmp_path / "settings.json"))
    items = series_of(dynamic)
    library.set_catalogue(Catalogue((items[0].study,)))
    monkeypatch.setattr(loader, "start", lambda *_args, **_kinds: None)
    answers = [GeometryReady(item.volume, item.stack, item.series, item.study) for item in items]
    session.apply(answers[0])
    loader.open_series(items[1].volume.uid, "base")
    loader.open_series(items[2].volume.uid, "base")
    session.apply(answers[2])
    session.apply(answers[1])
    assert view.base is not None
    assert view.base.volume_uid == items[2].volume.uid
    # A wish that was given up may be had again.
    loader.open_series(items[1].volume.uid, "base")
    session.apply(answers[1])
    assert view.base.volume_uid == items[1].volume.uid
    session.disconnect_state()


def test_that_A27_cine_goes_through_the_times_and_starts_over(
    qtbot: QtBot, window: MainWindow, dynamic: Path
) -> None:
    opened(qtbot, window, dynamic)
    seen: list[str] = []
    window.context.view.layers_changed.connect(lambda: seen.append(stack_of(window).label))
    window.context.commands.run("cine.time")
    assert window.context.commands.action("cine.time").isChecked()
    assert not window.context.commands.action("cine.toggle").isChecked()
    qtbot.waitUntil(
        lambda: list(dict.fromkeys(seen)) == ["time 2", "time 3", "time 4", "time 1"], timeout=8000
    )
    window.context.commands.run("cine.time")
    assert not window.context.commands.action("cine.time").isChecked()


def test_that_D15_an_edited_suv_and_its_kind_stay_from_time_to_time(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    for n in range(2):
        phantoms.write_pet(
            tmp_path / str(n),
            uid_seed=f"pet {n}",
            FrameReferenceTime=150000.0 + 300000.0 * n,
            AcquisitionTime="110000" if n == 0 else "110500",
            PatientSex="M",
            **SHARED,
        )
    opened(qtbot, window, tmp_path)
    library = window.context.library
    uid = stack_of(window).uid
    edit_suv(library, uid, dose_bq=185e6)
    show_kind(library, uid, "ibw")
    step(qtbot, window)
    item = window.context.view.base_volume
    assert item is not None
    assert item.volume.uid != uid
    # Both are decay corrected to the start of the series: one factor, here with half the dose, by ideal weight.
    assert item.volume.suv_factor == pytest.approx(2 * 2.7633668e-4 * 72.38 / 70, rel=2e-6)
    assert item.volume.display_unit == "SUVibw*"
