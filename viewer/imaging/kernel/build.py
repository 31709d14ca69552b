"""Compile kernel.c into the library that `binding` opens.

Needs nothing but the standard library: the build back end and the tests load this file by its path.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

SOURCE = Path(__file__).with_name("kernel.c")
LIBRARY_NAME = {"win32": "_kernel.dll", "darwin": "_kernel.dylib"}.get(sys.platform, "_kernel.so")

# No contraction: the index of a pixel must come out the same as in the numpy twin. No traps and no errno are read.
UNIX_FLAGS = (
    "-std=c11",
    "-O3",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
)


class CompileError(RuntimeError):
    """The compiler is missing or refused the source; the message ends with what it said."""


def system_compiler() -> list[str] | None:
    """Command of the C compiler of this machine: $CC, else the usual names; None when there is none."""
    named = shlex.split(os.environ.get("CC", ""))
    candidates = [named] if named else [["cc"], ["gcc"], ["clang"], ["cl"]]
    return next((command for command in candidates if shutil.which(command[0])), None)


def compiler() -> list[str]:
    """Command of the compiler to use: the machine's own, else zig from the package `ziglang`.

    Raises
    ------
    CompileError
        Neither is there.
    """
    own = system_compiler()
    if own is not None:
        return own
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    raise CompileError("no C compiler was found and the package ziglang is not installed")


def compile_kernel(target: Path, command: list[str] | None = None, extra: tuple[str, ...] = ()) -> None:
    """Compile the kernel.

    Parameters
    ----------
    target
        Library to write; it appears whole or not at all.
    command
        Compiler, `compiler()` when None.
    extra
        More flags, for instance sanitizers or `-target`.

    Raises
    ------
    CompileError
        No compiler, or it failed.
    """
    command = compiler() if command is None else command
    unfinished = target.with_name(f"{target.stem}.{os.getpid()}{target.suffix}")
    if Path(command[0]).stem.lower() == "cl":
        flags = ["/nologo", "/O2", "/LD", "/std:c11", str(SOURCE), f"/Fe:{unfinished}"]
    else:
        kind = ["-dynamiclib"] if sys.platform == "darwin" else ["-shared"]
        position = [] if sys.platform == "win32" else ["-fPIC"]
        symbols = [] if sys.platform == "darwin" or "-g" in extra else ["-s"]
        flags = [*UNIX_FLAGS, *kind, *position, *symbols, *extra, str(SOURCE), "-o", str(unfinished)]
    try:
        answer = subprocess.run(  # noqa: S603 - the compiler is the choice of whoever builds
            [*command, *flags], capture_output=True, text=True, check=False, cwd=target.parent
        )
        if answer.returncode or not unfinished.exists():
            raise CompileError(f"{shlex.join(command)} failed:\n{answer.stdout}{answer.stderr}")
        unfinished.replace(target)
    except OSError as error:
        raise CompileError(f"{shlex.join(command)} could not be run: {error}") from error
    finally:
        for leftover in target.parent.glob(f"{unfinished.stem}.*"):
            leftover.unlink()


def wheel_tag() -> str:
    """Tag of a wheel that holds the library: no Python version matters, only system and processor."""
    return f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
