"""The user's answer about identity in exports: asked once a session, shown, changeable (rule F08)."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.ui.export.options import Mode


@dataclass
class IdentityConsent:
    """What was answered in this session.

    Parameters
    ----------
    answer
        None until asked, then whether identity may leave the program. It ends with the session on purpose: the next
        study may be another patient's.
    """

    answer: bool | None = None

    def needs_question(self, mode: Mode) -> bool:
        """Whether a mode may only be used after asking."""
        return mode.identity and self.answer is None

    def allowed(self, mode: Mode) -> Mode:
        """The mode that may be used: identity falls back to annotations without it until it was allowed."""
        return Mode.ANONYMOUS if mode.identity and self.answer is not True else mode

    @property
    def text(self) -> str:
        """The remembered answer as the dialogs show it."""
        if self.answer is None:
            return "Identity: not included. You are asked before it is."
        if self.answer:
            return "Identity: allowed in exports of this session."
        return "Identity: kept out of exports of this session."
