"""Presentation states: what is written is valid and comes back; those of others look as their authors say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread

from tests.conftest import RealData
from tests.dicom.test_structured_report import errors_of, reference
from tests.needs import library, program
from tests.phantoms import write_ramp
from viewer.dicom import presentation_display as display
from viewer.dicom import presentation_state as pr
from viewer.dicom.model import PixelFormat
from viewer.dicom.overlay_planes import read_overlays
from viewer.errors import ExportError
from viewer.imaging.presentation import GreyChain, as_table
from viewer.imaging.shutter import Shutter
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
    assert (found.sop_instance_uid, found.label) == (uid, "MEASUREMENTS")
    assert [area.corners for area in found.areas] == [(2, 1, 7, 5)]
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
    with pytest.raises(ExportError, match="never written over"):
        pr.write_presentation_state(ramp[0], ramp, label="X", window=Window(40, 400))
    assert ramp[0].read_bytes() == before


def _own_rescales(images: list[Path]) -> None:
    """Slope 1, 1.5, 2, ... and intercept 0, 10, 20, ... one after the other."""
    for n, path in enumerate(images):
        image = dcmread(path)
        image.RescaleSlope, image.RescaleIntercept = 1 + n / 2, 10 * n
        image.save_as(path)


def test_that_G10_images_with_rescales_of_their_own_get_the_same_window_each(
    tmp_path: Path, ramp: list[Path]
) -> None:
    """There is no rescale in the file, and a window on the stored values of each image gives the same greys."""
    library("highdicom")
    _own_rescales(ramp)
    target = tmp_path / "pr.dcm"
    window = Window.from_bounds(40, 4000)
    pr.write_presentation_state(target, ramp, label="X", window=window)
    assert errors_of(target) == []
    found = pr.read_presentation_state(target)
    assert found is not None
    assert found.notes == ()
    for path in ramp:
        image = dcmread(path)
        physical = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
        grey = found.chain_for(image.SOPInstanceUID).apply(image.pixel_array)
        np.testing.assert_allclose(grey, window.apply(physical), atol=1e-5)


def test_that_G10_another_program_shows_them_with_the_same_greys(tmp_path: Path, ramp: list[Path]) -> None:
    library("highdicom")
    convert = program("dcmp2pgm", "dcmtk")
    _own_rescales(ramp)
    target = tmp_path / "pr.dcm"
    window = Window.from_bounds(40, 4000)
    pr.write_presentation_state(target, ramp, label="X", window=window)
    for path in ramp:
        picture = tmp_path / f"{path.stem}.pgm"
        subprocess.run([convert, "-q", "-p", target, path, picture], check=True)
        image = dcmread(path)
        physical = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
        shown = np.asarray(Image.open(picture)).astype(int)
        assert np.abs(shown - window.apply(physical) * 255).max() <= 1


def test_that_a_table_over_rescales_of_their_own_is_refused_in_a_sentence(
    tmp_path: Path, ramp: list[Path]
) -> None:
    library("highdicom")
    _own_rescales(ramp)
    table = VoiTable(0.0, np.arange(4096, dtype=np.uint16), 16)
    with pytest.raises(ExportError, match="a window, but no table"):
        pr.write_presentation_state(tmp_path / "pr.dcm", ramp, label="X", window=table)


def _changed(tmp_path: Path, ramp: list[Path], **tags: object) -> pr.PresentationState:
    """A presentation state with other tags."""
    library("highdicom")
    target = tmp_path / "pr.dcm"
    pr.write_presentation_state(target, ramp, label="X", window=Window(40, 400))
    written = dcmread(target)
    for name, value in tags.items():
        setattr(written, name, value)
    written.save_as(target)
    found = pr.read_presentation_state(target)
    assert found is not None
    return found


def test_that_G10_shutters_are_read_with_the_row_first(tmp_path: Path, ramp: list[Path]) -> None:
    found = _changed(
        tmp_path,
        ramp,
        ShutterShape=["RECTANGULAR", "CIRCULAR", "POLYGONAL"],
        ShutterLeftVerticalEdge=2,
        ShutterRightVerticalEdge=7,
        ShutterUpperHorizontalEdge=1,
        ShutterLowerHorizontalEdge=5,
        CenterOfCircularShutter=[3, 4],
        RadiusOfCircularShutter=2,
        VerticesOfThePolygonalShutter=[1, 1, 1, 8, 6, 8],
        ShutterPresentationValue=0x8000,
    )
    assert found.shutter == Shutter((2, 1, 7, 5), (4, 3, 2), ((1, 1), (8, 1), (8, 6)), 0x8000 / 0xFFFF)
    assert found.notes == ()


def test_that_G10_a_presentation_state_is_read_with_the_frames_it_is_for(
    tmp_path: Path, ramp: list[Path]
) -> None:
    def image(frames: list[int]) -> Dataset:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2", "1.1"
        if frames:
            item.ReferencedFrameNumber = frames
        return item

    def window(level: float, frames: list[int]) -> Dataset:
        item = Dataset()
        item.WindowCenter, item.WindowWidth, item.ReferencedImageSequence = level, 100, [image(frames)]
        return item

    def area(left: int, frames: list[int]) -> Dataset:
        item = Dataset()
        item.DisplayedAreaTopLeftHandCorner, item.DisplayedAreaBottomRightHandCorner = [left, 1], [8, 6]
        item.PresentationSizeMode, item.ReferencedImageSequence = "SCALE TO FIT", [image(frames)]
        return item

    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedImageSequence = "1.5", [image([2, 4])]
    found = _changed(
        tmp_path,
        ramp,
        ReferencedSeriesSequence=[series],
        SoftcopyVOILUTSequence=[window(1, [2]), window(2, [4, 5])],
        DisplayedAreaSelectionSequence=[area(3, [4]), area(2, [])],
    )
    assert [(one.sop_instance_uid, one.frame) for one in found.images] == [("1.1", 2), ("1.1", 4)]
    windows = [found.chain_for("1.1", frame).voi for frame in (1, 3, 4)]
    assert [voi.center for voi in windows if isinstance(voi, Window)] == [1, 2, 2]
    areas = [found.area_for("1.1", frame) for frame in (1, 3)]
    assert [one.corners[0] for one in areas if one is not None] == [2, 3]


def test_that_a_shutter_without_its_numbers_is_named_and_left_out(tmp_path: Path, ramp: list[Path]) -> None:
    found = _changed(tmp_path, ramp, ShutterShape=["CIRCULAR", "BITMAP"], CenterOfCircularShutter=[3, 4])
    assert found.shutter is None
    assert found.notes == (display.BITMAP, display.SHAPELESS)


def test_that_G10_displayed_areas_are_those_of_their_images(tmp_path: Path, ramp: list[Path]) -> None:
    def area(corners: list[int], path: Path | None, mode: str = "SCALE TO FIT") -> Dataset:
        item = Dataset()
        item.DisplayedAreaTopLeftHandCorner, item.DisplayedAreaBottomRightHandCorner = (
            corners[:2],
            corners[2:],
        )
        item.PresentationSizeMode = mode
        item.PresentationPixelMagnificationRatio = 3.0
        if path is not None:
            named = reference(path)
            image = Dataset()
            image.ReferencedSOPClassUID = named.sop_class_uid
            image.ReferencedSOPInstanceUID = named.sop_instance_uid
            item.ReferencedImageSequence = [image]
        return item

    areas = [area([2, 3, 5, 6], ramp[1]), area([1, 1, 8, 6], ramp[2], "MAGNIFY"), area([0, 0, 9, 9], None)]
    found = _changed(tmp_path, ramp, DisplayedAreaSelectionSequence=areas)
    first, second, other = (
        found.area_for(reference(path).sop_instance_uid) for path in (*ramp[1:3], ramp[0])
    )
    assert first is not None
    assert second is not None
    assert other is not None
    assert (first.corners, first.magnification) == ((2, 3, 5, 6), None)
    assert (second.corners, second.magnification) == ((1, 1, 8, 6), 3.0)
    assert other.corners == (0, 0, 9, 9)


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


def test_that_G10_overlays_of_image_and_presentation_state_together_are_what_another_program_draws(
    real_data: RealData,
) -> None:
    """Four overlays in the image and two in the presentation state: wherever the picture is not the image."""
    folder = real_data("gsps")
    found = pr.read_presentation_state(folder / "prOverlay.dcm")
    assert found is not None
    assert (found.label, found.description, found.notes) == ("OVLY_P01", "six overlays", ())
    assert [plane.group for plane in found.overlays] == [0x6008, 0x600A]
    image = dcmread(folder / "overlay.dcm")
    words = np.frombuffer(image.PixelData, "<u2").reshape(512, 512)
    own = read_overlays(image, PixelFormat(512, 512, bits_stored=12, high_bit=11), lambda _frame: words)
    drawn = np.zeros((512, 512), bool)
    for plane in (*own, *found.overlays):
        drawn |= plane.on_frame(0, (512, 512))
    expected = np.asarray(Image.open(folder / "expected_overlay.png").convert("L")).astype(float)
    grey = (words & 0xFFF) / 4095 * 255
    np.testing.assert_array_equal(drawn, np.abs(expected - grey) > 2)


def test_that_overlay_planes_in_the_presentation_state_are_read_without_a_bitmap_shutter(
    tmp_path: Path, ramp: list[Path]
) -> None:
    library("highdicom")
    target = tmp_path / "pr.dcm"
    pr.write_presentation_state(target, ramp, label="X", window=Window(40, 400))
    written = dcmread(target)
    for group in (0x6000, 0x6002):
        written.add_new((group, 0x0010), "US", 2)
        written.add_new((group, 0x0011), "US", 4)
        written.add_new((group, 0x0040), "CS", "G")
        written.add_new((group, 0x0050), "SS", [3, 2])
        written.add_new((group, 0x0100), "US", 1)
        written.add_new((group, 0x0102), "US", 0)
        written.add_new((group, 0x3000), "OW", bytes([0b10010110, 0]))
    written.ShutterShape, written.ShutterOverlayGroup = "BITMAP", 0x6002
    written.save_as(target)
    found = pr.read_presentation_state(target)
    assert found is not None
    (plane,) = found.overlays
    assert plane.group == 0x6000
    drawn = np.argwhere(plane.on_frame(0, (6, 8))).tolist()
    assert drawn == [[2, 2], [2, 3], [3, 1], [3, 4]]
    assert found.notes == (display.BITMAP,)


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
