"""Saving structures: which file form takes what, and what it could not hold, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from viewer.dicom.evidence import check_target
from viewer.dicom.model import Stack
from viewer.dicom.seg_writer import write_segmentation
from viewer.dicom.structure_writing import SavedStructure, on_one_grid, write_structure_set
from viewer.errors import ExportError
from viewer.formats.nifti_writer import write_nifti
from viewer.imaging.labelmap import labels_of_masks
from viewer.state.structures import Structure


class StructureForm(StrEnum):
    """Kinds of files structures are saved in."""

    SEG = "seg"
    RTSTRUCT = "rtstruct"
    NIFTI = "nifti"


def save_structures(target: Path, form: StructureForm, structures: Sequence[Structure], stack: Stack) -> str:
    """Write structures to a file.

    Parameters
    ----------
    target
        File to make; never one that was opened.
    form
        What kind.
    structures
        Drawn on the images.
    stack
        The images they lie on.

    Returns
    -------
    str
        What was written, and what the form could not hold.

    Raises
    ------
    ExportError
        Nothing was written; the sentence says why.
    """
    saved = [SavedStructure(s.name, s.colour, s.body, s.identity) for s in structures if s.body is not None]
    if not saved:
        raise ExportError("There is no structure to save.")
    inputs = (s.source for s in structures if s.source is not None)
    check_target(target, (*inputs, *(frame.path for frame in stack.frames)))
    count = f"{len(saved)} structure{'s' * (len(saved) != 1)}"
    fractional = [f"{s.name} from {s.threshold:g}" for s in structures if s.threshold is not None]
    counted = (
        f" Instead of fractions the voxels counted are saved: {', '.join(fractional)}." if fractional else ""
    )
    if form is StructureForm.SEG:
        write_segmentation(target, saved, stack)
        return f"{count} saved as {target.name}.{counted}"
    if form is StructureForm.RTSTRUCT:
        write_structure_set(target, saved, stack)
        return f"{count} saved as {target.name}.{counted}"
    geometry, masks = on_one_grid(saved, stack.geometry)
    labels, lost = labels_of_masks(enumerate(masks, 1), geometry)
    write_nifti(target, labels, geometry, labels=True)
    names = ", ".join(f"{n} {structure.name}" for n, structure in enumerate(saved, 1))
    overlap = f" {lost} voxels belong to several structures; the last of them kept each." if lost else ""
    return f"{count} saved as {target.name}: {names}.{overlap}{counted}"
