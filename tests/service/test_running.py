"""The command itself: a process that listens, answers, and ends when it is told to; its page in a real browser."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.archive.hospital import archive_of
from tests.conftest import RealData
from tests.needs import library, program
from tests.phantoms import write_ramp, write_series
from tests.service.browser import Browser
from viewer.cli import EXIT_FAILED, EXIT_INTERRUPTED, main

library("uvicorn")

ADDRESS = re.compile(r"http://(?P<host>[^/]+)/\?token=(?P<token>\S+)")


class Process:
    """`triptych serve` with other arguments."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "viewer", "serve", *map(str, arguments), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            # Tests that run in the background of a shell inherit that it ignores Ctrl+C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread yet
        )
        assert self.process.stdout is not None
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if (found := ADDRESS.search(line)) is not None:
                self.base, self.token, self.address = f"http://{found['host']}", found["token"], found[0]
                return
        raise AssertionError(self.said + self.process.communicate()[1])

    def end(self, how: int = signal.SIGINT) -> tuple[int, str, str]:
        """Tell this process to end; its code and everything it wrote."""
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, self.said + out, err


Start = Callable[..., Process]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as started:

        def one(*arguments: object) -> Process:
            running = Process(*arguments)

            def stop() -> None:
                if running.process.poll() is None:
                    running.process.kill()
                    running.process.communicate()

            started.callback(stop)
            return running

        yield one


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_that_the_command_serves_on_loopback_until_it_is_told_to_end(
    how: int, start: Start, tmp_path: Path
) -> None:
    running = start(write_ramp(tmp_path), "--verbose")
    assert running.base.startswith("http://127.0.0.1:")
    assert len(running.token) >= 40
    bearer = {"Authorization": f"Bearer {running.token}"}
    with httpx.Client(base_url=running.base) as client:
        assert client.get("/studies").status_code == 401
        listed = client.get("/studies", headers=bearer).json()["studies"]
        (volume,) = listed[0]["series"][0]["volumes"]
        answer = client.get(f"/volumes/{volume['id']}/axial/0?format=raw", headers=bearer)
        assert answer.status_code == 200
        assert client.get("/", params={"token": running.token}).status_code == 200
        assert "server" not in answer.headers
        broken = client.get(f"/volumes/{volume['id']}/axial/99", headers=bearer)
        assert list(broken.json()) == ["error"]
    code, out, err = running.end(how)
    assert code == (EXIT_INTERRUPTED if how == signal.SIGINT else -how)
    assert out.count(running.token) == 1
    assert running.token not in err
    assert "Traceback" not in out + err
    assert "Phantom" not in out + err
    assert volume["id"] not in err


def test_that_a_token_of_the_users_is_not_printed(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("the-users-own-token-0123\n")
    running = start(write_ramp(tmp_path / "ct"), "--token-file", file)
    bearer = {"Authorization": "Bearer the-users-own-token-0123"}
    assert httpx.get(f"{running.base}/studies", headers=bearer).status_code == 200
    _, out, err = running.end()
    assert "the-users-own" not in out + err


def test_that_an_address_in_use_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_ramp(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["serve", str(folder), "--port", port]) == EXIT_FAILED
    assert "choose another --port" in capsys.readouterr().err


def test_that_nothing_to_serve_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(tmp_path), "--port", "0"]) == EXIT_FAILED
    assert "no files here" in capsys.readouterr().err


def test_that_a_missing_package_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", str(tmp_path)]) == EXIT_FAILED
    assert 'pip install "triptych-viewer[serve]"' in capsys.readouterr().err


