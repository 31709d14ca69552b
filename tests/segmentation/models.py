"""Small ONNX models whose answer is known on paper, and volumes to give them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.volume import Quantity, Volume

CARD = """
name = "Bright things"
licence = "CC0"
kind = "slices"
axis = "coronal"
size = [64, 48]
unit = "HU"
window = [-100.0, 100.0]
{more}

[labels]
1 = "bright"
"""


def brighter_than(path: Path, *levels: float, dimensions: int = 2) -> Path:
    """A model whose logits are 50 * (value - level): one channel for one level, else one a label after a zero."""
    kernel = [1] * dimensions
    weights = np.full((len(levels), 1, *kernel), 50.0, np.float32)
    bias = -50.0 * np.array(levels, np.float32)
    if len(levels) > 1:
        # The background wins below the first level; each later label grows faster, so it wins above its own level.
        slopes = 50.0 * np.arange(len(levels) + 1, dtype=np.float32)
        weights = slopes.reshape(-1, 1, *kernel)
        bias = np.concatenate([[0.0], -50.0 * np.cumsum(levels)]).astype(np.float32)
    return save(path, weights, bias)


def save(path: Path, weights: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]) -> Path:
    """One convolution."""
    free: list[Any] = ["n", 1, *(f"d{n}" for n in range(weights.ndim - 2))]
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"])
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, free)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [free[0], len(weights), *free[2:]])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, str(path))
    return path


def with_card(folder: Path, more: str = "", text: str = CARD) -> Path:
    """A model of one channel and its card; returns the model."""
    (folder / "bright.toml").write_text(text.format(more=more), encoding="utf-8")
    return brighter_than(folder / "bright.onnx", 0.75)


def volume_of(values: npt.NDArray[np.generic], affine: Any = None, **changes: Any) -> Volume:
    """A complete CT in HU."""
    shape = (int(values.shape[0]), int(values.shape[1]), int(values.shape[2]))
    geometry = VolumeGeometry(
        shape, np.diag([3.0, 2.0, 1.0, 1.0])[[2, 1, 0, 3]] if affine is None else affine
    )
    quantity = Quantity(changes.pop("unit", "HU"))
    return Volume(
        "v", np.ascontiguousarray(values), changes.pop("geometry", geometry), quantity, "CT", **changes
    )


def ball(shape: Sequence[int], centre: Sequence[float], radius: float) -> npt.NDArray[np.bool_]:
    """(k, j, i) bool."""
    grid = np.indices(tuple(shape)).reshape(3, -1).T - np.array(centre)
    inside: npt.NDArray[np.bool_] = (np.linalg.norm(grid, axis=1) <= radius).reshape(tuple(shape))
    return inside
