"""Find labels in a process of its own, with progress and cancel: what the window and the command line call."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from viewer.errors import ViewerError
from viewer.imaging.volume import Volume
from viewer.segmentation.inference import Tell
from viewer.segmentation.labels import Labels
from viewer.segmentation.worker import described

_log = logging.getLogger(__name__)

_LOOK_S = 0.05
_KEPT_LINES = 40
_END_S = 10.0


class Check(Protocol):
    """A job's switch."""

    def check(self) -> None:
        """Raise `Cancelled` when the work should stop."""


def segment(volume: Volume, model: str, *, tell: Tell, cancel: Check) -> Labels:
    """Run a segmenter over a volume.

    Parameters
    ----------
    volume
        With all slices in place.
    model
        Path of an ONNX model or its card, or the name of an installed segmenter.
    tell
        Called with the pieces done and all pieces, on this thread.
    cancel
        Looked at twenty times a second; the process is killed at once.

    Returns
    -------
    Labels
        On the grid of the volume.

    Raises
    ------
    Cancelled
        The user did not want it any more.
    ViewerError
        The segmenter refused the volume, failed or crashed.
    """
    if not volume.ready.all():
        raise ViewerError("The series is still being loaded; try again when it is complete.")
    # The folder is readable for this user only, and gone when the block ends, however it does.
    with tempfile.TemporaryDirectory(prefix="triptych-segment-") as name:
        folder = Path(name)
        try:
            np.save(folder / "values.npy", volume.array)
            (folder / "job.json").write_text(json.dumps(described(volume, model)), encoding="utf-8")
        except OSError as error:
            raise ViewerError(
                f"There is no room for the copy of the series that the model works on ({error.strerror})."
            ) from error
        answer = _watch(folder, tell, cancel)
        # Read into memory: the file is about to go.
        array = np.load(folder / "labels.npy")
    names = {int(label): str(text) for label, text in answer["names"].items()}
    return Labels(array, names, str(answer["model"]), str(answer["licence"]))


def _watch(folder: Path, tell: Tell, cancel: Check) -> dict[str, Any]:
    """Run the child and return its last word."""
    # A child of this Python finds this package where it is now, installed or not.
    here = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH", ""))))
    process = subprocess.Popen(
        [sys.executable, "-m", "viewer.segmentation.worker", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONPATH": paths},
    )
    complaints: list[str] = []
    said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    readers = [
        threading.Thread(target=_drain, args=(process.stdout, said.put), daemon=True),
        threading.Thread(target=_drain, args=(process.stderr, complaints.append), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        for line in _lines(said, cancel):
            message = _message(line)
            if "error" in message:
                raise ViewerError(str(message["error"]))
            if "names" in message:
                return message
            if "total" in message:
                tell(int(message["done"]), int(message["total"]))
        # It has closed its output, so it is about to end; killing it now would hide why.
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
    finally:
        process.kill()
        process.wait()
        for reader in readers:
            reader.join()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    _log.info("a segmenter ended early: %s", "".join(line or "" for line in complaints[-_KEPT_LINES:]))
    raise ViewerError(_end(process.returncode))


def _drain(stream: Any, put: Any) -> None:
    for line in stream:
        put(line)
    put(None)


def _lines(said: queue.SimpleQueue[str | None], cancel: Check) -> Iterator[str]:
    while True:
        cancel.check()
        try:
            line = said.get(timeout=_LOOK_S)
        except queue.Empty:
            continue
        if line is None:
            return
        yield line


def _message(line: str) -> dict[str, Any]:
    """A line of the child; what a library prints by itself is passed over."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _end(code: int) -> str:
    if code < 0 and -code == getattr(signal, "SIGKILL", 9):
        return (
            "The model was stopped by the system, most likely because memory ran out. Nothing was kept of it."
        )
    if code < 0:
        return "The model crashed. Nothing was kept of it; the series is unchanged."
    return "The segmenter ended without an answer; the log says what it complained about. The series is unchanged."
