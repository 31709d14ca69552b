"""Keeps lesions, and brings them back when their study is opened again."""

from __future__ import annotations

from collections.abc import Mapping

from viewer.dicom.model import Study
from viewer.errors import FormatError
from viewer.state.lesion_file import from_json, is_unknown, to_json
from viewer.state.lesions import Lesion, Lesions
from viewer.state.measurement_file import hashed
from viewer.ui.binding import bind
from viewer.ui.context import UiContext
from viewer.ui.keeping import Keeper


class KeptLesions(Keeper):
    """See the module text.

    Parameters
    ----------
    context
        The session.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__(context, "lesions", self._lesions)
        self._store = context.view.work.of(Lesions)
        self._open: dict[str, Study] = {}
        self._unknown: dict[str, tuple[Lesion, ...]] = {}
        bind(self, self._store.edited, self._edited)
        bind(self, context.library.catalogue_changed, self._follow_catalogue)

    def _edited(self, _uid: str) -> None:
        self._timer.start()

    def _lesions(self) -> Mapping[str, str]:
        """The lesions of each open study, and those whose series are not there."""
        return {uid: self._kept(uid, study) for uid, study in self._open.items()}

    def _kept(self, uid: str, study: Study) -> str:
        lesions = [lesion for stack in _stacks(study) for lesion in self._store.of(stack)]
        kept = (*lesions, *self._unknown.get(uid, ()))
        return to_json(kept) if kept else ""

    def _follow_catalogue(self) -> None:
        present = {study.uid: study for study in self._context.library.catalogue.studies}
        gone = self._open.keys() - present.keys()
        if gone:
            self.save()
            self._timer.stop()
            for uid in gone:
                self._store.drop(_stacks(self._open[uid]))
                self._written.pop(uid, None)
                self._unknown.pop(uid, None)
            self._forget_steps()
        new = present.keys() - self._open.keys()
        self._open = present
        for uid in sorted(new):
            self._wait()
            self._read(uid)
        for uid, waiting in tuple(self._unknown.items()):
            self._recognise(uid, waiting)

    def _read(self, study_uid: str) -> None:
        """Take over what was kept of a study; its series may come later."""
        text = self._text(study_uid)
        if text is None:
            return
        try:
            self._unknown[study_uid] = from_json(text, {})
        except FormatError as error:
            self._set_aside(self._path(study_uid), error.user_message)
            return
        self._written[study_uid] = text.removesuffix("\n")

    def _recognise(self, study_uid: str, waiting: tuple[Lesion, ...]) -> None:
        """Give lesions to the series of the study that are there by now."""
        known = {hashed(uid): uid for uid in _stacks(self._open[study_uid])}
        found = from_json(to_json(waiting), known)
        self._store.restore(lesion for lesion in found if not is_unknown(lesion))
        left = tuple(lesion for lesion in found if is_unknown(lesion))
        if left:
            self._unknown[study_uid] = left
        else:
            self._unknown.pop(study_uid, None)


def _stacks(study: Study) -> tuple[str, ...]:
    return tuple(stack.uid for series in study.series for stack in series.stacks)
