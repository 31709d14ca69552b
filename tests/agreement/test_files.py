"""Single files of every encoding and every kind of damage: exact values, or the sentence listed here.

`zoo-a` holds every transfer syntax and photometric interpretation, `broken-a` files from bug reports, `gsps`
presentation states. A file that is in none of the tables must decode to the md5 that pydicom computed with all its
plug-ins.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.conftest import RealData, Reference
from viewer.dicom.build import fill_slice, make_volume
from viewer.dicom.decode import decode_frame
from viewer.dicom.index import Indexer
from viewer.dicom.read import read_header
from viewer.dicom.stack import frame_source, pixel_format
from viewer.errors import ViewerError

SETS = ("zoo-a", "broken-a", "gsps")

NOT_DICOM = {
    "zoo-a": {"multiframe-encap/README.md", "singleframe-encap/README.md"},
    "broken-a": {
        "pydicom/README.txt",
        "pydicom/crayons.icc",
        "pydicom/no_meta.dcm",  # an image without a SOP class, and no preamble: nothing says that it is DICOM
        "pydicom/rtplan.dump",
        "pydicom/rtstruct.dump",
        "pydicom/test1.json",
        "pydicom/test_PN.json",
        "pydicom/zipMR.gz",
    },
    "gsps": {"expected_imgForPrLUT.png", "expected_overlay.png"},
}
"""Counted, never listed (J01)."""

NO_IMAGE = {
    "broken-a": {
        "pydicom/ExplVR_BigEndNoMeta.dcm": "other",
        "pydicom/ExplVR_LitEndNoMeta.dcm": "other",
        "pydicom/badVR.dcm": "dose",
        "pydicom/reportsi.dcm": "report",
        "pydicom/reportsi_with_empty_number_tags.dcm": "report",
        "pydicom/rtplan.dcm": "other",
        "pydicom/rtplan_truncated.dcm": "other",
        "pydicom/rtstruct.dcm": "structures",
        "pydicom/test-SR.dcm": "report",
        "pydicom/waveform_ecg.dcm": "other",
    },
    "gsps": {"prLUTs.dcm": "presentation", "prOverlay.dcm": "presentation"},
}
"""Objects without pictures, by what they are to the viewer (A06)."""

NO_PIXELS = "The file holds no pixel data; it may be cut off."
NO_SIZE = "Rows or Columns is missing or zero, so the image cannot be laid out."

REFUSED = {
    "broken-a": {
        "no-meta-length-test.dcm": NO_PIXELS,
        "pydicom/UN_sequence.dcm": NO_PIXELS,
        "pydicom/no_meta_group_length.dcm": NO_PIXELS,
        "pydicom/priv_SQ.dcm": NO_PIXELS,
        "pydicom/meta_missing_tsyntax.dcm": NO_SIZE,
        "pydicom/nested_priv_SQ.dcm": NO_SIZE,
        "pydicom/empty_charset_LEI.dcm": "The file says neither what it is (SOPClassUID) nor holds an image.",
        "pydicom/JPEG2000-embedded-sequence-delimiter.dcm": "The compressed picture is 3722445056 x 1024 pixels "
        "where the header announces 256 x 1024.",
        "pydicom/MR_truncated.dcm": "The pixel data ends early: 8130 of 8192 bytes of this frame.",
    },
}
"""The whole sentence that the user reads."""

LOSSY = {
    # decoders of lossy syntaxes may round to the neighbouring level, nothing more
    "zoo-a": {
        "multiframe-encap/CT0012.fragmented_no_bot_jpeg_baseline.51.dcm",
        "multiframe-encap/IM00001.fragmented_no_bot_jpeg_baseline.50.dcm",
    },
    "broken-a": {"pydicom/JPGExtended.dcm"},
}

TWINS = {
    # pydicom could not read these; they hold the same picture as another file of the set
    "zoo-a": {
        "pydicom-data/emri_small_jpeg_2k_lossless_too_short.dcm": "pydicom-data/emri_small.dcm",
        "pydicom-data/liver_deflate.dcm": "pydicom-data/liver.dcm",
        "pydicom-data/liver_nonbyte_aligned_deflate.dcm": "pydicom-data/liver_nonbyte_aligned.dcm",
        "pydicom-data/liver_nonbyte_aligned_rle.dcm": "pydicom-data/liver_nonbyte_aligned.dcm",
        "pydicom-data/liver_rle.dcm": "pydicom-data/liver.dcm",
    },
}

BY_SITK = {
    # pydicom could not read these; SimpleITK names the extremes
    "zoo-a": {"wg04/MR1_JPLY", "wg04/MR3_JPLY"},
    "broken-a": {"pydicom/JPEG-lossy.dcm"},
}

BY_OTHERS = {
    # proved elsewhere: against the palette of SimpleITK in tests/dicom/test_decode.py
    "zoo-a": {"pydicom-data/OT-PAL-8-face.dcm"},
}


@cache
def files_of(folder: Path) -> dict[str, Path]:
    """Every file by its path in the folder."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def file_of(folder: Path, key: str) -> Path:
    """The file of a reference; a few keys leave out the ending."""
    files = files_of(folder)
    if key in files:
        return files[key]
    return next(path for name, path in files.items() if name.startswith(key))


