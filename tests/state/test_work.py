"""Stores of people's work, and the door every change goes through."""

from __future__ import annotations

from psygnal import Signal

from viewer.state.undo import Edit, History
from viewer.state.view import ViewState


class Notes:
    """The smallest store."""

    changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self.view = view
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        self.lines.append(line)
        self.changed.emit()


class Others(Notes):
    """Another kind of the same shape."""


def test_that_a_store_is_made_once_for_its_type_and_knows_its_view(view: ViewState) -> None:
    notes = view.work.of(Notes)
    assert view.work.of(Notes) is notes
    assert view.work.of(Others) is not notes
    assert notes.view is view


def test_that_any_change_of_any_store_is_told_once(view: ViewState) -> None:
    told: list[str] = []
    view.work.changed.connect(lambda: told.append("changed"))
    view.work.of(Notes).add("one")
    view.work.of(Notes).add("two")
    view.work.of(Others).add("three")
    assert told == ["changed"] * 3


def test_that_an_edit_is_done_before_it_is_told(view: ViewState) -> None:
    notes, history = view.work.of(Notes), view.work.of(History)
    seen: list[tuple[str, list[str]]] = []
    history.done.connect(lambda edit: seen.append((edit.text, list(notes.lines))))
    history.do(Edit("Add note", lambda: notes.add("one"), notes.lines.clear))
    assert seen == [("Add note", ["one"])]
