"""Break each line of the table in a copy of the package and see whether the tests of its rule notice.

::

    python -m tests.mutants                 # all, slow: about an hour
    python -m tests.mutants A07 D05         # the lines of some rules

Each line ends in "killed" (a test failed, the run crashed or took too long) or "SURVIVED". Exit code 1 when one
survived.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import CHECKOUT
from tests.contracts.rules import collected
from tests.mutants.table import MUTANTS, Mutant

LIMIT_S = 300.0
COPIED = ("viewer", "resources", "tests", "pyproject.toml")
SLOW = ("hostile/", "agreement/", "cli/", "ui/", "golden/", "verification/")


def commands(rule: str) -> list[list[str]]:
    """Arguments of the runs for a rule: quick tests first, so that most lines never need the slow ones.

    Tests are named one by one; hostile inputs are ids of one test.
    """
    quick: list[str] = []
    slow: list[str] = []
    hostile: list[str] = []
    for name in collected().get(rule, []):
        file, _, test = name.partition("::")
        if test.startswith("["):
            hostile = [f"tests/{file}", "-k", f"harms_neither and {rule}"]
        else:
            (slow if file.startswith(SLOW) else quick).append(f"tests/{file}::{test}")
    return [run for run in (quick, hostile, slow) if run]


def copy_of_checkout(target: Path) -> None:
    """Everything the tests need; links to what is not changed would be followed by the package's own paths."""
    for name in COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)


def broken(text: str, mutant: Mutant) -> str:
    """A file with the line of a mutant replaced.

    Raises
    ------
    ValueError
        The line is not there exactly once.
    """
    lines = text.split("\n")
    places = [n for n, line in enumerate(lines) if line.strip() == mutant.line]
    if len(places) != 1:
        raise ValueError(f"{mutant.file}: {len(places)} lines are {mutant.line!r}")
    (place,) = places
    indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
    lines[place] = indent + mutant.broken
    return "\n".join(lines)


def notices(folder: Path, rule: str) -> str:
    """How the tests of a rule end in a copy: "" when they pass, else what noticed."""
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "QT_QPA_PLATFORM": "offscreen",
    }
    for arguments in commands(rule):
        run = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "--no-header",
            *arguments,
        ]
        try:
            done = subprocess.run(
                run,
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "took too long"
        if done.returncode == 5:
            raise RuntimeError(f"{rule}: no test was selected by {arguments}")
        if done.returncode:
            failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
            return failed[0].split(" - ")[0] if failed else f"exit code {done.returncode}"
    return ""


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Break rules on purpose and see whether their tests notice.")
    parser.add_argument("rules", nargs="*", help="rule ids; all when none is given")
    wanted = set(parser.parse_args().rules)
    mutants = [mutant for mutant in MUTANTS if not wanted or mutant.rule in wanted]
    survived = 0
    with tempfile.TemporaryDirectory(prefix="triptych-mutants-") as name:
        folder = Path(name)
        copy_of_checkout(folder)
        for mutant in mutants:
            path = folder / "viewer" / mutant.file
            whole = path.read_text(encoding="utf-8")
            started = time.monotonic()
            path.write_text(broken(whole, mutant), encoding="utf-8")
            try:
                noticed = notices(folder, mutant.rule)
            finally:
                path.write_text(whole, encoding="utf-8")
            survived += not noticed
            verdict = f"killed    {noticed}" if noticed else "SURVIVED"
            seconds = time.monotonic() - started
            sys.stdout.write(f"{mutant.rule}  {mutant.file:32} {seconds:5.0f} s  {verdict}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(mutants) - survived} of {len(mutants)} killed\n")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
