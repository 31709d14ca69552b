"""What is measured is written down: each script, and each goal of the gestures with a figure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.perf import bench_gestures

PERF = Path(__file__).resolve().parents[1] / "perf"
TEXT = (PERF / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", sorted(path.name for path in PERF.glob("*.py")))
def test_that_each_measuring_script_is_explained(script: str) -> None:
    assert f"\n| `{script}" in TEXT


@pytest.mark.parametrize("gesture", bench_gestures.GOALS)
def test_that_each_goal_of_a_gesture_has_a_figure(gesture: str) -> None:
    (row,) = [line for line in TEXT.splitlines() if line.startswith(f"| {gesture} p95 |")]
    _, value, limit, outcome = (cell.strip() for cell in row.split("|")[1:5])
    assert float(limit) == bench_gestures.GOALS[gesture]
    reached = float(value.removesuffix(" ms")) <= float(limit)
    assert outcome == ("reached" if reached else "**missed**")
