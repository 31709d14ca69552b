"""The lesions of the demo study: where they are and what a viewer must read there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Lesion:
    """A sphere of uniform uptake.

    Parameters
    ----------
    name
        What a report would call it.
    centre_mm
        LPS mm.
    diameter_mm
        Diameter in mm.
    suv
        SUVbw in g/mL on its plateau.
    hounsfield
        Value in the CT, HU.
    necrotic
        Darker in the middle of the CT.
    in_lung
        Surrounded by lung.
    """

    name: str
    centre_mm: tuple[float, float, float]
    diameter_mm: float
    suv: float
    hounsfield: float
    necrotic: bool = False
    in_lung: bool = False


# Centres are centres of PET voxels, so that one voxel holds the stated value.
LESIONS: Final = (
    Lesion("Left palatine tonsil", (18.33, -7.04, -46.5), 20.0, 12.0, 92.0),
    Lesion("Left cervical lymph node, level II", (42.76, 5.18, -73.5), 20.0, 9.0, 84.0, necrotic=True),
    Lesion("Left supraclavicular lymph node", (46.84, 1.11, -139.5), 18.0, 7.0, 78.0),
    Lesion("Right lung apex", (-50.91, 29.62, -172.5), 20.0, 6.0, 40.0, in_lung=True),
    Lesion("Body of T2", (2.04, 41.84, -160.5), 20.0, 8.0, 330.0),
)
