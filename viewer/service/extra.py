"""The optional packages of this room, and the sentence when they are missing."""

from __future__ import annotations

import importlib

from viewer.errors import ViewerError

EXTRA = 'The slice service needs packages that are not installed: pip install "triptych-viewer[serve]"'
PACKAGES = ("starlette", "uvicorn")


def require() -> None:
    """Make sure that the packages of the extra can be imported.

    Raises
    ------
    ViewerError
        One is missing.
    """
    for package in PACKAGES:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise ViewerError(EXTRA) from error
