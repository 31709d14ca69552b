"""Models in ONNX files, run by ONNX Runtime on the processor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.errors import FormatError, ViewerError
from viewer.imaging.volume import Volume
from viewer.segmentation.card import ModelCard, read_card
from viewer.segmentation.inference import Tell, check_unit, find_labels
from viewer.segmentation.labels import Labels

EXTRA = 'ONNX Runtime is not installed, which models need: pip install "triptych-viewer[seg]"'


class OnnxSegmenter:
    """A model and its card.

    Parameters
    ----------
    path
        The model or its card.

    Raises
    ------
    FormatError
        The card is missing or wrong.
    """

    def __init__(self, path: Path) -> None:
        self.card: ModelCard = read_card(path)
        self.name = self.card.name
        self.licence = self.card.licence

    def check(self, volume: Volume) -> None:
        """Raise FormatError when a volume is none for this model; needs no pixels."""
        check_unit(volume, self.card)

    def run(self, volume: Volume, tell: Tell) -> Labels:
        """Find the labels; see `Segmenter`."""
        return find_labels(volume, self.card, _Session(self.card), tell)


def run_model(card: ModelCard, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scores (n, channels, ...) of a batch (n, 1, ...), as the file beside the card gives them.

    Raises
    ------
    ViewerError
        ONNX Runtime or the model is missing, or it does not accept the batch.
    """
    return _Session(card)(batch)


class _Session:
    """A loaded model; call it with a batch."""

    def __init__(self, card: ModelCard) -> None:
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as states
        except ImportError as error:
            raise ViewerError(EXTRA) from error
        if not card.model.is_file():
            raise FormatError(f"{card.model.name} is not beside its card.")
        options: Any = onnxruntime.SessionOptions()
        options.intra_op_num_threads = os.cpu_count() or 1
        options.log_severity_level = 3
        # What it raises has no common base of its own.
        self._errors: tuple[type[Exception], ...] = (
            states.Fail,
            states.InvalidArgument,
            states.InvalidGraph,
            states.InvalidProtobuf,
            states.NotImplemented,
            states.RuntimeException,
        )
        self._name = card.name
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(card.model), options, providers=["CPUExecutionProvider"]
            )
        except self._errors as error:
            raise FormatError(
                f"{card.model.name} is not a model that can be run here: it is damaged, or newer "
                "than this ONNX Runtime."
            ) from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1 or inputs[0].type != "tensor(float)":
            raise FormatError(f"{card.model.name} has other inputs and outputs than one of float32 each.")
        self._input = inputs[0].name

    def __call__(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        try:
            (scores,) = self._session.run(None, {self._input: batch})
        except self._errors as error:
            raise FormatError(
                f'"{self._name}" does not accept pictures of {" x ".join(map(str, batch.shape[2:]))}; '
                "its card does not belong to it."
            ) from error
        return np.asarray(scores, dtype=np.float32)
