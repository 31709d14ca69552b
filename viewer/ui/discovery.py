"""Find the members of a family (tools, overlays, commands, sidebar sections) by looking into their folder.

A new member is a new file; nothing else changes.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from importlib.abc import InspectLoader
from types import ModuleType


def modules(package_name: str, defining: str = "") -> Iterator[ModuleType]:
    """Import and yield public modules of a package, in the order of their names.

    Parameters
    ----------
    package_name
        Where to look.
    defining
        Only modules that define this name; the others (dialogs, mostly) are not imported before they are needed.
    """
    package = importlib.import_module(package_name)
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
        name = f"{package_name}.{info.name}"
        if not info.name.startswith("_") and (not defining or _defines(info, name, defining)):
            yield importlib.import_module(name)


def _defines(info: pkgutil.ModuleInfo, name: str, wanted: str) -> bool:
    """Whether a module's code names something at its top level; a module whose code cannot be had is imported."""
    if name in sys.modules:
        return hasattr(sys.modules[name], wanted)
    spec = info.module_finder.find_spec(name, None)
    if spec is None or not isinstance(spec.loader, InspectLoader):
        return True
    code = spec.loader.get_code(name)
    return code is None or wanted in code.co_names
