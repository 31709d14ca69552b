"""Tags section: tree, search, masking, copying, and following the cursor without reading what nobody sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QDockWidget, QTabWidget, QWidget
from pytestqt.qtbot import QtBot

from tests.phantoms import write_ramp
from tests.ui.sidebar import builders
from viewer.dicom.tags import TagRow
from viewer.ui.context import UiContext
from viewer.ui.sidebar._section import SidebarHub
from viewer.ui.sidebar._tag_model import MASK, NAME, TAG, VALUE, TagFilter, TagModel
from viewer.ui.sidebar.tags import TagsPanel, slice_under_cursor

ROWS = (
    TagRow("(0008,0060)", "Modality", "CS", "CT"),
    TagRow("(0008,1140)", "Referenced Image Sequence", "SQ", "1 item"),
    TagRow("", "Item 1", "", "", depth=1),
    TagRow("(0008,1155)", "Referenced SOP Instance UID", "UI", "1.2.3", depth=2),
    TagRow("(0010,0010)", "Patient's Name", "PN", "DOE, Jane", identity=True),
    TagRow("(0010,0040)", "Patient's Sex", "CS", "", identity=True),
    TagRow("(0029,1010)", "SIEMENS CSA", "OB", "<1048576 bytes>", private=True, identity=True),
)


@pytest.fixture
def owner(qtbot: QtBot) -> QObject:
    return QObject()


@pytest.fixture
def model(owner: QObject) -> TagModel:
    made = TagModel(owner)
    made.show(ROWS)
    made.set_masked(False)
    return made


def listed(model: TagModel | TagFilter, parent: QModelIndex | None = None) -> list[str]:
    at = parent or QModelIndex()
    found = []
    for row in range(model.rowCount(at)):
        found.append(str(model.index(row, NAME, at).data()))
        found += listed(model, model.index(row, 0, at))
    return found


# --- model ------------------------------------------------------------------------------------------------------


def test_that_depth_becomes_a_tree(model: TagModel) -> None:
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    assert model.rowCount() == 5
    sequence = model.index(1, 0)
    item = model.index(0, 0, sequence)
    leaf = model.index(0, VALUE, item)
    assert (item.siblingAtColumn(NAME).data(), leaf.data()) == ("Item 1", "1.2.3")
    assert model.parent(leaf) == item


def test_that_values_change_in_place_while_the_tags_stay_the_same(model: TagModel) -> None:
    resets: list[int] = []
    model.modelReset.connect(lambda: resets.append(1))
    kept = model.index(0, VALUE)
    model.show((TagRow("(0008,0060)", "Modality", "CS", "PT"), *ROWS[1:]))
    assert kept.data() == "PT"
    assert resets == []
    model.show(ROWS[:2])
    assert resets == [1]
    assert model.rowCount() == 2


def test_that_masking_hides_identifying_values_that_are_there(model: TagModel) -> None:
    model.set_masked(True)
    shown = {model.index(row, NAME).data(): model.index(row, VALUE).data() for row in range(model.rowCount())}
    assert shown["Patient's Name"] == MASK
    assert shown["Modality"] == "CT"
    assert shown["Patient's Sex"] == "", "an empty value says so"
    assert "DOE" not in model.text()
    assert "DOE" not in str(model.index(3, VALUE).data(Qt.ItemDataRole.ToolTipRole))


def test_that_J44_a_tooltip_shows_markup_as_text(owner: QObject) -> None:
    model = TagModel(owner)
    model.show((TagRow("(0008,103E)", "Series Description", "LO", "<script>x</script> & more"),))
    tip = model.index(0, VALUE).data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;script>x&lt;/script> &amp; more" in tip
    assert "<script" not in tip


@pytest.mark.parametrize(
    "text, found",
    [
        ("modality", ["Modality"]),
        ("0008,1155", ["Referenced Image Sequence", "Item 1", "Referenced SOP Instance UID"]),
        ("00100010", ["Patient's Name"]),
        ("jane doe", ["Patient's Name"]),
        ("nothing like it", []),
        (
            "",
            [
                "Modality",
                "Referenced Image Sequence",
                "Item 1",
                "Referenced SOP Instance UID",
                "Patient's Name",
                "Patient's Sex",
            ],
        ),
    ],
)
def test_that_search_finds_tag_name_and_value_with_the_way_to_them(
    model: TagModel, owner: QObject, text: str, found: list[str]
) -> None:
    proxy = TagFilter(model, owner)
    proxy.set_text(text)
    assert listed(proxy) == found


def test_that_a_hidden_value_is_not_found_by_searching_for_it(model: TagModel, owner: QObject) -> None:
    model.set_masked(True)
    proxy = TagFilter(model, owner)
    proxy.set_text("jane")
    assert listed(proxy) == []


def test_that_private_tags_are_shown_on_request(model: TagModel, owner: QObject) -> None:
    proxy = TagFilter(model, owner)
    assert "SIEMENS CSA" not in listed(proxy)
    proxy.set_private(True)
    assert "SIEMENS CSA" in listed(proxy)


# --- panel ------------------------------------------------------------------------------------------------------


@pytest.fixture
def ramp(tmp_path: Path) -> list[Path]:
    """Five real files, in the order of the slices of the builders' stack."""
    folder = write_ramp(tmp_path / "ramp", "G1")
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def panel(qtbot: QtBot, context: UiContext, ramp: list[Path]) -> TagsPanel:
    from dataclasses import replace

    from viewer.dicom.model import Catalogue, FrameSource, SeriesKind

    stack = replace(builders.stack("ct"), frames=tuple(FrameSource(path) for path in ramp))
    catalogue = Catalogue((builders.study(builders.series("ct", "CT", SeriesKind.VOLUME, stack)),))
    context.library.set_catalogue(catalogue)
    context.library.add(builders.opened(catalogue, "ct"))
    context.view.show(builders.layer("ct"))
    made = TagsPanel(context)
    qtbot.addWidget(made)
    made.resize(312, 700)
    return made


