"""The two functions other programs call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import viewer
from tests.phantoms import write_ramp
from viewer.errors import ViewerError


@pytest.fixture(scope="module")
def ramp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ramp(tmp_path_factory.mktemp("ramp"))


def test_that_open_study_gives_the_volume_with_its_values_and_places(ramp: Path) -> None:
    study = viewer.open_study(ramp)
    (volume,) = study.volumes
    assert volume.ready.all()
    assert volume.array.shape == volume.geometry.shape
    assert len(study.catalogue.studies) == 1
    assert not study.problems


def test_that_open_study_says_why_there_is_nothing_to_open(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(ViewerError) as caught:
        viewer.open_study(tmp_path)
    assert caught.value.user_message


def test_that_render_makes_the_picture_of_the_command(ramp: Path, tmp_path: Path) -> None:
    from PIL import Image

    from viewer.cli import main

    pixels = viewer.render(str(ramp), plane="coronal", size=(64, 48), window=(2000.0, 500.0))
    file = tmp_path / "out.png"
    assert (
        main(
            [
                "render",
                str(ramp),
                "--plane",
                "coronal",
                "--size",
                "64x48",
                "--window",
                "2000,500",
                "-o",
                str(file),
            ]
        )
        == 0
    )
    red_green_blue = np.asarray(Image.open(file))
    assert pixels.shape == (48, 64)
    assert np.ptp(red_green_blue) > 0
    np.testing.assert_array_equal(pixels >> 16 & 0xFF, red_green_blue[..., 0])


def test_that_render_refuses_an_option_it_does_not_have(ramp: Path) -> None:
    with pytest.raises(TypeError, match="planes"):
        viewer.render(ramp, planes="axial")


def test_that_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError):
        viewer.no_such_thing  # noqa: B018
