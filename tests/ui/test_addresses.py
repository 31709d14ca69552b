"""Addresses in the window: the dialog, a link dropped from a browser, the list of recent studies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtWidgets import QLabel, QPushButton

from tests.archive.pyramid import ramp, write_pyramid
from tests.archive.servers import Site, web_server
from tests.needs import library
from viewer.archive.address import Address, place_of
from viewer.ui.dialogs.address_dialog import AddressDialog
from viewer.ui.dialogs.recent import recent_paths, remember
from viewer.ui.drop import dropped_paths
from viewer.ui.sidebar.tags import NO_TAGS, TagsPanel
from viewer.ui.start_page import StartPage

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

library("zarr")
library("pyarrow")
library("aiohttp")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with web_server(write_pyramid(tmp_path).parent) as found:
        yield found


def dialog_of(window: MainWindow) -> AddressDialog:
    window.context.commands.run("file.open-address")
    return next(dialog for dialog in window.findChildren(AddressDialog) if dialog.isVisible())


def accept_button(dialog: AddressDialog) -> QPushButton:
    button = dialog.findChild(QPushButton, "accept")
    assert isinstance(button, QPushButton)
    return button


def test_that_an_address_opens_from_the_menu_and_comes_back_from_the_recent_studies(
    qtbot: QtBot, window: MainWindow, site: Site
) -> None:
    dialog = dialog_of(window)
    assert not accept_button(dialog).isEnabled()
    dialog.field.setText(f" {site.url}/volume.zarr ")
    accept_button(dialog).click()
    qtbot.waitUntil(lambda: window.context.view.base_volume is not None)
    qtbot.waitUntil(lambda: not window.context.loader.busy)
    item = window.context.view.base_volume
    assert item is not None
    np.testing.assert_array_equal(item.volume.array, ramp())
    assert not window.context.library.problems
    (recent,) = recent_paths(window.context.settings)
    assert isinstance(recent, Address)
    assert recent.shown == f"{site.url}/volume.zarr"
    tags = TagsPanel(window.context)
    tags.follow()
    assert NO_TAGS in [label.text() for label in tags.findChildren(QLabel)]
    tags.deleteLater()
    # Trying again asks the server again.
    window.context.loader.retry()
    qtbot.waitUntil(lambda: not window.context.loader.busy)
    assert len(window.context.library.catalogue.studies) == 1


@pytest.mark.parametrize(
    "text, says",
    [
        ("ftp://host/a", "begin with http"),
        ("https://host/a?b", "question mark"),
        ("/data/volume.zarr", "path of this computer"),
        ("host/volume.zarr", ""),
    ],
)
def test_that_the_dialog_says_what_is_wrong_and_opens_nothing(
    window: MainWindow, text: str, says: str
) -> None:
    dialog = dialog_of(window)
    dialog.field.setText(text)
    assert says in dialog.wrong.text()
    assert not accept_button(dialog).isEnabled()
    dialog.accept()
    assert dialog.isVisible()
    dialog.reject()


def test_that_an_address_with_a_password_is_not_kept(window: MainWindow, tmp_path: Path) -> None:
    settings = window.context.settings
    remember(settings, [place_of("https://me:secret@host/a"), tmp_path])
    remember(settings, [place_of("https://host/b")])
    assert [str(place) for place in recent_paths(settings)] == ["https://host/b", str(tmp_path)]
    assert "secret" not in str(settings.get("recent.paths"))


def test_that_a_failure_is_one_line_of_the_problems(qtbot: QtBot, window: MainWindow, site: Site) -> None:
    window.open([place_of(f"{site.url}/nothing.zarr")])
    qtbot.waitUntil(lambda: not window.context.loader.busy and bool(window.context.library.problems))
    reasons = [problem.reason for problem in window.context.library.problems if problem.file]
    assert reasons == ["It cannot be read (there is no such file or folder)."]


def test_that_a_link_from_a_browser_is_an_address_and_other_links_are_nothing() -> None:
    def dropped(*links: str) -> list[str]:
        data = QMimeData()
        data.setUrls([QUrl(link) for link in links])
        return [str(place) for place in dropped_paths(data)]

    assert dropped("https://host/archive/volume.zarr") == ["https://host/archive/volume.zarr"]
    assert dropped("https://host/a%20b/volume.zarr/") == ["https://host/a%20b/volume.zarr"]
    assert dropped("mailto:a@b.c", "https://host/page?x=1") == []
    local = str(Path("/data/a").absolute())
    assert dropped(QUrl.fromLocalFile(local).toString(), "s3://bucket/a") == [local, "s3://bucket/a"]


def test_that_the_start_page_offers_addresses_by_their_names(window: MainWindow) -> None:
    long = "s3://bucket/" + "folder/" * 10 + "ct/volume.zarr"
    remember(window.context.settings, [place_of(long), place_of("https://host/a")])
    page = StartPage(window.context)
    texts = [button.text() for button in page.findChildren(QPushButton)]
    assert "https://host/a" in texts
    assert "s3://…/ct/volume.zarr" in texts
    page.deleteLater()
