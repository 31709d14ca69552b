"""A model run from the window, in its own process: progress, cancel, and a result that is edited and saved."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog, QMessageBox

from tests.cli.test_segment import ramp_model
from tests.needs import library, program
from tests.phantoms import write_ramp
from viewer.dicom.seg import read_segmentation
from viewer.imaging.labelmap import Mask
from viewer.imaging.mask_edit import grown
from viewer.state.structure_edit import operate
from viewer.state.structure_saving import StructureForm
from viewer.state.structures import StructureStore
from viewer.ui.export.structure_files import save
from viewer.ui.sidebar.structures import StructuresPanel

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

FOUND = 95
"""Voxels of the ramp 1000 k + 100 j + 10 i above 3005: slices 3 and 4 but for the first voxel."""


@pytest.fixture
def panel(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> StructuresPanel:
    """The section of a window that shows the ramp; its file dialog answers with a model."""
    write_ramp(tmp_path / "study")
    window.open([tmp_path / "study"])
    view = window.context.view
    qtbot.waitUntil(lambda: view.base_volume is not None and not window.context.loader.busy, timeout=60_000)
    model = ramp_model(tmp_path / "model")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(model), ""))
    monkeypatch.setattr("viewer.segmentation.segmenters.plugin_names", lambda: ())
    section = StructuresPanel(window.context)
    qtbot.addWidget(section)
    section.show()
    return section


def saved(qtbot: QtBot, window: MainWindow, target: Path, form: StructureForm) -> None:
    save(window.context, target, form)
    qtbot.waitUntil(lambda: bool(window.findChildren(QMessageBox, "structures-saved")), timeout=20_000)
    for box in window.findChildren(QMessageBox, "structures-saved"):
        assert "saved as" in box.text()
        box.close()
        box.setObjectName("read")


def test_that_a_model_of_the_window_tells_how_far_it_is_and_its_result_is_edited_and_saved(
    qtbot: QtBot, window: MainWindow, panel: StructuresPanel, tmp_path: Path
) -> None:
    library("highdicom")
    store, seen = window.context.view.work.of(StructureStore), []
    panel.model.progress.valueChanged.connect(
        lambda value: seen.append((value, panel.model.progress.maximum()))
    )
    panel.model.start.click()
    assert panel.model.progress.isVisible()
    qtbot.waitUntil(lambda: len(store) == 1, timeout=60_000)
    # Six coronal slices, told one after the other.
    assert seen
    assert seen == sorted(seen)
    assert seen[-1] == (6, 6)
    qtbot.waitUntil(panel.model.start.isVisible, timeout=20_000)
    (found,) = store
    assert (found.name, found.volume_mm3, found.identity.made) == (
        "bright",
        FOUND * 6.0,
        "AUTOMATIC, Bright things",
    )
    facts = {fact.label: (fact.value, fact.origin) for fact in panel.card.facts.facts}
    assert facts["Volume"] == ("0.570 mL", "570.0 mm³ by voxels")
    assert operate(window.context.view, "Grow", lambda mask: grown(mask, 1.1)) == ""
    (edited,) = store
    assert isinstance(edited.body, Mask)
    assert edited.body.voxels == FOUND + 1  # the first voxel of slice 3 touches its neighbours
    saved(qtbot, window, tmp_path / "out.nii.gz", StructureForm.NIFTI)
    image: Any = nibabel.load(tmp_path / "out.nii.gz")
    assert int(np.count_nonzero(image.get_fdata() == 1)) == FOUND + 1
    assert not store.unsaved
    saved(qtbot, window, tmp_path / "out.dcm", StructureForm.SEG)
    (segment,) = read_segmentation(tmp_path / "out.dcm").segments
    assert segment.mask.voxels == FOUND + 1
    assert segment.identity.made == "SEMIAUTOMATIC, Bright things"
    checked = subprocess.run(
        [program("dciodvfy", "dicom3tools"), tmp_path / "out.dcm"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in checked.stderr.splitlines() if line.startswith("Error")] == []


def test_that_a_model_of_the_window_is_cancelled_and_leaves_nothing(
    qtbot: QtBot, window: MainWindow, panel: StructuresPanel
) -> None:
    panel.model.start.click()
    panel.model.cancel.click()
    qtbot.waitUntil(panel.model.start.isVisible, timeout=20_000)
    assert panel.model.said.text() == ""
    assert len(window.context.view.work.of(StructureStore)) == 0
