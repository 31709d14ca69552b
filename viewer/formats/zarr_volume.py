"""Volumes that `triptych archive` made: Zarr folders, their zip and SQLite forms, alone or many in an archive.

A volume keeps everything the headers of its series said, so it stands in the catalogue as the series itself would:
the same patient, study and frame of reference, the same geometry, units and SUV. Only its attributes are read for
that; the store is opened anew when the first slice is asked for, and stays open as long as its stack is used.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewer.archive.address import Address, Place
from viewer.archive.extra import require_remote
from viewer.archive.reader import ENDINGS, ArchiveVolume, is_volume_name
from viewer.dicom.model import Problem
from viewer.errors import FormatError, ViewerError
from viewer.formats import sniff
from viewer.formats.registry import CancelCheck, Found, FoundNote, FoundVolume
from viewer.formats.walk import VOLUME_FOLDER, VOLUME_MARK

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from viewer.dicom.model import FrameSource
    from viewer.imaging.preview import CoarseLevel

_CACHE_BYTES = 1 << 22
"""The viewer keeps what it has read itself."""
REMOTE_READERS = 8
"""Slices that are asked of a server at the same time."""
MOST_VOLUMES = 1000
"""Of an address as many are opened."""
NOTHING_THERE = (
    "There are no volumes at this address. A plain web server has no lists of its folders: give the address of a "
    "volume (.zarr) itself."
)
_SQLITE = b"SQLite format 3\0"


class ZarrSource:
    """Reads the slices of a volume; see `viewer.dicom.model.VolumeSource`."""

    sequential = False
    packed = True

    def __init__(self, place: Place, dtype: np.dtype[Any]) -> None:
        self._place = place
        self._dtype = dtype
        self._lock = threading.Lock()
        self._attempt: Future[ArchiveVolume] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the voxel array."""
        return self._dtype

    @property
    def remote(self) -> bool:
        """See `viewer.dicom.model.VolumeSource`."""
        return isinstance(self._place, Address)

    @property
    def readers(self) -> int:
        """See `viewer.dicom.model.PyramidSource`."""
        return REMOTE_READERS if self.remote else 1

    def read(self, frame: FrameSource) -> npt.NDArray[Any]:
        """Read one slice as the viewer shows it.

        Raises
        ------
        DecodeError
            It is damaged, or could not be decoded when it was converted.
        OSError
            The volume cannot be read any more.
        """
        source = self.opened().stack.source
        assert source is not None  # noqa: S101 - every volume of an archive has one
        return source.read(frame)

    def coarse(self, limit_bytes: int) -> CoarseLevel | None:
        """Read a coarse level; see `viewer.dicom.model.PyramidSource`."""
        return self.opened().coarse(limit_bytes)

    def opened(self) -> ArchiveVolume:
        """The volume, opened at the first call; it is closed when this source goes.

        Who asks while it is being opened shares what comes of that: a server that does not answer is waited for once.

        Raises
        ------
        FormatError, OSError
            It cannot be opened any more.
        """
        with self._lock:
            under_way = self._attempt
            if under_way is None:
                attempt = self._attempt = Future[ArchiveVolume]()
        if under_way is not None:
            return under_way.result()
        try:
            volume = ArchiveVolume(self._place, cache_bytes=_CACHE_BYTES)
        except BaseException as error:
            with self._lock:
                self._attempt = None
            attempt.set_exception(error)
            raise
        weakref.finalize(self, volume.close)
        attempt.set_result(volume)
        return volume

    def again(self) -> ZarrSource:
        """The same source, not open: for who keeps few volumes of a large catalogue open."""
        return ZarrSource(self._place, self._dtype)


class ZarrVolume:
    """Reads volumes of an archive."""

    id = "zarr"
    name = "Zarr volume of an archive"
    patterns: tuple[str, ...] = tuple(f"*{ending}" for ending in ENDINGS)
    endings: tuple[str, ...] = ENDINGS
    priority = 110

    def can_open(self, path: Path) -> bool:
        """True for folders and files that are named like a volume and begin like one."""
        name = path.name.lower()
        if not is_volume_name(name):
            return False
        if path.is_dir():
            return name.endswith(VOLUME_FOLDER) and (path / VOLUME_MARK).is_file()
        if not sniff.is_regular_file(path):
            return False
        return sniff.is_zip(path) if name.endswith(".zip") else sniff.head(path).startswith(_SQLITE)

    def expand(self, path: Path, cancel: CancelCheck) -> Iterator[Found]:
        """Yield the volume.

        Raises
        ------
        FormatError
            It is damaged, was made by another program, or the packages for it are missing.
        """
        try:
            found = self.read(path.resolve(), path.name, cancel)
        except FormatError as error:
            raise FormatError(f"{path.name}: {error.user_message}") from error
        yield found

    def read(self, path: Path, shown: str, cancel: CancelCheck) -> FoundVolume:
        """Read the attributes. See `VolumeFormat`."""
        del shown
        cancel.check()
        try:
            return _described(path)
        except FormatError:
            raise
        except ViewerError as error:
            raise FormatError(error.user_message) from error

    def expand_address(self, address: Address, cancel: CancelCheck) -> Iterator[Found]:
        """Yield the volume, or all volumes below the address. See `AddressFormat`."""
        try:
            require_remote(address.scheme)
        except ViewerError as error:
            raise FormatError(error.user_message) from error
        from viewer.archive.remote import RemoteFolder, folders_below, interruptible

        if is_volume_name(address.name):
            yield interruptible(partial(_described, address), cancel)
            return
        folder = interruptible(lambda: RemoteFolder(address), cancel)
        count = 0
        names = folders_below(folder, cancel, is_volume_name)
        while some := [Address(f"{address.url}/{below}") for below in islice(names, REMOTE_READERS)]:
            if count == MOST_VOLUMES:
                yield FoundNote(f"Only the first {MOST_VOLUMES} volumes of the address were opened.")
                return
            count += len(some)
            yield from interruptible(partial(_described_together, some), cancel)
        if not count:
            raise FormatError(NOTHING_THERE)


def _described_together(volumes: Sequence[Address]) -> list[FoundVolume | Problem]:
    """What the attributes of several volumes say, asked for at the same time."""

    def described(volume: Address) -> FoundVolume | Problem:
        try:
            return _described(volume)
        except ViewerError as error:
            return Problem(volume.shown, error.user_message)
        except OSError as error:
            return Problem(volume.shown, f"It cannot be read ({error.strerror or 'system error'}).")

    from viewer.archive.remote import together

    return together(partial(described, volume) for volume in volumes)


def _described(place: Place) -> FoundVolume:
    """What the attributes of a volume say."""
    with ArchiveVolume(place) as volume:
        source = volume.stack.source
        assert source is not None  # noqa: S101 - every volume of an archive has one
        stack = replace(volume.stack, source=ZarrSource(place, source.dtype))
        series = replace(volume.series, stacks=(stack,), files=1)
        shown = place.shown if isinstance(place, Address) else ""
        return FoundVolume(replace(volume.study, series=(series,)), own_study=True, shown=shown)


FORMAT = ZarrVolume()
