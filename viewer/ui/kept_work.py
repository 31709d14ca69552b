"""Keeps measurements, and brings them back when their study is opened again."""

from __future__ import annotations

from collections.abc import Mapping

from viewer.errors import FormatError
from viewer.state.measurement_file import HASH, Kept, from_json, known_uids, to_json
from viewer.state.measurements import Measurements
from viewer.ui.binding import bind
from viewer.ui.context import UiContext
from viewer.ui.keeping import Keeper


class KeptWork(Keeper):
    """See the module text.

    Parameters
    ----------
    context
        The session.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__(context, "measurements", self._measurements)
        self._store = context.view.work.of(Measurements)
        self._open: set[str] = set()
        bind(self, self._store.edited, self._edited)
        bind(self, context.library.catalogue_changed, self._follow_catalogue)

    def _edited(self) -> None:
        if self._open:
            self._timer.start()

    def _measurements(self) -> Mapping[str, str]:
        """The user's own measurements of each open study."""
        return {uid: self._kept(uid) for uid in self._open}

    def _kept(self, study_uid: str) -> str:
        items = [
            Kept(item, self._store.result(item))
            for item in self._store.items
            if item.study_uid == study_uid and not item.origin
        ]
        return to_json(items, private=True) if items else ""

    def _follow_catalogue(self) -> None:
        present = {study.uid for study in self._context.library.catalogue.studies}
        gone = self._open - present
        if gone:
            self.save()
            self._timer.stop()
            self._open -= gone
            for uid in gone:
                self._written.pop(uid, None)
            self._store.drop(gone)
            self._forget_steps()
        new = present - self._open
        if new:
            self._open |= new
            self._wait()
            for uid in sorted(new):
                self._bring(uid)
        elif any(item.frame_of_reference_uid.startswith(HASH) for item in self._store.items):
            # The list of files has grown: UIDs that were only hashes may be known by now.
            self._store.recognise(known_uids(self._context.library.catalogue))

    def _bring(self, study_uid: str) -> None:
        """Take over what was kept of a study."""
        text = self._text(study_uid)
        if text is None:
            return
        try:
            kept = from_json(text, known_uids(self._context.library.catalogue))
        except FormatError as error:
            self._set_aside(self._path(study_uid), error.user_message)
            return
        self._written[study_uid] = text.removesuffix("\n")
        for item in kept:
            self._store.remember(item.measurement, item.result)
        self._store.bring(item.measurement for item in kept)
