"""Panes and layouts: which plane, which content, how it is framed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from viewer.imaging.geometry import FloatArray
from viewer.imaging.orientation import Anatomy


class PlaneKind(StrEnum):
    """What a pane cuts."""

    AXIAL = "axial"
    SAGITTAL = "sagittal"
    CORONAL = "coronal"
    ACQUIRED = "acquired"
    """The slices as they were acquired: localizers, captures, single slices."""
    MIP = "mip"
    """Rotating maximum intensity projection of the overlay, or of the base when there is none."""

    CURVED = "curved"
    """Along a path through the patient, straightened or stretched."""

    @property
    def is_plane(self) -> bool:
        """Whether it cuts the patient in one plane: what lies in space can then be drawn where it is cut."""
        return self not in (PlaneKind.MIP, PlaneKind.CURVED)

    @property
    def anatomy(self) -> Anatomy | None:
        """The anatomical plane, None for the others."""
        return _ANATOMY_OF.get(self)


_ANATOMY_OF = {
    PlaneKind.AXIAL: Anatomy.AXIAL,
    PlaneKind.SAGITTAL: Anatomy.SAGITTAL,
    PlaneKind.CORONAL: Anatomy.CORONAL,
}


class Content(StrEnum):
    """Which layers a pane shows."""

    BASE = "base"
    OVERLAY = "overlay"
    FUSED = "fused"


class Density(StrEnum):
    """Three densities of the corner annotations (clinical spec E.2); warnings are never switched off."""

    FULL = "full"
    MINIMAL = "minimal"
    OFF = "off"


@dataclass(frozen=True)
class Pane:
    """One cell of a layout."""

    id: str
    kind: PlaneKind
    content: Content = Content.FUSED


@dataclass(frozen=True)
class Framing:
    """Zoom and pan, shared by all panes of one plane kind so that CT, PET and fused rows stay together.

    Parameters
    ----------
    zoom
        1 fits the volume into the pane.
    pan_mm
        (right, down) shift of the view centre from the centre of the volume.
    flip_horizontal, flip_vertical
        Mirrored display, always with a badge (rule E05).
    quarter_turns
        Turns of the picture to show a patient as they lay (rule A22), always with a badge; see `quarter_turned`.
    """

    zoom: float = 1.0
    pan_mm: tuple[float, float] = (0.0, 0.0)
    flip_horizontal: bool = False
    flip_vertical: bool = False
    quarter_turns: int = 0


def quarter_turned(right: FloatArray, down: FloatArray, turns: int) -> tuple[FloatArray, FloatArray]:
    """(right, down) of a picture turned by quarters; the first brings the right edge down. Never mirrored."""
    return ((right, down), (-down, right), (-right, -down), (down, -right))[turns % 4]


@dataclass(frozen=True)
class Layout:
    """A grid of panes.

    Parameters
    ----------
    id, text
        Identifier and name for menus.
    rows
        Rows of panes; rows may differ in length.
    needs_overlay
        Only offered when there is a second layer.
    beside
        One more pane to the right of all rows, as high as they are together.
    """

    id: str
    text: str
    rows: tuple[tuple[Pane, ...], ...]
    needs_overlay: bool = False
    beside: Pane | None = None

    @property
    def panes(self) -> tuple[Pane, ...]:
        """All panes, row by row, and the one beside them."""
        inside = tuple(pane for row in self.rows for pane in row)
        return inside if self.beside is None else (*inside, self.beside)

    @property
    def size(self) -> tuple[int, int]:
        """(columns, rows) of panes."""
        return max(len(row) for row in self.rows) + (self.beside is not None), len(self.rows)

    def alone(self, pane_id: str) -> Layout:
        """Only one of the panes, maximised; the whole layout when it has none with this id."""
        pane = self.pane(pane_id)
        return self if pane is None else replace(self, rows=((pane,),), beside=None)

    def pane(self, pane_id: str) -> Pane | None:
        """The pane with an id, or None."""
        return next((pane for pane in self.panes if pane.id == pane_id), None)


_ANATOMY = (PlaneKind.AXIAL, PlaneKind.SAGITTAL, PlaneKind.CORONAL)


def _row(content: Content) -> tuple[Pane, ...]:
    return tuple(Pane(f"{content}-{kind}", kind, content) for kind in _ANATOMY)


LAYOUTS: tuple[Layout, ...] = (
    Layout("three", "Three planes", (_row(Content.FUSED),)),
    Layout(
        "three-large",
        "Large axial",
        (
            (Pane("fused-axial", PlaneKind.AXIAL),),
            (Pane("fused-sagittal", PlaneKind.SAGITTAL), Pane("fused-coronal", PlaneKind.CORONAL)),
        ),
    ),
    Layout(
        "three-mip",
        "Three planes and MIP",
        (
            (Pane("fused-axial", PlaneKind.AXIAL), Pane("fused-sagittal", PlaneKind.SAGITTAL)),
            (Pane("fused-coronal", PlaneKind.CORONAL), Pane("mip", PlaneKind.MIP, Content.OVERLAY)),
        ),
    ),
    Layout(
        "three-curved",
        "Three planes and curved",
        (
            (Pane("fused-axial", PlaneKind.AXIAL), Pane("fused-sagittal", PlaneKind.SAGITTAL)),
            (Pane("fused-coronal", PlaneKind.CORONAL), Pane("curved", PlaneKind.CURVED)),
        ),
    ),
    Layout(
        "mips",
        "CT and PET MIP",
        ((Pane("mip-base", PlaneKind.MIP, Content.BASE), Pane("mip", PlaneKind.MIP, Content.OVERLAY)),),
        needs_overlay=True,
    ),
    Layout("base-only", "CT alone", (_row(Content.BASE),)),
    Layout("overlay-only", "PET alone", (_row(Content.OVERLAY),), needs_overlay=True),
    Layout(
        "rows",
        "CT, PET and fused rows",
        (_row(Content.BASE), _row(Content.OVERLAY), _row(Content.FUSED)),
        needs_overlay=True,
    ),
    Layout(
        "rows-mip",
        "CT, PET and fused rows with MIP",
        (_row(Content.BASE), _row(Content.OVERLAY), _row(Content.FUSED)),
        needs_overlay=True,
        beside=Pane("mip", PlaneKind.MIP, Content.OVERLAY),
    ),
    Layout(
        "compare",
        "Compare: overlay below base",
        (_row(Content.BASE), _row(Content.OVERLAY)),
        needs_overlay=True,
    ),
    Layout("single", "Single pane", ((Pane("single", PlaneKind.ACQUIRED, Content.BASE),),)),
)


def layout(layout_id: str) -> Layout:
    """The layout with an id.

    Raises
    ------
    KeyError
        No such layout.
    """
    return next(item for item in LAYOUTS if item.id == layout_id)


def arranged(found: Layout, first: PlaneKind) -> Layout:
    """A layout with the pane of one plane kind in the first place, for layouts whose first pane is the largest."""
    if found.id != "three-large":
        return found
    panes = sorted(found.panes, key=lambda pane: pane.kind is not first)
    lengths = [len(row) for row in found.rows]
    rows = tuple(tuple(panes[sum(lengths[:n]) : sum(lengths[: n + 1])]) for n in range(len(lengths)))
    return replace(found, rows=rows)
