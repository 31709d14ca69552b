"""Label volumes are never interpolated (rule I12)."""

from __future__ import annotations

import numpy as np
import pytest

from tests.state.conftest import MakeVolume
from viewer.imaging.sample import Interpolation, sample_plane
from viewer.imaging.volume import Quantity
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer
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
