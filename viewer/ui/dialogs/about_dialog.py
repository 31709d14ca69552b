"""About: version, intended use, what the program stands on, and the facts a bug report needs."""

from __future__ import annotations

import platform
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from PySide6.QtCore import Qt, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QLabel, QPlainTextEdit, QPushButton, QTabWidget, QWidget

from viewer import __version__
from viewer.assets import asset_path
from viewer.ui.dialogs._parts import Hint, buttons, column, prepare
from viewer.ui.dialogs.intended_use import INTENDED_USE
from viewer.ui.theme import GRID_PX


@dataclass(frozen=True)
class Component:
    """A library the program stands on.

    Parameters
    ----------
    name
        Its distribution name.
    licence
        SPDX expression.
    purpose
        What it does here.
    version
        Installed version, empty when it cannot be found.
    """

    name: str
    licence: str
    purpose: str
    version: str = ""


def components() -> tuple[Component, ...]:
    """Libraries with their licences, from `resources/help/licences.toml`, and the versions that run."""
    rows = tomllib.loads(asset_path("help/licences.toml").read_text(encoding="utf-8"))["component"]
    found = []
    for row in rows:
        try:
            installed = version(row["name"])
        except PackageNotFoundError:
            installed = ""
        found.append(Component(row["name"], row["licence"], row["purpose"], installed))
    return tuple(found)


def facts() -> tuple[str, ...]:
    """What a bug report needs; nothing about the user, the machine's name or a patient."""
    from viewer.imaging.kernel import reason

    return (
        f"Triptych {__version__}",
        f"Python {platform.python_version()}, Qt {qVersion()} ({QGuiApplication.platformName()})",
        f"{platform.system()} {platform.release()} ({platform.machine()})",
        f"Render kernel: {reason()}",
    )


class AboutDialog(QDialog):
    """See the module text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare(self, "about-dialog", "About Triptych")
        self.setMinimumWidth(76 * GRID_PX)
        title = QLabel(f"Triptych {__version__}")
        font = title.font()
        font.setPointSizeF(font.pointSizeF() * 1.6)
        title.setFont(font)
        use = Hint(INTENDED_USE)
        use.setObjectName("intended-use")
        bold = use.font()
        bold.setBold(True)
        use.setFont(bold)
        tabs = QTabWidget()
        tabs.addTab(_text("about-text", asset_path("help/about.txt").read_text(encoding="utf-8")), "About")
        rows = [f"{c.name} {c.version}".strip() + f"\n    {c.purpose}. {c.licence}" for c in components()]
        tabs.addTab(_text("about-licences", "\n".join(rows)), "Licences")
        self.details = _text("about-facts", "\n".join(facts()))
        tabs.addTab(self.details, "System")
        copy = QPushButton("Copy system details")
        copy.setObjectName("about-copy")
        copy.setAutoDefault(False)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.details.toPlainText()))
        outer = column(self)
        outer.addWidget(title)
        outer.addWidget(Hint("A viewer for DICOM studies in three linked planes."))
        outer.addWidget(use)
        outer.addWidget(tabs, 1)
        outer.addWidget(copy, 0, Qt.AlignmentFlag.AlignLeft)
        box, _ = buttons(self, "Close", cancel=False)
        outer.addWidget(box)


def _text(name: str, text: str) -> QPlainTextEdit:
    box = QPlainTextEdit(text.strip())
    box.setObjectName(name)
    box.setReadOnly(True)
    box.setTabChangesFocus(True)
    box.setMinimumHeight(26 * GRID_PX)
    return box
