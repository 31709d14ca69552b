"""Presets: the list of section C typed in once more, files of other programs, and the user's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from viewer.assets import asset_path, assets_in
from viewer.errors import SettingsError
from viewer.imaging.presets import (
    Preset,
    builtin_presets,
    format_window,
    import_presets,
    load_presets,
    save_presets,
)
from viewer.imaging.window import VoiFunction, Window

CT = {  # name: key, W, L
    "Brain": ("1", 80, 40),
    "Bone": ("2", 2500, 480),
    "Subdural / blood": ("3", 200, 75),
    "Stroke": ("4", 40, 40),
    "Soft tissue / abdomen": ("5", 400, 50),
    "Lung": ("6", 1500, -600),
    "Mediastinum": ("7", 350, 50),
    "Liver": ("8", 150, 90),
    "Angio (CTA)": ("9", 600, 300),
    "Liver, unenhanced": ("", 150, 30),
    "Temporal bone": ("", 4000, 700),
    "Temporal bone, narrow": ("", 2800, 600),
    "Posterior fossa": ("", 120, 40),
    "Spine, soft tissue": ("", 250, 50),
    "Spine, bone": ("", 1800, 400),
    "Head and neck, soft tissue": ("", 375, 40),
}
PET = {"Shift+1": 5.0, "Shift+2": 7.0, "Shift+3": 10.0, "Shift+4": 15.0}

WEASIS = """<?xml version="1.0" encoding="UTF-8"?>
<presets>
  <preset name="Brain" modality="CT" window="110" level="35" key="51"/>
  <preset name="Lung" modality="CT" window="1500" level="-500" shape="SIGMOID"/>
  <preset name="Odd" modality="CT" window="300" level="20" shape="LOG_INV" key="112"/>
  <preset name="Broken" modality="CT" window="wide" level="0"/>
