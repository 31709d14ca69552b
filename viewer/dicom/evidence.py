"""Headers of the images that an object written here is about: patient and study are taken over from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from viewer.dicom.careful import careful_pydicom
from viewer.errors import ExportError, ViewerError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_EMPTY_ALLOWED = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Type 2 of the patient and study modules: unknown is an empty value."""


def evidence_header(path: Path, what: str = "object") -> Dataset:
    """The header of an image, ready to be referred to.

    Parameters
    ----------
    path
        A DICOM file.
    what
        What is written about it, for the sentence: "report".

    Raises
    ------
    ExportError
        It cannot be read any more.
    """
    from pydicom import dcmread

    try:
        with careful_pydicom("The image"):
            found = dcmread(path, stop_before_pixels=True)
    except (OSError, ViewerError) as error:
        raise ExportError(f"An image that the {what} is about cannot be read any more.") from error
    for keyword in _EMPTY_ALLOWED:
        if keyword not in found:
            setattr(found, keyword, None)
    _without_broken_trial(found)
    return found


def _without_broken_trial(found: Dataset) -> None:
    """Leave the Clinical Trial Subject Module (PS3.3 C.7.1.3) out where de-identification emptied what it must hold."""
    named = found.get("ClinicalTrialSubjectID") or found.get("ClinicalTrialSubjectReadingID")
    if found.get("ClinicalTrialSponsorName") and found.get("ClinicalTrialProtocolID") and named:
        return
    for keyword in [name for name in found.dir() if name.startswith("ClinicalTrial")]:
        delattr(found, keyword)
