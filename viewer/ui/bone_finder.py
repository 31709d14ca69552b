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
        self._hopeless: dict[str, Wish] = {}
        """What failed, by uid of the volume."""
        bind(self, self._bone.changed, self._follow)
        bind(self, context.view.layers_changed, self._follow)
        bind(self, context.library.slices_changed, self._follow)
        bind(self, context.library.volume_removed, self._forget)

    def _follow(self, *_: object) -> None:
        """Begin with what is wanted now, one after the other; nobody waits for it once the window is closed."""
        if self._running or not self._bone.on or self._context.window.isHidden():
            return
        items = (self._context.view.volume(role) for role in Role)
        wishes = (self._bone.wish(item.volume) for item in items if item is not None)
        wish = next((one for one in wishes if one is not None and not self._is_hopeless(one)), None)
        if wish is None:
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
        self._running = False
        if wish.is_open(self._context.library):
            self._hopeless[wish.volume.uid] = wish
        self._follow()

    def _is_hopeless(self, wish: Wish) -> bool:
        before = self._hopeless.get(wish.volume.uid)
        return before is not None and wish.same_as(before)

    def _forget(self, uid: str) -> None:
        self._hopeless.pop(uid, None)
