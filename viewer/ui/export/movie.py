"""Frames to a film: animated GIF and WebP, a folder of PNG files, MP4 when the system has an `ffmpeg`."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from viewer.atomic import written_aside
from viewer.errors import ExportError
from viewer.ui.export.encode import encode
from viewer.ui.export.options import PictureFormat

if TYPE_CHECKING:
    from PIL import Image

Frame = npt.NDArray[np.uint8]
"""(rows, columns, 3) RGB; all frames of a film have one shape."""


_COLOURED, _KEPT_COLOURS = 60, 96
"""Spread of the channels of a colour that is no grey; how many such colours a GIF frame keeps exactly."""


class FilmFormat(StrEnum):
    """File types of a film."""

    GIF = "gif"
    WEBP = "webp"
    MP4 = "mp4"
    PNG_SEQUENCE = "png"

    @property
    def text(self) -> str:
        """Name with what it costs."""
        return {
            FilmFormat.GIF: "Animated GIF (256 colours)",
            FilmFormat.WEBP: "Animated WebP (lossy)",
            FilmFormat.MP4: "MP4, H.264 (lossy)",
            FilmFormat.PNG_SEQUENCE: "Folder of PNG files (lossless)",
        }[self]

    @property
    def extension(self) -> str:
        """File extension without the dot; empty for a folder."""
        return "" if self is FilmFormat.PNG_SEQUENCE else self.value


def available_formats() -> tuple[FilmFormat, ...]:
    """The film formats of this machine: MP4 needs an `ffmpeg` on PATH."""
    return tuple(kind for kind in FilmFormat if kind is not FilmFormat.MP4 or shutil.which("ffmpeg"))


def delays_ms(count: int, fps: float, step_ms: int) -> list[int]:
    """Display times of frames in multiples of `step_ms`, so that the whole film has the right length.

    GIF counts hundredths of a second: 15 frames a second are 70, 60, 70 ms ..., not 60 ms all along.
    """
    ends = [round((n + 1) * 1000 / fps / step_ms) for n in range(count)]
    return [max(1, end - start) * step_ms for start, end in zip([0, *ends], ends, strict=False)]


def write_film(
    frames: Iterable[Frame], count: int, target: Path, film_format: FilmFormat, fps: float
) -> None:
    """Write a film or, when anything fails or `frames` raises, nothing.

    Parameters
    ----------
    frames
        The frames in the order of display; taken one by one, so that they can be painted while this runs.
    count
        How many there are.
    target
        File, or folder for a PNG sequence.
    film_format
        File type.
    fps
        Frames a second, 0.1 to 50.

    Raises
    ------
    ExportError
        The disk is full, the folder is gone, ffmpeg failed, or there is no frame.
    """
    stream = iter(frames)
    try:
        first = next(stream)
    except StopIteration:
        raise ExportError("There is nothing to film: the range holds no picture.") from None
    stream = itertools.chain((first,), stream)
    with written_aside(target) as aside:
        if film_format is FilmFormat.PNG_SEQUENCE:
            _write_folder(stream, aside, target.name)
        elif film_format is FilmFormat.MP4:
            _write_mp4(stream, first.shape, aside, fps)
        else:
            with aside.open("xb") as file:
                if film_format is FilmFormat.GIF:
                    _write_gif(stream, count, file, fps)
                else:
                    _write_webp(stream, count, file, fps)


def _write_folder(frames: Iterator[Frame], folder: Path, name: str) -> None:
    folder.mkdir()
    for number, frame in enumerate(frames, start=1):
        (folder / f"{name}-{number:04d}.png").write_bytes(encode(frame, PictureFormat.PNG))


class _PlainFile:
    """A file without a descriptor: Pillow then writes through Python and a full disk keeps its errno."""

    def __init__(self, file: IO[bytes]) -> None:
        self.write = file.write
        self.flush = file.flush
        self.tell = file.tell
        self.seek = file.seek


def _write_gif(frames: Iterator[Frame], count: int, file: IO[bytes], fps: float) -> None:
    images = (_indexed(frame) for frame in frames)
    next(images).save(
        _PlainFile(file),  # type: ignore[arg-type]
        "GIF",
        save_all=True,
        append_images=images,
        duration=delays_ms(count, fps, 10),
        loop=0,
    )


def _indexed(frame: Frame) -> Image.Image:
    """At most 256 colours: exact when that is enough, else an own palette that does not forget thin coloured lines."""
    from PIL import Image

    packed = frame.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours, places, counts = np.unique(packed, return_inverse=True, return_counts=True)
    table = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1).astype(np.uint8)
    if len(colours) <= 256:
        indexed = Image.fromarray(places.reshape(packed.shape).astype(np.uint8), "P")
        indexed.putpalette(table.tobytes())
        return indexed
    # Median cut shares colours out by area and forgets thin lines: what is coloured and often exactly equal is kept.
    drawn = np.flatnonzero(np.ptp(table.astype(int), axis=-1) > _COLOURED)
    kept = table[drawn[np.argsort(counts[drawn], kind="stable")[-_KEPT_COLOURS:]]]
    sample = Image.fromarray(np.repeat(table, np.ceil(np.sqrt(counts)).astype(np.intp), axis=0)[None])
    cut = sample.quantize(256 - len(kept), method=Image.Quantize.MEDIANCUT).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(kept.tobytes() + bytes(cut))
    return Image.fromarray(np.ascontiguousarray(frame)).quantize(palette=palette, dither=Image.Dither.NONE)


def _write_webp(frames: Iterator[Frame], count: int, file: IO[bytes], fps: float) -> None:
    from PIL import Image

    class Film(Image.Image):
        """Shows Pillow one frame at a time, where its own list of frames would hold the film in memory."""

        n_frames = count
        position = 0

        def tell(self) -> int:
            return self.position

        def seek(self, frame: int) -> None:
            if frame > self.position:  # Pillow goes back to the start when it is done
                self.position = frame
                self.im = Image.fromarray(next(frames)).im

    first = Image.fromarray(next(frames))
    film: Any = Film()
    film.im, film._mode, film._size = first.im, first.mode, first.size  # noqa: SLF001 - no public way to derive
    film.save(file, "WEBP", save_all=True, duration=delays_ms(count, fps, 1), loop=0, quality=90, method=3)


def _write_mp4(frames: Iterator[Frame], shape: tuple[int, ...], aside: Path, fps: float) -> None:
    program = shutil.which("ffmpeg")
    if program is None:
        raise ExportError("MP4 needs the program ffmpeg on the PATH. Choose another film format.")
    rows, columns = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2  # yuv420p halves both
    command = [
        *(program, "-hide_banner", "-loglevel", "error", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{columns}x{rows}", "-r", f"{fps:g}", "-i", "pipe:0"),
        *("-an", "-map_metadata", "-1", "-pix_fmt", "yuv420p", *_h264(program)),
        *("-movflags", "+faststart", "-f", "mp4", str(aside)),
    ]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - a list, no shell; the program is the user's own ffmpeg
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        try:
            _feed(process, frames, rows, columns)
            code = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if code != 0:
            log.seek(0)
            raise _ffmpeg_error(log.read().decode("utf-8", "replace"))


def _feed(process: subprocess.Popen[bytes], frames: Iterator[Frame], rows: int, columns: int) -> None:
    """Send the frames, repeating the last row or column of an odd size; stops when ffmpeg stops listening."""
    pipe = process.stdin
    if pipe is None:
        raise ExportError("ffmpeg could not be started.")
    try:
        with pipe:
            for frame in frames:
                edges = ((0, rows - frame.shape[0]), (0, columns - frame.shape[1]), (0, 0))
                pipe.write(np.pad(frame, edges, mode="edge").tobytes())
    except BrokenPipeError:
        return  # ffmpeg has said why; its exit code is looked at next


def _h264(program: str) -> tuple[str, ...]:
    """Options of the H.264 encoder; without libx264 ffmpeg takes what it has for MP4."""
    try:
        listing = subprocess.run(  # noqa: S603 - as above
            [program, "-hide_banner", "-encoders"],
            capture_output=True,
            check=False,
            timeout=20,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        ).stdout
    except subprocess.TimeoutExpired:
        listing = b""
    return ("-c:v", "libx264", "-crf", "16") if b"libx264" in listing else ("-b:v", "12M")


def _ffmpeg_error(said: str) -> ExportError:
    if "No space left" in said:
        return ExportError(
            "The disk is full. Free some space or choose another folder. Nothing was left half written."
        )
    return ExportError(
        "ffmpeg could not make the film. Choose another film format. Nothing was left half written."
    )
