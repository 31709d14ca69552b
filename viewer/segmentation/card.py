"""What a model expects and gives: a small TOML file beside it, written by hand or by `triptych train`.

::

    name = "Spleen, coronal U-Net"
    model = "spleen.onnx"          # beside the card
    licence = "CC BY 4.0"
    kind = "slices"                # or "patches"
    axis = "coronal"               # which slices it sees; patches are always axial
    rows = "F"                     # where rows run to: towards the feet
    columns = "L"                  # where columns run to: towards the patient's left
    size = [512, 512]              # rows, columns; patches: slices, rows, columns
    spacing_mm = []                # as `size`; empty for the volume's own
    fit = "pad"                    # or "stretch" (slices only): what is done to reach the size
    unit = "HU"                    # of the values it was trained on; "" for any
    window = [-160.0, 240.0]       # values that become scale[0] and scale[1]
    scale = [0.0, 1.0]
    output = "logits"              # or "probabilities"
    threshold = 0.5                # of a model with one channel
    overlap = 0.5                  # of neighbouring patches

    [labels]
    1 = "spleen"

A model has one input, float32 (n, 1, rows, columns) or (n, 1, slices, rows, columns), and one output of the same size
with one channel (one label, by threshold) or one a label with the background first (the largest wins).
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.errors import FormatError

DIRECTIONS = {"axial": ("P", "L"), "coronal": ("F", "L"), "sagittal": ("F", "P")}
"""Plane of the slices to where their rows and columns run unless a card says otherwise."""
_AXES_OF = {"axial": "HF", "coronal": "AP", "sagittal": "LR"}
_OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "H": "F", "F": "H"}
_MAX_SIDE = 4096
_MAX_LABEL = 65535


@dataclass(frozen=True)
class ModelCard:
    """See the module text.

    Parameters
    ----------
    name, licence
        For people.
    model
        The ONNX file.
    kind
        "slices" or "patches".
    axis
        Plane of the slices.
    rows, columns
        Letters of the directions in which row and column numbers grow.
    size
        (rows, columns), or (slices, rows, columns) of a patch.
    spacing_mm
        Like `size`; empty for the volume's own.
    stretch
        Slices are brought to the size by scaling instead of by padding and cropping.
    unit
        Unit the model needs, "" for any.
    window, scale
        Linear map of values, clipped at both ends.
    probabilities
        The output is one, so that it needs no softmax or sigmoid.
    threshold
        Of a model with one channel.
    overlap
        Share of a patch that neighbours have in common, 0 to 0.9.
    labels
        Label to name.
    """

    name: str
    model: Path
    licence: str
    kind: str
    axis: str
    rows: str
    columns: str
    size: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    stretch: bool
    unit: str
    window: tuple[float, float]
    scale: tuple[float, float]
    probabilities: bool
    threshold: float
    overlap: float
    labels: Mapping[int, str]

    @property
    def slices(self) -> str:
        """Letter of the direction in which slice numbers grow: to the head, the back or the left."""
        return {"axial": "H", "coronal": "P", "sagittal": "L"}[self.axis]

    def seen(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What the model sees of physical values: clipped to the window and brought to the scale.

        Positions without a value (NaN, infinite) become the lower end of the window.
        """
        (low, high), (bottom, top) = self.window, self.scale
        clipped = np.clip(np.where(np.isfinite(values), values, low), low, high)
        return np.asarray(bottom + (clipped - low) * ((top - bottom) / (high - low)), dtype=np.float32)


def card_of(model: Path) -> Path:
    """Where the card of a model is: beside it, under the same name."""
    return model.with_suffix(".toml")


