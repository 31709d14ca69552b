"""Settings: what the schema allows, what survives a restart, what a broken file does."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from viewer.errors import SettingsError
from viewer.settings import (
    Setting,
    Settings,
    cache_dir,
    config_dir,
    load_schema,
    log_dir,
    physical_memory_bytes,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.json"


def test_that_every_row_of_the_schema_is_complete_and_its_default_fits() -> None:
    schema = load_schema()
    assert len(schema) >= 10
    for key, setting in schema.items():
        assert setting.key == key
        assert setting.text
        assert setting.checked(setting.default) == setting.default


def test_that_a_setting_survives_a_restart(path: Path) -> None:
    settings = Settings(path)
    settings.set("ui.theme", "light")
    settings.set("recent.paths", ["/a", "/b"])
    settings.set("pet.opacity", 1)
    settings.save()
    again = Settings(path)
    assert again.get("ui.theme") == "light"
    assert again.get("recent.paths") == ("/a", "/b")
    assert again.get("pet.opacity") == 1.0
    assert again.problems == ()


def test_that_only_what_differs_from_the_default_is_written(path: Path) -> None:
    settings = Settings(path)
    settings.set("ui.theme", "light")
    settings.set("annotations.identity", False)
    settings.reset("annotations.identity")
    settings.save()
    assert json.loads(path.read_text(encoding="utf-8")) == {"ui.theme": "light"}


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_that_the_file_is_for_this_user_only(path: Path) -> None:
    settings = Settings(path)
    settings.save()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "key, value",
    [
        ("ui.theme", "purple"),
        ("ui.theme", 1),
        ("annotations.identity", "yes"),
        ("annotations.identity", 1),
        ("pet.opacity", 1.5),
        ("pet.opacity", float("nan")),
        ("pet.opacity", True),
        ("memory.budget-percent", 50.5),
        ("memory.budget-percent", 0),
        ("recent.paths", "a"),
        ("recent.paths", [1]),
        ("window.docks", None),
    ],
)
def test_that_a_value_the_schema_does_not_allow_is_refused_and_nothing_changes(
    key: str, value: object, path: Path
) -> None:
    settings = Settings(path)
    before = settings.get(key)
    with pytest.raises(SettingsError, match=key):
        settings.set(key, value)
    assert settings.get(key) == before


def test_that_an_unknown_key_is_a_fault_of_the_program(path: Path) -> None:
    settings = Settings(path)
    with pytest.raises(KeyError):
        settings.get("no.such")
    with pytest.raises(KeyError):
        settings.set("no.such", 1)


@pytest.mark.parametrize("content", ["", "nonsense", "[1, 2]", '"text"', "\x00\xff"])
def test_that_a_broken_file_means_defaults_and_one_sentence(content: str, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(content, encoding="latin-1")
    settings = Settings(path)
    assert settings.get("ui.theme") == "dark"
    assert len(settings.problems) == 1


def test_that_a_bad_value_costs_only_itself(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"ui.theme": "purple", "pet.opacity": 0.25}), encoding="utf-8")
    settings = Settings(path)
    assert settings.get("ui.theme") == "dark"
    assert settings.get("pet.opacity") == 0.25
    assert "ui.theme" in settings.problems[0]


def test_that_settings_of_a_newer_version_are_kept_for_it(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"future.key": {"deep": 1}}), encoding="utf-8")
    settings = Settings(path)
    settings.set("ui.theme", "light")
    settings.save()
    assert json.loads(path.read_text(encoding="utf-8")) == {"future.key": {"deep": 1}, "ui.theme": "light"}


def test_that_listeners_hear_a_change_once_and_stop_when_they_want(path: Path) -> None:
    settings = Settings(path)
    heard: list[tuple[str, object]] = []
    stop = settings.subscribe(lambda key, value: heard.append((key, value)))
    settings.set("ui.theme", "light")
    settings.set("ui.theme", "light")
    stop()
    settings.set("ui.theme", "dark")
    assert heard == [("ui.theme", "light")]


def test_that_a_file_that_cannot_be_written_is_said_and_the_old_one_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(path)
    settings.set("ui.theme", "light")
    settings.save()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    settings.set("ui.theme", "dark")
    with pytest.raises(SettingsError, match="No space left on device"):
        settings.save()
    assert Settings(path).get("ui.theme") == "light"
    assert [entry.name for entry in path.parent.iterdir()] == ["settings.json"]


def test_that_the_memory_budget_is_a_share_of_the_memory(path: Path) -> None:
    settings = Settings(path)
    settings.set("memory.budget-percent", 25)
    total = physical_memory_bytes()
    assert total is not None
    assert settings.memory_budget_bytes() == total * 25 // 100


def test_that_folders_are_this_program_s_own() -> None:
    assert all(
        "triptych" in folder.as_posix().casefold() for folder in (config_dir(), cache_dir(), log_dir())
    )
    assert Settings.load().path == config_dir() / "settings.json"


@pytest.mark.parametrize(
    "row",
    [
        '[a.b]\ntype = "bool"\ntext = "t"',
        '[a.b]\ntype = "bool"\ndefault = 1\ntext = "t"',
        '[a.b]\ntype = "colour"\ndefault = 1\ntext = "t"',
        '[a.b]\ntype = "choice"\nchoices = ["x"]\ndefault = "y"\ntext = "t"',
        '[a.b]\ntype = "int"\ndefault = 5\nmax = 4\ntext = "t"',
    ],
)
def test_that_a_schema_that_contradicts_itself_is_refused(row: str, tmp_path: Path) -> None:
    (tmp_path / "schema.toml").write_text(row, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"a\.b"):
        load_schema(tmp_path / "schema.toml")


def test_that_settings_describe_themselves(path: Path) -> None:
    settings = Settings(path)
    assert "ui.theme" in settings.keys()  # noqa: SIM118 - not a mapping
    described = settings.describe("ui.theme")
    assert isinstance(described, Setting)
    assert described.choices == ("dark", "light")
