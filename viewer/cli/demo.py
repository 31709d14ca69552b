"""`triptych demo`: the built-in PET/CT study, in the window or as DICOM files in a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from viewer.errors import ExportError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--write",
        metavar="FOLDER",
        type=Path,
        help="write it as DICOM files to a new or empty folder; no window",
    )


def run(arguments: argparse.Namespace) -> int:
    """Open the demo study, or write it.

    Raises
    ------
    ExportError
        The folder is not empty or cannot be written.
    """
    if arguments.write is None:
        from viewer.cli.open_window import show

        return show(demo=True)
    _write(arguments.write)
    return 0


def _write(folder: Path) -> None:
    from viewer.cli.progress import Progress
    from viewer.dicom.demo import write_demo_study

    try:
        if folder.exists() and any(folder.iterdir()):
            raise ExportError(
                f"{folder} is not empty; the demo study is written to a new or empty folder only"
            )
        folder.mkdir(parents=True, exist_ok=True)
        with Progress() as progress:
            write_demo_study(folder, lambda done, total: progress.show("writing", done, total))
    except OSError as error:
        raise ExportError(f"{folder}: {error.strerror or 'the study cannot be written'}") from error
    print(folder)
