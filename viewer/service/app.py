"""The service as an ASGI application: routes of the table of operations, sentences as errors.

Nothing slow runs on the event loop. Some threads read whole volumes (`viewer.service.room`), some read single slices
and attributes, others of them do so for volumes on servers, and as many as there are cores make answers of volumes that
are there, so that no one of these waits for another. A request that waits for a volume holds no other one.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, TypeVar

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from viewer.assets import asset_path
from viewer.errors import Cancelled, StorageError, ViewerError
from viewer.imaging.plane import Plane
from viewer.imaging.presets import builtin_presets
from viewer.imaging.volume import Volume
from viewer.imaging.window import Voi, VoiFunction, Window
from viewer.service import describe
from viewer.service.answers import (
    FORMATS,
    MEDIA_TYPES,
    OBLIQUE_FORMATS,
    PNG,
    Answer,
    named_answer,
    oblique_answer,
    to_json,
    undecoded,
)
from viewer.service.guard import Guard
from viewer.service.operations import Operation, Parameter, Values, choice, document, integer, numbers, word
from viewer.service.planes import NAMES, planes_of
from viewer.service.refusal import Refusal
from viewer.service.registry import Registry
from viewer.service.shelf import Level, Part, Scan, Shelf, coarse_part, whole

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

LARGEST_SIDE = 2048
"""Of an oblique plane in pixels."""
SMALLEST_STEP_MM, LARGEST_STEP_MM = 1e-3, 1e3
FETCHERS = 4
"""Slices and attributes that are read at the same time beside whole volumes, from here and from servers each."""
MOST_LEVELS = 20
SMALLEST_SINE = 1e-3
"""Rows and columns of a plane may not run along each other."""


class Service:
    """What the operations work with.

    Parameters
    ----------
    shelf
        The volumes.
    registry
        The registry of scans.
    identity
        Whether answers say who the patient is.
    """

    def __init__(self, shelf: Shelf, registry: Registry, *, identity: bool = False) -> None:
        self.shelf = shelf
        self.registry = registry
        self.identity = identity
        self._fetching = ThreadPoolExecutor(FETCHERS, "triptych-fetch")
        self._calling = ThreadPoolExecutor(FETCHERS, "triptych-call")
        self._slicing = ThreadPoolExecutor(os.cpu_count() or 1, "triptych-slice")

    def scan(self, values: Values) -> Scan:
        """The scan that is asked for.

        Raises
        ------
        Refusal
            There is no such scan.
        """
        scan = self.shelf.scan(values["id"])
        if scan is None:
            raise Refusal(404, "There is no volume of this id; /studies lists them.")
        return scan

    async def level(self, scan: Scan, values: Values) -> tuple[int, Level]:
        """The level that is asked for.

        Raises
        ------
        Refusal
            It has no such level, or it cannot be read.
        """
        number = values.get("level", 0)
        if not number:
            return 0, Level((1, 1, 1), scan.stack.geometry, 0)
        levels = await self.fetched(scan, partial(self.shelf.levels, scan))
        if number >= len(levels):
            raise Refusal(404, f"The last level of this volume is {len(levels) - 1}.")
        return number, levels[number]

    async def facts(self, scan: Scan) -> Part:
        """What is known of a volume without reading it.

        Raises
        ------
        Refusal
            It cannot be read.
        """
        kept = self.shelf.kept(scan)
        return whole(kept) if kept is not None else await self.fetched(scan, partial(self.shelf.facts, scan))

    async def window(self, scan: Scan) -> Voi:
        """The window the viewer opens a volume with.

        To be had before anything else is held: the whole volume may be needed for it.

        Raises
        ------
        Refusal
            It cannot be read.
        """
        known = self.shelf.known_window(scan)
        if known is not None:
            return known
        found = await self.fetched(scan, partial(self.shelf.window, scan))
        if found is None:
            async with self.volume(scan) as volume:
                found = await self.made(partial(self.shelf.look, scan, volume))
        return found

    @asynccontextmanager
    async def volume(self, scan: Scan, level: int = 0) -> AsyncIterator[Volume]:
        """The use of a whole volume or of a level of it, read when it is not kept.

        Raises
        ------
        Refusal
            It cannot be read.
        """
        with ExitStack() as use:
            with _refusals():
                lease = use.enter_context(self.shelf.ask(scan, level))
                volume = await asyncio.wrap_future(lease.future)
            yield volume

    async def made(self, work: Callable[[], _T]) -> _T:
        """What a function gives that takes its time."""
        return await self._in(self._slicing, work)

    async def fetched(self, scan: Scan, work: Callable[[], _T]) -> _T:
        """What a function gives that reads a little of a scan."""
        pool = self._calling if scan.remote else self._fetching
        return await self._in(pool, partial(self.shelf.waited, scan, work))

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
        with _refusals():
            return await asyncio.get_running_loop().run_in_executor(pool, work)

    def close(self) -> None:
        """End all work and let everything go."""
        self.shelf.close()
        self._fetching.shutdown(cancel_futures=True)
        self._calling.shutdown()
        self._slicing.shutdown(cancel_futures=True)
        self.registry.close()


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what can go wrong while reading into answers."""
    try:
        yield
    except Refusal:
        raise
    except MemoryError as error:
        raise Refusal(503, "There is not enough memory for this answer now.") from error
    except (Cancelled, StorageError) as error:
        raise Refusal(503, error.user_message) from error
    except ViewerError as error:
        raise Refusal(422, error.user_message) from error


