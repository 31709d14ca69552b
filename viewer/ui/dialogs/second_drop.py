"""The question when something is opened while a study still loads."""

from __future__ import annotations

from typing import Literal

from PySide6.QtWidgets import QAbstractButton, QMessageBox, QWidget

Answer = Literal["replace", "add", "cancel"]


def ask_second_drop(parent: QWidget | None) -> Answer:
    """Ask whether to replace what is loading or to add to it.

    Returns
    -------
    str
        "replace" cancels the running load, "add" lets it go on, "cancel" opens nothing.
    """
    box = second_drop_box(parent)
    box.exec()
    answer = answer_of(box)
    box.deleteLater()
    return answer


def second_drop_box(parent: QWidget | None) -> QMessageBox:
    """The box of the question; buttons carry their answer as object name."""
    box = QMessageBox(parent)
    box.setObjectName("second-drop")
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("A study is still loading")
    box.setText("Replace the study that is loading, or add to it?")
    box.setInformativeText("Replacing stops the running load.")
    replace = box.addButton("Replace", QMessageBox.ButtonRole.DestructiveRole)
    replace.setObjectName("replace")
    add = box.addButton("Add", QMessageBox.ButtonRole.AcceptRole)
    add.setObjectName("add")
    cancel = box.addButton(QMessageBox.StandardButton.Cancel)
    cancel.setObjectName("cancel")
    box.setDefaultButton(add)
    box.setEscapeButton(cancel)
    return box


def answer_of(box: QMessageBox) -> Answer:
    """The answer after the box was closed; closing it any other way is "cancel"."""
    clicked: QAbstractButton | None = box.clickedButton()
    name = "" if clicked is None else clicked.objectName()
    if name == "replace":
        return "replace"
    return "add" if name == "add" else "cancel"
