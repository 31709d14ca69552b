"""Where the frames of encapsulated pixel data lie in a file (PS3.5 A.4)."""

from __future__ import annotations

import struct
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from viewer.dicom.model import FrameSource
from viewer.errors import DecodeError

_ITEM = b"\xfe\xff\x00\xe0"
_DELIMITER = b"\xfe\xff\xdd\xe0"
_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
"""First bytes of a JPEG family codestream: a fragment that starts like this starts a frame."""

Span = tuple[int, int]
"""(offset in the file, length)."""


def frame_data(source: FrameSource) -> bytes:
    """The bytes of one encapsulated frame, fragments joined.

    Raises
    ------
    DecodeError
        The fragments are damaged or the frame is not there.
    OSError
        The file cannot be read.
    """
    status = source.path.stat()
    spans = _frame_spans(source.path, source.data_offset, source.frames, (status.st_size, status.st_mtime_ns))
    if source.frame >= len(spans) or not spans[source.frame]:
        raise DecodeError(f"Frame {source.frame + 1} is not in the file.", source.transfer_syntax)
    with source.path.open("rb", buffering=0) as stream:
        return b"".join(_read(stream, offset, length) for offset, length in spans[source.frame])


def _read(stream: BinaryIO, offset: int, length: int) -> bytes:
    stream.seek(offset)
    parts = []
    while length:
        part = stream.read(length)
        if not part:
            raise DecodeError("The compressed data ends early.")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


@lru_cache(maxsize=8)
def _frame_spans(
    path: Path, start: int, frames: int, version: tuple[int, int]
) -> tuple[tuple[Span, ...], ...]:
    """Fragments of every frame; remembered, since a file of many frames asks for them one by one."""
    if start < 0:
        raise DecodeError("The place of the compressed data is unknown.")
    size = version[0]
    with path.open("rb", buffering=1 << 16) as stream:
        table, first = _offset_table(stream, start, size)
        fragments = _fragments(stream, first, size)
        if not fragments:
            raise DecodeError("The compressed data holds no fragment.")
        if frames == 1:
            return (tuple(span for span, _ in fragments),)
        items = {span[0] - 8 - first for span, _ in fragments}
        if len(table) == frames and items.issuperset(table) and all(a < b for a, b in pairwise(table)):
            return _by_table(fragments, table, first)
        if len(fragments) == frames:
            return tuple((span,) for span, _ in fragments)
        return _by_start(fragments)


def _offset_table(stream: BinaryIO, start: int, size: int) -> tuple[tuple[int, ...], int]:
    """Basic Offset Table and where the first fragment starts."""
    stream.seek(start)
    head = stream.read(8)
    if head[:4] != _ITEM or len(head) < 8:
        raise DecodeError("The compressed data does not start with an offset table.")
    length = struct.unpack_from("<I", head, 4)[0]
    if start + 8 + length > size:
        raise DecodeError("The offset table of the compressed data is damaged.")
    content = stream.read(length)
    return struct.unpack(f"<{length // 4}I", content[: length // 4 * 4]), start + 8 + length


def _fragments(stream: BinaryIO, pos: int, size: int) -> list[tuple[Span, bytes]]:
    """Span and first bytes of every fragment; a missing delimiter at the end of the file is accepted."""
    fragments: list[tuple[Span, bytes]] = []
    while pos + 8 <= size:
        stream.seek(pos)
        head = stream.read(16)
        if head[:4] == _DELIMITER:
            break
        if head[:4] != _ITEM:
            if fragments:
                break
            raise DecodeError("The fragments of the compressed data are damaged.")
        length = min(struct.unpack_from("<I", head, 4)[0], size - pos - 8)
        fragments.append(((pos + 8, length), head[8 : 8 + length]))
        pos += 8 + length
    return fragments


def _by_table(
    fragments: list[tuple[Span, bytes]], table: tuple[int, ...], first: int
) -> tuple[tuple[Span, ...], ...]:
    """Frames by the offset table, whose offsets count from the first fragment's item."""
    edges = [first + offset for offset in table] + [1 << 62]
    frames: list[list[Span]] = [[] for _ in table]
    n = 0
    for span, _ in fragments:
        item = span[0] - 8
        while n + 1 < len(table) and item >= edges[n + 1]:
            n += 1
        if item >= edges[n]:
            frames[n].append(span)
    return tuple(tuple(frame) for frame in frames)


def _by_start(fragments: list[tuple[Span, bytes]]) -> tuple[tuple[Span, ...], ...]:
    """Frames by the codestreams themselves: a fragment with a start marker begins a frame."""
    frames: list[list[Span]] = []
    for span, begin in fragments:
        if not frames or begin.startswith(_STARTS):
            frames.append([])
        frames[-1].append(span)
    return tuple(tuple(frame) for frame in frames)
