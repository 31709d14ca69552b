"""Where the overlay lies, in numbers: typed, found by a registration, saved as an object, taken back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QDialog, QDoubleSpinBox, QFileDialog, QHBoxLayout, QProgressBar, QPushButton

from viewer.errors import ViewerError
from viewer.imaging.geometry import FloatArray
from viewer.imaging.rigid import Movement, matrix_of, movement_of
from viewer.loading.cancel import CancelToken
from viewer.state.alignment import Alignment, How, Placement, moving_uid
from viewer.state.layers import Role
from viewer.ui.background import Work
from viewer.ui.binding import bind
from viewer.ui.context import UiContext
from viewer.ui.dialogs._parts import Hint, column, prepare, rows
from viewer.ui.theme import GRID_PX

_AXES = (
    ("x", "To the left (−: right)"),
    ("y", "To the back (−: front)"),
    ("z", "To the head (−: feet)"),
)
NOTHING = "Show a second series over the first to move it."


class AlignDialog(QDialog):
    """Moves the overlay while typing; every change can be undone.

    Parameters
    ----------
    context
        The session.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__(context.window)
        prepare(self, "align-dialog", "Move overlay")
        self.setModal(False)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._view = context.view
        self._alignment = context.view.work.of(Alignment)
        self._work: Work | None = None
        self._token = CancelToken()
        self._found: FloatArray | None = None
        outer = column(self)
        form = rows()
        self.shifts, self.turns = [], []
        for axis, text in _AXES:
            box = _number(f"shift-{axis}", text, " mm", 1000)
            form.addRow(text, box)
            self.shifts.append(box)
        for axis, _ in _AXES:
            text = f"Turn about {axis}"
            box = _number(f"turn-{axis}", text, " °", 180)
            form.addRow(text, box)
            self.turns.append(box)
        for box in (*self.shifts, *self.turns):
            box.valueChanged.connect(self._typed)
        outer.addLayout(form)
        self.state = Hint()
        outer.addWidget(self.state)
        self.progress = QProgressBar()
        self.progress.setObjectName("align-progress")
        self.progress.setTextVisible(False)
        self.progress.hide()
        outer.addWidget(self.progress)
        outer.addStretch()
        self.automatic = _button("align-automatic", "Register", self.register)
        self.automatic.setToolTip("Find the movement by mutual information, in the background")
        self.cancel = _button("align-cancel", "Cancel", self.stop)
        self.cancel.hide()
        self.back = _button("align-back", "As acquired", self.reset)
        self.save = _button("align-save", "Save…", self.save_as)
        self.save.setToolTip("Save the movement as a DICOM Spatial Registration object")
        line = QHBoxLayout()
        line.setSpacing(GRID_PX)
        for button in (self.automatic, self.cancel, self.back, self.save):
            line.addWidget(button)
        outer.addLayout(line)
        bind(self, self._alignment.changed, self.refresh)
        bind(self, self._view.layers_changed, self.refresh)
        self.refresh()

    # --- what is shown -----------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Follow the state."""
        uid = moving_uid(self._view)
        working = self._work is not None
        placement = self._alignment.placement(uid)
        acquired = self._alignment.acquired(uid)
        movement = Movement()
        if placement is not None and acquired is not None:
            movement = movement_of(placement.matrix, acquired.centre_mm)
        values = (*movement.shift_mm, *movement.turn_deg)
        for box, value in zip((*self.shifts, *self.turns), values, strict=True):
            box.setEnabled(bool(uid) and not working)
            if not box.hasFocus() or abs(box.value() - value) > 0.5 * 10 ** -box.decimals():
                with QSignalBlocker(box):
                    box.setValue(value)
        self.automatic.setEnabled(bool(uid))
        self.automatic.setVisible(not working)
        self.cancel.setVisible(working)
        self.progress.setVisible(working)
        self.back.setEnabled(placement is not None and not working)
        self.save.setEnabled(placement is not None and not working)
        if not working:
            self.state.setText(self._alignment.text(uid).capitalize() if uid else NOTHING)

    # --- changes -----------------------------------------------------------------------------------------------

    def _typed(self) -> None:
        uid = moving_uid(self._view)
        acquired = self._alignment.acquired(uid)
        if not uid or acquired is None:
            return
        x, y, z = (box.value() for box in self.shifts)
        a, b, c = (box.value() for box in self.turns)
        matrix = matrix_of(Movement((x, y, z), (a, b, c)), acquired.centre_mm)
        self._alignment.move(uid, Placement(matrix, How.HAND), "Move overlay")

    def reset(self) -> None:
        """Back to where it was acquired."""
        uid = moving_uid(self._view)
        if uid:
            self._alignment.move(uid, None, "Overlay as acquired")

    def register(self) -> None:
        """Find the movement in the background; it begins from where the overlay lies now."""
        uid = moving_uid(self._view)
        base, overlay = self._view.volume(Role.BASE), self._view.volume(Role.OVERLAY)
        if not uid or base is None or overlay is None or self._work is not None:
            return
        fixed, moving = base.volume, overlay.volume
        token = self._token = CancelToken()
        self._found = None

        def job() -> None:
            from viewer.registration.job import register

            self._found = register(fixed, moving, tell=lambda *_: None, cancel=token)

        self._work = work = Work(job, self)
        work.succeeded.connect(lambda: self._take(uid))
        work.failed.connect(self._tell)
        work.cancelled.connect(lambda: self._tell("Cancelled; the overlay stays where it is."))
        work.finished.connect(self._ended)
        self.progress.setRange(0, 0)
        self.state.setText("Registering…")
        self.refresh()
        work.start()

    def stop(self) -> None:
        """Give the registration up."""
        self._token.cancel()

    def _take(self, uid: str) -> None:
        if self._found is None or moving_uid(self._view) != uid:
            return
        before = self._alignment.placement(uid)
        start = self._found if before is None else self._found @ before.matrix
        self._alignment.move(uid, Placement(start, How.AUTOMATIC), "Register overlay")

    def _tell(self, text: str) -> None:
        self._ended()
        self.state.setText(text)

    def _ended(self) -> None:
        if self._work is not None:
            self._work = None
            self.refresh()

    def save_as(self) -> None:
        """Write the movement as a DICOM object."""
        name, _ = QFileDialog.getSaveFileName(self, "Save registration", "registration.dcm", "DICOM (*.dcm)")
        if name:
            try:
                self.write(Path(name))
            except ViewerError as error:
                self.state.setText(error.user_message)
            else:
                self.state.setText(f"Saved as {Path(name).name}.")

    def write(self, path: Path) -> None:
        """Write the movement of the overlay.

        Raises
        ------
        ViewerError
            A series is no DICOM, has no frame of reference, or the file cannot be written.
        """
        from viewer.dicom.spatial_registration import write_spatial_registration

        uid = moving_uid(self._view)
        placement = self._alignment.placement(uid)
        base, overlay = self._view.volume(Role.BASE), self._view.volume(Role.OVERLAY)
        if placement is None or base is None or overlay is None:
            return
        write_spatial_registration(
            path,
            base.stack.frames[0].path,
            overlay.stack.frames[0].path,
            placement.matrix,
            f"moved {placement.how}",
            dt.datetime.now(),  # noqa: DTZ005 - DICOM times are local
        )

    def done(self, result: int) -> None:
        self._token.cancel()
        if self._work is not None:
            self._work.wait()
        super().done(result)


def _number(name: str, text: str, suffix: str, limit: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setObjectName(name)
    box.setAccessibleName(text)
    box.setSuffix(suffix)
    box.setRange(-limit, limit)
    box.setDecimals(1)
    box.setSingleStep(0.5)
    box.setKeyboardTracking(False)
    return box


def _button(name: str, text: str, slot: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAutoDefault(False)
    button.clicked.connect(slot)
    return button
