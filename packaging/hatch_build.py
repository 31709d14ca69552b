"""Build hook: put the compiled render kernel into the wheel, or beside its source in an editable installation.

A machine that cannot compile still gets a working program: the numpy kernel takes over, and About says so.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNEL = Path("viewer", "imaging", "kernel")


class KernelBuildHook(BuildHookInterface[Any]):
    """Compile kernel.c before the files of a wheel are collected."""

    def dependencies(self) -> list[str]:
        """Ask for a compiler from the package index where the machine has none."""
        return [] if self._tools().system_compiler() else ["ziglang"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and name the files and the tag of the wheel."""
        if self.target_name != "wheel":
            return
        tools = self._tools()
        library = Path(self.root) / KERNEL / tools.LIBRARY_NAME
        library.unlink(missing_ok=True)
        try:
            tools.compile_kernel(library)
        except tools.CompileError as error:
            self.app.display_warning(f"The render kernel was not compiled; the numpy kernel is used. {error}")
            return
        self.app.display_info(f"Compiled the render kernel: {library.stat().st_size} bytes")
        if version == "editable":
            return
        build_data["artifacts"].append((KERNEL / tools.LIBRARY_NAME).as_posix())
        build_data["pure_python"] = False
        build_data["tag"] = tools.wheel_tag()

    def clean(self, versions: list[str]) -> None:
        """Remove what `initialize` made."""
        del versions
        (Path(self.root) / KERNEL / self._tools().LIBRARY_NAME).unlink(missing_ok=True)

    def _tools(self) -> ModuleType:
        """Load the package's own build module by its path: the package itself needs numpy, which is not here."""
        spec = importlib.util.spec_from_file_location("kernel_build", Path(self.root) / KERNEL / "build.py")
        if spec is None or spec.loader is None:
            raise FileNotFoundError(KERNEL / "build.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
