"""One structure in detail: name, colour, how it is drawn, how large it is and what values it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QCheckBox,
    QColorDialog,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from viewer.state.layers import Role
from viewer.state.structure_edit import count_from
from viewer.state.structures import Structure, StructureStore, space_of
from viewer.state.undo import Edit, History
from viewer.ui.binding import quiet
from viewer.ui.sidebar._parts import Banner, Fact, FactTable, label, number
from viewer.ui.sidebar._structure_list import swatch
from viewer.ui.sidebar._structure_values import StructureValues
from viewer.ui.theme import GRID_PX, icon

if TYPE_CHECKING:
    from viewer.imaging.labelmap import Statistics
    from viewer.ui.context import UiContext

_DIGITS = {"HU": 1, "SUV": 2, "Gy": 2}


class StructureCard(QFrame):
    """See the module text.

    Parameters
    ----------
    context
        The session's objects.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__()
        self._view = context.view
        self._library = context.library
        self._store = context.view.work.of(StructureStore)
        self._history = context.view.work.of(History)
        self.setObjectName("structure-card")
        self.setProperty("tone", "card")
        self.values = StructureValues(self)
        self.values.arrived.connect(self.refresh)
        self.name = QLineEdit()
        self.name.setObjectName("structure-name")
        self.name.setAccessibleName("Name of the structure")
        self.colour = QToolButton()
        self.colour.setObjectName("structure-colour")
        self.colour.setToolTip("Colour")
        self.colour.setAccessibleName("Colour of the structure")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setObjectName("structure-opacity")
        self.opacity.setAccessibleName("Opacity of the structure in percent")
        self.opacity.setRange(0, 100)
        self.fill = QCheckBox("Fill")
        self.fill.setObjectName("structure-fill")
        self.threshold = QDoubleSpinBox()
        self.threshold.setObjectName("structure-threshold")
        self.threshold.setAccessibleName("Fraction from which a voxel counts")
        self.threshold.setToolTip("Voxels with at least this fraction belong to the structure")
        self.threshold.setRange(0.01, 1.0)
        self.threshold.setSingleStep(0.05)
        self.threshold.setKeyboardTracking(False)
        self.counted = QWidget()
        self.centre = QPushButton(icon("crosshair"), "Centre")
        self.centre.setObjectName("structure-centre")
        self.remove = QPushButton(icon("remove"), "Remove")
        self.remove.setObjectName("structure-remove")
        self.facts = FactTable("structure-facts")
        self.notice = Banner("structure-notice")
        self.accept = QPushButton("Draw it all the same")
        self.accept.setObjectName("structure-accept")
        self.notice.body.addWidget(self.accept)
        self.notes = label("", "dim", wrap=True, selectable=True)
        self._arrange()
        self._connect()

    def _arrange(self) -> None:
        head, drawn, buttons = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        for row in (head, drawn, buttons):
            row.setSpacing(GRID_PX)
        head.addWidget(self.colour)
        head.addWidget(self.name, 1)
        drawn.addWidget(self.fill)
        drawn.addWidget(self.opacity, 1)
        buttons.addWidget(self.centre)
        buttons.addWidget(self.remove)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID_PX, GRID_PX, GRID_PX, GRID_PX)
        layout.setSpacing(GRID_PX)
        for part in (head, drawn):
            layout.addLayout(part)
        counted = QHBoxLayout(self.counted)
        counted.setContentsMargins(0, 0, 0, 0)
        counted.setSpacing(GRID_PX)
        counted.addWidget(label("Counted from fraction", "dim"))
        counted.addWidget(self.threshold)
        layout.addWidget(self.counted)
        layout.addWidget(self.notice)
        layout.addWidget(self.facts)
        layout.addWidget(self.notes)
        layout.addLayout(buttons)

    def _connect(self) -> None:
        self.name.editingFinished.connect(
            lambda: self._change("Rename structure", name=self.name.text().strip())
        )
        self.colour.clicked.connect(self._ask_colour)
        self.opacity.valueChanged.connect(lambda percent: self._draw(opacity=percent / 100))
        self.fill.toggled.connect(lambda on: self._draw(filled=on))
        self.threshold.valueChanged.connect(self._count_from)
        self.centre.clicked.connect(self.go_there)
        self.remove.clicked.connect(self._remove)
        self.accept.clicked.connect(self._accept)

    # --- following ---------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the selected structure; hidden without one."""
        structure = self._store.selected
        self.setVisible(structure is not None)
        if structure is None:
            return
        with quiet(self.name, self.opacity, self.fill, self.threshold):
            if not self.name.hasFocus():
                self.name.setText(structure.name)
            self.opacity.setValue(round(structure.opacity * 100))
            self.fill.setChecked(structure.filled)
            if structure.threshold is not None:
                self.threshold.setValue(structure.threshold)
        self.counted.setVisible(structure.fractional is not None)
        self.opacity.setEnabled(structure.filled)
        self.colour.setIcon(swatch(structure.colour))
        base = self._view.base_volume
        reason = ""
        if base is not None:
            reason = self._store.why_not_drawn(structure, space_of(base.volume))
        self.notice.set_text(reason)
        self.accept.setVisible(structure.body is not None)
        self.centre.setEnabled(not reason and structure.centre_mm is not None)
        self.facts.set_facts(self._facts(structure))
        self.notes.setText("\n".join(structure.notes))
        self.notes.setVisible(bool(structure.notes))

    def _facts(self, structure: Structure) -> list[Fact]:
        volume = structure.volume_mm3
        facts = [
            Fact(
                "Volume",
                f"{number(volume / 1000, 3)} mL",
                f"{number(volume, 1)} mm³ by {structure.volume_rule}",
            )
        ]
        for role in Role:
            item = self._view.volume(role)
            if item is None or self._store.why_not_drawn(structure, space_of(item.volume)):
                continue
            known, found = self.values.of(structure, item.volume, self._library.version(item.volume.uid))
            name = item.series.modality or role.value
            if not known:
                facts.append(Fact(f"{name} mean", "counting…", tone="dim"))
            elif found is None:
                facts.append(Fact(f"{name} mean", "no voxel inside", tone="dim"))
            else:
                facts += _value_facts(name, found)
        facts += [Fact(key, value) for key, value in structure.facts]
        if structure.threshold is not None and structure.fractional is None:
            facts.append(Fact("Counted from", f"{structure.threshold:g}", "then changed by hand"))
        if structure.source is not None:
            facts.append(Fact("File", shortened(structure.source.name)))
        return facts

    # --- changing ----------------------------------------------------------------------------------------------

    def _draw(self, **changes: object) -> None:
        """How it is drawn is a matter of looking, not of work: nothing to undo."""
        structure = self._store.selected
        if structure is not None:
            self._store.update(structure.id, **changes)

    def _change(self, text: str, **changes: object) -> None:
        structure = self._store.selected
        if structure is None or not all(changes.values()):
            return
        before = {name: getattr(structure, name) for name in changes}
        if before == changes:
            return
        store, number_ = self._store, structure.id
        self._history.do(
            Edit(text, lambda: store.update(number_, **changes), lambda: store.update(number_, **before))
        )

    def _count_from(self, threshold: float) -> None:
        structure = self._store.selected
        if structure is not None:
            count_from(self._view, structure, threshold)

    def _ask_colour(self) -> None:
        structure = self._store.selected
        if structure is None:
            return
        chosen = QColorDialog.getColor(QColor(*structure.colour), self, "Colour of the structure")
        if chosen.isValid():
            self._change("Colour structure", colour=(chosen.red(), chosen.green(), chosen.blue()))

    def _remove(self) -> None:
        structure = self._store.selected
        if structure is None:
            return
        store = self._store
        self._history.do(
            Edit("Remove structure", lambda: store.remove([structure.id]), lambda: store.put([structure]))
        )

    def _accept(self) -> None:
        structure, base = self._store.selected, self._view.base_volume
        if structure is None or base is None:
            return
        store, frame = self._store, space_of(base.volume)
        before = [other for other in store if other.source == structure.source]
        self._history.do(
            Edit("Draw structure", lambda: store.accept_space(structure, frame), lambda: store.put(before))
        )

    def go_there(self) -> None:
        """Move the crosshair into the selected structure."""
        structure = self._store.selected
        if structure is not None and structure.centre_mm is not None and not self.notice.text:
            self._view.set_cursor(structure.centre_mm)


def shortened(name: str, most: int = 24) -> str:
    """A file name that fits: its start and end. A long one without blanks would widen the sidebar."""
    return name if len(name) <= most else f"{name[: most // 2]}…{name[-(most // 2) + 1 :]}"


def _value_facts(name: str, found: Statistics) -> list[Fact]:
    digits = _DIGITS.get(found.unit.removesuffix("*"), 2)
    unit = f" {found.unit}" if found.unit else ""
    return [
        Fact(f"{name} mean", f"{number(found.mean, digits)}{unit}", f"{found.voxels} voxels"),
        Fact(f"{name} max", f"{number(found.maximum, digits)}{unit}"),
    ]
