"""What the user decided, kept between runs: a small JSON file on top of the defaults of a schema.

The schema (`resources/settings_schema.toml`) says which keys exist and what they may hold, so that a file from another
version or a slip in an editor never reaches the program. The file never holds what identifies a patient.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from viewer.assets import asset_path
from viewer.errors import SettingsError

APP_NAME = "triptych"

Value = bool | int | float | str | tuple[str, ...]
"""What a setting can hold."""

Listener = Callable[[str, Value], None]

_log = logging.getLogger(__name__)

_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "text": (str,),
    "choice": (str,),
    "texts": (list, tuple),
}


def config_dir() -> Path:
    """Where settings, presets and shortcuts of the user are."""
    return platformdirs.user_config_path(APP_NAME, appauthor=False)


def cache_dir() -> Path:
    """Where things are that can be made again, such as the demo study."""
    return platformdirs.user_cache_path(APP_NAME, appauthor=False)


def data_dir() -> Path:
    """Where what the user made is kept, such as measurements."""
    return platformdirs.user_data_path(APP_NAME, appauthor=False)


def log_dir() -> Path:
    """Where the log and crash reports go; they stay on this computer."""
    return platformdirs.user_log_path(APP_NAME, appauthor=False)


@dataclass(frozen=True)
class Setting:
    """One row of the schema.

    Parameters
    ----------
    key
        "section.name".
    kind
        "bool", "int", "float", "text", "choice" or "texts".
    default
        Value without a user's wish.
    text
        What it is, for a settings dialog.
    choices
        Allowed values of a "choice".
    low, high
        Limits of a number, None for none.
    """

    key: str
    kind: str
    default: Value
    text: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    def checked(self, value: object) -> Value:
        """The value in its own type.

        Raises
        ------
        SettingsError
            The setting cannot hold it.
        """
        if not isinstance(value, _TYPES[self.kind]) or (isinstance(value, bool) and self.kind != "bool"):
            raise SettingsError(f"The setting {self.key} cannot be a {type(value).__name__}.")
        if isinstance(value, (list, tuple)):
            if not all(isinstance(item, str) for item in value):
                raise SettingsError(f"The setting {self.key} needs a list of texts.")
            return tuple(str(item) for item in value)
        if self.kind == "choice" and value not in self.choices:
            raise SettingsError(f"The setting {self.key} must be one of {', '.join(self.choices)}.")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            number = float(value) if self.kind == "float" else value
            low = -math.inf if self.low is None else self.low
            high = math.inf if self.high is None else self.high
            if not (math.isfinite(number) and low <= number <= high):
                raise SettingsError(f"The setting {self.key} must lie between {low:g} and {high:g}.")
            return number
        if isinstance(value, (bool, str)):
            return value
        raise SettingsError(f"The setting {self.key} cannot hold this value.")


def load_schema(path: Path | None = None) -> dict[str, Setting]:
    """All settings by key, from the built-in schema.

    Raises
    ------
    SettingsError
        A row of the schema is incomplete or its default breaks its own limits.
    """
    source = asset_path("settings_schema.toml") if path is None else path
    schema: dict[str, Setting] = {}
    for section, rows in tomllib.loads(source.read_text(encoding="utf-8")).items():
        for name, row in rows.items():
            key = f"{section}.{name}"
            if row.get("type") not in _TYPES or "default" not in row or not row.get("text"):
                raise SettingsError(f"The schema of the setting {key} is not complete.")
            limits = (tuple(row.get("choices", ())), row.get("min"), row.get("max"))
            setting = Setting(key, row["type"], "", row["text"], *limits)
            schema[key] = replace(setting, default=setting.checked(row["default"]))
    return schema


class Settings:
    """The user's settings over the defaults.

    Parameters
    ----------
    path
        The user's file; need not exist.
    schema
        Known settings; the built-in ones when None.

    Attributes
    ----------
    problems
        Sentences about what the file held and the program could not use; the defaults apply there.
    """

    def __init__(self, path: Path, schema: Mapping[str, Setting] | None = None) -> None:
        self.path = path
        self.problems: tuple[str, ...] = ()
        self._schema = dict(load_schema() if schema is None else schema)
        self._values: dict[str, Value] = {}
        self._unknown: dict[str, object] = {}
        self._listeners: list[Listener] = []
        self._read()

    @classmethod
    def load(cls) -> Settings:
        """The settings of this user."""
        return cls(config_dir() / "settings.json")

    def get(self, key: str) -> Value:
        """The value of a setting.

        Raises
        ------
        KeyError
            There is no such setting.
        """
        return self._values.get(key, self._schema[key].default)

    def set(self, key: str, value: object) -> None:
        """Change a setting and tell the listeners; `save` keeps it.

        Raises
        ------
        SettingsError
            The setting cannot hold the value.
        KeyError
            There is no such setting.
        """
        checked = self._schema[key].checked(value)
        if checked == self.get(key):
            return
        self._values[key] = checked
        for listener in tuple(self._listeners):
            listener(key, checked)

    def reset(self, key: str) -> None:
        """Go back to the default of a setting."""
        self.set(key, self._schema[key].default)

    def describe(self, key: str) -> Setting:
        """The schema row of a setting."""
        return self._schema[key]

    def keys(self) -> tuple[str, ...]:
        """All settings, in the order of the schema."""
        return tuple(self._schema)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(key, value)` after each change; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def memory_budget_bytes(self) -> int | None:
        """Voxel bytes that may be open at once, or None when the memory of the computer is unknown."""
        total = physical_memory_bytes()
        percent = self.get("memory.budget-percent")
        return None if total is None or not isinstance(percent, int) else total * percent // 100

    def save(self) -> None:
        """Write the file: aside, for this user only, then renamed, so that it is never half written.

        Raises
        ------
        SettingsError
            The file cannot be written.
        """
        kept = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in self._values.items()
            if value != self._schema[key].default
        }
        text = json.dumps(self._unknown | kept, indent=2, sort_keys=True, ensure_ascii=False)
        aside: str | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # mkstemp makes a file that only this user can read.
            handle, aside = tempfile.mkstemp(prefix="settings-", suffix=".tmp", dir=self.path.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            Path(aside).replace(self.path)
        except OSError as error:
            if aside is not None:
                Path(aside).unlink(missing_ok=True)
            raise SettingsError(
                f"The settings cannot be saved ({error.strerror or 'system error'})."
            ) from error

    def _read(self) -> None:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        except (OSError, ValueError):
            _log.warning("the settings file cannot be read; defaults are used")
            self.problems = ("The settings file cannot be read; the built-in settings are used.",)
            return
        if not isinstance(content, dict):
            self.problems = ("The settings file is not valid; the built-in settings are used.",)
            return
        problems: list[str] = []
        for key, value in content.items():
            if key not in self._schema:
                # Settings of a newer version are kept for it.
                self._unknown[key] = value
                continue
            try:
                self._values[key] = self._schema[key].checked(value)
            except SettingsError as error:
                problems.append(f"{error.user_message} The default is used.")
        self.problems = tuple(problems)


def physical_memory_bytes() -> int | None:
    """Memory of the computer, None where the system does not tell."""
    if sys.platform == "win32":
        return _windows_memory_bytes()
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _windows_memory_bytes() -> int | None:
    import ctypes

    class MemoryStatus(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "a", "b", "c", "d", "e", "f")),
        )

    status = MemoryStatus(length=ctypes.sizeof(MemoryStatus))
    windows = getattr(ctypes, "windll", None)
    if windows is None or not windows.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return int(status.total)
