"""The value above which voxels stay out of the CT's projection; the picture follows while typing."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDoubleSpinBox, QWidget

from viewer.state.bone import RANGE_HU
from viewer.ui.dialogs._parts import Hint, buttons, column, prepare, rows

STEP_HU = 10.0


class BoneDialog(QDialog):
    """See the module text.

    Parameters
    ----------
    threshold_hu
        What to begin with.

    Signals
    -------
    changed
        The threshold in HU as typed so far.
    """

    changed = Signal(float)

    def __init__(self, threshold_hu: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare(self, "bone-dialog", "MIP without bone")
        self.box = QDoubleSpinBox()
        self.box.setObjectName("bone-threshold")
        self.box.setAccessibleName("Leave out above")
        self.box.setRange(*RANGE_HU)
        self.box.setDecimals(0)
        self.box.setSingleStep(STEP_HU)
        self.box.setSuffix(" HU")
        self.box.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.box.setValue(threshold_hu)
        form = rows()
        form.addRow("Leave out above", self.box)
        outer = column(self)
        outer.addLayout(form)
        outer.addWidget(
            Hint(
                "Dense parts larger than 1 mL stay out of the CT MIP, with their rim and what they enclose: bone, and "
                "large vessels full of contrast medium."
            )
        )
        outer.addStretch()
        outer.addWidget(buttons(self, "Apply")[0])
        self.box.valueChanged.connect(self.changed)
        self.box.setFocus()
        self.box.selectAll()
