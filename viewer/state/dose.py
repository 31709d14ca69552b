"""How a dose is drawn: isodose levels as shares of a reference dose that is always said (rule I07)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psygnal import Signal

from viewer.dicom.model import DOSE_MODALITY
from viewer.dicom.structure_facts import Colour
from viewer.imaging.volume import Volume
from viewer.state.layers import Role

if TYPE_CHECKING:
    from viewer.state.library import OpenVolume
    from viewer.state.view import ViewState

LEVELS: tuple[tuple[float, Colour], ...] = (
    # Shares of the reference dose in percent, in the colours most planning systems use from hot to cold.
    (107.0, (255, 255, 255)),
    (100.0, (255, 69, 58)),
    (95.0, (255, 159, 10)),
    (80.0, (255, 214, 10)),
    (50.0, (48, 209, 88)),
    (30.0, (100, 210, 255)),
    (10.0, (120, 130, 255)),
)


@dataclass(frozen=True)
class Isodose:
    """One level.

    Parameters
    ----------
    percent
        Of the reference dose.
    dose
        In the unit of the grid.
    colour
        Of its line.
    """

    percent: float
    dose: float
    colour: Colour


class DoseStore:
    """See the module text.

    Signals
    -------
    changed
        Lines were switched or another reference was chosen.
    """

    changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self._visible = True
        self._reference: float | None = None
        self._largest: tuple[str, int, float] = ("", 0, 0.0)

    @property
    def visible(self) -> bool:
        """Whether lines are drawn."""
        return self._visible

    def show_lines(self, visible: bool) -> None:
        """Switch the lines on or off."""
        self._visible = visible
        self.changed.emit()

    @property
    def reference(self) -> float | None:
        """The dose that is 100 %, as entered; None for the largest dose of the grid."""
        return self._reference

    def set_reference(self, dose: float | None) -> None:
        """Give the prescribed dose, or None to go back to the largest dose."""
        self._reference = dose
        self.changed.emit()

    def item(self) -> OpenVolume | None:
        """The dose that is shown, the upper layer first."""
        for role in (Role.OVERLAY, Role.BASE):
            item = self._view.volume(role)
            if item is not None and item.volume.modality == DOSE_MODALITY:
                return item
        return None

    def levels(self, volume: Volume) -> tuple[Isodose, ...]:
        """Levels from high to low; those above the largest dose are left out."""
        largest = self.largest(volume)
        reference = self._reference or largest
        if reference <= 0:
            return ()
        return tuple(
            Isodose(percent, percent / 100 * reference, colour)
            for percent, colour in LEVELS
            if percent / 100 * reference <= largest and (self._reference or percent < 100)
        )

    def reference_text(self, volume: Volume) -> str:
        """What is 100 %, in words."""
        unit = volume.quantity.unit
        if self._reference:
            return f"100 % = {self._reference:g} {unit}".rstrip()
        return f"100 % = maximum {self.largest(volume):.2f} {unit}".rstrip()

    def largest(self, volume: Volume) -> float:
        """Largest dose of a grid, counted once for all slices that have arrived."""
        version = self._view.library.version(volume.uid)
        if self._largest[:2] != (volume.uid, version):
            array = volume.array[volume.ready & ~volume.corrupt]
            largest = float(array.max()) if array.size else 0.0
            self._largest = (volume.uid, version, largest * volume.slope + volume.intercept)
        return self._largest[2]
