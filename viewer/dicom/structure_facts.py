"""What segmentations, structure sets and doses say about themselves in the same way: codes, colours, references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

THRESHOLD = 0.5
"""Fraction from which a voxel of a FRACTIONAL segment counts (rule I03)."""

_LAB_WHITE = (0.950456, 1.0, 1.088754)
"""D65, which writers of the recommended colour use (dcmqi, highdicom)."""
_SRGB_OF_XYZ = ((3.2406, -1.5372, -0.4986), (-0.9689, 1.8758, 0.0415), (0.0557, -0.2040, 1.0570))

PALETTE: Sequence[Colour] = (
    (230, 86, 78),
    (84, 178, 116),
    (98, 156, 232),
    (240, 190, 80),
    (178, 118, 220),
    (82, 196, 200),
    (240, 140, 64),
    (226, 120, 176),
    (158, 190, 78),
    (150, 160, 176),
)
"""Colours of structures that bring none, readable on black and grey."""


@dataclass(frozen=True)
class Code:
    """A coded term (PS3.3 8.8): "10200004", "SCT", "Liver"."""

    value: str = ""
    scheme: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class SegmentIdentity:
    """What a segment is and what made it, as a segmentation says it (PS3.3 C.8.20.4), kept from reading to writing.

    Parameters
    ----------
    category, type
        Segmented Property Category and Type; empty when nothing is known.
    algorithm_type
        "MANUAL", "SEMIAUTOMATIC", "AUTOMATIC", or empty when nothing is known.
    algorithm, algorithm_version
        Name and version of what made it; empty for one made by hand.
    algorithm_family
        Its kind (CID 7162).
    tracking_id, tracking_uid
        Identity over time, the same in every report; both empty when there is none.
    """

    category: Code = Code()
    type: Code = Code()
    algorithm_type: str = ""
    algorithm: str = ""
    algorithm_version: str = ""
    algorithm_family: Code = Code()
    tracking_id: str = ""
    tracking_uid: str = ""

    @property
    def made(self) -> str:
        """Type and name of the algorithm in a line."""
        return ", ".join(filter(None, (self.algorithm_type, self.algorithm)))


UNKNOWN = SegmentIdentity()
"""Of a structure that nothing is known about."""


@dataclass(frozen=True)
class References:
    """Which images an object was made from.

    Parameters
    ----------
    series
        SeriesInstanceUIDs, as far as they are named.
    instances
        SOPInstanceUIDs.
    """

    series: frozenset[str] = frozenset()
    instances: frozenset[str] = frozenset()


def code_of(dataset: Dataset, keyword: str) -> Code:
    """The first term of a code sequence, empty when there is none."""
    items = dataset.get(keyword) or ()
    if not items:
        return Code()
    item = items[0]
    value = item.get("CodeValue") or item.get("LongCodeValue") or item.get("URNCodeValue") or ""
    return Code(str(value), str(item.get("CodingSchemeDesignator") or ""), str(item.get("CodeMeaning") or ""))


def rgb_of_lab(value: Sequence[float]) -> Colour:
    """A CIELab value of a header as a colour on screen (PS3.3 C.10.7.1.1, rule I04).

    Parameters
    ----------
    value
        L*, a*, b*, each scaled to 0 to 65535.
    """
    lightness = value[0] * 100 / 65535
    a, b = value[1] * 255 / 65535 - 128, value[2] * 255 / 65535 - 128
    middle = (lightness + 16) / 116
    xyz = [
        white * (root**3 if root > 6 / 29 else 3 * (6 / 29) ** 2 * (root - 4 / 29))
        for white, root in zip(_LAB_WHITE, (middle + a / 500, middle, middle - b / 200), strict=True)
    ]
    linear = [sum(row[n] * xyz[n] for n in range(3)) for row in _SRGB_OF_XYZ]
    red, green, blue = (round(255 * _gamma(min(max(part, 0.0), 1.0))) for part in linear)
    return red, green, blue


def lab_of_rgb(colour: Colour) -> tuple[int, int, int]:
    """The inverse of `rgb_of_lab`, rounded to the integers of a header."""
    linear = [_linear(part / 255) for part in colour]
    red, green, blue = linear
    xyz = (
        0.4124 * red + 0.3576 * green + 0.1805 * blue,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        0.0193 * red + 0.1192 * green + 0.9505 * blue,
    )
    x, y, z = (
        ratio ** (1 / 3) if ratio > (6 / 29) ** 3 else ratio / (3 * (6 / 29) ** 2) + 4 / 29
        for ratio in (part / white for part, white in zip(xyz, _LAB_WHITE, strict=True))
    )
    lab = (116 * y - 16, 500 * (x - y), 200 * (y - z))
    return (
        round(lab[0] * 65535 / 100),
        round((lab[1] + 128) * 65535 / 255),
        round((lab[2] + 128) * 65535 / 255),
    )


def referenced_series(dataset: Dataset) -> References:
    """References of an enhanced object: Referenced Series Sequence (0008,1115) and what its frames derive from."""
    series: set[str] = set()
    instances: set[str] = set()
    for item in dataset.get("ReferencedSeriesSequence") or ():
        series.add(str(item.get("SeriesInstanceUID") or ""))
        instances.update(_instances(item.get("ReferencedInstanceSequence")))
    for frame in (
        *(dataset.get("SharedFunctionalGroupsSequence") or ()),
        *(dataset.get("PerFrameFunctionalGroupsSequence") or ()),
    ):
        for derivation in frame.get("DerivationImageSequence") or ():
            instances.update(_instances(derivation.get("SourceImageSequence")))
    instances.update(_instances(dataset.get("SourceImageSequence")))
    return References(frozenset(series - {""}), frozenset(instances - {""}))


def _instances(items: Any) -> set[str]:
    return {str(item.get("ReferencedSOPInstanceUID") or "") for item in items or ()}


def _gamma(linear: float) -> float:
    """Linear light to sRGB (IEC 61966-2-1)."""
    return float(12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055)


def _linear(srgb: float) -> float:
    return float(srgb / 12.92 if srgb <= 0.04045 else ((srgb + 0.055) / 1.055) ** 2.4)
