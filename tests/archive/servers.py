"""Servers on this computer for tests of addresses, each ended by its test."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Site:
    """A folder on a web server, and how the server behaves.

    Parameters
    ----------
    url
        Of the folder.
    ranges
        Whether parts of files can be had.
    lists
        Whether folders answer with a page of links.
    status
        What every request is answered with, instead of what was asked for.
    breaks
        Shards are sent by half, then the connection ends.
    misses
        Shards are not there.
    wait_s
        Seconds before every answer.
    hold
        Requests wait for it.
    moved_to
        Every request is sent on to this server.
    """

    folder: Path
    url: str = ""
    ranges: bool = True
    lists: bool = False
    status: int = 0
    breaks: bool = False
    misses: bool = False
    wait_s: float = 0.0
    moved_to: str = ""
    at_once: int = 0
    most_at_once: int = 0
    hold: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)


@contextmanager
def web_server(folder: Path) -> Iterator[Site]:
    """Serve a folder over HTTP."""
    site = Site(folder)
    site.hold.set()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            with lock:
                site.at_once += 1
                site.most_at_once = max(site.most_at_once, site.at_once)
            time.sleep(site.wait_s)
            self._tell(body=body)
            with lock:
                site.at_once -= 1

        def _tell(self, *, body: bool) -> None:
            site.asked.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
            site.authorizations.append(self.headers.get("Authorization", ""))
            site.hold.wait(30)
            path = folder / self.path.strip("/")
            if site.moved_to:
                self._send(302, b"", body=body, location=site.moved_to + self.path)
            elif site.status:
                self._send(site.status, b"", body=body)
            elif path.is_dir() and site.lists:
                names = [f"{child.name}/" if child.is_dir() else child.name for child in path.iterdir()]
                page = "".join(f'<a href="{name}">{name}</a>' for name in names)
                self._send(200, page.encode(), body=body)
            elif not path.is_file() or (site.misses and "/c/" in self.path):
                self._send(404, b"", body=body)
            else:
                self._file(path.read_bytes(), body=body)

        def _file(self, content: bytes, *, body: bool) -> None:
            part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if part is None or not site.ranges:
                self._send(200, content, body=body)
                return
            start, end = int(part[1]), int(part[2]) + 1 if part[2] else len(content)
            place = f"bytes {start}-{min(end, len(content)) - 1}/{len(content)}"
            self._send(206, content[start:end], body=body, place=place)

        def _send(
            self, status: int, content: bytes, *, body: bool, place: str = "", location: str = ""
        ) -> None:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            if place:
                self.send_header("Content-Range", place)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            broken = site.breaks and "/c/" in self.path
            if body:
                self.wfile.write(content[: len(content) // 2] if broken else content)
            self.close_connection = self.close_connection or broken

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()
