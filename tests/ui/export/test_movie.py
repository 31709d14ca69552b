"""Films: frame counts, timing, sizes, and nothing left when it goes wrong."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from viewer.errors import Cancelled, ExportError
from viewer.ui.export.movie import FilmFormat, Frame, available_formats, delays_ms, write_film


def _frames(count: int, rows: int = 24, columns: int = 32, *, grey: bool = True) -> Iterator[Frame]:
    for number in range(count):
        frame = np.full((rows, columns, 3), 10 * number, np.uint8)
        if not grey:
            frame[:8, :8] = (200, 10 * number, 30)
        yield frame


def _durations(path: Path) -> list[float]:
    with Image.open(path) as film:
        return [frame.copy().info["duration"] for frame in ImageSequence.Iterator(film)]


@pytest.mark.parametrize("kind", [FilmFormat.GIF, FilmFormat.WEBP])
def test_that_F05_a_film_holds_every_frame_at_its_time(tmp_path: Path, kind: FilmFormat) -> None:
    target = tmp_path / f"film.{kind.extension}"
    write_film(_frames(15), 15, target, kind, 15)
    durations = _durations(target)
    assert len(durations) == 15
    assert sum(durations) == pytest.approx(1000, abs=1)
    with Image.open(target) as film:
        assert film.info["loop"] == 0
        assert film.size == (32, 24)


def test_that_gif_times_add_up_where_a_frame_is_no_whole_hundredth() -> None:
    assert delays_ms(3, 15, 10) == [70, 60, 70]
    assert sum(delays_ms(150, 15, 10)) == 10_000
    assert sum(delays_ms(240, 24, 10)) == 10_000


def test_that_a_grey_gif_is_exact(tmp_path: Path) -> None:
    write_film(_frames(5), 5, tmp_path / "film.gif", FilmFormat.GIF, 10)
    with Image.open(tmp_path / "film.gif") as film:
        seen = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]
    assert all(np.array_equal(got, made) for got, made in zip(seen, _frames(5), strict=True))


def test_that_a_coloured_gif_keeps_few_colours_exactly(tmp_path: Path) -> None:
    write_film(_frames(4, grey=False), 4, tmp_path / "film.gif", FilmFormat.GIF, 10)
    with Image.open(tmp_path / "film.gif") as film:
        seen = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]
    assert all(np.array_equal(got, made) for got, made in zip(seen, _frames(4, grey=False), strict=True))


def test_that_a_thin_coloured_line_keeps_its_colour_beside_a_large_picture(tmp_path: Path) -> None:
    """Lines in the colours of the planes on a fused picture of thousands of colours (rule E07)."""
    lines = {100: (243, 74, 51), 120: (237, 213, 76), 140: (110, 176, 75)}
    frame = np.random.default_rng(3).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    frame[..., 1] = frame[..., 0] // 2
    frame[..., 2] = frame[..., 0] // 4 + frame[..., 2] % 8
    for row, colour in lines.items():
        frame[row] = colour
    write_film(iter([frame, frame[::-1]]), 2, tmp_path / "film.gif", FilmFormat.GIF, 10)
    with Image.open(tmp_path / "film.gif") as film:
        seen = np.asarray(film.convert("RGB"), dtype=int)
    assert all(np.abs(seen[row] - colour).max() <= 12 for row, colour in lines.items())
    assert np.abs(seen - frame).mean() < 6


def test_that_webp_frames_look_like_what_was_painted(tmp_path: Path) -> None:
    write_film(_frames(6), 6, tmp_path / "film.webp", FilmFormat.WEBP, 10)
    with Image.open(tmp_path / "film.webp") as film:
        seen = [np.asarray(frame.convert("RGB"), dtype=int) for frame in ImageSequence.Iterator(film)]
    assert len(seen) == 6
    assert max(np.abs(got - made).max() for got, made in zip(seen, _frames(6), strict=True)) <= 3


def test_that_a_png_sequence_is_a_folder_of_exact_frames_in_order(tmp_path: Path) -> None:
    write_film(_frames(3), 3, tmp_path / "film", FilmFormat.PNG_SEQUENCE, 10)
    names = sorted(entry.name for entry in (tmp_path / "film").iterdir())
    assert names == ["film-0001.png", "film-0002.png", "film-0003.png"]
    for name, made in zip(names, _frames(3), strict=True):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "film" / name)), made)


@pytest.mark.parametrize("kind", [FilmFormat.GIF, FilmFormat.WEBP, FilmFormat.PNG_SEQUENCE])
def test_that_a_cancelled_film_leaves_nothing(tmp_path: Path, kind: FilmFormat) -> None:
    def stopped() -> Iterator[Frame]:
        yield from _frames(3)
        raise Cancelled

    with pytest.raises(Cancelled):
        write_film(stopped(), 9, tmp_path / "film", kind, 10)
    assert list(tmp_path.iterdir()) == []


def test_that_an_empty_film_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="nothing to film"):
        write_film(iter(()), 0, tmp_path / "film.gif", FilmFormat.GIF, 10)


@pytest.mark.parametrize("kind", [FilmFormat.GIF, FilmFormat.WEBP, FilmFormat.PNG_SEQUENCE])
def test_that_frames_are_taken_one_at_a_time(tmp_path: Path, kind: FilmFormat) -> None:
    """A long film must not sit in memory as full frames: the writer may hold only a few of them."""
    alive: set[int] = set()
    most = 0

    class Watched(np.ndarray):
        def __del__(self) -> None:
            alive.discard(id(self))

    def frames() -> Iterator[Frame]:
        nonlocal most
        for frame in _frames(20):
            watched = frame.view(Watched)
            alive.add(id(watched))
            most = max(most, len(alive))
            yield watched

    write_film(frames(), 20, tmp_path / "film", kind, 10)
    assert most <= 4


# --- MP4 --------------------------------------------------------------------------------------------------------

_RECORDER = """#!{python}
import sys
if "-encoders" in sys.argv:
    print(" V..... libx264")
    sys.exit()
