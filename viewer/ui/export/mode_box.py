"""The choice of what is drawn over the image, with the question about identity beside it (rules F01, F08)."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from viewer.ui.binding import quiet
from viewer.ui.dialogs._parts import Hint
from viewer.ui.export.consent import IdentityConsent
from viewer.ui.export.options import Mode
from viewer.ui.theme import GRID_PX

_TEXT = {
    Mode.ANONYMOUS: "Image and annotations, without patient identity",
    Mode.IDENTIFIED: "Image and annotations, with patient identity",
    Mode.IMAGE: "Image only",
}


class ModeBox(QWidget):
    """Three modes, the session's answer and a way to change it.

    Parameters
    ----------
    consent
        Shared by all exports of the session.
    note
        A warning about the images themselves, empty for none.
    first
        What is chosen to begin with; identity is asked for all the same.

    Signals
    -------
    changed
        Another mode, or the question was answered.
    """

    changed = Signal()

    def __init__(self, consent: IdentityConsent, note: str = "", first: Mode = Mode.ANONYMOUS) -> None:
        super().__init__()
        self._consent = consent
        self._group = QButtonGroup(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID_PX)
        self.radios: dict[Mode, QRadioButton] = {}
        for mode, text in _TEXT.items():
            radio = QRadioButton(text)
            radio.setObjectName(f"mode-{mode.value}")
            self._group.addButton(radio)
            self.radios[mode] = radio
            column.addWidget(radio)
        self.radios[first].setChecked(True)
        self.question = QFrame()
        self.question.setObjectName("identity-question")
        self.question.setFrameShape(QFrame.Shape.StyledPanel)
        asked = QVBoxLayout(self.question)
        asked.addWidget(
            Hint(
                "Name, ID and birth date will be readable in the picture by anyone who gets it. "
                "Include them in exports of this session?"
            )
        )
        row = QHBoxLayout()
        self.allow, self.keep_out = QPushButton("Include identity"), QPushButton("Keep identity out")
        self.allow.setObjectName("identity-allow")
        self.keep_out.setObjectName("identity-keep-out")
        self.keep_out.setDefault(True)
        for button in (self.keep_out, self.allow):
            button.setAutoDefault(False)
            row.addWidget(button)
        row.addStretch()
        asked.addLayout(row)
        column.addWidget(self.question)
        remembered = QHBoxLayout()
        self.answer = Hint()
        self.answer.setObjectName("identity-answer")
        self.forget = QPushButton("Change")
        self.forget.setObjectName("identity-change")
        self.forget.setAutoDefault(False)
        self.forget.setAccessibleName("Change the answer about identity")
        remembered.addWidget(self.answer, 1)
        remembered.addWidget(self.forget)
        column.addLayout(remembered)
        if note:
            column.addWidget(Hint(note))
        self._group.buttonToggled.connect(self._toggled)
        self.allow.clicked.connect(lambda: self._answered(allowed=True))
        self.keep_out.clicked.connect(lambda: self._answered(allowed=False))
        self.forget.clicked.connect(self._forget)
        self._refresh()

    @property
    def wanted(self) -> Mode:
        """The chosen mode, allowed or not."""
        return next(mode for mode, radio in self.radios.items() if radio.isChecked())

    @property
    def mode(self) -> Mode:
        """The mode that may be used now."""
        return self._consent.allowed(self.wanted)

    @property
    def unanswered(self) -> bool:
        """Whether the user still has to answer."""
        return self._consent.needs_question(self.wanted)

    def choose(self, mode: Mode) -> None:
        """Choose a mode as a click would."""
        self.radios[mode].setChecked(True)

    def _toggled(self, _button: object, checked: bool) -> None:
        if not checked:
            return
        if self.wanted is Mode.IDENTIFIED and self._consent.answer is False:
            self._consent.answer = None  # choosing it again means: ask me again
        self._refresh()
        self.changed.emit()

    def _answered(self, *, allowed: bool) -> None:
        self._consent.answer = allowed
        if not allowed:
            with quiet(self._group):
                self.radios[Mode.ANONYMOUS].setChecked(True)
        self._refresh()
        self.changed.emit()

    def _forget(self) -> None:
        self._consent.answer = None
        self._refresh()
        self.changed.emit()

    def _refresh(self) -> None:
        self.question.setVisible(self.unanswered)
        self.answer.setText(self._consent.text)
        self.forget.setVisible(self._consent.answer is not None)