def make_app(service: Service, token: str, names: tuple[str, ...] = ()) -> Starlette:
    """The application.

    Parameters
    ----------
    service
        What is served; closed when the application ends.
    token
        What a caller must know.
    names
        Names in Host headers beside those of this computer.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        service.close()

    return Starlette(
        routes=[
            Route(operation.path, _endpoint(service, operation), name=operation.name)
            for operation in OPERATIONS
        ],
        middleware=[Middleware(Guard, token=token, names=names)],
        exception_handlers={HTTPException: _http_error, Exception: _fault},
        lifespan=lifespan,
    )


def _endpoint(service: Service, operation: Operation) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            values = operation.values(request.path_params, request.query_params.multi_items())
            response = await operation.handler(service, values)
        except Refusal as refusal:
            return _error(refusal.status, refusal.user_message)
        if operation.tagged:
            return await service.made(partial(_tagged, response, request.headers.get("if-none-match", "")))
        return response

    return endpoint


def _tagged(response: Response, known: str) -> Response:
    """The answer with its ETag, or 304 when the caller has it (RFC 9110, 13.1.2)."""
    facts = sorted((name, value) for name, value in response.headers.items() if name.startswith("x-"))
    digest = hashlib.blake2b(repr(facts).encode(), digest_size=16)
    digest.update(response.body)
    response.headers["ETag"] = tag = f'"{digest.hexdigest()}"'
    tags = {one.strip().removeprefix("W/") for one in known.split(",")}
    if "*" in tags or tag in tags:
        return Response(status_code=304, headers={"ETag": tag})
    return response


def _error(status: int, sentence: str, headers: Any = None) -> Response:
    return Response(to_json({"error": sentence}), status, headers, "application/json")


async def _http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    sentences = {
        404: "There is nothing at this address; /openapi.json lists what there is.",
        405: "This address can only be read (GET).",
    }
    return _error(status, sentences.get(status, "The request cannot be answered."), headers)


async def _fault(_: Request, error: Exception) -> Response:
    # The text of an error may hold values of a file.
    _log.error("a request failed with %s", type(error).__name__)
    return _error(500, "The service failed to answer; this is a fault of the program.")


# --- The operations ----------------------------------------------------------------------------------------------


def _json(value: object) -> Response:
    return Response(to_json(value), media_type="application/json")


async def _page(_: Service, values: Values) -> Response:
    del values
    text = asset_path("service/index.html").read_text(encoding="utf-8")
    policy = (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Response(text, media_type="text/html", headers={"Content-Security-Policy": policy})


async def _openapi(_: Service, values: Values) -> Response:
    del values
    return _json(document(OPERATIONS))


async def _studies(service: Service, values: Values) -> Response:
    del values
    return _json(describe.studies(service.shelf, identity=service.identity))


async def _scans(service: Service, values: Values) -> Response:
    del values
    rows = await service.made(service.registry.rows)
    hidden = () if service.identity else ("path", "name", "seen")
    return _json(
        {
            "scans": [
                {name: value for name, value in row.items() if name not in hidden}
                | {"served": service.shelf.scan(row["id"]) is not None}
                for row in rows
            ]
        }
    )


async def _volume(service: Service, values: Values) -> Response:
    scan = service.scan(values)
    window = await service.window(scan)
    facts = await service.facts(scan)
    levels = await service.fetched(scan, partial(service.shelf.levels, scan))

    def described() -> bytes:
        planes = planes_of(facts.geometry, multiplanar=scan.stack.multiplanar)
        return to_json(describe.volume(scan, facts, planes, levels, window, identity=service.identity))

    return Response(await service.made(described), media_type="application/json")


async def _plane(service: Service, values: Values) -> Response:
    scan = service.scan(values)
    name, index, form = values["plane"], values["index"], values.get("format", PNG)
    geometry, multiplanar = scan.stack.geometry, scan.stack.multiplanar
    plane = planes_of(geometry, multiplanar=multiplanar).get(name)
    if plane is None:
        raise Refusal(409, "Where these images lie in the patient is unknown; ask for acquired slices.")
    count = geometry.shape[plane.axis]
    if index >= count:
        raise Refusal(404, f"There are {count} {name} planes, counted from 0.")
    number, level = await service.level(scan, values)
    window = await _window(service, scan, values) if form == PNG else None
    facts = {"plane": name, "index": index}
    shelf = service.shelf
    if not number and plane.axis == 0 and shelf.kept(scan) is None and shelf.has_slices(scan):
        answer = await service.fetched(
            scan, lambda: named_answer(shelf.slice(scan, index), plane, index, form, window, facts)
        )
        return _response(answer)
    if not number:
        async with service.volume(scan) as volume:
            made = partial(named_answer, whole(volume), plane, index, form, window, facts)
            return _response(await service.made(made))
    known = (await service.facts(scan)).missing
    if plane.axis == 0 and index in known:
        raise undecoded()
    async with service.volume(scan, number) as volume:
        part = coarse_part(volume, level, geometry, known)
        if form == PNG:
            # The picture at its own place, made of coarser voxels.
            made = partial(named_answer, part, plane, index, form, window, facts)
            return _response(await service.made(made), number)
        coarse = planes_of(level.geometry, multiplanar=multiplanar)[name]
        nearest = min(round(index / level.step[plane.axis]), level.geometry.shape[plane.axis] - 1)
        said = facts | {"level": number}
        made = partial(named_answer, whole(volume), coarse, nearest, form, window, said)
        return _response(await service.made(made), number, part.missing if plane.axis else ())


async def _oblique(service: Service, values: Values) -> Response:
    scan = service.scan(values)
    if not (scan.stack.multiplanar and scan.stack.geometry.oriented):
        raise Refusal(409, "Where these images lie in the patient is unknown; ask for acquired slices.")
    u, v = np.array(values["u"]), np.array(values["v"])
    lengths = float(np.linalg.norm(u)), float(np.linalg.norm(v))
    if not all(SMALLEST_STEP_MM <= length <= LARGEST_STEP_MM for length in lengths):
        raise Refusal(409, f"The steps u and v must be {SMALLEST_STEP_MM:g} to {LARGEST_STEP_MM:g} mm long.")
    if np.linalg.norm(np.cross(u, v)) < SMALLEST_SINE * lengths[0] * lengths[1]:
        raise Refusal(409, "The steps u and v must not run along each other.")
    plane = Plane(np.array(values["origin"]), u, v, values["width"], values["height"])
    form = values.get("format", PNG)
    number, level = await service.level(scan, values)
    window = await _window(service, scan, values) if form == PNG else None
    facts = await service.facts(scan) if number else None
    async with service.volume(scan, number) as volume:
        if facts is not None:
            volume = coarse_part(volume, level, scan.stack.geometry, facts.missing).volume
        answer = await service.made(partial(oblique_answer, volume, plane, form, window))
        return _response(answer, number)


def _response(answer: Answer, level: int = 0, missing: Iterable[int] = ()) -> Response:
    """The answer, with the slices of the whole volume that are missing across a plane of a coarse level."""
    headers = dict(answer.headers) | ({"X-Level": str(level)} if level else {})
    if told := ",".join(str(k) for k in missing):
        headers["X-Missing-Slices"] = told
    return Response(answer.body, headers=headers, media_type=answer.media_type)


async def _window(service: Service, scan: Scan, values: Values) -> Voi | None:
    """The window asked for, the preset asked for, or the one the viewer opens the volume with."""
    volume = (await service.facts(scan)).volume
    if volume.is_colour:
        return None
    if "window" in values:
        width, level = values["window"]
        whole_numbers = volume.display_unit == "HU" and width >= 1
        return Window(level, width, VoiFunction.LINEAR if whole_numbers else VoiFunction.LINEAR_EXACT)
    if "preset" in values:
        for preset in describe.presets_of(volume):
            if preset.id == values["preset"]:
                return preset.window
        raise Refusal(409, f"This preset is not made for {volume.display_unit or 'values without a unit'}.")
    return await service.window(scan)


_OBJECT = {"application/json": {"type": "object"}}
_BINARY = {"type": "string", "format": "binary"}
_ID = word("id", "path", "a volume of /studies, 16 hexadecimal digits", "[0-9a-f]{16}")
_WINDOW: tuple[Parameter, ...] = (
    numbers(
        "window",
        "width and level of the window of a PNG, in the unit of the volume; goes before preset",
        2,
        1e9,
        required=False,
        low_first=1e-6,
    ),
    choice(
        "preset",
        "query",
        "preset of the window of a PNG",
        [preset.id for preset in builtin_presets()],
    ),
)
_LEVEL = integer(
    "level",
    "query",
    "a coarser level of an archive, answered before the whole volume has been read",
    0,
    MOST_LEVELS,
    required=False,
)


def _planes(forms: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    kinds = {MEDIA_TYPES[form] for form in forms}
    return {kind: {"type": "object"} if kind == "application/json" else _BINARY for kind in sorted(kinds)}


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "/",
        "page",
        "A page with the three linked planes.",
        _page,
        (word("token", "query", "the token, for the address line of a browser", "[!-~]{1,200}"),),
        {"text/html": {"type": "string"}},
    ),
    Operation("/openapi.json", "openapi", "This document.", _openapi, (), _OBJECT),
    Operation("/studies", "studies", "Studies, series and their volumes.", _studies, (), _OBJECT),
    Operation("/scans", "scans", "The registry of scans.", _scans, (), _OBJECT),
    Operation(
        "/volumes/{id}",
        "volume",
        "Geometry, unit, windows and planes of a volume.",
        _volume,
        (_ID,),
        _OBJECT,
        (404, 422, 503),
    ),
    Operation(
        "/volumes/{id}/oblique",
        "oblique",
        "Any plane of a volume, interpolated.",
        _oblique,
        (
            _ID,
            numbers("origin", "LPS mm of the centre of the first pixel", 3, 1e6, required=True),
            numbers("u", "LPS mm from a column to the next", 3, LARGEST_STEP_MM, required=True),
            numbers("v", "LPS mm from a row to the next", 3, LARGEST_STEP_MM, required=True),
            integer("width", "query", "number of columns", 1, LARGEST_SIDE),
            integer("height", "query", "number of rows", 1, LARGEST_SIDE),
            choice("format", "query", "form of the answer", OBLIQUE_FORMATS, PNG),
            _LEVEL,
            *_WINDOW,
        ),
        _planes(OBLIQUE_FORMATS),
        (404, 409, 422, 503),
        tagged=True,
    ),
    Operation(
        "/volumes/{id}/{plane}/{index}",
        "plane",
        "A plane of voxels: a picture (png), values as stored (raw), in their unit (float32), or JSON.",
        _plane,
        (
            _ID,
            choice("plane", "path", "plane", NAMES),
            integer("index", "path", "which one", 0),
            choice("format", "query", "form of the answer", FORMATS, PNG),
            _LEVEL,
            *_WINDOW,
        ),
        _planes(FORMATS),
        (404, 409, 422, 503),
        tagged=True,
    ),
)
