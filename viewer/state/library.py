"""What is open: the catalogue and the volumes that hold (or are getting) pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from psygnal import Signal

from viewer.archive.address import Place
from viewer.dicom.model import Catalogue, Problem, Series, Stack, Study
from viewer.imaging.volume import Volume


@dataclass(frozen=True, eq=False)
class OpenVolume:
    """A volume with the catalogue entries it came from."""

    volume: Volume
    stack: Stack
    series: Series
    study: Study


class Library:
    """Catalogue, volumes and problems of the session.

    Signals
    -------
    catalogue_changed
        The catalogue was replaced.
    volume_added, volume_removed, volume_replaced
        uid of the volume.
    quantity_changed
        uid of a volume whose values are shown in another quantity (Bq/mL to SUV, SUV to SUL), and what they are now
        multiplied by; 0 when the two have nothing in common.
    slices_changed
        uid of a volume whose array got new values.
    problems_changed
        The list of problems grew or was cleared.
    """

    catalogue_changed = Signal()
    volume_added = Signal(str)
    volume_removed = Signal(str)
    volume_replaced = Signal(str)
    quantity_changed = Signal(str, float)
    slices_changed = Signal(str)
    problems_changed = Signal()

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self.problems: tuple[Problem, ...] = ()
        self.paths: tuple[Place, ...] = ()
        """What the user opened, to be read again on request."""
        self._volumes: dict[str, OpenVolume] = {}
        # One counter for all: a volume that is closed and opened again never meets its old pictures.
        self._counter = count(1)
        self._versions: dict[str, int] = {}

    def set_catalogue(self, catalogue: Catalogue) -> None:
        """Replace the catalogue by a newer one."""
        self.catalogue = catalogue
        self.catalogue_changed.emit()

    def add_problem(self, problem: Problem) -> None:
        """Append one line to the problems panel; the same line twice is kept once."""
        if problem not in self.problems:
            self.problems += (problem,)
            self.problems_changed.emit()

    def take_problems(self) -> tuple[Problem, ...]:
        """Empty the list of problems of loading, because they are tried again, and return what was in it."""
        taken, self.problems = self.problems, ()
        self.problems_changed.emit()
        return taken

    def clear(self) -> None:
        """Forget everything (a new study replaces the old one)."""
        for uid in tuple(self._volumes):
            self.remove(uid)
        self.paths = ()
        self.problems = ()
        self.problems_changed.emit()
        self.set_catalogue(Catalogue())

    def add(self, item: OpenVolume) -> None:
        """Add a volume; its pixels may still be loading."""
        self._volumes[item.volume.uid] = item
        self._versions[item.volume.uid] = next(self._counter)
        self.volume_added.emit(item.volume.uid)

    def replace(self, item: OpenVolume) -> None:
        """Describe the voxels of an open volume anew (other SUV inputs); its array stays."""
        uid = item.volume.uid
        before = self._volumes.get(uid)
        if before is None:
            return
        self._volumes[uid] = item
        if before.volume.preset_unit != item.volume.preset_unit:
            old, new = before.volume.suv_factor, item.volume.suv_factor
            self.quantity_changed.emit(uid, new / old if old and new else 0.0)
        self.volume_replaced.emit(uid)
        self.touch(uid)

    def remove(self, uid: str) -> None:
        """Drop a volume."""
        if self._volumes.pop(uid, None) is not None:
            self._versions.pop(uid, None)
            self.volume_removed.emit(uid)

    def get(self, uid: str) -> OpenVolume | None:
        """The open volume with a uid, or None."""
        return self._volumes.get(uid)

    def __iter__(self) -> Iterator[OpenVolume]:
        return iter(tuple(self._volumes.values()))

    def touch(self, uid: str) -> None:
        """Say that the array of a volume got new values, so pictures of it are stale."""
        if uid in self._versions:
            self._versions[uid] = next(self._counter)
            self.slices_changed.emit(uid)

    def version(self, uid: str) -> int:
        """Counts up with every `touch`; part of the key of a sampled picture."""
        return self._versions.get(uid, 0)
