"""Reads the measurement reports that lie in an open study and shows what they say, in the background."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QObject

from viewer.dicom.model import Problem, SeriesKind
from viewer.dicom.structured_report import Report, read_report
from viewer.errors import ViewerError
from viewer.state.measurement_report import from_report
from viewer.state.measurements import Measurements
from viewer.ui.binding import bind
from viewer.ui.context import UiContext
from viewer.ui.export.background import Work

LARGEST_BYTES = 64 << 20
"""A report of this size is annotations of a microscope, not measurements to list."""


class StudyReports(QObject):
    """See the module text.

    Parameters
    ----------
    context
        The session; closing its window waits for the file that is being read.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__(context.window)
        self.setObjectName("study-reports")
        self._context = context
        self._seen: set[Path] = set()
        self._work: Work | None = None
        self._reports: list[tuple[str, Report]] = []
        self._problems: list[Problem] = []
        bind(self, context.library.catalogue_changed, self._follow_catalogue)
        bind(self, context.view.layers_changed, self._follow_catalogue)
        context.window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Close and self._work is not None:
            self._work.wait()
        return super().eventFilter(watched, event)

    def _follow_catalogue(self) -> None:
        """Read what is new; not before something is shown, because reports are about images."""
        catalogue = self._context.library.catalogue
        if not catalogue.studies:
            self._seen.clear()
        if self._work is not None or self._context.view.base_volume is None:
            return
        new = [
            (study.uid, path)
            for study in catalogue.studies
            for series in study.series
            if series.kind is SeriesKind.REPORT
            for path in series.paths
            if path not in self._seen
        ]
        if new:
            self._seen.update(path for _, path in new)
            self._work = Work(lambda: self._read(new), self)
            self._work.finished.connect(self._show)
            self._work.start()

    def _read(self, files: list[tuple[str, Path]]) -> None:
        """In the thread: nothing but files."""
        for study_uid, path in files:
            try:
                if path.stat().st_size > LARGEST_BYTES:
                    continue
                report = read_report(path)
            except ViewerError as error:
                self._problems.append(Problem(path.name, error.user_message))
            except OSError as error:
                self._problems.append(Problem(path.name, error.strerror or "The file cannot be read."))
            else:
                if report is not None:
                    self._reports.append((study_uid, report))

    def _show(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work.deleteLater()
        reports, self._reports = self._reports, []
        problems, self._problems = self._problems, []
        store = self._context.view.work.of(Measurements)
        library = self._context.library
        open_studies = {study.uid for study in library.catalogue.studies}
        for study_uid, report in reports:
            if study_uid in open_studies:
                found = from_report(report, library.catalogue, study_uid)
                known = {item.uid for item in store.items}
                for kept in found:
                    if kept.measurement.uid not in known:
                        store.remember(kept.measurement, kept.result)
                store.bring(kept.measurement for kept in found)
        for problem in problems:
            library.add_problem(problem)
        self._follow_catalogue()
