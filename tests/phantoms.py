"""Synthetic DICOM for every test: the ramp phantom, a PET of known SUV, and a general writer of series.

Conventions
-----------
- Patient space is DICOM LPS in millimetres; positions name voxel centres; arrays are (k, j, i) = slice, row, column;
  an affine maps (k, j, i, 1) to (x, y, z, 1). `k` always counts in the order of writing, not the sorted order.
- The stored value of the ramp is linear in its index, `1000 k + 100 j + 10 i`, so trilinear interpolation is exact:
  one look at a value tells order, spacing, orientation and tilt apart.
- What a reader could wrongly lean on points the wrong way: InstanceNumber and the file names (made from it) run
  against k, and SliceThickness is 5 mm although the slices are 3 mm apart.
- Every call with the same arguments writes the same bytes (UIDs are hashes of `uid_seed`).
- Any attribute can be changed by its DICOM keyword: a value replaces, `None` removes, a function of k is called for
  every slice. Keywords of the radiopharmaceutical item go into that item.

This module shares no code with the package, so that it can serve as oracle for it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    RLELossless,
)
from pydicom.valuerep import DSfloat

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer[Any]]
Vector = tuple[float, float, float]

RAMP_SHAPE: Final = (5, 6, 8)
RAMP_ORIGIN_MM: Final[Vector] = (-10.0, -20.0, -30.0)

# SUV factor in g/Bq of the default PET header, as published with the case (70 kg, 370 MBq F-18, one hour, START).
PET_SUV_FACTOR: Final = 2.7633668e-4
PET_SHAPE: Final = (7, 8, 9)
PET_ORIGIN_MM: Final[Vector] = (-16.0, -24.0, -34.5)
PET_SPACING_MM: Final[Vector] = (3.5, 2.5, 2.25)
PET_SLOPES: Final = (1.5, 2.19, 1.83, 1.41, 2.7, 1.65, 1.98)

_CLASS_OF_MODALITY: Final = {
    "CT": CTImageStorage,
    "MR": MRImageStorage,
    "PT": PositronEmissionTomographyImageStorage,
}
_ITEM_KEYWORDS: Final = frozenset(
    {
        "RadionuclideCodeSequence",
        "RadionuclideHalfLife",
        "RadionuclidePositronFraction",
        "RadionuclideTotalDose",
        "Radiopharmaceutical",
        "RadiopharmaceuticalStartDateTime",
        "RadiopharmaceuticalStartTime",
        "RadiopharmaceuticalVolume",
    }
)


@dataclass(frozen=True)
class RampCase:
    """One orientation or fault of the ramp phantom.

    Parameters
    ----------
    row, column
        Unit vectors of ImageOrientationPatient: direction of increasing i, direction of increasing j.
    steps_mm
        LPS vector from slice k to k + 1, one for every interval.
    skipped
        Slices that are not written.
    tags
        Attributes that differ from the plain ramp.
    spacing_mm
        PixelSpacing: distance of rows, distance of columns.
    """

    row: Vector
    column: Vector
    steps_mm: tuple[Vector, ...]
    skipped: tuple[int, ...] = ()
    tags: Mapping[str, Any] | None = None
    spacing_mm: tuple[float, float] = (2.0, 1.0)

    @property
    def positions_mm(self) -> FloatArray:
        """(k, 3) ImagePositionPatient of every slice in order of k, the skipped ones included."""
        return np.cumsum(np.array([RAMP_ORIGIN_MM, *self.steps_mm], dtype=np.float64), axis=0)

    @property
    def kept(self) -> tuple[int, ...]:
        """Slices that are written, in order of k."""
        return tuple(k for k in range(len(self.steps_mm) + 1) if k not in self.skipped)


def _even(step: Vector) -> tuple[Vector, ...]:
    return (step,) * (RAMP_SHAPE[0] - 1)


def _oblique() -> RampCase:
    z, x = math.radians(10), math.radians(20)
    about_z = np.array([[math.cos(z), -math.sin(z), 0], [math.sin(z), math.cos(z), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, math.cos(x), -math.sin(x)], [0, math.sin(x), math.cos(x)]])
    row, column, normal = (tuple(map(float, axis)) for axis in (about_z @ about_x).T)
    return RampCase(row, column, _even(tuple(3.0 * v for v in normal)))  # type: ignore[arg-type]


_TILT: Final = math.radians(15)
_GE_COLUMN: Final[Vector] = (0.0, 0.9483237, -0.3173047)
_GE_STEPS: Final = tuple((0.0, 0.0, z) for z in [4.22] * 13 + [1.14] + [7.38] * 13)
_X: Final[Vector] = (1.0, 0.0, 0.0)
_Y: Final[Vector] = (0.0, 1.0, 0.0)
_DOWN: Final[Vector] = (0.0, 0.0, -1.0)

RAMP_CASES: Final[Mapping[str, RampCase]] = {
    "G1": RampCase(_X, _Y, _even((0.0, 0.0, 3.0))),
    "G2": RampCase(_Y, _DOWN, _even((3.0, 0.0, 0.0))),
    "G3": RampCase(_X, _DOWN, _even((0.0, 3.0, 0.0))),
    "G4": _oblique(),
    "G5": RampCase(
        _X,
        (0.0, math.cos(_TILT), -math.sin(_TILT)),
        _even((0.0, 0.0, 3.0)),
        tags={"GantryDetectorTilt": -15.0},
    ),
    "G6": RampCase(
        (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), _even((0.0, 0.0, 3.0)), tags={"PatientPosition": "HFP"}
    ),
    "G6b": RampCase(_X, _Y, _even((0.0, 0.0, -3.0)), tags={"PatientPosition": "FFS"}),
    "G7": RampCase(_X, _Y, _even((0.0, 0.0, 3.0)), skipped=(3,)),
    "G8": RampCase(_X, _Y, _even((0.0, 0.0, 3.0)), skipped=(1, 2, 3, 4)),
    "G9": RampCase((0.0, -1.0, 0.0), _X, _even((0.0, 0.0, 3.0)), tags={"PatientPosition": "HFDR"}),
    "G10": RampCase(_X, _Y, _even((0.0, 0.0, 3.0)), tags={"SpacingBetweenSlices": 2.5}),
    # The tilt sign is the vendor's own, as in the field: only the orientation vectors tell the truth.
    "G11": RampCase(
        _X, _GE_COLUMN, _GE_STEPS, tags={"GantryDetectorTilt": 18.5}, spacing_mm=(0.488281, 0.488281)
    ),
}


def ramp_array(slices: int = RAMP_SHAPE[0]) -> npt.NDArray[np.int16]:
    """Stored values (k, j, i) of the ramp, int16, `1000 k + 100 j + 10 i`."""
    k, j, i = np.indices((slices, *RAMP_SHAPE[1:]))
    return np.asarray(1000 * k + 100 * j + 10 * i, dtype=np.int16)


def ramp_affine(case: str = "G1") -> FloatArray:
    """4x4 from (k, j, i, 1) to LPS mm for an evenly stepped case, k in order of writing (not for G11)."""
    ramp = RAMP_CASES[case]
    affine = np.eye(4)
    affine[:3, 0] = ramp.steps_mm[0]
    affine[:3, 1] = ramp.spacing_mm[0] * np.array(ramp.column)
    affine[:3, 2] = ramp.spacing_mm[1] * np.array(ramp.row)
    affine[:3, 3] = RAMP_ORIGIN_MM
    return affine


def pet_affine() -> FloatArray:
    """4x4 from (k, j, i, 1) to LPS mm of `write_pet`: axial, on a grid of its own around the ramp G1."""
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2] = PET_SPACING_MM
    affine[:3, 3] = PET_ORIGIN_MM
    affine[3, 3] = 1.0
    return affine


def pet_suv(x_mm: Any, y_mm: Any, z_mm: Any) -> Any:
    """SUV (g/mL) of `write_pet` at an LPS point: linear in position, so any interpolation of it is exact."""
    return (
        5.0
        + 0.1 * (np.asarray(x_mm) + 10.0)
        + 0.2 * (np.asarray(y_mm) + 20.0)
        + 0.1 * (np.asarray(z_mm) + 30)
    )


def uid_of(*words: object) -> UID:
    """UID of the form 2.25.<128-bit number>, the same for the same words (PS3.5 B.2)."""
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")


# --- Writers ----------------------------------------------------------------------------------------------------


def write_ramp(
    folder: Path,
    case: str = "G1",
    *,
    transfer_syntax: str = ExplicitVRLittleEndian,
    uid_seed: str = "ramp",
    **overrides: Any,
) -> Path:
    """Write one case of the ramp phantom.

    Parameters
    ----------
    folder
        Where the files go; made when missing.
    case
        "G1" to "G11" (with "G6b"), or "E1" for the Enhanced CT multi-frame object (PS3.3 A.38).
    transfer_syntax
        UID of a transfer syntax that `write_series` knows.
    uid_seed
        Study, frame of reference and instances get UIDs made from it, the series from it and `case`.
    overrides
        Attributes by keyword; see the module.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    KeyError
        There is no such case.
    """
    if case == "E1":
        return _write_enhanced(
            folder, transfer_syntax=transfer_syntax, uid_seed=uid_seed, overrides=overrides
        )
    ramp = RAMP_CASES[case]
    kept = list(ramp.kept)
    positions = ramp.positions_mm
    affine = ramp_affine(case)
    return write_series(
        folder,
        ramp_array(len(positions))[kept],
        affine,
        positions_mm=positions[kept],
        transfer_syntax=transfer_syntax,
        uid_seed=uid_seed,
        **{
            "SeriesInstanceUID": uid_of(uid_seed, "series", case),
            "SeriesDescription": f"Ramp {case}",
            **(ramp.tags or {}),
            **overrides,
        },
    )


def write_pet(
    folder: Path,
    *,
    suv: npt.ArrayLike | None = None,
    affine: FloatArray | None = None,
    factor_g_per_bq: float = PET_SUV_FACTOR,
    slopes: Sequence[float] = PET_SLOPES,
    transfer_syntax: str = ExplicitVRLittleEndian,
    uid_seed: str = "ramp",
    **overrides: Any,
) -> Path:
    """Write a PET in Bq/mL of known SUV that shares study and frame of reference with `write_ramp`.

    Parameters
    ----------
    folder
        Where the files go; made when missing.
    suv
        (k, j, i) SUVbw in g/mL; `pet_suv` on the grid of `affine` when None.
    affine
        4x4 from (k, j, i, 1) to LPS mm; `pet_affine()` when None.
    factor_g_per_bq
        Bq/mL = SUV / factor. The default belongs to the default header; with other inputs give their factor.
    slopes
        RescaleSlope of the slices, used in turn: they differ, so one slope for the series shows (B01).
    transfer_syntax, uid_seed, overrides
        As in `write_ramp`.

    Returns
    -------
    Path
        `folder`.
    """
    if affine is None:
        affine = pet_affine()
    if suv is None:
        index = np.indices(PET_SHAPE).reshape(3, -1)
        suv = pet_suv(*(affine[:3, :3] @ index + affine[:3, 3:])).reshape(PET_SHAPE)
    values = np.asarray(suv, dtype=np.float64)
    each = np.array([slopes[k % len(slopes)] for k in range(len(values))])
    stored = np.rint(values / factor_g_per_bq / each[:, None, None])
    if stored.min() < 0 or stored.max() > 32767:
        raise ValueError("these slopes cannot hold these values in 15 bits")
    tags = {
        "SeriesInstanceUID": uid_of(uid_seed, "series", "PET"),
        "SeriesDescription": "PET AC",
        "SeriesNumber": 2,
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "RescaleType": None,
        "RescaleSlope": lambda k: float(each[k]),
        "NumberOfSlices": len(values),
        "ImageIndex": lambda k: k + 1,
        **_pet_tags(),
        **overrides,
    }
    return write_series(
        folder,
        stored.astype(np.int16),
        affine,
        modality="PT",
        transfer_syntax=transfer_syntax,
        uid_seed=uid_seed,
        **tags,
    )


def _pet_tags() -> dict[str, Any]:
    """The default header: 70 kg, 370 MBq F-18 at 10:00, scan at 11:00, decay corrected to its start."""
    return {
        "PatientWeight": 70.0,
        "PatientSize": 1.75,
        "PatientSex": "O",
        "SeriesDate": "20250101",
        "SeriesTime": "110000",
        "AcquisitionDate": "20250101",
        "AcquisitionTime": "110000",
        "Units": "BQML",
        "DecayCorrection": "START",
        "CorrectedImage": ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"],
        "SeriesType": ["STATIC", "IMAGE"],
        "CountsSource": "EMISSION",
        "FrameReferenceTime": 150000.0,
        "ActualFrameDuration": 300000,
        "Radiopharmaceutical": "Fluorodeoxyglucose",
        "RadiopharmaceuticalStartTime": "100000",
        "RadiopharmaceuticalStartDateTime": "20250101100000",
        "RadionuclideTotalDose": 370e6,
        "RadionuclideHalfLife": 6586.2,
        "RadionuclidePositronFraction": 0.9673,
        "RadionuclideCodeSequence": [_code("C-111A1", "SRT", "^18^Fluorine")],
    }


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def write_series(
    folder: Path,
    array: IntArray,
    affine: npt.ArrayLike,
    *,
    modality: str = "CT",
    positions_mm: npt.ArrayLike | None = None,
    transfer_syntax: str = ExplicitVRLittleEndian,
    uid_seed: str = "ramp",
    **tags: Any,
) -> Path:
    """Write an array as a series of single-frame images.

    Parameters
    ----------
    folder
        Where the files go; made when missing. Files are named after InstanceNumber, `im0001.dcm`.
    array
        (k, j, i) stored values, int16 or uint16 or uint8; (k, j, i, 3) uint8 for RGB.
    affine
        4x4 from (k, j, i, 1) to LPS mm. Its two last columns give PixelSpacing and ImageOrientationPatient.
    modality
        "CT", "MR" or "PT"; others need SOPClassUID among `tags`.
    positions_mm
        (k, 3) ImagePositionPatient where the slices are not evenly stepped; from `affine` when None.
    transfer_syntax
        Uncompressed, deflated, RLE, JPEG lossless SV1, JPEG-LS lossless, JPEG 2000 lossless or HTJ2K lossless.
    uid_seed
        Study and frame of reference get UIDs made from it; series and instances too, unless given.
    tags
        Attributes by keyword; see the module.

    Returns
    -------
    Path
        `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    matrix = np.asarray(affine, dtype=np.float64)
    row_mm, column_mm = (float(np.linalg.norm(matrix[:3, axis])) for axis in (1, 2))
    where = (
        matrix[:3, 3] + np.arange(len(array))[:, None] * matrix[:3, 0]
        if positions_mm is None
        else np.asarray(positions_mm, dtype=np.float64)
    )
    series_uid = tags.get("SeriesInstanceUID") or uid_of(uid_seed, "series", modality)
    for k, pixels in enumerate(array):
        dataset = _common(modality, uid_seed)
        dataset.SOPInstanceUID = uid_of(uid_seed, series_uid, k)
        dataset.SeriesInstanceUID = series_uid
        dataset.InstanceNumber = len(array) - k
        dataset.ImagePositionPatient = _ds(where[k])
        dataset.ImageOrientationPatient = _ds([*(matrix[:3, 2] / column_mm), *(matrix[:3, 1] / row_mm)])
        dataset.PixelSpacing = _ds([row_mm, column_mm])
        dataset.SliceThickness = 5.0
        dataset.RescaleSlope = 1.0
        dataset.RescaleIntercept = 0.0
        if modality == "CT":
            dataset.RescaleType = "HU"
        _put_pixels(dataset, pixels)
        _apply(dataset, tags, k)
        number = dataset.get("InstanceNumber")
        _save(dataset, folder / f"im{k + 1 if number is None else int(number):04d}.dcm", transfer_syntax)
    return folder


def _common(modality: str, uid_seed: str) -> Dataset:
    """Patient, study and series of every object here."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = _CLASS_OF_MODALITY.get(modality, CTImageStorage)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Modality = modality
    dataset.Manufacturer = "Phantom works"
    dataset.PatientName = "Ramp^Phantom"
    dataset.PatientID = "RAMP-1"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.PatientPosition = "HFS"
    dataset.StudyInstanceUID = uid_of(uid_seed, "study")
    dataset.StudyID = "1"
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = "20250101"
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = "110000"
    dataset.StudyDescription = "Synthetic"
    dataset.SeriesNumber = 1
    dataset.AcquisitionNumber = 1
    dataset.FrameOfReferenceUID = uid_of(uid_seed, "frame of reference")
    return dataset


def _ds(values: Sequence[float] | FloatArray) -> list[DSfloat]:
    """Floats as decimal strings of at most 16 characters (PS3.5 6.2)."""
    return [DSfloat(float(value) + 0.0, auto_format=True) for value in values]


def _put_pixels(dataset: Dataset, pixels: IntArray) -> None:
    """Image Pixel module (PS3.3 C.7.6.3) of one frame (j, i), one colour frame (j, i, 3) or frames (k, j, i)."""
    colour = pixels.ndim == 3 and pixels.shape[-1] == 3 and pixels.dtype == np.uint8
    frames = pixels.ndim == 3 and not colour
    dataset.Rows, dataset.Columns = pixels.shape[1:3] if frames else pixels.shape[:2]
    if frames:
        dataset.NumberOfFrames = len(pixels)
    bits = 8 * pixels.dtype.itemsize
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    data = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW"


def _apply(dataset: Dataset, tags: Mapping[str, Any], k: int) -> None:
    """Set, change or remove attributes by keyword."""
    for keyword, given in tags.items():
        value = given(k) if callable(given) else given
        target = dataset
        if keyword in _ITEM_KEYWORDS:
            if "RadiopharmaceuticalInformationSequence" not in dataset:
                dataset.RadiopharmaceuticalInformationSequence = [Dataset()]
            target = dataset.RadiopharmaceuticalInformationSequence[0]
        if value is None:
            if keyword in target:
                delattr(target, keyword)
        else:
            setattr(target, keyword, value)


def _save(dataset: Dataset, path: Path, transfer_syntax: str) -> None:
    """Encode the pixel data for a transfer syntax and write the file (PS3.10 7)."""
    syntax = UID(transfer_syntax)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    if "PixelData" in dataset:
        if syntax.is_compressed and not syntax.is_deflated:
            _compress(dataset, syntax)
        elif syntax == ExplicitVRBigEndian and dataset.BitsAllocated == 16:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").byteswap().tobytes()
    dataset.save_as(path, enforce_file_format=True)


def _compress(dataset: Dataset, syntax: UID) -> None:
    """Replace native pixel data by encapsulated fragments, one a frame (PS3.5 A.4)."""
    if syntax == RLELossless:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
        return
    encode = _encoder(syntax)
    shape = (int(dataset.get("NumberOfFrames", 1)), dataset.Rows, dataset.Columns)
    signed = dataset.PixelRepresentation == 1
    # JPEG and JPEG-LS know no sign: the two's complement words are coded as they are. JPEG 2000 has a sign bit.
    kind = "i" if signed and syntax in (JPEG2000Lossless, HTJ2KLossless) else "u"
    dtype = np.dtype(f"<{kind}{dataset.BitsAllocated // 8}")
    size = math.prod(shape) * dataset.SamplesPerPixel * dtype.itemsize
    pixels = np.frombuffer(dataset.PixelData[:size], dtype)
    pixels = pixels.reshape((*shape, 3) if dataset.SamplesPerPixel == 3 else shape)
    dataset.PixelData = encapsulate([encode(np.ascontiguousarray(frame)) for frame in pixels])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True


def _encoder(syntax: UID) -> Callable[[IntArray], bytes]:
    """Lossless encoder of one frame for a compressed transfer syntax."""
    import imagecodecs

    if syntax == JPEGLSLossless:
        return lambda frame: bytes(imagecodecs.jpegls_encode(frame))
    if syntax == JPEGLosslessSV1:
        return lambda frame: bytes(imagecodecs.ljpeg_encode(frame))
    if syntax == JPEG2000Lossless:
        return lambda frame: bytes(imagecodecs.jpeg2k_encode(frame, level=0, codecformat="J2K", mct=False))
    if syntax == HTJ2KLossless:
        return lambda frame: bytes(imagecodecs.htj2k_encode(frame, reversible=True))
    raise ValueError(f"no encoder for {syntax.name}")


def _write_enhanced(
    folder: Path, *, transfer_syntax: str, uid_seed: str, overrides: Mapping[str, Any]
) -> Path:
    """Ramp G1 as one Enhanced CT object: frames stored out of order, slope 2 and intercept -1000 (PS3.3 A.38).

    Geometry sits where the standard puts it: orientation and spacing shared, position and rescale per frame
    (PS3.3 C.7.6.16). `overrides` act on the top level.
    """
    folder.mkdir(parents=True, exist_ok=True)
    order = (3, 0, 4, 1, 2)
    ramp = RAMP_CASES["G1"]
    dataset = _common("CT", uid_seed)
    dataset.SOPClassUID = EnhancedCTImageStorage
    dataset.SOPInstanceUID = uid_of(uid_seed, "E1")
    dataset.SeriesInstanceUID = uid_of(uid_seed, "series", "E1")
    dataset.SeriesDescription = "Ramp E1"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.InstanceNumber = 1
    dataset.PixelPresentation = "MONOCHROME"
    dataset.VolumetricProperties = "VOLUME"
    dataset.VolumeBasedCalculationTechnique = "NONE"
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    dataset.PresentationLUTShape = "IDENTITY"

    shared = Dataset()
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=_ds([*ramp.row, *ramp.column]))]
    shared.PixelMeasuresSequence = [_item(PixelSpacing=_ds(ramp.spacing_mm), SliceThickness=5.0)]
    shared.CTImageFrameTypeSequence = [
        _item(
            FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
            PixelPresentation="MONOCHROME",
            VolumetricProperties="VOLUME",
            VolumeBasedCalculationTechnique="NONE",
        )
    ]
    shared.FrameVOILUTSequence = [_item(WindowCenter=3000.0, WindowWidth=10000.0)]
    dataset.SharedFunctionalGroupsSequence = [shared]

    dimension = uid_of(uid_seed, "dimensions")
    dataset.DimensionOrganizationSequence = [_item(DimensionOrganizationUID=dimension)]
    dataset.DimensionIndexSequence = [
        _item(
            DimensionOrganizationUID=dimension,
            DimensionIndexPointer=0x00200032,
            FunctionalGroupPointer=0x00209113,
        )
    ]
    frames = []
    for k in order:
        frame = Dataset()
        frame.FrameContentSequence = [
            _item(
                FrameAcquisitionNumber=1,
                DimensionIndexValues=[k + 1],
                StackID="1",
                InStackPositionNumber=k + 1,
            )
        ]
        frame.PlanePositionSequence = [_item(ImagePositionPatient=_ds(ramp.positions_mm[k]))]
        frame.PixelValueTransformationSequence = [
            _item(RescaleIntercept=-1000.0, RescaleSlope=2.0, RescaleType="HU")
        ]
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = frames
    _put_pixels(dataset, ramp_array()[list(order)])
    _apply(dataset, overrides, 0)
    _save(dataset, folder / "enhanced.dcm", transfer_syntax)
    return folder


def _item(**attributes: Any) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item
