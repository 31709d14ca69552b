"""Mouse tools. Each module of this folder defines `TOOL`; toolbar, keys and gestures are built from what is found.

Further tools come from the entry point group `triptych.tools`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

from viewer.imaging.geometry import FloatArray
from viewer.state.panes import Pane
from viewer.state.resolve import PaneScene
from viewer.state.view import ViewState
from viewer.ui.discovery import modules


@dataclass(frozen=True, eq=False)
class Pointer:
    """The mouse in a pane.

    Parameters
    ----------
    pane, scene
        Where it is.
    point_mm
        (3,) LPS position under it.
    x, y
        Logical pixels in the pane.
    dx, dy
        Logical pixels since the last call.
    press_mm
        LPS position where the button went down.
    ratio
        Device pixels per logical pixel.
    """

    pane: Pane
    scene: PaneScene
    point_mm: FloatArray
    x: float
    y: float
    dx: float
    dy: float
    press_mm: FloatArray
    ratio: float

    @property
    def mm_per_pixel(self) -> float:
        """Millimetres per logical pixel."""
        return self.scene.plane.mm_per_pixel * self.ratio


@runtime_checkable
class Tool(Protocol):
    """What a tool offers.

    Attributes
    ----------
    id, text, icon, order
        Identity and place in the toolbar.
    """

    id: str
    text: str
    icon: str
    order: int

    def press(self, view: ViewState, pointer: Pointer) -> None:
        """The button went down."""

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        """The mouse moved with the button down."""


@cache
def tools() -> tuple[Tool, ...]:
    """All tools by their order."""
    found: list[Tool] = [module.TOOL for module in modules(__name__)]
    found += [entry.load() for entry in entry_points(group="triptych.tools")]
    return tuple(sorted(found, key=lambda tool: tool.order))


def tool(tool_id: str) -> Tool:
    """The tool with an id (KeyError when there is none)."""
    for candidate in tools():
        if candidate.id == tool_id:
            return candidate
    raise KeyError(tool_id)
