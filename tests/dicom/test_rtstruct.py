"""RT structure sets: real ones against published masks, and contours that are none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.conftest import RealData, Reference
from tests.dicom.reading import catalogue_of, stacks_of
from tests.dicom.structures import write_structures
from tests.imaging.test_contours import HOLE, SQUARE, at_height, circle
from tests.phantoms import uid_of
from viewer.dicom.rtstruct import MAX_POINTS, read_structure_set
from viewer.errors import ViewerError

FRAME = uid_of("ramp", "frame")


def test_that_I06_real_structure_sets_have_the_volume_of_area_times_spacing(
    real_data: RealData, reference: Reference
) -> None:
    compared = 0
    for name, values in reference("volumes").items():
        if not name.startswith("RTSTRUCT "):
            continue
        folder, _, file = name[9:].partition("/")
        regions = {r.name: r.contours for r in read_structure_set(real_data(folder) / file).regions}
        assert regions.keys() == values.keys()
        for label, counted in values.items():
            contours = regions[label]
            assert contours is not None
            # The reference adds the absolute areas of the shoelace formula; where a contour crosses itself the
            # even-odd area is another, by at most three parts in ten thousand here.
            expected = counted["sum_abs_area_x_dz_mm3"]
            assert contours.volume_mm3 == pytest.approx(expected, rel=3e-4), name
            compared += 1
    assert compared == 19


def test_that_I06_the_target_of_the_phantom_measures_31636_mm3(real_data: RealData) -> None:
    path = next(real_data("rt-opentps").glob("RS*.dcm"))
    (target,) = read_structure_set(path).regions
    assert target.contours is not None
    assert target.contours.volume_mm3 == pytest.approx(31636.0, abs=0.05)
    # Two of its contours are a line: they enclose nothing, which is said.
    assert target.contours.contours == 39
    assert "2 contours are left out" in target.notes[0]


@pytest.mark.parametrize("subject", ["STS_001", "STS_004", "STS_030"])
def test_that_I05_I06_contours_on_their_images_are_the_published_mask_voxel_by_voxel(
    real_data: RealData, reference: Reference, subject: str
) -> None:
    volumes: dict[str, Any] = reference("volumes")
    for modality in ("CT", "PET", "MR_T1"):
        folder = real_data("sts-a") / subject / modality
        (stack,) = stacks_of(catalogue_of(folder))
        (region,) = read_structure_set(folder / "mask" / "RS.dcm").regions
        assert region.frame_of_reference_uid == stack.geometry.frame_of_reference_uid
        assert region.contours is not None
        mask = region.contours.mask(stack.geometry)
        published = volumes[f"sts-a/{subject}/{modality}"]
        assert mask.voxels == published["mask_voxels"]
        assert mask.volume_mm3 == pytest.approx(published["mask_volume_mm3"], abs=0.1)


def test_that_J48_points_open_lines_and_nonsense_are_left_out_and_named(tmp_path: Path) -> None:
    good = [at_height(SQUARE, z) for z in (0.0, 2.0, 4.0)]
    regions: dict[str, Sequence[npt.ArrayLike]] = {
        "good": [*good, at_height(SQUARE[:1], 0.0), at_height(SQUARE[:2], 2.0), np.arange(11)],
        "open": good,
        "point": [at_height(SQUARE[:1], 0.0)],
        "crossing": [*good, np.column_stack([np.zeros(4), SQUARE[:, 0] / 2, SQUARE[:, 1]])],
        "far": [at_height(SQUARE * 1e9, 0.0)],
    }
    path = write_structures(
        tmp_path / "rs.dcm", regions, frame_of_reference=FRAME, kinds={"open": "OPEN_PLANAR"}
    )
    found = {region.name: region for region in read_structure_set(path).regions}
    assert found["good"].contours is not None
    assert found["good"].contours.volume_mm3 == pytest.approx(600)
    assert found["good"].notes == ("3 contours are left out: open, without an area, or not readable.",)
    for name in ("open", "point", "far"):
        assert found[name].contours is None
        assert found[name].notes[-1] == "The region has no closed contour."
    assert found["crossing"].notes == ("One contour is left out: drawn in another direction.",)
    assert found["crossing"].contours is not None


def test_that_J48_a_contour_of_a_million_points_is_thinned_and_read_in_seconds(tmp_path: Path) -> None:
    huge = [at_height(np.rint(circle(5000, 334_000)), z) for z in (0.0, 1.0, 2.0)]
    path = write_structures(tmp_path / "rs.dcm", {"huge": huge}, frame_of_reference=FRAME)
    started = time.monotonic()
    (region,) = read_structure_set(path).regions
    assert region.contours is not None
    assert region.contours.volume_mm3 == pytest.approx(np.pi * 5000**2 * 3, rel=1e-3)
    assert time.monotonic() - started < 20
    assert all(len(p) <= MAX_POINTS for plane in region.contours.planes for p in plane.polygons)
    assert region.notes == (f"3 contours are thinned to {MAX_POINTS} points.",)


def test_that_I06_a_hole_in_a_file_is_a_hole(tmp_path: Path) -> None:
    ring = [at_height(part, z) for z in (0.0, 2.0) for part in (SQUARE, HOLE)]
    (region,) = read_structure_set(
        write_structures(tmp_path / "rs.dcm", {"ring": ring}, frame_of_reference=FRAME)
    ).regions
    assert region.contours is not None
    assert region.contours.volume_mm3 == pytest.approx(64 * 4)
    assert (region.colour, region.interpreted) == ((10, 200, 30), "GTV")


def test_that_J05_a_structure_set_cut_short_is_one_sentence_or_what_is_left(tmp_path: Path) -> None:
    good = [at_height(SQUARE, z) for z in (0.0, 2.0, 4.0)]
    data = write_structures(tmp_path / "rs.dcm", {"a": good}, frame_of_reference=FRAME).read_bytes()
    for share in (0.3, 0.5, 0.7, 0.9):
        path = tmp_path / f"cut-{share}.dcm"
        path.write_bytes(data[: int(len(data) * share)])
        with suppress(ViewerError):
            (region,) = read_structure_set(path).regions
            assert region.contours is None or region.contours.volume_mm3 < 600
