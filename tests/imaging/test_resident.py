"""Arrays larger than memory and disk: addresses for all slices, memory for those that are there."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import CHECKOUT
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.resident import ResidentSlices
from viewer.imaging.volume import Volume

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="this system reserves what it gives addresses for"
)

PROGRAM = """
import numpy as np
from pathlib import Path
from viewer.imaging.resident import ResidentSlices

def held():
    words = Path("/proc/self/statm").read_text().split()
    return int(words[1]) * 4096 / 1e6

slices = ResidentSlices((100_000, 2048, 2048), np.dtype(np.int16), 80 << 20)  # 839 GB
before, most = held(), 0.0
for k in range(200):
    slices.array[k] = k
    if k >= slices.most:
        slices.let_go(k - slices.most)
    most = max(most, held() - before)
print(slices.most, most, bool((slices.array[199] == 199).all()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured the Linux way")
def test_that_memory_is_taken_for_the_slices_that_are_there_alone() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    most, megabytes, right = answer.stdout.split()
    assert int(most) == 10
    assert float(megabytes) < 120  # ten slices of 8.4 MB and one more, of 200
    assert right == "True"


def test_that_a_slice_that_goes_leaves_its_neighbours_alone() -> None:
    # 300 bytes a slice: many share a page of memory.
    slices = ResidentSlices((3, 5000, 10, 10), np.dtype(np.uint8), 1)
    assert slices.most == 1
    values = np.arange(3 * 5000 * 100, dtype=np.uint32).astype(np.uint8).reshape(3, 5000, 10, 10)
    slices.array[...] = values
    for k in range(100, 4000):
        slices.let_go(k)
    np.testing.assert_array_equal(slices.array[:, :100], values[:, :100])
    np.testing.assert_array_equal(slices.array[:, 4000:], values[:, 4000:])


def test_that_the_budget_counts_the_slices_that_may_be_there() -> None:
    slices = ResidentSlices((50, 8, 8), np.dtype(np.int16), 1000)
    volume = Volume("v", slices.array, VolumeGeometry((50, 8, 8), np.eye(4)), resident=slices)
    assert volume.memory_bytes == slices.nbytes == 7 * 128
    assert not volume.on_disk


def test_that_addresses_that_do_not_exist_are_no_memory() -> None:
    with pytest.raises(MemoryError):
        ResidentSlices((1 << 40, 1 << 12, 1 << 12), np.dtype(np.int16), 1)
