"""`triptych` and `triptych PATH...`: the window."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Sequence
from pathlib import Path

from viewer.archive.address import Place
from viewer.cli.places import place
from viewer.errors import FormatError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the paths."""
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        type=place,
        help="folder, DICOM file, DICOMDIR, .zip, .nii, .npy or .zarr, or an address (https://, s3://)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Open the window and stay until it is closed.

    Raises
    ------
    FormatError
        A path does not exist: said before a window appears.
    """
    missing = [str(path) for path in arguments.paths if isinstance(path, Path) and not path.exists()]
    if missing:
        raise FormatError(f"there is no such file or folder: {', '.join(missing)} (see triptych --help)")
    return show(arguments.paths)


def show(paths: Sequence[Place] = (), *, demo: bool = False) -> int:
    """Show the window; see `viewer.app.run`."""
    # Everything made until the window stands will stay: looking for garbage among it takes a tenth of the start.
    # `make_ready` lets it go on.
    gc.disable()
    try:
        # Qt behind it: only now.
        from viewer.ui.lean_imports import lean_qt

        lean_qt()
        from viewer.app import run as run_window

        return run_window(paths, demo=demo)
    finally:
        gc.enable()
