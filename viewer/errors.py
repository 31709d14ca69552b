"""The one tree of errors the program raises on purpose.

Every error carries a `user_message`: one clear sentence without patient data that says what is wrong and what
the user can do. Lower rooms raise, `loading` turns errors into events, `ui` and `cli` show them once.
"""

from __future__ import annotations


class ViewerError(Exception):
    """Base of all expected errors.

    Parameters
    ----------
    user_message
        A sentence for the user, free of patient data.
    """

    def __init__(self, user_message: str) -> None:
        super().__init__(user_message)
        self.user_message = user_message


class NotDicomError(ViewerError):
    """The file is not DICOM; it is counted, never shown as a fault of its own."""


class EmptyStudyError(ViewerError):
    """Nothing that can be shown was found at the given paths."""


class GeometryError(ViewerError):
    """The positions or orientations of a stack do not form a volume."""


class DecodeError(ViewerError):
    """Pixel data could not be turned into values.

    Parameters
    ----------
    user_message
        A sentence for the user.
    transfer_syntax
        UID of the transfer syntax, empty when it does not matter.
    """

    def __init__(self, user_message: str, transfer_syntax: str = "") -> None:
        super().__init__(user_message)
        self.transfer_syntax = transfer_syntax


class UnreadableError(DecodeError):
    """Pixel data cannot be read now; it may be good all the same."""


class SuvUnavailable(ViewerError):  # noqa: N818 - a state of the data rather than a fault
    """No SUV can be computed.

    Parameters
    ----------
    user_message
        The reason.
    field
        Name of the input of `viewer.imaging.suv_inputs.SuvInputs` that is missing, ambiguous or implausible when the
        user can help by entering it, else empty.
    """

    def __init__(self, user_message: str, field: str = "") -> None:
        super().__init__(user_message)
        self.field = field


class FormatError(ViewerError):
    """A file of a known format breaks the rules of that format."""


class StorageError(ViewerError):
    """There is no room, neither in memory nor on the disk, for the voxels of a volume."""


class ExportError(ViewerError):
    """A picture or file could not be written; nothing was left half done."""


class SettingsError(ViewerError):
    """A settings, preset or shortcut file is not valid; the built-in values are used."""


class Cancelled(ViewerError):  # noqa: N818 - the user's wish, not a fault
    """The user cancelled the work."""

    def __init__(self) -> None:
        super().__init__("Cancelled.")
