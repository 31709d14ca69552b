"""Window presets: built-in ones, the user's own on top, import and export (section C of the clinical rules).

Built-in presets are the files of `resources/presets`, so a new one needs no code. A preset names the quantity it is
made for and is only offered for that: a CT window never meets a PET (C01), an SUV window never meets Bq/mL (C02).
"""

from __future__ import annotations

import json
import re
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from viewer.assets import assets_in
from viewer.errors import SettingsError
from viewer.imaging.body_size import is_uptake
from viewer.imaging.window import Voi, VoiFunction, VoiTable, Window

FORMAT = "triptych-presets"
VERSION = 1
LARGEST_FILE_BYTES = 1_000_000

_QUANTITY_OF_MODALITY = {"CT": "HU", "PT": "SUV"}


@dataclass(frozen=True)
class Preset:
    """A named window for one quantity.

    Parameters
    ----------
    id
        Stable identifier; the user's preset with the id of a built-in one replaces it.
    name
        As shown.
    window
        On the displayed quantity; its `name` is the name of the preset.
    quantity
        Display unit it applies to: "HU", "SUV", or "" for values without a unit.
    modality, body_part
        (0008,0060) and (0018,0015) it is meant for, empty for any.
    key
        Key in Qt's portable notation, empty for none.
    """

    id: str
    name: str
    window: Window
    quantity: str
    modality: str = ""
    body_part: str = ""
    key: str = ""


@dataclass(frozen=True)
class ImportedPresets:
    """What an import found.

    Parameters
    ----------
    presets
        Presets in file order.
    notes
        A sentence for each entry that was left out or read in a special way.
    """

    presets: tuple[Preset, ...]
    notes: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def builtin_presets() -> tuple[Preset, ...]:
    """Presets that come with the program."""
    found: list[Preset] = []
    for path in assets_in("presets", ".toml"):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        found.extend(_preset(row, path.name) for row in table["preset"])
    return tuple(found)


def load_presets(user_file: Path | None = None) -> tuple[Preset, ...]:
    """Built-in presets with the user's on top: same id replaces in place, others follow.

    Parameters
    ----------
    user_file
        JSON file written by `save_presets`; None or a missing file means built-in presets only.

    Raises
    ------
    SettingsError
        The user's file is not valid.
    """
    presets = {preset.id: preset for preset in builtin_presets()}
    if user_file is not None and user_file.is_file():
        presets.update((preset.id, preset) for preset in import_presets(user_file).presets)
    return tuple(presets.values())


def save_presets(presets: Iterable[Preset], path: Path) -> None:
    """Write presets as JSON, for the user's own file as well as for export; the file appears whole or not at all.

    Parameters
    ----------
    presets
        What to write.
    path
        Where; folders are made.
    """
    document = {"format": FORMAT, "version": VERSION, "presets": [_row(preset) for preset in presets]}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def import_presets(path: Path) -> ImportedPresets:
    """Read presets from this program's JSON, from Weasis `presets.xml` or from OHIF's `windowLevelPresets` JSON (C04).

    Parameters
    ----------
    path
        The file; its content decides the format.

    Raises
    ------
    SettingsError
        The file cannot be read, is none of these formats, or an entry of this program's own format is wrong.
    """
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise SettingsError(f"{path.name} is too large for a preset file.")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{path.name} could not be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path.name} is not a text file in UTF-8.") from error
    if text.lstrip().startswith("<"):
        return _from_weasis(text, path.name)
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise SettingsError(f"{path.name} is neither JSON nor XML.") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{path.name} holds no presets this program knows.")
    if document.get("format") == FORMAT:
        rows = document.get("presets")
        if document.get("version") != VERSION or not isinstance(rows, list):
            raise SettingsError(f"{path.name} was written by another version of the program.")
        return ImportedPresets(tuple(_preset(row, path.name) for row in rows))
    return _from_ohif(document, path.name)


def format_window(window: Voi, unit: str) -> str:
    """A window in words (rule C05): "W 80 L 40" for HU, "SUV 0.0-7.0" for SUV, the range with its unit for the rest.

    A lookup table has neither width nor level and is called "VOI LUT"; its name comes from the header and stays with
    the caller, because names in headers have named patients.

    Parameters
    ----------
    window
        On the displayed quantity.
    unit
        Its unit: "HU", "SUV", "SUV*", "SUL Janma", "Bq/mL" or "".
    """
    if isinstance(window, VoiTable):
        return "VOI LUT"
    if is_uptake(unit):
        digits = 1 if window.width >= 1 else 2 if window.width >= 0.1 else 4
        return f"{unit} {_fixed(window.lower, digits)}-{_fixed(window.upper, digits)}"
    if unit in ("HU", ""):
        # Grey levels of CT and MR are whole numbers; narrow windows on maps without a unit need their digits.
        whole = unit == "HU" or window.width >= 10
        width, level = (f"{v:.0f}" if whole else f"{v:.4g}" for v in (window.width, window.center + 0.0))
        return f"W {width} L {'0' if level == '-0' else level}"
    digits = 0 if window.width >= 100 else 1 if window.width >= 1 else 4
    return f"{unit} {_fixed(window.lower, digits)}-{_fixed(window.upper, digits)}"