def values(panel: TagsPanel) -> dict[str, str]:
    model = panel.filter
    return {
        str(model.index(row, TAG).data()): str(model.index(row, VALUE).data())
        for row in range(model.rowCount())
    }


def shown(panel: TagsPanel, qtbot: QtBot) -> dict[str, str]:
    panel.show()
    qtbot.waitUntil(lambda: panel.filter.rowCount() > 0)
    return values(panel)


def test_that_the_tags_of_the_slice_under_the_cursor_are_listed(
    panel: TagsPanel, context: UiContext, qtbot: QtBot
) -> None:
    import pydicom

    found = slice_under_cursor(context.view)
    assert found is not None
    path, where = found
    # The cursor starts in the middle of five slices.
    assert where == "CT slice 3 of 5"
    assert shown(panel, qtbot)["(0008,0018)"] == str(pydicom.dcmread(path).SOPInstanceUID)


def test_that_the_tree_follows_the_cursor_after_it_rested(
    panel: TagsPanel, context: UiContext, qtbot: QtBot
) -> None:
    before = shown(panel, qtbot)["(0008,0018)"]
    for z in (-27.0, -24.0, -18.0):
        context.view.set_cursor((-10.0, -20.0, z))
    assert values(panel)["(0008,0018)"] == before, "not while it moves"
    qtbot.waitUntil(lambda: values(panel)["(0008,0018)"] != before)
    assert panel._where.text() == "CT slice 5 of 5"


def test_that_nothing_is_read_while_the_section_is_hidden(
    panel: TagsPanel, context: UiContext, qtbot: QtBot
) -> None:
    context.view.set_cursor((-10.0, -20.0, -18.0))
    qtbot.wait(200)
    assert panel.filter.rowCount() == 0
    assert not panel._timer.isActive()


