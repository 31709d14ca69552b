"""Processes of this program: what they say, how they end, and that nothing of them stays."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO

import pytest

from viewer.child import Child
from viewer.errors import Cancelled, ViewerError
from viewer.loading.cancel import CancelToken


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that a child finds."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    return tmp_path / "child_of_tests.py"


def is_gone(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


def test_that_its_messages_come_and_other_lines_are_passed_over(module: Path) -> None:
    module.write_text(
        "import sys, json\n"
        "print('a library says hello'); print('[1, 2]'); print('7')\n"
        "sys.stdout.buffer.write(bytes([0xff, 10]))\n"
        "print(json.dumps({'given': sys.argv[1:], 'read': sys.stdin.read()}))\n"
    )
    with Child("child_of_tests", "x", "größer", feed=lambda pipe: pipe.write(b"abc" * 100_000)) as child:
        (message,) = child.messages(CancelToken())
    assert message == {"given": ["x", "größer"], "read": "abc" * 100_000}


def test_that_its_sentence_about_an_error_is_raised(module: Path) -> None:
    module.write_text("""print('{"error": "There is no sun."}')""")
    with (
        Child("child_of_tests") as child,
        pytest.raises(ViewerError, match="There is no sun"),
    ):
        list(child.messages(CancelToken()))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
@pytest.mark.parametrize(
    "body, sentence",
    [
        (f"os.kill(os.getpid(), {int(signal.SIGSEGV)})", "The work crashed."),
        (f"os.kill(os.getpid(), {int(getattr(signal, 'SIGKILL', 9))})", "memory ran out."),
        ("raise KeyError('x')", "The work ended without an answer; the log says what it complained about."),
        ("pass", "The work ended without an answer; the log says what it complained about."),
    ],
)
def test_that_how_it_ended_is_a_sentence(module: Path, body: str, sentence: str) -> None:
    module.write_text(f"import os\n{body}\n")
    with Child("child_of_tests") as child:
        assert list(child.messages(CancelToken())) == []
        assert child.end("The work").endswith(sentence)
        assert ("KeyError" in child.complaints) == ("KeyError" in body)


def test_that_many_complaints_neither_stop_it_nor_are_all_kept(module: Path) -> None:
    module.write_text(
        "import sys\nfor n in range(20000): print('complaint', n, file=sys.stderr)\nprint('{\"a\": 1}')"
    )
    with Child("child_of_tests") as child:
        assert list(child.messages(CancelToken())) == [{"a": 1}]
        assert child.complaints.splitlines()[-1] == "complaint 19999"
        assert len(child.complaints.splitlines()) == 40


@pytest.mark.skipif(os.name == "nt", reason="another way to ask whether a process is there")
def test_that_a_child_that_reads_and_says_nothing_is_killed_at_once_when_cancelled(module: Path) -> None:
    module.write_text("import os, time\nprint('{\"id\": %d}' % os.getpid(), flush=True)\ntime.sleep(60)\n")
    token, begun = CancelToken(), time.monotonic()

    def feed(pipe: IO[bytes]) -> None:
        pipe.write(bytes(10_000_000))

    with Child("child_of_tests", feed=feed) as child:
        messages = child.messages(token)
        process_id = next(messages)["id"]
        threading.Timer(0.1, token.cancel).start()
        with pytest.raises(Cancelled):
            next(messages)
    assert time.monotonic() - begun < 20
    assert is_gone(process_id)