arguments, data = sys.argv[1:], sys.stdin.buffer.read()
if {code}:
    sys.stderr.write("av_interleaved_write_frame(): No space left on device")
    sys.exit({code})
with open(arguments[-1], "wb") as file:
    file.write(repr((arguments[:-1], len(data), data[:3])).encode())
"""


def _stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> None:
    """A program named ffmpeg that writes down how it was called."""
    if sys.platform == "win32":
        pytest.skip("a script is no program on Windows")
    folder.mkdir()
    program = folder / "ffmpeg"
    program.write_text(_RECORDER.format(python=sys.executable, code=code))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))


def test_that_mp4_is_offered_only_with_ffmpeg_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert FilmFormat.MP4 not in available_formats()
    _stand_in(tmp_path / "bin", monkeypatch)
    assert FilmFormat.MP4 in available_formats()


def test_that_mp4_without_ffmpeg_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ExportError, match="needs the program ffmpeg"):
        write_film(_frames(2), 2, tmp_path / "film.mp4", FilmFormat.MP4, 10)
    assert list(tmp_path.iterdir()) == []


def test_that_F05_mp4_gets_even_sizes_and_all_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _stand_in(tmp_path / "bin", monkeypatch)
    write_film(_frames(5, rows=23, columns=31), 5, tmp_path / "film.mp4", FilmFormat.MP4, 12)
    arguments, size, beginning = eval((tmp_path / "film.mp4").read_text())
    assert arguments[arguments.index("-s") + 1] == "32x24"
    assert arguments[arguments.index("-r") + 1] == "12"
    assert arguments[arguments.index("-an") + 3 : arguments.index("-an") + 5] == ["-pix_fmt", "yuv420p"]
    assert "libx264" in arguments
    assert size == 5 * 32 * 24 * 3
    assert beginning == b"\0\0\0"


def test_that_J50_a_disk_that_fills_up_under_ffmpeg_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(tmp_path / "bin", monkeypatch, code=1)
    (tmp_path / "out").mkdir()
    with pytest.raises(ExportError, match="disk is full"):
        write_film(_frames(5), 5, tmp_path / "out" / "film.mp4", FilmFormat.MP4, 12)
    assert list((tmp_path / "out").iterdir()) == []


def test_that_a_cancelled_mp4_ends_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _stand_in(tmp_path / "bin", monkeypatch)
    started: list[subprocess.Popen[bytes]] = []
    original = subprocess.Popen

    def remember(*args: object, **options: object) -> subprocess.Popen[bytes]:
        started.append(original(*args, **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr("viewer.ui.export.movie.subprocess.Popen", remember)

    def stopped() -> Iterator[Frame]:
        yield from _frames(3)
        raise Cancelled

    with pytest.raises(Cancelled):
        write_film(stopped(), 9, tmp_path / "film.mp4", FilmFormat.MP4, 10)
    assert started
    assert all(process.poll() is not None for process in started)
    assert not (tmp_path / "film.mp4").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["bin"]


def test_that_a_real_ffmpeg_makes_a_film_that_can_be_read(tmp_path: Path) -> None:
    if FilmFormat.MP4 not in available_formats():
        pytest.skip("no ffmpeg on this machine")
    write_film(_frames(12, rows=63, columns=65), 12, tmp_path / "film.mp4", FilmFormat.MP4, 12)
    data = (tmp_path / "film.mp4").read_bytes()
    assert data[4:8] == b"ftyp"
    assert len(data) > 500
