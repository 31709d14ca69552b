"""Structures section: what is drawn over the images, how large it is, and what values it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from viewer.dicom.model import Problem
from viewer.loading.events import Indexed, LoadEvent, StructuresReady
from viewer.state.layers import Role
from viewer.state.structure_edit import StructureEditor
from viewer.state.structures import NO_FRAME, StructureStore, space_of
from viewer.ui.binding import bind
from viewer.ui.sidebar._model_block import ModelBlock
from viewer.ui.sidebar._parts import Column, label
from viewer.ui.sidebar._section import Section, SidebarHub, bring_to_front, lies_behind
from viewer.ui.sidebar._structure_card import StructureCard
from viewer.ui.sidebar._structure_edit import EditBlock
from viewer.ui.sidebar._structure_list import StructureList

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from viewer.dicom.structure_file import StructureFile
    from viewer.loading.cancel import CancelToken
    from viewer.ui.context import UiContext

EMPTY = "No structures. Open a segmentation or structure set from the study browser, or make one with +."
MISSING = (
    "The images it refers to are not here, and nothing else in its frame of reference is; it is listed only."
)


class StructuresPanel(Column):
    """See the module text."""

    def __init__(self, context: UiContext) -> None:
        super().__init__("structures", "Structures")
        self._context = context
        self._view = context.view
        self._store = context.view.work.of(StructureStore)
        self._behind = False
        self._empty = label(EMPTY, "dim", wrap=True)
        self.list = StructureList()
        self.card = StructureCard(context)
        self.edit = EditBlock(context)
        self.model = ModelBlock(context)
        for block in (self._empty, self.list, self.card, self.edit, self.model):
            self.blocks.addWidget(block)
        self.blocks.addStretch(1)
        self.list.chosen.connect(self._go_to)
        self.list.shown.connect(self._set_visible)
        SidebarHub.of(context.window).structures_requested.connect(self.open_files)
        context.loader.arrived.connect(self._on_event)
        bind(self, self._store.changed, self.refresh)
        bind(self, self._view.layers_changed, self.refresh)
        bind(self, context.library.volume_added, self.refresh)
        bind(self, context.library.slices_changed, self.refresh)
        self.refresh()

    # --- following ---------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        if self._behind:
            self.refresh()
        super().showEvent(event)

    def refresh(self) -> None:
        """Follow the state."""
        self._behind = lies_behind(self)
        if self._behind or self._view.work.of(StructureEditor).stroking:
            return
        self.card.values.forget({structure.id for structure in self._store})
        base, selected = self._view.base_volume, self._store.selected
        hidden: dict[int, str] = {}
        if base is not None:
            frame = space_of(base.volume)
            reasons = {structure.id: self._store.why_not_drawn(structure, frame) for structure in self._store}
            hidden = {number: reason for number, reason in reasons.items() if reason}
        self._empty.setVisible(not len(self._store))
        self.list.setVisible(bool(len(self._store)))
        self.list.show_structures(self._store, selected.id if selected else 0, hidden)
        self.card.refresh()
        self.edit.refresh()
        self.model.refresh()

    def _go_to(self, structure_id: int) -> None:
        self._store.select(structure_id)
        self.card.go_there()

    def _set_visible(self, structure_ids: Iterable[int], visible: bool) -> None:
        changed = [self._store.get(number) for number in structure_ids]
        for structure in changed:
            if structure is not None:
                self._store.update(structure.id, visible=visible)

    # --- opening -----------------------------------------------------------------------------------------------

    def open_files(self, paths: Iterable[Path]) -> None:
        """Read structure files in the background and draw them on the images they belong to."""
        chosen = tuple(paths)

        def job(token: CancelToken) -> Iterator[LoadEvent]:
            from viewer.loading.structures import load_structures

            return load_structures(chosen, cancel=token)

        self._context.loader.start(job, keep_others=True)

    def _on_event(self, event: LoadEvent) -> None:
        if isinstance(event, StructuresReady):
            self._take(event.file)
        elif isinstance(event, Indexed) and event.complete:
            # Files that were dropped on an open study are drawn as soon as the study knows them.
            waiting = self._store.take_waiting(event.catalogue)
            if waiting:
                self.open_files(waiting)

    def _take(self, file: StructureFile) -> None:
        structures = self._store.add_file(file)
        for note in file.notes:
            self._context.library.add_problem(Problem(file.path.name, note))
        if structures:
            self._store.select(structures[0].id)
            self._show_images(file)
        bring_to_front(self)

    def _show_images(self, file: StructureFile) -> None:
        """Bring images of the same space on screen when what is shown lies in another one (rule J47)."""
        frames = {found.frame_of_reference_uid for found in file.structures}
        base = self._view.base_volume
        if base is not None and space_of(base.volume) in frames:
            self.card.go_there()
            return
        stack = next(
            filter(None, (self._store.referenced_stack(file.references, frame) for frame in frames)), None
        )
        if stack is None:
            reason = MISSING if any(frames) else NO_FRAME
            self._context.library.add_problem(Problem(file.path.name, reason))
            return
        self._context.loader.open_series(stack.uid, Role.BASE.value)


SECTION = Section("structures", "Structures", "right", 15, StructuresPanel, icon="series-structures")
