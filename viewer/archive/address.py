"""Addresses of volumes and archives that lie on a server: what can be given, and what of it may be shown."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from viewer.errors import FormatError

KINDS = "http://, https:// or s3://"
SCHEMES = ("http", "https", "s3", "memory")
"""`memory` is what a program keeps in its own memory, for tests."""
MOST_CHARACTERS = 4096

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


@dataclass(frozen=True)
class Address:
    """A folder on a server: a volume, or one with volumes below it. Made by `place_of`.

    Parameters
    ----------
    url
        With the name and password that the user may have put in it; never to be shown, logged or kept.
    """

    url: str = field(repr=False)

    @property
    def scheme(self) -> str:
        """What stands before `://`, in small letters."""
        return self.url.partition("://")[0]

    @property
    def host(self) -> str:
        """The name of its server alone."""
        return urlsplit(self.url).hostname or ""

    @property
    def has_secret(self) -> bool:
        """Whether the address holds a name or password."""
        return "@" in urlsplit(self.url).netloc

    @property
    def login(self) -> tuple[str, str] | None:
        """The name and password in the address."""
        parts = urlsplit(self.url)
        return (unquote(parts.username or ""), unquote(parts.password or "")) if self.has_secret else None

    @property
    def shown(self) -> str:
        """The address without a name or password in it."""
        host = urlsplit(self.url).netloc.rpartition("@")[2]
        return f"{self.scheme}://{host}{self.url.partition('://')[2].partition('/')[1]}{self._below}"

    @property
    def name(self) -> str:
        """Its last part: that of the volume or folder."""
        return unquote(self.url.rpartition("/")[2])

    @property
    def path(self) -> Path:
        """Stands for it where a path is expected: for names and comparisons, not to be opened."""
        return Path(self.shown)

    @property
    def _below(self) -> str:
        return self.url.partition("://")[2].partition("/")[2]

    def __str__(self) -> str:
        return self.shown


Place = Path | Address
"""What can be opened."""


def is_address(text: str) -> bool:
    """Whether a text looks like an address and not like a path."""
    return _SCHEME.match(text) is not None


def place_of(text: str) -> Place:
    """What a user means by a path or an address; `file://` is a path.

    Raises
    ------
    FormatError
        It is an address that cannot be used, with the reason; nothing of it is repeated but its kind.
    """
    match = _SCHEME.match(text.strip())
    if match is None:
        return Path(text)
    text, scheme = text.strip(), match[1].lower()
    if len(text) > MOST_CHARACTERS or not text.isprintable() or " " in text:
        raise FormatError("The address is too long or holds characters that addresses cannot have.")
    try:
        parts = urlsplit(text)
        host, secret = parts.hostname, parts.username is not None or parts.password is not None
        _ = parts.port
    except ValueError as error:
        raise FormatError("The address is not complete: a server and a path are expected.") from error
    if scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise FormatError(
                "A file:// address with a server in it cannot be opened; give its path instead."
            )
        path = unquote(parts.path)
        return Path(path.lstrip("/") if os.name == "nt" else path)
    if scheme not in SCHEMES:
        raise FormatError(f"Nothing here can read {scheme}:// addresses; they begin with {KINDS}.")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise FormatError("An address of a folder has no question mark and no number sign in it.")
    if not host and scheme != "memory":
        raise FormatError("The address is not complete: a server and a path are expected.")
    if secret and scheme == "s3":
        raise FormatError(
            "Keys for s3:// come from the AWS environment or configuration and do not belong in the address."
        )
    if ":" in unquote(parts.username or ""):
        raise FormatError("The name in an address cannot have a colon in it.")
    rest = text[match.end() :].rstrip("/")
    return Address(f"{scheme}://{rest}")
