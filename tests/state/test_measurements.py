"""The store of measurements: what they say, where they are seen, and that every change can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.state.conftest import MakeVolume
from viewer.dicom.model import FrameSource
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.volume import Quantity
from viewer.imaging.window import Window
from viewer.state.drawing import begun, placed, worth_keeping
from viewer.state.layers import ImageLayer
from viewer.state.library import OpenVolume
from viewer.state.measured import LOADING, NO_VOXEL, Measured, measure, summary, with_unit
from viewer.state.measurement import Kind, Measurement, as_points, placed_points
from viewer.state.measurements import Measurements
from viewer.state.panes import layout
from viewer.state.resolve import PaneScene, resolve
from viewer.state.undo import Edit, History
from viewer.state.view import ViewState

AXIAL = (0.0, 0.0, 1.0)


def drawn(
    item: OpenVolume, kind: Kind, index: Sequence[tuple[float, float, float]], **changes: object
) -> Measurement:
    """A measurement through continuous (k, j, i) of a volume."""
    geometry = item.volume.geometry
    points = as_points(geometry.to_patient(np.array(index)))
    made = Measurement(
        f"2.25.{kind.value}",
        kind,
        points,
        AXIAL,
        item.study.uid,
        geometry.frame_of_reference_uid,
        item.volume.uid,
    )
    return replace(made, name=kind.value, **changes)  # type: ignore[arg-type]


def texts(item: OpenVolume, measurement: Measurement) -> tuple[str, ...]:
    return measure(measurement, item).lines()


# --- what they say ----------------------------------------------------------------------------------------------


def test_that_G01_a_length_is_shown_with_a_tenth_of_a_millimetre(make_volume: MakeVolume) -> None:
    item = make_volume()
    assert texts(item, drawn(item, Kind.LENGTH, [(1, 1, 2), (1, 4, 6)])) == ("7.2 mm",)


def test_that_G01_without_spacing_a_length_counts_pixels(make_volume: MakeVolume) -> None:
    item = make_volume(affine=np.diag([1.0, 1, 1, 1])[[2, 1, 0, 3]])
    line = drawn(item, Kind.LENGTH, [(1, 1, 2), (1, 4, 6)], calibrated=False)
    assert texts(item, line) == ("5.0 px",)
    assert measure(
        replace(
            line,
            kind=Kind.RECTANGLE,
            points=drawn(item, Kind.RECTANGLE, [(1, 1, 1), (1, 1, 3), (1, 4, 3), (1, 4, 1)]).points,
        ),
        None,
    ).lines() == ("Area 6.0 px²",)


def test_that_G02_an_angle_is_shown_in_degrees(make_volume: MakeVolume) -> None:
    item = make_volume()
    assert texts(item, drawn(item, Kind.ANGLE, [(1, 1, 6), (1, 1, 2), (1, 4, 6)])) == ("56.3°",)


def test_that_G03_a_region_says_its_statistics_with_units(make_volume: MakeVolume) -> None:
    item = make_volume()
    corners = [(1, 0.5, 1.5), (1, 0.5, 5.5), (1, 3.5, 5.5), (1, 3.5, 1.5)]
    region = drawn(item, Kind.RECTANGLE, corners)
    assert texts(item, region) == (
        "Mean 1235.0 HU  SD 86.1",
        "Min 1120 HU  Max 1350",
        "Area 24.0 mm²  n 12",
    )
    assert measure(region, item).get("volume") == pytest.approx(72)
    assert summary(region, measure(region, item)) == "1235.0 HU"


def test_that_G04_a_region_between_the_centres_says_no_voxel(make_volume: MakeVolume) -> None:
    item = make_volume()
    corners = [(1, 1.2, 1.2), (1, 1.2, 1.8), (1, 1.8, 1.8), (1, 1.8, 1.2)]
    region = drawn(item, Kind.RECTANGLE, corners)
    found = measure(region, item)
    assert found.note == NO_VOXEL
    assert texts(item, region) == ("Area 0.7 mm²  n 0", "no voxel")
    assert "nan" not in " ".join(found.lines()).lower()


def test_that_a_region_whose_slices_are_still_to_come_says_so_and_no_number(make_volume: MakeVolume) -> None:
    item = make_volume()
    corners = [(1, 0.5, 1.5), (1, 0.5, 5.5), (1, 3.5, 5.5), (1, 3.5, 1.5)]
    region = drawn(item, Kind.RECTANGLE, corners)
    item.volume.ready[1] = False
    assert measure(region, item).note == LOADING
    assert texts(item, region) == ("Area 24.0 mm²", "loading")
    item.volume.ready[1] = True
    assert texts(item, region)[0] == "Mean 1235.0 HU  SD 86.1"


def test_that_G06_axes_on_another_plane_than_the_acquired_one_say_so(make_volume: MakeVolume) -> None:
    item = make_volume()
    axes = drawn(item, Kind.BIDIRECTIONAL, [(1, 1, 1), (1, 1, 7), (1, 0, 3), (1, 2, 3)])
    assert texts(item, axes) == ("L 6.0 mm  S 4.0 mm",)
    assert texts(item, replace(axes, normal=(1.0, 0.0, 0.0))) == ("L 6.0 mm  S 4.0 mm", "⚠ resampled plane")


def test_that_G12_a_gap_or_a_missing_registration_is_in_the_label(make_volume: MakeVolume) -> None:
    item = make_volume()
    geometry = item.volume.geometry
    gapped = VolumeGeometry(geometry.shape, geometry.patient_from_index, "1.9", gaps=(2,))
    across = replace(item, volume=replace(item.volume, geometry=gapped))
    line = drawn(item, Kind.LENGTH, [(2, 1, 1), (3, 1, 1)])
    assert texts(across, line) == ("3.0 mm", "⚠ across a gap")
    other = make_volume(frame_of_reference="1.10")
    assert texts(other, line) == ("3.0 mm", "⚠ not registered")


def test_that_a_point_says_the_value_of_its_voxel(make_volume: MakeVolume) -> None:
    item = make_volume()
    assert texts(item, drawn(item, Kind.POINT, [(1, 2.3, 3.4)])) == ("HU 1230",)
    assert texts(make_volume(quantity=Quantity("SUV")), drawn(item, Kind.POINT, [(1, 2, 3)])) == (
        "SUV 1230.00",
    )


@pytest.mark.parametrize(
    "value, unit, text",
    [
        (7.2111, "mm", "7.2 mm"),
        (75.398, "mm²", "75.4 mm²"),
        (841.2, "mm²", "8.41 cm²"),
        (72.0, "mm³", "72.0 mm³"),
        (288.0, "mm³", "0.29 mL"),
        (56.3099, "°", "56.3°"),
        (4.0, "SUV", "4.00 SUV"),
        (0.123456, "Bq/mL", "0.1235 Bq/mL"),
        (12345.6, "Bq/mL", "12346 Bq/mL"),
    ],
)
def test_that_E25_numbers_have_their_units_and_decimals(value: float, unit: str, text: str) -> None:
    assert with_unit(value, unit) == text
    assert Measured("volume", value, unit).text == text


# --- drawing ----------------------------------------------------------------------------------------------------


def test_that_boxes_and_axes_come_from_two_points_of_the_hand() -> None:
    right, down = np.array([0.0, 1, 0]), np.array([0.0, 0, -1])
    hand: FloatArray = np.array([[5.0, 1, 9], [5, 7, 1]])
    np.testing.assert_allclose(
        placed_points(Kind.RECTANGLE, hand, right, down), [[5, 1, 9], [5, 7, 9], [5, 7, 1], [5, 1, 1]]
    )
    np.testing.assert_allclose(
        placed_points(Kind.ELLIPSE, hand, right, down), [[5, 1, 5], [5, 7, 5], [5, 4, 9], [5, 4, 1]]
    )
    axes = placed_points(Kind.BIDIRECTIONAL, hand, right, down)
    assert (axes[1] - axes[0]) @ (axes[3] - axes[2]) == pytest.approx(0)
    np.testing.assert_allclose(axes[2:].mean(axis=0), hand.mean(axis=0))


@pytest.mark.parametrize("handle", range(4))
@pytest.mark.parametrize("kind", [Kind.ELLIPSE, Kind.RECTANGLE])
def test_that_handles_keep_right_angles_and_the_other_side(kind: Kind, handle: int) -> None:
    points = placed_points(kind, np.array([[0.0, 0, 0], [8, 6, 0]]), np.eye(3)[0], np.eye(3)[1])
    before = Measurement("1", kind, as_points(points), AXIAL)
    target = points[handle] + (2.0, 3.0, 0)
    after = before.with_handle(handle, target).array
    if kind is Kind.RECTANGLE:
        np.testing.assert_allclose(after[handle], target)
        np.testing.assert_allclose(after[(handle + 2) % 4], points[(handle + 2) % 4])
        sides = np.roll(after, -1, axis=0) - after
    else:
        np.testing.assert_allclose(after[handle ^ 1], points[handle ^ 1])
        np.testing.assert_allclose(after[:2].mean(axis=0), after[2:].mean(axis=0))
        sides = np.stack([after[1] - after[0], after[3] - after[2]])
    assert sides[0] @ sides[1] == pytest.approx(0)


def test_that_G08_a_drawing_knows_its_image_only_when_it_lies_on_one(
    view: ViewState, make_volume: MakeVolume
) -> None:
    item = make_volume()
    frames = tuple(FrameSource(__file__, sop_instance_uid=f"1.7.{k}") for k in range(5))  # type: ignore[arg-type]
    item = replace(item, stack=replace(item.stack, frames=frames))
    view.library.add(item)
    view.show(ImageLayer(item.volume.uid, Window(40, 400)))
    line = drawn(item, Kind.LENGTH, [(2.2, 1, 1), (2.2, 4, 6)])
    assert placed(view, line).sop_instance_uid == "1.7.2"
    assert placed(view, drawn(item, Kind.LENGTH, [(1, 1, 1), (3, 4, 6)])).sop_instance_uid == ""
    box = [(2.0, 1, 1), (2, 1, 4), (2.0, 4, 4), (2.0, 4, 1)]
    assert placed(view, drawn(item, Kind.RECTANGLE, box)).sop_instance_uid == "1.7.2"
    turned = drawn(item, Kind.RECTANGLE, box, normal=(1.0, 0.0, 0.0))
    assert placed(view, turned).sop_instance_uid == ""
    assert begun(view, layout("three").panes[0], Kind.POINT, np.zeros((1, 3)), np.array(AXIAL)) is not None


def test_that_a_slip_of_the_hand_is_no_measurement(make_volume: MakeVolume) -> None:
    item = make_volume()
    assert not worth_keeping(drawn(item, Kind.LENGTH, [(1, 1, 1), (1, 1, 2)]), 3.0)
    assert worth_keeping(drawn(item, Kind.LENGTH, [(1, 1, 1), (1, 1, 5)]), 3.0)
    assert not worth_keeping(drawn(item, Kind.COBB, [(1, 1, 1), (1, 1, 6), (1, 3, 1), (1, 3, 1)]), 3.0)
    assert not worth_keeping(drawn(item, Kind.POLYGON, [(1, 1, 1), (1, 1, 5), (1, 1, 7)]), 0.1)
    assert worth_keeping(drawn(item, Kind.POINT, [(1, 1, 1)]), 3.0)


# --- the store --------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(view: ViewState, make_volume: MakeVolume) -> OpenVolume:
    """The ramp on screen."""
    item = make_volume()
    view.library.add(item)
    view.show(ImageLayer(item.volume.uid, Window(40, 400)))
    return item


def scene(view: ViewState, plane: int) -> PaneScene:
    found = resolve(view, layout("three").panes[plane], 200, 160)
    assert found is not None
    return found


def test_that_G11_every_change_can_be_undone_in_order(view: ViewState, opened: OpenVolume) -> None:
    store = view.work.of(Measurements)
    stack: list[Edit] = []
    view.work.of(History).done.connect(stack.append)
    one = drawn(opened, Kind.LENGTH, [(2, 1, 1), (2, 4, 6)])
    two = drawn(opened, Kind.ANGLE, [(2, 1, 6), (2, 1, 2), (2, 4, 6)])
    store.add([one])
    store.add([two])
    store.change(one, one.shifted(np.array([1.0, 0, 0])), "Move")
    store.rename(two.uid, "Femur")
    store.remove([one.uid])
    assert [edit.text for edit in stack] == [
        "Add length",
        "Add angle",
        "Move length",
        "Rename angle",
        "Delete length",
    ]
    names = []
    for edit in reversed(stack):
        edit.undo()
        names.append([(item.name, item.points[0][0]) for item in store.items])
    x = one.points[0][0]
    assert names[0] == [("length", x + 1), ("Femur", two.points[0][0])], "it came back to its own place"
    assert names[1:] == [
        [("length", x + 1), ("angle", two.points[0][0])],
        [("length", x), ("angle", two.points[0][0])],
        [("length", x)],
        [],
    ]
    for edit in stack:
        edit.redo()
    assert [item.name for item in store.items] == ["Femur"]


def test_that_undoing_an_edit_leaves_what_came_from_a_file(view: ViewState, opened: OpenVolume) -> None:
    store = view.work.of(Measurements)
    stack: list[Edit] = []
    view.work.of(History).done.connect(stack.append)
    store.add([drawn(opened, Kind.LENGTH, [(2, 1, 1), (2, 4, 6)])])
    store.bring([drawn(opened, Kind.ANGLE, [(2, 1, 6), (2, 1, 2), (2, 4, 6)])])
    stack[0].undo()
    assert [item.kind for item in store.items] == [Kind.ANGLE]


def test_that_what_is_read_from_a_report_cannot_be_changed(view: ViewState, opened: OpenVolume) -> None:
    store = view.work.of(Measurements)
    read = drawn(opened, Kind.LENGTH, [(2, 1, 1), (2, 4, 6)], origin="a report")
    store.bring([read])
    store.change(read, read.shifted(np.ones(3)), "Move")
    store.rename(read.uid, "mine")
    assert store.items == (read,)


def test_that_a_measurement_is_seen_whole_in_its_plane_and_where_it_crosses_others(
    view: ViewState, opened: OpenVolume
) -> None:
    store = view.work.of(Measurements)
    store.add([drawn(opened, Kind.LENGTH, [(2, 1, 1), (2, 4, 6)])])
    view.set_cursor(opened.volume.geometry.to_patient([2, 2, 3]))
    assert [seen.in_plane for seen in store.seen_on(scene(view, 0))] == [True]
    assert [seen.in_plane for seen in store.seen_on(scene(view, 1))] == [False]
    view.set_cursor(opened.volume.geometry.to_patient([3, 2, 7]))
    assert store.seen_on(scene(view, 0)) == ()
    assert store.seen_on(scene(view, 1)) == ()
    store.jump(store.items[0].uid)
    assert [seen.in_plane for seen in store.seen_on(scene(view, 0))] == [True]
    store.set_visible(store.items[0].uid, visible=False)
    assert store.seen_on(scene(view, 0)) == ()


def test_that_a_measurement_of_another_frame_of_reference_is_not_drawn(
    view: ViewState, opened: OpenVolume
) -> None:
    store = view.work.of(Measurements)
    line = drawn(opened, Kind.LENGTH, [(2, 1, 1), (2, 4, 6)], frame_of_reference_uid="1.10")
    store.add([line])
    assert not store.belongs(line)
    before = view.cursor_mm
    store.jump(line.uid)
    np.testing.assert_array_equal(view.cursor_mm, before)


def test_that_G11_numbers_stay_when_the_series_is_closed(view: ViewState, opened: OpenVolume) -> None:
    store = view.work.of(Measurements)
    store.add([drawn(opened, Kind.POINT, [(1, 2, 3)])])
    assert summary(store.items[0], store.result(store.items[0])) == "HU 1230"
    view.library.remove(opened.volume.uid)
    assert summary(store.items[0], store.result(store.items[0])) == "HU 1230"
