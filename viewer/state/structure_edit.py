"""Making and changing structures: strokes of the brush and operations, each one step of the history.

Voxels are painted on the grid of the structure, whatever the plane: on oblique panes and on other series the brush
covers the same patient points. What changed is kept packed, so a long history of strokes takes little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from viewer.dicom.structure_facts import SegmentIdentity
from viewer.errors import ViewerError
from viewer.imaging.contours import ContourSet
from viewer.imaging.geometry import FloatArray
from viewer.imaging.labelmap import BoolArray, Mask
from viewer.imaging.mask_edit import Brush, MaskChange, dabbed
from viewer.imaging.volume import Volume
from viewer.state.structures import Structure, StructureStore, space_of
from viewer.state.undo import Edit, History

if TYPE_CHECKING:
    from viewer.state.view import ViewState

RADIUS_RANGE_MM = (0.5, 100.0)


@dataclass(frozen=True)
class BrushOptions:
    """How the brush paints.

    Parameters
    ----------
    radius_mm, ball
        Its size and form.
    threshold
        (lowest, highest) displayed value of the base image that may be painted or erased, None for all.
    """

    radius_mm: float = 8.0
    ball: bool = False
    threshold: tuple[float, float] | None = None


class StructureEditor:
    """See the module text.

    Signals
    -------
    changed
        The options or the place of the brush changed; nothing of the structures.
    """

    changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self._options = BrushOptions()
        self._before: Structure | None = None
        self._last_mm: FloatArray | None = None
        self._pointer: tuple[str, FloatArray] | None = None

    # --- options -----------------------------------------------------------------------------------------------

    @property
    def options(self) -> BrushOptions:
        """How the brush paints."""
        return self._options

    def set_options(self, **changes: object) -> None:
        """Change radius, form or threshold."""
        changed = replace(self._options, **changes)  # type: ignore[arg-type]
        low, high = RADIUS_RANGE_MM
        self._options = replace(changed, radius_mm=min(max(changed.radius_mm, low), high))
        self.changed.emit()

    @property
    def pointer(self) -> tuple[str, FloatArray] | None:
        """(pane id, LPS point) of the brush under the mouse."""
        return self._pointer

    def point_at(self, pane_id: str, point_mm: FloatArray) -> None:
        """The mouse moved."""
        self._pointer = (pane_id, point_mm)
        self.changed.emit()

    @property
    def stroking(self) -> bool:
        """Whether the brush is down: figures wait until it is lifted."""
        return self._before is not None

    # --- strokes -----------------------------------------------------------------------------------------------

    def begin(self, point_mm: FloatArray, normal: FloatArray, *, erase: bool) -> bool:
        """Put the brush down.

        Returns
        -------
        bool
            False when there is nothing to paint on: no images, or the selected structure lies in another space.
        """
        structure = self.target(make=not erase)
        if structure is None:
            return False
        self._before = structure
        self._last_mm = point_mm
        self.stroke(point_mm, normal, erase=erase)
        return True

    def stroke(self, point_mm: FloatArray, normal: FloatArray, *, erase: bool) -> None:
        """Move the brush to a point."""
        store = self._view.work.of(StructureStore)
        structure = None if self._before is None else store.get(self._before.id)
        if structure is None or not isinstance(structure.body, Mask) or self._last_mm is None:
            return
        brush = Brush(self._options.radius_mm, self._options.ball)
        body = dabbed(
            structure.body,
            self._last_mm,
            point_mm,
            normal,
            brush,
            erase=erase,
            allowed=self._allowed(structure.body),
        )
        self._last_mm = point_mm
        if body is not structure.body:
            store.update(structure.id, body=body)

    def end(self, *, erase: bool) -> None:
        """Lift the brush: the stroke becomes one step of the history."""
        before, self._before, self._last_mm = self._before, None, None
        store = self._view.work.of(StructureStore)
        after = None if before is None else store.get(before.id)
        if before is None or after is None:
            return
        store.update(before.id, body=before.body)
        if isinstance(after.body, Mask):
            change_body(self._view, before, after.body.cropped(), "Erase" if erase else "Paint")

    def give_up(self) -> bool:
        """Take the stroke back that is being made."""
        before, self._before, self._last_mm = self._before, None, None
        if before is None:
            return False
        self._view.work.of(StructureStore).update(before.id, body=before.body)
        return True

    def target(self, *, make: bool) -> Structure | None:
        """The selected structure as voxels, on the images that are shown; a new one when there is none.

        Parameters
        ----------
        make
            Whether one may be made.
        """
        store, base = self._view.work.of(StructureStore), self._view.base_volume
        if base is None or not base.volume.geometry.oriented:
            return None
        selected = store.selected
        if selected is None:
            return new_structure(self._view) if make else None
        if store.why_not_drawn(selected, space_of(base.volume)):
            return None
        if isinstance(selected.body, ContourSet):
            to_voxels(self._view, selected)
            return store.get(selected.id)
        return selected

    def _allowed(self, mask: Mask) -> Callable[[npt.NDArray[np.int64]], BoolArray] | None:
        """Which voxels the threshold lets through, by the nearest voxel of the base image."""
        base, limits = self._view.base_volume, self._options.threshold
        if limits is None or base is None or base.volume.is_colour:
            return None
        volume, low, high = base.volume, limits[0], limits[1]

        def allowed(index: npt.NDArray[np.int64]) -> BoolArray:
            values = _values_at(volume, mask, index)
            inside: BoolArray = (values >= low) & (values <= high)
            return inside

        return allowed


def _values_at(volume: Volume, mask: Mask, index: npt.NDArray[np.int64]) -> FloatArray:
    """Displayed values of the nearest voxels, NaN outside, at padding, and where nothing has been read."""
    if mask.geometry is not volume.geometry:
        place = volume.geometry.to_index(mask.geometry.to_patient(index))
        index = np.floor(place + 0.5 + 1e-6).astype(np.int64)
    inside = ((index >= 0) & (index < volume.geometry.shape)).all(axis=-1)
    values = np.full(len(index), np.nan)
    k, j, i = index[inside].T
    stored = volume.array[k, j, i]
    found = stored * volume.display_slope + volume.display_intercept
    found[volume.is_padding(stored) | ~volume.ready[k] | volume.corrupt[k]] = np.nan
    values[inside] = found
    return values


# --- Steps of the history ----------------------------------------------------------------------------------------


def new_structure(view: ViewState, name: str = "") -> Structure | None:
    """Make an empty structure on the grid of the base image; None without one."""
    base, store = view.base_volume, view.work.of(StructureStore)
    if base is None or not base.volume.geometry.oriented:
        return None
    taken = {structure.name for structure in store}
    number = next(n for n in range(1, len(taken) + 2) if f"Structure {n}" not in taken)
    made = store.make(name or f"Structure {number}", Mask.empty(base.volume.geometry), space_of(base.volume))

    def add() -> None:
        store.put([made])
        store.select(made.id)

    view.work.of(History).do(Edit(f"New {made.name}", add, lambda: store.remove([made.id])))
    return made


def change_body(view: ViewState, structure: Structure, body: Mask, text: str) -> bool:
    """Give a structure of voxels other voxels; False when they are the same."""
    store = view.work.of(StructureStore)
    if not isinstance(structure.body, Mask):
        return False
    change = MaskChange.between(structure.body, body)
    if change.empty:
        return False
    before = {"identity": structure.identity, "fractional": structure.fractional}
    after = {"identity": _corrected(structure.identity), "fractional": None}

    def turn(other: Mapping[str, object]) -> None:
        now = store.get(structure.id)
        if now is not None and isinstance(now.body, Mask):
            store.update(structure.id, body=change.applied(now.body), **other)

    view.work.of(History).do(Edit(f"{text} {structure.name}", lambda: turn(after), lambda: turn(before)))
    return True


def _corrected(identity: SegmentIdentity) -> SegmentIdentity:
    """What a program found and a person changed is the work of both."""
    return (
        replace(identity, algorithm_type="SEMIAUTOMATIC")
        if identity.algorithm_type == "AUTOMATIC"
        else identity
    )


def count_from(view: ViewState, structure: Structure, threshold: float) -> None:
    """Count the voxels of a fractional segment from another fraction, 0 to 1 (rule I03)."""
    store, segment = view.work.of(StructureStore), structure.fractional
    if segment is None or threshold == structure.threshold:
        return
    after = {"body": segment.at(threshold), "threshold": threshold}
    before = {"body": structure.body, "threshold": structure.threshold}
    view.work.of(History).do(
        Edit(
            f"Threshold of {structure.name}",
            lambda: store.update(structure.id, **after),
            lambda: store.update(structure.id, **before),
        )
    )


def to_voxels(view: ViewState, structure: Structure) -> None:
    """Make voxels on the grid of the base image of a structure of contours, so that it can be painted."""
    base, store = view.base_volume, view.work.of(StructureStore)
    contours = structure.body
    if base is None or not isinstance(contours, ContourSet):
        return
    mask = structure.mask(base.volume.geometry)
    view.work.of(History).do(
        Edit(
            f"Voxels of {structure.name}",
            lambda: store.update(structure.id, body=mask),
            lambda: store.update(structure.id, body=contours),
        )
    )


def operate(view: ViewState, text: str, operation: Callable[[Mask], Mask]) -> str:
    """Change the selected structure by an operation on its voxels.

    Returns
    -------
    str
        Why nothing happened, or empty.
    """
    structure = view.work.of(StructureEditor).target(make=False)
    if structure is None or not isinstance(structure.body, Mask):
        return "Select a structure that lies on the images."
    try:
        changed = operation(structure.body)
    except ViewerError as error:
        return error.user_message
    return "" if change_body(view, structure, changed, text) else "Nothing changed."


def axis_across(mask: Mask, normal: FloatArray) -> int:
    """The axis of a grid that runs most across a plane: along which slices drawn on it follow each other."""
    axes = mask.geometry.patient_from_index[:3, :3]
    return int(np.argmax(np.abs(normal @ (axes / np.linalg.norm(axes, axis=0)))))
