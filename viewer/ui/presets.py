"""The window presets of a session: built-in ones with the user's own on top."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from psygnal import Signal

from viewer.imaging.presets import Preset, load_presets, save_presets


class PresetBook:
    """Presets by id.

    Parameters
    ----------
    user_file
        Where the user's own presets are kept; need not exist.
    """

    changed = Signal()

    def __init__(self, user_file: Path) -> None:
        self.user_file = user_file
        self.presets: tuple[Preset, ...] = load_presets(user_file)

    def matching(self, unit: str) -> tuple[Preset, ...]:
        """Presets that apply to a quantity ("HU", "SUV"), rules C01 and C02."""
        return tuple(preset for preset in self.presets if preset.quantity == unit)

    def get(self, preset_id: str) -> Preset | None:
        """The preset with an id."""
        return next((preset for preset in self.presets if preset.id == preset_id), None)

    @property
    def own(self) -> tuple[Preset, ...]:
        """The user's presets: new ones and built-in ones that were changed."""
        builtin = set(load_presets(None))
        return tuple(preset for preset in self.presets if preset not in builtin)

    def save_own(self, own: Iterable[Preset]) -> None:
        """Keep the user's presets and read everything again."""
        save_presets(tuple(own), self.user_file)
        self.presets = load_presets(self.user_file)
        self.changed.emit()
