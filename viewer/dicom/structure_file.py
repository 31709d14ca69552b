"""Segmentations and structure sets alike: what the rest of the program needs to know of either."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from viewer.dicom.model import SeriesKind
from viewer.dicom.read import read_header
from viewer.dicom.rtstruct import RegionOfInterest, read_structure_set
from viewer.dicom.seg import Segment, read_segmentation
from viewer.dicom.sop_classes import kind_of_class
from viewer.dicom.structure_facts import UNKNOWN, Colour, References, SegmentIdentity
from viewer.errors import FormatError, ViewerError
from viewer.imaging.contours import ContourSet
from viewer.imaging.labelmap import Mask

STRUCTURE_KINDS = (SeriesKind.SEGMENTATION, SeriesKind.STRUCTURES)


@dataclass(frozen=True, eq=False)
class FoundStructure:
    """One structure of a file.

    Parameters
    ----------
    name, colour
        As the file says.
    body
        Its voxels or its contours; None when the file lists it without either.
    frame_of_reference_uid
        In which space it lies; empty when unknown.
    facts
        (label, value) lines that are shown beside it: code, algorithm, meaning of a fraction (rules I03, I04).
    notes
        What was left out, in sentences.
    identity
        What it is and what made it, as far as the file says.
    fractional
        The segment behind voxels that were counted by a threshold of their fraction (rule I03), else None.
    """

    name: str
    colour: Colour
    body: Mask | ContourSet | None
    frame_of_reference_uid: str
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    identity: SegmentIdentity = UNKNOWN
    fractional: Segment | None = None


@dataclass(frozen=True, eq=False)
class StructureFile:
    """All structures of a file.

    Parameters
    ----------
    path
        The file.
    label
        What it calls itself.
    structures
        In its order.
    references
        The images it belongs to.
    notes
        About the file as a whole.
    """

    path: Path
    label: str
    structures: tuple[FoundStructure, ...]
    references: References
    notes: tuple[str, ...] = ()


def is_structure_file(path: Path) -> bool:
    """Whether a file is a segmentation or a structure set; reads the header only."""
    try:
        return kind_of_class(read_header(path).sop_class) in STRUCTURE_KINDS
    except (ViewerError, OSError):
        return False


def read_structure_file(path: Path) -> StructureFile:
    """Read a segmentation or structure set, told apart by its SOP class.

    Raises
    ------
    ViewerError
        It is neither, or damaged.
    OSError
        It cannot be read.
    """
    kind = kind_of_class(read_header(path).sop_class)
    if kind is SeriesKind.STRUCTURES:
        found = read_structure_set(path)
        return StructureFile(
            path, found.label, tuple(_of_region(region) for region in found.regions), found.references
        )
    if kind is not SeriesKind.SEGMENTATION:
        raise FormatError("The file holds neither a segmentation nor a structure set.")
    segmentation = read_segmentation(path)
    return StructureFile(
        path,
        segmentation.label,
        tuple(_of_segment(s, segmentation.frame_of_reference_uid) for s in segmentation.segments),
        segmentation.references,
        segmentation.notes,
    )


def _of_region(region: RegionOfInterest) -> FoundStructure:
    facts = [("Type", region.interpreted), ("Made", region.algorithm)]
    if region.contours is not None:
        facts.append(("Contours", f"{region.contours.contours} in {len(region.contours.planes)} planes"))
    return FoundStructure(
        region.name,
        region.colour,
        region.contours,
        region.frame_of_reference_uid,
        tuple((label, value) for label, value in facts if value),
        region.notes,
    )


def _of_segment(segment: Segment, frame_of_reference_uid: str) -> FoundStructure:
    facts = [
        ("Type", segment.identity.type.meaning),
        ("Category", segment.identity.category.meaning),
        ("Made", segment.identity.made),
    ]
    if segment.fraction is not None:
        facts.append(("Fraction", segment.fraction.meaning.lower()))
        if segment.weighted_mm3 is not None:
            facts.append(("Weighted", f"{segment.weighted_mm3:.1f} mm³"))
    return FoundStructure(
        segment.label,
        segment.colour,
        segment.mask,
        frame_of_reference_uid,
        tuple((label, value) for label, value in facts if value),
        identity=segment.identity,
        fractional=segment if segment.fraction is not None else None,
    )
