"""The address of a volume or an archive on a server."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QDialog, QLineEdit, QWidget

from viewer.archive.address import Place, is_address, place_of
from viewer.errors import FormatError
from viewer.ui.dialogs._parts import Hint, buttons, column, prepare
from viewer.ui.theme import GRID_PX

HELP = (
    "A volume that triptych archive made (…/volume.zarr), or a folder with such volumes below it, at an https://, "
    "http:// or s3:// address. Keys for s3:// come from the AWS environment or configuration. A plain web server has "
    "no lists of folders: give the address of the volume itself."
)


class AddressDialog(QDialog):
    """Asks for an address and says what is wrong with it.

    Attributes
    ----------
    place
        What was given, once the dialog was accepted.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare(self, "address", "Open address")
        self.place: Place | None = None
        self.field = QLineEdit()
        self.field.setObjectName("address-field")
        self.field.setAccessibleName("Address")
        self.field.setPlaceholderText("https://server/archive/volume.zarr")
        self.field.setMinimumWidth(64 * GRID_PX)
        self.wrong = Hint()
        self.wrong.setObjectName("address-wrong")
        box, self._open = buttons(self, "Open")
        self._open.setEnabled(False)
        layout = column(self)
        layout.addWidget(self.field)
        layout.addWidget(self.wrong)
        help_text = Hint()
        help_text.setText(HELP)
        layout.addWidget(help_text)
        layout.addWidget(box)
        self.field.textChanged.connect(self._check)

    def accept(self) -> None:
        """Close with the address, if it is one."""
        if self.place is not None:
            super().accept()

    def _check(self, text: str) -> None:
        self.place, reason = None, ""
        if is_address(text.strip()):
            try:
                self.place = place_of(text)
            except FormatError as error:
                reason = error.user_message
        elif text.strip() and Path(text.strip()).is_absolute():
            reason = "This is a path of this computer: open it as a folder or file."
        self.wrong.setText(reason)
        self._open.setEnabled(self.place is not None)
