"""`triptych info` and `triptych render` of what lies on a server."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archive.pyramid import SHAPE, write_pyramid
from tests.archive.servers import Site, web_server
from tests.needs import library
from viewer.archive.extra import require_remote
from viewer.cli import EXIT_FAILED, EXIT_OK, EXIT_USAGE, main
from viewer.errors import ViewerError

library("zarr")
library("pyarrow")
library("aiohttp")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with web_server(write_pyramid(tmp_path).parent) as found:
        yield found


def test_that_info_and_render_take_an_address(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"{site.url}/volume.zarr"
    assert main(["info", "--json", address]) == EXIT_OK
    (study,) = json.loads(capsys.readouterr().out)["studies"]
    (found,) = study["series"][0]["volumes"]
    assert found["shape"] == list(SHAPE)
    assert main(["render", address, "-o", str(tmp_path / "picture.png")]) == EXIT_OK
    local = str(tmp_path / "zarr" / "volume.zarr")
    assert main(["render", local, "-o", str(tmp_path / "local.png")]) == EXIT_OK
    assert (tmp_path / "picture.png").read_bytes() == (tmp_path / "local.png").read_bytes()


def test_that_an_address_that_fails_is_a_sentence_without_its_password(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    host = site.url.removeprefix("http://")
    assert main(["info", f"http://me:hunter2@{host}/nothing.zarr"]) == EXIT_FAILED
    said = "".join(capsys.readouterr())
    assert "there is no such file or folder" in said
    assert f"http://{host}/nothing.zarr" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("command", ["open", "info"])
def test_that_an_address_that_cannot_be_used_is_wrong_usage(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["gopher://me:hunter2@host/a"] if command == "open" else ["info", "gopher://me:hunter2@host/a"]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == EXIT_USAGE
    said = capsys.readouterr().err
    assert "Nothing here can read gopher:// addresses" in said
    assert "hunter2" not in said


def test_that_a_missing_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ViewerError, match=r'pip install "triptych-viewer\[remote\]"'):
        require_remote("s3")
