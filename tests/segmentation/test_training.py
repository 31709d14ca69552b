"""From image and label files to a model that is judged by cases it has never seen."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.needs import library
from tests.segmentation.spleens import write_spleens
from viewer.cli import main
from viewer.errors import FormatError, ViewerError
from viewer.segmentation.card import read_card
from viewer.segmentation.dataset import find_cases, read_case, split
from viewer.segmentation.grid import model_grid, model_slice
from viewer.segmentation.onnx_model import run_model

SMALL: list[object] = ["--label", "1=spleen", "--size", 64, 64, "--width", 4, "--depth", 3, "--epochs", 4]
SMALL += ["--rate", 0.01, "--held-back", 0.3, "--validation", 0.2]

KILLED = """
import os, signal, sys
from viewer.segmentation import training
from viewer.cli import main
whole = training.train
def train(split, settings, folder, tell):
    def watching(what, done, total):
        tell(what, done, total)
        if what.startswith("epoch 3 ") and done == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    return whole(split, settings, folder, watching)
training.train = train
main(sys.argv[1:])
"""


def run(
    *arguments: object, code: str = "import sys; from viewer.cli import main; sys.exit(main(sys.argv[1:]))"
) -> Any:
    """The program in a process of its own, with one thread, so that two of them do not wait for each other."""
    library("torch")
    return subprocess.run(
        [sys.executable, "-c", code, "train", *(str(argument) for argument in arguments)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- A spleen on coronal slices of 512 x 512 ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """(images, labels, run) of a finished training."""
    folder = tmp_path_factory.mktemp("large")
    images, labels = write_spleens(folder, 512, 7)
    done = run(
        images, labels, "-o", folder / "run", "--label", "1=spleen", "--epochs", 10, "--rate", 0.01,
        "--width", 8, "--shrink", 4, "--licence", "CC0", "--name", "Spleen, coronal", "--validation", 0.15,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "mean Dice" in done.stdout
    return images, labels, folder / "run"


@pytest.mark.timeout(600)
def test_that_held_back_cases_reach_a_dice_over_nine_tenths(large: tuple[Path, Path, Path]) -> None:
    rows = rows_of(large[2] / "evaluation.csv")
    parts = {row["case"]: row["part"] for row in rows_of(large[2] / "split.csv")}
    assert len(rows) >= 1
    assert all(parts[row["case"]] == "held back" for row in rows)
    assert sorted(set(parts.values())) == ["held back", "training", "validation"]
    assert min(float(row["dice"]) for row in rows) > 0.9


@pytest.mark.timeout(600)
def test_that_the_onnx_model_gives_the_mask_of_pytorch(large: tuple[Path, Path, Path]) -> None:
    torch = library("torch")
    from viewer.segmentation.unet import UNet

    images, labels, folder = large
    card = read_card(folder / "model.onnx")
    model = UNet(1, 8, 4, 4)
    model.load_state_dict(torch.load(folder / "work" / "checkpoint.pt", weights_only=True)["weights"])
    model.eval()
    cases, _ = find_cases(images, labels)
    volume, _ = read_case(cases[0], "HU")
    grid = model_grid(volume.geometry, card)
    assert grid.shape[1:] == (512, 512)
    pictures = np.stack([card.seen(model_slice(volume, grid, k)) for k in range(3, 6)])[:, None]
    with torch.inference_mode():
        theirs = model(torch.from_numpy(pictures)).numpy()
    ours = run_model(card, pictures)
    assert (theirs > 0).sum() > 1000
    assert np.array_equal(ours > 0, theirs > 0)


@pytest.mark.timeout(600)
def test_that_the_card_says_what_was_trained_and_segment_uses_it(
    large: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    images, _, folder = large
    card = read_card(folder / "model.onnx")
    assert (card.name, card.licence, card.axis, card.size) == (
        "Spleen, coronal",
        "CC0",
        "coronal",
        (512, 512),
    )
    assert dict(card.labels) == {1: "spleen"}
    assert (folder / "learning-curve.png").read_bytes().startswith(b"\x89PNG")
    assert len(rows_of(folder / "history.csv")) == 10
    code = main(
        ["segment", str(images / "case_00.nii.gz"), "--model", str(folder / "model.onnx"), "--unit", "HU"]
    )
    out = capsys.readouterr().out
    assert code == 0
    assert "spleen" in out


@pytest.mark.timeout(600)
def test_that_a_case_the_model_gets_wrong_is_marked_in_table_and_page(
    large: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels, folder = large
    code = main(
        ["evaluate", str(images), str(labels), "--model", str(folder / "model.onnx"), "-o", str(tmp_path / "t.csv"),
         "--limit", "45000"]
    )  # fmt: skip
    capsys.readouterr()
    rows = rows_of(tmp_path / "t.csv")
    assert code == 0
    assert len(rows) == 7
    for row in rows:
        assert ("above 45000 mm3" in row["marks"]) == (float(row["volume_mm3"]) > 45000)
    assert any(row["marks"] for row in rows)
    page = (tmp_path / "t.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 7
    assert page.count("<tr class='marked'>") == sum(bool(row["marks"]) for row in rows)


# --- A run that is stopped ---------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_that_a_run_killed_in_the_middle_of_an_epoch_ends_with_the_same_table(tmp_path: Path) -> None:
    images, labels = write_spleens(tmp_path, 64, 6)
    through = run(images, labels, "-o", tmp_path / "through", *SMALL)
    assert through.returncode == 0, through.stderr
    stopped = run(images, labels, "-o", tmp_path / "stopped", *SMALL, code=KILLED)
    assert stopped.returncode == -signal.SIGKILL
    assert not (tmp_path / "stopped" / "evaluation.csv").exists()
    resumed = run(images, labels, "-o", tmp_path / "stopped", *SMALL)
    assert resumed.returncode == 0, resumed.stderr
    for name in ("evaluation.csv", "history.csv", "split.csv", "model.onnx"):
        assert (tmp_path / "through" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes(), name

    other = run(images, labels, "-o", tmp_path / "stopped", *SMALL, "--seed", 5)
    assert other.returncode == 1
    assert "holds a run with other cases or settings" in other.stderr
    (tmp_path / "through" / "work" / "checkpoint.pt").write_bytes(b"nothing")
    damaged = run(images, labels, "-o", tmp_path / "through", *SMALL)
    assert damaged.returncode == 1
    assert "checkpoint.pt is damaged" in damaged.stderr


# --- What is refused ---------------------------------------------------------------------------------------------


def test_that_without_pytorch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from viewer.segmentation.training import Settings, train

    images, labels = write_spleens(tmp_path, 16, 2)
    cases, _ = find_cases(images, labels)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ViewerError, match=r"pip install \"triptych-viewer\[train\]\""):
        train(split(cases, 0.5, 0, 0), Settings("m", {1: "spleen"}), tmp_path / "run", lambda *_: None)


def test_that_labels_without_a_name_are_refused(tmp_path: Path) -> None:
    library("torch")
    from viewer.segmentation.training import Settings, train

    images, labels = write_spleens(tmp_path, 16, 2)
    cases, _ = find_cases(images, labels)
    settings = Settings("m", {3: "liver"}, size=(16, 16), depth=2)
    with pytest.raises(FormatError, match="the label 1, which has no name"):
        train(split(cases, 0.5, 0, 0), settings, tmp_path / "run", lambda *_: None)


@pytest.mark.parametrize(
    "options,sentence",
    [
        (["--label", "spleen"], "a label is a number from 1 to 255"),
        (["--label", "0=spleen"], "a label is a number from 1 to 255"),
        (["--label", "1=spleen", "--epochs", "0"], "--epochs must be 1 or more"),
        (["--label", "1=spleen", "--held-back", "1.5"], "--held-back is a share"),
        (["--label", "1=spleen", "--window", "5", "5"], "a lower and a higher value"),
        (["--label", "1=spleen", "--patient", "("], "not a regular expression"),
        (["--label", "1=spleen", "--patient", "case"], "has no group"),
        (["--label", "1=spleen", "--patient", "(xyz)"], "finds no patient in the file name case_00"),
        (["--label", "1=spleen", "--patient", "(case)"], "All cases are of one patient"),
    ],
)
def test_that_senseless_options_get_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    images, labels = write_spleens(tmp_path, 16, 2)
    code = main(["train", str(images), str(labels), "-o", str(tmp_path / "run"), *options])
    assert code == 1
    assert sentence in capsys.readouterr().err
