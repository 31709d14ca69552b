"""Real series through the archive: voxels and geometry of what the viewer loads, stored pixels of what others read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.archive.hospital import archive_of
from tests.archive.test_convert import assert_archive_is_what_the_viewer_loads
from tests.conftest import RealData, Reference
from tests.needs import library

library("zarr")
library("pyarrow")

from viewer.archive.reader import ArchiveVolume, volumes_below  # noqa: E402
from viewer.archive.verify import Verdict, verify  # noqa: E402


@pytest.fixture(scope="module")
def converted(real_data: RealData, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A few sets that differ in what can go wrong, each in an archive of its own."""
    names = ("ct-tilt-ge", "mf-a", "mr-12bit", "mr-decubitus-a", "sts-a")
    return {name: archive_of(real_data(name), tmp_path_factory.mktemp(name))[0] for name in names}


VOLUMES = {
    # Tilt and uneven slices; several stacks a file; mosaic of 12 bits; PET in g/mL with one slope a slice.
    "ct-tilt-ge": 1,
    "mf-a": 7,
    "mr-12bit": 1,
    "mr-decubitus-a": 2,
    "sts-a": 9,
}


@pytest.mark.parametrize("name", VOLUMES)
def test_that_the_archive_holds_what_the_viewer_loads(
    name: str, converted: dict[str, Path], real_data: RealData
) -> None:
    assert assert_archive_is_what_the_viewer_loads(real_data(name), converted[name]) == VOLUMES[name]
    assert {checked.verdict for checked in verify(converted[name], 3)} == {Verdict.EQUAL}


@pytest.mark.parametrize("name", ["ct-tilt-ge", "sts-a", "mr-decubitus-a"])
def test_that_stored_pixels_are_those_of_the_reference(
    name: str, converted: dict[str, Path], reference: Reference
) -> None:
    expected = reference(name)["series"]
    seen = 0
    for path in volumes_below(converted[name]):
        with ArchiveVolume(path) as volume:
            stored = [volume.stored_slice(k) for k in range(len(volume.slices))]
            digest = hashlib.md5(
                b"".join(np.ascontiguousarray(values).tobytes() for values in stored)
            ).hexdigest()
            assert digest == expected[volume.series.uid]["pydicom_rescaled"]["md5_stored_sorted"]
            seen += 1
    assert seen == VOLUMES[name]
