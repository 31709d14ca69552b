"""Where an export goes: a name that is proposed until the user types one, and a folder."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QGridLayout, QLabel, QLineEdit, QPushButton, QWidget

from viewer.ui.binding import quiet
from viewer.ui.dialogs._parts import Hint
from viewer.ui.export.names import free_name
from viewer.ui.theme import GRID_PX


class FileRow(QWidget):
    """Name and folder.

    Parameters
    ----------
    folder
        Folder to begin with.

    Signals
    -------
    changed
        Name or folder changed.
    """

    changed = Signal()

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._beginning = ""
        self._extension = ""
        self._typed = False
        self.name = QLineEdit()
        self.name.setObjectName("file-name")
        self.name.setAccessibleName("File name")
        self.folder = QLineEdit(str(folder))
        self.folder.setObjectName("file-folder")
        self.folder.setAccessibleName("Folder")
        browse = QPushButton("Browse…")
        browse.setObjectName("file-browse")
        browse.setAutoDefault(False)
        self.note = Hint()
        self.note.setObjectName("file-note")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(GRID_PX)
        grid.addWidget(QLabel("Name"), 0, 0)
        grid.addWidget(self.name, 0, 1, 1, 2)
        grid.addWidget(QLabel("Folder"), 1, 0)
        grid.addWidget(self.folder, 1, 1)
        grid.addWidget(browse, 1, 2)
        grid.addWidget(self.note, 2, 1, 1, 2)
        self.name.textEdited.connect(self._name_typed)
        self.folder.textChanged.connect(self._folder_changed)
        browse.clicked.connect(self._browse)

    @property
    def path(self) -> Path | None:
        """The chosen file (with the right extension), or None while name or folder cannot be used."""
        name, folder = self.name.text().strip(), self.folder.text().strip()
        if not name or not folder or "/" in name or "\\" in name or name.strip(". ") == "":
            return None
        if self._extension and not name.lower().endswith(f".{self._extension}"):
            name = f"{name}.{self._extension}"
        return Path(folder).expanduser() / name

    def propose(self, beginning: str, extension: str) -> None:
        """Propose a free name, unless the user typed one; then only its extension follows the file type."""
        old, self._beginning, self._extension = self._extension, beginning, extension
        with quiet(self.name):
            if not self._typed:
                self.name.setText(free_name(Path(self.folder.text()).expanduser(), beginning, extension))
            elif old and self.name.text().lower().endswith(f".{old}"):
                stem = self.name.text()[: -len(old) - 1]
                self.name.setText(f"{stem}.{extension}" if extension else stem)
        self._report()

    def _name_typed(self) -> None:
        self._typed = True
        self._report()

    def _folder_changed(self) -> None:
        self.propose(self._beginning, self._extension)

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder for exports", self.folder.text())
        if chosen:
            self.folder.setText(chosen)

    def _report(self) -> None:
        path = self.path
        if path is None:
            self.note.setText("Type a name without slashes, and a folder.")
        elif not path.parent.is_dir():
            self.note.setText("This folder does not exist.")
        elif path.is_dir():
            self.note.setText("A folder of this name is in the way.")
        elif path.exists():
            self.note.setText("A file of this name exists and will be replaced.")
        else:
            self.note.clear()
        self.note.setVisible(bool(self.note.text()))
        self.changed.emit()

    @property
    def usable(self) -> bool:
        """Whether the export can be put there."""
        path = self.path
        return path is not None and path.parent.is_dir() and not path.is_dir()
