"""Colormaps against the palette objects of the standard that pydicom carries, and the table of rule D36."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_palette_files

from viewer.assets import assets_in
from viewer.imaging.colormap import Colormap, colormap, colormaps, read_colormap

TABLE_D4 = {
    "hot-iron": {
        0: (0, 0, 0), 64: (128, 0, 0), 127: (254, 0, 0), 128: (255, 0, 0), 191: (255, 126, 0),
        254: (255, 252, 252), 255: (255, 255, 255),
    },
    "pet": {
        0: (0, 0, 0), 64: (1, 126, 127), 127: (126, 1, 253), 128: (128, 0, 255), 191: (253, 126, 4),
        254: (255, 252, 250), 255: (255, 255, 255),
    },
    "hot-metal-blue": {
        0: (0, 0, 0), 64: (0, 0, 125), 127: (114, 15, 103), 128: (116, 17, 97), 191: (255, 136, 62),
        254: (255, 253, 252), 255: (255, 255, 255),
    },
    "pet-20-step": {
        0: (0, 0, 0), 64: (96, 96, 176), 127: (48, 144, 48), 128: (80, 192, 80), 191: (208, 176, 64),
        254: (255, 255, 255), 255: (255, 255, 255),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE_D4)
def test_that_D36_palettes_hold_the_values_of_the_table(name: str) -> None:
    for index, rgb in TABLE_D4[name].items():
        assert tuple(colormap(name).rgb[index]) == rgb


@pytest.mark.parametrize(
    "name,file",
    [
        ("hot-iron", "hotiron"),
        ("pet", "pet"),
        ("hot-metal-blue", "hotmetalblue"),
        ("pet-20-step", "pet20step"),
    ],
)
def test_that_D36_palettes_equal_the_objects_of_the_standard(name: str, file: str) -> None:
    dataset = pydicom.dcmread(str(get_palette_files(f"{file}.dcm")[0]))
    channels = [
        np.frombuffer(dataset[f"{channel}PaletteColorLookupTableData"].value, np.uint8)
        for channel in ("Red", "Green", "Blue")
    ]
    assert np.array_equal(colormap(name).rgb, np.stack(channels, axis=1))
    assert colormap(name).uid == dataset.SOPInstanceUID


def test_that_grey_is_the_identity_and_inverse_grey_its_mirror() -> None:
    ramp = np.repeat(np.arange(256)[:, None], 3, axis=1)
    assert np.array_equal(colormap("grey").rgb, ramp)
    assert np.array_equal(colormap("inverse-grey").rgb, ramp[::-1])


def test_that_rainbow_runs_from_blue_over_green_to_red() -> None:
    rgb = colormap("rainbow").rgb
    assert tuple(rgb[0]) == (0, 0, 255)
    assert rgb[128].argmax() == 1
    assert tuple(rgb[255]) == (255, 0, 0)
    assert bool((rgb.max(axis=1) == 255).all())


def test_that_every_colormap_file_follows_the_schema() -> None:
    found = [read_colormap(path) for path in assets_in("colormaps", ".toml")]
    assert len(found) >= 7
    assert (
        len({c.id for c in found})
        == len({c.name for c in found})
        == len({c.order for c in found})
        == len(found)
    )
    assert colormaps()[0].id == "grey"


def test_that_a_colormap_cannot_be_changed_and_is_made_once() -> None:
    assert colormap("pet") is colormap("pet")
    with pytest.raises(ValueError, match="read-only"):
        colormap("pet").rgb[0] = 1


def test_that_an_unknown_or_malformed_colormap_is_refused() -> None:
    with pytest.raises(KeyError):
        colormap("no-such-map")
    with pytest.raises(ValueError, match="256 colours"):
        Colormap("x", "X", np.zeros((255, 3), np.uint8))


@pytest.mark.parametrize("rgb", ["000000 " * 255, "000000 " * 255 + "00000g", "000000 " * 257, ""])
def test_that_a_colormap_file_with_other_than_256_colours_is_refused(tmp_path: Path, rgb: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(f'name = "Bad"\norder = 1\nrgb = """{rgb}"""\n')
    with pytest.raises(ValueError, match=r"bad\.toml"):
        read_colormap(path)
