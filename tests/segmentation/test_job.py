from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.segmentation.models import CARD, ball, brighter_than, volume_of, with_card
from viewer.errors import Cancelled, FormatError, ViewerError
from viewer.imaging.volume import Volume
from viewer.loading.cancel import CancelToken
from viewer.segmentation import job, onnx_model
from viewer.segmentation.job import segment
from viewer.segmentation.onnx_model import OnnxSegmenter
from viewer.segmentation.segmenters import segmenter

BRIGHT = ball((12, 20, 24), (6, 10, 12), 4.5)

PLUGIN = """
import os, time
import numpy as np
from viewer.segmentation.labels import Labels

class Segmenter:
    name, licence = "plugin", "MIT"
    def check(self, volume): pass
    def run(self, volume, tell):
        tell(0, 2)
        {body}
        return Labels(array, {{7: "all of it"}}, self.name, self.licence)
"""


def balls() -> Volume:
    corrupt = np.zeros(12, bool)
    corrupt[11] = True
    return volume_of(np.where(BRIGHT, 100, -100).astype(np.int16), corrupt=corrupt)


def plugin(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> str:
    """Another package with the entry point, on the path of the child."""
    (folder / "other_package.py").write_text(PLUGIN.format(body=body), encoding="utf-8")
    info = folder / "other_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: other-package\nVersion: 1.0\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(
        "[triptych.segmenters]\nother = other_package:Segmenter\n", encoding="utf-8"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(str(folder))
    return "other"


@pytest.fixture(autouse=True)
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the copies that models work on: that of this test, since other processes run models too."""
    folder = tmp_path / "copies"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def left_over(copies: Path) -> list[Path]:
    return list(copies.iterdir())


def test_that_a_model_finds_in_its_own_process_what_is_bright(tmp_path: Path, copies: Path) -> None:
    told: list[tuple[int, int]] = []
    labels = segment(balls(), str(with_card(tmp_path)), tell=lambda *n: told.append(n), cancel=CancelToken())
    assert np.array_equal(labels.array.astype(bool), BRIGHT)
    assert (labels.names, labels.model, labels.licence) == ({1: "bright"}, "Bright things", "CC0")
    assert told[0] == (0, 20)
    assert told[-1] == (20, 20)
    assert not left_over(copies)


def test_that_a_model_of_three_channels_gives_two_labels(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(CARD.format(more="") + '2 = "very bright"\n', encoding="utf-8")
    model = brighter_than(tmp_path / "two.onnx", 0.4, 0.8)
    values = np.array([-100, 20, 100], np.int16)[np.random.default_rng(0).integers(0, 3, (6, 7, 8))]
    labels = segment(volume_of(values), str(model), tell=lambda *_: None, cancel=CancelToken())
    assert np.array_equal(labels.array, np.searchsorted([-100, 20, 100], values))


def test_that_patches_of_a_three_dimensional_model_are_found_too(tmp_path: Path) -> None:
    text = (
        CARD.replace('"slices"', '"patches"')
        .replace('"coronal"', '"axial"')
        .replace("[64, 48]", "[8, 16, 16]")
    )
    (tmp_path / "bright.toml").write_text(text.format(more=""), encoding="utf-8")
    model = brighter_than(tmp_path / "bright.onnx", 0.75, dimensions=3)
    labels = segment(balls(), str(model), tell=lambda *_: None, cancel=CancelToken())
    assert np.array_equal(labels.array.astype(bool), BRIGHT)


def test_that_a_segmenter_of_another_package_is_run_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = plugin(tmp_path, monkeypatch, "array = np.full(volume.geometry.shape, 7, np.uint8)")
    assert segmenter(name).name == "plugin"
    labels = segment(balls(), name, tell=lambda *_: None, cancel=CancelToken())
    assert labels.names == {7: "all of it"}
    assert (labels.array == 7).all()


def test_that_cancel_ends_a_model_that_never_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copies: Path
) -> None:
    name = plugin(tmp_path, monkeypatch, "time.sleep(600)")
    cancel = CancelToken()
    started = threading.Event()

    def cancel_soon() -> None:
        started.wait(60)
        cancel.cancel()

    waiter = threading.Thread(target=cancel_soon)
    waiter.start()
    begun = time.monotonic()
    with pytest.raises(Cancelled):
        segment(balls(), name, tell=lambda *_: started.set(), cancel=cancel)
    waiter.join()
    assert time.monotonic() - begun < 60
    assert not left_over(copies)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
@pytest.mark.parametrize(
    "number,sentence",
    [(signal.SIGSEGV, "The model crashed"), (getattr(signal, "SIGKILL", 9), "memory ran out")],
)
def test_that_a_crash_costs_the_answer_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copies: Path, number: int, sentence: str
) -> None:
    name = plugin(tmp_path, monkeypatch, f"os.kill(os.getpid(), {int(number)})")
    with pytest.raises(ViewerError, match=sentence):
        segment(balls(), name, tell=lambda *_: None, cancel=CancelToken())
    assert not left_over(copies)


def test_that_a_plugin_that_fails_or_answers_nonsense_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = plugin(tmp_path, monkeypatch, "raise KeyError('x')")
    with pytest.raises(ViewerError, match="ended without an answer"):
        segment(balls(), name, tell=lambda *_: None, cancel=CancelToken())
    (tmp_path / "other_package.py").write_text(
        PLUGIN.format(body="array = np.zeros((2, 2, 2), np.uint8)"), encoding="utf-8"
    )
    with pytest.raises(ViewerError, match="another shape"):
        segment(balls(), name, tell=lambda *_: None, cancel=CancelToken())


def test_that_nothing_but_pixels_and_geometry_leaves_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, bytes] = {}

    def look(folder: Path, *_: object) -> None:
        seen.update({path.name: path.read_bytes() for path in folder.iterdir()})
        assert os.name == "nt" or folder.stat().st_mode & 0o077 == 0
        raise Cancelled

    monkeypatch.setattr(job, "_watch", look)
    volume = volume_of(np.zeros((3, 4, 5), np.int16), description="Doe^Jane thorax")
    with pytest.raises(Cancelled):
        segment(volume, str(with_card(tmp_path)), tell=lambda *_: None, cancel=CancelToken())
    assert set(seen) == {"values.npy", "job.json"}
    assert b"Doe" not in b"".join(seen.values())


def test_that_J35_a_damaged_model_is_refused(tmp_path: Path) -> None:
    model = with_card(tmp_path)
    model.write_bytes(model.read_bytes()[:60])
    with pytest.raises(ViewerError, match=r"bright\.onnx is not a model that can be run here"):
        segment(balls(), str(model), tell=lambda *_: None, cancel=CancelToken())
    model.unlink()
    with pytest.raises(ViewerError, match="is not beside its card"):
        segment(balls(), str(model), tell=lambda *_: None, cancel=CancelToken())


def test_that_a_model_of_other_dimensions_than_its_card_is_refused(tmp_path: Path) -> None:
    model = with_card(tmp_path)
    brighter_than(model, 0.75, dimensions=3)
    with pytest.raises(ViewerError, match="its card does not belong to it"):
        segment(balls(), str(model), tell=lambda *_: None, cancel=CancelToken())


def test_that_without_onnx_runtime_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ViewerError, match=r"triptych-viewer\[seg\]"):
        OnnxSegmenter(with_card(tmp_path)).run(balls(), lambda *_: None)
    assert "triptych-viewer[seg]" in onnx_model.EXTRA


def test_that_what_is_no_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(ViewerError, match="neither an ONNX model"):
        segmenter(str(tmp_path / "weights.pt"))
    with pytest.raises(FormatError, match=r"gone\.toml is not there"):
        segmenter(str(tmp_path / "gone.onnx"))


def test_that_a_series_that_is_still_loading_is_not_looked_at(tmp_path: Path) -> None:
    volume = volume_of(np.zeros((3, 4, 5), np.int16), ready=np.array([True, False, True]))
    with pytest.raises(ViewerError, match="still being loaded"):
        segment(volume, str(with_card(tmp_path)), tell=lambda *_: None, cancel=CancelToken())