def test_that_the_privacy_switch_masks_and_follows_the_session(
    panel: TagsPanel, context: UiContext, qtbot: QtBot
) -> None:
    clear = shown(panel, qtbot)
    assert clear["(0010,0020)"] not in ("", MASK)
    panel.privacy.click()
    masked = values(panel)
    assert masked["(0010,0020)"] == MASK
    assert masked["(0008,0060)"] == "CT"
    panel.privacy.click()
    assert values(panel) == clear
    context.view.set_display(identity_visible=False)
    assert panel.privacy.isChecked()
    assert values(panel)["(0010,0020)"] == MASK


def test_that_a_session_without_identity_starts_masked(qtbot: QtBot, context: UiContext) -> None:
    context.view.set_display(identity_visible=False)
    panel = TagsPanel(context)
    qtbot.addWidget(panel)
    assert panel.privacy.isChecked()


def test_that_copies_hold_what_is_shown(panel: TagsPanel, qtbot: QtBot) -> None:
    shown(panel, qtbot)
    panel.privacy.setChecked(True)
    panel.copy_all.click()
    everything = QGuiApplication.clipboard().text()
    assert "(0008,0060)\tCS\tModality\tCT" in everything
    assert f"(0010,0020)\tLO\tPatient ID\t{MASK}" in everything
    panel.search.setText("modality")
    panel.tree.setCurrentIndex(panel.filter.index(0, 0))
    panel.copy_row()
    assert QGuiApplication.clipboard().text() == "(0008,0060)\tCS\tModality\tCT"
    panel.copy_value()
    assert QGuiApplication.clipboard().text() == "CT"


def test_that_a_file_can_be_pinned_and_let_go(
    panel: TagsPanel, context: UiContext, qtbot: QtBot, ramp: list[Path]
) -> None:
    at_cursor = shown(panel, qtbot)["(0008,0018)"]
    SidebarHub.of(context.window).tags_requested.emit(ramp[0])
    qtbot.waitUntil(lambda: values(panel)["(0008,0018)"] != at_cursor)
    pinned = values(panel)["(0008,0018)"]
    context.view.set_cursor((-10.0, -20.0, -18.0))
    qtbot.wait(200)
    assert values(panel)["(0008,0018)"] == pinned
    context.view.set_cursor((-10.0, -20.0, -24.0))
    panel.follow_button.click()
    qtbot.waitUntil(lambda: values(panel)["(0008,0018)"] == at_cursor)
    assert panel.follow_button.isHidden()


def test_that_a_file_that_is_gone_gives_a_sentence(panel: TagsPanel, qtbot: QtBot, tmp_path: Path) -> None:
    shown(panel, qtbot)
    panel.pin(tmp_path / "gone.dcm")
    qtbot.waitUntil(lambda: "cannot be read" in panel._message.text())
    assert panel.filter.rowCount() == 0
    assert "gone.dcm" not in panel._message.text()


def test_that_only_the_newest_of_many_wishes_is_answered(
    panel: TagsPanel, qtbot: QtBot, ramp: list[Path]
) -> None:
    answered: list[Path] = []
    panel._reader.finished.connect(lambda path, _rows: answered.append(path))
    for path in ramp:
        panel._reader.read(path)
    qtbot.waitUntil(lambda: ramp[-1] in answered)
    assert len(answered) <= 2


def test_that_closing_while_reading_harms_nothing(context: UiContext, qtbot: QtBot, ramp: list[Path]) -> None:
    panel = TagsPanel(context)
    panel.pin(ramp[0])
    panel.close()
    panel.deleteLater()
    qtbot.wait(50)


def test_that_asking_for_tags_brings_the_section_to_the_front(
    panel: TagsPanel, context: UiContext, qtbot: QtBot, ramp: list[Path]
) -> None:
    tabs = QTabWidget()
    tabs.addTab(QWidget(), "Layers")
    tabs.addTab(panel, "Tags")
    dock = QDockWidget(context.window)
    dock.setWidget(tabs)
    dock.hide()
    context.window.show()
    SidebarHub.of(context.window).tags_requested.emit(ramp[0])
    assert tabs.currentWidget() is panel
    assert dock.isVisible()
