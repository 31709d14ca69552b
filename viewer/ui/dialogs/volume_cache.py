"""Clearing the volume cache, with what that frees."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtWidgets import QMessageBox

from viewer.ui.background import Jobs
from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.dialogs._parts import show
from viewer.ui.volume_copying import VolumeCopying

TITLE = "Volume cache"
_OK = QMessageBox.StandardButton.Ok


def commands(context: UiContext) -> Iterable[Command]:
    """The command that clears the cache."""
    yield Command("settings.clear-cache", "Clear volume cache…", lambda: ask(context), "File")


def ask(context: UiContext) -> None:
    """Say what is kept, and remove it when the user agrees."""
    copying = VolumeCopying.of(context.window)
    if copying is None:
        return
    usage = copying.store().usage()
    if not usage.nbytes:
        text = "The volume cache is empty."
        show(QMessageBox(QMessageBox.Icon.Information, TITLE, text, _OK, context.window))
        return
    series = "1 series" if usage.copies == 1 else f"{usage.copies} series"
    box = QMessageBox(
        QMessageBox.Icon.Question,
        TITLE,
        f"Decoded copies of {series} take {readable(usage.nbytes)} of the disk. Remove them?",
        QMessageBox.StandardButton.Cancel,
        context.window,
    )
    box.setObjectName("volume-cache")
    box.setInformativeText(
        "The studies themselves stay. Series that are slow to decode will be slow once more."
    )
    clear = box.addButton("Clear", QMessageBox.ButtonRole.AcceptRole)
    clear.setObjectName("accept")
    box.setDefaultButton(clear)

    def remove() -> None:
        def failed(reason: str) -> None:
            show(QMessageBox(QMessageBox.Icon.Warning, TITLE, reason, _OK, context.window))

        Jobs.of(context.window).run(copying.clear, lambda: None, failed)

    clear.clicked.connect(remove)
    show(box)


def readable(nbytes: int) -> str:
    """A size for a person: "312 MB", "1.4 GB"."""
    return f"{nbytes / 1e9:.1f} GB" if nbytes >= 1e9 else f"{max(1, round(nbytes / 1e6))} MB"
