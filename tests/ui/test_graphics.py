"""Overlay planes drawn over the picture (B19): at their place in the patient, on request only, never in the values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from PIL import Image

from tests.conftest import RealData
from tests.phantoms import ramp_array, write_ramp
from viewer.dicom.index import Indexer
from viewer.dicom.overlay_planes import overlay_mask
from viewer.imaging.plane import Plane
from viewer.state.library import Library
from viewer.state.overlay_graphics import OverlayGraphics
from viewer.state.view import ViewState

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.dicom.model import Stack
    from viewer.ui.main_window import MainWindow

DRAWN = (2, 1, 2)
"""Voxel (k, j, i) of the ramp G1 that the overlay of the third slice is drawn on; at LPS (-8, -18, -24)."""


def with_overlay(folder: Path) -> Path:
    """The ramp with one pixel drawn on in its third slice."""
    write_ramp(folder, "G1")
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        if float(dataset.ImagePositionPatient[2]) == -24.0:
            bits = np.zeros((6, 8), np.uint8)
            bits[DRAWN[1:]] = 1
            dataset.add_new(0x60000010, "US", 6)
            dataset.add_new(0x60000011, "US", 8)
            dataset.add_new(0x60000040, "CS", "G")
            dataset.add_new(0x60000050, "SS", [1, 1])
            dataset.add_new(0x60000100, "US", 1)
            dataset.add_new(0x60000102, "US", 0)
            dataset.add_new(0x60003000, "OW", np.packbits(bits, bitorder="little").tobytes())
            dataset.save_as(path)
    return folder


def only_stack(folder: Path) -> Stack:
    indexer = Indexer()
    for path in sorted(folder.iterdir()):
        indexer.add(path)
    return indexer.catalogue(complete=True).studies[0].series[0].stacks[0]


def graphics_of(folder: Path) -> tuple[OverlayGraphics, str]:
    stack = only_stack(folder)
    graphics = OverlayGraphics(ViewState(Library()))
    assert graphics.wanted(stack)
    graphics.put(stack.uid, stack.geometry, overlay_mask(stack))
    assert not graphics.wanted(stack)
    return graphics, stack.uid


def points(mask: np.ndarray | None, plane: Plane) -> set[tuple[float, float, float]]:
    """LPS positions of the pixels that are drawn on."""
    if mask is None:
        return set()
    return {tuple(np.round(plane.at(column, row), 3).tolist()) for row, column in np.argwhere(mask)}


def test_that_B19_an_overlay_lies_on_its_voxels_on_every_plane(tmp_path: Path) -> None:
    graphics, uid = graphics_of(with_overlay(tmp_path))
    x, y, z = np.eye(3)
    axial = Plane(np.array([-10.0, -20, -24]), x, 2 * y, 8, 6)
    assert points(graphics.on_plane(uid, axial), axial) == {(-8.0, -18.0, -24.0)}
    coronal = Plane(np.array([-10.0, -18, -18]), x, -z, 8, 13)
    # Half a slice of 3 mm to both sides.
    assert points(graphics.on_plane(uid, coronal), coronal) == {
        (-8.0, -18.0, float(depth)) for depth in (-23, -24, -25)
    }
    for depth, there in ((-22.6, True), (-22.4, False), (-25.4, True), (-25.6, False)):
        beside = Plane(np.array([-10.0, -20, depth]), x, 2 * y, 8, 6)
        assert (graphics.on_plane(uid, beside) is not None) == there, depth


def test_that_B19_a_small_picture_loses_no_thin_line(tmp_path: Path) -> None:
    graphics, uid = graphics_of(with_overlay(tmp_path))
    x, y, _ = np.eye(3)
    for shift in np.arange(0, 4, 0.5):
        coarse = Plane(np.array([-12.0 + shift, -22 + shift, -24]), 4 * x, 4 * y, 4, 4)
        mask = graphics.on_plane(uid, coarse)
        assert mask is not None
        assert 1 <= mask.sum() <= 4  # a voxel may lie across the border of pixels


def test_that_B19_only_files_with_overlays_are_read_for_them(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path))
    assert not stack.overlays
    assert not OverlayGraphics(ViewState(Library())).wanted(stack)


def test_that_B19_the_text_of_a_real_file_is_the_one_in_the_picture_of_another_viewer(
    real_data: RealData,
) -> None:
    folder = real_data("gsps")
    indexer = Indexer()
    indexer.add(folder / "overlay.dcm")
    mask = overlay_mask(indexer.catalogue(complete=True).studies[0].series[0].stacks[0])
    assert mask is not None
    picture = np.asarray(Image.open(folder / "expected_overlay.png").convert("RGB")).astype(int)
    green = (picture[..., 1] - picture[..., 0]) > 100
    # Overlays 5 and 6 are in a presentation state, not in the file.
    np.testing.assert_array_equal(mask[0][:290], green[:290])
    assert not mask[0][290:].any()


def test_that_B19_the_switch_shows_and_hides_them_and_values_stay(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    context = window.context
    view = context.view
    window.open([with_overlay(tmp_path)])
    qtbot.waitUntil(lambda: not context.loader.busy and view.base is not None, timeout=20_000)
    item = view.base_volume
    assert item is not None
    graphics = view.work.of(OverlayGraphics)
    qtbot.waitUntil(lambda: graphics.has(item.volume.uid), timeout=20_000)
    view.set_cursor([-8.0, -18.0, -24.0])
    pane = next(shown for shown in window.grid.panes() if shown.pane.kind == "axial")

    def yellow() -> int:
        qtbot.waitUntil(lambda: all(shown.scene_shown and not shown.stale for shown in window.grid.panes()))
        image = pane.grab().toImage()
        found = (
            image.pixelColor(x, y) for x in range(0, image.width(), 2) for y in range(0, image.height(), 2)
        )
        return sum(colour.getRgb()[:3] == (255, 225, 77) for colour in found)

    context.commands.refresh()
    assert context.commands.action("view.graphics").isEnabled()
    assert yellow() > 100
    np.testing.assert_array_equal(item.volume.array, ramp_array())
    context.commands.run("view.graphics")
    assert yellow() == 0
    context.commands.run("view.graphics")
    assert yellow() > 100
    assert view.base is not None
    view.show(None, None)
    context.library.remove(item.volume.uid)
    assert not graphics.has(item.volume.uid)


@pytest.mark.parametrize("broken", [b"", b"\x01"])
def test_that_B19_an_overlay_without_its_bits_draws_nothing(broken: bytes, tmp_path: Path) -> None:
    with_overlay(tmp_path)
    for path in tmp_path.iterdir():
        dataset = pydicom.dcmread(path)
        if 0x60003000 in dataset:
            dataset[0x60003000].value = broken
            dataset.save_as(path)
    assert overlay_mask(only_stack(tmp_path)) is None
