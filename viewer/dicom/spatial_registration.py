"""Spatial Registration objects (PS3.3 A.39.1, C.20.2): which movement brings one frame of reference onto another."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

import viewer
from viewer.atomic import write_bytes
from viewer.dicom.careful import careful_pydicom
from viewer.dicom.evidence import check_target, evidence_header, patient_and_study
from viewer.errors import ExportError, FormatError, GeometryError
from viewer.imaging.geometry import FloatArray
from viewer.imaging.rigid import as_rigid

SPATIAL_REGISTRATION = "1.2.840.10008.5.1.4.1.1.66.1"


@dataclass(frozen=True, eq=False)
class SpatialRegistration:
    """What one object says.

    Parameters
    ----------
    frame_of_reference_uid
        Of the registered space.
    matrices
        FrameOfReferenceUID to the (4, 4) matrix from it to the registered space, LPS mm.
    """

    frame_of_reference_uid: str
    matrices: Mapping[str, FloatArray]

    def between(self, target: str, source: str) -> FloatArray | None:
        """(4, 4) `target_from_source`, None when the object does not link the two frames of reference."""
        known = {self.frame_of_reference_uid: np.eye(4), **self.matrices}
        if not target or not source or target not in known or source not in known:
            return None
        result: FloatArray = np.linalg.inv(known[target]) @ known[source]
        return result


def read_spatial_registration(path: Path) -> SpatialRegistration:
    """Read an object.

    Raises
    ------
    ViewerError
        It is none, is damaged, or its transformation is not rigid.
    """
    try:
        with careful_pydicom(path.name):
            return _read(path)
    except OSError as error:
        raise FormatError(f"{path.name} cannot be read ({error.strerror or 'system error'}).") from error
    except GeometryError as error:
        raise FormatError(f"{path.name}: {error.user_message}") from error


def _read(path: Path) -> SpatialRegistration:
    try:
        dataset = dcmread(path, stop_before_pixels=True)
    except InvalidDicomError as error:
        raise FormatError(f"{path.name} is not a DICOM file.") from error
    if dataset.get("SOPClassUID") != SPATIAL_REGISTRATION:
        raise FormatError(f"{path.name} is not a spatial registration.")
    matrices: dict[str, FloatArray] = {}
    for item in dataset.get("RegistrationSequence") or ():
        # An item may name images instead; whose frame of reference that is only those images say.
        uid, matrix = str(item.get("FrameOfReferenceUID", "")), _matrix(item)
        if uid and matrix is not None:
            matrices[uid] = matrix
    return SpatialRegistration(str(dataset.get("FrameOfReferenceUID", "")), matrices)


def _matrix(item: Dataset) -> FloatArray | None:
    """The matrices of an item one after the other (C.20.2.1.1: in the order of the items), None without any."""
    result: FloatArray | None = None
    for registration in item.get("MatrixRegistrationSequence") or ():
        for step in registration.get("MatrixSequence") or ():
            matrix = as_rigid(np.array(step.get("FrameOfReferenceTransformationMatrix") or (), np.float64))
            result = matrix if result is None else matrix @ result
    return result


def write_spatial_registration(
    path: Path, target: Path, source: Path, matrix: FloatArray, comment: str, when: dt.datetime
) -> None:
    """Write the movement of one series onto another.

    Parameters
    ----------
    path
        New file.
    target, source
        An image of each series; patient, study and frames of reference come from them.
    matrix
        (4, 4) `target_from_source`, LPS mm.
    comment
        Of the matrix: how it was found.
    when
        Time of writing.

    Raises
    ------
    ExportError
        An image cannot be read, has no frame of reference or would be written over, or the file cannot be written.
    """
    check_target(path, (target, source))
    images = [_image(name) for name in (target, source)]
    dataset = patient_and_study(images[0])
    dataset.SOPClassUID, dataset.SOPInstanceUID = UID(SPATIAL_REGISTRATION), generate_uid(prefix=None)
    dataset.SeriesInstanceUID = generate_uid(prefix=None)
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "REG", "1", "1"
    dataset.SeriesDescription, dataset.Laterality = "Registration", ""
    dataset.Manufacturer, dataset.ManufacturerModelName = "The Triptych authors", "Triptych"
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = "0", viewer.__version__
    dataset.ContentDate, dataset.ContentTime = when.strftime("%Y%m%d"), when.strftime("%H%M%S")
    dataset.SeriesDate, dataset.SeriesTime = dataset.ContentDate, dataset.ContentTime
    dataset.ContentLabel, dataset.ContentDescription, dataset.ContentCreatorName = "REGISTRATION", comment, ""
    dataset.FrameOfReferenceUID = images[0].FrameOfReferenceUID
    dataset.PositionReferenceIndicator = ""
    dataset.RegistrationSequence = Sequence(
        [_item(images[0], np.eye(4), "the target itself"), _item(images[1], matrix, comment)]
    )
    _reference(dataset, images)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = UID(SPATIAL_REGISTRATION)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    write_bytes(path, buffer.getvalue())


def _image(path: Path) -> Any:
    dataset = evidence_header(path, "registration")
    if not dataset.get("FrameOfReferenceUID"):
        raise ExportError(f"{path.name} has no frame of reference, so a registration cannot name it.")
    return dataset


def _item(image: Any, matrix: FloatArray, comment: str) -> Dataset:
    step = Dataset()
    step.FrameOfReferenceTransformationMatrixType = "RIGID"
    step.FrameOfReferenceTransformationMatrix = [float(f"{value:.12g}") for value in matrix.ravel()]
    registration = Dataset()
    registration.FrameOfReferenceTransformationComment = comment
    registration.MatrixSequence = Sequence([step])
    registration.RegistrationTypeCodeSequence = Sequence([])
    item = Dataset()
    item.FrameOfReferenceUID = image.FrameOfReferenceUID
    item.ReferencedImageSequence = Sequence([_instance(image)])
    item.MatrixRegistrationSequence = Sequence([registration])
    return item


def _instance(image: Any) -> Dataset:
    instance = Dataset()
    instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID = (
        image.SOPClassUID,
        image.SOPInstanceUID,
    )
    return instance


def _reference(dataset: Dataset, images: Iterable[Any]) -> None:
    """Common Instance Reference (C.12.2): series of this study, and of other studies."""
    here: list[Dataset] = []
    elsewhere: list[Dataset] = []
    for image in images:
        series = Dataset()
        series.SeriesInstanceUID = image.SeriesInstanceUID
        series.ReferencedInstanceSequence = Sequence([_instance(image)])
        if image.StudyInstanceUID == dataset.StudyInstanceUID:
            here.append(series)
            continue
        study = Dataset()
        study.StudyInstanceUID = image.StudyInstanceUID
        study.ReferencedSeriesSequence = Sequence([series])
        elsewhere.append(study)
    dataset.ReferencedSeriesSequence = Sequence(here)
    if elsewhere:
        dataset.StudiesContainingOtherReferencedInstancesSequence = Sequence(elsewhere)
