"""What the service answers when it does not do what was asked."""

from __future__ import annotations

from viewer.errors import ViewerError


class Refusal(ViewerError):  # noqa: N818 - an answer rather than a fault
    """A request that is not answered, with the reason as a sentence.

    Parameters
    ----------
    status
        HTTP status code (RFC 9110, 15).
    user_message
        A sentence without patient data.
    """

    def __init__(self, status: int, user_message: str) -> None:
        super().__init__(user_message)
        self.status = status
