"""What can find labels: models with a card, and what other packages offer under the entry point `triptych.segmenters`.

An entry point gives a class (or function) that takes no argument and returns a `Segmenter`. It runs in a process of its
own: what crashes, runs out of memory or never ends costs that process and nothing else.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from viewer.errors import ViewerError
from viewer.imaging.volume import Volume
from viewer.segmentation.inference import Tell
from viewer.segmentation.labels import Labels

ENTRY_POINTS = "triptych.segmenters"


class Segmenter(Protocol):
    """Finds labels in a volume.

    Parameters
    ----------
    name, licence
        For people.
    """

    name: str
    licence: str

    def check(self, volume: Volume) -> None:
        """Raise a ViewerError when a volume is none for it. Looks at unit and geometry only."""

    def run(self, volume: Volume, tell: Tell) -> Labels:
        """Find labels on the grid of a volume.

        Parameters
        ----------
        volume
            Complete; may be read-only.
        tell
            To be called with the pieces done and all pieces.

        Raises
        ------
        ViewerError
            With a sentence for the user.
        """


def plugin_names() -> tuple[str, ...]:
    """Names of the segmenters that other packages bring; none of them is imported."""
    return tuple(sorted({point.name for point in entry_points(group=ENTRY_POINTS)}))


def segmenter(model: str) -> Segmenter:
    """The segmenter behind a name: that of another package, else a model file or its card.

    Raises
    ------
    ViewerError
        There is none, it cannot be imported, or its card is wrong.
    """
    for point in entry_points(group=ENTRY_POINTS):
        if point.name == model:
            try:
                made: Segmenter = point.load()()
            except ImportError as error:
                raise ViewerError(f'The segmenter "{model}" cannot be imported: {error}.') from error
            return made
    path = Path(model)
    if path.suffix.lower() not in {".onnx", ".toml"}:
        known = ", ".join(plugin_names()) or "none"
        raise ViewerError(
            f'"{path.name}" is neither an ONNX model or its card nor an installed segmenter (installed: {known}).'
        )
    from viewer.segmentation.onnx_model import OnnxSegmenter

    return OnnxSegmenter(path)
