"""File names without identity (rule F01) and the answer about identity (rule F08)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from viewer.ui.export.consent import IdentityConsent
from viewer.ui.export.names import free_name, stem
from viewer.ui.export.options import Mode, PictureRequest, Target

_DAY = dt.date(2026, 11, 21)


def test_that_F01_the_name_says_what_and_when() -> None:
    assert stem("axial", _DAY) == "triptych-axial-2026-11-21"
    assert stem("Three planes & MIP", _DAY) == "triptych-three-planes-mip-2026-11-21"


def test_that_a_free_name_is_counted_up(tmp_path: Path) -> None:
    assert free_name(tmp_path, "triptych-axial", "png") == "triptych-axial-1.png"
    (tmp_path / "Triptych-Axial-1.PNG").touch()
    assert free_name(tmp_path, "triptych-axial", "png") == "triptych-axial-2.png"
    assert free_name(tmp_path, "triptych-axial", "") == "triptych-axial-1"


def test_that_a_folder_that_is_gone_still_gives_a_name(tmp_path: Path) -> None:
    assert free_name(tmp_path / "gone", "triptych-axial", "png") == "triptych-axial-1.png"


def test_that_F01_an_export_leaves_identity_out_unless_asked() -> None:
    assert PictureRequest(Target.PANE, 10, 10).mode is Mode.ANONYMOUS
    assert PictureRequest(Target.PANE, 10, 10).footer


@pytest.mark.parametrize("mode", [Mode.IMAGE, Mode.ANONYMOUS])
def test_that_F08_modes_without_identity_need_no_question(mode: Mode) -> None:
    consent = IdentityConsent()
    assert not consent.needs_question(mode)
    assert consent.allowed(mode) is mode


def test_that_F08_identity_is_asked_once_and_remembered() -> None:
    consent = IdentityConsent()
    assert consent.needs_question(Mode.IDENTIFIED)
    assert consent.allowed(Mode.IDENTIFIED) is Mode.ANONYMOUS
    consent.answer = False
    assert not consent.needs_question(Mode.IDENTIFIED)
    assert consent.allowed(Mode.IDENTIFIED) is Mode.ANONYMOUS
    consent.answer = True
    assert consent.allowed(Mode.IDENTIFIED) is Mode.IDENTIFIED
    assert "allowed" in consent.text
