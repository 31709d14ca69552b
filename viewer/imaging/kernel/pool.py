"""Threads for the kernel: they sleep until there is work, and the caller works too."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

MAX_HELPERS = 15


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_shared(work: Callable[[], int], parts: int) -> list[int]:
    """Call `work` on the caller's thread and on helpers at the same time.

    Parameters
    ----------
    work
        Takes pieces from a shared counter until none is left; it gives up the interpreter lock while it works.
    parts
        Number of pieces: no more threads than that are woken.

    Returns
    -------
    list of int
        What the calls returned, the caller's first. A helper that woke too late to find work is left out.
    """
    helpers = min(cores() - 1, MAX_HELPERS, parts - 1)
    waiting = [_pool().submit(work) for _ in range(helpers)]
    answers = [work()]
    answers += [future.result() for future in waiting if not future.cancel()]
    return answers


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, min(cores() - 1, MAX_HELPERS)), thread_name_prefix="triptych-kernel")
