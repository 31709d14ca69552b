"""Register two volumes in a process of its own, with progress and cancel; values go through pipes, never to disk."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from importlib.util import find_spec
from typing import IO

import numpy as np

from viewer.child import Check, Child
from viewer.errors import ViewerError
from viewer.imaging.geometry import FloatArray
from viewer.imaging.volume import Volume
from viewer.registration.block import Block, coarse_block

_log = logging.getLogger(__name__)


def register(fixed: Volume, moving: Volume, *, tell: Callable[[int, int], None], cancel: Check) -> FloatArray:
    """Find the rigid movement that brings one volume onto another by mutual information.

    Parameters
    ----------
    fixed, moving
        With all slices in place; any modality, grid, tilt or spacing.
    tell
        Called on this thread with the resolution level (0 is the coarsest) and the number of levels.
    cancel
        Looked at twenty times a second; the process is killed at once.

    Returns
    -------
    ndarray
        (4, 4) `fixed_from_moving`, LPS millimetres.

    Raises
    ------
    Cancelled
        The user did not want it any more.
    ViewerError
        The extra is missing, the volumes cannot be registered, or the process failed.
    """
    if find_spec("SimpleITK") is None:
        raise ViewerError(
            'Registration needs SimpleITK, which is not installed: pip install "triptych-viewer[register]".'
        )
    matrix = _watch(coarse_block(fixed), coarse_block(moving), tell, cancel)
    result: FloatArray = np.linalg.inv(matrix).astype(np.float64)
    return result


def _watch(fixed: Block, moving: Block, tell: Callable[[int, int], None], cancel: Check) -> FloatArray:
    with Child("viewer.registration.worker", feed=lambda pipe: _feed(pipe, fixed, moving)) as child:
        for message in child.messages(cancel):
            if "matrix" in message:
                return np.array(message["matrix"], np.float64)
            if "levels" in message:
                tell(int(message["level"]), int(message["levels"]))
        _log.info("a registration ended early: %s", child.complaints)
        raise ViewerError(f"{child.end('The registration')} The overlay stays where it was.")


def _feed(pipe: IO[bytes], fixed: Block, moving: Block) -> None:
    facts = {
        name: {"shape": block.values.shape, "origin": block.origin_mm, "spacing": block.spacing_mm}
        for name, block in (("fixed", fixed), ("moving", moving))
    }
    pipe.write(json.dumps(facts).encode() + b"\n")
    pipe.write(fixed.values.tobytes())
    pipe.write(moving.values.tobytes())
