"""Finding structures by a model: in a process of its own, with progress and cancel; the result can be edited."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QThread, Signal
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QMenu, QProgressBar, QPushButton, QVBoxLayout

from viewer.dicom.structure_facts import SegmentIdentity
from viewer.errors import Cancelled, ViewerError
from viewer.imaging.labelmap import masks_of_labels
from viewer.loading.cancel import CancelToken
from viewer.state.structures import StructureStore, space_of
from viewer.state.undo import Edit, History
from viewer.ui.sidebar._parts import label
from viewer.ui.theme import GRID_PX, icon

if TYPE_CHECKING:
    from viewer.imaging.volume import Volume
    from viewer.segmentation.labels import Labels
    from viewer.ui.context import UiContext

log = logging.getLogger(__name__)
_FILTER = "Models and their cards (*.onnx *.toml)"


class _ModelRun(QThread):
    """One model on one volume.

    Signals
    -------
    progressed
        Pieces done and all pieces.
    found
        `Labels`.
    failed
        A sentence; empty when it was cancelled.
    """

    progressed = Signal(int, int)
    found = Signal(object)
    failed = Signal(str)

    def __init__(self, volume: Volume, model: str, parent: QFrame) -> None:
        super().__init__(parent)
        self.token = CancelToken()
        self.volume = volume
        self._model = model

    def run(self) -> None:
        try:
            from viewer.segmentation.job import segment
            from viewer.segmentation.segmenters import segmenter

            segmenter(self._model).check(self.volume)
            labels = segment(self.volume, self._model, tell=self.progressed.emit, cancel=self.token)
        except Cancelled:
            self.failed.emit("")
        except ViewerError as error:
            self.failed.emit(error.user_message)
        except Exception:  # the worker boundary: one of the two doors
            log.exception("a model failed")
            self.failed.emit("The model stopped by an internal error; the log has the details.")
        else:
            self.found.emit(labels)


class ModelBlock(QFrame):
    """See the module text.

    Parameters
    ----------
    context
        The session's objects.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__()
        self._view = context.view
        self._store = context.view.work.of(StructureStore)
        self._run: _ModelRun | None = None
        self.setObjectName("structure-model")
        self.setProperty("tone", "card")
        self.start = QPushButton(icon("search"), "Find with a model…")
        self.start.setObjectName("model-start")
        self.progress = QProgressBar()
        self.progress.setObjectName("model-progress")
        self.progress.setAccessibleName("Progress of the model")
        self.cancel = QPushButton("Cancel")
        self.cancel.setObjectName("model-cancel")
        self.said = label("", "dim", wrap=True)
        row = QHBoxLayout()
        row.setSpacing(GRID_PX)
        row.addWidget(self.progress, 1)
        row.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID_PX, GRID_PX, GRID_PX, GRID_PX)
        layout.setSpacing(GRID_PX)
        layout.addWidget(self.start)
        layout.addLayout(row)
        layout.addWidget(self.said)
        self.start.clicked.connect(self._choose)
        self.cancel.clicked.connect(self._give_up)
        context.window.installEventFilter(self)
        self._say("")
        self.refresh()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A window that closes ends the model with it."""
        if event.type() is QEvent.Type.Close and self._run is not None:
            self._run.token.cancel()
            self._run.wait()
        return super().eventFilter(watched, event)

    def refresh(self) -> None:
        """Follow the state."""
        base = self._view.base_volume
        self.setVisible(base is not None and base.volume.geometry.oriented)
        running = self._run is not None
        self.start.setVisible(not running)
        self.progress.setVisible(running)
        self.cancel.setVisible(running)

    def _choose(self) -> None:
        """An installed segmenter by its name, or a model file."""
        from viewer.segmentation.segmenters import plugin_names

        names = plugin_names()
        if not names:
            self._ask_file()
            return
        menu = QMenu(self)
        for name in names:
            menu.addAction(name).triggered.connect(partial(self.run_model, name))
        menu.addAction("Model file…", self._ask_file)
        menu.popup(self.start.mapToGlobal(self.start.rect().bottomLeft()))

    def _ask_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Model", "", _FILTER)
        if name:
            self.run_model(name)

    def run_model(self, model: str, _checked: bool = False) -> None:
        """Look for structures in the base image.

        Parameters
        ----------
        model
            Path of an ONNX model or its card, or the name of an installed segmenter.
        """
        base = self._view.base_volume
        if base is None or self._run is not None:
            return
        self._say("")
        self.progress.setRange(0, 0)
        run = self._run = _ModelRun(base.volume, model, self)
        run.progressed.connect(self._progressed)
        run.found.connect(self._found)
        run.failed.connect(self._say)
        run.finished.connect(self._ended)
        run.start()
        self.refresh()

    def _progressed(self, done: int, total: int) -> None:
        self.progress.setRange(0, total)
        self.progress.setValue(done)

    def _found(self, labels: Labels) -> None:
        if self._run is None:
            return
        volume, store = self._run.volume, self._store
        masks = masks_of_labels(labels.array, volume.geometry)
        made = [
            replace(
                store.make(labels.names.get(label_, "") or f"Label {label_}", mask, space_of(volume)),
                group=labels.model or "Model",
                identity=SegmentIdentity(algorithm_type="AUTOMATIC", algorithm=labels.model or "Model"),
                facts=(("Made by", labels.model), ("Licence", labels.licence)),
            )
            for label_, mask in masks.items()
        ]
        missing = [name for label_, name in labels.names.items() if label_ not in masks]
        self._say(f"Not found: {', '.join(missing)}." if missing else "")
        if made:
            self._view.work.of(History).do(
                Edit(
                    f"Structures of {labels.model}",
                    lambda: store.put(made),
                    lambda: store.remove([structure.id for structure in made]),
                )
            )

    def _say(self, text: str) -> None:
        self.said.setText(text)
        self.said.setVisible(bool(text))

    def _give_up(self) -> None:
        if self._run is not None:
            self._run.token.cancel()

    def _ended(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.deleteLater()
        self.refresh()
