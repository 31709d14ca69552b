"""The frozen objects of a catalogue as plain JSON and back, field by field, by their types.

What is written is what the classes say: a mapping of field names for a dataclass, a list for a tuple, a frozenset (in
order) or an array, text for enumerations and times, and `"NaN"`, `"Infinity"`, `"-Infinity"` for numbers JSON has no
word for. A field that is not there when reading takes its default, one that is unknown is passed over, so volumes of
older and newer programs stay readable.
"""

from __future__ import annotations

import datetime as dt
import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from viewer.errors import FormatError
from viewer.imaging.suv import SuvGap, SuvResult

_NAMES = {"SuvResult": SuvResult, "SuvGap": SuvGap}
"""What `viewer.dicom.model` imports for types only."""

_TIMES = (dt.datetime, dt.date, dt.time)


def to_plain(value: Any, leave_out: frozenset[str] = frozenset()) -> Any:
    """Turn an object into what JSON can hold.

    Parameters
    ----------
    value
        A dataclass, or what its fields hold.
    leave_out
        Fields of the outermost dataclass that are not written.
    """
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _word(value)
    if isinstance(value, np.generic):
        return to_plain(value.item())
    if isinstance(value, _TIMES):
        return value.isoformat()
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, frozenset):
        return sorted(to_plain(item) for item in value)
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    if is_dataclass(value):
        return {
            field.name: to_plain(getattr(value, field.name))
            for field in fields(value)
            if field.init and field.name not in leave_out
        }
    raise TypeError(f"{type(value).__name__} has no place in a record")


def from_plain(kind: Any, plain: Any, given: Mapping[str, Any] | None = None) -> Any:
    """Make an object of a type again.

    Parameters
    ----------
    kind
        A dataclass, or a type of one of its fields.
    plain
        What `to_plain` made of it.
    given
        Fields of the outermost dataclass that are not in `plain`.

    Raises
    ------
    FormatError
        The record does not fit the type.
    """
    try:
        return _made(kind, plain, given or {})
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise FormatError(
            "The record of the volume is damaged or of another version of the program."
        ) from error


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _made(kind: Any, plain: Any, given: Mapping[str, Any]) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _one_of(arguments, plain)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is ...:
            return tuple(_made(arguments[0], item, {}) for item in plain)
        return tuple(_made(part, item, {}) for part, item in zip(arguments, plain, strict=True))
    if origin is frozenset:
        return frozenset(_made(arguments[0], item, {}) for item in plain)
    if origin is np.ndarray:
        return np.array(plain, dtype=get_args(arguments[1])[0])
    if is_dataclass(origin or kind):
        return _dataclass(origin or kind, arguments, plain, given)
    if kind is float:
        return float(plain)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(plain)
    if kind in _TIMES:
        return kind.fromisoformat(plain)
    if kind in (str, int, bool):
        if not isinstance(plain, kind) or (kind is int and isinstance(plain, bool)):
            raise TypeError("another type was expected")
        return plain
    raise TypeError(f"{kind} has no place in a record")


def _one_of(kinds: tuple[Any, ...], plain: Any) -> Any:
    if plain is None:
        if type(None) not in kinds:
            raise TypeError("a value is missing")
        return None
    (kind,) = (kind for kind in kinds if kind is not type(None))
    return _made(kind, plain, {})


def _dataclass(kind: Any, arguments: tuple[Any, ...], plain: Any, given: Mapping[str, Any]) -> Any:
    values = dict(given)
    bound = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=True))
    for name, hint in _hints(kind).items():
        if name in plain and name not in given:
            values[name] = _made(_bound(hint, bound), plain[name], {})
    return kind(**values)


@lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind, localns=_NAMES)
    return {field.name: hints[field.name] for field in fields(kind) if field.init}


def _bound(hint: Any, bound: Mapping[Any, Any]) -> Any:
    """A hint with the type variables of a generic class put in: `T | None` of `Given[float]`."""
    if not bound:
        return hint
    if isinstance(hint, TypeVar):
        return bound[hint]
    if get_origin(hint) in (Union, types.UnionType):
        return Union[tuple(bound.get(part, part) for part in get_args(hint))]  # noqa: UP007 - made at run time
    return hint
