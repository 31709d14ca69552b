"""The other programs: are they here, which version, and how they are run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from viewer.child import environment
from viewer.errors import ViewerError

EXTRA = 'pip install "triptych-viewer[verify]"'
LIMIT_S = 600.0
"""A program that has not answered by then is stopped."""

SITK = "SimpleITK"
DCM2NIIX = "dcm2niix"


@dataclass(frozen=True)
class Tool:
    """Another program.

    Parameters
    ----------
    name
        As shown.
    version
        Empty when it is missing.
    missing
        A sentence how to get it; empty when it is here.
    """

    name: str
    version: str
    missing: str = ""


class ToolError(ViewerError):
    """Another program gave no answer."""


def available() -> tuple[Tool, ...]:
    """All programs that can be asked, the missing ones with what to do about it."""
    return (_simpleitk(), _dcm2niix())


def _simpleitk() -> Tool:
    found = _package_version("SimpleITK")
    return Tool(SITK, found, "" if found else f"SimpleITK is not installed: {EXTRA}")


def _dcm2niix() -> Tool:
    program = dcm2niix_program()
    if program is None:
        return Tool(DCM2NIIX, "", f"dcm2niix is neither on the PATH nor installed: {EXTRA}")
    try:
        said = run([str(program), "--version"], limit_s=20.0, any_code=True)
    except ToolError as error:
        return Tool(DCM2NIIX, "", f"dcm2niix does not run: {error.user_message}")
    match = re.search(r"v?(\d+\.\d+\.\d+)", said)
    return Tool(DCM2NIIX, match.group(1) if match else "unknown version")


def _package_version(name: str) -> str:
    """Version of a package that can be imported, else ""."""
    if find_spec(name) is None:
        return ""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown version"


@cache
def dcm2niix_program() -> Path | None:
    """The program: on the PATH, or in the package of the same name."""
    found = shutil.which("dcm2niix")
    if found is None and (spec := find_spec("dcm2niix")) is not None and spec.origin is not None:
        folder = Path(spec.origin).parent
        found = next((str(p) for p in (folder / "dcm2niix", folder / "dcm2niix.exe") if p.is_file()), None)
    return Path(found) if found else None


def run(command: Sequence[str], *, limit_s: float = LIMIT_S, any_code: bool = False) -> str:
    """Run a program to its end and return what it said; nothing of it reaches the terminal.

    Parameters
    ----------
    command
        Program and arguments.
    limit_s
        It is stopped after this time.
    any_code
        Accept every exit code.

    Raises
    ------
    ToolError
        It could not be started, crashed, failed or took too long.
    """
    name = Path(command[0]).stem
    try:
        done = subprocess.run(
            list(command),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=limit_s,
            check=False,
            env=environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"It took longer than {limit_s:.0f} s.") from error
    except OSError as error:
        raise ToolError(f"{name} cannot be started ({error.strerror or 'system error'}).") from error
    if done.returncode < 0:
        raise ToolError("It crashed on this series.")
    if done.returncode and not any_code:
        raise ToolError("It could not read this series.")
    return done.stdout.decode("utf-8", "replace")


def run_module(module: str, *arguments: str) -> str:
    """Run a module of this package in a Python of its own.

    Raises
    ------
    ToolError
        As `run`.
    """
    return run([sys.executable, "-m", module, *arguments])


def link_files(files: Sequence[Path], folder: Path) -> list[Path]:
    """Put files into an empty folder under numbers, without copying them where the system allows it.

    The names say nothing about patients, and nothing about the order in space.
    """
    links = []
    for n, path in enumerate(files):
        link = folder / f"{n:06d}.dcm"
        try:
            link.symlink_to(path.resolve())
        except OSError:
            # Windows asks for a privilege to make links.
            shutil.copyfile(path, link)
        links.append(link)
    return links
