"""The order in which slices are wanted: what the eye rests on first, then coarse to fine.

Planes across the stack so mean something long before the last slice is in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import TypeVar

COARSE_STRIDE = 16
"""After the focus slice every sixteenth slice is loaded, then every eighth, and so on."""

T = TypeVar("T")


def load_passes(n: int, focus_k: int | None = None) -> list[tuple[int, ...]]:
    """Passes of a coarse-to-fine order; together they hold every index once.

    Parameters
    ----------
    n
        Number of slices.
    focus_k
        Slice under the cursor; the middle one when None. Clamped to the stack.

    Returns
    -------
    list of tuple of int
        First (focus,), then the first and last slice with every 16th counted from the focus, then every 8th, 4th, 2nd,
        and the rest; each pass ordered outward from the focus. Empty passes are left out.
    """
    if n <= 0:
        return []
    focus = n // 2 if focus_k is None else min(max(focus_k, 0), n - 1)
    passes: list[tuple[int, ...]] = [(focus,)]
    seen = {focus}
    stride = COARSE_STRIDE
    while stride >= 1:
        wanted = set(range(focus % stride, n, stride))
        if stride == COARSE_STRIDE:
            # Without the ends the coarse picture would not reach as far as the finished one.
            wanted |= {0, n - 1}
        fresh = sorted(wanted - seen, key=lambda k: (abs(k - focus), k))
        if fresh:
            passes.append(tuple(fresh))
            seen.update(fresh)
        stride //= 2
    return passes


def load_order(n: int, focus_k: int | None = None) -> tuple[int, ...]:
    """All indices of `load_passes` in one row."""
    return tuple(k for one_pass in load_passes(n, focus_k) for k in one_pass)


def interleave(*sequences: Iterable[T]) -> Iterator[T]:
    """One item of each in turn, until all are used up."""
    missing = object()
    for row in zip_longest(*sequences, fillvalue=missing):
        yield from (item for item in row if item is not missing)  # type: ignore[misc]
