"""Opening from wherever the wish comes: menu, drop, recent list, command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from viewer.errors import ViewerError
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Failed, LoadEvent, Scanning
from viewer.loading.pipeline import load
from viewer.settings import cache_dir
from viewer.ui.context import UiContext
from viewer.ui.dialogs.recent import remember
from viewer.ui.dialogs.second_drop import ask_second_drop


def open_with_question(context: UiContext, paths: Sequence[Path]) -> None:
    """Open paths; while a study is loading ask whether to replace it or to add."""
    if not paths:
        return
    answer = ask_second_drop(context.window) if context.loader.busy else "replace"
    if answer == "cancel":
        return
    remember(context.settings, paths)
    context.loader.open_paths(paths, add=answer == "add")


def open_demo(context: UiContext) -> None:
    """Write the demo study when it is not there yet, then open it; both in the background."""

    def job(token: CancelToken) -> Iterator[LoadEvent]:
        from viewer.dicom.demo import demo_folder

        yield Scanning(0, 0, 0.0)
        try:
            folder = demo_folder(cache_dir())
        except (OSError, ViewerError) as error:
            yield Failed(f"The demo study could not be written to {cache_dir()}: {error}.")
            return
        yield from load([folder], cancel=token)

    context.loader.cancel()
    context.view.show(None, None)
    context.library.clear()
    context.loader.start(job)
