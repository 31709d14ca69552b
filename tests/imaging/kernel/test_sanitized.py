"""The kernel under AddressSanitizer and UndefinedBehaviorSanitizer, with a fuzzed call boundary."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import missing, program
from viewer.imaging.kernel.build import CompileError, compile_kernel

ROOT = Path(__file__).resolve().parents[3]
ROUNDS = 250


@pytest.fixture(scope="module")
def gcc() -> str:
    if sys.platform != "linux":
        pytest.skip("the sanitizers are loaded the Linux way")
    return program("gcc", "gcc")


def _runtime(gcc: str, name: str) -> str:
    path = subprocess.run(
        [gcc, f"-print-file-name={name}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not Path(path).is_absolute():
        missing(f"gcc has no {name}")
    return path


def _run(arguments: list[str], preload: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "LD_PRELOAD": preload,
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:exitcode=86",
        "UBSAN_OPTIONS": "halt_on_error=1:exitcode=87:print_stacktrace=1",
        "PYTHONPATH": str(ROOT),
        # numpy's own small allocations go to malloc, so that the sanitizer sees the end of every buffer.
        "PYTHONMALLOC": "malloc",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=110,
    )


def test_that_no_job_makes_the_kernel_leave_its_buffers(gcc: str, tmp_path: Path) -> None:
    library = tmp_path / "_kernel.so"
    flags = (
        "-O1",
        "-g",
        "-fsanitize=address,undefined,float-cast-overflow",
        "-fno-sanitize-recover=all",
        "-fno-omit-frame-pointer",
    )
    try:
        compile_kernel(library, [gcc], flags)
    except CompileError as error:
        missing(f"gcc cannot build with sanitizers: {error}")
    answer = _run(
        [str(Path(__file__).with_name("fuzz_boundary.py")), str(library), str(ROUNDS)],
        _runtime(gcc, "libasan.so"),
    )
    assert answer.returncode == 0, answer.stderr[-4000:]
    # Both outcomes must have been seen, or the fuzzer tests nothing.
    assert ROUNDS // 4 < int(answer.stdout.split()[-1]) < 2 * ROUNDS
