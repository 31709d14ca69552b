"""`triptych explore`: one HTML page about a data set of images and labels."""

from __future__ import annotations

import argparse
from pathlib import Path

from viewer.cli.data_set import add_folders, cases_of, check_free


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_folders(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, required=True, help="page to write (.html)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE when it is there")
    parser.epilog = 'Charts need Matplotlib: pip install "triptych-viewer[train]".'


def run(arguments: argparse.Namespace) -> int:
    """Write the page.

    Raises
    ------
    ViewerError
        A file cannot be read, the extra is missing, or the page cannot be written.
    """
    from viewer.cli import EXIT_OK
    from viewer.cli.progress import Progress
    from viewer.segmentation.exploration import explore

    check_free(arguments.output, overwrite=arguments.overwrite)
    cases, alone = cases_of(arguments)
    with Progress() as progress:
        explore(cases, alone, arguments.output, f"Data set {arguments.images.name}", progress.show)
    print(f"{len(cases)} cases are described in {arguments.output.name}.")
    return EXIT_OK
