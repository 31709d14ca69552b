"""What a SOP class is to the viewer (PS3.4 B.5). The SOP class counts, not the Modality text."""

from __future__ import annotations

from viewer.dicom.model import SeriesKind

_STORAGE = "1.2.840.10008.5.1.4.1.1."

DICOMDIR = "1.2.840.10008.1.3.10"
CT, ENHANCED_CT, LEGACY_CT = _STORAGE + "2", _STORAGE + "2.1", _STORAGE + "2.2"
MR, ENHANCED_MR, ENHANCED_MR_COLOUR, LEGACY_MR = (_STORAGE + n for n in ("4", "4.1", "4.3", "4.4"))
PET, ENHANCED_PET, LEGACY_PET = _STORAGE + "128", _STORAGE + "130", _STORAGE + "128.1"
NM = _STORAGE + "20"
PARAMETRIC_MAP = _STORAGE + "30"

_KINDS: dict[str, SeriesKind] = {
    CT: SeriesKind.VOLUME,
    ENHANCED_CT: SeriesKind.VOLUME,
    LEGACY_CT: SeriesKind.VOLUME,
    MR: SeriesKind.VOLUME,
    ENHANCED_MR: SeriesKind.VOLUME,
    ENHANCED_MR_COLOUR: SeriesKind.VOLUME,
    LEGACY_MR: SeriesKind.VOLUME,
    PET: SeriesKind.VOLUME,
    ENHANCED_PET: SeriesKind.VOLUME,
    LEGACY_PET: SeriesKind.VOLUME,
    NM: SeriesKind.VOLUME,
    PARAMETRIC_MAP: SeriesKind.VOLUME,
    _STORAGE + "66.1": SeriesKind.REGISTRATION,
    _STORAGE + "66.3": SeriesKind.REGISTRATION,
    _STORAGE + "66.4": SeriesKind.SEGMENTATION,
    _STORAGE + "66.7": SeriesKind.SEGMENTATION,
    _STORAGE + "67": SeriesKind.VALUE_MAP,
    _STORAGE + "481.2": SeriesKind.DOSE,
    _STORAGE + "481.3": SeriesKind.STRUCTURES,
    _STORAGE + "481.4": SeriesKind.OTHER,
    _STORAGE + "481.5": SeriesKind.OTHER,
    _STORAGE + "481.8": SeriesKind.OTHER,
    _STORAGE + "66": SeriesKind.OTHER,
}
_FAMILIES: tuple[tuple[str, SeriesKind], ...] = (
    (_STORAGE + "7", SeriesKind.CAPTURE),
    (_STORAGE + "11", SeriesKind.PRESENTATION),
    (_STORAGE + "88", SeriesKind.REPORT),
    (_STORAGE + "104", SeriesKind.DOCUMENT),
    (_STORAGE + "9", SeriesKind.OTHER),
    (_STORAGE + "1", SeriesKind.IMAGE),
    (_STORAGE + "3", SeriesKind.IMAGE),
    (_STORAGE + "6", SeriesKind.IMAGE),
    (_STORAGE + "12", SeriesKind.IMAGE),
    (_STORAGE + "13", SeriesKind.IMAGE),
    (_STORAGE + "14", SeriesKind.IMAGE),
    (_STORAGE + "77", SeriesKind.IMAGE),
    (_STORAGE + "481.1", SeriesKind.IMAGE),
)
MULTIFRAME_VOLUMES = frozenset(
    {
        ENHANCED_CT,
        LEGACY_CT,
        ENHANCED_MR,
        ENHANCED_MR_COLOUR,
        LEGACY_MR,
        ENHANCED_PET,
        LEGACY_PET,
        NM,
        PARAMETRIC_MAP,
    }
)
"""Classes whose frames carry their own geometry (PS3.3 C.7.6.16, C.8.4)."""


def kind_of_class(uid: str) -> SeriesKind | None:
    """What objects of a SOP class are; None for a class that is not known (rule J40)."""
    kind = _KINDS.get(uid)
    if kind is not None:
        return kind
    for family, kind in _FAMILIES:
        if uid == family or uid.startswith(family + "."):
            return kind
    return None
