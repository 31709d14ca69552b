"""The page about a data set."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.segmentation.spleens import write_spleens
from viewer.cli import main
from viewer.errors import ViewerError
from viewer.segmentation import exploration
from viewer.segmentation.dataset import find_cases


def test_that_the_page_shows_each_case_with_numbers_counted_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import nibabel

    images, labels = write_spleens(tmp_path, 32, 3)
    code = main(["explore", str(images), str(labels), "-o", str(tmp_path / "page.html")])
    assert code == 0
    assert "3 cases" in capsys.readouterr().out
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    for n in range(3):
        image = nibabel.load(images / f"case_{n:02}.nii.gz")
        mask = nibabel.load(labels / f"case_{n:02}.nii.gz").get_fdata()
        mm3 = mask.sum() * abs(np.linalg.det(image.affine[:3, :3]))
        (line,) = re.findall(rf"<tr><td>case_{n:02}</td>.*?</tr>", page)
        cells = re.findall(r"<td>(.*?)</td>", line)
        assert cells[1:4] == ["32", "8", "32"]
        assert cells[4:7] == ["12.500", "3.750", "12.500"]
        assert cells[7] == "HF"
        assert float(cells[-2]) == image.get_fdata().max()
        assert float(cells[-1]) == pytest.approx(mm3, abs=0.6)
    assert page.count("<svg") == 7
    assert not re.search(r"<script|https?://(?!www\.w3\.org|purl\.org|creativecommons\.org)", page)


def test_that_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = write_spleens(tmp_path, 16, 1)
    (tmp_path / "page.html").write_text("mine", encoding="utf-8")
    assert main(["explore", str(images), str(labels), "-o", str(tmp_path / "page.html")]) == 1
    assert "already there" in capsys.readouterr().err
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "mine"


def test_that_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = write_spleens(tmp_path, 16, 1)
    monkeypatch.setattr(exploration, "find_spec", lambda name: None)
    with pytest.raises(ViewerError, match=r"triptych-viewer\[train\]"):
        exploration.explore(*find_cases(images, labels), tmp_path / "p.html", "t", lambda *_: None)
