"""Register two volumes in a process of its own, with progress and cancel; values go through pipes, never to disk."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from viewer.errors import ViewerError
from viewer.imaging.geometry import FloatArray
from viewer.imaging.volume import Volume
from viewer.registration.block import Block, coarse_block

_LOOK_S = 0.05


class Check(Protocol):
    """A job's switch."""

    def check(self) -> None:
        """Raise `Cancelled` when the work should stop."""


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
    here = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH", ""))))
    process = subprocess.Popen(
        [sys.executable, "-m", "viewer.registration.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths},
    )
    said: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threads = [
        threading.Thread(target=_feed, args=(process.stdin, fixed, moving), daemon=True),
        threading.Thread(target=_drain, args=(process.stdout, said), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        while True:
            cancel.check()
            try:
                line = said.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if line is None:
                break
            message = json.loads(line)
            if "error" in message:
                raise ViewerError(str(message["error"]))
            if "matrix" in message:
                return np.array(message["matrix"], np.float64)
            tell(int(message["level"]), int(message["levels"]))
    finally:
        process.kill()
        process.wait()
        for thread in threads:
            thread.join()
        if process.stdout is not None:
            process.stdout.close()
    raise ViewerError("The registration ended without an answer; the overlay stays where it was.")


def _feed(pipe: IO[bytes], fixed: Block, moving: Block) -> None:
    facts = {
        name: {"shape": block.values.shape, "origin": block.origin_mm, "spacing": block.spacing_mm}
        for name, block in (("fixed", fixed), ("moving", moving))
    }
    # A process that was killed no longer reads; why it was is known where it was done.
    with suppress(BrokenPipeError), pipe:
        pipe.write(json.dumps(facts).encode() + b"\n")
        pipe.write(fixed.values.tobytes())
        pipe.write(moving.values.tobytes())


def _drain(stream: IO[bytes], said: queue.SimpleQueue[bytes | None]) -> None:
    for line in stream:
        said.put(line)
    said.put(None)