</presets>
"""
OHIF = {
    "cornerstone.windowLevelPresets": {
        "CT": [{"id": "ct-bone", "description": "Bone", "window": "2500", "level": "480"}],
        "PT": [
            {"description": "Default", "window": "5", "level": "2.5"},
            {"description": "SUV", "window": "0", "level": "3"},
            {"description": "SUV", "window": "0", "level": "7"},
        ],
    }
}


def test_that_the_ct_presets_are_the_ones_of_section_C() -> None:
    found = {
        p.name: (p.key, p.window.width, p.window.center) for p in builtin_presets() if p.quantity == "HU"
    }
    assert found == CT
    for preset in builtin_presets():
        if preset.quantity == "HU":
            assert (preset.modality, preset.window.function) == ("CT", VoiFunction.LINEAR)


def test_that_C03_pet_presets_are_ranges_that_start_at_zero() -> None:
    found = {p.key: p for p in builtin_presets() if p.quantity == "SUV"}
    assert {key: preset.window.upper for key, preset in found.items()} == PET
    for preset in found.values():
        assert preset.window.lower == 0
        assert (preset.modality, preset.window.function) == ("PT", VoiFunction.LINEAR_EXACT)


def test_that_the_keys_of_section_C_are_unique_and_ids_too() -> None:
    presets = builtin_presets()
    keys = [preset.key for preset in presets if preset.key]
    assert len(set(keys)) == len(keys)
    assert len({preset.id for preset in presets}) == len(presets)
    assert all(preset.window.name == preset.name for preset in presets)


def test_that_C01_C02_every_preset_says_for_which_quantity_it_is() -> None:
    assert {(p.modality, p.quantity) for p in builtin_presets()} == {("CT", "HU"), ("PT", "SUV")}


def test_that_C05_windows_read_as_radiologists_write_them() -> None:
    assert format_window(Window(40, 80), "HU") == "W 80 L 40"
    assert format_window(Window(-0.3, 80.4), "HU") == "W 80 L 0"
    assert format_window(Window(-600, 1500), "HU") == "W 1500 L -600"
    assert format_window(Window.from_bounds(0, 7), "SUV") == "SUV 0.0-7.0"
    assert format_window(Window.from_bounds(-0.01, 7), "SUV") == "SUV 0.0-7.0"
    assert format_window(Window.from_bounds(0.0, 0.25), "SUV") == "SUV 0.00-0.25"
    assert format_window(Window.from_bounds(0, 12000), "Bq/mL") == "Bq/mL 0-12000"
    assert format_window(Window(0.0012, 0.002, VoiFunction.LINEAR_EXACT), "") == "W 0.002 L 0.0012"
    assert format_window(Window(300, 600), "") == "W 600 L 300"


def test_that_C04_own_presets_survive_a_round_trip_and_lie_on_top(tmp_path: Path) -> None:
    own = (
        Preset("ct-brain", "My brain", Window(35, 100, name="My brain"), "HU", "CT", "HEAD", "1"),
        Preset("mine", "Tracer 0-3", Window.from_bounds(0, 3, "Tracer 0-3"), "SUV", "PT"),
        Preset("soft", "Sigmoid", Window(40, 300, VoiFunction.SIGMOID, "Sigmoid"), "HU"),
    )
    path = tmp_path / "deep" / "presets.json"
    save_presets(own, path)
    assert import_presets(path).presets == own
    loaded = load_presets(path)
    assert len(loaded) == len(builtin_presets()) + 2
    assert loaded[0] == own[0]
    assert loaded[-2:] == own[1:]
    assert [file.name for file in path.parent.iterdir()] == ["presets.json"]


def test_that_without_a_user_file_only_built_in_presets_are_there(tmp_path: Path) -> None:
    assert load_presets(None) == load_presets(tmp_path / "none.json") == builtin_presets()


def test_that_C04_weasis_files_are_imported(tmp_path: Path) -> None:
    path = tmp_path / "presets.xml"
    path.write_text(WEASIS)
    found = import_presets(path)
    assert [(p.name, p.window.width, p.window.center, p.key) for p in found.presets] == [
        ("Brain", 110, 35, "3"),
        ("Lung", 1500, -500, ""),
        ("Odd", 300, 20, ""),
    ]
    assert [p.window.function for p in found.presets] == [
        VoiFunction.LINEAR, VoiFunction.SIGMOID, VoiFunction.LINEAR,
    ]  # fmt: skip
    assert all((p.modality, p.quantity) == ("CT", "HU") for p in found.presets)
    assert len(found.notes) == 2


@pytest.mark.parametrize("wrapped", [True, False])
def test_that_C03_C04_ohif_files_are_imported_and_their_zero_widths_mean_ranges(
    tmp_path: Path, wrapped: bool
) -> None:
    path = tmp_path / "ohif.json"
    path.write_text(json.dumps(OHIF if wrapped else OHIF["cornerstone.windowLevelPresets"]))
    found = import_presets(path)
    bone, default, suv3, suv7 = found.presets
    assert (bone.window.width, bone.window.center, bone.quantity) == (2500, 480, "HU")
    assert (default.window.lower, default.window.upper, default.quantity) == (0, 5, "SUV")
    assert [(p.name, p.window.lower, p.window.upper) for p in (suv3, suv7)] == [
        ("SUV 0-3", 0, 3),
        ("SUV 0-7", 0, 7),
    ]
    assert len({p.id for p in found.presets}) == 4
    assert len(found.notes) == 2


def test_that_C04_numbered_ohif_presets_are_ct_windows(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(
        json.dumps({"1": {"description": "Soft tissue", "window": "400", "level": "40"}, "2": {}})
    )
    (preset,) = import_presets(path).presets
    assert (preset.window.width, preset.window.center, preset.quantity) == (400, 40, "HU")


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "3", "{}", "{", "not a preset", "<presets/>", "<presets>", '{"CT": []}', "\x00\xff",
        '<!DOCTYPE x [<!ENTITY a "b">]><presets><preset name="&a;" modality="CT" window="1" level="1"/></presets>',
        '{"format": "triptych-presets", "version": 2, "presets": []}',
        '{"format": "triptych-presets", "version": 1, "presets": [7]}',
        '{"format": "triptych-presets", "version": 1, "presets": [{"id": "a", "name": "A", "center": 1}]}',
        '{"format": "triptych-presets", "version": 1, "presets": [{"id": "a", "name": "A", "center": 1, "width": 0}]}',
        '{"format": "triptych-presets", "version": 1, "presets": [{"name": "A", "lower": 0, "upper": 1}]}',
        '{"format": "triptych-presets", "version": 1, "presets": [{"id":"a","name":"A","lower":0,"upper":1,"x":1}]}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_that_a_file_without_usable_presets_is_refused_with_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "some.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(SettingsError, match=r"some\.json"):
        import_presets(path)


def test_that_a_huge_or_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    with pytest.raises(SettingsError, match=r"some\.json"):
        import_presets(path)
    path.write_text(" " * 1_000_001)
    with pytest.raises(SettingsError, match="too large"):
        import_presets(path)


def test_that_resources_are_found_and_names_cannot_lead_out_of_them() -> None:
    assert asset_path("presets/ct.toml").is_file()
    assert [path.name for path in assets_in("presets", ".toml")] == ["ct.toml", "pet.toml"]
    with pytest.raises(FileNotFoundError):
        asset_path("presets/none.toml")
    with pytest.raises(ValueError, match="inside"):
        asset_path("../pyproject.toml")
