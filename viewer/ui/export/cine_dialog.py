"""Make a film: the slices of the active pane or the rotating MIP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QSpinBox,
    QWidget,
)

from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState
from viewer.ui.dialogs._parts import Hint, buttons, column, heading, prepare, rows
from viewer.ui.export.consent import IdentityConsent
from viewer.ui.export.export_dialog import burned_in_note
from viewer.ui.export.file_row import FileRow
from viewer.ui.export.frames import (
    ANGLE_RANGE,
    FPS_DEFAULT,
    FPS_RANGE,
    CineRequest,
    Motion,
    Order,
    stack_points,
)
from viewer.ui.export.mode_box import ModeBox
from viewer.ui.export.movie import FilmFormat, available_formats
from viewer.ui.export.names import stem, today
from viewer.ui.export.options import Mode
from viewer.ui.theme import GRID_PX

_ORDERS = {Order.FORWARD: "Forward", Order.BACKWARD: "Backward", Order.BOUNCE: "There and back"}
_SIDES = (256, 512, 768, 1024)


@dataclass(frozen=True)
class CineChoice:
    """What the user decided."""

    request: CineRequest
    film_format: FilmFormat
    path: Path


class CineDialog(QDialog):
    """See the module text; `choice` holds the answer, also before and without being shown.

    Parameters
    ----------
    view
        What is filmed.
    consent
        The session's answer about identity.
    size
        (width, height) of the active pane on screen.
    folder
        Where the film goes unless the user chooses another folder.
    fps
        Frames a second to begin with.
    mode
        What is drawn over the images to begin with.
    """

    def __init__(
        self,
        view: ViewState,
        consent: IdentityConsent,
        size: tuple[int, int],
        folder: Path,
        fps: int = FPS_DEFAULT,
        mode: Mode = Mode.ANONYMOUS,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        prepare(self, "cine-dialog", "Export film")
        self._view = view
        kind = view.active.kind
        slices = len(stack_points(view, kind))
        self.motions = QButtonGroup(self)
        self.stack = QRadioButton(f"Slices of the active pane ({kind.value})")
        self.rotation = QRadioButton("Rotating maximum intensity projection")
        for radio, name in ((self.stack, "motion-stack"), (self.rotation, "motion-rotation")):
            radio.setObjectName(name)
            self.motions.addButton(radio)
        self.stack.setEnabled(slices > 1)
        item = view.base_volume
        self.rotation.setEnabled(item is not None and item.stack.multiplanar)
        (self.rotation if kind is PlaneKind.MIP or slices < 2 else self.stack).setChecked(True)
        self.first = _spin("first", 1, max(1, slices), 1)
        self.last = _spin("last", 1, max(1, slices), max(1, slices))
        self.angles = _spin("angles", *ANGLE_RANGE, 36)
        self.fps = _spin("fps", *FPS_RANGE, fps)
        self.fps.setSuffix(" frames/s")
        self.order = QComboBox()
        self.order.setObjectName("order")
        for order, text in _ORDERS.items():
            self.order.addItem(text, order)
        self.size_box = QComboBox()
        self.size_box.setObjectName("size")
        self._fill_sizes(*size)
        self.formats = QComboBox()
        self.formats.setObjectName("format")
        for film_format in available_formats():
            self.formats.addItem(film_format.text, film_format)
        self.modes = ModeBox(consent, burned_in_note(view), mode)
        self.footer = QCheckBox("Intended use below the pictures")
        self.footer.setObjectName("footer")
        self.footer.setChecked(True)
        self.file = FileRow(folder)
        self.summary = Hint()
        self.summary.setObjectName("summary")
        box, self.make = buttons(self, "Make film")
        self._arrange(box)
        for signal in (
            self.motions.buttonToggled,
            self.first.valueChanged,
            self.last.valueChanged,
            self.angles.valueChanged,
            self.fps.valueChanged,
            self.order.currentIndexChanged,
            self.size_box.currentIndexChanged,
            self.formats.currentIndexChanged,
            self.modes.changed,
        ):
            signal.connect(self._changed)
        self.file.changed.connect(self._enable)
        self._changed()

    def _arrange(self, box: QWidget) -> None:
        outer = column(self)
        outer.addWidget(heading("What"))
        outer.addWidget(self.stack)
        outer.addWidget(self.rotation)
        self._form = rows()
        self._range = QWidget()
        row = QHBoxLayout(self._range)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.first)
        row.addWidget(QLabel("to"))
        row.addWidget(self.last)
        row.addStretch()
        for text, widget in (
            ("Slices", self._range),
            ("Pictures of one turn", self.angles),
            ("Speed", self.fps),
            ("Order", self.order),
            ("Size", self.size_box),
            ("File type", self.formats),
        ):
            widget.setAccessibleName(text)
            self._form.addRow(text, widget)
        outer.addLayout(self._form)
        outer.addSpacing(GRID_PX)
        outer.addWidget(heading("With"))
        outer.addWidget(self.modes)
        outer.addWidget(self.footer)
        outer.addSpacing(GRID_PX)
        outer.addWidget(self.file)
        outer.addWidget(self.summary)
        outer.addStretch()
        outer.addWidget(box)

    def _fill_sizes(self, width: int, height: int) -> None:
        self.size_box.addItem(f"{width} × {height} pixels, as on screen", (width, height))
        longest = max(width, height)
        for side in _SIDES:
            scaled = (max(2, round(width * side / longest)), max(2, round(height * side / longest)))
            self.size_box.addItem(f"{scaled[0]} × {scaled[1]} pixels", scaled)

    @property
    def motion(self) -> Motion:
        """Stack or rotation."""
        return Motion.STACK if self.stack.isChecked() else Motion.ROTATION

    @property
    def film_format(self) -> FilmFormat:
        """The chosen file type."""
        return FilmFormat(self.formats.currentData())

    @property
    def request(self) -> CineRequest:
        """The film as chosen now."""
        width, height = self.size_box.currentData()
        return CineRequest(
            motion=self.motion,
            width=int(width),
            height=int(height),
            first=self.first.value() - 1,
            last=self.last.value() - 1,
            angles=self.angles.value(),
            fps=self.fps.value(),
            order=Order(self.order.currentData()),
            mode=self.modes.mode,
            footer=self.footer.isChecked(),
        )

    @property
    def choice(self) -> CineChoice | None:
        """The whole answer, None while something is missing."""
        path = self.file.path
        incomplete = path is None or not self.file.usable or self.modes.unanswered
        if path is None or incomplete or not self.request.sequence:
            return None
        return CineChoice(self.request, self.film_format, path)

    def accept(self) -> None:
        """Close only with a complete answer."""
        if self.choice is not None:
            super().accept()

    def _changed(self) -> None:
        stack = self.motion is Motion.STACK
        self._form.setRowVisible(self._range, stack)
        self._form.setRowVisible(self.angles, not stack)
        subject = self._view.active.kind.value if stack else "mip"
        self.file.propose(stem(f"{subject}-cine", today()), self.film_format.extension)
        request = self.request
        count = len(request.sequence)
        if count:
            seconds = count / request.fps
            self.summary.setText(f"{count} pictures, {seconds:.1f} s at {request.fps} frames/s")
        else:
            self.summary.setText("The range is empty: the first slice lies behind the last.")
        self._enable()

    def _enable(self) -> None:
        self.make.setEnabled(self.choice is not None)


def _spin(name: str, low: int, high: int, value: int) -> QSpinBox:
    box = QSpinBox()
    box.setObjectName(name)
    box.setRange(low, high)
    box.setValue(value)
    box.setAlignment(Qt.AlignmentFlag.AlignRight)
    return box
