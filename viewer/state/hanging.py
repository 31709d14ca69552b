"""How things are hung: the layout the user chose for each kind of what is shown."""

from __future__ import annotations

from collections.abc import Iterable

from psygnal import Signal

from viewer.state.library import OpenVolume
from viewer.state.panes import LAYOUTS

COMPARISON = "comparison"
"""Two series of one modality from different studies."""


def kind_shown(base: OpenVolume | None, overlay: OpenVolume | None) -> str:
    """What is shown, in words that are the same for the next patient: "CT", "PT over CT", "comparison", "".

    Parameters
    ----------
    base, overlay
        The volumes in the two roles.
    """
    if base is None or overlay is None:
        only = base or overlay
        return "" if only is None else only.series.modality
    if base.study.uid != overlay.study.uid and base.series.modality == overlay.series.modality:
        return COMPARISON
    return f"{overlay.series.modality} over {base.series.modality}"


class Hanging:
    """Layouts by kind.

    Attributes
    ----------
    changed
        A layout was remembered, or all were forgotten.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._remembered: dict[str, str] = {}
        self._for_now: dict[str, str] = {}

    def chosen(self, kind: str) -> str:
        """Id of the layout of a kind, "" when the user never chose one."""
        return self._for_now.get(kind) or self._remembered.get(kind, "")

    def choose(self, kind: str, layout_id: str, *, remember: bool = True) -> None:
        """Hang a kind this way: also next time, or only until another volume is opened."""
        if not remember:
            self._for_now[kind] = layout_id
            return
        self._for_now.pop(kind, None)
        if self._remembered.get(kind) != layout_id:
            self._remembered[kind] = layout_id
            self.changed.emit()

    def begin(self) -> None:
        """Another volume is opened: what was not to be remembered ends."""
        self._for_now.clear()

    def forget(self) -> None:
        """Back to what suits by itself."""
        self._for_now.clear()
        self._remembered.clear()
        self.changed.emit()

    @property
    def texts(self) -> tuple[str, ...]:
        """What is remembered, as texts for the settings: "PT over CT=rows"."""
        return tuple(f"{kind}={layout_id}" for kind, layout_id in sorted(self._remembered.items()))

    def restore(self, texts: Iterable[str]) -> None:
        """Take over what `texts` gave earlier; layouts that do not exist any more are passed over."""
        known = {layout.id for layout in LAYOUTS}
        pairs = (text.rpartition("=") for text in texts)
        self._remembered = {kind: layout_id for kind, _, layout_id in pairs if kind and layout_id in known}
