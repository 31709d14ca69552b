"""From a volume to labels with any function that maps a batch of pictures to scores: slice by slice or in patches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import numpy.typing as npt

from viewer.errors import FormatError
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.volume import Volume
from viewer.segmentation.card import ModelCard
from viewer.segmentation.grid import LabelArray, model_grid, model_slice, onto
from viewer.segmentation.labels import Labels

Float32 = npt.NDArray[np.float32]

Predict = Callable[[Float32], Float32]
"""(n, 1, ...) pictures to (n, channels, ...) scores."""

Tell = Callable[[int, int], None]
"""Called with the pieces done and all pieces."""

_SLICES_AT_ONCE = 2


def find_labels(volume: Volume, card: ModelCard, predict: Predict, tell: Tell) -> Labels:
    """Run a model over a volume.

    Parameters
    ----------
    volume
        Of one channel, with all slices in place.
    card
        What the model expects.
    predict
        The model.
    tell
        Is told how far the work is.

    Returns
    -------
    Labels
        On the grid of the volume; slices that could not be decoded have none.

    Raises
    ------
    FormatError
        The volume is none for this model, or the model gave something else than its card says.
    GeometryError
        The place of the volume in the patient is unknown.
    """
    check_unit(volume, card)
    grid = model_grid(volume.geometry, card)
    found = (_by_slices if card.kind == "slices" else _by_patches)(volume, card, grid, predict, tell)
    array = onto(found, grid, volume.geometry)
    array[volume.corrupt] = 0
    return Labels(array, card.labels, card.name, card.licence)


def check_unit(volume: Volume, card: ModelCard) -> None:
    """Raise FormatError unless a volume holds what the model was trained on."""
    if volume.is_colour:
        raise FormatError("The series is in colour; models see one value for each voxel.")
    if card.unit and volume.quantity.unit != card.unit:
        has = f"is in {volume.quantity.unit}" if volume.quantity.unit else "has no unit"
        raise FormatError(
            f'"{card.name}" was trained on {card.unit}, but this series {has}. Choose another series.'
        )


# --- Slices ------------------------------------------------------------------------------------------------------


def _by_slices(
    volume: Volume, card: ModelCard, grid: VolumeGeometry, predict: Predict, tell: Tell
) -> LabelArray:
    result = np.zeros(grid.shape, _label_type(card))
    total = grid.shape[0]
    for start in range(0, total, _SLICES_AT_ONCE):
        tell(start, total)
        values = [model_slice(volume, grid, k) for k in range(start, min(start + _SLICES_AT_ONCE, total))]
        # What lies outside the volume needs no model: a stack of coronal slices of a tilted series begins with such.
        there = [n for n, value in enumerate(values) if np.isfinite(value).any()]
        if there:
            scores = _scores(predict, np.stack([card.seen(values[n]) for n in there])[:, None], card)
            for n, score in zip(there, scores, strict=True):
                result[start + n] = labels_of(score, card)
    tell(total, total)
    return result


def labels_of(scores: Float32, card: ModelCard) -> LabelArray:
    """Scores (channels, ...) of one picture to labels (...)."""
    numbers = np.array([0, *card.labels], _label_type(card))
    if len(scores) == 1:
        # The logit of the threshold, so that no picture needs an exponential.
        least = card.threshold if card.probabilities else np.log(card.threshold / (1 - card.threshold))
        chosen = (scores[0] > least).astype(np.intp)
    else:
        chosen = scores.argmax(axis=0)
    labels: LabelArray = numbers[chosen]
    return labels


def _label_type(card: ModelCard) -> type[np.unsignedinteger]:
    return np.uint8 if max(card.labels) < 256 else np.uint16


def _scores(predict: Predict, batch: Float32, card: ModelCard) -> Float32:
    scores = predict(batch)
    channels = 1 + len(card.labels)
    fits = (
        scores.ndim == batch.ndim
        and scores.shape[0] == batch.shape[0]
        and scores.shape[2:] == batch.shape[2:]
    )
    if not fits or scores.shape[1] not in ({1, channels} if channels == 2 else {channels}):
        raise FormatError(
            f'"{card.name}" answered with an array {_shown(scores.shape)} to one of {_shown(batch.shape)}; its card '
            f"promises {channels} channels of the same size. Model and card do not belong together."
        )
    if not np.isfinite(scores).all():
        raise FormatError(f'"{card.name}" answered with values that are no numbers; nothing of it was used.')
    return scores


def _shown(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


# --- Patches -----------------------------------------------------------------------------------------------------


def _by_patches(
    volume: Volume, card: ModelCard, grid: VolumeGeometry, predict: Predict, tell: Tell
) -> LabelArray:
    """Overlapping blocks, blended by weights that fall towards their edges."""
    size = (card.size[0], card.size[1], card.size[2])
    values = np.stack([card.seen(model_slice(volume, grid, k)) for k in range(grid.shape[0])])
    short = [max(0, want - have) for want, have in zip(size, values.shape, strict=True)]
    values = np.pad(values, [(0, n) for n in short], constant_values=card.scale[0])
    channels, weight = 0, _weights(size)
    total_weight = np.zeros(values.shape, np.float32)
    sums = np.zeros((0, *values.shape), np.float32)
    corners = list(patch_corners(values.shape, size, card.overlap))
    for n, corner in enumerate(corners):
        tell(n, len(corners))
        where = tuple(slice(start, start + length) for start, length in zip(corner, size, strict=True))
        score = _scores(predict, np.ascontiguousarray(values[where])[None, None], card)[0]
        if not channels:
            channels = len(score)
            sums = np.zeros((channels, *values.shape), np.float32)
        sums[(slice(None), *where)] += score * weight
        total_weight[where] += weight
    sums /= total_weight
    tell(len(corners), len(corners))
    k, j, i = grid.shape
    return labels_of(sums[:, :k, :j, :i], card)


def patch_corners(
    shape: tuple[int, ...], size: tuple[int, int, int], overlap: float
) -> Iterator[tuple[int, int, int]]:
    """Give the corners of the fewest evenly spread blocks that cover an array with at least this overlap.

    Parameters
    ----------
    shape
        (k, j, i) of the array, nowhere less than `size`.
    size
        Of a block.
    overlap
        Share that neighbours have in common.
    """
    starts = []
    for have, want in zip(shape, size, strict=True):
        step = max(1, int(want * (1 - overlap)))
        count = 1 + -(-(have - want) // step)
        starts.append(sorted({round(n * (have - want) / max(1, count - 1)) for n in range(count)}))
    yield from product(starts[0], starts[1], starts[2])


def _weights(size: tuple[int, int, int]) -> Float32:
    """A Gaussian of an eighth of the block, never quite zero, so that every voxel has a weight."""
    curves = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / max(n / 8, 0.5)) ** 2) for n in size]
    product_of_all = curves[0][:, None, None] * curves[1][None, :, None] * curves[2][None, None, :]
    return np.asarray(np.maximum(product_of_all, 1e-4), dtype=np.float32)
