"""The service on a socket: uvicorn, without lines about requests and without tracebacks in its log."""

from __future__ import annotations

import ipaddress
import logging
import secrets
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from viewer.errors import ViewerError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

MOST_CONNECTIONS = 128
LAST_WORD_S = 3
"""Requests that still run may take so long at the end."""


def new_token() -> str:
    """A token of 256 random bits."""
    return secrets.token_urlsafe(32)


def is_loopback(host: str) -> bool:
    """Whether only programs of this computer reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bound(host: str, port: int) -> socket.socket:
    """A socket that waits for connections.

    Parameters
    ----------
    host
        Name or number.
    port
        0 for any that is free.

    Raises
    ------
    ViewerError
        The address cannot be used.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        waiting = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ViewerError(f"{host}: this is no address of this computer.") from error
    try:
        if sys.platform != "win32":  # there it would let another program take the port over
            waiting.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        waiting.bind(address)
    except OSError as error:
        waiting.close()
        raise ViewerError(
            f"Port {port} of {host} cannot be used ({error.strerror or 'system error'}); choose another --port."
        ) from error
    return waiting


def serve(app: ASGIApp, waiting: socket.socket, started: Callable[[], None]) -> None:
    """Answer until the process gets SIGINT or SIGTERM.

    Parameters
    ----------
    app
        The application.
    waiting
        Of `bound`; closed at the end.
    started
        Called once requests are answered.
    """
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                started()

    logging.getLogger("uvicorn.error").addFilter(_without_traceback)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=LAST_WORD_S,
        lifespan="on",
        ws="none",
    )
    try:
        Server(config).run([waiting])
    finally:
        waiting.close()


def _without_traceback(record: logging.LogRecord) -> bool:
    """Texts of errors may hold values of a file; what failed is logged by the application."""
    record.exc_info = None
    record.exc_text = None
    return True
