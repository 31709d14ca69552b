"""Small helpers of the DICOM tests: a folder to a catalogue, a stack to an array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.dicom.build import fill_slice, make_volume
from viewer.dicom.decode import decode_frame
from viewer.dicom.index import Indexer
from viewer.dicom.model import Catalogue, Stack
from viewer.imaging.volume import Volume


def catalogue_of(*folders: Path) -> Catalogue:
    """Everything in some folders, in a fixed order."""
    indexer = Indexer()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                indexer.add(path)
    return indexer.catalogue(complete=True)


def stacks_of(catalogue: Catalogue) -> list[Stack]:
    """All stacks in order."""
    return [stack for study in catalogue.studies for series in study.series for stack in series.stacks]


def only_stack(folder: Path) -> Stack:
    """The stack of a folder that holds exactly one."""
    (stack,) = stacks_of(catalogue_of(folder))
    return stack


def filled(stack: Stack) -> Volume:
    """The volume of a stack with every slice read."""
    volume = make_volume(stack)
    for k in range(len(stack.frames)):
        fill_slice(volume, stack, k)
    return volume


def stored(stack: Stack) -> npt.NDArray[Any]:
    """Stored values (k, j, i) of a stack, decoded frame by frame."""
    return np.stack([decode_frame(frame, stack.pixels) for frame in stack.frames])
