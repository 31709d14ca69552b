"""Measurements to files and back: structured report, JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from PySide6.QtWidgets import QFileDialog

from viewer.atomic import write_bytes
from viewer.dicom.model import Problem
from viewer.dicom.structured_report import write_report
from viewer.errors import ExportError, FormatError, ViewerError
from viewer.state.measurement_file import Kept, from_json, to_json
from viewer.state.measurement_report import report_content
from viewer.state.measurements import Measurements
from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.kept_work import KeptWork
from viewer.ui.study_reports import StudyReports

LARGEST_BYTES = 32 << 20
REPORT = "DICOM structured report, with the patient's identity (*.dcm)"
TEXT = "Measurements as JSON, with UIDs (*.json)"


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Export menu."""
    KeptWork(context)
    StudyReports(context)
    store = context.view.work.of(Measurements)
    menu = "Export"
    yield Command(
        "measure.save",
        "Save measurements as…",
        lambda: save_as(context),
        menu,
        enabled=lambda: any(not item.origin for item in store.items),
    )
    yield Command(
        "measure.open",
        "Open measurements…",
        lambda: open_from(context),
        menu,
        enabled=lambda: context.view.base_volume is not None,
    )


def save_as(context: UiContext) -> None:
    """Ask for a name and write what the user measured."""
    name, chosen = QFileDialog.getSaveFileName(
        context.window, "Save measurements", "measurements.dcm", f"{REPORT};;{TEXT}"
    )
    if name:
        save(context, Path(name), as_json=chosen == TEXT or Path(name).suffix.lower() == ".json")


def save(context: UiContext, target: Path, *, as_json: bool) -> None:
    """Write the user's own measurements; a failure becomes a line in the problems panel."""
    store = context.view.work.of(Measurements)
    items = [Kept(item, store.result(item)) for item in store.items if not item.origin]
    if not target.suffix:
        target = target.with_suffix(".json" if as_json else ".dcm")
    try:
        if as_json:
            _never_over_images(context, target)
            write_bytes(target, (to_json(items, private=False) + "\n").encode())
        else:
            _never_over_images(context, target)
            content = report_content(items, context.library)
            write_report(target, content.groups, content.evidence)
            left_out = len(items) - len(content.groups)
            if left_out:
                _say(context, f"{left_out} measurements are not in the report: their series is not open.")
    except ExportError as error:
        _say(context, f"The measurements were not saved. {error.user_message}")


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
