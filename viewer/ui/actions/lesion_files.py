"""Lesions to files: CSV, XLSX, DICOM segmentation with report."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QStatusTipEvent
from PySide6.QtWidgets import QApplication, QFileDialog

from viewer.atomic import write_bytes
from viewer.dicom.model import Problem
from viewer.errors import ExportError
from viewer.state.lesions import Lesions, Measured
from viewer.ui.background import Work
from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.export.names import free_name, stem, today
from viewer.ui.kept_lesions import KeptLesions

if TYPE_CHECKING:
    from viewer.state.library import OpenVolume

KINDS = {
    ".csv": "Table, comma-separated, without identity (*.csv)",
    ".xlsx": "Table for Excel, without identity (*.xlsx)",
    ".dcm": "DICOM report and segmentation, with the patient's identity (*.dcm)",
}


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Export menu."""
    KeptLesions(context)
    files = LesionFiles(context)
    yield Command("lesion.save", "Save lesions as…", files.ask, "Export", enabled=files.can_save)


class LesionFiles(QObject):
    """Writes the lesions of the PET in view; the DICOM objects in a thread, since they take a second.

    Parameters
    ----------
    context
        The session; its window is the parent.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__(context.window)
        self.setObjectName("lesion-files")
        self._context = context
        self._store = context.view.work.of(Lesions)
        self._running: Work | None = None

    def can_save(self) -> bool:
        """Whether there are lesions."""
        item = self._store.series()
        return item is not None and bool(self._store.of(item.volume.uid))

    def ask(self) -> None:
        """Ask for a name and a kind."""
        kept = str(self._context.settings.get("export.folder") or "")
        folder = Path(kept) if kept and Path(kept).is_dir() else Path.home()
        name, chosen = QFileDialog.getSaveFileName(
            self._context.window,
            "Save lesions",
            str(folder / free_name(folder, stem("lesions", today()), "csv")),
            ";;".join(KINDS.values()),
        )
        if name:
            ending = next((ending for ending, text in KINDS.items() if text == chosen), ".csv")
            target = Path(name)
            known = target.suffix.lower() in KINDS
            self.save(target if known else target.with_name(target.name + ending))

    def save(self, target: Path) -> None:
        """Write a file; its ending says which kind. A failure becomes a line in the problems panel."""
        item = self._store.series()
        if item is None:
            return
        ending = target.suffix.lower()
        try:
            self._never_over_images(target)
            if ending == ".dcm":
                self._save_dicom(item, target)
                return
            from viewer.state.lesion_sheet import lesion_sheet
            from viewer.ui.export.table_file import csv_bytes, xlsx_bytes

            sheet = lesion_sheet(self._store, item)
            write_bytes(target, xlsx_bytes(sheet) if ending == ".xlsx" else csv_bytes(sheet))
        except ExportError as error:
            self._failed(error.user_message)
        else:
            self._saved(target)

    def _save_dicom(self, item: OpenVolume, target: Path) -> None:
        self.wait()
        measured = [self._store.measured(lesion) for lesion in self._store.of(item.volume.uid)]
        work = Work(lambda: _write(measured, item, target), self)
        work.succeeded.connect(lambda: self._saved(target))
        work.failed.connect(self._failed)
        self._running = work
        work.start()

    def wait(self) -> None:
        """See what runs through."""
        if self._running is not None:
            self._running.wait()
            self._running.deleteLater()
            self._running = None

    def _never_over_images(self, target: Path) -> None:
        """What is open is never written over.

        Raises
        ------
        ExportError
            The name is that of a file of an open study.
        """
        inputs = (
            path
            for study in self._context.library.catalogue.studies
            for series in study.series
            for path in series.paths
        )
        if target.exists() and any(path.exists() and target.samefile(path) for path in inputs):
            raise ExportError("A file of the open study has this name. Choose another one.")

    def _saved(self, target: Path) -> None:
        self._context.settings.set("export.folder", str(target.parent))
        QApplication.sendEvent(self._context.window, QStatusTipEvent(f"Saved {target.name}."))

    def _failed(self, sentence: str) -> None:
        self._context.library.add_problem(Problem("", f"The lesions were not saved. {sentence}"))


def _write(measured: list[Measured], item: OpenVolume, target: Path) -> None:
    from viewer.state.lesion_report import write_dicom

    write_dicom(measured, item, target)
