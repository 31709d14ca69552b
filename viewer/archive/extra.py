"""The optional packages of this room, and the sentence when they are missing."""

from __future__ import annotations

import importlib

from viewer.errors import ViewerError

EXTRA = 'The archive needs packages that are not installed: pip install "triptych-viewer[archive]"'
PACKAGES = ("zarr", "distributed", "pyarrow", "cryptography")
REMOTE = 'Addresses need packages that are not installed: pip install "triptych-viewer[remote]"'


def require(*packages: str) -> None:
    """Make sure that packages of the extra can be imported.

    Parameters
    ----------
    packages
        Names out of `PACKAGES`.

    Raises
    ------
    ViewerError
        One is missing.
    """
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise ViewerError(EXTRA) from error


def require_remote(scheme: str) -> None:
    """Make sure that addresses of a scheme can be read.

    Raises
    ------
    ViewerError
        A package of the extra `remote` is missing.
    """
    needed = {"http": ("aiohttp",), "https": ("aiohttp",), "s3": ("s3fs",)}.get(scheme, ())
    for package in ("zarr", "fsspec", *needed):
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise ViewerError(REMOTE) from error
