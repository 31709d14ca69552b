"""Stage two of a picture: sampled layers through their tables into one RGB picture.

`out = (1 - a) * below + a * colour` for each layer from below to above, a the alpha of its table (rule D34).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.imaging import kernel
from viewer.imaging.kernel.jobs import ColourLayer, ComposeJob, address

BLACK = 0xFF000000


@dataclass(frozen=True, eq=False)
class LayerPicture:
    """Sampled values of one layer and how they become colours.

    Parameters
    ----------
    values
        (h, w) float32 stored values from `sample_plane`: NaN lets the layer below through, +inf is drawn hatched.
        (3, h, w) for a colour volume: red, green and blue go through their own columns of the table.
    table
        (n, 4) uint8 straight RGBA, opacity in alpha; at most 65,536 entries.
    lower, upper
        Stored values of the first and the last entry:
        `index = floor(clamp((v - lower) / (upper - lower), 0, 1) * (n - 1) + 0.5)`.
        Equal bounds make a step: v <= lower takes the first entry, anything above the last.
    """

    values: npt.NDArray[np.float32]
    table: npt.NDArray[np.uint8]
    lower: float
    upper: float


@dataclass(frozen=True, eq=False)
class ComposeRequest:
    """One picture to be made; see `compose`."""

    layers: tuple[LayerPicture, ...]
    out: npt.NDArray[np.uint32]
    background: int = BLACK


def compose(
    layers: Sequence[LayerPicture],
    out: npt.NDArray[np.uint32] | None = None,
    background: int = BLACK,
) -> npt.NDArray[np.uint32]:
    """Colour and blend layers from below to above.

    Parameters
    ----------
    layers
        At least one unless `out` gives the size.
    out
        (h, w) uint32 with contiguous rows (a row stride is fine), for instance the memory of a QImage.
    background
        0xFFRRGGBB where no layer has a colour.

    Returns
    -------
    ndarray
        (h, w) uint32 0xFFRRGGBB, the memory of QImage.Format_RGB32. It is `out` if given.

    Raises
    ------
    ValueError
        Sizes differ, a table is not (n, 4) uint8, or a bound is not finite.
    """
    if out is None:
        if not layers:
            raise ValueError("a picture without layers needs an output")
        out = np.empty(layers[0].values.shape[-2:], np.uint32)
    compose_all([ComposeRequest(tuple(layers), out, background)])
    return out


def compose_all(requests: Sequence[ComposeRequest]) -> None:
    """Make several pictures in one go, spread over all cores. See `compose`."""
    kernel.compose([compose_job(request) for request in requests])


def compose_job(request: ComposeRequest) -> ComposeJob:
    """What the kernel is asked to do for a request.

    Raises
    ------
    ValueError
        See `compose`.
    """
    return ComposeJob(tuple(_layer(layer) for layer in request.layers), request.out, request.background)


def _layer(layer: LayerPicture) -> ColourLayer:
    values = (layer.values,) if layer.values.ndim == 2 else tuple(layer.values)
    table = np.ascontiguousarray(layer.table)
    if address(table) % 4:
        table = table.copy()
    return ColourLayer(values, table, float(layer.lower), float(layer.upper))
