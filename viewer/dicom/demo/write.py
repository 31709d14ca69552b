"""The demo study as files: what a scanner would have written, by our own code.

CT, PET with and without attenuation correction, two scouts and a dose page in one study and one frame of
reference, Explicit VR Little Endian, nothing compressed. Two runs write the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
    SecondaryCaptureImageStorage,
)

from viewer.dicom.demo import ct, pet
from viewer.dicom.demo.lesions import LESIONS, Lesion

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

# Goes up whenever a written byte changes: it is part of the UIDs and of the cache folder's name.
CONTENT_VERSION: Final = 1

WEIGHT_KG: Final = 74.0
SIZE_M: Final = 1.78
DOSE_BQ: Final = 312.0e6
HALF_LIFE_S: Final = 6586.2
_DATE: Final = "20250612"
_INJECTION_S: Final = 9 * 3600 + 30 * 60
_SERIES_S: Final = 10 * 3600 + 32 * 60
_BED_SLICES: Final = 36
_BED_S: Final = 180
_BED_PAUSE_S: Final = 4

_SCOUTS: Final = 2


@dataclass(frozen=True)
class DemoStudy:
    """What was written.

    Parameters
    ----------
    folder
        Root of the files.
    study_uid
        StudyInstanceUID.
    lesions
        Hot spheres with centre in LPS mm, diameter in mm and SUVbw in g/mL.
    suv_factor_g_per_bq
        SUVbw of a voxel is this times its Bq/mL.
    files
        Number of files.
    """

    folder: Path
    study_uid: str
    lesions: tuple[Lesion, ...]
    suv_factor_g_per_bq: float
    files: int


def demo_folder(cache_dir: Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """Folder with the demo study in a cache, written there at first use.

    The study is written aside and renamed when complete, so what has the final name is whole. Studies of other
    versions of the program are removed.

    Parameters
    ----------
    cache_dir
        Folder that may be emptied by anybody at any time; made when missing.
    progress
        As in `write_demo_study`; not called when the study is there already.

    Raises
    ------
    OSError
        The study cannot be written there.
    """
    key = hashlib.sha256(f"triptych demo study {CONTENT_VERSION}".encode()).hexdigest()[:12]
    done = cache_dir / f"demo-{key}"
    if done.is_dir():
        return done
    cache_dir.mkdir(parents=True, exist_ok=True)
    aside = type(cache_dir)(tempfile.mkdtemp(prefix=f".{done.name}-", dir=cache_dir))
    try:
        write_demo_study(aside, progress)
        try:
            aside.rename(done)
        except OSError:
            # Another process was faster; its study is as good as ours.
            if not done.is_dir():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    for other in cache_dir.glob("demo-*"):
        if other != done:
            shutil.rmtree(other, ignore_errors=True)
    return done


def write_demo_study(folder: Path, progress: Callable[[int, int], None] | None = None) -> DemoStudy:
    """Write the demo study.

    Parameters
    ----------
    folder
        Where it goes; made when missing. Files of the same names are replaced.
    progress
        Called in this thread with (files written, files in all). What it raises ends the work.

    Returns
    -------
    DemoStudy
        What a viewer must find there.

    Raises
    ------
    OSError
        A file cannot be written.
    """
    for name in ("CT", "PET_AC", "PET_NAC", "SCOUT", "DOSE"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    total = ct.SLICES + 2 * pet.SLICES + _SCOUTS + 1
    written = 0

    def count(files: int) -> None:
        nonlocal written
        written += files
        if progress is not None:
            progress(written, total)

    frontal = np.empty((ct.SLICES, ct.COLUMNS), dtype=np.float32)
    lateral = np.empty((ct.SLICES, ct.ROWS), dtype=np.float32)
    scanner = ct.Scanner()

    def write_slice(k: int) -> int:
        hounsfield = scanner.slice_hu(k)
        stored = np.rint(hounsfield + 1024).astype("<u2")
        _save(_ct_slice(k, stored), folder / "CT" / f"IM{ct.SLICES - k:04d}.dcm")
        water_mm = np.maximum(hounsfield + 1000, 0) * np.float32(ct.PIXEL_MM / 1000)
        frontal[k], lateral[k] = water_mm.sum(axis=0), water_mm.sum(axis=1)
        return 1

    def write_pet() -> int:
        corrected, uncorrected = pet.uptake()
        for k in range(pet.SLICES):
            name = f"IM{pet.SLICES - k:04d}.dcm"
            _save(_pet_slice(k, corrected[k], corrected=True), folder / "PET_AC" / name)
            _save(_pet_slice(k, uncorrected[k], corrected=False), folder / "PET_NAC" / name)
        return 2 * pet.SLICES

    workers = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="demo-study")
    try:
        jobs: list[Future[int]] = [workers.submit(write_pet)]
        jobs += [workers.submit(write_slice, k) for k in range(ct.SLICES)]
        for job in as_completed(jobs):
            count(job.result())
    finally:
        workers.shutdown(wait=True, cancel_futures=True)
    for number, projection in enumerate((frontal, lateral), start=1):
        _save(_scout(number, projection[::-1]), folder / "SCOUT" / f"IM{number:04d}.dcm")
        count(1)
    _save(_dose_page(), folder / "DOSE" / "IM0001.dcm")
    count(1)
    return DemoStudy(folder, _uid("study"), LESIONS, suv_factor_g_per_bq(), total)


def suv_factor_g_per_bq() -> float:
    """SUVbw of one Bq/mL in this study (decay correction START, PS3.3 C.8.9.1)."""
    at_scan_bq = DOSE_BQ * 2 ** (-(_SERIES_S - _INJECTION_S) / HALF_LIFE_S)
    return WEIGHT_KG * 1000 / at_scan_bq


# --- Data sets --------------------------------------------------------------------------------------------------


def _uid(*words: object) -> UID:
    """UID 2.25.<128 bits>, the same for the same words and content version (PS3.5 B.2)."""
    text = "/".join(map(str, ("triptych demo", CONTENT_VERSION, *words)))
    return UID(f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], 'big')}")


def _time(seconds: float) -> str:
    """Seconds since midnight as TM."""
    whole = int(seconds)
    return f"{whole // 3600:02d}{whole // 60 % 60:02d}{whole % 60:02d}.{round((seconds - whole) * 1000):03d}"


def _item(**attributes: Any) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _common(
    series: str, number: int, modality: str, description: str, sop_class: UID, seconds: float
) -> Dataset:
    """Patient, study, series and equipment of every object (PS3.3 C.7.1 to C.7.5)."""
    return _item(
        SpecificCharacterSet="ISO_IR 192",
        InstanceCreationDate=_DATE,
        InstanceCreationTime=_time(seconds + 60),
        SOPClassUID=sop_class,
        StudyDate=_DATE,
        SeriesDate=_DATE,
        AcquisitionDate=_DATE,
        ContentDate=_DATE,
        StudyTime=_time(_SERIES_S - 600),
        SeriesTime=_time(seconds),
        AcquisitionTime=_time(seconds),
        ContentTime=_time(seconds + 30),
        AccessionNumber="DEMO1",
        Modality=modality,
        Manufacturer="Triptych",
        InstitutionName="Digital phantom",
        ReferringPhysicianName="",
        StudyDescription="PET/CT HEAD AND NECK (DIGITAL PHANTOM)",
        SeriesDescription=description,
        ManufacturerModelName="Demo study",
        PatientName="Phantom^Demo",
        PatientID="TRIPTYCH-DEMO",
        PatientBirthDate="19650101",
        PatientSex="O",
        PatientAge="060Y",
        PatientSize=SIZE_M,
        PatientWeight=WEIGHT_KG,
        BodyPartExamined="HEADNECK",
        SoftwareVersions=f"demo {CONTENT_VERSION}",
        PatientPosition="HFS",
        StudyInstanceUID=_uid("study"),
        SeriesInstanceUID=_uid("series", series),
        StudyID="1",
        SeriesNumber=number,
        AcquisitionNumber=1,
        PatientOrientation=None,  # stays, empty, where nothing says how the image lies (PS3.3 C.7.6.1)
    )


def _place(
    dataset: Dataset,
    position_mm: tuple[float, float, float],
    axes: tuple[float, float, float, float, float, float],
    spacing_mm: tuple[float, float],
) -> None:
    """Frame of Reference and Image Plane modules (PS3.3 C.7.4.1, C.7.6.2); spacing is (rows, columns)."""
    dataset.FrameOfReferenceUID = _uid("frame of reference")
    dataset.PositionReferenceIndicator = "OM"
    dataset.ImagePositionPatient = [round(v, 4) for v in position_mm]
    dataset.ImageOrientationPatient = list(axes)
    dataset.PixelSpacing = list(spacing_mm)
    del dataset.PatientOrientation


def _put_pixels(dataset: Dataset, pixels: npt.NDArray[Any], bits_stored: int) -> None:
    """Image Pixel module (PS3.3 C.7.6.3) of one unsigned or signed frame, or of an RGB one (j, i, 3)."""
    colour = pixels.ndim == 3
    bits = 8 * pixels.dtype.itemsize
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.BitsAllocated = bits
    dataset.BitsStored = bits_stored
    dataset.HighBit = bits_stored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.add_new("PixelData", "OB" if bits == 8 else "OW", pixels.tobytes())


def _save(dataset: Dataset, path: Path) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID("2.25.226412718935190267745811163029984311872")
    meta.ImplementationVersionName = "TRIPTYCH_DEMO"
    dataset.file_meta = meta
    dataset.save_as(path, enforce_file_format=True)


def _ct_acquisition(dataset: Dataset) -> None:
    """What every X-ray image of the scanner says (PS3.3 C.8.2.1)."""
    dataset.KVP = 120
    dataset.DataCollectionDiameter = 500
    dataset.DistanceSourceToDetector = 1040
    dataset.DistanceSourceToPatient = 570
    dataset.GantryDetectorTilt = 0
    dataset.RotationDirection = "CW"
    dataset.FilterType = "BODY"
    dataset.RescaleIntercept = -1024
    dataset.RescaleSlope = 1
    dataset.RescaleType = "HU"


def _ct_slice(k: int, stored: npt.NDArray[np.uint16]) -> Dataset:
    x0, y0, z0 = ct.ORIGIN_MM
    z = z0 + ct.SLICE_MM * k
    dataset = _common("CT", 2, "CT", "CT Head Neck 1.0", CTImageStorage, _SERIES_S - 300)
    dataset.SOPInstanceUID = _uid("CT", k)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.InstanceNumber = ct.SLICES - k
    dataset.SliceThickness = ct.SLICE_MM
    dataset.SliceLocation = round(z, 4)
    dataset.ReconstructionDiameter = round(ct.PIXEL_MM * ct.COLUMNS, 3)
    dataset.XRayTubeCurrent = 160 + int(90 / (1 + np.exp((z + 120) / 12)))
    dataset.ExposureTime = 500
    dataset.ConvolutionKernel = "SOFT"
    dataset.ContrastBolusAgent = "Iodinated contrast, simulated"
    dataset.WindowCenter = [50, 40, 480]
    dataset.WindowWidth = [400, 80, 2500]
    dataset.WindowCenterWidthExplanation = ["SOFT TISSUE", "BRAIN", "BONE"]
    _ct_acquisition(dataset)
    _place(dataset, (x0, y0, z), (1, 0, 0, 0, 1, 0), (ct.PIXEL_MM, ct.PIXEL_MM))
    _put_pixels(dataset, stored, 12)
    return dataset


def _pet_slice(k: int, suv: npt.NDArray[np.float32], *, corrected: bool) -> Dataset:
    """One PET image (PS3.3 C.8.9): Bq/mL with a slope of its own."""
    bed = k // _BED_SLICES
    start_s = _SERIES_S + bed * (_BED_S + _BED_PAUSE_S)
    series = "PET AC" if corrected else "PET NAC"
    dataset = _common(
        series, 3 if corrected else 4, "PT", series, PositronEmissionTomographyImageStorage, _SERIES_S
    )
    decay = np.log(2) / HALF_LIFE_S
    # Mean activity of a frame, as a factor of the activity at its start, and when it is reached.
    mean = (1 - np.exp(-decay * _BED_S)) / (decay * _BED_S)
    reference_s = start_s - _SERIES_S - np.log(mean) / decay
    becquerel = suv.astype(np.float64) / suv_factor_g_per_bq()
    slope = float(f"{max(float(becquerel.max()), 1.0) / 32767:.8g}")
    stored = np.rint(becquerel / slope).astype("<i2")
    x0, y0, z0 = pet.ORIGIN_MM
    z = z0 + pet.SLICE_MM * k
    dataset.SOPInstanceUID = _uid(series, k)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.InstanceNumber = dataset.ImageIndex = pet.SLICES - k
    dataset.AcquisitionTime = _time(start_s)
    dataset.SliceThickness = pet.SLICE_MM
    dataset.SliceLocation = round(z, 4)
    dataset.RescaleSlope = slope
    dataset.RescaleIntercept = 0
    dataset.Units = "BQML"
    dataset.SeriesType = ["WHOLE BODY", "IMAGE"]
    dataset.CountsSource = "EMISSION"
    dataset.NumberOfSlices = pet.SLICES
    dataset.CorrectedImage = ["DECY", "RADL", "ATTN", "SCAT", "DTIM", "RANSM", "NORM"]
    dataset.DecayCorrection = "START"
    dataset.AttenuationCorrectionMethod = "measured, CT"
    dataset.ScatterCorrectionMethod = "Model-based"
    if not corrected:
        dataset.CorrectedImage = ["DECY", "RADL", "DTIM", "RANSM", "NORM"]
        del dataset.AttenuationCorrectionMethod
        del dataset.ScatterCorrectionMethod
    dataset.RandomsCorrectionMethod = "SING"
    dataset.CollimatorType = "NONE"
    dataset.ReconstructionMethod = "OSEM 3D"
    dataset.ReconstructionDiameter = round(pet.PIXEL_MM * pet.COLUMNS, 3)
    dataset.ActualFrameDuration = _BED_S * 1000
    dataset.FrameReferenceTime = round(1000 * float(reference_s), 3)
    dataset.DecayFactor = round(float(np.exp(decay * (start_s - _SERIES_S)) / mean), 7)
    dataset.PatientGantryRelationshipCodeSequence = [
        _item(CodeValue="102540001", CodingSchemeDesignator="SCT", CodeMeaning="headfirst")
    ]
    dataset.PatientOrientationCodeSequence = [
        _item(
            CodeValue="102538003",
            CodingSchemeDesignator="SCT",
            CodeMeaning="recumbent",
            PatientOrientationModifierCodeSequence=[
                _item(CodeValue="40199007", CodingSchemeDesignator="SCT", CodeMeaning="supine")
            ],
        )
    ]
    dataset.RadiopharmaceuticalInformationSequence = [
        _item(
            Radiopharmaceutical="Fluorodeoxyglucose F^18^",
            RadiopharmaceuticalVolume=2.5,
            RadiopharmaceuticalStartTime=_time(_INJECTION_S),
            RadiopharmaceuticalStartDateTime=_DATE + _time(_INJECTION_S),
            RadionuclideTotalDose=DOSE_BQ,
            RadionuclideHalfLife=HALF_LIFE_S,
            RadionuclidePositronFraction=0.967,
            RadionuclideCodeSequence=[
                _item(CodeValue="77004003", CodingSchemeDesignator="SCT", CodeMeaning="^18^Fluorine")
            ],
            RadiopharmaceuticalCodeSequence=[
                _item(
                    CodeValue="35321007",
                    CodingSchemeDesignator="SCT",
                    CodeMeaning="Fluorodeoxyglucose F^18^",
                )
            ],
        )
    ]
    _place(dataset, (x0, y0, z), (1, 0, 0, 0, 1, 0), (pet.PIXEL_MM, pet.PIXEL_MM))
    _put_pixels(dataset, stored, 16)
    return dataset


def _scout(number: int, water_mm: npt.NDArray[np.float32]) -> Dataset:
    """Projection of the CT, frontal (1) or lateral (2), from (z from the head down, along x or y) mm of water."""
    x0, y0, z0 = ct.ORIGIN_MM
    top = z0 + ct.SLICE_MM * (ct.SLICES - 1)
    dataset = _common("scout", 1, "CT", "Scout", CTImageStorage, _SERIES_S - 420)
    dataset.SOPInstanceUID = _uid("scout", number)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    dataset.InstanceNumber = number
    dataset.SliceThickness = round(ct.PIXEL_MM * ct.COLUMNS, 3)
    dataset.XRayTubeCurrent = 30
    dataset.ExposureTime = 3200
    dataset.ConvolutionKernel = "SCOUT"
    dataset.WindowCenter = 200
    dataset.WindowWidth = 2200
    _ct_acquisition(dataset)
    middle = (ct.COLUMNS - 1) / 2 * ct.PIXEL_MM
    if number == 1:
        _place(dataset, (x0, y0 + middle, top), (1, 0, 0, 0, 0, -1), (ct.SLICE_MM, ct.PIXEL_MM))
    else:
        _place(dataset, (x0 + middle, y0, top), (0, 1, 0, 0, 0, -1), (ct.SLICE_MM, ct.PIXEL_MM))
    # A scout shows attenuation, not HU: ten units for a millimetre of water, bone brighter than air.
    values = np.clip(water_mm * 10 - 1000, -1024, 3071)
    _put_pixels(dataset, np.rint(values + 1024).astype("<u2"), 12)
    return dataset


def _dose_page() -> Dataset:
    """Dose report as a screen save (secondary capture, no place in the patient)."""
    from PIL import Image, ImageDraw, ImageFont

    lines = (
        ("Dose report", ""),
        ("", ""),
        ("Patient", "Phantom^Demo"),
        ("Patient ID", "TRIPTYCH-DEMO"),
        ("Study", "PET/CT head and neck"),
        ("", ""),
        ("Scout, 2 views", "CTDIvol   0.12 mGy   DLP    3.8 mGy cm"),
        ("CT head and neck", "CTDIvol   9.40 mGy   DLP  300.8 mGy cm"),
        ("Phantom", "body 32 cm"),
        ("Total DLP", "304.6 mGy cm"),
        ("", ""),
        ("F-18 FDG", f"{DOSE_BQ / 1e6:.0f} MBq"),
        ("", ""),
        ("Simulated: nobody was exposed.", ""),
    )
    page = Image.new("RGB", (640, 400), (12, 16, 24))
    draw = ImageDraw.Draw(page)
    title, text = ImageFont.load_default(26), ImageFont.load_default(17)
    for row, (left, right) in enumerate(lines):
        place = (32, 24 + 25 * row)
        draw.text(
            place, left, fill=(255, 255, 255) if row == 0 else (150, 190, 230), font=text if row else title
        )
        draw.text((230, place[1]), right, fill=(235, 235, 235), font=text)
    dataset = _common("dose", 99, "CT", "Dose report", SecondaryCaptureImageStorage, _SERIES_S - 200)
    dataset.SOPInstanceUID = _uid("dose", 1)
    dataset.ImageType = ["DERIVED", "SECONDARY", "SCREEN SAVE", "DOSE_INFO"]
    dataset.InstanceNumber = 1
    dataset.ConversionType = "WSD"
    dataset.BurnedInAnnotation = "YES"
    _put_pixels(dataset, np.asarray(page, dtype=np.uint8), 8)
    return dataset
