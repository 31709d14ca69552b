"""NIfTI-1 and NIfTI-2 volumes: `.nii`, `.nii.gz`, and pairs of `.hdr` and `.img`, also with `.gz` behind.

This is the only place that knows RAS millimetres and (i, j, k) order; everything that leaves it is LPS and (k, j, i).
The array keeps the order of the file, whatever that is: the affine says where each axis runs.

What is believed (rules I08 and I10)
------------------------------------
- sform when its code is above 0 and it spans a volume, else qform when its code is above 0; a warning when both hold
  and disagree. With neither, left and right are unknown: readers differ in what they assume, so nothing is assumed.
  A `direction` in the file's sidecar (`viewer.formats.sidecar`) answers the question.
- Lengths in metres and micrometres are converted; an unknown unit is millimetres.
- scl_slope and scl_inter apply when the slope is a number other than 0.
- Values are labels when the intent says so or the name does ("seg", "mask", "label", "roi"); they are whole numbers
  even if stored otherwise.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from viewer.dicom.model import FrameSource
from viewer.errors import DecodeError, FormatError
from viewer.formats import sniff
from viewer.formats.file_volume import VolumeFile, affine_fit, flat_fit, found_volume, named_as_labels
from viewer.formats.registry import CancelCheck, Found, FoundVolume
from viewer.formats.sidecar import Sidecar, sidecar_of
from viewer.formats.voxels import FileVoxels, GzipStream, GzipVoxels, VoxelLayout
from viewer.imaging.geometry import LARGEST_MM, FloatArray
from viewer.imaging.geometry_report import Note, Severity

if TYPE_CHECKING:
    from viewer.dicom.geometry_fit import Fit
    from viewer.dicom.model import VolumeSource

MAX_TIMES = 512
"""Volumes of one file that are offered; more would only fill the browser."""

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_KJI = [2, 1, 0, 3]
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
    128: "u1", 2304: "u1",
}  # fmt: skip
_SAMPLES = {128: 3, 2304: 4}
_LABEL_INTENTS = (1002, 1005)
"""NIFTI_INTENT_LABEL and NIFTI_INTENT_NEURONAME."""
_MM = {1: 1000.0, 2: 1.0, 3: 0.001}
_SECONDS = {8: 1.0, 16: 1e-3, 24: 1e-6}
_SIZES = {348: (b"n+1\0", b"ni1\0"), 540: (b"n+2\0", b"ni2\0")}
_LARGEST_HEADER = 1 << 28
_SAME_DIRECTION = 1e-3
_SAME_ORIGIN_MM = 0.01
_WHOLE = 1e-3


class Nifti:
    """Reads NIfTI files."""

    id = "nifti"
    name = "NIfTI volume"
    patterns: tuple[str, ...] = ("*.nii", "*.nii.gz", "*.hdr", "*.hdr.gz")
    endings: tuple[str, ...] = (".nii", ".nii.gz", ".hdr", ".hdr.gz", ".img", ".img.gz")
    priority = 50

    def can_open(self, path: Path) -> bool:
        """True for regular files named .nii or .nii.gz, and whatever else starts like NIfTI."""
        if not sniff.is_regular_file(path):
            return False
        name = path.name.lower()
        start = sniff.head(path)
        if start[128:132] == b"DICM":
            return False
        if name.endswith((".nii", ".nii.gz")) or _kind(start) is not None:
            return True
        header = _header_of(path)
        return header is not None and header.is_file() and _kind(_start(header)) is not None

    def expand(self, path: Path, cancel: CancelCheck) -> Iterator[Found]:
        """Yield the volume.

        Raises
        ------
        FormatError
            The file is damaged or of a kind that cannot be shown.
        """
        cancel.check()
        header = _header_of(path.resolve())
        try:
            found = self.read(header or path.resolve(), path.name, cancel)
        except FormatError as error:
            raise FormatError(f"{path.name}: {error.user_message}") from error
        if found is not None:
            yield found

    def read(self, path: Path, shown: str, cancel: CancelCheck) -> FoundVolume | None:
        """Read the header; None for the `.img` of a pair, which its `.hdr` stands for. See `VolumeFormat`."""
        cancel.check()
        if _header_of(path) is not None:
            return None
        header = _read_header(path)
        stem = _stem(shown)
        sidecar = sidecar_of(path, _stem(path.name))
        source, layout, notes = _labels(header, _source(header), stem, cancel)
        notes += [Note("sidecar", sidecar.problem)] if sidecar.problem else []
        scaled = (header.slope, header.intercept) if not layout.labels else (1.0, 0.0)
        return found_volume(
            VolumeFile(
                path=path,
                shown=shown,
                stem=stem,
                source=source,
                layout=layout,
                fit=_fit(header, sidecar, [*header.notes, *notes]),
                modality=sidecar.modality or "OT",
                unit=sidecar.unit,
                slope=scaled[0],
                intercept=scaled[1],
                time_labels=header.time_labels,
            )
        )


@dataclass(frozen=True, eq=False)
class _Header:
    """What of a header is used, checked; lengths in mm, RAS, (i, j, k).

    Parameters
    ----------
    voxels
        File with the voxels.
    sform, qform
        (4, 4) or None when their code is 0.
    spacing
        (3,) i, j, k; may be anything.
    """

    voxels: Path
    layout: VoxelLayout
    slope: float
    intercept: float
    intent: int
    sform: FloatArray | None
    qform: FloatArray | None
    spacing: FloatArray
    time_labels: tuple[str, ...]
    notes: tuple[Note, ...]


# --- The bytes ---------------------------------------------------------------------------------------------------


def _kind(start: bytes) -> tuple[str, int, bytes] | None:
    """(byte order, header size, magic) of the first bytes of a NIfTI file, or None."""
    for order in ("<", ">"):
        (size,) = struct.unpack_from(f"{order}i", start.ljust(4))
        if size not in _SIZES:
            continue
        magic = start[344:348] if size == 348 else start[4:8]
        if magic in _SIZES[size]:
            return order, size, magic
    return None


def _is_gzip(path: Path) -> bool:
    return sniff.head(path)[:2] == b"\x1f\x8b"


def _start(path: Path) -> bytes:
    """The first bytes of a file, unpacked."""
    if not _is_gzip(path):
        return sniff.head(path)
    stream = GzipStream(path)
    found = b""
    try:
        for count in (348, 540 - 348):
            found += stream.read(count)
    except DecodeError:
        return found
    return found


def _header_of(path: Path) -> Path | None:
    """The `.hdr` that belongs to an `.img`; None for every other file."""
    name = path.name
    for ending in (".img", ".img.gz"):
        if name.lower().endswith(ending):
            stem = name[: -len(ending)]
            tried = (f"{stem}.hdr", f"{stem}.hdr.gz", f"{stem}.HDR")
            return next((found for other in tried if (found := path.with_name(other)).is_file()), None)
    return None


def _image_of(path: Path) -> Path:
    stem = re.sub(r"\.hdr(\.gz)?$", "", path.name, flags=re.IGNORECASE)
    tried = (f"{stem}.img", f"{stem}.img.gz", f"{stem}.IMG")
    found = next((image for other in tried if (image := path.with_name(other)).is_file()), None)
    if found is None:
        raise FormatError(
            "its voxels should be in a file of the same name that ends in .img; it is not there."
        )
    return found


def _stem(name: str) -> str:
    """A file name without folder and ending."""
    last = name.rsplit("/", 1)[-1]
    return re.sub(r"\.(nii|hdr|img)(\.gz)?$", "", last, flags=re.IGNORECASE) or last


def _read_header(path: Path) -> _Header:
    """Read and check a header.

    Raises
    ------
    FormatError
        It is damaged or describes what cannot be shown.
    """
    # Imported here: the registry imports every format, and most sessions never see a NIfTI file.
    import nibabel

    start = _start(path)
    kind = _kind(start)
    if kind is None or len(start) < kind[1]:
        raise FormatError("it is not a NIfTI file, or its header is damaged.")
    order, size, magic = kind
    header_class: Any = nibabel.Nifti1Header if size == 348 else nibabel.Nifti2Header
    raw: Any = header_class(start[:size], endianness=order, check=False)
    single = magic[:2] == b"n+"
    shape, times = _dimensions([int(n) for n in raw["dim"]])
    code = int(raw["datatype"])
    if code not in _TYPES:
        raise FormatError(f"its values are of a type that cannot be shown (NIfTI type {code}).")
    notes: list[Note] = []
    if times > MAX_TIMES:
        notes.append(Note("times", f"The first {MAX_TIMES} of {times} volumes are offered."))
    layout = VoxelLayout(
        offset=_offset(float(raw["vox_offset"]), size if single else 0),
        dtype=np.dtype(order + _TYPES[code]),
        shape=shape,
        times=times,
        samples=_SAMPLES.get(code, 1),
    )
    units = int(raw["xyzt_units"])
    to_mm = _MM.get(units & 0x07, 1.0)
    if to_mm != 1.0:
        notes.append(
            Note("length-unit", "Lengths are not stored in millimetres and were converted.", Severity.INFO)
        )
    slope, intercept = _scaling(float(raw["scl_slope"]), float(raw["scl_inter"]), notes)
    step = float(raw["pixdim"][4]) * _SECONDS.get(units & 0x38, 0.0)
    return _Header(
        voxels=path if single else _image_of(path),
        layout=layout,
        slope=slope,
        intercept=intercept,
        intent=int(raw["intent_code"]),
        sform=_in_mm(raw.get_sform(), to_mm) if int(raw["sform_code"]) > 0 else None,
        qform=_qform(raw, to_mm, notes) if int(raw["qform_code"]) > 0 else None,
        spacing=np.abs(np.array(raw["pixdim"][1:4], dtype=np.float64)) * to_mm,
        time_labels=_time_labels(min(times, MAX_TIMES), step),
        notes=tuple(notes),
    )


def _dimensions(dim: list[int]) -> tuple[tuple[int, int, int], int]:
    """((k, j, i), number of volumes) of the field `dim`."""
    count = dim[0]
    if not 1 <= count <= 7 or min(dim[1 : count + 1]) < 1:
        raise FormatError("the size of its volume is damaged.")
    i, j, k, times, *others = (dim[1 : count + 1] + [1] * 7)[:7]
    if any(n != 1 for n in others):
        raise FormatError(
            "it holds several values for each voxel (vectors or tensors), which cannot be shown."
        )
    return (k, j, i), times


def _offset(value: float, least: int) -> int:
    if not math.isfinite(value) or not 0 <= value <= _LARGEST_HEADER:
        raise FormatError("the place of its voxels is damaged.")
    return max(int(value), least)


def _scaling(slope: float, intercept: float, notes: list[Note]) -> tuple[float, float]:
    """Slope and intercept that apply (rule I10)."""
    if slope == 0 or math.isnan(slope):
        return 1.0, 0.0
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        notes.append(Note("scaling", "The scaling of the values is not a number and was left out."))
        return 1.0, 0.0
    return slope, intercept


def _in_mm(affine: Any, to_mm: float) -> FloatArray:
    scaled: FloatArray = np.array(affine, dtype=np.float64)
    scaled[:3] *= to_mm
    return scaled


def _qform(raw: Any, to_mm: float, notes: list[Note]) -> FloatArray | None:
    """The affine of the quaternion, or None when that is no rotation."""
    from nibabel.spatialimages import HeaderDataError

    # The standard takes 0 for 1 and nothing else than the sign counts.
    raw["pixdim"][0] = -1.0 if float(raw["pixdim"][0]) < 0 else 1.0
    try:
        return _in_mm(raw.get_qform(), to_mm)
    except (HeaderDataError, ValueError):
        notes.append(Note("qform-insane", "The rotation of the header (qform) is damaged and was not used."))
        return None


def _time_labels(times: int, step_s: float) -> tuple[str, ...]:
    if times == 1:
        return ("",)
    known = math.isfinite(step_s) and step_s > 0
    return tuple(f"time {t + 1}" + (f", {t * step_s:g} s" if known else "") for t in range(times))


# --- Where and what ----------------------------------------------------------------------------------------------


def _source(header: _Header) -> VolumeSource:
    reader = GzipVoxels if _is_gzip(header.voxels) else FileVoxels
    return reader(header.voxels, header.layout)


def _fit(header: _Header, sidecar: Sidecar, notes: list[Note]) -> Fit:
    """Geometry by the rules of the module text."""
    spacing_kji = header.spacing[::-1]
    shape = header.layout.shape
    affine = header.sform
    if affine is not None and not _spans(affine):
        notes.append(
            Note("sform-insane", "The affine of the header (sform) spans no volume and was not used.")
        )
        affine = None
    if affine is None:
        affine = header.qform
    elif header.qform is not None and _disagree(affine, header.qform):
        notes.append(
            Note(
                "sform-qform",
                "The header places the volume twice and differently (sform and qform); the sform was used. "
                "Check left and right.",
            )
        )
    if affine is not None:
        lps = (_LPS_FROM_RAS @ affine)[:, _KJI] + 0.0
        return affine_fit(lps, shape, notes, spacing_kji)
    if sidecar.direction is not None:
        lps = np.eye(4)
        lps[:3, :3] = sidecar.direction * (spacing_kji if sidecar.spacing_mm is None else sidecar.spacing_mm)
        if sidecar.origin_mm is not None:
            lps[:3, 3] = sidecar.origin_mm
        notes.append(
            Note(
                "sidecar-direction", "Directions are those of the JSON file beside the volume.", Severity.INFO
            )
        )
        return affine_fit(lps, shape, notes, spacing_kji)
    notes.append(
        Note(
            "orientation-unknown",
            "The file does not say how the volume lies in the patient (sform and qform codes are 0), and programs "
            "differ in what they assume: left and right are unknown. "
            'If you know the directions, write them as "direction" into a JSON file of the same name beside it.',
        )
    )
    return flat_fit(shape, spacing_kji, notes)


def _spans(affine: FloatArray) -> bool:
    if not np.isfinite(affine).all() or np.abs(affine).max() > LARGEST_MM:
        return False
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    return bool(lengths[:2].min() > 0) and (
        lengths[2] == 0 or bool(abs(np.linalg.det(affine[:3, :3] / lengths)) > 1e-6)
    )


def _disagree(sform: FloatArray, qform: FloatArray) -> bool:
    """Whether two affines differ by more than their rounding: a quaternion has single precision."""
    lengths = np.linalg.norm(sform[:3, :3], axis=0)
    directions = np.abs(sform[:3, :3] - qform[:3, :3]) / np.maximum(lengths, 1e-9)
    return bool(
        directions.max() > _SAME_DIRECTION or np.abs(sform[:3, 3] - qform[:3, 3]).max() > _SAME_ORIGIN_MM
    )


def _labels(
    header: _Header, source: VolumeSource, stem: str, cancel: CancelCheck
) -> tuple[VolumeSource, VoxelLayout, list[Note]]:
    """Source and layout of values that are labels (rule I10); unchanged for others."""
    layout = header.layout
    declared = header.intent in _LABEL_INTENTS
    if layout.samples > 1 or not (declared or named_as_labels(stem)):
        return source, layout, []
    as_labels = replace(
        header, layout=replace(layout, labels=True, slope=header.slope, intercept=header.intercept)
    )
    stored_whole = (
        layout.dtype.kind in "iu"
        and header.slope == int(header.slope)
        and header.intercept == int(header.intercept)
    )
    if stored_whole or _all_whole(header, source, cancel):
        return _source(as_labels), as_labels.layout, []
    if declared:
        note = Note("labels-rounded", "Some labels are not whole numbers; they were rounded.")
        return _source(as_labels), as_labels.layout, [note]
    text = "The name speaks of labels, but the values are not whole numbers; they are shown as values."
    return source, layout, [Note("no-labels", text, Severity.INFO)]


def _all_whole(header: _Header, source: VolumeSource, cancel: CancelCheck) -> bool:
    """Whether all values of a file are whole numbers that can be read."""
    for n in range(header.layout.times * header.layout.shape[0]):
        cancel.check()
        try:
            values = source.read(FrameSource(header.voxels, frame=n)).astype(np.float64)
        except DecodeError:
            return True  # what is damaged is told when the slice is opened
        values = values * header.slope + header.intercept
        if not bool((np.abs(values - np.rint(values)) <= _WHOLE).all()):
            return False
    return True


FORMAT = Nifti()
