"""Finds bone for the CT's projection in the background, whenever there is some to find."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject

from viewer.state.bone import Array, BoneRemoval, Wish, find
from viewer.state.layers import Role
from viewer.ui.background import Jobs
from viewer.ui.binding import bind
from viewer.ui.context import UiContext


class BoneFinder(QObject):
    """See the module text.

    Parameters
    ----------
    context
        The session.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__(context.window)
        self.setObjectName("bone-finder")
        self._context = context
        self._bone = context.view.work.of(BoneRemoval)
        self._answer: list[Array] = []
        self._running = False
        self._hopeless: Wish | None = None
        bind(self, self._bone.changed, self._follow)
        bind(self, context.view.layers_changed, self._follow)
        bind(self, context.library.slices_changed, self._follow)

    def _follow(self, *_: object) -> None:
        """Begin with what is wanted now, one after the other."""
        if self._running or not self._bone.on:
            return
        items = (self._context.view.volume(role) for role in Role)
        wishes = (self._bone.wish(item.volume) for item in items if item is not None)
        wish = next((one for one in wishes if one is not None), None)
        if wish is None or (self._hopeless is not None and wish.same_as(self._hopeless)):
            return
        self._running = True
        jobs = Jobs.of(self._context.window)
        jobs.run(partial(self._find, wish), partial(self._found, wish), partial(self._failed, wish))

    def _find(self, wish: Wish) -> None:
        """In the thread."""
        self._answer = [find(wish)]

    def _found(self, wish: Wish) -> None:
        self._running = False
        (array,), self._answer = self._answer, []
        self._bone.put(wish, array)
        self._follow()

    def _failed(self, wish: Wish, _sentence: str) -> None:
        """The threshold stays; the log has the reason."""
        self._running, self._hopeless = False, wish
