"""What other programs may call: open a study, make a picture. `viewer.open_study` and `viewer.render` lead here."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from viewer.cli import render as render_command
from viewer.cli.reading import read, require
from viewer.errors import EmptyStudyError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from viewer.cli.reading import Reading
    from viewer.dicom.model import Catalogue, Problem
    from viewer.imaging.volume import Volume

StudyPath = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class OpenedStudy:
    """A study with the series that opens by itself.

    Parameters
    ----------
    catalogue
        Everything that was found: studies, series, stacks.
    volumes
        The loaded ones, the picture below first, then the PET that lies over it. Arrays are (k, j, i) stored
        values; `volume.physical(...)` gives HU, Bq/mL, ..., `volume.geometry` the LPS millimetres.
    problems
        Every file that could not be used, with the reason.
    """

    catalogue: Catalogue
    volumes: tuple[Volume, ...]
    problems: tuple[Problem, ...]


def open_study(*paths: StudyPath) -> OpenedStudy:
    """Read folders, DICOM files, DICOMDIRs or zip archives, and load what a user would see first.

    Raises
    ------
    ViewerError
        Nothing at the paths can be shown; `user_message` says why.
    """
    reading = require(read([Path(path) for path in paths]))
    volumes = tuple(event.volume for event in reading.opened)
    return OpenedStudy(reading.catalogue, volumes, tuple(reading.problems))


def render(*paths: StudyPath, **options: object) -> npt.NDArray[np.uint32]:
    """Make the picture of a pane without a window.

    Parameters
    ----------
    paths
        Folders, DICOM files, DICOMDIRs or zip archives.
    options
        The options of `triptych render`, as values: `plane="coronal"`, `at=(x_mm, y_mm, z_mm)`, `preset="bone"`,
        `window=(width, level)`, `fuse=True`, `pet_range=(low, high)`, `size=(width, height)`, `slab=20.0`, ...

    Returns
    -------
    ndarray
        (h, w) uint32, 0xFFRRGGBB.

    Raises
    ------
    TypeError
        There is no such option.
    ViewerError
        There is nothing to show; `user_message` says why.
    """
    arguments = _render_arguments(paths, options)
    reading: Reading = require(
        read(
            arguments.paths,
            lambda catalogue: render_command.choose(catalogue, arguments.series, arguments.fuse),
        )
    )
    if not reading.opened:
        raise EmptyStudyError("There is no image that can be shown.")
    return render_command.render(reading.opened, arguments).pixels


def _render_arguments(paths: tuple[StudyPath, ...], options: dict[str, object]) -> argparse.Namespace:
    """The command's own defaults with the caller's values over them, so that both make the same picture."""
    parser = argparse.ArgumentParser()
    render_command.add_arguments(parser)
    arguments = parser.parse_args([*(str(Path(path)) for path in paths), "--output", ""])
    if unknown := options.keys() - vars(arguments).keys():
        raise TypeError(f"render() has no option {', '.join(sorted(unknown))}")
    vars(arguments).update(options)
    return arguments
