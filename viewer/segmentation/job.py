"""Find labels in a process of its own, with progress and cancel: what the window and the command line call."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from viewer.child import Check, Child
from viewer.errors import ViewerError
from viewer.imaging.volume import Volume
from viewer.segmentation.inference import Tell
from viewer.segmentation.labels import Labels
from viewer.segmentation.worker import described

_log = logging.getLogger(__name__)


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
    with Child("viewer.segmentation.worker", str(folder)) as child:
        for message in child.messages(cancel):
            if "names" in message:
                return message
            if "total" in message:
                tell(int(message["done"]), int(message["total"]))
        _log.info("a segmenter ended early: %s", child.complaints)
        raise ViewerError(f"{child.end('The model')} Nothing was kept of it; the series is unchanged.")
