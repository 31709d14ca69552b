"""What can be asked, as a table: its rows make the routes, read the parameters and are the OpenAPI document."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from viewer import __version__
from viewer.service.refusal import Refusal

if TYPE_CHECKING:
    from starlette.responses import Response

_INTEGER = re.compile(r"-?[0-9]{1,9}")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True)
class Parameter:
    """One thing that is asked with.

    Parameters
    ----------
    name
        In the address.
    place
        "path" or "query".
    text
        What it is.
    schema
        JSON Schema of its value.
    read
        Makes the value of a text; raises ValueError when it is none.
    required
        Always, for those of the path.
    """

    name: str
    place: str
    text: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]
    required: bool = False

    def document(self) -> dict[str, Any]:
        """OpenAPI parameter object."""
        found: dict[str, Any] = {
            "name": self.name,
            "in": self.place,
            "description": self.text,
            "required": self.required,
            "schema": dict(self.schema),
        }
        if self.schema.get("type") == "array":
            found |= {"style": "form", "explode": False}
        return found


Values = Mapping[str, Any]
Handler = Callable[[Any, Values], "Awaitable[Response]"]


@dataclass(frozen=True)
class Operation:
    """One address.

    Parameters
    ----------
    path
        With names of parameters in braces.
    name
        `operationId`.
    text
        What it answers, in a line.
    handler
        Called with the service and the values of the parameters; those that were not given are missing.
    parameters
        What it is asked with.
    answers
        JSON Schema by media type of the answer.
    failures
        Status codes of refusals beside those that every operation has.
    tagged
        Whether the answer has an ETag.
    """

    path: str
    name: str
    text: str
    handler: Handler
    parameters: Sequence[Parameter] = ()
    answers: Mapping[str, Mapping[str, Any]] = ()  # type: ignore[assignment]
    failures: Iterable[int] = ()
    tagged: bool = False

    def values(self, path: Mapping[str, str], query: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """Values of the parameters of a request.

        Raises
        ------
        Refusal
            404 for an impossible path; 400 for a query that has something unknown, twice, missing or wrong.
        """
        known = {p.name: p for p in self.parameters if p.place == "query"}
        given: dict[str, str] = {}
        for name, text in query:
            if name not in known:
                raise Refusal(400, f"There is no parameter of this name here; known are: {_list(known)}.")
            if name in given:
                raise Refusal(400, f"The parameter {name} is given twice.")
            given[name] = text
        values: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.place == "path":
                text = path[parameter.name]
            elif parameter.name in given:
                text = given[parameter.name]
            elif parameter.required:
                raise Refusal(400, f"The parameter {parameter.name} is missing: {parameter.text}.")
            else:
                continue
            try:
                values[parameter.name] = parameter.read(text)
            except ValueError as error:
                status = 404 if parameter.place == "path" else 400
                raise Refusal(
                    status, f"The parameter {parameter.name} is wrong: {parameter.text}."
                ) from error
        return values

    def document(self) -> dict[str, Any]:
        """OpenAPI operation object."""
        success: dict[str, Any] = {
            "description": self.text,
            "content": {media: {"schema": dict(schema)} for media, schema in self.answers.items()},
        }
        responses: dict[str, Any] = {"200": success}
        if self.tagged:
            success["headers"] = {
                name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()
            }
            responses["304"] = {"description": "The answer still has the ETag of If-None-Match."}
        for status in sorted({400, 401, 500, *self.failures}):
            responses[str(status)] = {
                "description": _FAILURES[status],
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            }
        return {
            "operationId": self.name,
            "summary": self.text,
            "parameters": [parameter.document() for parameter in self.parameters],
            "responses": responses,
        }


_FAILURES = {
    400: "The request is wrong.",
    401: "The token is missing or wrong.",
    404: "There is no such volume, plane or index.",
    409: "The volume cannot be had in this way.",
    422: "The volume or slice cannot be read.",
    500: "A fault of the service.",
    503: "There is no room for the volume now, or the service ends.",
}
_HEADERS = {
    "ETag": "Digest of the answer.",
    "X-Shape": "Rows, columns and, for colours, 3.",
    "X-Unit": "Unit of the values.",
    "X-Dtype": "NumPy type of raw values; always little endian.",
    "X-Slope": "Value in the unit = stored value * slope + intercept.",
    "X-Intercept": "See X-Slope.",
    "X-Padding": "Lowest and highest stored value that mean no value.",
    "X-Missing-Slices": "Slices of the volume across this plane that could not be decoded; raw values mean nothing.",
    "X-Origin-Mm": "LPS centre of the first value.",
    "X-Column-Step-Mm": "LPS step to the next column.",
    "X-Row-Step-Mm": "LPS step to the next row.",
    "X-Level": "Level that the answer was made from, when it is a coarser one.",
}


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Triptych slice service",
            "version": __version__,
            "description": (
                "Slices of volumes. Positions are LPS millimetres of voxel centres; arrays are (k, j, i). "
                "Not a medical device. Not for primary diagnosis or treatment decisions."
            ),
        },
        "security": [{"token": []}],
        "paths": {operation.path: {"get": operation.document()} for operation in operations},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {"error": {"type": "string", "description": "One sentence."}},
                }
            },
        },
    }


# --- Kinds of parameters -----------------------------------------------------------------------------------------


def word(name: str, place: str, text: str, pattern: str) -> Parameter:
    """A text of a given form."""
    form = re.compile(pattern, re.ASCII)

    def read(given: str) -> str:
        if not form.fullmatch(given):
            raise ValueError(given)
        return given

    return Parameter(name, place, text, {"type": "string", "pattern": f"^{pattern}$"}, read, place == "path")


def choice(name: str, place: str, text: str, allowed: Sequence[str], default: str = "") -> Parameter:
    """One of several words."""

    def read(given: str) -> str:
        if given not in allowed:
            raise ValueError(given)
        return given

    schema: dict[str, Any] = {"type": "string", "enum": list(allowed)}
    if default:
        schema["default"] = default
    return Parameter(name, place, f"{text}: {', '.join(allowed)}", schema, read, place == "path")


def integer(
    name: str, place: str, text: str, low: int, high: int | None = None, *, required: bool = True
) -> Parameter:
    """A whole number in decimal digits."""

    def read(given: str) -> int:
        if not _INTEGER.fullmatch(given):
            raise ValueError(given)
        value = int(given)
        if value < low or (high is not None and value > high):
            raise ValueError(given)
        return value

    schema = {"type": "integer", "minimum": low} | ({} if high is None else {"maximum": high})
    limits = f"at least {low}" if high is None else f"{low} to {high}"
    return Parameter(name, place, f"{text}, a whole number, {limits}", schema, read, required)


def numbers(
    name: str, text: str, count: int, largest: float, *, required: bool, low_first: float | None = None
) -> Parameter:
    """Some numbers with commas between them, in the query.

    Parameters
    ----------
    name, text
        See `Parameter`.
    count
        How many.
    largest
        Largest magnitude.
    required
        Whether they must be given.
    low_first
        Smallest value of the first one, if there is such.
    """

    def read(given: str) -> tuple[float, ...]:
        parts = given.split(",")
        if len(parts) != count or not all(_NUMBER.fullmatch(part) for part in parts):
            raise ValueError(given)
        values = tuple(float(part) for part in parts)
        if not all(math.isfinite(value) and abs(value) <= largest for value in values):
            raise ValueError(given)
        if low_first is not None and values[0] < low_first:
            raise ValueError(given)
        return values

    item: dict[str, Any] = {"type": "number", "minimum": -largest, "maximum": largest}
    schema: dict[str, Any] = {"type": "array", "minItems": count, "maxItems": count, "items": item}
    if low_first is not None:
        first = {"type": "number", "minimum": low_first, "maximum": largest}
        schema |= {"prefixItems": [first, *([item] * (count - 1))]}
    return Parameter(name, "query", f"{text}, {count} numbers with commas", schema, read, required)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
