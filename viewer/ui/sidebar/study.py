"""Study section: who and what is shown, what was found about its geometry, and where the SUV comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from viewer.state.layers import Role
from viewer.state.suv_edit import can_edit_suv
from viewer.ui.binding import bind
from viewer.ui.sidebar._facts import (
    geometry_facts,
    information_texts,
    patient_facts,
    series_facts,
    study_facts,
    warning_texts,
)
from viewer.ui.sidebar._parts import Banner, Column, Fact, FactTable, label
from viewer.ui.sidebar._section import Section, lies_behind
from viewer.ui.sidebar._suv_editor import SuvEditor
from viewer.ui.sidebar._suv_facts import suv_facts, suv_headline
from viewer.ui.sidebar._suv_kind import KindChooser
from viewer.ui.theme import GRID_PX, icon

if TYPE_CHECKING:
    from collections.abc import Iterable

    from viewer.state.library import OpenVolume
    from viewer.ui.context import UiContext


class _Block(QWidget):
    """A heading that folds the table below it; hidden while it has nothing to say."""

    def __init__(self, name: str, title: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.heading = QToolButton()
        self.heading.setObjectName(f"{name}-heading")
        self.heading.setText(title)
        self.heading.setCheckable(True)
        self.heading.setChecked(True)
        self.heading.setProperty("tone", "fold")
        self.heading.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.heading.setIcon(icon("chevron-down", "dim"))
        self.heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.heading.setAccessibleName(f"{title}, fold or unfold")
        self.table = FactTable(f"{name}-facts")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, GRID_PX // 2)
        layout.setSpacing(GRID_PX // 2)
        layout.addWidget(self.heading)
        layout.addWidget(self.table)
        self.heading.toggled.connect(self._fold)

    def set_facts(self, facts: Iterable[Fact]) -> None:
        """Show a table, or nothing at all."""
        facts = tuple(facts)
        self.table.set_facts(facts)
        self.setVisible(bool(facts))

    def _fold(self, unfolded: bool) -> None:
        self.table.setVisible(unfolded)
        self.heading.setIcon(icon("chevron-down" if unfolded else "chevron-right", "dim"))


class StudyPanel(Column):
    """See the module text."""

    def __init__(self, context: UiContext) -> None:
        super().__init__("study", "Study")
        self._view = context.view
        self._library = context.library
        self._behind = False
        self._empty = label("Nothing is open.", "dim", wrap=True)
        self.warnings = Banner("study-warnings")
        self.patient_block = _Block("study-patient", "Patient")
        self.study_block = _Block("study-study", "Study")
        self.series_block = _Block("study-series", "Series")
        self.geometry_block = _Block("study-geometry", "Geometry")
        self.notes = label("", "dim", wrap=True, selectable=True)
        self.notes.setObjectName("study-notes")
        self.suv_block = _Block("study-suv", "SUV")
        self.suv_kind = KindChooser(context.library)
        self.edit_suv = QPushButton("Edit SUV inputs…")
        self.edit_suv.setObjectName("study-edit-suv")
        self.edit_suv.clicked.connect(self._edit_suv)
        self._blocks = (
            self.patient_block,
            self.study_block,
            self.series_block,
            self.geometry_block,
            self.suv_block,
        )
        for block in (
            self._empty,
            self.warnings,
            self.patient_block,
            self.study_block,
            self.series_block,
            self.geometry_block,
            self.notes,
            self.suv_block,
            self.suv_kind,
            self.edit_suv,
        ):
            self.blocks.addWidget(block)
        self.blocks.addStretch(1)
        bind(self, self._view.layers_changed, self.refresh)
        bind(self, self._view.display_changed, self.refresh)
        bind(self, context.library.volume_added, self.refresh)
        bind(self, context.library.volume_replaced, self.refresh)
        self.refresh()

    def _shown(self) -> OpenVolume | None:
        return self._view.volume(self._view.active_role) or self._view.base_volume

    def _pet(self) -> OpenVolume | None:
        """The volume the SUV block is about: the active PET, else the overlay, else the base."""
        candidates = (self._shown(), self._view.volume(Role.OVERLAY), self._view.volume(Role.BASE))
        return next((item for item in candidates if item is not None and item.series.modality == "PT"), None)

    def showEvent(self, event: QShowEvent) -> None:
        if self._behind:
            self.refresh()
        super().showEvent(event)

    def refresh(self) -> None:
        """Follow the active layer; behind another tab only when it comes to the front."""
        self._behind = lies_behind(self)
        if self._behind:
            return
        item = self._shown()
        self._empty.setVisible(item is None)
        if item is None:
            self.warnings.set_text("")
            self.notes.hide()
            self.edit_suv.hide()
            self.suv_kind.refresh(None)
            for block in self._blocks:
                block.set_facts(())
            return
        identity = self._view.identity_visible
        self.warnings.set_text("\n".join(warning_texts(item.series, item.stack)))
        self.patient_block.set_facts(patient_facts(item.study, identity=identity))
        self.study_block.set_facts(study_facts(item.study, identity=identity))
        self.series_block.set_facts(series_facts(item.series, item.stack, item.volume, identity=identity))
        self.geometry_block.set_facts(
            geometry_facts(
                item.stack.report, item.volume.geometry, interpolate_gaps=item.volume.interpolate_gaps
            )
        )
        self.notes.setText("\n".join(information_texts(item.stack)))
        self.notes.setVisible(bool(self.notes.text()))
        pet = self._pet()
        self.suv_block.set_facts(
            ()
            if pet is None
            else suv_facts(pet.stack.suv, pet.stack.suv_note, identity=identity, gap=pet.stack.suv_gap)
        )
        self.suv_block.heading.setText("SUV" if pet is None else suv_headline(pet.stack.suv))
        self.suv_kind.refresh(pet)
        self.edit_suv.setText(
            "Enter SUV inputs…" if pet is None or pet.stack.suv is None else "Edit SUV inputs…"
        )
        self.edit_suv.setVisible(identity and pet is not None and can_edit_suv(pet))

    def suv_editor(self) -> SuvEditor | None:
        """The dialog for the SUV inputs of the PET on show; None when they cannot be edited."""
        pet = self._pet()
        if pet is None or not can_edit_suv(pet):
            return None
        return SuvEditor(self._library, pet, self)

    def _edit_suv(self) -> None:
        editor = self.suv_editor()
        if editor is not None:
            editor.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            editor.open()


SECTION = Section("study", "Study", "right", 20, StudyPanel, icon="info")
