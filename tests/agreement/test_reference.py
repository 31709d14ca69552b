"""Every series of the real data sets against what dcm2niix, SimpleITK and pydicom say about it.

The references were computed by those programs, not by this project. Each series either agrees in everything its
reference holds (kind, files, shape, slice order, affine at voxel centres, gaps, shear, extremes and mean after the
rescale, md5 of the stored pixels in slice order) or stands in `DIFFERS` with the reason why ours is right; its pixels
must agree even then.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest

from tests.conftest import RealData, Reference
from tests.dicom.reading import catalogue_of, filled, stacks_of, stored
from viewer.dicom.decode import decode_frame
from viewer.dicom.model import Catalogue, Series, SeriesKind, Stack
from viewer.dicom.read import read_header
from viewer.dicom.stack import frame_source, pixel_format
from viewer.imaging.volume import Volume

SETS = (
    "ct-tilt-ge",
    "dicomdir",
    "head-philips",
    "ibsi-digital",
    "mf-a",
    "mr-12bit",
    "mr-decubitus-a",
    "mr-sella",
    "nifti-orient",
    "petct-acrin",
    "rt-opentps",
    "seg-small",
    "sts-a",
    "suv-dro-a",
)

POSITION_MM = 0.05
ROUNDED = 5e-5
"""The references round direction cosines to four decimals; over an extent that makes a few micrometres."""
GAP_MM = 2e-3

KINDS = {
    # SOP class of the reference: what it is to the viewer, the objects without pictures first
    "Segmentation Storage": SeriesKind.SEGMENTATION,
    "1.2.840.10008.5.1.4.1.1.66.7": SeriesKind.SEGMENTATION,
    "Real World Value Mapping Storage": SeriesKind.VALUE_MAP,
    "RT Structure Set Storage": SeriesKind.STRUCTURES,
    "Encapsulated PDF Storage": SeriesKind.DOCUMENT,
    "Enhanced SR Storage": SeriesKind.REPORT,
    "Comprehensive SR Storage": SeriesKind.REPORT,
    "Comprehensive 3D SR Storage": SeriesKind.REPORT,
    "Microscopy Bulk Simple Annotations Storage": SeriesKind.OTHER,
    "Computed Radiography Image Storage": SeriesKind.IMAGE,
    "Digital X-Ray Image Storage - For Presentation": SeriesKind.IMAGE,
    "VL Whole Slide Microscopy Image Storage": SeriesKind.IMAGE,
    "Secondary Capture Image Storage": SeriesKind.CAPTURE,
}
"""Everything else of more than one slice is a volume, of one slice a picture."""


@dataclass(frozen=True)
class Difference:
    """A series that differs from its reference, and why ours is right.

    Parameters
    ----------
    reason
        In words.
    shapes
        Our stacks, (k, j, i) each.
    kind
        What the series is to the viewer; by its class when None.
    """

    reason: str
    shapes: tuple[tuple[int, int, int], ...]
    kind: SeriesKind | None = None


_SCOUT = "A scout is one picture beside the volumes, not a volume of one slice (A04)."
_DIRECTIONS = "Pictures in several directions are no volume: each is shown by itself (A02)."

DIFFERS: dict[str, dict[str, Difference]] = {
    # set: end of the SeriesInstanceUID: difference
    "dicomdir": {
        "33885.18148.0.118": Difference(
            "Projections around an axis, one direction each: pictures one after the other (A02).",
            ((7, 16, 16),),
            SeriesKind.IMAGE,
        ),
        "33885.18148.0.136": Difference(_DIRECTIONS, ((1, 16, 16),) * 3, SeriesKind.IMAGE),
        "33885.18148.0.17": Difference(_DIRECTIONS, ((1, 16, 16),) * 3, SeriesKind.IMAGE),
        "734704.16302.0.2": Difference(
            "Two scouts across each other (A04).", ((1, 16, 16),) * 2, SeriesKind.LOCALIZER
        ),
    },
    "head-philips": {
        "9.30936184503286111321": Difference(
            "An examination summary: scouts, dose and patient pages of three sizes under one series (A04).",
            ((3, 256, 512), (2, 512, 650), (1, 741, 650)),
        ),
        "5.21841165151607525240": Difference(_SCOUT, ((1, 256, 512),), SeriesKind.LOCALIZER),
    },
    "mf-a": {
        "8361828588232823.0.0.0": Difference(
            "Four files of six slices, one time each; the fifth is a copy of another (A02, A13). dcm2niix makes "
            "6 slices and 4 times of it too.",
            ((6, 64, 64),) * 4,
        ),
        "32.2018052615250908935": Difference(
            "Two echoes of 32 slices (A02), as dcm2niix has it.", ((32, 64, 64),) * 2
        ),
        "1166562673.14401": Difference(
            "The frames are stored head to foot against the slice normal; here they are sorted along it (A24).",
            ((2, 512, 512),),
        ),
    },
    "mr-12bit": {
        "7020315340031200000007": Difference(
            "One mosaic of 35 slices of 64 x 64, as dcm2niix has it; the two other files repeat its SOPInstanceUID "
            "with other pixels and are reported (A13, A26).",
            ((35, 64, 64),),
        )
    },
    "mr-sella": {
        "53.215519.978957063.79": Difference(
            "A survey of three directions, 9 + 9 + 8 slices (A02, A04).",
            ((9, 256, 256), (9, 256, 256), (8, 256, 256)),
            SeriesKind.LOCALIZER,
        )
    },
    "petct-acrin": {
        "0168924996436870336581": Difference(_SCOUT, ((1, 1027, 888),), SeriesKind.LOCALIZER),
    },
    "seg-small": {
        "2525450623069050794718": Difference(
            "Three slices, each twice in the folder: copies are ignored and counted (A13).", ((3, 38, 23),)
        ),
        "2350083572639456817453": Difference(
            "Two files with the same SOPInstanceUID and other pixels: the first is shown, the other reported (A13).",
            ((25, 10, 10),),
        ),
    },
}

ABSENT: dict[str, dict[str, str]] = {
    # set: end of the SeriesInstanceUID: why there is no such series
    "dicomdir": {
        "None": "9 DICOMDIR index files not needed.",
        "1855733330064330327590": "The file holds no pixel data; it may be cut off.",
    },
    "head-philips": {"None": "7 DICOMDIR index files not needed."},
}

OTHER_VOLUMES = {
    # set: end of the SeriesInstanceUID: why dcm2niix made no volume of our shape and place
    "head-philips": {
        "0.25659488233390035616": "dcm2niix splits by tube current unless told to merge",
        "6.26862469513794233732": "dcm2niix splits by tube current unless told to merge",
    },
    "nifti-orient": {"": "dcm2niix was not run on this set"},
    "ct-tilt-ge": {"8997848661150714813892": "NIfTI has one step and no shear"},
    "dicomdir": {"1196530851.28319.0.2": "NIfTI has one step"},
    "mr-sella": {"53.215519.978957063.79": "a survey with a missing slice: NIfTI has one step"},
}

OTHER_SITK = {
    "mf-a": {"32.2018052615250908935": "SimpleITK takes the rescale of the first frame for all frames (A24)"},
    "mr-12bit": {"7020315340031200000007": "three files under one SOPInstanceUID, of which one is shown"},
    "seg-small": {"2350083572639456817453": "two files under one SOPInstanceUID, of which one is shown"},
}


@functools.cache
def read(folder: Path) -> Catalogue:
    """The catalogue of a set, once for all tests."""
    return catalogue_of(folder)


def found_by_end(table: dict[str, Any], uid: str) -> Any:
    return next((value for end, value in table.items() if uid.endswith(end) and (end or not uid)), None)


def series_of(catalogue: Catalogue, uid: str) -> Series | None:
    if uid:
        return catalogue.find_series(uid)
    everything = (series for study in catalogue.studies for series in study.series)
    return next((series for series in everything if series.uid.startswith("unnamed")), None)


def shown(series: Series) -> list[Stack]:
    return [stack for stack in series.stacks if not stack.on_request]


# --- One series --------------------------------------------------------------------------------------------------


def disagreements(name: str, uid: str, series: Series, expected: Any) -> Iterator[str]:
    """Everything in which a series differs from its reference without a written reason."""
    difference: Difference | None = found_by_end(DIFFERS.get(name, {}), uid)
    if series.files != expected["files"]:
        yield f"{series.files} files, expected {expected['files']}"
    kind = kind_of(expected) if difference is None or difference.kind is None else difference.kind
    if series.kind is not kind:
        yield f"is a {series.kind}, expected a {kind}"
    stacks = shown(series)
    if not kind.has_images:
        if series.stacks:
            yield "has pictures although it is no image"
        return
    shapes = tuple(stack.geometry.shape for stack in stacks)
    wanted = ((expected["frames"], *expected["rows_cols"][0]),) if difference is None else difference.shapes
    if shapes != wanted:
        yield f"shapes {shapes}, expected {wanted}"
        return
    volumes = [filled(stack) for stack in stacks]
    if difference is None:
        yield from _values(stacks[0], volumes[0], expected["pydicom_rescaled"])
        if "affine_lps_from_dicom" in expected:
            yield from _geometry(stacks[0], expected)
    elif not any(digest == expected["pydicom_rescaled"]["md5_stored_sorted"] for digest in digests(series)):
        yield "stored pixels differ"
    elif sum(stack.geometry.shape[0] for stack in stacks) == expected["frames"]:
        yield from _statistics(volumes, expected["pydicom_rescaled"])
    if found_by_end(OTHER_SITK.get(name, {}), uid) is None:
        yield from _sitk(stacks, volumes, expected.get("sitk_rescaled") or {})
    if found_by_end(OTHER_VOLUMES.get(name, {}), uid) is None:
        for stack in stacks:
            yield from _dcm2niix(stack, expected.get("dcm2niix") or [])


def kind_of(expected: Any) -> SeriesKind:
    known = KINDS.get(expected["sop_class"])
    if known is not None:
        return known
    return SeriesKind.VOLUME if expected["frames"] > 1 else SeriesKind.IMAGE


def _values(stack: Stack, volume: Volume, expected: Any) -> Iterator[str]:
    """Stored pixels in slice order, and the rescaled values, of a single stack."""
    digest = hashlib.md5(stored(stack).tobytes()).hexdigest()
    if digest != expected["md5_stored_sorted"]:
        yield "stored pixels or their order differ"
    yield from _statistics([volume], expected)


def _statistics(volumes: list[Volume], expected: Any) -> Iterator[str]:
    """Extremes and mean after the rescale, over all stacks of a series."""
    if any(volume.is_colour for volume in volumes):
        return
    values = np.concatenate([volume.physical(volume.array).ravel() for volume in volumes])
    for key, value in (("min", np.nanmin), ("max", np.nanmax), ("mean", np.nanmean)):
        if float(value(values)) != pytest.approx(expected[key], rel=1e-6, abs=1e-9):
            yield f"{key} {value(values)}, expected {expected[key]}"


def _geometry(stack: Stack, expected: Any) -> Iterator[str]:
    """Voxel centres, steps and shear, against the same headers read by another program."""
    geometry, report = stack.geometry, stack.report
    depth, rows, columns = geometry.shape
    # The reference maps (column, row, slice); with uneven steps it has the mean one, as ours has.
    affine = np.array(expected["affine_lps_from_dicom"])[:, [2, 1, 0, 3]]
    ends = (
        np.array(np.meshgrid((0, depth - 1), (0, rows - 1), (0, columns - 1), indexing="ij")).reshape(3, -1).T
    )
    wanted = ends @ affine[:3, :3].T + affine[:3, 3]
    apart_mm = float(np.linalg.norm(geometry.to_patient(ends) - wanted, axis=1).max())
    limit_mm = 1e-3 + ROUNDED * float(np.ptp(wanted, axis=0).max())
    if apart_mm > limit_mm:
        yield f"corner voxels are {apart_mm:.4f} mm from where they are expected"
    gaps = sorted(float(mm) for mm, times in expected["gaps_mm"].items() for _ in range(times))
    if sorted(report.gaps_mm) != pytest.approx(gaps, abs=GAP_MM + 5e-3 * (max(gaps, default=0) > 100)):
        yield f"gaps {sorted(set(np.round(report.gaps_mm, 3)))}, expected {expected['gaps_mm']}"
    if report.tilt_deg != pytest.approx(expected["shear_deg"], abs=0.01):
        yield f"shear {report.tilt_deg:.3f} degrees, expected {expected['shear_deg']}"
    heights = geometry.to_patient([(0, 0, 0), (depth - 1, 0, 0)]) @ geometry.slice_normal
    if sorted(heights) != pytest.approx(expected["slice_pos_range_mm"], abs=limit_mm):
        yield f"slices from {heights}, expected {expected['slice_pos_range_mm']}"


def _sitk(stacks: list[Stack], volumes: list[Volume], expected: Any) -> Iterator[str]:
    """Extremes by SimpleITK, which has decoders and a rescale of its own."""
    if "min" not in expected or any(volume.is_colour for volume in volumes):
        return
    if any(stack.pixels.photometric == "MONOCHROME1" for stack in stacks):
        return  # it inverts them
    ends = [volume.physical(volume.array) for volume in volumes]
    low, high = min(float(np.nanmin(v)) for v in ends), max(float(np.nanmax(v)) for v in ends)
    if (low, high) != pytest.approx((expected["min"], expected["max"]), rel=1e-6, abs=1e-9):
        yield f"{low} .. {high}, SimpleITK has {expected['min']} .. {expected['max']}"


def _dcm2niix(stack: Stack, made: list[Any]) -> Iterator[str]:
    """Place of the volume by dcm2niix, which may count every axis from its other end: the voxel grid is compared."""
    if not stack.geometry.oriented:
        return
    depth, rows, columns = stack.geometry.shape
    ours = stack.geometry.patient_from_index[:, [2, 1, 0, 3]]
    nearest = np.inf
    for volume in made:
        if sorted(volume["shape"][:3]) != sorted((columns, rows, depth)):
            continue
        theirs = np.array(volume["affine_lps"])
        turn = np.rint(np.linalg.inv(ours) @ theirs)
        if not (np.abs(turn[:3, :3]).sum(axis=0) == 1).all():
            continue
        ends = np.array(np.meshgrid(*((0, n - 1) for n in volume["shape"][:3]), [1], indexing="ij")).reshape(
            4, -1
        )
        index = turn @ ends
        whole = index[:3].min(axis=1).tolist() + index[:3].max(axis=1).tolist()
        if whole == [0, 0, 0, columns - 1, rows - 1, depth - 1]:
            apart = np.linalg.norm((ours @ index - theirs @ ends)[:3], axis=0)
            nearest = min(nearest, float(apart.max()))
    if nearest > POSITION_MM:
        yield f"dcm2niix has no volume here, the nearest is {nearest:.3f} mm away"


def digests(series: Series) -> Iterator[str]:
    """md5 of the stored pixels of all files, copies too, along each direction that a slice of the series looks in.

    The reference has one order for a whole series, along the normal of its first file, whichever that was; files of
    several frames come one after the other in any order.
    """
    pictures: list[tuple[Path, npt.NDArray[Any]]] = []
    for path in sorted(series.paths):
        header = read_header(path)
        pixels = pixel_format(header)
        frames = [decode_frame(frame_source(header.at_frame(n)), pixels) for n in range(header.frames)]
        pictures.append((path, np.stack(frames)))
    yield _digest(pictures)
    if all(len(array) > 1 for _, array in pictures):
        yield from (_digest(list(order)) for order in permutations(pictures))
        return
    places = {path: _place(path) for path, _ in pictures}
    normals = {tuple(np.round(normal, 9)) for place in places.values() if place for normal in (place[1],)}
    for normal in normals:
        heights = {path: round(float(np.dot(normal, place[0])), 3) for path, place in places.items() if place}
        if len(heights) == len(pictures):
            for tied in (pictures, pictures[::-1]):
                yield _digest(sorted(tied, key=lambda picture: heights[picture[0]]))


def _digest(pictures: list[tuple[Path, npt.NDArray[Any]]]) -> str:
    return hashlib.md5(b"".join(np.ascontiguousarray(array).tobytes() for _, array in pictures)).hexdigest()


def _place(path: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Position and normal of a classic slice, by another reader."""
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    if "ImagePositionPatient" not in dataset or "ImageOrientationPatient" not in dataset:
        return None
    along, down = np.array(dataset.ImageOrientationPatient, float).reshape(2, 3)
    return np.array(dataset.ImagePositionPatient, float), np.cross(along, down)