def _fixed(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def _row(preset: Preset) -> dict[str, Any]:
    window = preset.window
    row: dict[str, Any] = {"id": preset.id, "name": preset.name, "quantity": preset.quantity}
    row |= {name: value for name in ("modality", "body_part", "key") if (value := getattr(preset, name))}
    row["function"] = window.function.value
    if window.function is VoiFunction.LINEAR_EXACT:
        return row | {"lower": window.lower, "upper": window.upper}
    return row | {"center": window.center, "width": window.width}


_FIELDS = {"id", "name", "quantity", "modality", "body_part", "key", "function"}


def _preset(row: object, source: str) -> Preset:
    """One row of a preset file; bounds mean LINEAR_EXACT unless the row says otherwise (rule C03)."""
    if not isinstance(row, Mapping):
        raise SettingsError(f"{source}: a preset must be a table of names and values.")
    name = str(row.get("name", "")).strip()
    bounds, level = {"lower", "upper"} & row.keys(), {"center", "width"} & row.keys()
    if not name or not str(row.get("id", "")).strip():
        raise SettingsError(f"{source}: every preset needs an id and a name.")
    if row.keys() - _FIELDS - bounds - level or (len(bounds), len(level)) not in ((2, 0), (0, 2)):
        raise SettingsError(
            f"{source}: preset {name!r} needs center and width, or lower and upper, and nothing else."
        )
    default = VoiFunction.LINEAR_EXACT if bounds else VoiFunction.LINEAR
    try:
        function = VoiFunction(str(row.get("function", default.value)))
        if bounds:
            window = Window.from_bounds(float(row["lower"]), float(row["upper"]), name, function)
        else:
            window = Window(float(row["center"]), float(row["width"]), function, name)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{source}: preset {name!r} is not a usable window: {error}.") from error
    texts = {field: str(row.get(field, "")) for field in ("quantity", "modality", "body_part", "key")}
    return Preset(str(row["id"]).strip(), name, window, **texts)


def _from_weasis(text: str, source: str) -> ImportedPresets:
    """`<preset name modality window level [shape] [key]/>`; Java key codes are ASCII for 0-9 and A-Z."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise SettingsError(f"{source} declares XML entities, which preset files have no use for.")
    try:
        root = ET.fromstring(text)  # noqa: S314 - entities are refused above and the size is limited
    except ET.ParseError as error:
        raise SettingsError(f"{source} is not valid XML.") from error
    presets: list[Preset] = []
    notes: list[str] = []
    for element in root.iter("preset"):
        name = element.get("name", "").strip() or "unnamed"
        shape = element.get("shape", "LINEAR").upper()
        if shape not in ("LINEAR", "SIGMOID"):
            notes.append(f"{name}: the shape {shape} is not supported; LINEAR is used.")
            shape = "LINEAR"
        code = element.get("key", "")
        key = chr(int(code)) if code.isdecimal() and (48 <= int(code) <= 57 or 65 <= int(code) <= 90) else ""
        row = (element.get("window", ""), element.get("level", ""))
        _take(presets, notes, name, element.get("modality", ""), row, VoiFunction(shape), key)
    if not presets and not notes:
        raise SettingsError(f"{source} holds no presets this program knows.")
    return ImportedPresets(tuple(presets), tuple(notes))


def _from_ohif(document: Mapping[str, Any], source: str) -> ImportedPresets:
    """Lists of {description, window, level} per modality, bare or below `cornerstone.windowLevelPresets`.

    Older versions number the presets instead: {"1": {description, window, level}, ...}; those are CT windows.
    """
    table = document.get("cornerstone.windowLevelPresets", document)
    if isinstance(table, Mapping) and isinstance(table.get("presets"), Mapping):
        table = table["presets"]
    presets: list[Preset] = []
    notes: list[str] = []
    for modality, rows in table.items() if isinstance(table, Mapping) else ():
        numbered = isinstance(rows, Mapping)
        for row in [rows] if numbered else rows if isinstance(rows, list) else []:
            if not isinstance(row, Mapping) or not {"window", "level"} <= row.keys():
                continue
            name = str(row.get("description", "")).strip() or "unnamed"
            _take(presets, notes, name, "CT" if numbered else str(modality), (row["window"], row["level"]))
    if not presets and not notes:
        raise SettingsError(f"{source} holds no presets this program knows.")
    return ImportedPresets(tuple(presets), tuple(notes))


def _take(
    presets: list[Preset],
    notes: list[str],
    name: str,
    modality: str,
    width_and_level: tuple[Any, Any],
    function: VoiFunction = VoiFunction.LINEAR,
    key: str = "",
) -> None:
    """Add a foreign preset, or say why not.

    OHIF ships PET presets as window 0, level 5: taken literally no window at all, meant as SUV 0 to 5 (rule C03).
    """
    try:
        width, level = (float(value) for value in width_and_level)
        if modality == "PT" and width == 0 and level > 0:
            name = f"{name} 0-{level:g}"
            window = Window.from_bounds(0.0, level, name)
            notes.append(f"{name}: width 0 was read as the range 0 to {level:g}.")
        else:
            exact = modality == "PT" and function is VoiFunction.LINEAR
            window = Window(level, width, VoiFunction.LINEAR_EXACT if exact else function, name)
    except (TypeError, ValueError):
        notes.append(f"{name}: not a usable window; left out.")
        return
    slug = re.sub(r"[^a-z0-9]+", "-", f"own-{modality}-{name}".lower()).strip("-")
    taken = {preset.id for preset in presets}
    number = next(n for n in range(1, len(taken) + 2) if (slug if n == 1 else f"{slug}-{n}") not in taken)
    presets.append(
        Preset(
            slug if number == 1 else f"{slug}-{number}",
            name,
            window,
            _QUANTITY_OF_MODALITY.get(modality, ""),
            modality,
            "",
            key,
        )
    )
