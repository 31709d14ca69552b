"""`triptych render`: pixels against what the phantom must show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from tests.phantoms import uid_of, write_pet, write_ramp
from viewer.cli import main
from viewer.cli.annotate import bar_length_cm


def render(*arguments: object) -> int:
    try:
        return main(["render", *(str(argument) for argument in arguments)])
    except SystemExit as end:
        return int(end.code or 0)


def grey(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(path) as picture:
        assert picture.mode == "RGB"
        pixels = np.asarray(picture)
    assert np.ptp(pixels, axis=2).max() == 0
    return pixels[..., 0]


@pytest.mark.parametrize(
    "plane, horizontal_per_mm, vertical_per_mm",
    [
        # The ramp is 1000 k + 100 j + 10 i at 3, 2 and 1 mm: these are its slopes along x, y and z.
        ("axial", 10.0, 50.0),
        ("coronal", 10.0, -1000 / 3),
        ("sagittal", 50.0, -1000 / 3),
    ],
)
def test_that_A22_each_plane_shows_the_ramp_with_its_slopes_in_millimetres(
    plane: str, horizontal_per_mm: float, vertical_per_mm: float, tmp_path: Path
) -> None:
    write_ramp(tmp_path / "ct")
    out = tmp_path / "picture.png"
    # 8 mm wide at 40 pixels: 0.2 mm a pixel. A window of 5000 over 0..5000 gives 0.051 grey levels a unit.
    assert (
        render(
            tmp_path / "ct",
            "-o",
            out,
            "--plane",
            plane,
            "--fov",
            8,
            "--size",
            "40x40",
            "--window",
            "5001,2500.5",
        )
        == 0
    )
    values = grey(out).astype(float)[16:24, 12:28] / 255 * 5000
    vertical, horizontal = (np.mean(np.diff(values, axis=axis)) / 0.2 for axis in (0, 1))
    assert horizontal == pytest.approx(horizontal_per_mm, abs=12)
    assert vertical == pytest.approx(vertical_per_mm, abs=25)


def test_that_the_picture_passes_through_the_point_asked_for(tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    out = tmp_path / "picture.png"
    # k = 2.5 lies 7.5 mm above the first slice; the middle of the volume is j = 2.5, i = 3.5.
    assert (
        render(
            tmp_path / "ct", "-o", out, "--at", "-6.5,-15,-22.5", "--size", "81x81", "--window", "5001,2500.5"
        )
        == 0
    )
    assert grey(out)[40, 40] == pytest.approx((2500 + 250 + 35) / 5000 * 255, abs=2)


def test_that_a_point_with_a_leading_minus_needs_no_equals_sign(tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    common = (tmp_path / "ct", "--size", "50x50", "--window", "5000,2000")
    assert render(*common, "-o", first, "--at", "-6,-15,-24") == 0
    assert render(*common, "-o", second, "--at=-6,-15,-24") == 0
    np.testing.assert_array_equal(grey(first), grey(second))


def test_that_a_preset_and_its_window_give_the_same_picture(tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    first, second, inverted = (tmp_path / f"{name}.png" for name in "abc")
    common = (tmp_path / "ct", "--size", "60x40")
    assert render(*common, "-o", first, "--preset", "bone") == 0
    assert render(*common, "-o", second, "--window", "2500,480") == 0
    np.testing.assert_array_equal(grey(first), grey(second))
    assert render(*common, "-o", inverted, "--window", "2500,480", "--invert") == 0
    inside = grey(inverted) != grey(first)
    np.testing.assert_allclose(
        grey(inverted)[inside].astype(int), 255 - grey(first)[inside].astype(int), atol=1
    )


def test_that_D34_fusion_lays_the_pet_over_the_ct(tmp_path: Path) -> None:
    write_ramp(tmp_path / "study" / "ct")
    write_pet(tmp_path / "study" / "pet")
    plain, fused, opaque = (tmp_path / f"{name}.png" for name in ("plain", "fused", "opaque"))
    common = (tmp_path / "study", "--size", "60x60", "--window", "5000,2000")
    assert render(*common, "-o", plain) == 0
    assert render(*common, "-o", fused, "--fuse", "--pet-range", "0,5", "--opacity", 0.5) == 0
    assert render(*common, "-o", opaque, "--fuse", "--pet-range", "0,5", "--opacity", 1) == 0
    with Image.open(plain) as a, Image.open(fused) as b, Image.open(opaque) as c:
        half, full, below = (np.asarray(picture).astype(float) for picture in (b, c, a))
    centre = (slice(25, 35), slice(25, 35))
    assert np.abs(full[centre] - below[centre]).max() > 20
    np.testing.assert_allclose(half[centre], (full[centre] + below[centre]) / 2, atol=1.5)


def test_that_D30_a_pet_of_another_frame_of_reference_is_not_fused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path / "study" / "ct")
    write_pet(tmp_path / "study" / "pet", FrameOfReferenceUID="2.25.99")
    assert render(tmp_path / "study", "-o", tmp_path / "x.png", "--fuse") == 1
    assert capsys.readouterr().err.startswith("triptych: ")
    assert not (tmp_path / "x.png").exists()


def test_that_D30_a_series_named_by_hand_is_not_fused_with_a_pet_of_another_frame(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path / "study" / "ct")
    write_pet(tmp_path / "study" / "pet")
    write_ramp(tmp_path / "study" / "other", "G6", FrameOfReferenceUID="2.25.99")
    named = ("--series", uid_of("ramp", "series", "G6"), "--fuse")
    assert render(tmp_path / "study", "-o", tmp_path / "x.png", *named) == 1
    assert "no common frame of reference" in capsys.readouterr().err


def test_that_a_series_is_chosen_by_its_uid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ramp(tmp_path / "study" / "ct")
    write_pet(tmp_path / "study" / "pet")
    out, straight = tmp_path / "pet.png", tmp_path / "straight.png"
    pet = (tmp_path / "study", "--series", uid_of("ramp", "series", "PET"), "--size", "50x50")
    assert render(*pet, "-o", out) == 0
    assert render(*pet, "-o", straight, "--colormap", "grey") == 0
    # Alone a PET is shown with high values black (rule D36).
    np.testing.assert_allclose(
        grey(out)[20:30, 20:30], 255 - grey(straight)[20:30, 20:30].astype(int), atol=1
    )
    assert render(tmp_path / "study", "-o", out, "--series", "1.2.3") == 1
    assert "no series with this UID" in capsys.readouterr().err


def test_that_F02_a_picture_carries_technical_text_and_no_identity(tmp_path: Path) -> None:
    write_ramp(
        tmp_path / "ct", PatientName="Secret^Name", PatientID="SECRET-ID", InstitutionName="Secret Hospital"
    )
    plain, annotated = tmp_path / "plain.png", tmp_path / "annotated.png"
    common = (tmp_path / "ct", "--size", "400x300", "--preset", "brain")
    assert render(*common, "-o", plain) == 0
    assert render(*common, "-o", annotated, "--annotate") == 0
    content = annotated.read_bytes()
    assert b"SECRET" not in content.upper()
    with Image.open(plain) as a, Image.open(annotated) as b:
        assert "W 80 L 40" in b.info["Description"]
        assert "Not a medical device" in b.info["Disclaimer"]
        assert set(b.info) <= {"Software", "Description", "Disclaimer"}
        assert ImageChops.difference(a, b).getbbox() is not None
    # The pixels do not depend on who the patient is: no name is drawn.
    write_ramp(tmp_path / "other", PatientName="Other^Person", PatientID="2", InstitutionName="Elsewhere")
    other = tmp_path / "other.png"
    assert (
        render(tmp_path / "other", "--size", "400x300", "--preset", "brain", "-o", other, "--annotate") == 0
    )
    assert other.read_bytes() == content


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_that_other_types_of_picture_can_be_written(suffix: str, tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    out = tmp_path / f"picture{suffix}"
    assert render(tmp_path / "ct", "-o", out, "--size", "30x20") == 0
    with Image.open(out) as picture:
        assert picture.size == (30, 20)


def test_that_J50_a_picture_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path / "ct")
    assert render(tmp_path / "ct", "-o", tmp_path / "gone" / "picture.png") == 1
    assert render(tmp_path / "ct", "-o", tmp_path / "picture.gif") == 1
    assert "only .png, .jpg and .tif" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["ct"]


@pytest.mark.parametrize(
    "options, said",
    [
        (("--preset", "nonsense"), "there is no preset nonsense; known are"),
        (("--colormap", "nonsense"), "there is no colormap nonsense; known are"),
        (("--at", "1000,0,0"), "lies outside the volume"),
        (("--fuse",), "there is no PET"),
    ],
)
def test_that_what_cannot_be_done_is_said_in_words(
    options: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path / "ct")
    assert render(tmp_path / "ct", "-o", tmp_path / "x.png", *options) == 1
    assert said in capsys.readouterr().err


def test_that_an_empty_folder_ends_with_1_and_a_damaged_slice_with_3(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert render(tmp_path / "empty", "-o", tmp_path / "x.png") == 1
    write_ramp(tmp_path / "ct")
    damaged = tmp_path / "ct" / "im0002.dcm"
    damaged.write_bytes(damaged.read_bytes()[:-10])
    assert render(tmp_path / "ct", "-o", tmp_path / "x.png", "--size", "20x20") == 3
    assert (tmp_path / "x.png").exists()


def test_that_E12_a_slab_projects_its_largest_value(tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    thin, thick = tmp_path / "thin.png", tmp_path / "thick.png"
    common = (tmp_path / "ct", "--size", "41x41", "--window", "5001,2500.5")
    assert render(*common, "-o", thin) == 0
    assert render(*common, "-o", thick, "--slab", 6, "--projection", "max") == 0
    # Middle slice k = 2; the slab reaches one slice further: k = 3, 1000 more.
    difference = int(grey(thick)[20, 20]) - int(grey(thin)[20, 20])
    assert difference == pytest.approx(1000 / 5000 * 255, abs=2)


def test_that_E09_the_scale_bar_is_the_longest_that_fits() -> None:
    # 1 mm is 4 pixels: 1 cm is 40 pixels (E09); 40 % of 400 pixels hold 4 cm, so the bar is 2 cm.
    assert bar_length_cm(400, 0.25) == 2
    assert bar_length_cm(400, 1.0) == 10
    assert bar_length_cm(50, 0.25) is None
