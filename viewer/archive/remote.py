"""Folders on servers through fsspec: listing, reading parts of files, and what can go wrong as sentences.

All traffic of an address goes through one file system of fsspec, from any thread; a server that does not answer gives
up after `CONNECT_S` or `READ_S`. Errors are OSErrors whose `strerror` is a phrase of ours: what libraries say may hold
addresses and keys.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype

from viewer.archive.address import Address
from viewer.archive.extra import require_remote
from viewer.errors import ViewerError

CONNECT_S = 6.0
READ_S = 15.0
"""Without a byte for so long a transfer is given up."""
TOTAL_S = 300.0
"""No single transfer takes longer, however slowly it trickles."""
LOOK_S = 0.05
"""How often it is looked at whether the user has cancelled."""
MOST_FOLDERS = 10_000
MOST_ENTRIES = 200_000
ROOT_MARK = "zarr.json"

_NO_KEYS: tuple[str, ...] = ()

T = TypeVar("T")


class CancelCheck(Protocol):
    """See `viewer.formats.registry.CancelCheck`."""

    def check(self) -> None:
        """Raise `Cancelled` once the user has cancelled."""


class RemoteError(OSError):
    """A server did not do what was asked; `strerror` says why and holds no address."""


class RemoteFolder:
    """A folder on a server.

    Parameters
    ----------
    address
        Where.

    Raises
    ------
    ViewerError
        The packages of the extra are missing.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        require_remote(address.scheme)
        with _own_errors():
            self._files = _file_system(address)
        # Without a name and password: what is asked for is logged by libraries.
        self._root = (
            address.shown if address.scheme in ("http", "https") else address.shown.partition("://")[2]
        )

    def size(self, name: str) -> int:
        """Bytes of a file.

        Raises
        ------
        FileNotFoundError
            There is none.
        RemoteError
            The server does not say.
        """
        with _own_errors():
            size = self._files.info(self._path(name)).get("size")
        if size is None:
            raise RemoteError(errno.EIO, "the server does not tell the size of its files")
        return int(size)

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """A file or a part of it, which is shorter where the file ends.

        Raises
        ------
        FileNotFoundError
            There is none.
        RemoteError
            It could not be had.
        """
        whole = offset == 0 and length is None
        end = None if length is None else offset + length
        with _own_errors():
            content: bytes = self._files.cat_file(self._path(name), start=None if whole else offset, end=end)
        if length is not None and len(content) > length:
            raise RemoteError(errno.EIO, "the server sends whole files only and no parts of them")
        return content

    def entries(self, below: str = "") -> list[tuple[str, bool]]:
        """(name, whether it is a folder) of what lies directly in a folder below; hidden entries are left out."""
        path = self._path(below).rstrip("/")
        with _own_errors():
            # A web server's page is taken for the list of a folder only when it is asked for as one.
            asked = f"{path}/" if self.address.scheme in ("http", "https") else path
            found = self._files.ls(asked, detail=True)
        listed: dict[str, bool] = {}
        prefix = f"{path.lstrip('/')}/" if path else ""
        for entry in found:
            full = str(entry["name"]).lstrip("/")
            inner = full.removeprefix(prefix).rstrip("/")
            if full.startswith(prefix) and inner and "/" not in inner and not inner.startswith("."):
                folder = entry.get("type") == "directory" or full.endswith("/")
                listed[inner] = listed.get(inner, False) or folder
        return sorted(listed.items())

    def below(self, name: str) -> RemoteFolder:
        """A folder in this one."""
        return RemoteFolder(Address(f"{self.address.url}/{name}"))

    def sends_parts(self) -> bool:
        """Whether parts of files can be had; many plain web servers send whole files whatever is asked for.

        Raises
        ------
        FileNotFoundError
            It is no folder of a volume.
        RemoteError
            The server cannot be asked.
        """
        try:
            return len(self.read(ROOT_MARK, 1, 1)) == 1
        except RemoteError as error:
            if "whole files" in (error.strerror or ""):
                return False
            raise

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root


