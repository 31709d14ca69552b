"""A mirrored picture must not outlive the series it was made for (E05)."""

from __future__ import annotations

from tests.state.conftest import MakeVolume
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer, Role
from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState


def test_that_E05_a_flip_is_undone_when_another_series_is_shown(
    view: ViewState, make_volume: MakeVolume
) -> None:
    first, second = make_volume(uid="1.2.3"), make_volume(uid="1.2.4")
    for item in (first, second):
        view.library.add(item)
    view.show(ImageLayer(first.volume.uid, Window(40, 80)))
    view.update_framing(PlaneKind.AXIAL, flip_horizontal=True)
    view.show(ImageLayer(second.volume.uid, Window(40, 80)))
    assert view.volume(Role.BASE) is second
    assert not view.framing(PlaneKind.AXIAL).flip_horizontal
