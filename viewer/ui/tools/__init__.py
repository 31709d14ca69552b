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
    modifiers
        Keys that are held: "ctrl", "shift", "alt".
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
    modifiers: frozenset[str] = frozenset()

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


@runtime_checkable
class Kindred(Tool, Protocol):
    """A tool that shares a button of the toolbar with its kin, so that the toolbar stays short.

    Attributes
    ----------
    family
        Name of the button.
    """

    family: str


@runtime_checkable
class Grabbing(Tool, Protocol):
    """A tool with handles: under the mouse they go before whatever tool is chosen."""

    def grabs(self, view: ViewState, pointer: Pointer) -> bool:
        """Whether something of this tool lies under the mouse, so that a plain left press is for it."""


@runtime_checkable
class Hovering(Tool, Protocol):
    """A tool that shows what it would do."""

    def hover(self, view: ViewState, pointer: Pointer) -> str:
        """The mouse moved without a button: a name of `CURSORS` of the panes, or "" when it is not concerned."""


@runtime_checkable
class Leaving(Tool, Protocol):
    """A tool that shows something under the mouse."""

    def leave(self, view: ViewState) -> None:
        """The mouse left the panes, or the pane it was in."""


@runtime_checkable
class Clicking(Tool, Protocol):
    """A tool that takes plain left clicks; without it they move the crosshair."""

    def click(self, view: ViewState, pointer: Pointer) -> None:
        """The button went down and up without a drag."""


@runtime_checkable
class Releasing(Tool, Protocol):
    """A tool that ends a drag."""

    def release(self, view: ViewState, pointer: Pointer) -> None:
        """The button went up after a drag."""


@runtime_checkable
class Rooted(Tool, Protocol):
    """A tool that draws on what the pane showed when the button went down."""

    def interrupt(self, view: ViewState) -> None:
        """That is no longer shown: end cleanly, keeping or giving up what was drawn; no release follows."""


@runtime_checkable
class DoubleClicking(Tool, Protocol):
    """A tool that may take a double click."""

    def double_click(self, view: ViewState, pointer: Pointer) -> bool:
        """Whether it was for this tool; otherwise the pane is maximised or restored."""


@runtime_checkable
class Cancelling(Tool, Protocol):
    """A tool that can give up what was begun."""

    def cancel(self, view: ViewState) -> bool:
        """Escape: whether there was something to give up."""


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