def frames(path: Path) -> npt.NDArray[Any]:
    """All frames of a file, whether the viewer shows it as an image or not."""
    header = read_header(path, objects=True)
    pixels = pixel_format(header)
    return np.stack([decode_frame(frame_source(header.at_frame(n)), pixels) for n in range(header.frames)])


def outcome(path: Path) -> tuple[str, tuple[str, ...]]:
    """What the user gets: a kind, "not DICOM" or "refused", and every sentence about the file."""
    indexer = Indexer()
    problem = indexer.add(path)
    if problem is not None:
        return "refused", (problem.reason,)
    catalogue = indexer.catalogue(complete=True)
    if catalogue.not_dicom:
        return "not DICOM", ()
    (series,) = (series for study in catalogue.studies for series in study.series)
    said = [problem.reason for problem in catalogue.problems]
    for stack in series.stacks:
        volume = make_volume(stack)
        for k in range(len(stack.frames)):
            try:
                fill_slice(volume, stack, k)
            except ViewerError as error:
                said.append(error.user_message)
    return series.kind.value, tuple(dict.fromkeys(said))


def expected_outcome(name: str, key: str) -> tuple[str, tuple[str, ...]] | None:
    """The row of the tables; None for a file that must decode."""
    if key in NOT_DICOM[name]:
        return "not DICOM", ()
    if key in NO_IMAGE.get(name, {}):
        return NO_IMAGE[name][key], ()
    return None


def value_fault(name: str, key: str, folder: Path, expected: Any) -> str:
    """How the values of a file differ from what other programs read; "" when they do not."""
    found = frames(file_of(folder, key))
    if key in TWINS.get(name, {}):
        return "" if np.array_equal(found, frames(file_of(folder, TWINS[name][key]))) else "not its twin"
    if key in BY_SITK.get(name, set()):
        other = expected["sitk_gdcm"]
        ends = float(found.min()), float(found.max()), float(found.mean())
        agree = ends == pytest.approx((other["min"], other["max"], other["mean"]), abs=0.05)
        return "" if agree else f"{ends}, SimpleITK has {other}"
    if key in BY_OTHERS.get(name, set()):
        return ""
    known = expected["pydicom"]
    if not known["ok"]:
        return "there is nothing to compare with"
    values = found if found.shape == tuple(known["shape"]) else found[0]
    if values.shape != tuple(known["shape"]):
        return f"shape {found.shape}, expected {known['shape']}"
    if key in LOSSY.get(name, set()):
        close = np.abs(np.subtract((values.min(), values.max()), (known["min"], known["max"]))).max() <= 1
        return "" if close and abs(values.mean() - known["mean"]) <= 0.05 else "not within a level"
    # pydicom leaves big endian words as they are.
    written = np.ascontiguousarray(values.astype(known["dtype"]) if ">" in known["dtype"] else values)
    return "" if hashlib.md5(written.tobytes()).hexdigest() == known["md5"] else "other values"


@pytest.mark.parametrize("name", SETS)
def test_that_B05_B20_J01_J06_J13_every_file_decodes_to_its_reference_or_has_its_sentence(
    name: str, real_data: RealData, reference: Reference
) -> None:
    folder = real_data(name)
    faults = []
    decoded = 0
    for key, expected in reference(name)["files"].items():
        kind, said = outcome(file_of(folder, key))
        wanted = expected_outcome(name, key)
        if wanted is not None:
            if (kind, said) != wanted:
                faults.append(f"{key}: {kind} {said}, expected {wanted}")
            continue
        sentence = REFUSED.get(name, {}).get(key)
        if sentence is not None:
            if said != (sentence,):
                faults.append(f"{key}: {said}, expected {sentence!r}")
            continue
        if said:
            faults.append(f"{key}: {said}, expected a picture")
            continue
        fault = value_fault(name, key, folder, expected)
        if fault:
            faults.append(f"{key}: {fault}")
        decoded += 1
    assert not faults, "\n".join(faults)
    assert decoded == {"zoo-a": 126, "broken-a": 60, "gsps": 2}[name]


def test_that_every_row_of_the_tables_belongs_to_a_file(reference: Reference) -> None:
    for table in (NOT_DICOM, NO_IMAGE, REFUSED, LOSSY, TWINS, BY_SITK, BY_OTHERS):
        for name, entries in table.items():
            assert set(entries) <= set(reference(name)["files"]), name
