"""Own window presets: kept, changed, exchanged as files (rule C04)."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QKeySequence
from pytestqt.qtbot import QtBot

from viewer.imaging.presets import Preset, builtin_presets, load_presets
from viewer.imaging.window import VoiFunction, Window
from viewer.ui.dialogs.preset_editor import PresetEditor, free_id
from viewer.ui.dialogs.presets_dialog import PresetsDialog
from viewer.ui.presets import PresetBook

_MINE = Preset("own-mine", "Mine", Window(30, 90, name="Mine"), "HU", "CT", "HEAD", "")

_WEASIS = """<?xml version="1.0"?><presets>
<preset name="Brain" modality="CT" window="110" level="35" key="49"/>
<preset name="Narrow" modality="CT" window="33" level="44"/>
</presets>"""
_OHIF = '{"CT": [{"description": "Stroke", "window": "36", "level": "28"}]}'


def _nobody(_key: str, _preset: str) -> str:
    return ""


def _dialog(qtbot: QtBot, own: tuple[Preset, ...] = (), current: Preset | None = None) -> PresetsDialog:
    dialog = PresetsDialog(own, current, _nobody)
    qtbot.addWidget(dialog)
    return dialog


def _editor(qtbot: QtBot, preset: Preset, owner: str = "") -> PresetEditor:
    editor = PresetEditor(preset, lambda key, _id: owner if key == "1" else "", "Preset")
    qtbot.addWidget(editor)
    return editor


def test_that_all_presets_are_listed_with_their_origin(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, (_MINE,))
    rows = {}
    for number in range(dialog.tree.topLevelItemCount()):
        item = dialog.tree.topLevelItem(number)
        assert item is not None
        rows[item.text(0)] = [item.text(column) for column in range(1, 5)]
    assert len(rows) == len(builtin_presets()) + 1
    assert rows["Mine"] == ["CT Head", "W 90 L 30", "", "own"]
    assert rows["Brain"][1:] == ["W 80 L 40", "1", "built-in"]


def test_that_an_edited_preset_has_everything_that_was_typed(qtbot: QtBot) -> None:
    editor = _editor(qtbot, _MINE)
    editor.name.setText("Petrous bone")
    editor.fields.width_box.setValue(4000)
    editor.fields.level_box.setValue(700)
    editor.body_part.setText("ear")
    editor.key.setKeySequence(QKeySequence("Ctrl+9"))
    editor.accept()
    assert editor.preset == Preset(
        "own-mine", "Petrous bone", Window(700, 4000, name="Petrous bone"), "HU", "CT", "EAR", "Ctrl+9"
    )


def test_that_a_preset_for_pet_is_kept_as_exact_ends(qtbot: QtBot) -> None:
    editor = _editor(qtbot, _MINE)
    editor.use.setCurrentIndex(editor.use.findData("SUV"))
    editor.fields.lower_box.setValue(0)
    editor.fields.upper_box.setValue(9)
    preset = editor.preset
    assert (preset.quantity, preset.modality) == ("SUV", "PT")
    assert preset.window.function is VoiFunction.LINEAR_EXACT
    assert (preset.window.lower, preset.window.upper) == (0, 9)


def test_that_a_taken_key_and_an_empty_name_are_refused(qtbot: QtBot) -> None:
    editor = _editor(qtbot, _MINE, owner="Brain")
    editor.key.setKeySequence(QKeySequence("1"))
    assert "Brain" in editor.note.text()
    editor.accept()
    assert editor.result() == 0
    editor.key.clear()
    editor.name.setText("  ")
    assert "name" in editor.note.text()
    assert not editor._accept.isEnabled()


def test_that_a_preset_can_be_added_changed_and_deleted(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, (), _MINE)
    dialog.keep(_MINE)
    assert dialog.own == (_MINE,)
    editor = dialog.editor(_MINE, "Edit preset")
    editor.fields.level_box.setValue(31)
    editor.accept()
    assert [preset.window.center for preset in dialog.own] == [31]
    dialog.choose("own-mine")
    dialog.delete.click()
    assert not list(dialog.own)


def test_that_a_built_in_preset_can_be_changed_and_brought_back(qtbot: QtBot, tmp_path: Path) -> None:
    book = PresetBook(tmp_path / "presets.json")
    brain = next(preset for preset in book.presets if preset.name == "Brain")
    dialog = _dialog(qtbot, book.own)
    editor = dialog.editor(brain, "Edit preset")
    editor.fields.width_box.setValue(100)
    editor.accept()
    book.save_own(dialog.own)
    again = PresetBook(tmp_path / "presets.json")
    changed = again.get(brain.id)
    assert changed is not None
    assert (changed.window.width, changed.key) == (100, brain.key)
    assert again.own == (changed,)
    second = _dialog(qtbot, again.own)
    second.choose(brain.id)
    assert second.delete.text() == "Back to built-in"
    second.delete.click()
    again.save_own(second.own)
    assert load_presets(tmp_path / "presets.json") == builtin_presets()


def test_that_a_built_in_preset_cannot_be_deleted(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot)
    dialog.choose(builtin_presets()[0].id)
    assert not dialog.delete.isEnabled()
    assert dialog.edit.isEnabled()


def test_that_C04_exported_presets_come_back_equal(qtbot: QtBot, tmp_path: Path) -> None:
    pet = Preset("own-pet", "Pet", Window.from_bounds(0, 12.5, "Pet"), "SUV", "PT")
    curve = Preset(
        "own-curve", "Curve", Window(40, 80, VoiFunction.SIGMOID, "Curve"), "HU", "CT", "", "Ctrl+8"
    )
    first = _dialog(qtbot, (_MINE, pet, curve))
    first.write_file(tmp_path / "mine.json")
    second = _dialog(qtbot)
    second.read_file(tmp_path / "mine.json")
    assert second.own == (_MINE, pet, curve)
    second.read_file(tmp_path / "mine.json")  # twice is once
    assert second.own == (_MINE, pet, curve)


def test_that_C04_weasis_presets_come_in_and_a_taken_key_is_said(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "presets.xml").write_text(_WEASIS)
    dialog = _dialog(qtbot)
    dialog.read_file(tmp_path / "presets.xml")
    assert [(p.name, p.window.width, p.window.center, p.key) for p in dialog.own] == [
        ("Brain", 110, 35, ""),
        ("Narrow", 33, 44, ""),
    ]
    assert "the key 1 belongs to “Brain”" in dialog.note.text()


def test_that_C04_ohif_presets_come_in(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "ohif.json").write_text(_OHIF)
    dialog = _dialog(qtbot)
    dialog.read_file(tmp_path / "ohif.json")
    assert [(p.name, p.quantity, p.window.width, p.window.center) for p in dialog.own] == [
        ("Stroke", "HU", 36, 28)
    ]


@pytest.mark.parametrize("content", ["no presets", "{}", "<x>", ""])
def test_that_a_file_without_presets_changes_nothing_and_is_said(
    qtbot: QtBot, tmp_path: Path, content: str
) -> None:
    (tmp_path / "bad.json").write_text(content)
    dialog = _dialog(qtbot, (_MINE,))
    dialog.read_file(tmp_path / "bad.json")
    assert dialog.own == (_MINE,)
    assert "bad.json" in dialog.note.text()


def test_that_an_export_that_cannot_be_written_is_said(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    dialog = _dialog(qtbot, (_MINE,))
    dialog.write_file(tmp_path / "file" / "mine.json")
    assert "could not be written" in dialog.note.text()


def test_that_ids_of_own_presets_are_made_from_the_name_and_free() -> None:
    assert free_id("Felsenbein rechts!", ()) == "own-felsenbein-rechts"
    assert free_id("A", ("own-a", "own-a-2")) == "own-a-3"
    assert free_id("脳", ()) == "own-preset"