@pytest.mark.parametrize("token", ["short", "with a blank in the middle", "größer-als-sechzehn"])
def test_that_a_weak_token_is_refused(token: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", str(tmp_path), "--token", token])
    assert ended.value.code == 2
    capsys.readouterr()


# --- The page ----------------------------------------------------------------------------------------------------

READY = "panes.length === 3 && panes.every(pane => pane.picture && !pane.busy)"


def test_that_the_page_links_three_planes_by_click_and_wheel(
    start: Start, real_data: RealData, tmp_path: Path
) -> None:
    chromium = program("chromium", "chromium")
    running = start(real_data("head-philips"))
    with Browser(chromium, tmp_path / "profile", 1280, 720) as browser:
        browser.open(running.address)
        browser.wait(f"typeof panes !== 'undefined' && {READY}")
        assert running.token not in browser.value("location.href")
        before = browser.value("panes.map(pane => pane.index)")
        box = browser.value(
            "(() => { const r = panes[0].canvas.getBoundingClientRect();"
            " return [r.left, r.top, r.width, r.height]; })()"
        )
        # A quarter to the left of the middle of the axial plane: towards the patient's right, nothing else.
        middle = box[0] + box[2] / 2, box[1] + box[3] / 2
        browser.click(*middle)
        browser.wait(READY)
        x, y, z = browser.value("cursor")
        scale = browser.value("panes[0].frame().scale / Math.hypot(...panes[0].picture.column)")
        browser.click(middle[0] - box[2] / 4, middle[1])
        browser.wait(READY)
        moved = browser.value("cursor")
        normal = browser.value("panes[0].plane.right")
        shift = np.array(moved) - (x, y, z)
        np.testing.assert_allclose(shift, -np.array(normal) * box[2] / 4 / scale, atol=0.5)
        after = browser.value("panes.map(pane => pane.index)")
        assert after[0] == before[0]
        assert after[1] != before[1], "the sagittal plane follows"
        browser.wheel(*middle, 100)
        browser.wait(f"{READY} && panes[0].index === {after[0] + 1}")
        height = np.dot(np.array(browser.value("cursor")) - moved, browser.value("panes[0].plane.normal"))
        positions = browser.value("panes[0].plane.positions_mm")
        assert height == pytest.approx(positions[after[0] + 1] - positions[after[0]], abs=0.01)
        # The middle of a canvas shows what the service answers there: black surroundings, a head in it.
        shot = np.asarray(Image.open(browser.screenshot(tmp_path / "page.png")).convert("RGB")).astype(int)
        assert shot.shape == (720, 1280, 3)
        assert browser.value("document.getElementById('status').className") == ""
        assert not browser.said
    for name, pane in zip(
        ("axial", "sagittal", "coronal"), np.array_split(shot[60:660], 3, axis=1), strict=True
    ):
        bright = (pane.min(axis=-1) > 90).mean()
        assert 0.02 < bright < 0.9, name
        letters = (np.abs(pane - (0xFF, 0xD7, 0x5E)).max(axis=-1) < 30).sum()
        assert letters > 60, name


def test_that_the_page_shows_a_coarse_level_until_the_volume_is_there(start: Start, tmp_path: Path) -> None:
    library("zarr")
    library("pyarrow")
    chromium = program("chromium", "chromium")
    k, j, i = np.ogrid[:150, :140, :130]
    ball = ((k - 75) ** 2 + (j - 70) ** 2 + (i - 65) ** 2 < 50**2) * np.int16(700)
    folder = write_series(
        tmp_path / "ct", np.asarray(ball - 500, np.int16), np.diag([1.0, 1, 1, 1])[[2, 1, 0, 3]]
    )
    running = start(archive_of(folder, tmp_path)[0])
    with Browser(chromium, tmp_path / "profile", 1280, 500) as browser:
        browser.open(running.address)
        browser.wait(f"typeof panes !== 'undefined' && {READY} && volume.whole")
        browser.wait("panes.every(pane => pane.state === '')")
        fine = browser.value("panes.map(pane => [pane.picture.bitmap.width, pane.picture.origin])")
        browser.value(
            "volume.whole = false; for (const pane of panes) { pane.kept.clear(); pane.show(); } undefined"
        )
        browser.wait(f"{READY} && panes.filter(pane => pane.state === 'coarse preview').length === 2")
        assert browser.value("panes[0].state") == "", "slices need no volume"
        coarse = browser.value("panes.map(pane => [pane.picture.bitmap.width, pane.picture.origin])")
        assert coarse == fine, "nothing moves when the volume is there"
        said = browser.value("panes.map(pane => pane.caption.innerText)")
        assert said == [
            "Axial 75 / 150\n",
            "Sagittal 65 / 130\ncoarse preview",
            "Coronal 70 / 140\ncoarse preview",
        ]
        shot = np.asarray(Image.open(browser.screenshot(tmp_path / "page.png")).convert("L"))
        for pane in np.array_split(shot[60:460], 3, axis=1):
            assert 0.1 < (pane > 150).mean() < 0.6
        browser.value("readWhole()")
        browser.wait("volume.whole && panes.every(pane => pane.state === '')")
        assert not browser.said


def test_that_the_page_says_that_a_token_is_wrong(start: Start, tmp_path: Path) -> None:
    chromium = program("chromium", "chromium")
    running = start(write_ramp(tmp_path / "ct"))
    with Browser(chromium, tmp_path / "profile", 800, 600) as browser:
        browser.open(running.address)
        browser.wait(f"typeof panes !== 'undefined' && {READY}")
        browser.value("token = 'another'; open(volume.id)")
        browser.wait("document.getElementById('status').className === 'error'")
        assert "token is missing or wrong" in browser.value("document.getElementById('status').textContent")
