"""The list of structures: what comes in, where it may be drawn, and what is said when it may not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import RealData, Reference
from tests.formats.volumes import the_volume
from tests.imaging.test_contours import SQUARE, at_height
from tests.state.conftest import MakeVolume
from viewer.dicom.model import Catalogue
from viewer.dicom.structure_facts import References
from viewer.dicom.structure_file import FoundStructure, StructureFile
from viewer.imaging.contours import ContourSet
from viewer.imaging.labelmap import Mask
from viewer.imaging.volume import LABEL_UNIT, Quantity
from viewer.state.structures import NO_BODY, NO_FRAME, OTHER_FRAME, StructureStore
from viewer.state.view import ViewState


def file_of(*found: FoundStructure, references: References | None = None) -> StructureFile:
    """A structure file that was read."""
    return StructureFile(Path("rs.dcm"), "plan", found, references or References())


def box(frame: str = "1.9", name: str = "box") -> FoundStructure:
    """Contours of a 10 mm square on three planes."""
    contours = ContourSet.of([at_height(SQUARE, z) for z in (0.0, 3.0, 6.0)])
    return FoundStructure(name, (255, 0, 0), contours, frame)


def test_that_J47_a_structure_of_another_frame_of_reference_is_listed_and_says_why_it_is_not_drawn(
    view: ViewState,
) -> None:
    store = view.work.of(StructureStore)
    here, there, nowhere, nothing = store.add_file(
        file_of(box(), box("1.8"), box(""), FoundStructure("empty", (0, 0, 0), None, "1.9"))
    )
    assert store.why_not_drawn(here, "1.9") == ""
    assert store.why_not_drawn(there, "1.9") == OTHER_FRAME
    assert store.why_not_drawn(nowhere, "") == NO_FRAME
    assert store.why_not_drawn(nothing, "1.9") == NO_BODY
    assert NO_BODY in nothing.notes
    assert len(store) == 4


def test_that_J47_the_images_a_file_names_come_first_then_those_of_its_space_then_none(
    view: ViewState, make_volume: MakeVolume
) -> None:
    one, two, other = (
        make_volume("1"),
        make_volume("2", shape=(9, 6, 8)),
        make_volume("3", frame_of_reference="7"),
    )
    study = replace(one.study, series=(one.series, two.series, other.series))
    view.library.set_catalogue(Catalogue((study,)))
    store = view.work.of(StructureStore)
    assert store.referenced_stack(References(frozenset({"1"})), "1.9") is one.stack
    assert store.referenced_stack(References(frozenset({"missing"})), "1.9") is two.stack
    assert store.referenced_stack(References(frozenset({"missing"})), "5") is None
    assert store.referenced_stack(References(), "") is None


def test_that_a_file_read_again_replaces_what_it_brought(view: ViewState) -> None:
    store = view.work.of(StructureStore)
    store.add_file(file_of(box(name="a"), box(name="b")))
    store.add_file(file_of(box(name="c")))
    assert [structure.name for structure in store] == ["c"]
    assert store.selected is not None
    assert store.selected.name == "c"


def test_that_a_contour_of_one_slice_is_as_high_as_the_slices_of_its_images(
    view: ViewState, make_volume: MakeVolume
) -> None:
    item = make_volume("1")
    view.library.set_catalogue(Catalogue((replace(item.study, series=(item.series,)),)))
    alone = FoundStructure("one", (1, 2, 3), ContourSet.of([at_height(SQUARE, 0.0)]), "1.9")
    (structure,) = view.work.of(StructureStore).add_file(file_of(alone))
    assert structure.volume_mm3 == pytest.approx(100 * 3)


def test_that_I10_every_label_of_a_label_volume_becomes_a_structure(
    view: ViewState, make_volume: MakeVolume
) -> None:
    item = make_volume("1", quantity=Quantity(LABEL_UNIT))
    array = np.zeros((5, 6, 8), np.int16)
    array[1:4, 1:5, 2:6] = 1
    array[4, 0, 0] = 300
    made = view.work.of(StructureStore).add_labels(replace(item.volume, array=array), "labels.nii")
    assert [(s.name, s.volume_mm3) for s in made] == [("Label 1", 288.0), ("Label 300", 6.0)]
    assert all(s.frame_of_reference_uid == "1.9" for s in made)


def test_that_statistics_of_contours_are_those_of_the_voxels_inside(
    make_volume: MakeVolume, view: ViewState
) -> None:
    volume = make_volume("1").volume
    edges = np.array([[1.5, 0.5], [1.5, 4.5], [5.5, 4.5], [5.5, 0.5]])[:, ::-1]
    contours = ContourSet.of(
        [volume.geometry.to_patient(np.column_stack([np.full(4, k), edges])) for k in (1, 2, 3)]
    )
    structure = view.work.of(StructureStore).make("box", contours, "1.9")
    found = structure.mask(volume.geometry).statistics(volume)
    assert found is not None
    assert found.voxels == 48
    assert found.mean == pytest.approx(2285)


def test_that_structures_go_with_their_study(view: ViewState, make_volume: MakeVolume) -> None:
    item = make_volume("1")
    view.library.set_catalogue(Catalogue((item.study,)))
    store = view.work.of(StructureStore)
    store.put([store.make("mine", Mask.of(np.ones((5, 6, 8)), item.volume.geometry), "1.9")])
    view.library.set_catalogue(Catalogue((item.study,)))
    assert len(store) == 1
    view.library.clear()
    assert len(store) == 0
    assert store.selected is None


def test_that_I08_I10_the_spleen_of_published_labels_measures_255204_mm3(
    view: ViewState, real_data: RealData, reference: Reference
) -> None:
    expected = reference("volumes")["nifti-orient/totalseg/example_seg"]["labels_mm3"]
    path = next((real_data("nifti-orient") / "totalseg").glob("example_seg.nii*"))
    volume = the_volume(path)
    assert volume.quantity.is_label
    made = view.work.of(StructureStore).add_labels(volume, "labels")
    found = {dict(s.facts)["Label"]: s.volume_mm3 for s in made}
    assert found["1"] == pytest.approx(255204, abs=0.5)
    assert found == pytest.approx(expected, abs=0.5)


def test_that_masks_of_npy_files_become_structures(view: ViewState, tmp_path: Path) -> None:
    array = np.zeros((4, 5, 6), np.uint8)
    array[1:3, 1:4, 2:5] = 1
    np.save(tmp_path / "liver_mask.npy", array)
    volume = the_volume(tmp_path / "liver_mask.npy")
    assert volume.quantity.is_label
    (structure,) = view.work.of(StructureStore).add_labels(volume, "mask")
    assert isinstance(structure.body, Mask)
    assert structure.body.voxels == 18
