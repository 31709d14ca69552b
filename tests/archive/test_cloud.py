"""The example of a job on rented machines: its script is one, and its command is ours."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.needs import library
from viewer.cli import archive

JOB = Path(__file__).resolve().parents[2] / "packaging" / "cloud" / "archive.sky.yaml"


@pytest.fixture
def job() -> Any:
    return library("yaml").safe_load(JOB.read_text(encoding="utf-8"))


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_that_every_node_converts_its_share_of_the_shards(job: Any, tmp_path: Path) -> None:
    (tmp_path / "manifest").mkdir()
    for name in ("series_all.parquet", *(f"series_{n:03d}.parquet" for n in range(7))):
        (tmp_path / "manifest" / name).touch()
    script = job["run"].replace("/data/", f"{tmp_path}/").replace("~/triptych/bin/triptych", "echo")
    done: list[str] = []
    for rank in range(job["num_nodes"]):
        answer = subprocess.run(
            ["bash", "-c", script],
            env={
                "SKYPILOT_NODE_RANK": str(rank),
                "SKYPILOT_NUM_NODES": str(job["num_nodes"]),
                "PATH": "/usr/bin:/bin",
            },
            capture_output=True,
            text=True,
            check=True,
        )
        done += re.findall(r"series_\d+", answer.stdout)
    assert sorted(done) == [f"series_{n:03d}" for n in range(7)]


def test_that_the_command_of_the_job_is_one_that_the_program_understands(job: Any) -> None:
    (line,) = (line for line in job["run"].splitlines() if "archive convert" in line)
    words = shlex.split(line.split("||")[0])
    parser = argparse.ArgumentParser()
    archive.add_arguments(parser)
    given = parser.parse_args(words[words.index("archive") + 1 :])
    assert given.step == "convert"
    assert given.deidentify
    assert "'.[archive]'" in job["setup"]
