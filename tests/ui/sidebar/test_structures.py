"""Structures section: list, figures, opening from the browser and by drop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QTreeWidgetItem

from tests.dicom.structures import source_images, write_seg, write_structures
from tests.imaging.test_contours import SQUARE, at_height
from tests.phantoms import write_ramp
from tests.ui.sidebar import builders
from viewer.archive.address import Place
from viewer.dicom.model import Catalogue, SeriesKind
from viewer.dicom.structure_facts import References
from viewer.dicom.structure_file import FoundStructure, StructureFile, read_structure_file
from viewer.imaging.contours import ContourSet
from viewer.imaging.labelmap import Mask
from viewer.loading.events import Indexed, StructuresReady
from viewer.state.structure_edit import change_body
from viewer.state.structure_saving import StructureForm
from viewer.state.structures import ACCEPTED, NO_FRAME, OTHER_FRAME, StructureStore
from viewer.state.undo import Edit, History
from viewer.ui.export.structure_files import save
from viewer.ui.opening import open_with_question
from viewer.ui.sidebar._browser_rows import browser_rows
from viewer.ui.sidebar._section import SidebarHub
from viewer.ui.sidebar.browser import StudyBrowser
from viewer.ui.sidebar.structures import MISSING, StructuresPanel

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.context import UiContext

FRAME = builders.FRAME_OF_REFERENCE


def box() -> Mask:
    """48 voxels of the ramp: k 1 to 3, j 1 to 4, i 2 to 5."""
    array = np.zeros(builders.SHAPE, bool)
    array[1:4, 1:5, 2:6] = True
    return Mask.of(array, builders.geometry())


def panel(qtbot: QtBot, context: UiContext) -> StructuresPanel:
    """The section on its own."""
    section = StructuresPanel(context)
    qtbot.addWidget(section)
    section.show()
    return section


def item_of(section: StructuresPanel, row: int | None = None) -> QTreeWidgetItem:
    """The first group of the list, or a row of it."""
    group = section.list.topLevelItem(0)
    assert group is not None
    found = group if row is None else group.child(row)
    assert found is not None
    return found


def file_of(frame: str, series: str = "") -> StructureFile:
    """A structure set of one box."""
    contours = ContourSet.of([at_height(SQUARE, z) for z in (-27.0, -24.0, -21.0)])
    found = FoundStructure("GTV", (255, 0, 0), contours, frame, (("Type", "GTV"),))
    return StructureFile(Path("rs.dcm"), "plan", (found,), References(frozenset({series} - {""})))


def wishes(context: UiContext) -> list[tuple[object, ...]]:
    """What the loader is asked for, instead of doing it."""
    found: list[tuple[object, ...]] = []

    def open_paths(paths: Sequence[Place], add: bool) -> None:
        found.append((tuple(paths), add))

    context.loader.handle(open_paths, lambda uid, role: found.append((uid, role)))
    return found


def test_that_I06_D20_volume_mean_and_maximum_of_both_layers_are_shown(
    qtbot: QtBot, fused: UiContext
) -> None:
    section = panel(qtbot, fused)
    store = fused.view.work.of(StructureStore)
    store.put([store.make("lesion", box(), FRAME)])

    def shown() -> dict[str, tuple[str, str]]:
        return {fact.label: (fact.value, fact.origin) for fact in section.card.facts.facts}

    qtbot.waitUntil(lambda: "PT max" in shown() and "CT max" in shown(), timeout=20_000)
    assert shown()["Volume"] == ("0.288 mL", "288.0 mm³ by voxels")
    assert shown()["CT mean"] == ("2285.0 HU", "48 voxels")
    assert shown()["CT max"][0] == "3450.0 HU"
    assert shown()["PT mean"][0] == f"{2.285:.2f} SUV"  # 0.001 g/Bq on the same ramp
    assert shown()["PT max"][0] == "3.45 SUV"


def fractional(folder: Path) -> Path:
    """The fractions S2 of the specification: 1, 1/2 and 1/4 of a voxel of 6 mm3."""
    masks = np.zeros((*builders.SHAPE, 1), np.float32)
    masks[2, 2, 2], masks[2, 2, 3], masks[2, 3, 3] = 1.0, 0.5, 0.25
    source = source_images(write_ramp(folder / "images"))
    return write_seg(folder / "s2.dcm", source, masks, "FRACTIONAL", max_fractional_value=255)


def test_that_I03_the_threshold_of_fractions_is_shown_and_changed_and_the_volume_follows(
    qtbot: QtBot, fused: UiContext, tmp_path: Path
) -> None:
    section = panel(qtbot, fused)
    store = fused.view.work.of(StructureStore)
    edits: list[Edit] = []
    fused.view.work.of(History).done.connect(edits.append)
    store.add_file(read_structure_file(fractional(tmp_path)))
    card = section.card

    def shown() -> dict[str, str]:
        return {fact.label: fact.origin or fact.value for fact in card.facts.facts}

    assert card.counted.isVisible()
    assert card.threshold.value() == 0.5
    assert shown()["Fraction"] == "probability"
    for threshold, volume in ((0.5, "12.0"), (0.25, "18.0"), (0.51, "6.0"), (1.0, "6.0")):
        card.threshold.setValue(threshold)
        assert shown()["Volume"] == f"{volume} mm³ by voxels"
    assert shown()["Weighted"] == "10.5 mm³"  # whatever the threshold
    edits[-1].undo()
    assert card.threshold.value() == 0.51
    # Voxels changed by hand are not thrown away by another threshold: it is told, and can no longer be turned.
    selected = store.selected
    assert selected is not None
    assert isinstance(selected.body, Mask)
    change_body(fused.view, selected, Mask.empty(selected.body.geometry), "Erase")
    assert not card.counted.isVisible()
    assert shown()["Counted from"] == "then changed by hand"
    edits[-1].undo()
    assert card.counted.isVisible()
    assert shown()["Volume"] == "6.0 mm³ by voxels"


def test_that_a_click_goes_into_the_structure_and_marks_switch_it_off(qtbot: QtBot, fused: UiContext) -> None:
    section = panel(qtbot, fused)
    store = fused.view.work.of(StructureStore)
    mine = store.make("lesion", box(), FRAME)
    store.put([mine])
    row = item_of(section, 0)
    section.list.itemClicked.emit(row, 0)
    assert box().contains(fused.view.cursor_mm)
    row.setCheckState(0, Qt.CheckState.Unchecked)
    changed = store.get(mine.id)
    assert changed is not None
    assert not changed.visible
    item_of(section).setCheckState(0, Qt.CheckState.Checked)
    assert all(structure.visible for structure in store)


def test_that_a_name_is_changed_through_the_history_and_back(qtbot: QtBot, fused: UiContext) -> None:
    section = panel(qtbot, fused)
    store = fused.view.work.of(StructureStore)
    store.put([store.make("lesion", box(), FRAME)])
    edits: list[Edit] = []
    fused.view.work.of(History).done.connect(edits.append)
    section.card.name.setText("liver")
    section.card.name.editingFinished.emit()
    section.card.remove.click()
    assert [edit.text for edit in edits] == ["Rename structure", "Remove structure"]
    assert len(store) == 0
    for edit in reversed(edits):
        edit.undo()
    assert [structure.name for structure in store] == ["lesion"]


def test_that_J47_structures_whose_images_are_missing_are_listed_and_say_so(
    qtbot: QtBot, fused: UiContext
) -> None:
    section = panel(qtbot, fused)
    asked = wishes(fused)
    fused.loader.arrived.emit(StructuresReady(file_of("2.25.77", "gone")))
    assert asked == []
    assert [problem.reason for problem in fused.library.problems] == [MISSING]
    assert item_of(section, 0).text(0) == "GTV"
    assert section.card.notice.text == OTHER_FRAME
    assert not section.card.centre.isEnabled()


def test_that_J47_structures_in_the_space_of_the_image_are_drawn_though_their_series_is_missing(
    qtbot: QtBot, fused: UiContext
) -> None:
    section = panel(qtbot, fused)
    asked = wishes(fused)
    fused.loader.arrived.emit(StructuresReady(file_of(FRAME, "gone")))
    assert asked == []
    assert fused.library.problems == ()
    assert section.card.notice.text == ""


def test_that_structures_of_another_series_bring_it_on_screen(qtbot: QtBot, fused: UiContext) -> None:
    section = panel(qtbot, fused)
    asked = wishes(fused)
    fused.loader.arrived.emit(StructuresReady(file_of("2.25.9", "mr")))
    assert asked == [("mr", "base")]
    assert section.list.topLevelItemCount() == 1


def test_that_a_double_click_in_the_browser_reads_and_draws_a_structure_set(
    qtbot: QtBot, fused: UiContext, tmp_path: Path
) -> None:
    path = write_structures(
        tmp_path / "rs.dcm",
        {"GTV": [at_height(SQUARE / 3 - (8, 18), z) for z in (-27.0, -24.0)]},
        frame_of_reference=FRAME,
    )
    section = panel(qtbot, fused)
    browser = StudyBrowser(fused)
    qtbot.addWidget(browser)
    series = builders.series("rt", "RTSTRUCT", SeriesKind.STRUCTURES, paths=(path,))
    rows = browser_rows(Catalogue((builders.study(series),)), identity=True)
    row = next(row for row in rows[0].walk() if row.series_uid == "rt")
    browser.open_row(row)
    store = fused.view.work.of(StructureStore)
    qtbot.waitUntil(lambda: len(store) == 1, timeout=30_000)
    qtbot.waitUntil(lambda: not fused.loader.busy, timeout=30_000)
    assert item_of(section).text(0) == "plan"
    fused.loader.stop()


def test_that_a_structure_set_dropped_on_an_open_study_is_added_to_it_and_drawn(
    qtbot: QtBot, fused: UiContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_structures(tmp_path / "rs.dcm", {"GTV": [at_height(SQUARE, 0.0)]}, frame_of_reference=FRAME)
    section = panel(qtbot, fused)
    asked = wishes(fused)
    opened: list[tuple[Path, ...]] = []
    monkeypatch.setattr(section, "open_files", opened.append)
    open_with_question(fused, (path,))
    assert asked == [((path,), True)]
    series = builders.series("rt", "RTSTRUCT", SeriesKind.STRUCTURES, paths=(path,))
    known = fused.library.catalogue
    studies = (replace(known.studies[0], series=(*known.studies[0].series, series)),)
    for _ in range(2):  # once and not again
        fused.loader.arrived.emit(Indexed(replace(known, studies=studies), complete=True, names={}))
    assert opened == [(path,)]


def test_that_what_is_dropped_on_an_empty_window_is_opened_as_ever(
    qtbot: QtBot, context: UiContext, tmp_path: Path
) -> None:
    path = write_structures(tmp_path / "rs.dcm", {"GTV": [at_height(SQUARE, 0.0)]}, frame_of_reference=FRAME)
    asked = wishes(context)
    open_with_question(context, (path,))
    assert asked == [((path,), False)]
    assert SidebarHub.of(context.window) is not None


def test_that_D31_J47_the_user_may_draw_a_structure_of_another_space_and_it_stays_marked(
    qtbot: QtBot, fused: UiContext
) -> None:
    section = panel(qtbot, fused)
    store = fused.view.work.of(StructureStore)
    edits: list[Edit] = []
    fused.view.work.of(History).done.connect(edits.append)
    fused.loader.arrived.emit(StructuresReady(file_of("")))
    assert section.card.notice.text == NO_FRAME
    section.card.accept.click()
    (structure,) = store
    assert structure.frame_of_reference_uid == FRAME
    assert structure.notes[-1] == ACCEPTED
    assert section.card.notice.text == ""
    edits[-1].undo()
    assert section.card.notice.text == NO_FRAME


def test_that_I11_what_is_drawn_is_saved_in_the_background_and_said(
    qtbot: QtBot, fused: UiContext, tmp_path: Path
) -> None:
    store = fused.view.work.of(StructureStore)
    store.put([store.make("lesion", box(), FRAME), store.make("elsewhere", box(), "2.25.7")])
    save(fused, tmp_path / "out.nii.gz", StructureForm.NIFTI)
    qtbot.waitUntil(
        lambda: fused.window.findChild(QMessageBox, "structures-saved") is not None, timeout=20_000
    )
    (said,) = fused.window.findChildren(QMessageBox, "structures-saved")
    assert said.text() == "1 structure saved as out.nii.gz: 1 lesion."
    assert (tmp_path / "out.nii.gz").exists()
    said.close()
    qtbot.wait(50)
