"""What the uptake is divided by: body weight, lean or ideal mass by a named formula, or surface area."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox, QGridLayout, QWidget

from viewer.errors import SuvUnavailable
from viewer.imaging.body_size import UPTAKE_UNITS
from viewer.state.suv_edit import show_kind, shown_kind
from viewer.ui.binding import quiet
from viewer.ui.sidebar._parts import Banner, label
from viewer.ui.sidebar._suv_facts import KIND_NAMES
from viewer.ui.theme import GRID_PX

if TYPE_CHECKING:
    from viewer.state.library import Library, OpenVolume


class KindChooser(QWidget):
    """See the module text; hidden while there is no SUV.

    Parameters
    ----------
    library
        Holds the volumes.
    """

    def __init__(self, library: Library) -> None:
        super().__init__()
        self._library = library
        self._uid = ""
        self.setObjectName("study-suv-kind")
        self.kind = QComboBox()
        self.kind.setObjectName("suv-kind")
        self.kind.setAccessibleName("What the uptake is divided by")
        self.kind.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.kind.setMinimumContentsLength(10)
        for kind, name in KIND_NAMES.items():
            self.kind.addItem(f"{UPTAKE_UNITS[kind]}: {name}", kind)
        self.problem = Banner("suv-kind-problem", "error", "error")
        self.problem.set_text("")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GRID_PX)
        grid.setColumnStretch(1, 1)
        tag = label("Show", "dim")
        tag.setBuddy(self.kind)
        grid.addWidget(tag, 0, 0)
        grid.addWidget(self.kind, 0, 1)
        grid.addWidget(self.problem, 1, 0, 1, 2)
        self.kind.activated.connect(self._choose)

    def refresh(self, pet: OpenVolume | None) -> None:
        """Follow the PET on show."""
        shown = pet is not None and pet.stack.suv is not None
        self.setVisible(shown)
        if pet is None or not shown:
            return
        if pet.volume.uid != self._uid:
            self._uid = pet.volume.uid
            self.problem.set_text("")
        with quiet(self.kind):
            self.kind.setCurrentIndex(self.kind.findData(shown_kind(pet)))

    def _choose(self) -> None:
        item = self._library.get(self._uid)
        if item is None:
            return
        try:
            show_kind(self._library, self._uid, str(self.kind.currentData()))
        except SuvUnavailable as reason:
            self.problem.set_text(reason.user_message)
            self.refresh(item)
        else:
            self.problem.set_text("")
