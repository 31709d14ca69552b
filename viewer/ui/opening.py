"""Opening from wherever the wish comes: menu, drop, recent list, command line."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TypeGuard

from viewer.archive.address import Place
from viewer.errors import ViewerError
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Failed, LoadEvent, Preparing
from viewer.settings import cache_dir
from viewer.state.comparison import Comparison
from viewer.state.structures import StructureStore
from viewer.ui.context import UiContext
from viewer.ui.dialogs.recent import remember
from viewer.ui.dialogs.second_drop import ask_second_drop
from viewer.ui.unsaved import leave_structures

PAUSE_S = 0.05


def open_with_question(context: UiContext, paths: Sequence[Place], *, beside: bool = False) -> None:
    """Open paths; while a study is loading ask whether to replace it or to add; `beside` compares them."""
    if not paths:
        return
    files = [path for path in paths if _is_structure_file(path)]
    if context.library.catalogue.studies and len(files) == len(paths):
        # A segmentation alone shows nothing: it belongs to the study that is open.
        context.view.work.of(StructureStore).await_files(files)
        context.loader.open_paths(paths, add=True)
        return
    if beside and context.library.catalogue.studies:
        add_study(context, paths)
        return
    answer = ask_second_drop(context.window) if context.loader.busy else "replace"
    if answer == "cancel":
        return

    def go_on() -> None:
        remember(context.settings, paths)
        context.loader.open_paths(paths, add=answer == "add")

    if answer == "add":
        go_on()
    else:
        leave_structures(context, go_on)


def add_study(context: UiContext, paths: Sequence[Place]) -> None:
    """Open paths to compare with what is open: a series of the same kind is shown below, the browser offers all."""
    remember(context.settings, paths)
    context.view.work.of(Comparison).await_study()
    context.loader.open_paths(paths, add=True)


def _is_structure_file(path: Place) -> TypeGuard[Path]:
    from viewer.dicom.structure_file import is_structure_file

    return isinstance(path, Path) and path.is_file() and is_structure_file(path)


def open_demo(context: UiContext) -> None:
    """Write the demo study when it is not there yet, then open it; both in the background."""

    def job(token: CancelToken) -> Iterator[LoadEvent]:
        from viewer.loading.pipeline import load

        folder = yield from _written_demo()
        if folder is not None:
            yield from load([folder], cancel=token)

    def go_on() -> None:
        context.loader.cancel()
        context.view.show(None, None)
        context.library.clear()
        context.loader.start(job)

    leave_structures(context, go_on)


def _written_demo() -> Generator[LoadEvent, None, Path | None]:
    """Write the demo study in a thread of its own and tell how far it is; None when it could not be written."""
    from viewer.dicom.demo import demo_folder

    steps: SimpleQueue[tuple[int, int]] = SimpleQueue()
    with ThreadPoolExecutor(1, thread_name_prefix="demo-writer") as pool:
        writing = pool.submit(demo_folder, cache_dir(), lambda done, total: steps.put((done, total)))
        while not writing.done():
            time.sleep(PAUSE_S)
            while not steps.empty():
                yield Preparing("Writing the demo study", *steps.get())
        try:
            return writing.result()
        except (OSError, ViewerError) as error:
            reason = (
                error.user_message if isinstance(error, ViewerError) else error.strerror or "system error"
            )
            yield Failed(f"The demo study could not be written ({reason}).")
            return None
