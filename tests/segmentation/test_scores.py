"""Dice, Hausdorff distance and volume error against SimpleITK and numbers from paper; what is marked as unusual."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK
from hypothesis import given
from hypothesis import strategies as st

from tests.segmentation.models import ball
from viewer.imaging.geometry import VolumeGeometry
from viewer.segmentation.evaluation import Row, marks, summary, table
from viewer.segmentation.page import csv_table, outlined
from viewer.segmentation.scores import Score, dice, hausdorff95_mm, score, surface

Mask = npt.NDArray[np.bool_]
SPACING = (3.0, 2.0, 1.0)
GRID = VolumeGeometry((12, 20, 24), np.diag([*SPACING, 1.0])[[2, 1, 0, 3]])


def random_balls(seed: int) -> tuple[Mask, Mask]:
    rng = np.random.default_rng(seed)
    one, other = (
        ball(GRID.shape, rng.uniform([3, 5, 6], [8, 15, 18]).tolist(), rng.uniform(2, 5)) for _ in range(2)
    )
    return one, other


@given(st.integers(0, 10**6))
def test_that_dice_is_that_of_simpleitk(seed: int) -> None:
    one, other = random_balls(seed)
    measure = SimpleITK.LabelOverlapMeasuresImageFilter()
    measure.Execute(
        SimpleITK.GetImageFromArray(one.astype(np.uint8)), SimpleITK.GetImageFromArray(other.astype(np.uint8))
    )
    assert dice(one, other) == pytest.approx(measure.GetDiceCoefficient())


@given(st.integers(0, 10**6))
def test_that_hd95_is_that_of_simpleitks_distance_maps(seed: int) -> None:
    masks = random_balls(seed)
    images = []
    for mask in masks:
        edge = np.zeros(mask.shape, np.uint8)
        edge[tuple(surface(mask).astype(int).T)] = 1
        image = SimpleITK.GetImageFromArray(edge)
        image.SetSpacing(SPACING[::-1])
        images.append(image)
    directed = []
    for one, other in ((0, 1), (1, 0)):
        far = SimpleITK.GetArrayFromImage(
            SimpleITK.SignedMaurerDistanceMap(
                images[other], insideIsPositive=False, squaredDistance=False, useImageSpacing=True
            )
        )
        directed.append(np.percentile(np.maximum(far[SimpleITK.GetArrayFromImage(images[one]) > 0], 0), 95))
    assert hausdorff95_mm(*masks, GRID) == pytest.approx(max(directed), abs=1e-4)


def test_that_a_box_moved_by_two_slices_is_six_millimetres_away() -> None:
    box = np.zeros(GRID.shape, bool)
    box[2:6, 4:12, 5:15] = True
    moved = np.roll(box, 2, axis=0)
    assert hausdorff95_mm(box, moved, GRID) == pytest.approx(6.0)
    found = score(moved.astype(np.uint8), box.astype(np.uint8), GRID, {1: "box"})[1]
    assert found.dice == pytest.approx(0.5)
    assert found.volume_mm3 == found.reference_mm3 == pytest.approx(4 * 8 * 10 * 6.0)
    assert found.error_mm3 == 0


def test_that_distances_follow_tilted_and_uneven_slices() -> None:
    affine = GRID.patient_from_index.copy()
    affine[1, 0] = 1.5
    tilted = VolumeGeometry(GRID.shape, affine, slice_offsets=np.array([*range(11), 14.0]))
    one, other = np.zeros(GRID.shape, bool), np.zeros(GRID.shape, bool)
    one[10, 5, 5] = other[11, 5, 5] = True
    assert hausdorff95_mm(one, other, tilted) == pytest.approx(4 * math.hypot(3.0, 1.5))


def test_that_the_surface_of_a_box_is_its_outer_voxels() -> None:
    box = np.zeros((7, 7, 7), bool)
    box[1:6, 1:6, 1:6] = True
    assert len(surface(box)) == 5**3 - 3**3
    assert len(surface(np.ones((4, 4, 4), bool))) == 4**3 - 2**3


def test_that_what_is_not_defined_is_no_number() -> None:
    none, some = np.zeros(GRID.shape, bool), random_balls(0)[0]
    assert math.isnan(dice(none, none))
    assert dice(some, none) == 0
    assert math.isnan(hausdorff95_mm(some, none, GRID))


# --- The table ---------------------------------------------------------------------------------------------------

BLACK = np.zeros((2, 2, 3), np.uint8)


def row(name: str, dice_: float, volume: float, reference: float = 200_000.0) -> Row:
    return Row(name, 1, "spleen", Score(dice_, 2.0, volume, reference), BLACK, 1)


def test_that_the_one_spleen_above_half_a_million_is_marked() -> None:
    rows = [row(f"c{n}", 0.95, 200_000 + 1000 * n, 200_000 + 1000 * n) for n in range(3)]
    rows.append(row("large", 0.95, 500_001, 500_001))
    assert list(marks(rows)) == [(), (), (), ("above 500000 mm3",)]
    assert marks(rows, 600_000) == ((), (), (), ())


def test_that_cases_beyond_the_fences_are_marked() -> None:
    """Quartiles of 0.90 to 0.94 are 0.91 and 0.93: the lower fence is 0.88."""
    dices = [0.90, 0.91, 0.92, 0.93, 0.94]
    rows = [row(f"c{n}", value, 200_000 + 2000 * n, 200_000 + 2000 * n) for n, value in enumerate(dices)]
    assert marks(rows) == ((),) * 5
    low = [*rows, row("low", 0.80, 204_000, 204_000)]
    assert marks(low)[-1] == ("Dice outlier",)
    small = [*rows, row("small", 0.92, 100_000, 204_000)]
    assert marks(small)[-1] == ("volume outlier", "volume error outlier")
    assert marks([*rows, row("none", 0.0, 0, 204_000)])[-1][0] == "nothing found"


def test_that_few_cases_have_no_fences() -> None:
    assert marks([row("a", 0.9, 1000), row("b", 0.1, 300_000)]) == ((), ())


def test_that_table_and_summary_show_what_is_not_defined_as_empty() -> None:
    rows = [row("a", 0.5, 150_000), Row("b", 1, "spleen", Score(math.nan, math.nan, 0, 0), BLACK, 1)]
    assert table(rows)[0] == ("a", "1", "spleen", "0.5000", "2.00", "150000", "200000", "-50000", "-25.0", "")
    assert table(rows)[1][3:9] == ("", "", "0", "0", "0", "")
    assert summary(rows) == [("spleen", "2", "0.5000", "0.5000", "2.00", "-25000")]


def test_that_a_file_name_is_never_a_formula_in_a_spreadsheet() -> None:
    text = csv_table(("case", "value"), [("=cmd()", "-5"), ("@x", "+3.5"), ("-a", "1")]).decode()
    assert text.splitlines() == ["case,value", "'=cmd(),-5", "'@x,+3.5", "'-a,1"]


def test_that_outlines_are_the_edges_of_both_masks() -> None:
    mask = np.zeros((6, 6), bool)
    mask[1:5, 1:5] = True
    picture = outlined(np.full((6, 6), 0.5, np.float32), mask, np.zeros((6, 6), bool))
    green = (picture == (64, 200, 96)).all(axis=2)
    assert int(green.sum()) == 12
    assert (picture[2, 2] == 127).all()
