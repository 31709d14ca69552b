"""Hostile input (rules J01-J50): every file of the corpus through the real loader, with little memory and time.

The whole corpus is opened in a few processes whose address space is limited to 2 GiB; what a case does to the process
it runs in (a crash, a hang, words on standard error) fails that case and not the others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import CHECKOUT
from tests.hostile.corpus import (
    CANARY,
    CASES,
    GOOD_UID,
    Case,
    check_always,
    check_good,
    printable,
    ramp_digests,
)
from tests.hostile.runner import Outcome

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="memory is limited and measured the Linux way"
)

PROCESSES: Final = 2
BATCH_S: Final = 110.0


class Corpus:
    """Cases on disk and what came of them."""

    def __init__(self, root: Path, cases: Sequence[Case] = CASES) -> None:
        self.root = root
        self.outcomes: dict[str, Outcome] = {}
        self.faults: dict[str, str] = {}
        paths = {}
        for case in cases:
            folder = root / case.name
            folder.mkdir()
            paths[case.name] = case.create(folder)
        names = list(paths)
        with ThreadPoolExecutor(PROCESSES) as pool:
            list(
                pool.map(
                    lambda n: self._run({name: paths[name] for name in names[n::PROCESSES]}), range(PROCESSES)
                )
            )

    def _run(self, paths: dict[str, Path]) -> None:
        """Open some cases in a process; one that ends early is followed by another for the rest."""
        while paths:
            cases = [{"name": name, "path": str(path)} for name, path in paths.items()]
            done = subprocess.run(
                [sys.executable, "-m", "tests.hostile.runner"],
                input=json.dumps(cases).encode(),
                capture_output=True,
                timeout=BATCH_S,
                cwd=CHECKOUT,
                env=os.environ | {"TMPDIR": str(self.root)},
                check=False,
            )
            started = ""
            for line in done.stdout.decode("utf-8", "surrogateescape").splitlines():
                values = json.loads(line)
                if "started" in values:
                    started = values["started"]
                else:
                    self.outcomes[started] = Outcome.from_json(values)
            errors = done.stderr.decode("utf-8", "replace")
            if started not in self.outcomes or errors:
                self.faults[started] = f"exit code {done.returncode}\n{errors}"
            names = list(paths)
            behind = names.index(started) + 1 if started else len(names)
            paths = {name: paths[name] for name in names[behind:]}


@pytest.fixture(scope="module")
def corpus(request: pytest.FixtureRequest) -> Iterator[Corpus]:
    # A run of a few cases opens these alone; a test without a case is about all of them.
    here = [item for item in request.session.items if item.path == request.path]
    needing = [item for item in here if "corpus" in getattr(item, "fixturenames", ())]
    chosen = [getattr(item, "callspec", None) for item in needing]
    named = [None if spec is None else spec.params.get("case") for spec in chosen]
    cases = CASES if None in named else [case for case in CASES if case in named]
    # Not tmp_path: its long names would be too long for a socket.
    with tempfile.TemporaryDirectory(prefix="triptych-hostile-") as folder:
        yield Corpus(Path(folder), cases)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_that_hostile_input_harms_neither_the_program_nor_its_neighbours(case: Case, corpus: Corpus) -> None:
    assert case.name not in corpus.faults, corpus.faults[case.name]
    outcome = corpus.outcomes[case.name]
    check_always(outcome)
    if not case.alone:
        check_good(outcome)
        assert not outcome.failure
    bad = [series for series in outcome.series if series.uid != GOOD_UID]
    for check in case.checks:
        check(outcome, bad)


def test_that_every_rule_has_one_name_for_each_input() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("arguments", [["--json"], []], ids=["json", "text"])
def test_that_the_whole_corpus_at_once_ends_in_a_report_without_patient_data(
    arguments: list[str], corpus: Corpus
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "viewer", "info", *arguments, str(corpus.root)],
        capture_output=True,
        timeout=BATCH_S,
        cwd=CHECKOUT,
        check=False,
    )
    assert done.returncode == 3
    text = done.stdout.decode("utf-8")
    assert done.stderr == b""
    assert not any(word in text.lower() for word in CANARY)
    for line in text.splitlines():
        assert printable(line), ascii(line)
    if arguments:
        report = json.loads(text)
        series = [one for study in report["studies"] for one in study["series"]]
        (good,) = [one for one in series if one["series_uid"] == GOOD_UID]
        assert good["files"] == 5 * len(CASES)
        assert good["volumes"][0]["shape"] == [5, 6, 8]
        assert (good["volumes"][0]["min"], good["volumes"][0]["max"]) == (0.0, 4570.0)
        assert len(ramp_digests()) == 5
