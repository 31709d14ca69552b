"""The page about an archive: what it says, what it keeps to itself, and how a browser shows it."""

from __future__ import annotations

import base64
import io
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.archive.hospital import archive_of, copy_of
from tests.needs import library, program
from tests.phantoms import write_ramp
from viewer.cli import EXIT_OK, EXIT_PARTIAL, main

library("zarr")
library("pyarrow")

from viewer.archive.report import write_report  # noqa: E402


@pytest.fixture(scope="module")
def page(hospital: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page about the small hospital."""
    folder = tmp_path_factory.mktemp("report")
    archive, _ = archive_of(hospital, folder)
    assert write_report(archive, folder / "report.html", 10) == 0
    return folder / "report.html"


def _pictures(page: str) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    found = re.findall(r"data:image/png;base64,([^\"]+)", page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) for text in found]


def test_that_the_page_holds_sums_pictures_letters_histograms_and_verdicts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("<article>") == 7
    assert text.count("equal to the source") == 1 + 7
    assert "<dt>Slices</dt><dd>56</dd>" in text
    assert text.count("<svg") == 6, "colour has none"
    assert all(f">{letter}</span>" in text for letter in "RLAPHF")
    assert "18.50°" in text or "kept as shear" in text
    assert "one a slice" in text
    pictures = _pictures(text)
    assert len(pictures) >= 3 * 6
    assert all(picture.shape[:2] == (232, 232) and picture.max() > picture.min() for picture in pictures)


def test_that_the_page_needs_nothing_from_elsewhere_and_runs_nothing(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<script|https?://|//[a-z]+\.|@import|url\(", text)
    assert "default-src 'none'" in text


def test_that_the_page_names_no_patient_and_no_source(tmp_path: Path) -> None:
    source = write_ramp(
        tmp_path / "Secret^Folder",
        PatientName="Secret^Name",
        PatientID="SECRET-1",
        SeriesDescription="Secret text",
    )
    archive, _ = archive_of(source, tmp_path)
    (source / "im0001.dcm").unlink()
    assert write_report(archive, tmp_path / "report.html", 1) == 1
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "secret" not in text.lower()
    assert "source not there" in text


def test_that_a_damaged_volume_is_in_the_page_as_such(
    hospital: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, _ = archive_of(copy_of(hospital / "ct", tmp_path / "data"), tmp_path)
    target = tmp_path / "report.html"
    assert main(["archive", "report", str(archive), "-o", str(target)]) == EXIT_OK
    next(archive.glob("*/*/volume.zarr/zarr.json")).write_text("{}", encoding="utf-8")
    assert main(["archive", "report", str(archive), "-o", str(target)]) == EXIT_PARTIAL
    assert '<p class="verdict error">damaged' in target.read_text(encoding="utf-8")
    capsys.readouterr()


def test_that_a_browser_shows_the_page(page: Path, tmp_path: Path) -> None:
    chromium = program("chromium", "chromium")
    shot = tmp_path / "page.png"
    subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,2000",
            f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={shot}", page.as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )  # fmt: skip
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(int)
    assert pixels.shape[:2] == (2000, 1280)

    def count(colour: tuple[int, int, int]) -> int:
        return int((np.abs(pixels - colour).max(axis=-1) <= 2).sum())

    assert count((0x21, 0x21, 0x21)) > 50_000, "the background of the dark theme"
    assert count((0x6F, 0xB1, 0xE8)) > 2_000, "bars of histograms"
    assert count((0x86, 0xCC, 0x89)) > 200, "verdicts"
    assert count((0xFF, 0xD7, 0x5E)) > 200, "letters"
    # A picture is shown as it is, pixel by pixel.
    picture = _pictures(page.read_text(encoding="utf-8"))[0]
    assert _lies_in(picture, pixels)


def _lies_in(
    picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.int_]],
) -> bool:
    """Whether a picture is somewhere in a page; a row of it that has no letters in it is enough."""
    grey = picture if picture.ndim == 2 else picture[..., 0]
    row = grey[70, 30:200].astype(int)
    channel = pixels[..., 0]
    y, x = np.nonzero(np.abs(channel[:, : -row.size] - row[0]) <= 1)
    for offset, value in enumerate(row):
        fits = np.abs(channel[y, x + offset] - value) <= 1
        y, x = y[fits], x[fits]
    return bool(y.size)
