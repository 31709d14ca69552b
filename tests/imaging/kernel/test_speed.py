"""The one ratio that cannot flake: compiled code against its numpy twin, in processor time, with a wide margin."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from viewer.imaging.kernel import binding, pool, twin
from viewer.imaging.kernel.jobs import ColourLayer, ComposeJob, PictureJob, SampleJob

LEAST_RATIO = 10
"""Measured: 40 to 100."""


@pytest.mark.skipif(binding.load().library is None, reason=binding.load().note)
def test_that_the_kernel_needs_less_than_a_tenth_of_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 1)
    data = np.random.default_rng(0).integers(-1000, 2000, (96, 128, 128), dtype=np.int16)
    turned = np.array([[0.2, 0.1, 20.0], [0.1, 0.3, 5.0], [0.3, -0.1, 40.0]])
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
    values = np.zeros((256, 256), np.float32)
    sample = SampleJob(data, turned, np.full(3, -0.5), np.array(data.shape) - 0.5, values)
    layer = ColourLayer((values,), grey, -160.0, 240.0)
    jobs = [PictureJob((sample,), ComposeJob((layer,), np.zeros((256, 256), np.uint32), 0xFF000000))]

    def least(render: Callable[[list[PictureJob]], None], rounds: int) -> float:
        times = []
        for _ in range(rounds):
            begin = time.thread_time()
            render(jobs)
            times.append(time.thread_time() - begin)
        return min(times)

    assert least(twin.render, 3) > LEAST_RATIO * least(binding.render, 20)
