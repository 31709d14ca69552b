"""Measurements to files and back: structured report, presentation state, JSON."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QStatusTipEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QWidget

from viewer.atomic import write_bytes
from viewer.dicom.model import Problem
from viewer.errors import ExportError, FormatError, ViewerError
from viewer.state.measurement_file import Kept, from_json, to_json
from viewer.state.measurements import Measurements
from viewer.state.presentations import Presentations
from viewer.ui.background import Jobs
from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.dialogs._parts import show
from viewer.ui.kept_work import KeptWork
from viewer.ui.study_reports import StudyReports

log = logging.getLogger(__name__)

LARGEST_BYTES = 32 << 20
REPORT = "DICOM structured report, with the patient's identity (*.dcm)"
LOOK = "DICOM presentation state of the base, with the patient's identity (*.dcm)"
TEXT = "Measurements as JSON, with UIDs (*.json)"
LABEL = "MEASUREMENTS"


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Export menu."""
    KeptWork(context)
    StudyReports(context)
    view = context.view
    presentations = view.work.of(Presentations)
    menu = "Export"
    yield Command(
        "measure.save", "Save measurements as…", lambda: save_as(context), menu, lambda: view.base is not None
    )
    yield Command(
        "measure.open", "Open measurements…", lambda: open_from(context), menu, lambda: view.base is not None
    )
    yield Command(
        "presentation.next",
        "Apply next presentation state",
        lambda: presentations.apply_next(_pane_sizes(context)),
        "View",
        enabled=lambda: bool(presentations.fitting()),
    )
    yield Command(
        "presentation.shutter",
        "Shutter of the presentation state",
        presentations.lift,
        "View",
        enabled=lambda: presentations.has_shutter,
        checked=lambda: presentations.has_shutter and not presentations.lifted,
    )


def _pane_sizes(context: UiContext) -> dict[str, tuple[int, int]]:
    """(width, height) of the panes on screen in device pixels, by id."""
    sizes = {}
    for pane in context.view.layout.panes:
        widget = context.window.findChild(QWidget, f"pane-{pane.id}")
        if widget is not None and widget.isVisible():
            ratio = widget.devicePixelRatioF()
            sizes[pane.id] = (round(widget.width() * ratio), round(widget.height() * ratio))
    return sizes


def save_as(context: UiContext) -> None:
    """Ask for a name and write what the user measured."""
    name, chosen = QFileDialog.getSaveFileName(
        context.window, "Save measurements", "measurements.dcm", f"{REPORT};;{LOOK};;{TEXT}"
    )
    if name:
        save(context, Path(name), TEXT if Path(name).suffix.lower() == ".json" else chosen or REPORT)


def save(context: UiContext, target: Path, form: str) -> None:
    """Write the user's own measurements in the background; what went wrong is said once.

    Parameters
    ----------
    context
        The session.
    target
        File to make; ".dcm" or ".json" is added when the name has no ending.
    form
        `REPORT`, `LOOK` or `TEXT`.
    """
    store = context.view.work.of(Measurements)
    items = [Kept(item, store.result(item)) for item in store.items if not item.origin]
    if not target.suffix:
        target = target.with_suffix(".json" if form == TEXT else ".dcm")
    try:
        _never_over_images(context, target)
        write, left_out = _writer(context, items, target, form)
    except ExportError as error:
        _fail(context, error.user_message)
        return
    where = "other images or planes than the base's" if form == LOOK else "series that are not open"
    rest = f"; {left_out} on {where} left out" if left_out else ""
    count = len(items) - left_out
    saved = f"{count} measurement{'' if count == 1 else 's'} saved{rest}."

    def done() -> None:
        log.info("saved measurements (%s)", form)
        if left_out:
            _say(context, saved)
        QApplication.sendEvent(context.window, QStatusTipEvent(saved))

    Jobs.of(context.window).run(write, done, lambda sentence: _fail(context, sentence))


def _writer(
    context: UiContext, items: list[Kept], target: Path, form: str
) -> tuple[Callable[[], object], int]:
    """What writes the file without looking at the session any more, and how many measurements it leaves out.

    Raises
    ------
    ExportError
        There is nothing to write.
    """
    if form == TEXT:
        text = to_json(items, private=False) + "\n"
        return lambda: write_bytes(target, text.encode()), 0
    if form == LOOK:
        from viewer.dicom.presentation_state import write_presentation_state
        from viewer.state.presentation_drawings import presentation_content

        look = presentation_content(context.view, items)
        return (
            lambda: write_presentation_state(
                target,
                look.images,
                label=LABEL,
                window=look.window,
                inverse=look.inverse,
                graphics=look.graphics,
                area=look.area,
            ),
            look.left_out,
        )
    from viewer.dicom.structured_report import write_report
    from viewer.state.measurement_report import report_content

    content = report_content(items, context.library)
    return lambda: write_report(target, content.groups, content.evidence), len(items) - len(content.groups)


def open_from(context: UiContext) -> None:
    """Ask for a file and add what it holds."""
    name, _ = QFileDialog.getOpenFileName(context.window, "Open measurements", "", TEXT)
    if name:
        read(context, Path(name))


def read(context: UiContext, path: Path) -> None:
    """Add the measurements of a JSON file to those that are there; one step in the history.

    Measurements that are there already keep what they are; those of other studies are left out.
    """
    store = context.view.work.of(Measurements)
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise FormatError("The file is too large to hold measurements.")
        found = from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ViewerError) as error:
        reason = error.user_message if isinstance(error, ViewerError) else "It cannot be read as text."
        _say(context, f"The measurements were not opened. {reason}", path.name)
        return
    studies = {study.uid for study in context.library.catalogue.studies}
    new = [kept for kept in found if store.get(kept.measurement.uid) is None]
    fitting = [kept for kept in new if kept.measurement.study_uid in studies]
    for kept in fitting:
        store.remember(kept.measurement, kept.result)
    store.add(replace(kept.measurement, origin="") for kept in fitting)
    if len(fitting) < len(new):
        others = len(new) - len(fitting)
        _say(
            context,
            f"{others} measurements belong to studies that are not open and were left out.",
            path.name,
        )


def _never_over_images(context: UiContext, target: Path) -> None:
    """What is open is never written over.

    Raises
    ------
    ExportError
        The name is that of a file of an open study.
    """
    if not target.exists():
        return
    inputs = (
        path
        for study in context.library.catalogue.studies
        for series in study.series
        for path in series.paths
    )
    if any(path.exists() and target.samefile(path) for path in inputs):
        raise ExportError("A file of the open study has this name. Choose another one.")


def _say(context: UiContext, sentence: str, file: str = "") -> None:
    context.library.add_problem(Problem(file, sentence))


def _fail(context: UiContext, sentence: str) -> None:
    """Say once what went wrong; nothing waits for the answer."""
    box = QMessageBox(
        QMessageBox.Icon.Warning,
        "Measurements",
        f"The measurements were not saved. {sentence}",
        QMessageBox.StandardButton.Ok,
        context.window,
    )
    box.setObjectName("measurements-not-saved")
    box.setTextFormat(Qt.TextFormat.PlainText)
    show(box)
