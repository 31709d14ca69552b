"""What the values of a frame mean: modality rescale and unit (rules B01, B04, J18)."""

from __future__ import annotations

from viewer.dicom.header import Header
from viewer.dicom.pet import unit_text
from viewer.dicom.sop_classes import CT, ENHANCED_CT, LEGACY_CT
from viewer.imaging.modality import Rescale, checked_rescale

_CT_CLASSES = (CT, ENHANCED_CT, LEGACY_CT)
_SLICE_WORDS = frozenset(
    {"AXIAL", "MPR", "REFORMATTED", "RESAMPLED", "AVERAGE", "MIP", "MINIP", "HELICAL", "VOLUME"}
)
_UNIT_NAMES = {"HU": "HU", "[HNSF'U]": "HU", "US": "", "UNSPECIFIED": "", "": "", "1": "", "NO UNITS": ""}


def rescale(header: Header) -> Rescale:
    """Modality rescale of a frame (rules B01, J18)."""
    return checked_rescale(header.slope, header.intercept, slope_empty=header.slope_empty)


def unit_name(named: str) -> str:
    """Unit to show for a Rescale Type or Modality LUT Type (PS3.3 C.11.1.1.2), empty for those that name none."""
    return _UNIT_NAMES.get(named.upper(), named)


def unit_of(header: Header) -> str:
    """Unit of the rescaled values, empty when the header names none (rule B04)."""
    if header.samples > 1 or not rescale(header).usable:
        return ""
    if header.modality == "PT" and header.units:
        return unit_text(header.units, header.suv_type) or header.units
    if header.rescale_type:
        return unit_name(header.rescale_type)
    if header.sop_class not in _CT_CLASSES:
        return ""
    # An original CT image, and a derived one that is a slice rather than a map, is in HU unless it says otherwise.
    original = header.image_type[:1] != ("DERIVED",)
    return "HU" if original or any(word in _SLICE_WORDS for word in header.image_type[2:]) else ""
