"""Time of reading headers, sorting a folder and filling a volume, with the cost of plain reading beside it.

Run `python -m tests.perf.bench_header FOLDER [--copies N]`. FOLDER holds DICOM files; with `--copies` every header is
taken N times from memory of the disk cache, which stands for a larger folder. Nothing is asserted: the machine decides.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from viewer.dicom.build import fill_slice, make_volume
from viewer.dicom.index import Indexer
from viewer.dicom.model import Stack
from viewer.dicom.read import read_header
from viewer.dicom.series import choose_default
from viewer.errors import ViewerError
from viewer.imaging.volume import Volume


def _timed(work: Callable[[], object], repeats: int = 3) -> float:
    """Best of some runs, in milliseconds."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, (time.perf_counter() - start) * 1e3)
    return best


def _plain(paths: list[Path], size: int) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.read(descriptor, size)
        os.close(descriptor)


def _headers(paths: list[Path]) -> None:
    for path in paths:
        try:
            read_header(path)
        except ViewerError:
            continue


def _index(paths: list[Path]) -> Indexer:
    indexer = Indexer()
    for path in paths:
        indexer.add(path)
    return indexer


def _fill(volume: Volume, stack: Stack) -> None:
    for k in range(len(stack.frames)):
        fill_slice(volume, stack, k)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--copies", type=int, default=1)
    options = parser.parse_args()
    files = sorted(path for path in options.folder.rglob("*") if path.is_file())
    paths = files * options.copies
    _headers(paths[:1])
    plain = _timed(lambda: _plain(paths, 16384))
    headers = _timed(lambda: _headers(paths))
    print(f"{len(paths)} files")
    print(f"open and read 16 KiB   {plain:9.1f} ms   {plain / len(paths) * 1e3:7.1f} us a file")
    each = headers / len(paths) * 1e3
    print(f"read headers           {headers:9.1f} ms   {each:7.1f} us a file   {headers / plain:5.2f} x")
    indexer = _index(files)
    add = _timed(lambda: _index(files))
    first = time.perf_counter()
    catalogue = indexer.catalogue(complete=True)
    built = (time.perf_counter() - first) * 1e3
    print(f"index {len(files):6d} files     {add:9.1f} ms; sorted and measured in {built:.1f} ms")
    choice = choose_default(catalogue)
    stack = choice.ct or choice.pet
    if stack is None:
        return
    volume = make_volume(stack)
    fill = _timed(lambda: _fill(volume, stack))
    whole = np.empty(volume.nbytes, np.uint8)
    view = whole.data

    def plainly() -> None:
        at = 0
        for frame in stack.frames:
            with frame.path.open("rb", buffering=0) as stream:
                at += stream.readinto(view[at : at + min(frame.path.stat().st_size, len(view) - at)]) or 0

    read = _timed(plainly)
    print(
        f"fill {volume.array.shape} {volume.array.dtype}: {fill:.1f} ms; same files read plainly {read:.1f} ms"
    )


if __name__ == "__main__":
    main()
