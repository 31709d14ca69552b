"""Problems panel: every problem once, a badge that counts, details as text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from viewer.dicom.model import Catalogue, Problem
from viewer.ui.context import UiContext
from viewer.ui.sidebar.problems import ProblemsPanel, all_problems, badge_text, summary

SHORT = Problem("study/IM1", "Too short.")
STRANGE = Problem("study/IM2", "Compression not supported.")


@pytest.fixture
def panel(qtbot: QtBot, context: UiContext) -> ProblemsPanel:
    made = ProblemsPanel(context)
    qtbot.addWidget(made)
    return made


def test_that_the_badge_counts_problems_of_index_and_loading_once(context: UiContext) -> None:
    library = context.library
    assert badge_text(library) == ""
    library.set_catalogue(Catalogue(problems=(SHORT,)))
    assert badge_text(library) == "1 problem"
    library.add_problem(SHORT)
    library.add_problem(STRANGE)
    assert all_problems(library) == (SHORT, STRANGE)
    assert badge_text(library) == "2 problems"


def test_that_J01_files_that_are_not_dicom_are_counted_not_listed(context: UiContext) -> None:
    context.library.set_catalogue(Catalogue(not_dicom=3, notes=("A DICOMDIR was out of date.",)))
    assert summary(context.library) == (
        "No problems. 3 files are not DICOM and left out. A DICOMDIR was out of date."
    )
    context.library.set_catalogue(replace(context.library.catalogue, not_dicom=1, notes=()))
    assert summary(context.library) == "No problems. 1 file is not DICOM and left out."


def test_that_problems_appear_as_they_come(panel: ProblemsPanel, context: UiContext) -> None:
    assert panel.table.model().rowCount() == 0
    assert not panel.copy_button.isEnabled()
    context.library.add_problem(SHORT)
    context.library.add_problem(STRANGE)
    assert panel.table.model().rowCount() == 2
    context.library.clear()
    assert panel.table.model().rowCount() == 0


def test_that_all_details_are_copied_or_only_the_chosen_ones(
    panel: ProblemsPanel, context: UiContext
) -> None:
    for problem in (SHORT, STRANGE, Problem("", "The disk is full.")):
        context.library.add_problem(problem)
    panel.copy_button.click()
    assert QGuiApplication.clipboard().text() == (
        "study/IM1\tToo short.\nstudy/IM2\tCompression not supported.\n(whole job)\tThe disk is full."
    )
    panel.table.selectRow(1)
    panel.copy()
    assert QGuiApplication.clipboard().text() == "study/IM2\tCompression not supported."
