"""Label volumes are never interpolated (rule I12)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.state.conftest import MakeVolume
from viewer.formats.voxels import FileVoxels, VoxelLayout
from viewer.imaging.sample import Interpolation, sample_plane
from viewer.imaging.volume import Quantity
from viewer.imaging.window import Window
from viewer.state.annotations import corners
from viewer.state.first_window import first_window
from viewer.state.layers import ImageLayer
from viewer.state.panes import Density
from viewer.state.resolve import resolve
from viewer.state.view import ViewState


@pytest.mark.parametrize("interpolation", list(Interpolation))
def test_that_I12_labels_are_sampled_nearest_whatever_the_picture_below_is(
    view: ViewState, make_volume: MakeVolume, interpolation: Interpolation
) -> None:
    image, labels = make_volume("1"), make_volume("2", modality="SEG", quantity=Quantity("label"))
    for item in (image, labels):
        view.library.add(item)
    window = Window.from_bounds(0, 5000)
    view.show(ImageLayer("1", window), ImageLayer("2", window))
    view.set_interpolation(interpolation)
    for pane in view.layout.panes:
        scene = resolve(view, pane, 97, 83)
        assert scene is not None
        for layer in scene.layers:
            expected = Interpolation.NEAREST if layer.volume.uid == "2" else interpolation
            assert layer.interpolation is expected
            if layer.volume.uid == "2":
                values = sample_plane(layer.volume, scene.plane, interpolation=layer.interpolation)
                shown = np.unique(values[np.isfinite(values)])
                assert shown.size
                assert set(shown) <= set(np.unique(layer.volume.array))


def test_that_a_label_window_reaches_the_largest_label_however_rare(make_volume: MakeVolume) -> None:
    item = make_volume("2", modality="SEG", quantity=Quantity("label"))
    item.volume.array[...] = 0
    item.volume.array[2, 3, 4] = 117
    window, _ = first_window(item.volume)
    assert isinstance(window, Window)
    assert (window.lower, window.upper) == (0.0, 117.0)


def test_that_the_file_name_of_a_volume_is_hidden_with_the_identity(
    view: ViewState, make_volume: MakeVolume
) -> None:
    made = make_volume("1")
    layer = ImageLayer("1", Window.from_bounds(0, 5000))
    source = FileVoxels(Path(__file__), VoxelLayout(0, np.dtype("u1"), (1, 1, 1)))
    for known, shown in ((None, True), (source, False)):
        view.library.add(replace(made, stack=replace(made.stack, source=known)))
        view.show(layer)
        scene = resolve(view, view.layout.panes[0], 300, 300)
        assert scene is not None
        text = " ".join(corners(view, scene, Density.FULL, identity=False).bottom_right)
        assert ("ramp" in text) is shown