class RemoteFiles:
    """The files of one folder of a volume, for `viewer.archive.shards`."""

    def __init__(self, folder: RemoteFolder, below: str) -> None:
        self._folder = folder
        self._below = below

    def size(self, name: str) -> int:
        """See `RemoteFolder.size`."""
        return self._folder.size(f"{self._below}/{name}")

    def read(self, name: str, offset: int, length: int) -> bytes:
        """See `RemoteFolder.read`."""
        return self._folder.read(f"{self._below}/{name}", offset, length)


class RemoteStore(Store):
    """A volume on a server as a store of zarr, for reading. Its chunks are better read through `RemoteFiles`."""

    supports_writes = False
    supports_deletes = False
    supports_listing = False

    def __init__(self, folder: RemoteFolder) -> None:
        super().__init__(read_only=True)
        self.folder = folder
        self._is_open = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteStore) and self.folder.address == other.folder.address

    __hash__ = None  # type: ignore[assignment]

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read a value or a part of it; None when it is not there."""
        try:
            content = await _awaited(partial(self._read, key, byte_range))
        except FileNotFoundError:
            return None
        return (prototype or default_buffer_prototype()).buffer.from_bytes(content)

    def _read(self, key: str, byte_range: ByteRequest | None) -> bytes:
        match byte_range:
            case None:
                return self.folder.read(key)
            case RangeByteRequest(start, end):
                return self.folder.read(key, start, end - start)
            case OffsetByteRequest(offset):
                return self.folder.read(key, offset)
            case SuffixByteRequest(suffix):
                size = self.folder.size(key)
                return self.folder.read(key, max(0, size - suffix), min(size, suffix))
        raise ValueError(f"Unexpected byte_range, got {byte_range!r}")

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Read parts of several values."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether a key is there."""
        try:
            await _awaited(partial(self.folder.size, key))
        except FileNotFoundError:
            return False
        return True

    async def set(self, key: str, value: Buffer) -> None:  # noqa: ARG002 - the interface of zarr
        """Nothing is written to a server."""
        self._check_writable()

    async def delete(self, key: str) -> None:  # noqa: ARG002
        """Nothing is removed from a server."""
        self._check_writable()

    async def list(self) -> AsyncIterator[str]:
        """Not every server can list."""
        for key in _NO_KEYS:
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:  # noqa: ARG002
        """See `list`."""
        for key in _NO_KEYS:
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:  # noqa: ARG002
        """See `list`."""
        for key in _NO_KEYS:
            yield key


class _Request(Generic[T]):
    """Something that may wait for a server, on a thread that the end of the program does not wait for."""

    def __init__(self, work: Callable[[], T], then: Callable[[], None] = lambda: None) -> None:
        self._work = work
        self._then = then
        self._answer: list[T] = []
        self._fault: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="remote-request", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._answer.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
            self._fault = error
        self._then()

    def result(self) -> T:
        """What came of it, once the thread has ended."""
        self.thread.join()
        if self._fault is not None:
            raise self._fault
        return self._answer[0]


