"""Saving what is drawn: the file dialog, the thread, and the sentence at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog, QMessageBox

from viewer.state.structures import Structure, StructureStore, space_of
from viewer.ui.commands import Command
from viewer.ui.unsaved import UnsavedStructures

if TYPE_CHECKING:
    from viewer.state.structure_saving import StructureForm
    from viewer.ui.context import UiContext

_FILTERS = {
    "DICOM segmentation (*.dcm)": ("seg", ".dcm"),
    "RT structure set (*.dcm)": ("rtstruct", ".dcm"),
    "NIfTI labels (*.nii.gz)": ("nifti", ".nii.gz"),
}


def commands(context: UiContext) -> Iterable[Command]:
    """The commands that save, and the question before something unsaved is left."""
    UnsavedStructures(context, lambda then: ask(context, then))
    yield Command(
        "structures.save",
        "Save structures…",
        lambda: ask(context),
        "Structures",
        enabled=lambda: bool(shown(context)),
    )
    yield Command(
        "structures.surface",
        "Surface of the structures…",
        lambda: show_surface(context),
        "Structures",
        enabled=lambda: bool(shown(context)),
    )


def shown(context: UiContext) -> list[Structure]:
    """The structures that are drawn on the images."""
    store, base = context.view.work.of(StructureStore), context.view.base_volume
    if base is None:
        return []
    return [s for s in store if s.visible and not store.why_not_drawn(s, space_of(base.volume))]


def show_surface(context: UiContext) -> None:
    """Show what is drawn from all sides."""
    from viewer.ui.dialogs._parts import show
    from viewer.ui.export.surface_dialog import SurfaceDialog

    base = context.view.base_volume
    if base is not None:
        show(SurfaceDialog(shown(context), base.volume.geometry, context.window))


def ask(context: UiContext, then: Callable[[], None] | None = None) -> None:
    """Ask for a file and write what is drawn into it; `then` is called once it is written."""
    from viewer.state.structure_saving import StructureForm

    name, chosen = QFileDialog.getSaveFileName(
        context.window, "Save structures", "structures", ";;".join(_FILTERS)
    )
    if not name:
        return
    form, ending = _FILTERS.get(chosen, next(iter(_FILTERS.values())))
    target = Path(name if name.lower().endswith(ending) else name + ending)
    save(context, target, StructureForm(form), then)


def save(
    context: UiContext, target: Path, form: StructureForm, then: Callable[[], None] | None = None
) -> None:
    """Write what is drawn, in the background, and say how it went."""
    from viewer.state.structure_saving import save_structures
    from viewer.ui.background import Work

    structures, base = shown(context), context.view.base_volume
    if base is None or not structures:
        return
    said: list[str] = []

    def written() -> None:
        context.view.work.of(StructureStore).saved(structures)
        if then is None:
            _tell(context, said[0], QMessageBox.Icon.Information)
        else:
            then()

    work = Work(lambda: said.append(save_structures(target, form, structures, base.stack)), context.window)
    work.succeeded.connect(written)
    work.failed.connect(lambda reason: _tell(context, reason, QMessageBox.Icon.Warning))
    work.finished.connect(work.deleteLater)
    work.start()


def _tell(context: UiContext, text: str, icon: QMessageBox.Icon) -> None:
    box = QMessageBox(icon, "Save structures", text, QMessageBox.StandardButton.Ok, context.window)
    box.setObjectName("structures-saved")
    box.setModal(False)
    box.open()
