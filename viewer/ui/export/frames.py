"""Which pictures a film is made of, painted from a copy of the view so that the window stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from psygnal import SignalInstance

from viewer.errors import ExportError
from viewer.imaging.geometry import FloatArray
from viewer.state.panes import Content, Pane, PlaneKind
from viewer.state.planes import grid_axis, pitch_along
from viewer.state.view import ViewState
from viewer.ui.dialogs.intended_use import INTENDED_USE
from viewer.ui.export.options import Mode
from viewer.ui.export.picture import pixels, with_footer
from viewer.ui.panes.picture import pane_image

if TYPE_CHECKING:
    from viewer.ui.export.movie import Frame

FPS_RANGE = (1, 50)
"""Frames a second; GIF players slow down what is faster."""
FPS_DEFAULT = 15
ANGLE_RANGE = (4, 360)


class Motion(StrEnum):
    """What moves."""

    STACK = "stack"
    """The slices of the active pane pass by."""
    ROTATION = "rotation"
    """The maximum intensity projection turns once about the body axis."""


class Order(StrEnum):
    """In which order the pictures of the range are shown."""

    FORWARD = "forward"
    BACKWARD = "backward"
    BOUNCE = "bounce"
    """Forward and back again; the turning points are shown once."""


@dataclass(frozen=True)
class CineRequest:
    """One film.

    Parameters
    ----------
    motion
        Stack or rotation.
    width, height
        Size of the picture in pixels at 1x, without the strip below.
    first, last
        Slices of the range, from 0, both included; only for a stack.
    angles
        Pictures of one turn; only for a rotation.
    fps
        Frames a second.
    order
        Order of display.
    mode
        What is drawn over the image; identity only when the user asked for it (rules F01, F05).
    footer
        Intended use in a strip below.
    scale
        Device pixels per pixel on screen.
    """

    motion: Motion
    width: int
    height: int
    first: int = 0
    last: int = 0
    angles: int = 36
    fps: int = FPS_DEFAULT
    order: Order = Order.FORWARD
    mode: Mode = Mode.ANONYMOUS
    footer: bool = True
    scale: int = 1

    @property
    def sequence(self) -> tuple[int, ...]:
        """Numbers of the slices or angles in the order of display."""
        numbers = tuple(
            range(self.first, self.last + 1) if self.motion is Motion.STACK else range(self.angles)
        )
        if self.order is Order.FORWARD:
            return numbers
        back = numbers[::-1]
        return back if self.order is Order.BACKWARD else numbers + back[1:-1]


def detached(view: ViewState) -> ViewState:
    """A view on the same library in the same state; changes to either leave the other alone."""
    copy = ViewState(view.library)
    for name, value in vars(view).items():
        if name != "library" and not isinstance(value, SignalInstance):
            setattr(copy, name, dict(value) if isinstance(value, dict) else value)
    return copy


def stack_points(view: ViewState, kind: PlaneKind) -> FloatArray:
    """Positions of the linked point on every slice of a plane kind.

    Parameters
    ----------
    kind
        Any but the projection and the curved picture, which have no slices.

    Returns
    -------
    ndarray
        (n, 3) LPS millimetres along the scroll direction: one point an acquired slice where the plane is parallel to
        the voxel grid (rule E13), else one a voxel pitch through the linked point. Empty when nothing is open.
    """
    item = view.base_volume
    if item is None or kind in (PlaneKind.MIP, PlaneKind.CURVED):
        return np.zeros((0, 3))
    geometry = item.volume.geometry
    normal = view.normal(kind)
    axis = grid_axis(geometry, normal)
    if axis is not None:
        indices = np.repeat(geometry.to_index(view.cursor_mm)[None], geometry.shape[axis], axis=0)
        indices[:, axis] = np.arange(geometry.shape[axis])
        points = geometry.to_patient(indices)
        return points if (points[-1] - points[0]) @ normal >= 0 else points[::-1]
    start = geometry.index_from_patient[:3, :3] @ view.cursor_mm + geometry.index_from_patient[:3, 3]
    step = geometry.index_from_patient[:3, :3] @ normal
    moving = np.abs(step) > 1e-9
    ends = np.array([np.zeros(3), np.array(geometry.shape) - 1.0])[:, moving]
    reach = (ends - start[moving]) / step[moving]
    nearest, farthest = reach.min(axis=0).max(), reach.max(axis=0).min()
    pitch_mm = pitch_along(geometry, normal)
    steps = np.arange(np.ceil(nearest / pitch_mm - 1e-6), np.floor(farthest / pitch_mm + 1e-6) + 1)
    walked: FloatArray = view.cursor_mm + steps[:, None] * pitch_mm * normal
    return walked


def nearest_point(points: FloatArray, point_mm: FloatArray) -> int:
    """Number of the (n, 3) point closest to a position."""
    return int(np.argmin(np.linalg.norm(points - point_mm, axis=1)))


class CineFrames:
    """The frames of a film; must be asked in the GUI thread.

    Parameters
    ----------
    view
        Copied; the user can go on working.
    request
        What is filmed.
    """

    def __init__(self, view: ViewState, request: CineRequest) -> None:
        self._view = detached(view)
        self._request = request
        if request.motion is Motion.ROTATION:
            self._pane = mip_pane(view)
            self._points = np.zeros((0, 3))
        else:
            self._pane = view.active
            self._points = stack_points(view, self._pane.kind)
        self._sequence = request.sequence
        self._start_deg = view.mip_angle_deg

    def __len__(self) -> int:
        return len(self._sequence)

    def __getitem__(self, number: int) -> Frame:
        """Paint a frame.

        Raises
        ------
        ExportError
            The volume was closed meanwhile, or there is no memory.
        """
        request, place = self._request, self._sequence[number]
        if self._view.base_volume is None:
            raise ExportError(
                "The images were closed while the film was made. Nothing was left half written."
            )
        if request.motion is Motion.ROTATION:
            self._view.mip_angle_deg = (self._start_deg + 360.0 * place / request.angles) % 360.0
        else:
            self._view.set_cursor(self._points[place])
        image = pane_image(
            self._view,
            self._pane,
            request.width,
            request.height,
            scale=request.scale,
            identity=request.mode.identity,
            overlays=request.mode.overlays,
        )
        if image.isNull():
            raise ExportError("There is not enough memory for a film of this size. Choose a smaller one.")
        if request.footer:
            image = with_footer(image, (f"{INTENDED_USE}   {request.fps} frames/s",), request.scale)
        return pixels(image)


def mip_pane(view: ViewState) -> Pane:
    """The layout's MIP pane, or one like it when the layout has none."""
    shown = (pane for pane in view.layout.panes if pane.kind is PlaneKind.MIP)
    return next(shown, Pane("mip", PlaneKind.MIP, Content.OVERLAY))