async def _awaited(work: Callable[[], T]) -> T:
    """Do something that may wait for a server without holding up an event loop."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    request = _Request(work, lambda: _tell(loop, done))
    await done.wait()
    return request.result()


def _tell(loop: asyncio.AbstractEventLoop, done: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the program has ended meanwhile
        loop.call_soon_threadsafe(done.set)


def together(works: Iterable[Callable[[], T]]) -> list[T]:
    """Do several things that wait for a server at the same time."""
    return [request.result() for request in [_Request(work) for work in works]]


def interruptible(work: Callable[[], T], cancel: CancelCheck) -> T:
    """Do something that may wait for a server; cancelled at once, what is under way then ends by itself.

    Raises
    ------
    Cancelled
        The user has cancelled.
    """
    request = _Request(work)
    while request.thread.is_alive():
        request.thread.join(LOOK_S)
        cancel.check()
    return request.result()


def folders_below(
    folder: RemoteFolder, cancel: CancelCheck, is_volume: Callable[[str], bool]
) -> Iterator[str]:
    """Path below of everything that is named like a volume, by name; bounded.

    Raises
    ------
    RemoteError, FileNotFoundError
        A folder cannot be listed.
    """
    waiting, folders, entries = [""], 0, 0
    while waiting and folders < MOST_FOLDERS and entries < MOST_ENTRIES:
        below = waiting.pop()
        folders += 1
        listed = interruptible(partial(folder.entries, below), cancel)
        entries += len(listed)
        inner = []
        for name, is_folder in listed:
            path = f"{below}/{name}" if below else name
            if is_volume(name):
                yield path
            elif is_folder:
                inner.append(path)
        waiting.extend(reversed(inner))


def _file_system(address: Address) -> Any:
    import fsspec

    scheme, login = address.scheme, address.login
    if scheme == "s3":
        options: dict[str, Any] = {
            "config_kwargs": {
                "connect_timeout": CONNECT_S,
                "read_timeout": READ_S,
                "retries": {"max_attempts": 1},
            },
            "use_listings_cache": False,
        }
        files = fsspec.filesystem("s3", **options)
        files.retries = 1
        return files
    if scheme in ("http", "https"):
        import aiohttp

        headers = {"Accept-Encoding": "identity"}
        if login is not None:
            headers["Authorization"] = f"Basic {base64.b64encode(':'.join(login).encode()).decode()}"
        return fsspec.filesystem(
            scheme,
            client_kwargs={
                "timeout": aiohttp.ClientTimeout(total=TOTAL_S, sock_connect=CONNECT_S, sock_read=READ_S),
                "headers": headers,
                # Else aiohttp looks into ~/.netrc and refuses a header beside what it finds there.
                **({"trust_env": True} if login is None else {"proxy": _proxy_for(address)}),
            },
            use_listings_cache=False,
        )
    return fsspec.filesystem(scheme)


def _proxy_for(address: Address) -> str | None:
    """The proxy that the environment names for an address."""
    from urllib.request import getproxies, proxy_bypass

    return None if proxy_bypass(address.host) else getproxies().get(address.scheme)


@contextmanager
def _own_errors() -> Iterator[None]:
    """Errors of fsspec, aiohttp and botocore as `RemoteError`s; FileNotFoundError stays."""
    try:
        yield
    except (RemoteError, ViewerError):
        raise
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "there is no such file or folder") from error
    except PermissionError as error:
        raise RemoteError(errno.EACCES, "the server refuses access") from error
    except TimeoutError as error:
        raise RemoteError(errno.ETIMEDOUT, "the server did not answer in time") from error
    except OSError as error:
        raise RemoteError(error.errno or errno.EIO, "the server cannot be reached") from error
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        raise RemoteError(errno.EIO, reason) from error


def _reason(error: Exception) -> str | None:
    """A phrase for an error of a library that is loaded, None for what is a mistake of ours."""
    web: Any = sys.modules.get("aiohttp")
    if web is not None and isinstance(error, web.ClientResponseError):
        if error.status in (401, 403):
            return "the server refuses access"
        return f"the server answers with an error, status {error.status}"
    if web is not None and isinstance(error, web.ClientError):
        return "the connection was interrupted"
    cloud: Any = sys.modules.get("botocore.exceptions")
    if cloud is None:
        return None
    if isinstance(error, (cloud.NoCredentialsError, cloud.PartialCredentialsError)):
        return "the AWS environment and configuration hold no credentials for it"
    if isinstance(error, (cloud.ConnectTimeoutError, cloud.ReadTimeoutError)):
        return "the server did not answer in time"
    if isinstance(error, cloud.ClientError):
        return "the server refuses it"
    if isinstance(error, cloud.BotoCoreError):
        return "the server cannot be reached"
    return None
