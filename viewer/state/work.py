"""What people add to a study: measurements, regions, structures. One store for each kind, found by its type.

A store is made when it is first asked for, so a new kind of work is a new file and nothing else changes. Panes repaint
their overlays whenever any store changed; pictures are not sampled anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from psygnal import Signal, SignalInstance


class Store(Protocol):
    """One kind of work."""

    @property
    def changed(self) -> SignalInstance:
        """Fires after each change, without arguments or with any."""


Owner = TypeVar("Owner")
StoreType = TypeVar("StoreType", bound=Store)


class Work(Generic[Owner]):
    """All stores of one view state.

    Parameters
    ----------
    owner
        The view state; given to each store when it is made.

    Attributes
    ----------
    changed
        Any store changed.
    """

    changed = Signal()

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._stores: dict[Any, Any] = {}

    def of(self, kind: Callable[[Owner], StoreType]) -> StoreType:
        """The one store of a type, made by its class on first use."""
        found: StoreType | None = self._stores.get(kind)
        if found is None:
            found = self._stores[kind] = kind(self._owner)
            found.changed.connect(self._tell)
        return found

    def _tell(self) -> None:
        self.changed.emit()
