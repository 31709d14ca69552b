"""What objects written here have in common: the images they are about, their patient and study, where they may go."""

from __future__ import annotations

from collections.abc import Iterable
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


_PATIENT_AND_STUDY = (
    "SpecificCharacterSet",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
)


def patient_and_study(header: Dataset) -> Dataset:
    """A new object of the patient and study of an image (PS3.3 C.7.1.1, C.7.2.1), to be completed.

    Parameters
    ----------
    header
        What `evidence_header` gave.
    """
    from pydicom.dataset import Dataset

    made = Dataset()
    for keyword in _PATIENT_AND_STUDY:
        if keyword in header:
            made[keyword] = header[keyword]
    return made


def check_target(target: Path, inputs: Iterable[Path]) -> None:
    """Refuse a target that is one of the files that were read (rule I11).

    Raises
    ------
    ExportError
        It is.
    """
    if target.exists() and any(path.exists() and target.samefile(path) for path in inputs):
        raise ExportError("A file that was opened is never written over. Choose another name.")


def require_highdicom(what: str, otherwise: str = "") -> None:
    """Refuse before any work what could not be written after it.

    Parameters
    ----------
    what
        What is written, for the sentence: "Structured reports".
    otherwise
        A sentence about what can be written without it.

    Raises
    ------
    ExportError
        highdicom is not installed.
    """
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        raise ExportError(
            f"{what} are written with the Python package highdicom, which is not installed "
            f"(pip install highdicom; it needs Python 3.13 or older). {otherwise}".rstrip()
        ) from error


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
