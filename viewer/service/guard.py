"""Who may ask: the Host header, the token, and headers that every answer carries.

A page of the internet can make a browser ask a service on its own computer; its name in the Host header then is that of
the page (DNS rebinding). Only numbers, names of this computer and names the user allowed are answered. There are no
CORS headers, so no other page can read an answer.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from starlette.datastructures import QueryParams

from viewer.service.answers import to_json

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_NAMES = ("localhost",)
_PORT = re.compile(r":\d{1,5}$")
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Guard:
    """ASGI middleware.

    Parameters
    ----------
    app
        What is guarded.
    token
        What a caller must know.
    names
        Names in Host headers beside numbers and `LOCAL_NAMES`.
    open_in_browser
        Paths where the token may stand in the address, because a person types it there.
    """

    def __init__(
        self, app: ASGIApp, *, token: str, names: Iterable[str] = (), open_in_browser: Iterable[str] = ("/",)
    ) -> None:
        self._app = app
        self._token = token.encode()
        self._names = frozenset(name.casefold() for name in (*LOCAL_NAMES, *names))
        self._open_in_browser = frozenset(open_in_browser)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        headers: dict[bytes, bytes] = dict(scope["headers"])
        if not self._knows(headers.get(b"host", b"").decode("latin-1")):
            await _refuse(send_with_headers, 400, "This service is not known by the name in the Host header.")
        elif not self._trusts(headers, scope):
            await _refuse(
                send_with_headers,
                401,
                "The token is missing or wrong: send it as 'Authorization: Bearer TOKEN'.",
                ((b"www-authenticate", b"Bearer"),),
            )
        else:
            await self._app(scope, receive, send_with_headers)

    def _knows(self, host: str) -> bool:
        name = _PORT.sub("", host).casefold()
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return True

    def _trusts(self, headers: dict[bytes, bytes], scope: Scope) -> bool:
        kind, _, given = headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() != b"bearer":
            given = b""
            if scope["path"] in self._open_in_browser:
                given = QueryParams(scope["query_string"]).get("token", "").encode()
        # Takes the same time wherever the first difference is.
        return hmac.compare_digest(given.strip(), self._token)


async def _refuse(
    send: Send, status: int, sentence: str, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    body = to_json({"error": sentence})
    start = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
