"""Find the members of a family (tools, overlays, commands, sidebar sections) by looking into their folder.

A new member is a new file; nothing else changes.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType


def modules(package_name: str) -> Iterator[ModuleType]:
    """Import and yield every public module of a package, in the order of their names."""
    package = importlib.import_module(package_name)
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
        if not info.name.startswith("_"):
            yield importlib.import_module(f"{package_name}.{info.name}")
