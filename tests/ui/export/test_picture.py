"""What an exported picture shows and does not show (rules F01, F02, E23)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtGui import QColor, QGuiApplication, QImage
from pytestqt.qtbot import QtBot

from viewer.dicom.model import Patient
from viewer.errors import ExportError
from viewer.imaging.window import Window
from viewer.state import slab
from viewer.state.bone import BoneRemoval
from viewer.state.curve import CurvedPath
from viewer.state.layers import Role
from viewer.state.library import Library
from viewer.state.oblique import set_angles, straighten
from viewer.state.panes import Content, Pane, PlaneKind
from viewer.state.resolve import resolve
from viewer.state.view import ViewState
from viewer.ui.dialogs.intended_use import INTENDED_USE
from viewer.ui.export.facts import footer_lines, technical_facts
from viewer.ui.export.options import Mode, PictureRequest, Target
from viewer.ui.export.picture import copy_to_clipboard, pixels, render, with_footer

_DAY = dt.date(2026, 11, 21)
_PANE = PictureRequest(Target.PANE, 420, 380)
_LAYOUT = PictureRequest(Target.LAYOUT, 900, 320)


def _rename(library: Library, patient: Patient) -> None:
    """Give all open volumes another patient, so that only the name differs between two pictures."""
    for item in library:
        study = replace(
            item.study, patient=patient, accession=patient.key, institution=patient.name, date="2001-01-01"
        )
        library._volumes[item.volume.uid] = replace(item, study=study)


@pytest.mark.parametrize("request_", [_PANE, _LAYOUT], ids=["pane", "layout"])
@pytest.mark.parametrize("mode", [Mode.ANONYMOUS, Mode.IMAGE])
def test_that_F01_no_pixel_depends_on_who_the_patient_is(
    qtbot: QtBot, view: ViewState, library: Library, request_: PictureRequest, mode: Mode
) -> None:
    """The strongest proof that no name is drawn: two patients give the same picture."""
    first = pixels(render(view, replace(request_, mode=mode)))
    _rename(library, Patient("other", "WWWWWWWW, MMMMMMMM", "99999999", "1901-12-31", "M"))
    assert np.array_equal(pixels(render(view, replace(request_, mode=mode))), first)


@pytest.mark.parametrize("request_", [_PANE, _LAYOUT], ids=["pane", "layout"])
def test_that_identity_is_drawn_when_it_was_asked_for(
    qtbot: QtBot, view: ViewState, library: Library, request_: PictureRequest
) -> None:
    """The counter-proof: with identity two patients give different pictures."""
    first = pixels(render(view, replace(request_, mode=Mode.IDENTIFIED)))
    _rename(library, Patient("other", "WWWWWWWW, MMMMMMMM", "99999999", "1901-12-31", "M"))
    assert not np.array_equal(pixels(render(view, replace(request_, mode=Mode.IDENTIFIED))), first)


def test_that_identity_stays_out_although_the_window_shows_it(qtbot: QtBot, view: ViewState) -> None:
    view.set_display(identity_visible=True)
    shown = pixels(render(view, _PANE))
    view.set_display(identity_visible=False)
    assert np.array_equal(pixels(render(view, _PANE)), shown)


def test_that_the_three_modes_differ_as_they_say(qtbot: QtBot, view: ViewState) -> None:
    image, plain, named = (
        pixels(render(view, replace(_PANE, mode=mode, footer=False)))
        for mode in (Mode.IMAGE, Mode.ANONYMOUS, Mode.IDENTIFIED)
    )
    assert image.shape == plain.shape == named.shape
    corner = (slice(0, 60), slice(0, 160))
    assert not np.array_equal(plain[corner], named[corner])  # the name stands top left
    assert not np.array_equal(image, plain)
    changed = np.any(plain != named, axis=-1)
    assert not changed[200:].any()  # nothing below the middle is identity


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_that_F01_the_size_is_that_on_screen_times_the_scale(
    qtbot: QtBot, view: ViewState, scale: int
) -> None:
    image = render(view, replace(_PANE, scale=scale, footer=False))
    assert (image.width(), image.height()) == (420 * scale, 380 * scale)
    assert image.devicePixelRatio() == 1.0


@pytest.mark.parametrize("scale", [1, 4])
def test_that_F01_a_finer_picture_is_painted_anew_and_not_enlarged(
    qtbot: QtBot, view: ViewState, scale: int
) -> None:
    """Stored values are linear in the index, so the grey of every pixel is known; enlarging would miss it by 7."""
    view.set_overlay(None)
    lower, upper = 140.0, 144.0
    view.set_window(Role.BASE, Window.from_bounds(lower, upper))
    got = pixels(render(view, replace(_PANE, mode=Mode.IMAGE, scale=scale, footer=False)))[..., 0].astype(
        float
    )
    scene = resolve(view, view.active, 420 * scale, 380 * scale)
    assert scene is not None
    rows, columns = (axis.astype(float) for axis in np.indices(got.shape))
    points = (
        scene.plane.origin_mm + columns[..., None] * scene.plane.u_mm + rows[..., None] * scene.plane.v_mm
    )
    k, j, i = np.moveaxis(scene.layers[0].volume.geometry.to_index(points), -1, 0)
    value = 20 * k + 3 * j + i
    inside = (value > lower) & (value < upper) & (j > 0) & (j < 19) & (i > 0) & (i < 23)
    assert inside.sum() > 500 * scale**2
    expected = 255 * (value - lower) / (upper - lower)
    assert np.abs(got - expected)[inside].max() < 1.0


def test_that_a_picture_too_large_to_paint_is_refused_with_advice(qtbot: QtBot, view: ViewState) -> None:
    with pytest.raises(ExportError, match="smaller scale"):
        render(view, PictureRequest(Target.LAYOUT, 8000, 8000, scale=4))


# --- the strip below --------------------------------------------------------------------------------------------


def test_that_E23_the_strip_leaves_the_picture_untouched(qtbot: QtBot, view: ViewState) -> None:
    with_strip, without = (pixels(render(view, replace(_PANE, footer=footer))) for footer in (True, False))
    assert with_strip.shape[0] > without.shape[0]
    assert np.array_equal(with_strip[: without.shape[0]], without)
    assert with_strip[without.shape[0] :].max() > 150


@pytest.mark.parametrize("width", [60, 150, 420, 2000])
def test_that_E23_the_intended_use_is_never_cut_off(qtbot: QtBot, width: int) -> None:
    """However narrow the picture: as much ink as on a line that has all the room it needs."""
    image = QImage(width, 10, QImage.Format.Format_RGB32)
    image.fill(QColor("black"))

    def ink(made: QImage) -> float:
        strip = pixels(made)[10:].astype(float)
        return float(np.clip(strip - 30, 0, None).sum())

    roomy = QImage(4000, 10, QImage.Format.Format_RGB32)
    roomy.fill(QColor("black"))
    assert ink(with_footer(image, (INTENDED_USE,), 1)) == pytest.approx(
        ink(with_footer(roomy, (INTENDED_USE,), 1)), rel=0.1
    )


# --- technical text ---------------------------------------------------------------------------------------------


def test_that_F02_the_text_tells_window_position_date_and_intended_use(view: ViewState) -> None:
    view.set_cursor((-4.0, 0.0, 120.0))
    facts = technical_facts(view, view.active, _DAY)
    assert facts["View"] == "axial fused"
    assert facts["Window"] == "W 300 L 150; SUV 0.0-7.0"
    assert facts["Position"] == "x -4.0 y 0.0 z 120.0 mm (LPS)"
    assert facts["Creation Time"] == "2026-11-21"
    assert facts["Intended Use"] == INTENDED_USE
    assert footer_lines(facts)[-1] == INTENDED_USE


def _values(view: ViewState) -> str:
    panes = (None, *view.layout.panes)
    return " ".join(" ".join(technical_facts(view, pane, _DAY).values()) for pane in panes)


def test_that_F02_no_text_comes_from_the_header(view: ViewState, library: Library) -> None:
    """Names of windows and descriptions of series are written by people, and people write names there."""
    before = _values(view)
    for word in ("MUSTERFRAU", "Erika", "4711", "ACC-5", "Clinic", "2025-01-31", "thin", "head"):
        assert word.lower() not in before.lower()
    _rename(library, Patient("x", "Y", "Z"))
    assert _values(view) == before


def test_that_F02_all_text_is_ascii(view: ViewState) -> None:
    assert _values(view).isascii()


@pytest.mark.parametrize(
    "change, key, value",
    [
        (lambda view: slab.toggle(view, PlaneKind.AXIAL), "Slab", "MIP 10 mm"),
        (lambda view: view.set_layout("base-only"), "Window", "W 300 L 150"),
    ],
)
def test_that_the_text_follows_the_view(
    view: ViewState, change: Callable[[ViewState], None], key: str, value: str
) -> None:
    change(view)
    assert technical_facts(view, view.active, _DAY)[key] == value


def test_that_a_turned_plane_a_curved_picture_and_a_mip_without_bone_say_so(view: ViewState) -> None:
    set_angles(view, 30, 0, 0)
    coronal = next(pane for pane in view.layout.panes if pane.kind is PlaneKind.CORONAL)
    assert technical_facts(view, coronal, _DAY)["Turned"] == "turned 30.0 deg"
    straighten(view)
    assert "Turned" not in technical_facts(view, coronal, _DAY)
    path = view.work.of(CurvedPath)
    for point in ((0.0, 0.0, 0.0), (0.0, 0.0, 12.5)):
        path.add(point)
    curved = Pane("curved", PlaneKind.CURVED)
    facts = technical_facts(view, curved, _DAY)
    assert facts["Projection"] == "curved, straightened 0 deg of 12.5 mm"
    assert "Position" not in facts
    view.work.of(BoneRemoval).set(on=True, threshold_hu=300)
    mip = Pane("mip", PlaneKind.MIP, Content.BASE)
    assert technical_facts(view, mip, _DAY)["Projection"] == "MIP 0 deg without > 300 HU"


def test_that_a_mip_tells_its_angle_and_no_position(view: ViewState) -> None:
    view.set_layout("three-mip")
    view.set_mip_angle(view.mip_angle_deg + 30)
    pane = next(pane for pane in view.layout.panes if pane.kind is PlaneKind.MIP)
    facts = technical_facts(view, pane, _DAY)
    assert facts["Projection"] == "MIP 30 deg"
    assert "Position" not in facts


# --- clipboard --------------------------------------------------------------------------------------------------


def test_that_F03_the_clipboard_gets_the_picture(qtbot: QtBot, view: ViewState) -> None:
    image = render(view, _PANE)
    copy_to_clipboard(image)
    assert np.array_equal(pixels(QGuiApplication.clipboard().image()), pixels(image))
    assert QGuiApplication.clipboard().image().textKeys() == []


def test_that_pixels_copes_with_rows_that_are_padded(qtbot: QtBot) -> None:
    image = QImage(3, 2, QImage.Format.Format_RGB32)
    for row in range(2):
        for column in range(3):
            image.setPixelColor(column, row, QColor(10 * column, 100 * row, 7))
    assert pixels(image).tolist() == [
        [[0, 0, 7], [10, 0, 7], [20, 0, 7]],
        [[0, 100, 7], [10, 100, 7], [20, 100, 7]],
    ]


def test_that_hidden_layers_do_not_stand_in_the_text(view: ViewState) -> None:
    view.toggle_fused()
    assert technical_facts(view, view.active, _DAY)["Window"] == "W 300 L 150"
    assert view.layer(Role.OVERLAY) is not None
