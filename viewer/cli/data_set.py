"""Options that `train`, `evaluate` and `explore` share: two folders of NIfTI files, and where the answer goes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from viewer.errors import ExportError

if TYPE_CHECKING:
    from viewer.segmentation.dataset import Case


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Declare the two folders and the rule for patients."""
    add = parser.add_argument
    add("images", metavar="IMAGES", type=Path, help="folder of images (.nii, .nii.gz)")
    add("labels", metavar="LABELS", type=Path, help="folder of labels with the names of their images")
    add(
        "--patient",
        metavar="REGEX",
        default="",
        help="expression whose first group is the patient in a file name; default: each file is a patient",
    )


def cases_of(arguments: argparse.Namespace) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """The pairs of the two folders; what has no partner is said on the standard error output.

    Raises
    ------
    FormatError
        See `find_cases`.
    """
    from viewer.segmentation.dataset import find_cases

    cases, alone = find_cases(arguments.images, arguments.labels, arguments.patient)
    if alone:
        print(f"triptych: left out, image or labels alone: {', '.join(alone)}", file=sys.stderr)
    return cases, alone


def check_free(path: Path, *, overwrite: bool) -> None:
    """Raise ExportError when a file is already there or its folder is not."""
    if path.exists() and not overwrite:
        raise ExportError(f"{path.name} is already there; --overwrite replaces it.")
    if not path.absolute().parent.is_dir():
        raise ExportError(f"The folder of {path.name} does not exist.")