# --- All of them -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETS)
def test_that_A06_A07_A10_A13_B01_every_series_agrees_with_other_programs_or_has_a_written_reason(
    name: str, real_data: RealData, reference: Reference
) -> None:
    catalogue = read(real_data(name))
    known = reference(name)
    faults = []
    for uid, expected in known["series"].items():
        reason = found_by_end(ABSENT.get(name, {}), uid)
        if reason is not None:
            told = [*catalogue.notes, *(problem.reason for problem in catalogue.problems)]
            if series_of(catalogue, uid) is not None:
                faults.append(f"{uid}: is there although it should not be")
            if reason not in told or (told.count(reason) not in (1, expected["files"])):
                faults.append(f"{uid}: nobody is told that {reason!r}")
            continue
        series = series_of(catalogue, uid)
        if series is None:
            faults.append(f"{uid}: is missing")
            continue
        faults += [f"{uid}: {text}" for text in disagreements(name, uid, series, expected)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", SETS)
def test_that_A06_every_file_of_a_set_is_accounted_for(
    name: str, real_data: RealData, reference: Reference
) -> None:
    catalogue = read(real_data(name))
    known = reference(name)
    assert {uid for uid in known["series"] if found_by_end(ABSENT.get(name, {}), uid) is None} == {
        "" if series.uid.startswith("unnamed") else series.uid
        for study in catalogue.studies
        for series in study.series
    }
    assert catalogue.not_dicom == len(known["not_dicom"])
    assert catalogue.files_seen == catalogue.not_dicom + sum(s["files"] for s in known["series"].values())


def test_that_every_written_reason_belongs_to_a_series(reference: Reference) -> None:
    for table in (DIFFERS, ABSENT, OTHER_VOLUMES, OTHER_SITK):
        for name, entries in table.items():
            for end in entries:
                matching = [uid for uid in reference(name)["series"] if found_by_end({end: True}, uid)]
                assert len(matching) == 1, (name, end)


# --- SUV ---------------------------------------------------------------------------------------------------------


def pets(folder: Path) -> list[Stack]:
    return [stack for stack in stacks_of(read(folder)) if stack.modality == "PT"]


def suv_of(stack: Stack) -> npt.NDArray[np.float64]:
    volume = filled(stack)
    assert volume.suv_factor is not None, stack.suv_note
    return volume.physical(volume.array) * volume.suv_factor


def test_that_D01_D03_D05_factor_and_maximum_of_the_corrected_pet_agree_with_the_objects_of_its_study(
    real_data: RealData, reference: Reference
) -> None:
    expected = reference("suv")
    corrected, uncorrected = sorted(pets(real_data("petct-acrin")), key=lambda stack: stack.suv is None)
    known = expected["petct-acrin PET AC"]
    volume = filled(corrected)
    assert volume.suv_factor == pytest.approx(known["suvbw_factor_independent"], rel=1e-4)
    assert float(volume.array.max()) == pytest.approx(known["max_stored_units"], rel=1e-6)
    assert float(suv_of(corrected).max()) == pytest.approx(known["expected_max_SUVbw"], rel=1e-4)
    assert len({frame.slope for frame in corrected.frames}) == known["distinct_rescale_slopes"]
    known = expected["petct-acrin PET NAC"]
    volume = filled(uncorrected)
    assert volume.suv_factor is None
    assert known["units"] in uncorrected.suv_note
    assert float(volume.array.max()) == pytest.approx(known["max_stored_units"], rel=1e-6)


def test_that_D02_values_that_are_suv_already_are_left_alone(
    real_data: RealData, reference: Reference
) -> None:
    maxima = {}
    for stack in pets(real_data("sts-a")):
        assert stack.suv is not None, stack.suv_note
        assert stack.suv.factor == 1.0
        subject = next(part for part in stack.frames[0].path.parts if part.startswith("STS_"))
        maxima[f"sts-a/{subject}"] = float(suv_of(stack).max())
    for name, expected in reference("suv").items():
        if name.startswith("sts-a/"):
            assert maxima[name] == pytest.approx(expected["max"], rel=1e-6)


def test_that_D02_D04_all_reference_objects_show_their_published_suv(real_data: RealData) -> None:
    objects = pets(real_data("suv-dro-a"))
    assert len(objects) == 9
    for stack in objects:
        suv = suv_of(stack)
        inside = suv[suv > 0]
        # One object cuts off after 0.01 of its own unit and cannot be nearer than one such step.
        assert stack.suv is not None
        assert stack.suv.factor is not None
        tolerance = max(0.005, max(frame.slope for frame in stack.frames) * stack.suv.factor)
        name = stack.frames[0].path.parts[-3]
        assert float(inside.max()) == pytest.approx(4.0, abs=tolerance), name
        assert float(inside.min()) == pytest.approx(0.2, abs=tolerance), name
        assert float(np.median(inside)) == pytest.approx(1.0, abs=tolerance), name
