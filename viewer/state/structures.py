"""The structures of a study: what is drawn over the images, measured, changed and saved.

A structure lies in a frame of reference and is drawn on every image of it, whatever its direction or grid; on images
of another frame it is never drawn, and the list says so (rules I05, J47).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from viewer.dicom.model import Catalogue, Stack
from viewer.dicom.structure_facts import PALETTE, THRESHOLD, UNKNOWN, Colour, References, SegmentIdentity
from viewer.imaging.contours import ContourSet
from viewer.imaging.curved import CurvedSurface
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.labelmap import Mask, Patch, masks_of_labels
from viewer.imaging.plane import Plane
from viewer.imaging.volume import Volume

if TYPE_CHECKING:
    from viewer.dicom.seg import Segment
    from viewer.dicom.structure_file import FoundStructure, StructureFile
    from viewer.state.view import ViewState

OPACITY = 0.2
"""Of the filled area at first."""
_KEPT_SECTIONS = 96
NO_BODY = "The file lists it without contours or voxels."
NO_FRAME = "Not drawn: the file names no frame of reference."
ACCEPTED = "NOT REGISTERED: drawn at the wish of the user; it may lie in the wrong place."
OTHER_FRAME = "Not drawn: it lies in another frame of reference than the image."


@dataclass(frozen=True, eq=False)
class Content:
    """What of a structure is kept in a file: name, colour, and voxels or contours."""

    name: str
    colour: Colour
    body: Mask | ContourSet | None

    def same_as(self, other: Content) -> bool:
        """Whether nothing differs; masks are compared by their voxels, so that a step taken back counts as none."""
        if (self.name, self.colour) != (other.name, other.colour):
            return False
        if isinstance(self.body, Mask) and isinstance(other.body, Mask):
            return self.body.same_voxels(other.body)
        return self.body is other.body


@dataclass(frozen=True, eq=False)
class Structure:
    """One structure.

    Parameters
    ----------
    id
        Unique in the session.
    name, colour
        As shown.
    body
        Voxels or contours; None when there is neither.
    frame_of_reference_uid
        In which space the body lies.
    source
        The file it came from, None for one made here.
    group
        What the file calls itself.
    facts, notes
        Lines and sentences of the file.
    identity
        What it is and what made it, written again when it is saved.
    fractional
        The segment whose fractions the voxels were counted from; None for other structures, and once voxels were
        changed by hand.
    threshold
        Fraction from which voxels were counted (rule I03); None for a structure without fractions.
    in_file
        What of it lies in a file, as read or saved last; None for one that was made here and never saved.
    visible, opacity, filled
        How it is drawn; the outline always is.
    """

    id: int
    name: str
    colour: Colour
    body: Mask | ContourSet | None
    frame_of_reference_uid: str
    source: Path | None = None
    group: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    identity: SegmentIdentity = UNKNOWN
    fractional: Segment | None = None
    threshold: float | None = None
    in_file: Content | None = None
    visible: bool = True
    opacity: float = OPACITY
    filled: bool = True

    @property
    def content(self) -> Content:
        """What saving it writes down."""
        return Content(self.name, self.colour, self.body)

    @property
    def unsaved(self) -> bool:
        """Whether something of it would be lost if it were closed now."""
        if self.in_file is None:
            return self.body is not None and not (isinstance(self.body, Mask) and not self.body.voxels)
        return not self.content.same_as(self.in_file)

    @property
    def volume_mm3(self) -> float:
        """Of the voxels, or of area times spacing of the contours (rule I06)."""
        return 0.0 if self.body is None else self.body.volume_mm3

    @property
    def volume_rule(self) -> str:
        """How the volume is counted, in words (rule I06)."""
        return "voxels" if isinstance(self.body, Mask) else "area × contour spacing"

    @property
    def centre_mm(self) -> FloatArray | None:
        """A point in it."""
        return None if self.body is None else self.body.centre_mm

    def mask(self, geometry: VolumeGeometry) -> Mask:
        """Its voxels on a grid of its space."""
        if isinstance(self.body, Mask):
            return self.body.on(geometry)
        if self.body is not None:
            return self.body.with_spacing(geometry.spacing_mm[0]).mask(geometry)
        return Mask.empty(geometry)


def space_of(volume: Volume) -> str:
    """Name of the space a volume lies in: its frame of reference, or itself when it names none."""
    return volume.geometry.frame_of_reference_uid or f"space of {volume.uid}"


class StructureStore:
    """All structures, in the order of their list.

    Signals
    -------
    changed
        A structure was added, changed or taken away.
    """

    changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self._structures: dict[int, Structure] = {}
        self._ids = count(1)
        self._sections: OrderedDict[tuple[object, ...], Patch] = OrderedDict()
        self._selected = 0
        self._waiting: set[Path] = set()
        view.library.catalogue_changed.connect(self._forget_study)

    def __iter__(self) -> Iterator[Structure]:
        return iter(tuple(self._structures.values()))

    def __len__(self) -> int:
        return len(self._structures)

    def get(self, structure_id: int) -> Structure | None:
        """The structure with an id, or None."""
        return self._structures.get(structure_id)

    # --- changes -----------------------------------------------------------------------------------------------

    def next_colour(self) -> Colour:
        """A colour for a new structure."""
        return PALETTE[len(self._structures) % len(PALETTE)]

    def make(
        self, name: str, body: Mask | ContourSet, frame_of_reference_uid: str, colour: Colour | None = None
    ) -> Structure:
        """A new structure that is not in the list yet."""
        return Structure(next(self._ids), name, colour or self.next_colour(), body, frame_of_reference_uid)

    def put(self, structures: Iterable[Structure]) -> None:
        """Add structures, or exchange those of the same id."""
        for structure in structures:
            self._structures[structure.id] = structure
            self._selected = self._selected or structure.id
        self.changed.emit()

    def add_file(self, file: StructureFile) -> tuple[Structure, ...]:
        """List the structures of a file; the same file again replaces what it brought before and nobody changed."""
        for structure in tuple(self._structures.values()):
            if structure.source == file.path and not structure.unsaved:
                del self._structures[structure.id]
        made = tuple(self._of_file(found, file) for found in file.structures)
        self._structures.update({structure.id: structure for structure in made})
        if made and self._selected not in self._structures:
            self._selected = made[0].id
        self.changed.emit()
        return made

    def add_labels(self, volume: Volume, name: str) -> tuple[Structure, ...]:
        """List the labels of a label volume as structures (rule I10: values are whole numbers).

        Parameters
        ----------
        volume
            A volume whose values are labels.
        name
            What its structures are listed under.
        """
        labels = np.rint(volume.physical(volume.array)).astype(np.int64)
        frame = space_of(volume)
        made = tuple(
            replace(
                self.make(f"Label {label}", mask, frame, PALETTE[(label - 1) % len(PALETTE)]),
                group=name,
                facts=(("Label", str(label)),),
            )
            for label, mask in masks_of_labels(labels, volume.geometry).items()
        )
        made = tuple(replace(structure, in_file=structure.content) for structure in made)
        self.put(made)
        return made

    def _of_file(self, found: FoundStructure, file: StructureFile) -> Structure:
        body = found.body
        if isinstance(body, ContourSet):
            stack = self.referenced_stack(file.references, found.frame_of_reference_uid)
            if stack is not None:
                body = body.with_spacing(stack.geometry.spacing_mm[0]).on_slices(stack.geometry)
        made = Structure(
            next(self._ids),
            found.name,
            found.colour,
            body,
            found.frame_of_reference_uid,
            file.path,
            file.label or file.path.name,
            found.facts,
            (*found.notes, *file.notes, *(() if body is not None else (NO_BODY,))),
            found.identity,
            found.fractional,
            THRESHOLD if found.fractional is not None else None,
        )
        return replace(made, in_file=made.content)

    def remove(self, structure_ids: Iterable[int]) -> None:
        """Take structures off the list."""
        for structure_id in structure_ids:
            self._structures.pop(structure_id, None)
        if self._selected not in self._structures:
            self._selected = next(iter(self._structures), 0)
        self.changed.emit()

    def update(self, structure_id: int, **changes: object) -> None:
        """Change name, colour, opacity, visibility or body of one."""
        before = self._structures.get(structure_id)
        if before is not None:
            self._structures[structure_id] = replace(before, **changes)  # type: ignore[arg-type]
            self.changed.emit()

    def saved(self, structures: Iterable[Structure]) -> None:
        """Structures lie in a file now as they were given to it; what was changed since is still unsaved."""
        for structure in structures:
            if structure.id in self._structures:
                self._structures[structure.id] = replace(
                    self._structures[structure.id], in_file=structure.content
                )
        self.changed.emit()

    @property
    def unsaved(self) -> tuple[Structure, ...]:
        """Those of which something would be lost."""
        return tuple(structure for structure in self if structure.unsaved)

    def _forget_study(self) -> None:
        """A study that is closed takes its structures along."""
        if self._structures and not self._view.library.catalogue.studies:
            self._structures.clear()
            self._sections.clear()
            self._selected = 0
            self.changed.emit()

    def await_files(self, paths: Iterable[Path]) -> None:
        """Structure files that are on their way into the catalogue and shall be drawn when they are in it."""
        self._waiting.update(path.resolve() for path in paths)

    def take_waiting(self, catalogue: Catalogue) -> tuple[Path, ...]:
        """Those that have arrived, once."""
        if not self._waiting:
            return ()
        here = tuple(
            path
            for study in catalogue.studies
            for series in study.series
            for path in series.paths
            if path.resolve() in self._waiting
        )
        self._waiting.clear()
        return here

    # --- selection ---------------------------------------------------------------------------------------------

    @property
    def selected(self) -> Structure | None:
        """The structure that is looked at in detail and edited."""
        return self._structures.get(self._selected)

    def select(self, structure_id: int) -> None:
        """Look at another one."""
        if structure_id != self._selected and structure_id in self._structures:
            self._selected = structure_id
            self.changed.emit()

    def accept_space(self, structure: Structure, space: str) -> None:
        """Draw a structure, and all of its file that lie where it does, on images of another space all the same.

        The user takes responsibility, as for an overlay that is not registered (rule D31); a note stays.
        """
        for other in tuple(self._structures.values()):
            if (other.source, other.frame_of_reference_uid) == (
                structure.source,
                structure.frame_of_reference_uid,
            ) and (structure.source is not None or other.id == structure.id):
                self._structures[other.id] = replace(
                    other,
                    frame_of_reference_uid=space,
                    notes=(*other.notes, ACCEPTED),
                )
        self.changed.emit()

    # --- where it lies -----------------------------------------------------------------------------------------

    def why_not_drawn(self, structure: Structure, space: str) -> str:
        """A sentence when a structure is not drawn on images of a space (`space_of`), else empty (rule J47)."""
        if structure.body is None:
            return NO_BODY
        if not structure.frame_of_reference_uid:
            return NO_FRAME
        return "" if structure.frame_of_reference_uid == space else OTHER_FRAME

    def section(self, structure: Structure, plane: Plane, surface: CurvedSurface | None = None) -> Patch:
        """The pixels of a plane in a structure, kept for the next repaint.

        Parameters
        ----------
        plane
            Of the patient, or of a curved picture.
        surface
            Of the curved picture.
        """
        key = (
            structure.id,
            structure.body,
            surface,
            plane.origin_mm.tobytes(),
            plane.u_mm.tobytes(),
            plane.v_mm.tobytes(),
            plane.width,
            plane.height,
        )
        found = self._sections.get(key)
        if found is None:
            if structure.body is None:
                found = Patch(np.zeros((0, 0), bool))
            elif surface is not None:
                # The rows of the picture run along x, its columns along y.
                x = plane.origin_mm[0] + np.arange(plane.width) * plane.u_mm[0]
                y = plane.origin_mm[1] + np.arange(plane.height) * plane.v_mm[1]
                found = Patch(structure.body.contains(surface.positions(x, y)))
            else:
                found = structure.body.section(plane)
            self._sections[key] = found
            while len(self._sections) > _KEPT_SECTIONS:
                self._sections.popitem(last=False)
        else:
            self._sections.move_to_end(key)
        return found

    def referenced_stack(self, references: References, frame_of_reference_uid: str) -> Stack | None:
        """The images a file belongs to: those it names, else the largest volume of its frame of reference.

        Returns
        -------
        Stack | None
            None when none of its images and none of its space are here (rule J47).
        """
        named: list[Stack] = []
        alike: list[Stack] = []
        for study in self._view.library.catalogue.studies:
            for series in study.series:
                for stack in series.stacks:
                    if not stack.multiplanar:
                        continue
                    if series.uid in references.series or _holds(stack, references):
                        named.append(stack)
                    elif stack.geometry.frame_of_reference_uid == frame_of_reference_uid != "":
                        alike.append(stack)
        candidates = named or alike
        return max(candidates, key=lambda stack: stack.geometry.shape[0], default=None)


def _holds(stack: Stack, references: References) -> bool:
    return bool(references.instances) and any(
        frame.sop_instance_uid in references.instances for frame in stack.frames
    )
