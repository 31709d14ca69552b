"""Export a picture: what, with what on it, how large, as which file, and how it will look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from viewer.dicom.model import SeriesKind
from viewer.errors import ExportError
from viewer.state.view import ViewState
from viewer.ui.dialogs._parts import buttons, column, heading, prepare, rows
from viewer.ui.export.consent import IdentityConsent
from viewer.ui.export.file_row import FileRow
from viewer.ui.export.mode_box import ModeBox
from viewer.ui.export.names import stem, today
from viewer.ui.export.options import SCALES, Mode, PictureFormat, PictureRequest, Target
from viewer.ui.export.picture import render
from viewer.ui.theme import GRID_PX

PREVIEW = QSize(44 * GRID_PX, 36 * GRID_PX)
_FORMATS = {
    PictureFormat.PNG: "PNG (lossless, with technical text)",
    PictureFormat.JPEG: "JPEG (smaller, slightly changed)",
    PictureFormat.TIFF: "TIFF (lossless)",
}


@dataclass(frozen=True)
class PictureChoice:
    """What the user decided."""

    request: PictureRequest
    picture_format: PictureFormat
    path: Path


def burned_in_note(view: ViewState) -> str:
    """Warn that a capture may hold a name in its pixels, which leaving out annotations does not remove."""
    item = view.base_volume
    if item is None or item.series.kind is not SeriesKind.CAPTURE:
        return ""
    return "This image is a capture: a name may be part of its pixels and cannot be left out. Look at the preview."


class ExportDialog(QDialog):
    """See the module text; `choice` holds the answer, also before and without being shown.

    Parameters
    ----------
    view
        What is exported.
    consent
        The session's answer about identity.
    sizes
        (width, height) on screen of the active pane and of the layout.
    folder
        Where the file goes unless the user chooses another folder.
    target, mode
        What is chosen to begin with.
    """

    def __init__(
        self,
        view: ViewState,
        consent: IdentityConsent,
        sizes: Mapping[Target, tuple[int, int]],
        folder: Path,
        target: Target = Target.PANE,
        mode: Mode = Mode.ANONYMOUS,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        prepare(self, "export-dialog", "Export picture")
        self._view = view
        self._sizes = dict(sizes)
        self.targets = QButtonGroup(self)
        self.pane = QRadioButton(f"Active pane ({view.active.kind.value})")
        self.layout_radio = QRadioButton("All panes as they are shown")
        for radio, name in ((self.pane, "target-pane"), (self.layout_radio, "target-layout")):
            radio.setObjectName(name)
            self.targets.addButton(radio)
        (self.pane if target is Target.PANE else self.layout_radio).setChecked(True)
        self.modes = ModeBox(consent, burned_in_note(view), mode)
        self.scale = QComboBox()
        self.scale.setObjectName("scale")
        self.scale.setAccessibleName("Size")
        self.formats = QComboBox()
        self.formats.setObjectName("format")
        self.formats.setAccessibleName("File type")
        for kind, text in _FORMATS.items():
            self.formats.addItem(text, kind)
        self.footer = QCheckBox("Intended use and technical line below the picture")
        self.footer.setObjectName("footer")
        self.footer.setChecked(True)
        self.file = FileRow(folder)
        self.preview = QLabel()
        self.preview.setObjectName("preview")
        self.preview.setAccessibleName("Preview of the picture")
        self.preview.setFixedSize(PREVIEW)
        self.preview.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.preview.setStyleSheet("background: black")
        box, self.save = buttons(self, "Save")
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(40)
        self._later.timeout.connect(self.update_preview)
        self._arrange(box)
        self.targets.buttonToggled.connect(self._changed)
        self.modes.changed.connect(self._changed)
        self.scale.currentIndexChanged.connect(self._changed)
        self.formats.currentIndexChanged.connect(self._changed)
        self.footer.toggled.connect(self._changed)
        self.file.changed.connect(self._enable)
        self._changed()

    def _arrange(self, box: QWidget) -> None:
        left = QVBoxLayout()
        left.setSpacing(GRID_PX)
        left.addWidget(heading("What"))
        left.addWidget(self.pane)
        left.addWidget(self.layout_radio)
        left.addSpacing(GRID_PX)
        left.addWidget(heading("With"))
        left.addWidget(self.modes)
        left.addWidget(self.footer)
        left.addSpacing(GRID_PX)
        form = rows()
        form.addRow("Size", self.scale)
        form.addRow("File type", self.formats)
        left.addLayout(form)
        left.addWidget(self.file)
        left.addStretch()
        right = QVBoxLayout()
        right.setSpacing(GRID_PX)
        right.addWidget(heading("Preview"))
        right.addWidget(self.preview)
        right.addStretch()
        row = QHBoxLayout()
        row.setSpacing(3 * GRID_PX)
        row.addLayout(left, 1)
        row.addLayout(right)
        outer = column(self)
        outer.addLayout(row, 1)
        outer.addWidget(box)

    @property
    def target(self) -> Target:
        """Pane or layout."""
        return Target.PANE if self.pane.isChecked() else Target.LAYOUT

    @property
    def picture_format(self) -> PictureFormat:
        """The chosen file type."""
        return PictureFormat(self.formats.currentData())

    @property
    def request(self) -> PictureRequest:
        """The picture as chosen now."""
        width, height = self._sizes[self.target]
        scale = self.scale.currentData() or 1
        return PictureRequest(
            self.target, width, height, int(scale), self.modes.mode, self.footer.isChecked()
        )

    @property
    def choice(self) -> PictureChoice | None:
        """The whole answer, None while something is missing."""
        path = self.file.path
        if path is None or not self.file.usable or self.modes.unanswered:
            return None
        return PictureChoice(self.request, self.picture_format, path)

    def accept(self) -> None:
        """Close only with a complete answer."""
        if self.choice is not None:
            super().accept()

    def update_preview(self) -> None:
        """Paint the picture as it will be, at 1x."""
        request = self.request
        whole = PictureRequest(request.target, request.width, request.height, 1, request.mode, request.footer)
        try:
            image = render(self._view, whole)
        except ExportError as error:
            self.preview.setText(error.user_message)
            return
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap.fromImage(
            image.scaled(
                PREVIEW * ratio,
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )
        pixmap.setDevicePixelRatio(ratio)
        self.preview.setPixmap(pixmap)

    def _changed(self) -> None:
        self._fill_sizes()
        subject = self._view.active.kind.value if self.target is Target.PANE else "layout"
        self.file.propose(stem(subject, today()), self.picture_format.value)
        self._enable()
        self._later.start()

    def _fill_sizes(self) -> None:
        width, height = self._sizes[self.target]
        self.scale.blockSignals(True)
        chosen = max(0, self.scale.currentIndex())
        self.scale.clear()
        for scale in SCALES:
            name = "as on screen" if scale == 1 else f"{scale} times finer"
            self.scale.addItem(f"{width * scale} × {height * scale} pixels, {name}", scale)
        self.scale.setCurrentIndex(chosen)
        self.scale.blockSignals(False)

    def _enable(self) -> None:
        self.save.setEnabled(self.choice is not None)