def read_card(path: Path) -> ModelCard:
    """Read and check a card; `path` is the card or its model.

    Raises
    ------
    FormatError
        There is none, or it does not say what is needed.
    """
    if path.suffix.lower() == ".onnx":
        path = card_of(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FormatError(
            f"{path.name} is not there: a model needs a card that says which slices and values it expects. "
            "The README shows one."
        ) from error
    except OSError as error:
        raise FormatError(f"{path.name} cannot be read ({error.strerror or 'system error'}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{path.name} is not valid TOML: {error}.") from error
    return _Checked(path, table).card()


class _Checked:
    """Takes the entries of a card one by one and says which one is wrong."""

    def __init__(self, path: Path, table: Mapping[str, Any]) -> None:
        self._path = path
        self._table = table

    def card(self) -> ModelCard:
        known = {
            "name", "model", "licence", "kind", "axis", "rows", "columns", "size", "spacing_mm", "fit", "unit",
            "window", "scale", "output", "threshold", "overlap", "labels",
        }  # fmt: skip
        if unknown := sorted(set(self._table) - known):
            raise self._wrong(unknown[0], "is not an entry of a card")
        kind = self._choice("kind", ("slices", "patches"))
        axis = self._choice("axis", tuple(_AXES_OF), "axial")
        if kind == "patches" and axis != "axial":
            raise self._wrong("axis", "of patches is axial")
        rows, columns = self._directions(axis)
        dimensions = 2 if kind == "slices" else 3
        size = tuple(int(n) for n in self._numbers("size", dimensions))
        if not all(1 <= n <= _MAX_SIDE for n in size):
            raise self._wrong("size", f"must be between 1 and {_MAX_SIDE}")
        spacing = self._numbers("spacing_mm", dimensions, ())
        if not all(0.01 <= mm <= 100 for mm in spacing):
            raise self._wrong("spacing_mm", "must be between 0.01 and 100 mm")
        stretch = self._choice("fit", ("pad", "stretch"), "pad") == "stretch"
        if stretch and kind == "patches":
            raise self._wrong("fit", "of patches is pad")
        if stretch and spacing:
            raise self._wrong("fit", "cannot be stretch where a spacing is given")
        window = self._pair("window", None)
        threshold, overlap = self._number("threshold", 0.5), self._number("overlap", 0.5)
        if not 0 < threshold < 1:
            raise self._wrong("threshold", "must lie between 0 and 1")
        if not 0 <= overlap <= 0.9:
            raise self._wrong("overlap", "must lie between 0 and 0.9")
        return ModelCard(
            name=self._text("name"),
            model=self._path.parent / self._text("model", self._path.with_suffix(".onnx").name),
            licence=self._text("licence", "not stated"),
            kind=kind,
            axis=axis,
            rows=rows,
            columns=columns,
            size=size,
            spacing_mm=spacing,
            stretch=stretch,
            unit=self._text("unit", ""),
            window=window,
            scale=self._pair("scale", (0.0, 1.0)),
            probabilities=self._choice("output", ("logits", "probabilities"), "logits") == "probabilities",
            threshold=threshold,
            overlap=overlap,
            labels=self._labels(),
        )

    def _wrong(self, entry: str, what: str) -> FormatError:
        return FormatError(f'{self._path.name}: "{entry}" {what}.')

    def _text(self, entry: str, default: str | None = None) -> str:
        value = self._table.get(entry, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self._wrong(entry, "must be a text")
        return value

    def _choice(self, entry: str, values: tuple[str, ...], default: str | None = None) -> str:
        value = self._table.get(entry, default)
        if value not in values:
            raise self._wrong(entry, f"must be one of {', '.join(values)}")
        return str(value)

    def _number(self, entry: str, default: float) -> float:
        (value,) = self._numbers(entry, 1, (default,))
        return value

    def _numbers(self, entry: str, count: int, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
        value = self._table.get(entry, default)
        if count == 1 and isinstance(value, int | float):
            value = [value]
        if default == () and value in ([], ()):
            return ()
        if not isinstance(value, list | tuple) or len(value) != count:
            raise self._wrong(entry, f"must be {count} number{'s' * (count > 1)}")
        if any(isinstance(n, bool) or not isinstance(n, int | float) or not math.isfinite(n) for n in value):
            raise self._wrong(entry, "must be numbers")
        return tuple(float(n) for n in value)

    def _pair(self, entry: str, default: tuple[float, float] | None) -> tuple[float, float]:
        low, high = self._numbers(entry, 2, default)
        if not low < high:
            raise self._wrong(entry, "must be a lower and a higher number")
        return low, high

    def _directions(self, axis: str) -> tuple[str, str]:
        default = DIRECTIONS[axis]
        rows = self._choice("rows", tuple(_OPPOSITE), default[0])
        columns = self._choice("columns", tuple(_OPPOSITE), default[1])
        if columns in (rows, _OPPOSITE[rows]) or {rows, columns} & set(_AXES_OF[axis]):
            raise self._wrong("rows", f'and "columns" must be two directions of {axis} slices')
        return rows, columns

    def _labels(self) -> dict[int, str]:
        table = self._table.get("labels")
        if not isinstance(table, Mapping) or not table:
            raise self._wrong("labels", "must name each label")
        labels = {}
        for key, name in table.items():
            if not key.isdecimal() or not 1 <= int(key) <= _MAX_LABEL or not isinstance(name, str):
                raise self._wrong("labels", f"must map numbers from 1 to {_MAX_LABEL} to names")
            labels[int(key)] = name
        return dict(sorted(labels.items()))


def write_card(path: Path, card: ModelCard) -> None:
    """Write a card that `read_card` reads back.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    from viewer.atomic import write_bytes

    rows = [
        f"name = {_quoted(card.name)}",
        f"model = {_quoted(card.model.name)}",
        f"licence = {_quoted(card.licence)}",
        f'kind = "{card.kind}"',
        f'axis = "{card.axis}"',
        f'rows = "{card.rows}"',
        f'columns = "{card.columns}"',
        f"size = {list(card.size)}",
        f"spacing_mm = {list(card.spacing_mm)}",
        f'fit = "{"stretch" if card.stretch else "pad"}"',
        f"unit = {_quoted(card.unit)}",
        f"window = {list(card.window)}",
        f"scale = {list(card.scale)}",
        f'output = "{"probabilities" if card.probabilities else "logits"}"',
        f"threshold = {card.threshold}",
        f"overlap = {card.overlap}",
        "",
        "[labels]",
        *(f"{label} = {_quoted(name)}" for label, name in card.labels.items()),
        "",
    ]
    write_bytes(path, "\n".join(rows).encode())


def _quoted(text: str) -> str:
    """A TOML basic string; control characters are not part of a name."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
