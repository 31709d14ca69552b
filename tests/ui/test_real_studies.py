"""Real studies in the real window: the right series open, with the right numbers and letters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from viewer.state.layers import Role
from viewer.state.panes import PlaneKind
from viewer.state.probe import read_point

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

RealData = Callable[[str], Path]
LETTERS = {PlaneKind.AXIAL: "RLAP", PlaneKind.SAGITTAL: "APHF", PlaneKind.CORONAL: "RLHF"}


def opened(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    window.open([path])
    qtbot.waitUntil(
        lambda: not window.context.loader.busy and window.context.view.base is not None, timeout=60_000
    )
    qtbot.waitUntil(lambda: all(shown.scene_shown and not shown.stale for shown in window.grid.panes()))


def test_that_petct_acrin_opens_fused_with_its_published_suv(
    qtbot: QtBot, window: MainWindow, real_data: RealData, reference: Callable[[str], Any]
) -> None:
    opened(qtbot, window, real_data("petct-acrin"))
    view = window.context.view
    ct, pet = view.volume(Role.BASE), view.volume(Role.OVERLAY)
    assert ct is not None
    assert pet is not None
    assert (ct.series.modality, ct.volume.geometry.shape[0]) == ("CT", 135)
    assert (pet.series.description, pet.volume.geometry.shape[0]) == ("PET AC", 135)
    assert ct.volume.geometry.spacing_mm[0] == pytest.approx(3.27, abs=0.005)
    assert ct.stack.report.thickness_mm == pytest.approx(3.75)
    expected = reference("suv")["petct-acrin PET AC"]
    assert pet.volume.suv_factor == pytest.approx(expected["suvbw_factor_independent"], rel=1e-4)
    hottest = np.unravel_index(np.argmax(pet.volume.array), pet.volume.array.shape)
    point = pet.volume.geometry.to_patient([float(n) for n in hottest])
    reading = next(found for found in read_point(view, point) if found.role is Role.OVERLAY)
    assert reading.value == pytest.approx(expected["expected_max_SUVbw"], rel=1e-4)
    activity = float(pet.volume.physical(pet.volume.array[hottest]))
    assert reading.value == pytest.approx(activity * expected["suvbw_factor_independent"], rel=1e-4)
    localizers = [
        s for study in window.context.library.catalogue.studies for s in study.series if s.kind == "localizer"
    ]
    assert len(localizers) == 1


def test_that_a_pet_without_attenuation_correction_shows_no_suv(
    qtbot: QtBot, window: MainWindow, real_data: RealData
) -> None:
    opened(qtbot, window, real_data("petct-acrin"))
    catalogue = window.context.library.catalogue
    nac = next(s for study in catalogue.studies for s in study.series if s.description == "PET NAC")
    window.context.loader.open_series(nac.stacks[0].uid, "overlay")
    view = window.context.view
    qtbot.waitUntil(
        lambda: view.overlay is not None and view.overlay.volume_uid == nac.stacks[0].uid, timeout=20_000
    )
    qtbot.waitUntil(lambda: not window.context.loader.busy, timeout=20_000)
    shown = view.volume(Role.OVERLAY)
    assert shown is not None
    assert shown.volume.suv_factor is None
    assert shown.volume.display_unit != "SUV"
    assert "PROPCNTS" in shown.volume.suv_note


@pytest.mark.parametrize(
    "name, modality, slices",
    [
        ("head-philips", "CT", 140),
        ("ct-tilt-ge", "CT", 28),
        ("mr-decubitus-a", "MR", 35),
        ("mr-sella", "MR", 20),
        ("sts-a", "CT", 59),
        ("mf-a", "CT", 2),
    ],
)
def test_that_real_studies_open_with_the_right_letters_and_square_millimetres(
    qtbot: QtBot, window: MainWindow, real_data: RealData, name: str, modality: str, slices: int
) -> None:
    opened(qtbot, window, real_data(name))
    item = window.context.view.base_volume
    assert item is not None
    assert (item.series.modality, item.volume.geometry.shape[0]) == (modality, slices)
    for shown in window.grid.panes():
        scene = shown.scene_shown
        assert scene is not None
        wanted = LETTERS[shown.pane.kind]
        # Obliquity adds second letters; the first one of each edge is the patient's axis.
        assert "".join(edge[0] for edge in scene.letters) == wanted
        assert np.linalg.norm(scene.plane.u_mm) == pytest.approx(np.linalg.norm(scene.plane.v_mm))
        assert shown.picture.pixels.max() > shown.picture.pixels.min()
    if name == "head-philips":
        assert any("DICOMDIR" in problem.reason for problem in window.context.library.problems)


def test_that_damaged_files_leave_a_good_series_in_peace(
    qtbot: QtBot, window: MainWindow, real_data: RealData, tmp_path: Path
) -> None:
    from tests.phantoms import write_ramp

    write_ramp(tmp_path / "good")
    window.open([real_data("broken-a"), tmp_path / "good"])
    qtbot.waitUntil(
        lambda: not window.context.loader.busy and window.context.library.catalogue.files_seen > 5,
        timeout=60_000,
    )
    catalogue = window.context.library.catalogue
    ramp = [s for study in catalogue.studies for s in study.series if s.description == "Ramp G1"]
    assert len(ramp) == 1
    assert ramp[0].stacks[0].geometry.shape == (5, 6, 8)
    assert window.context.library.problems
    assert all(
        problem.reason and "Traceback" not in problem.reason for problem in window.context.library.problems
    )
    window.context.loader.open_series(ramp[0].stacks[0].uid, "base")
    qtbot.waitUntil(
        lambda: (
            window.context.view.base is not None
            and window.context.view.base.volume_uid == ramp[0].stacks[0].uid
            and not window.context.loader.busy
        ),
        timeout=20_000,
    )
