"""`triptych render` draws what the files draw over their pictures (B19), as the window does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import viewer
from tests.conftest import RealData
from tests.ui.test_graphics import with_overlay
from viewer.cli import EXIT_OK, EXIT_PARTIAL, main
from viewer.errors import DecodeError
from viewer.state.overlay_graphics import COLOUR, draw_over, in_colour

YELLOW = COLOUR & 0xFFFFFF
# 8 mm by 12 mm at 0.2 mm a pixel, the slice that is drawn on: its voxel is 1 mm wide and 2 mm high, at x -8, y -18.
VIEW = {"fov": 8.0, "size": (40, 60), "at": (-6.5, -15.0, -24.0)}


def drawn(pixels: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = (pixels & 0xFFFFFF) == YELLOW
    return found


def test_that_B19_the_overlay_of_a_file_is_drawn_on_its_voxel_and_left_out_on_request(tmp_path: Path) -> None:
    folder = with_overlay(tmp_path)
    with_graphics = viewer.render(folder, **VIEW)
    without = viewer.render(folder, **VIEW, no_graphics=True)
    rows, columns = np.nonzero(drawn(with_graphics))
    assert (int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1) == (10, 5)
    assert len(rows) == 50
    assert not drawn(without).any()
    near = np.zeros(without.shape, bool)
    near[rows.min() - 1 : rows.max() + 2, columns.min() - 1 : columns.max() + 2] = True
    np.testing.assert_array_equal(with_graphics[~near], without[~near])
    rim = near & ~drawn(with_graphics)
    assert ((with_graphics[rim] & 0xFF) <= (without[rim] & 0xFF) // 3).all()
    other = viewer.render(folder, **{**VIEW, "at": (-6.5, -15.0, -27.0)})
    assert not drawn(other).any()


def test_that_B19_the_command_draws_them_too(tmp_path: Path) -> None:
    folder, out = with_overlay(tmp_path / "ct"), tmp_path / "picture.png"
    for options, there in (((), True), (("--no-graphics",), False)):
        code = main(["render", str(folder), "-o", str(out), "--at=-6.5,-15,-24", "--fov", "8", *options])
        assert code == EXIT_OK
        with Image.open(out) as picture:
            assert (np.asarray(picture) == (0xFF, 0xE1, 0x4D)).all(axis=2).any() == there


def test_that_B19_overlays_that_cannot_be_read_cost_a_sentence_not_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = with_overlay(tmp_path / "ct"), tmp_path / "picture.png"

    def fail(*_: object) -> None:
        raise DecodeError("The overlays are damaged.")

    monkeypatch.setattr("viewer.dicom.overlay_planes.overlay_mask", fail)
    assert main(["render", str(folder), "-o", str(out)]) == EXIT_PARTIAL
    assert "The overlays are damaged." in capsys.readouterr().err
    assert out.exists()


def test_that_B19_the_text_of_a_real_file_is_on_its_picture(real_data: RealData) -> None:
    path = real_data("gsps") / "overlay.dcm"
    pixels = viewer.render(path, size=(800, 800))
    plain = viewer.render(path, size=(800, 800), no_graphics=True)
    assert 500 < drawn(pixels).sum() < 40_000
    assert not drawn(plain).any()


def test_that_a_rim_does_not_come_round_to_the_other_edge() -> None:
    mask = np.zeros((5, 6), bool)
    mask[2, 0] = True
    picture = in_colour(mask)
    assert picture[2, 0] == COLOUR
    assert (picture >> 24 > 0).sum() == 6
    assert not picture[:, 2:].any()


def test_that_what_is_laid_over_mixes_by_its_opacity() -> None:
    pixels = np.array([[0xFF204060, 0xFF204060, 0xFFFFFFFF]], np.uint32)
    draw_over(pixels, np.array([[0, 0xFF0A0B0C, 0x80000000]], np.uint32))
    assert [hex(value) for value in pixels[0].tolist()] == ["0xff204060", "0xff0a0b0c", "0xff7f7f7f"]
