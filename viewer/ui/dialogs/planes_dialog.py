"""Exact numbers for the three planes: the angles they are turned by, and the slab. The panes follow while typing."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDialog, QDoubleSpinBox, QWidget

from viewer.imaging.sample import Projection, Slab
from viewer.state.slab import NAMES, THICKNESS_MM
from viewer.ui.dialogs._parts import Hint, buttons, column, prepare, rows
from viewer.ui.theme import GRID_PX

_FULL_NAMES = {
    Projection.MAX: "highest value (MIP)",
    Projection.MIN: "lowest value (MinIP)",
    Projection.MEAN: "mean",
    Projection.SUM: "sum",
}


class TurnDialog(QDialog):
    """Angles of a double oblique.

    Parameters
    ----------
    angles
        (axial, sagittal, coronal) degrees to begin with, see `viewer.state.oblique.angles`.

    Signals
    -------
    changed
        The three angles as typed so far.
    """

    changed = Signal(float, float, float)

    def __init__(self, angles: tuple[float, float, float], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare(self, "turn-dialog", "Turn planes")
        form = rows()
        self.boxes = []
        for name, degrees in zip(("axial", "sagittal", "coronal"), angles, strict=True):
            box = _number(f"turn-{name}", f"Lines of the {name} pane", " °")
            limit = 90.0 if name == "sagittal" else 180.0
            box.setRange(-limit, limit)
            box.setValue(degrees)
            box.valueChanged.connect(self._changed)
            form.addRow(f"Lines of the {name} pane", box)
            self.boxes.append(box)
        outer = column(self)
        outer.addLayout(form)
        outer.addWidget(
            Hint("Clockwise, one after the other in this order, counted from the planes before any turn.")
        )
        outer.addStretch()
        outer.addWidget(buttons(self, "Apply")[0])
        self.boxes[0].setFocus()
        self.boxes[0].selectAll()

    def _changed(self) -> None:
        self.changed.emit(*(box.value() for box in self.boxes))


class SlabDialog(QDialog):
    """Thickness and projection of the slab.

    Parameters
    ----------
    slab
        What to begin with.
    plane
        Name of the plane it could be of alone; empty when there is no choice.
    own
        Whether it is.

    Signals
    -------
    changed
        The `Slab` as typed so far, and whether it is of this plane only.
    """

    changed = Signal(object, bool)

    def __init__(
        self, slab: Slab, parent: QWidget | None = None, *, plane: str = "", own: bool = False
    ) -> None:
        super().__init__(parent)
        prepare(self, "slab-dialog", "Slab")
        self.thickness_box = _number("slab-thickness", "Thickness", " mm")
        self.thickness_box.setRange(*THICKNESS_MM)
        self.thickness_box.setValue(slab.thickness_mm)
        self.projection_box = QComboBox()
        self.projection_box.setObjectName("slab-projection")
        self.projection_box.setAccessibleName("Projection")
        for projection in NAMES:
            self.projection_box.addItem(_FULL_NAMES[projection], projection)
        self.projection_box.setCurrentIndex(self.projection_box.findData(slab.projection))
        form = rows()
        form.addRow("Thickness", self.thickness_box)
        form.addRow("Projection", self.projection_box)
        self.own_box = QCheckBox(f"Of the {plane} plane only")
        self.own_box.setObjectName("slab-own")
        self.own_box.setChecked(own)
        self.own_box.setVisible(bool(plane))
        self.own_box.toggled.connect(self._changed)
        form.addRow("", self.own_box)
        outer = column(self)
        outer.addLayout(form)
        outer.addStretch()
        outer.addWidget(buttons(self, "Apply")[0])
        self.thickness_box.valueChanged.connect(self._changed)
        self.projection_box.currentIndexChanged.connect(self._changed)
        self.thickness_box.setFocus()
        self.thickness_box.selectAll()

    @property
    def wanted(self) -> tuple[Slab, bool]:
        """What is typed, and whether it is of this plane only."""
        typed = Slab(self.thickness_box.value(), Projection(self.projection_box.currentData()))
        return typed, self.own_box.isChecked()

    def _changed(self) -> None:
        self.changed.emit(*self.wanted)


def _number(name: str, label: str, suffix: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setObjectName(name)
    box.setAccessibleName(label)
    box.setDecimals(1)
    box.setSuffix(suffix)
    box.setAlignment(Qt.AlignmentFlag.AlignRight)
    box.setMinimumWidth(14 * GRID_PX)
    return box
