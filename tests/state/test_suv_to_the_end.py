"""A PET whose header lacks something gets its SUV from the user; any PET can be divided by something else.

Expected numbers: the published factor of case P1 and the published body-size table, not our own arithmetic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import phantoms
from tests.dicom.reading import catalogue_of, filled
from viewer.errors import SuvUnavailable
from viewer.imaging.window import Window
from viewer.state.annotations import corners
from viewer.state.first_window import first_window
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import Library, OpenVolume
from viewer.state.panes import Density
from viewer.state.probe import read_point
from viewer.state.resolve import resolve
from viewer.state.suv_edit import can_edit_suv, carry_suv, edit_suv, reset_suv, show_kind
from viewer.state.view import ViewState

P1 = 2.7633668e-4
"""g/Bq: 70 kg, 370 MBq F-18, one hour, START."""
SIZES = {
    "M": {"lbm": 57.80, "lbmjames128": 56.52, "lbmjanma": 55.8571, "ibw": 72.38},
    # Sex O is the mean of both formulas. At 70 kg and 1.75 m the women's are
    # LBM and James 74.9 - 148 * 0.16 = 51.22, Janma 648900 / (8780 + 244 * 22.857143) = 45.1970, IBW 66.43.
    "O": {"lbm": 54.51, "lbmjames128": 53.87, "lbmjanma": 50.52706, "ibw": 69.405},
}
"""Kilograms for 70 kg and 1.75 m; the IBW of sex O is the published one."""
BSA_M2 = 1.84814


def opened(library: Library, folder: Path, **tags: Any) -> OpenVolume:
    phantoms.write_pet(folder, **tags)
    catalogue = catalogue_of(folder)
    library.set_catalogue(catalogue)
    (study,) = catalogue.studies
    (series,) = study.series
    item = OpenVolume(filled(series.stacks[0]), series.stacks[0], series, study)
    library.add(item)
    return item


def now(library: Library, item: OpenVolume) -> OpenVolume:
    found = library.get(item.volume.uid)
    assert found is not None
    return found


@pytest.fixture
def library() -> Library:
    return Library()


# --- what the header lacks (D10, D11, D15) ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tags, field, entered",
    [
        ({"PatientWeight": None}, "weight_kg", 70.0),
        ({"PatientWeight": 0}, "weight_kg", 70.0),
        ({"RadionuclideTotalDose": 370e3}, "dose_bq", 370e6),
        ({"RadionuclideTotalDose": None}, "dose_bq", 370e6),
        ({"RadionuclideHalfLife": None, "RadionuclideCodeSequence": None}, "half_life_s", 6586.2),
    ],
)
def test_that_D10_D11_D15_what_is_missing_can_be_entered_and_the_suv_is_marked(
    library: Library, tmp_path: Path, tags: dict[str, Any], field: str, entered: float
) -> None:
    item = opened(library, tmp_path, **tags)
    assert item.stack.suv is None
    assert item.stack.suv_gap is not None
    assert item.stack.suv_gap.field == field
    assert (item.volume.suv_factor, item.volume.display_unit) == (None, "Bq/mL")
    assert can_edit_suv(item)
    edit_suv(library, item.volume.uid, **{field: entered})
    after = now(library, item)
    assert after.volume.suv_factor == pytest.approx(P1, rel=1e-7)
    assert after.volume.display_unit == "SUV*"
    assert after.volume.preset_unit == "SUV"


def test_that_D07_an_injection_time_can_be_entered(library: Library, tmp_path: Path) -> None:
    item = opened(library, tmp_path, RadiopharmaceuticalStartTime=None, RadiopharmaceuticalStartDateTime=None)
    assert item.stack.suv_gap is not None
    assert item.stack.suv_gap.field == "injection"
    frames = item.stack.suv_gap.inputs.frames
    assert frames[0].acquisition is not None
    edit_suv(library, item.volume.uid, injection=frames[0].acquisition.replace(hour=10))
    assert now(library, item).volume.suv_factor == pytest.approx(P1, rel=1e-7)


def test_that_entering_one_of_two_missing_inputs_names_the_other(library: Library, tmp_path: Path) -> None:
    item = opened(library, tmp_path, PatientWeight=None, RadionuclideTotalDose=370e3)
    with pytest.raises(SuvUnavailable, match="dose"):
        edit_suv(library, item.volume.uid, weight_kg=70.0)
    assert now(library, item) is item
    edit_suv(library, item.volume.uid, weight_kg=70.0, dose_bq=370e6)
    assert now(library, item).volume.suv_factor == pytest.approx(P1, rel=1e-7)


@pytest.mark.parametrize(
    "tags",
    [
        {"CorrectedImage": ["DECY"]},
        {"Units": "PROPCNTS"},
        {"DecayCorrection": "OTHER"},
        {"PatientWeight": None, "CorrectedImage": ["DECY"]},
    ],
)
def test_that_D01_D02_no_entry_makes_an_suv_of_what_is_none(
    library: Library, tmp_path: Path, tags: dict[str, Any]
) -> None:
    item = opened(library, tmp_path, **tags)
    assert item.stack.suv_gap is None
    assert not can_edit_suv(item)
    with pytest.raises(SuvUnavailable):
        edit_suv(library, item.volume.uid, weight_kg=70.0)


def test_that_the_header_values_take_an_entered_suv_back(library: Library, tmp_path: Path) -> None:
    item = opened(library, tmp_path, PatientWeight=None)
    edit_suv(library, item.volume.uid, weight_kg=70.0)
    reset_suv(library, item.volume.uid)
    after = now(library, item)
    assert (after.volume.suv_factor, after.volume.display_unit, after.stack.suv) == (None, "Bq/mL", None)


def test_that_D15_the_star_is_on_the_value_under_the_mouse_in_the_corner_and_on_the_window(
    library: Library, tmp_path: Path
) -> None:
    view = ViewState(library)
    item = opened(library, tmp_path, PatientWeight=None)
    edit_suv(library, item.volume.uid, weight_kg=70.0)
    volume = now(library, item).volume
    window, name = first_window(volume)
    assert name == "SUV 0-7"
    view.show(ImageLayer(volume.uid, window, window_name=name))
    (reading,) = read_point(view, view.cursor_mm)
    assert reading.text.startswith("SUV* ")
    scene = resolve(view, view.layout.panes[0], 640, 480)
    assert scene is not None
    words = corners(view, scene, Density.FULL, identity=True)
    assert words.bottom_left[0] == "SUV* 0.0-7.0"
    assert "SUV*" in words.warnings


# --- what the uptake is divided by (D02, D14) ---------------------------------------------------------------------


@pytest.mark.parametrize("sex", ["M", "O"])
@pytest.mark.parametrize(
    "kind, unit",
    [("lbm", "SUL Morgan"), ("lbmjames128", "SUL James128"), ("lbmjanma", "SUL Janma"), ("ibw", "SUVibw")],
)
def test_that_D14_lean_and_ideal_mass_follow_the_published_table(
    library: Library, tmp_path: Path, sex: str, kind: str, unit: str
) -> None:
    item = opened(library, tmp_path, PatientSex=sex)
    show_kind(library, item.volume.uid, kind)
    after = now(library, item)
    assert after.volume.suv_factor == pytest.approx(P1 * SIZES[sex][kind] / 70, rel=2e-6)
    assert after.volume.display_unit == unit
    assert after.stack.suv is not None
    # D14: a mean of both formulas is said, and only then.
    assert after.stack.suv.mean_of_sexes == (sex == "O")
    assert any("mean of both" in text for text in after.stack.warnings) == (sex == "O")
    view = ViewState(library)
    view.show(ImageLayer(item.volume.uid, Window.from_bounds(0, 7)))
    scene = resolve(view, view.layout.panes[0], 640, 480)
    assert scene is not None
    # Also where nothing else is written.
    words = corners(view, scene, Density.OFF, identity=False)
    assert ("mean of F/M formulas" in words.warnings) == (sex == "O")


def test_that_surface_area_gives_square_centimetres_per_millilitre(library: Library, tmp_path: Path) -> None:
    item = opened(library, tmp_path)
    show_kind(library, item.volume.uid, "bsa")
    after = now(library, item)
    assert after.volume.suv_factor == pytest.approx(P1 * BSA_M2 * 1e4 / 70e3, rel=3e-6)
    assert after.volume.display_unit == "SUVbsa"
    assert after.stack.suv is not None
    assert not after.stack.suv.mean_of_sexes


def test_that_D14_body_weight_never_depends_on_the_sex(library: Library, tmp_path: Path) -> None:
    item = opened(library, tmp_path)
    show_kind(library, item.volume.uid, "lbmjanma")
    show_kind(library, item.volume.uid, "bw")
    after = now(library, item)
    assert (after.volume.suv_factor, after.volume.display_unit) == (item.volume.suv_factor, "SUV")
    assert after.stack.suv is not None
    assert not after.stack.suv.mean_of_sexes


def test_that_D02_values_by_lean_mass_come_out_as_they_are_stored(library: Library, tmp_path: Path) -> None:
    # IBSI object 2_1: SUV by James lean mass, sex M.
    item = opened(library, tmp_path, Units="GML", SUVType="LBMJAMES128", PatientSex="M")
    assert item.volume.suv_factor == pytest.approx(70 / 56.52, rel=1e-6)
    show_kind(library, item.volume.uid, "lbmjames128")
    assert now(library, item).volume.suv_factor == pytest.approx(1.0, abs=1e-12)


def test_that_a_kind_without_height_is_refused_until_it_is_entered(library: Library, tmp_path: Path) -> None:
    item = opened(library, tmp_path, PatientSize=None, PatientSex="M")
    with pytest.raises(SuvUnavailable, match="height"):
        show_kind(library, item.volume.uid, "lbmjanma")
    assert now(library, item) is item
    edit_suv(library, item.volume.uid, height_cm=175.0)
    show_kind(library, item.volume.uid, "lbmjanma")
    after = now(library, item)
    assert after.volume.suv_factor == pytest.approx(P1 * 55.8571 / 70, rel=2e-6)
    assert after.volume.display_unit == "SUL Janma*"
    # Without the entered height the kind falls, too.
    reset_suv(library, item.volume.uid)
    assert now(library, item).volume.display_unit == "SUV"


def test_that_an_edit_keeps_the_kind(library: Library, tmp_path: Path) -> None:
    # F 60 kg, 1.65 m: Janma 39.2868 kg.
    item = opened(library, tmp_path)
    show_kind(library, item.volume.uid, "lbmjanma")
    edit_suv(library, item.volume.uid, weight_kg=60.0, height_cm=165.0, sex="F")
    after = now(library, item)
    assert after.volume.suv_factor == pytest.approx(P1 * 60 / 70 * 39.2868 / 60, rel=2e-6)
    assert after.volume.display_unit == "SUL Janma*"


def test_that_C02_presets_for_suv_do_not_apply_to_other_kinds(library: Library, tmp_path: Path) -> None:
    item = opened(library, tmp_path)
    show_kind(library, item.volume.uid, "bsa")
    volume = now(library, item).volume
    assert volume.preset_unit == "SUVbsa"
    assert first_window(volume)[1] != "SUV 0-7"


def test_that_D04_slices_corrected_one_by_one_can_be_edited_where_all_change_alike(
    library: Library, tmp_path: Path
) -> None:
    item = opened(
        library,
        tmp_path,
        DecayCorrection="NONE",
        CorrectedImage=["ATTN"],
        AcquisitionTime=lambda k: f"11{k:02d}00",
    )
    before = item.volume.array.copy()
    assert item.stack.suv is not None
    assert item.stack.suv.factor is None
    edit_suv(library, item.volume.uid, weight_kg=77.0)
    after = now(library, item)
    assert after.volume.suv_factor == pytest.approx(1.1, rel=1e-9)
    assert after.volume.display_unit == "SUV*"
    np.testing.assert_array_equal(after.volume.array, before)
    with pytest.raises(SuvUnavailable, match="every slice"):
        edit_suv(library, item.volume.uid, half_life_s=6000.0)


def test_that_edits_and_kind_go_along_to_another_time_of_the_series(library: Library, tmp_path: Path) -> None:
    first = opened(library, tmp_path / "a", PatientWeight=None)
    edit_suv(library, first.volume.uid, weight_kg=70.0, height_cm=175.0, sex="M")
    show_kind(library, first.volume.uid, "ibw")
    kept = now(library, first)
    second = opened(library, tmp_path / "b", PatientWeight=None, SeriesInstanceUID="1.2.3.4")
    carry_suv(library, kept, second.volume.uid)
    after = now(library, second)
    assert after.volume.suv_factor == pytest.approx(P1 * 72.38 / 70, rel=2e-6)
    assert after.volume.display_unit == "SUVibw*"


def test_that_the_change_of_quantity_is_told_with_its_factor(library: Library, tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    library.quantity_changed.connect(lambda uid, factor: told.append((uid, factor)))
    item = opened(library, tmp_path, PatientWeight=None, PatientSex="M")
    uid = item.volume.uid
    edit_suv(library, uid, weight_kg=70.0)
    edit_suv(library, uid, weight_kg=70.0)
    show_kind(library, uid, "ibw")
    assert [place for place, _ in told] == [uid, uid]
    assert told[0][1] == 0.0
    assert told[1][1] == pytest.approx(72.38 / 70, rel=1e-9)


def test_that_roles_stay_what_they_are(library: Library, tmp_path: Path) -> None:
    view = ViewState(library)
    item = opened(library, tmp_path)
    view.show(ImageLayer(item.volume.uid, Window.from_bounds(0, 7)))
    show_kind(library, item.volume.uid, "bsa")
    assert view.volume(Role.BASE) is now(library, item)
