"""How the voxels of a lesion are chosen: the usual thresholds by name, and the number behind them."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QWidget

from viewer.imaging.uptake import Threshold, ThresholdKind
from viewer.ui.binding import quiet
from viewer.ui.theme import GRID_PX

_KINDS = {
    ThresholdKind.PERCENT: "% of max",
    ThresholdKind.FIXED: "Value",
    ThresholdKind.PERCIST: "PERCIST",
    ThresholdKind.WHOLE: "Whole shape",
}
PRESETS = (
    ("41 % of max", Threshold(ThresholdKind.PERCENT, 41.0)),
    ("50 % of max", Threshold(ThresholdKind.PERCENT, 50.0)),
)
UPTAKE_PRESETS = (2.5, 4.0)


class ThresholdField(QWidget):
    """A list of thresholds and a number.

    Parameters
    ----------
    name
        Prefix of the object names.
    whole
        Whether the whole shape can be chosen.

    Signals
    -------
    chosen
        `Threshold` the user chose.
    """

    chosen = Signal(object)

    def __init__(self, name: str, text: str, *, whole: bool) -> None:
        super().__init__()
        self._whole = whole
        self._unit: str | None = None
        self._threshold = Threshold(ThresholdKind.WHOLE)
        self.kind = QComboBox()
        self.kind.setObjectName(f"{name}-kind")
        self.kind.setAccessibleName(text)
        self.number = QDoubleSpinBox()
        self.number.setObjectName(f"{name}-number")
        self.number.setAccessibleName(f"{text}: number")
        self.number.setKeyboardTracking(False)
        self.number.setFixedWidth(GRID_PX * 9)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID_PX)
        layout.addWidget(self.kind, 1)
        layout.addWidget(self.number)
        self.kind.activated.connect(self._kind_chosen)
        self.number.valueChanged.connect(self._number_chosen)

    def show_threshold(self, threshold: Threshold, unit: str, *, uptake: bool) -> None:
        """Show a threshold.

        Parameters
        ----------
        threshold
            Which one.
        unit
            Quantity that values entered here are in.
        uptake
            Whether that is an SUV, for which there are usual values and PERCIST.
        """
        with quiet(self.kind, self.number):
            if (unit, uptake, self._whole) != self._unit_shown():
                self._fill(unit, uptake=uptake)
            self._threshold = threshold
            exact = next(
                (n for n in range(self.kind.count()) if self.kind.itemData(n) == threshold),
                self.kind.findData(threshold.kind),
            )
            self.kind.setCurrentIndex(exact)
            percent = threshold.kind is ThresholdKind.PERCENT
            self.number.setVisible(percent or threshold.kind is ThresholdKind.FIXED)
            self.number.setDecimals(0 if percent else 2)
            self.number.setRange(1.0 if percent else 0.0, 100.0 if percent else 1e9)
            self.number.setSingleStep(1.0 if percent else 0.1)
            self.number.setSuffix(" %" if percent else "")
            self.number.setValue(threshold.value)
            self.number.setToolTip("" if percent else threshold.unit)

    def _unit_shown(self) -> tuple[str | None, bool, bool]:
        return self._unit, self.kind.findData(ThresholdKind.PERCIST) >= 0, self._whole

    def _fill(self, unit: str, *, uptake: bool) -> None:
        self._unit = unit
        self.kind.clear()
        for text, threshold in PRESETS:
            self.kind.addItem(text, threshold)
        if uptake:
            for value in UPTAKE_PRESETS:
                self.kind.addItem(f"≥ {value:.1f} {unit}", Threshold(ThresholdKind.FIXED, value, unit))
        for kind, text in _KINDS.items():
            if (kind is ThresholdKind.PERCIST and not uptake) or (
                kind is ThresholdKind.WHOLE and not self._whole
            ):
                continue
            self.kind.addItem(f"≥ {text.lower()}" if kind is ThresholdKind.FIXED else text, kind)

    def _kind_chosen(self, row: int) -> None:
        data = self.kind.itemData(row)
        if isinstance(data, Threshold):
            self._choose(data)
            return
        kind = ThresholdKind(data)
        value = self._threshold.value if kind is self._threshold.kind else 41.0
        if kind is ThresholdKind.FIXED:
            value = self._threshold.value if kind is self._threshold.kind else UPTAKE_PRESETS[0]
            self._choose(Threshold(kind, value, self._unit or ""))
        elif kind is ThresholdKind.PERCENT:
            self._choose(Threshold(kind, value))
        else:
            self._choose(Threshold(kind))

    def _number_chosen(self, value: float) -> None:
        kind = self._threshold.kind
        self._choose(Threshold(kind, value, (self._unit or "") if kind is ThresholdKind.FIXED else ""))

    def _choose(self, threshold: Threshold) -> None:
        if threshold != self._threshold:
            self._threshold = threshold
            self.chosen.emit(threshold)
