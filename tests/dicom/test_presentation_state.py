"""Presentation states: what is written is valid and comes back; those of others look as their authors say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from tests.conftest import RealData
from tests.dicom.test_structured_report import errors_of, reference
from tests.needs import library
from tests.phantoms import write_ramp
from viewer.dicom import presentation_state as pr
from viewer.errors import ExportError
from viewer.imaging.presentation import GreyChain, as_table
from viewer.imaging.window import VoiFunction, VoiTable, Window


@pytest.fixture
def ramp(tmp_path: Path) -> list[Path]:
    """Files of the ramp phantom."""
    return sorted(write_ramp(tmp_path / "ramp").iterdir())


def test_that_G10_a_presentation_state_is_valid_and_comes_back(tmp_path: Path, ramp: list[Path]) -> None:
    library("highdicom")
    image = reference(ramp[1])
    graphics = (
        pr.Graphic("POLYLINE", ((2.5, 1.5), (6.5, 4.5)), "", (image,), "2.25.11"),
        pr.Graphic("ELLIPSE", ((1.0, 3.0), (7.0, 3.0), (4.0, 1.0), (4.0, 5.0)), "", (image,), "2.25.12"),
        pr.Graphic("TEXT", ((6.5, 4.5),), "7.2 mm", (image,), "2.25.11"),
    )
    target = tmp_path / "pr.dcm"
    window = Window(40, 400)
    uid = pr.write_presentation_state(
        target, ramp, label="MEASUREMENTS", window=window, inverse=True, graphics=graphics, area=(2, 1, 7, 5)
    )
    assert errors_of(target) == []
    found = pr.read_presentation_state(target)
    assert found is not None
    assert (found.sop_instance_uid, found.label, found.area) == (uid, "MEASUREMENTS", (2, 1, 7, 5))
    assert found.graphics == graphics
    assert {one.sop_instance_uid for one in found.images} == {
        reference(path).sop_instance_uid for path in ramp
    }
    assert isinstance(found.chain.voi, Window)
    assert (found.chain.voi.center, found.chain.voi.width, found.chain.inverse) == (40, 400, True)
    assert found.notes == ()


def test_that_a_table_is_written_and_read(tmp_path: Path, ramp: list[Path]) -> None:
    library("highdicom")
    table = VoiTable(0.0, np.arange(4096, dtype=np.uint16)[::-1] * 16, 16)
    target = tmp_path / "pr.dcm"
    pr.write_presentation_state(target, ramp, label="TABLE", window=table)
    assert errors_of(target) == []
    found = pr.read_presentation_state(target)
    assert found is not None
    assert isinstance(found.chain.voi, VoiTable)
    np.testing.assert_array_equal(found.chain.voi.values, table.values)


def test_that_an_image_is_never_written_over(ramp: list[Path]) -> None:
    library("highdicom")
    before = ramp[0].read_bytes()
    with pytest.raises(ExportError, match="cannot take the place"):
        pr.write_presentation_state(ramp[0], ramp, label="X", window=Window(40, 400))
    assert ramp[0].read_bytes() == before


def test_that_a_rescale_for_each_image_is_refused_in_a_sentence(tmp_path: Path, ramp: list[Path]) -> None:
    library("highdicom")
    image = dcmread(ramp[0])
    image.RescaleSlope = 2
    image.save_as(ramp[0])
    with pytest.raises(ExportError, match="each image of this series has its own"):
        pr.write_presentation_state(tmp_path / "pr.dcm", ramp, label="X", window=Window(40, 400))


def test_that_G10_three_tables_of_another_program_give_the_picture_it_expects(real_data: RealData) -> None:
    """Scrambled modality, VOI and presentation tables; only all three in their order give the picture back."""
    folder = real_data("gsps")
    found = pr.read_presentation_state(folder / "prLUTs.dcm")
    assert found is not None
    assert found.label == "XLUT_P03"
    pixels = dcmread(folder / "imageForPrLUTs.dcm").pixel_array
    expected = np.asarray(Image.open(folder / "expected_imgForPrLUT.png").convert("L"))
    np.testing.assert_array_equal(np.rint(found.chain.apply(pixels) * 255), expected)
    table = as_table(found.chain, float(pixels.min()), float(pixels.max()), 1.0, 0.0)
    np.testing.assert_array_equal(np.rint(table.apply(pixels) * 255), expected)


def test_that_overlay_planes_of_a_presentation_state_are_named_as_not_drawn(real_data: RealData) -> None:
    found = pr.read_presentation_state(real_data("gsps") / "prOverlay.dcm")
    assert found is not None
    assert (found.label, found.description) == ("OVLY_P01", "six overlays")
    assert found.notes == ("Overlay planes of the presentation state are not drawn.",)


def test_that_drawings_on_the_screen_are_named_as_not_shown(tmp_path: Path, ramp: list[Path]) -> None:
    library("highdicom")
    target = tmp_path / "pr.dcm"
    line = pr.Graphic("POLYLINE", ((2.5, 1.5), (6.5, 4.5)), "", (reference(ramp[0]),))
    pr.write_presentation_state(target, ramp, label="X", window=Window(40, 400), graphics=[line])
    written = dcmread(target)
    written.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicAnnotationUnits = "DISPLAY"
    written.save_as(target)
    found = pr.read_presentation_state(target)
    assert found is not None
    assert found.graphics == ()
    assert "on the screen" in found.notes[0]


def test_that_a_chain_follows_the_order_of_the_standard() -> None:
    chain = GreyChain(
        slope=2.0,
        intercept=-100.0,
        voi=Window(0, 200, VoiFunction.LINEAR_EXACT),
        presentation=np.array([0.0, 0.25, 1.0]),
        inverse=True,
    )
    np.testing.assert_allclose(chain.apply([0, 50, 100]), [1.0, 0.75, 0.0])
    table = as_table(chain, 0, 100, 0.5, 10.0)
    np.testing.assert_allclose(table.apply([10.0, 35.0, 60.0]), [1.0, 0.75, 0.0], atol=1e-4)
