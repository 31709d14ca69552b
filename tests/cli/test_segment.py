"""`triptych segment` on written series and on a real one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from tests.conftest import RealData
from tests.needs import library
from tests.phantoms import write_ramp
from tests.segmentation.models import CARD, brighter_than, with_card
from viewer.cli import main
from viewer.dicom.seg import read_segmentation


def segment(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any, str]:
    code = main(["segment", *(str(argument) for argument in arguments)])
    out, err = capsys.readouterr()
    return code, json.loads(out) if "--json" in arguments and out else out, err


def ramp_model(folder: Path) -> Path:
    """Finds values of the ramp phantom above 3005."""
    folder.mkdir()
    text = CARD.replace("[-100.0, 100.0]", "[0.0, 4000.0]")
    (folder / "bright.toml").write_text(text.format(more=""), encoding="utf-8")
    return brighter_than(folder / "bright.onnx", 3005 / 4000)


@pytest.mark.parametrize("case", ["G1", "G2", "G3", "G4", "G9"])
def test_that_G07_voxels_and_volume_are_those_counted_by_hand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    write_ramp(tmp_path / "study", case)
    model = ramp_model(tmp_path / "model")
    code, answer, _ = segment(
        capsys, tmp_path / "study", "--model", model, "-o", tmp_path / "out.nii.gz", "--json"
    )
    assert code == 0
    (row,) = answer["labels"]
    # 1000 k + 100 r + 10 c > 3005: slice 3 but its first voxel, slice 4, and the end of slice 2 never.
    expected = 2 * 48 - 1
    assert (row["label"], row["name"], row["voxels"]) == (1, "bright", expected)
    assert row["volume_mm3"] == pytest.approx(expected * 6.0)
    image: Any = nibabel.load(tmp_path / "out.nii.gz")
    assert int(image.get_fdata().sum()) == expected
    assert abs(np.linalg.det(image.affine[:3, :3])) == pytest.approx(6.0)


@pytest.mark.parametrize("case", ["G1", "G4", "G7"])
def test_that_a_segmentation_is_written_where_the_name_asks_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    library("highdicom")
    write_ramp(tmp_path / "study", case)
    target = tmp_path / "out.dcm"
    code, answer, _ = segment(
        capsys, tmp_path / "study", "--model", ramp_model(tmp_path / "model"), "-o", target, "--json"
    )
    assert code == 0
    (row,) = answer["labels"]
    (found,) = read_segmentation(target).segments
    assert (found.label, found.mask.voxels) == ("bright", row["voxels"])
    assert found.identity.made == "AUTOMATIC, Bright things"
    before = target.read_bytes()
    code, _, err = segment(
        capsys, tmp_path / "study", "--model", tmp_path / "model" / "bright.onnx", "-o", target
    )
    assert code == 1
    assert "already there" in err
    assert target.read_bytes() == before


def test_that_without_highdicom_a_segmentation_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ramp(tmp_path / "study")
    monkeypatch.setitem(sys.modules, "highdicom", None)
    monkeypatch.setattr("viewer.segmentation.job.segment", lambda *_, **__: pytest.fail("the work was begun"))
    model = ramp_model(tmp_path / "model")
    code, _, err = segment(capsys, tmp_path / "study", "--model", model, "-o", tmp_path / "out.dcm")
    assert code == 1
    assert "highdicom, which is not installed" in err


def test_that_the_real_ct_gives_the_voxels_above_a_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], real_data: RealData
) -> None:
    """Bone-like values of a head without tilt, counted by nibabel in the file and by numpy from the files."""
    folder = real_data("nifti-orient")
    ct = next(iter(sorted(folder.rglob("*ct*.nii.gz"))))
    model_folder = tmp_path / "model"
    model_folder.mkdir()
    text = CARD.replace("[-100.0, 100.0]", "[0.0, 400.0]").replace("[64, 48]", "[512, 512]")
    (model_folder / "bright.toml").write_text(
        text.format(more='unit = ""').replace('unit = "HU"\n', ""), encoding="utf-8"
    )
    model = brighter_than(model_folder / "bright.onnx", 0.75)
    code, answer, _ = segment(capsys, ct, "--model", model, "--json")
    assert code == 0
    theirs: Any = nibabel.load(ct)
    assert answer["labels"][0]["voxels"] == int((theirs.get_fdata() > 300).sum())


def test_that_the_table_says_model_licence_and_volume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path / "study")
    code, text, _ = segment(capsys, tmp_path / "study", "--model", ramp_model(tmp_path / "model"))
    assert code == 0
    assert "Bright things" in text
    assert "CC0" in text
    assert "570 mm3" in text
    assert "0.57 mL" in text


@pytest.mark.parametrize(
    "output,sentence",
    [("there.nii.gz", "already there"), ("out.txt", "are written as"), ("study", "are written as")],
)
def test_that_nothing_is_overwritten_or_misnamed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], output: str, sentence: str
) -> None:
    write_ramp(tmp_path / "study")
    (tmp_path / "there.nii.gz").write_bytes(b"mine")
    code, _, err = segment(
        capsys, tmp_path / "study", "--model", ramp_model(tmp_path / "model"), "-o", tmp_path / output
    )
    assert code == 1
    assert sentence in err
    assert (tmp_path / "there.nii.gz").read_bytes() == b"mine"


def test_that_a_model_without_card_or_a_series_of_another_unit_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path / "study")
    model = with_card(tmp_path, text=CARD.replace('"HU"', '"SUV"'))
    code, _, err = segment(capsys, tmp_path / "study", "--model", model)
    assert code == 1
    assert "was trained on SUV, but this series is in HU" in err
    (tmp_path / "bright.toml").unlink()
    code, _, err = segment(capsys, tmp_path / "study", "--model", model)
    assert code == 1
    assert "bright.toml is not there" in err


def test_that_A12_uneven_slices_are_measured_but_not_written_as_nifti(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path / "study", "G7")
    model = ramp_model(tmp_path / "model")
    code, _, err = segment(capsys, tmp_path / "study", "--model", model, "-o", tmp_path / "out.nii")
    assert code == 1
    assert "not equidistant" in err
    code, answer, _ = segment(capsys, tmp_path / "study", "--model", model, "--json")
    assert code == 0
    assert answer["labels"][0]["voxels"] > 0
