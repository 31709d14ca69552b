"""Times of one dynamic PET (rules A02, D05): every one decay corrected to the same moment, that of the whole series.

The oracle is decay written out here: START means that all values stand for the activity at one moment, so the tissue's
known SUV must come back in every time, whatever the other times' clocks say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.phantoms import PET_SHAPE, uid_of, write_pet
from viewer.dicom.index import Indexer
from viewer.dicom.model import Stack
from viewer.loading.cancel import CancelToken
from viewer.loading.events import GeometryReady
from viewer.loading.pipeline import load_stack

HALF_LIFE_S = 6586.2
INJECTED_BQ = 370e6
WEIGHT_G = 70_000.0
MINUTES = (0, 20, 70)
"""Starts of the three times after 11:00; the injection was at 10:00."""
TISSUE_SUV = (1.0, 2.0, 4.0)


def decayed(minutes: float) -> float:
    """Bq left of the injected ones so long after the injection."""
    return float(INJECTED_BQ * np.exp(-np.log(2) / HALF_LIFE_S * minutes * 60))


def write_dynamic(folder: Path, reference_minutes: float, **tags: Any) -> None:
    """Three times of one series whose values are decay corrected to so many minutes after the injection."""
    for n, (start, suv) in enumerate(zip(MINUTES, TISSUE_SUV, strict=True)):
        hour, minute = divmod(11 * 60 + start, 60)
        write_pet(
            folder / f"time-{n}",
            suv=np.full(PET_SHAPE, suv),
            factor_g_per_bq=WEIGHT_G / decayed(reference_minutes),
            SOPInstanceUID=lambda k, n=n: uid_of("dynamic", n, k),
            AcquisitionTime=f"{hour:02d}{minute:02d}00",
            SeriesType=["DYNAMIC", "IMAGE"],
            NumberOfTimeSlices=3,
            **{name: value[n] if isinstance(value, tuple) else value for name, value in tags.items()},
        )


def opened(folder: Path) -> list[tuple[Stack, np.ndarray]]:
    """Stacks of the one series in order, and the largest SUV of each slice."""
    indexer = Indexer()
    for path in sorted(folder.rglob("*.dcm")):
        indexer.add(path)
    (study,) = indexer.catalogue(complete=True).studies
    (series,) = study.series
    found = []
    for stack in series.stacks:
        events = list(load_stack(stack, series, study, cancel=CancelToken()))
        (volume,) = [event.volume for event in events if isinstance(event, GeometryReady)]
        assert volume.suv_factor is not None, volume.suv_note
        found.append((stack, volume.physical(volume.array).max(axis=(1, 2)) * volume.suv_factor))
    return found


CASES: dict[str, tuple[float, dict[str, Any]]] = {
    "the series time is that of the scan": (60.0, {"SeriesTime": "110000", "FrameReferenceTime": None}),
    # A series time of the second frame or of a later reconstruction would fit the later frames taken alone.
    "the series time is that of the second frame": (
        60.0,
        {"SeriesTime": "112000", "FrameReferenceTime": None},
    ),
    "the series time is that of a reconstruction": (
        60.0,
        {"SeriesTime": "114500", "FrameReferenceTime": None},
    ),
    # Frame reference times count from the moment of the correction: 5 minutes before the first frame here.
    "only the frame reference times tell the moment": (
        55.0,
        {
            "SeriesTime": "114500",
            "FrameReferenceTime": tuple(
                round(
                    1000
                    * (
                        5 * 60
                        + start * 60
                        + np.log((x := np.log(2) / HALF_LIFE_S * 300) / (1 - np.exp(-x)))
                        / (np.log(2) / HALF_LIFE_S)
                    ),
                    1,
                )
                for start in MINUTES
            ),
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_that_D05_every_time_of_a_dynamic_pet_has_the_suv_of_its_tissue(case: str, tmp_path: Path) -> None:
    reference_minutes, tags = CASES[case]
    write_dynamic(tmp_path, reference_minutes, **tags)
    found = opened(tmp_path)
    assert [stack.label for stack, _ in found] != ["", "", ""]
    assert len(found) == len(MINUTES)
    references = set()
    for (stack, suv), expected in zip(found, TISSUE_SUV, strict=True):
        np.testing.assert_allclose(suv, expected, rtol=2e-3)
        assert stack.suv is not None
        assert stack.suv.factor == pytest.approx(WEIGHT_G / decayed(reference_minutes), rel=1e-5)
        references.add(stack.suv.reference)
    assert len(references) == 1
