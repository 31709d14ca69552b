"""What a test needs beside the locked packages: programs and libraries that not every machine has.

Without them a test is skipped and says what is missing; in CI, which installs everything, that is a failure.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from types import ModuleType
from typing import NoReturn

import pytest


def program(name: str, package: str) -> str:
    """Path of a program of the system; `package` is the Debian package that brings it."""
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not installed (Debian package {package})")
    return found


def library(name: str) -> ModuleType:
    """A Python library that is not part of the locked packages, or not on every Python."""
    try:
        return importlib.import_module(name)
    except ImportError:
        missing(f"the Python package {name} is not installed")


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where everything should be there.

    CI runs the oldest supported Python; some libraries come to the newest one years later.
    """
    if os.environ.get("CI", "").lower() not in {"", "0", "false"} and sys.version_info < (3, 14):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
