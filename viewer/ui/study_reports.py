"""Reads the reports and presentation states that lie in an open study, in the background, and shows what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from viewer.dicom.model import Problem, SeriesKind
from viewer.errors import ViewerError
from viewer.state.measurements import Measurements
from viewer.state.presentations import Presentations
from viewer.ui.background import Jobs
from viewer.ui.binding import bind
from viewer.ui.context import UiContext

if TYPE_CHECKING:
    # What reads and understands these is imported when a study has one, not when the window starts.
    from viewer.dicom.presentation_state import PresentationState
    from viewer.dicom.structured_report import Report

_KINDS = (SeriesKind.REPORT, SeriesKind.PRESENTATION)
LARGEST_BYTES = 64 << 20
"""A report of this size is annotations of a microscope, not measurements to list."""


class StudyReports(QObject):
    """See the module text.

    Parameters
    ----------
    context
        The session.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__(context.window)
        self.setObjectName("study-reports")
        self._context = context
        self._seen: set[Path] = set()
        self._reading = False
        self._found: list[tuple[str, Report | PresentationState]] = []
        self._problems: list[Problem] = []
        bind(self, context.library.catalogue_changed, self._follow_catalogue)
        bind(self, context.view.layers_changed, self._follow_catalogue)

    def _follow_catalogue(self) -> None:
        """Read what is new; not before something is shown, because reports are about images."""
        catalogue = self._context.library.catalogue
        if not catalogue.studies:
            self._seen.clear()
            if self._context.view.work.of(Presentations).items:
                self._context.view.work.of(Presentations).clear()
        if self._reading or self._context.view.base_volume is None:
            return
        new = [
            (study.uid, series.kind, path)
            for study in catalogue.studies
            for series in study.series
            if series.kind in _KINDS
            for path in series.paths
            if path not in self._seen
        ]
        if new:
            self._seen.update(path for _, _, path in new)
            self._reading = True
            Jobs.of(self._context.window).run(lambda: self._read(new), self._show, self._failed)

    def _read(self, files: list[tuple[str, SeriesKind, Path]]) -> None:
        """In the thread: nothing but files."""
        from viewer.dicom.presentation_state import PresentationState, read_presentation_state
        from viewer.dicom.structured_report import read_report

        for study_uid, kind, path in files:
            try:
                if path.stat().st_size > LARGEST_BYTES:
                    continue
                found = read_report(path) if kind is SeriesKind.REPORT else read_presentation_state(path)
            except ViewerError as error:
                self._problems.append(Problem(path.name, error.user_message))
            except OSError as error:
                self._problems.append(Problem(path.name, error.strerror or "The file cannot be read."))
            else:
                if found is not None:
                    self._found.append((study_uid, found))
                if isinstance(found, PresentationState):
                    self._problems += [Problem(path.name, note) for note in found.notes]

    def _failed(self, sentence: str) -> None:
        self._problems.append(Problem("", sentence))
        self._show()

    def _show(self) -> None:
        self._reading = False
        everything, self._found = self._found, []
        problems, self._problems = self._problems, []
        if everything:
            self._bring(everything)
        for problem in problems:
            self._context.library.add_problem(problem)
        self._follow_catalogue()

    def _bring(self, everything: list[tuple[str, Report | PresentationState]]) -> None:
        """Show what was read, as far as its study is open still."""
        from viewer.dicom.presentation_state import PresentationState
        from viewer.state.measurement_report import from_report
        from viewer.state.presentation_drawings import from_presentation

        store = self._context.view.work.of(Measurements)
        library = self._context.library
        open_studies = {study.uid for study in library.catalogue.studies}
        for study_uid, item in everything:
            if study_uid in open_studies:
                if isinstance(item, PresentationState):
                    self._context.view.work.of(Presentations).bring([item])
                    own = {one.uid for one in store.items if not one.origin}
                    drawn = tuple(one for one in item.graphics if one.tracking_uid not in own)
                    found = from_presentation(replace(item, graphics=drawn), library.catalogue, study_uid)
                else:
                    found = from_report(item, library.catalogue, study_uid)
                known = {item.uid for item in store.items}
                for kept in found:
                    if kept.measurement.uid not in known:
                        store.remember(kept.measurement, kept.result)
                store.bring(kept.measurement for kept in found)
