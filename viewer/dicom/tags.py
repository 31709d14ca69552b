"""The tags of one file as rows for the sidebar: clean text, limits, and which ones identify the patient."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewer.dicom.careful import careful_pydicom, pydicom_errors

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

MAX_ROWS = 20_000
MAX_DEPTH = 24
MAX_TEXT = 2_000
MAX_ITEMS = 500
"""Items of one sequence that are listed."""
MAX_VALUES = 64
"""Numbers of one element that are listed."""

_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_IDENTIFYING_VRS = frozenset({"PN", "DA", "DT", "TM", "AS", "LT", "ST", "UT", "UR"})
"""Names, dates, ages and free text: the Basic Profile acts on nearly all of them (PS3.15 Table E.1-1)."""
_CHARACTER_SET = 0x00080005
_TEXT_VRS = frozenset({"SH", "LO", "ST", "PN", "LT", "UC", "UT"})
"""Value representations that Specific Character Set applies to (PS3.5 6.1.2.3)."""
_HARMLESS_UIDS = ("ClassUID", "TransferSyntaxUID", "ImplementationClassUID", "CodingSchemeUID", "ContextUID")
_IDENTIFYING = frozenset(
    {
        "AccessionNumber",
        "AdmissionID",
        "ClinicalTrialSubjectID",
        "ClinicalTrialSubjectReadingID",
        "ClinicalTrialSiteName",
        "ClinicalTrialSiteID",
        "ContainerIdentifier",
        "CountryOfResidence",
        "DetectorID",
        "DeviceSerialNumber",
        "DeviceUID",
        "EthnicGroup",
        "FillerOrderNumberImagingServiceRequest",
        "GantryID",
        "GeneratorID",
        "InstitutionAddress",
        "InstitutionName",
        "InstitutionalDepartmentName",
        "IssuerOfPatientID",
        "MedicalAlerts",
        "MilitaryRank",
        "Occupation",
        "OtherPatientIDs",
        "PatientID",
        "PatientInstitutionResidence",
        "PatientReligiousPreference",
        "PatientSex",
        "PatientSize",
        "PatientState",
        "PatientTelephoneNumbers",
        "PatientWeight",
        "PatientAddress",
        "PerformedLocation",
        "PerformedProcedureStepDescription",
        "PerformedProcedureStepID",
        "PerformedStationAETitle",
        "PerformedStationName",
        "PlacerOrderNumberImagingServiceRequest",
        "PlateID",
        "ProtocolName",
        "RegionOfResidence",
        "RequestAttributesSequence",
        "RequestedProcedureDescription",
        "RequestedProcedureID",
        "RequestingService",
        "ScheduledProcedureStepDescription",
        "ScheduledProcedureStepID",
        "SeriesDescription",
        "ServiceEpisodeID",
        "SourceApplicationEntityTitle",
        "SpecialNeeds",
        "StationName",
        "StudyDescription",
        "StudyID",
        "DerivationDescription",
        "AdmittingDiagnosesDescription",
        "PatientInsurancePlanCodeSequence",
        "PatientPrimaryLanguageCodeSequence",
        "AdditionalPatientHistory",
        "Allergies",
        "BranchOfService",
        "CurrentPatientLocation",
        "InsurancePlanIdentification",
        "MedicalRecordLocator",
        "PatientMotherBirthName",
        "PregnancyStatus",
        "SmokingStatus",
        "ContrastBolusAgent",
        "CassetteID",
    }
)


@dataclass(frozen=True)
class TagRow:
    """One line of the tag tree.

    Parameters
    ----------
    tag
        "(gggg,eeee)"; empty for the item of a sequence.
    name
        Name of the standard's dictionary, or the private creator's.
    vr
        Value representation.
    value
        Cleaned text; binary as "<n bytes>".
    depth
        0 at the top, one more inside each item.
    private
        The element is private.
    identity
        The Basic Profile of PS3.15 removes or replaces it.
    """

    tag: str
    name: str
    vr: str
    value: str
    depth: int = 0
    private: bool = False
    identity: bool = False


def tag_rows(path: Path) -> tuple[TagRow, ...]:
    """All elements of a file, file meta information first, without pixel data.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    NotDicomError, ViewerError
        It cannot be read as DICOM.
    OSError
        It cannot be read at all.
    """
    from viewer.dicom.slow_header import open_dataset

    size = path.stat().st_size
    with path.open("rb") as stream:
        dataset, _, _ = open_dataset(stream, size)
    rows: list[TagRow] = []
    with careful_pydicom("The list of tags"):
        unreadable = pydicom_errors()
        for part in (dataset.file_meta, dataset):
            for row in _rows(part, 0, unreadable, ()):
                rows.append(row)
                if len(rows) >= MAX_ROWS:
                    rows.append(TagRow("", "…", "", f"more than {MAX_ROWS} elements; the rest is not listed"))
                    return tuple(rows)
    return tuple(rows)


def _rows(
    dataset: Dataset, depth: int, unreadable: tuple[type[Exception], ...], charsets: tuple[str, ...]
) -> Iterator[TagRow]:
    for tag in sorted(dataset.keys()):
        text = f"({tag.group:04X},{tag.element:04X})"
        try:
            stored = _stored(dataset, tag)
            element = dataset[tag]
            name, vr, value = element.name, str(element.VR), element.value
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            NotImplementedError,
            OverflowError,
            IndexError,
        ):
            yield TagRow(text, "", "", "<cannot be read>", depth, tag.is_private, identity=True)
            continue
        private = bool(tag.is_private)
        identity = private or _identifies(element.keyword, vr)
        if vr == "SQ":
            row = TagRow(text, name, vr, "", depth, private, identity)
            yield from _sequence_rows(row, value, unreadable, charsets)
            continue
        if tag == _CHARACTER_SET:
            charsets = tuple(str(part) for part in ([value] if isinstance(value, str) else value or ()))
        beyond_ascii = not stored.isascii() or b"\x1b" in stored
        shown = _decoded(stored, charsets) if vr in _TEXT_VRS and beyond_ascii else _value_text(value, vr)
        yield TagRow(text, name, vr, shown, depth, private, identity)


def _stored(dataset: Dataset, tag: BaseTag) -> bytes:
    """The bytes of an element that pydicom did not convert yet; empty when there are none."""
    value = getattr(dataset.get_item(tag), "value", None)
    return value if isinstance(value, bytes) else b""


def _decoded(value: bytes, charsets: tuple[str, ...]) -> str:
    """A text as the rest of the viewer reads it: pydicom takes undeclared bytes for Latin-1 (rules J28, J29)."""
    from viewer.dicom.charset import clean_text, decode

    found = decode(value.rstrip(b" \0"), charsets)
    return clean_text(found.text, MAX_TEXT) + (" (character set guessed)" if found.guessed else "")


def _sequence_rows(
    row: TagRow, items: Any, unreadable: tuple[type[Exception], ...], charsets: tuple[str, ...]
) -> Iterator[TagRow]:
    count = len(items)
    yield TagRow(
        row.tag, row.name, row.vr, f"{count} item{'s' * (count != 1)}", row.depth, row.private, identity=False
    )
    if row.depth + 1 > MAX_DEPTH:
        yield TagRow("", "…", "", "nested too deeply; not listed", row.depth + 1)
        return
    for n, item in enumerate(items):
        if n >= MAX_ITEMS:
            yield TagRow("", "…", "", f"{count - MAX_ITEMS} more items", row.depth + 1)
            return
        if count > 1:
            yield TagRow("", f"Item {n + 1}", "", "", row.depth + 1)
        for inner in _rows(item, row.depth + (2 if count > 1 else 1), unreadable, charsets):
            # What lies in a private sequence, or in one the profile removes, is as private as its parent.
            yield inner if not row.identity else _identifying(inner)


def _identifying(row: TagRow) -> TagRow:
    return TagRow(row.tag, row.name, row.vr, row.value, row.depth, row.private, identity=bool(row.tag))


def _identifies(keyword: str, vr: str) -> bool:
    """Whether the Basic Profile acts on an element of the standard."""
    if vr == "UI":
        return not keyword.endswith(_HARMLESS_UIDS)
    return vr in _IDENTIFYING_VRS or keyword in _IDENTIFYING


def _value_text(value: Any, vr: str) -> str:
    """A value as one line of clean text (J24, J25)."""
    from viewer.dicom.charset import clean_text

    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>" if value else ""
    if vr in _BINARY and hasattr(value, "__len__") and not isinstance(value, str):
        return f"<{len(value)} values>"
    if vr == "UI":
        return _uid_text(value)
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        shown = [_one(part) for part in list(value)[:MAX_VALUES]]
        more = f" … ({len(value)} values)" if len(value) > MAX_VALUES else ""
        return clean_text("\\".join(shown), MAX_TEXT) + more
    return clean_text(_one(value), MAX_TEXT)


def _uid_text(value: Any) -> str:
    from viewer.dicom.charset import clean_text

    text = clean_text(
        str(value) if not hasattr(value, "__iter__") or isinstance(value, str) else "\\".join(value)
    )
    name = getattr(value, "name", "")
    return f"{text} ({name})" if name and name != text else text


def _one(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    original = getattr(value, "original_string", None)
    return original if isinstance(original, str) else str(value)
