"""The house rules that are rules: what may be loaded where, how big a part may grow, what the documents name.

`lint-imports` (pyproject.toml) checks the rooms; here is what an import graph cannot say.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "viewer"

MAIN_WINDOW_LINES = 300
CLASS_LINES = 400
CLASS_METHODS = 30
HEAVY = {"PySide6", "pyqtgraph", "pydicom", "numpy", "imagecodecs", "PIL"}
# Names under which a whole program is passed around untyped.
GOD_NAMES = {"app", "application", "window", "main_window", "ctrl", "controller"}
NETWORK = {
    "asyncio",
    "ftplib",
    "http",
    "requests",
    "smtplib",
    "socket",
    "socketserver",
    "ssl",
    "urllib",
    "xmlrpc",
}
# What only listens, when a user starts it (`triptych serve`); it calls nobody.
LISTENS = {"viewer.service.app": {"asyncio"}, "viewer.service.server": {"socket"}}
# What goes to a server when a user gives its address, and what takes an address apart.
CALLS = {"viewer.archive.remote": {"asyncio", "urllib"}, "viewer.archive.address": {"urllib"}}
# Of urllib.request that module asks for the proxies of the system alone.
PROXIES = {
    "viewer.archive.remote": {
        "urllib.request",
        "urllib.request.getproxies",
        "urllib.request.proxy_bypass",
    }
}

ABOVE = ("viewer.ui", "viewer.app", "viewer.__main__")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def _sources() -> dict[str, Path]:
    """Each module of the package by its full name."""
    named = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(CHECKOUT).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


def _imported(body: list[ast.stmt]) -> Iterator[str]:
    """Modules of the package that are imported while a module is: not inside functions, not for types only."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield whole if whole in _sources() else base
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef):
            yield from _imported(node.body)
            yield from _imported(getattr(node, "orelse", []))


def _loaded_after(code: str) -> set[str]:
    """Top-level names of the modules a fresh Python has loaded after running `code`."""
    report = "\nimport json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    run = subprocess.run(
        [sys.executable, "-c", code + report], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_that_no_module_imports_itself_through_others() -> None:
    graph = {
        name: sorted(({*_imported(_tree(path).body)} & {*_sources()}) - {name})
        for name, path in _sources().items()
    }
    done: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            pytest.fail("circle: " + " -> ".join((*trail[trail.index(name) :], name)))
        if name not in done:
            for imported in graph[name]:
                walk(imported, (*trail, name))
            done.add(name)

    for name in graph:
        walk(name, ())


def test_that_nothing_below_the_window_loads_qt() -> None:
    below = [name for name in _sources() if not name.startswith(ABOVE)]
    loaded = _loaded_after(f"import {', '.join(below)}")
    assert "numpy" in loaded
    assert not {"PySide6", "pyqtgraph", "shiboken6"} & loaded


def test_that_importing_the_package_loads_nothing_heavy() -> None:
    assert not HEAVY & _loaded_after("import viewer; assert viewer.__version__")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["render", "--help"], ["info", "--help"]])
def test_that_asking_the_program_for_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
from viewer.cli import main
try:
    main({arguments!r})
except SystemExit as end:
    assert not end.code, end.code
"""
    assert not HEAVY & _loaded_after(code)


def test_that_the_main_window_stays_small() -> None:
    lines = (PACKAGE / "ui" / "main_window.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < MAIN_WINDOW_LINES


def test_that_no_class_grows_into_a_god() -> None:
    too_big = []
    for name, path in _sources().items():
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ClassDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                methods = sum(isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) for item in node.body)
                if lines > CLASS_LINES or methods > CLASS_METHODS:
                    too_big.append(f"{name}.{node.name}: {lines} lines, {methods} methods")
    assert not too_big


def test_that_no_program_is_passed_around_untyped() -> None:
    found = []
    for name, path in _sources().items():
        if name.startswith(ABOVE):
            continue
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.arg) and node.arg in GOD_NAMES:
                kind = ast.unparse(node.annotation) if node.annotation else "nothing"
                if kind in {"Any", "object", "nothing"}:
                    found.append(f"{name}:{node.lineno} {node.arg}: {kind}")
    assert not found


def test_that_nothing_here_can_reach_a_network_but_what_serves_slices_and_what_opens_addresses() -> None:
    found = []
    for name, path in _sources().items():
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            found += [
                f"{name}: {module}"
                for module in modules
                if module.split(".")[0] in NETWORK - LISTENS.get(name, set()) - CALLS.get(name, set())
                or (
                    module.startswith(("urllib.request", "PySide6.QtNetwork"))
                    and module not in PROXIES.get(name, set())
                )
            ]
    assert not found


def test_that_data_folders_do_not_pose_as_packages() -> None:
    # `packaging` is also a module many tools import; an __init__.py here would take its place.
    assert not [*CHECKOUT.glob("packaging/**/__init__.py"), *CHECKOUT.glob("resources/**/__init__.py")]


def test_that_every_path_in_the_architecture_page_exists() -> None:
    page = (PACKAGE / "ARCHITECTURE.md").read_text(encoding="utf-8")
    quoted = [word for span in re.findall(r"`([^`\n]+)`", page) for word in span.split()]
    paths = {word for word in quoted if re.fullmatch(r"[\w./-]+(/|\.(py|c|toml|md|sh|json|lock|yml))", word)}
    assert len(paths) > 10
    missing = {path for path in paths if not any((root / path).exists() for root in (CHECKOUT, PACKAGE))}
    assert not missing
