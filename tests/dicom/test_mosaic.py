"""Siemens mosaics (A26): against another program's volumes, and against the ramp phantom put into one picture."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
import pydicom
import pytest

from tests.conftest import RealData, Reference
from tests.dicom.reading import catalogue_of, filled, only_stack, stacks_of
from tests.phantoms import RAMP_SHAPE, ramp_affine, ramp_array, write_series
from viewer.dicom.mosaic import parse_csa

SIDE = 3
"""Five slices need a mosaic of three by three."""


def _csa(values: Mapping[str, Sequence[str]]) -> bytes:
    """A CSA header of the SV10 kind, items padded to four bytes."""
    parts = [b"SV10\4\3\2\1", struct.pack("<II", len(values), 77)]
    for name, texts in values.items():
        parts.append(struct.pack("<64si4siii", name.encode(), len(texts), b"FD", 4, len(texts) + 1, 77))
        for text in (*texts, ""):
            raw = text.encode() + b"\0" if text else b""
            parts.append(struct.pack("<4i", len(raw), len(raw), 77, len(raw)))
            parts.append(raw + b"\0" * (-len(raw) % 4))
    return b"".join(parts)


def _in_one_picture(slices: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """Slices (k, j, i) side by side, row by row."""
    count, rows, columns = slices.shape
    picture = np.zeros((SIDE * rows, SIDE * columns), np.int16)
    for k in range(count):
        top, left = k // SIDE * rows, k % SIDE * columns
        picture[top : top + rows, left : left + columns] = slices[k]
    return picture


def _write(
    folder: Path,
    *,
    count: str = "5",
    normal: Sequence[str] = ("0", "0", "1"),
    content: bytes | None = None,
    creator: str = "SIEMENS CSA HEADER",
    times: int = 1,
    block: int = 0x11,
) -> Path:
    """The ramp G1 as mosaics, one a time point, value + 1 at each further one."""
    _, rows, columns = RAMP_SHAPE
    affine = ramp_affine("G1")
    # What the scanner writes is the corner of a picture of this size around the centre of the first slice.
    corner = affine[:3, 3] - affine[:3, 1] * rows * (SIDE - 1) / 2 - affine[:3, 2] * columns * (SIDE - 1) / 2
    pictures = np.stack([_in_one_picture(ramp_array()) + np.int16(t) for t in range(times)])
    write_series(
        folder,
        pictures,
        affine,
        modality="MR",
        positions_mm=np.tile(corner, (times, 1)),
        ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"],
        SpacingBetweenSlices=3.0,
        InstanceNumber=lambda k: k + 1,
    )
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        if creator:
            dataset.add_new((0x0029, block), "LO", creator)
        raw = _csa({"NumberOfImagesInMosaic": [count], "SliceNormalVector": normal})
        dataset.add_new((0x0029, block << 8 | 0x10), "OB", raw if content is None else content)
        dataset.save_as(path)
    return folder


@pytest.mark.parametrize(
    "file, volume",
    [("12bitUnsigned", "2.nii"), ("12bitUnsigned_0x0F0F", "3.nii"), ("12bitSigned_0x0F0F", "4.nii")],
)
def test_that_A26_a_real_mosaic_becomes_the_volume_that_dcm2niix_published(
    file: str, volume: str, real_data: RealData, reference: Reference, tmp_path: Path
) -> None:
    folder = real_data("mr-12bit")
    (tmp_path / "mosaic.dcm").symlink_to(folder / f"{file}.dcm")
    stack = only_stack(tmp_path)
    assert stack.multiplanar
    image = nibabel.Nifti1Image.from_filename(folder / volume)
    # NIfTI is (i, j, k), RAS, and dcm2niix stores rows bottom up.
    expected = np.asarray(image.dataobj)[:, ::-1].transpose(2, 1, 0)
    values = filled(stack)
    np.testing.assert_array_equal(values.array, expected)
    made = [
        entry
        for series in reference("mr-12bit")["series"].values()
        for entry in series["dcm2niix"]
        if entry["max"] == values.array.max() and entry["min"] == values.array.min()
    ]
    assert len(made) == 1
    for affine in (np.diag([-1.0, -1, 1, 1]) @ image.affine, np.array(made[0]["affine_lps"])):
        for k, j, i in ((0, 0, 0), (34, 63, 63), (17, 5, 60)):
            centre = affine @ [i, 63 - j, k, 1]
            assert stack.geometry.to_patient((k, j, i)) == pytest.approx(centre[:3], abs=1e-3)


def test_that_A26_the_ramp_in_a_mosaic_is_the_ramp(tmp_path: Path) -> None:
    stack = only_stack(_write(tmp_path))
    assert stack.geometry.patient_from_index == pytest.approx(ramp_affine("G1"))
    np.testing.assert_array_equal(filled(stack).array, ramp_array())
    assert any("mosaic" in note.text for note in stack.report.notes)


def test_that_A26_slices_against_the_normal_are_put_in_order(tmp_path: Path) -> None:
    stack = only_stack(_write(tmp_path, normal=("0", "0", "-1")))
    assert stack.geometry.patient_from_index[:3, 3] == pytest.approx((-10, -20, -42))
    assert stack.geometry.patient_from_index[:3, 0] == pytest.approx((0, 0, 3))
    np.testing.assert_array_equal(filled(stack).array, ramp_array()[::-1])


def test_that_A26_every_mosaic_of_a_series_is_a_time_point_of_its_own(tmp_path: Path) -> None:
    catalogue = catalogue_of(_write(tmp_path, times=3))
    stacks = sorted(stacks_of(catalogue), key=lambda stack: stack.label)
    assert [stack.label for stack in stacks] == ["time 1", "time 2", "time 3"]
    for t, stack in enumerate(stacks):
        np.testing.assert_array_equal(filled(stack).array, ramp_array() + t)
        assert not stack.warnings


@pytest.mark.parametrize(
    "changes",
    [
        {"content": b""},
        {"content": b"SV10"},
        {"content": b"SV10\4\3\2\1" + struct.pack("<II", 5, 77)},
        {"content": b"\0\0\0\0" * 30},
        {"count": "0"},
        {"count": "-4"},
        {"count": "1e300"},
        {"count": "nan"},
        {"count": "17"},
        {"normal": ("0", "1", "0")},
        {"normal": ("0", "0", "3")},
        {"normal": ("0", "0")},
        {"creator": "SOMEBODY ELSE"},
    ],
    ids=str,
)
def test_that_A26_a_mosaic_whose_private_header_does_not_help_is_one_picture(
    changes: dict[str, object], tmp_path: Path
) -> None:
    stack = only_stack(_write(tmp_path, **changes))  # type: ignore[arg-type]
    assert stack.geometry.shape == (1, 18, 24)
    assert not stack.multiplanar
    assert any("mosaic" in text.lower() for text in stack.warnings)


def test_that_A26_a_missing_private_creator_leaves_the_standard_block(tmp_path: Path) -> None:
    assert only_stack(_write(tmp_path, creator="", block=0x10)).multiplanar


def test_that_A26_a_cut_private_header_is_refused_without_reading_behind_it() -> None:
    whole = _csa({"NumberOfImagesInMosaic": ["5"], "SliceNormalVector": ["0", "0", "1"]})
    assert parse_csa(whole) == {"NumberOfImagesInMosaic": ("5",), "SliceNormalVector": ("0", "0", "1")}
    for length in range(len(whole) - 1):
        with pytest.raises(ValueError, match=r"ends early|longer|kind"):
            parse_csa(whole[:length])
