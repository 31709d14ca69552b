"""Colouring and blending against the formulas in float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viewer.imaging import kernel
from viewer.imaging.compose import ComposeRequest, LayerPicture, compose, compose_all
from viewer.imaging.kernel import binding

Table = npt.NDArray[np.uint8]


@pytest.fixture(params=["compiled", "numpy"], autouse=True, scope="module")
def _either_kernel(request: pytest.FixtureRequest) -> object:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "numpy":
            patch.setenv(kernel.SWITCH, "numpy")
        else:
            patch.delenv(kernel.SWITCH, raising=False)
            if binding.load().library is None:
                pytest.skip(binding.load().note)
        yield


def _grey(entries: int = 256, alpha: int = 255) -> Table:
    table = np.empty((entries, 4), np.uint8)
    table[:, :3] = np.linspace(0, 255, entries).round()[:, None]
    table[:, 3] = alpha
    return table


def _channels(picture: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """(h, w, 3) red, green, blue."""
    return np.stack([picture >> shift & 0xFF for shift in (16, 8, 0)], axis=-1).astype(np.int64)


def _expected(
    layers: list[LayerPicture], background: tuple[int, int, int] = (0, 0, 0)
) -> npt.NDArray[np.float64]:
    """The formulas of rule D34 and of the table index, in float64 without any rounding in between."""
    shape = layers[0].values.shape
    below = np.broadcast_to(np.array(background, float), (*shape, 3)).copy()
    for layer in layers:
        last = len(layer.table) - 1
        place = (layer.values.astype(np.float64) - layer.lower) / (layer.upper - layer.lower)
        index = np.floor(np.clip(np.nan_to_num(place), 0, 1) * last + 0.5).astype(int)
        entry = layer.table[index].astype(np.float64)
        alpha = np.where(np.isnan(layer.values), 0, entry[..., 3] / 255)[..., None]
        below = (1 - alpha) * below + alpha * entry[..., :3]
    return below


def test_that_an_opaque_grey_table_is_exact_for_every_level() -> None:
    values = np.arange(256, dtype=np.float32).reshape(8, 32)
    picture = compose([LayerPicture(values, _grey(), 0, 255)])
    np.testing.assert_array_equal(
        _channels(picture), np.repeat(np.arange(256).reshape(8, 32)[..., None], 3, -1)
    )
    assert (picture >> 24 == 255).all()


@pytest.mark.parametrize("lower, upper", [(-160.5, 239.5), (0, 5), (-1024, 3071), (40, 41), (300, -100)])
@pytest.mark.parametrize("entries", [2, 256, 4096, 65536])
def test_that_the_index_of_the_table_is_the_one_of_the_formula(
    lower: float, upper: float, entries: int
) -> None:
    values = np.concatenate(
        [np.linspace(lower - 1, upper + 1, 5000), np.arange(-1100, 3100), [lower, upper]]
    ).astype(np.float32)[None, :]
    # The entry's number is its colour, so that the index can be read off the picture.
    table = np.zeros((entries, 4), np.uint8)
    table[:, 0], table[:, 1], table[:, 3] = np.arange(entries) & 0xFF, np.arange(entries) >> 8, 255
    red, green, _ = _channels(compose([LayerPicture(values, table, lower, upper)]))[0].T
    place = np.clip((values[0].astype(np.float64) - lower) / (upper - lower), 0, 1) * (entries - 1)
    found = green * 256 + red
    assert np.abs(found - place).max() <= 0.5 + (entries - 1) * 6e-7
    assert found[-2] == 0
    assert found[-1] == entries - 1


@pytest.mark.parametrize(
    "width, value, level", [(400, 40, 26), (400, 120, 77), (14, 7, 128), (82, 41, 128), (126, 63, 128)]
)
def test_that_ties_between_two_entries_go_up(width: int, value: int, level: int) -> None:
    # 255 * value / width ends in exactly one half; in float32 the last three come out a hair below it.
    assert (510 * value) % (2 * width) == width
    values = np.full((1, 9), value, np.float32)
    assert (compose([LayerPicture(values, _grey(), 0, width)]) & 0xFF == level).all()


def test_that_equal_bounds_make_a_step() -> None:
    values = np.array([[-5.0, 6.999, 7.0, 7.001, 5000.0, np.nan]], np.float32)
    picture = compose([LayerPicture(values, _grey(), 7, 7)], background=0xFF102030)
    assert [hex(pixel) for pixel in picture[0]] == ["0xff000000"] * 3 + ["0xffffffff"] * 2 + ["0xff102030"]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_that_D34_blending_stays_within_one_level_of_the_formula(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    layers = []
    for _ in range(count):
        values = rng.normal(100, 200, (13, 29)).astype(np.float32)
        values[rng.random(values.shape) < 0.1] = np.nan
        layers.append(LayerPicture(values, rng.integers(0, 256, (64, 4), dtype=np.uint8), -100, 300))
    picture = compose(layers, background=0xFF0A141E)
    # An index on the very border of two entries may fall either way: leave those pixels to the test of the index.
    clear = np.ones((13, 29), bool)
    for layer in layers:
        place = np.clip((layer.values - -100.0) / 400, 0, 1) * 63
        clear &= ~(np.abs(place % 1 - 0.5) < 1e-3)
    error = np.abs(_channels(picture) - _expected(layers, (10, 20, 30)))[clear]
    # Half a level of rounding for each layer.
    assert error.max() <= 0.5 * count + 1e-9


def test_that_D33_outside_the_upper_field_the_lower_layer_shows_unchanged() -> None:
    ct = np.linspace(-200, 300, 40, dtype=np.float32).reshape(4, 10)
    pet = np.full((4, 10), 5, np.float32)
    pet[:, :5] = np.nan
    hot = np.tile(np.array([[255, 128, 0, 128]], np.uint8), (256, 1))
    below = LayerPicture(ct, _grey(), -200, 300)
    fused, alone = compose([below, LayerPicture(pet, hot, 0, 10)]), compose([below])
    np.testing.assert_array_equal(fused[:, :5], alone[:, :5])
    assert (fused[:, 5:] != alone[:, 5:]).all()


def test_that_D35_an_entry_of_opacity_zero_lets_everything_through() -> None:
    hot = np.full((256, 4), 200, np.uint8)
    hot[0, 3] = 0
    ct = LayerPicture(np.full((1, 3), 128, np.float32), _grey(), 0, 255)
    pet = LayerPicture(np.array([[-3.0, 0.0, 1.0]], np.float32), hot, 0, 10)
    picture = compose([ct, pet])
    assert (picture & 0xFF).tolist() == [[128, 128, round(128 * 55 / 255 + 200 * 200 / 255)]]


def test_that_no_data_is_hatched_with_diagonal_lines_of_two_greys() -> None:
    values = np.full((40, 40), np.inf, np.float32)
    values[:, 20:] = 0
    picture = compose([LayerPicture(values, _grey(), -1, 1)])
    hatched = picture[:, :20]
    assert {hex(colour) for colour in np.unique(hatched)} == {"0xff202020", "0xff606060"}
    np.testing.assert_array_equal(hatched[1:, :-1], hatched[:-1, 1:])
    assert (picture[:, 20:] == 0xFF808080).all()


def test_that_the_hatch_of_an_upper_layer_is_as_opaque_as_the_layer() -> None:
    ct = LayerPicture(np.full((16, 16), 255, np.float32), _grey(), 0, 255)
    gap = LayerPicture(np.full((16, 16), np.inf, np.float32), _grey(alpha=128), 0, 1)
    levels = np.unique(compose([ct, gap]) & 0xFF)
    assert levels.tolist() == [round((127 * 255 + 128 * grey) / 255) for grey in (0x20, 0x60)]


def test_that_a_colour_layer_keeps_its_channels() -> None:
    values = np.stack([np.full((2, 3), level, np.float32) for level in (10, 200, 30)])
    values[0, 0, 0] = np.nan
    picture = compose([LayerPicture(values, _grey(), 0, 255)])
    assert picture[0, 0] == 0xFF000000
    assert (picture.ravel()[1:] == 0xFF0AC81E).all()


def test_that_the_picture_goes_into_given_memory_with_a_row_stride() -> None:
    memory = np.full((6, 32), 7, np.uint32)
    out = memory[:, :25]
    layers = [LayerPicture(np.full((6, 25), 255, np.float32), _grey(), 0, 255)]
    assert compose(layers, out) is out
    assert (out == 0xFFFFFFFF).all()
    assert (memory[:, 25:] == 7).all()


def test_that_a_picture_without_layers_is_its_background() -> None:
    assert (compose([], np.empty((3, 4), np.uint32), 0xFF123456) == 0xFF123456).all()


def test_that_several_pictures_are_made_in_one_call() -> None:
    values = np.linspace(0, 255, 100, dtype=np.float32).reshape(10, 10)
    outs = [np.empty((10, 10), np.uint32) for _ in range(3)]
    layers = (LayerPicture(values, _grey(), 0, 255),)
    compose_all([ComposeRequest(layers, out) for out in outs])
    for out in outs:
        np.testing.assert_array_equal(out, compose(layers))


@pytest.mark.parametrize(
    "layer",
    [
        LayerPicture(np.zeros((2, 3), np.float32), _grey(), 0, 1),
        LayerPicture(np.zeros((4, 4), np.float64), _grey(), 0, 1),
        LayerPicture(np.zeros((2, 4, 4), np.float32), _grey(), 0, 1),
        LayerPicture(np.zeros((4, 4), np.float32), _grey()[:, :3], 0, 1),
        LayerPicture(np.zeros((4, 4), np.float32), np.zeros((0, 4), np.uint8), 0, 1),
        LayerPicture(np.zeros((4, 4), np.float32), _grey(), 0, float("nan")),
    ],
)
def test_that_a_layer_that_does_not_fit_is_refused(layer: LayerPicture) -> None:
    with pytest.raises(ValueError, match=r"."):
        compose([layer], np.empty((4, 4), np.uint32))


def test_that_a_picture_needs_a_size() -> None:
    with pytest.raises(ValueError, match="needs an output"):
        compose([])


def test_that_a_table_in_unaligned_memory_is_read_correctly() -> None:
    raw = np.zeros(256 * 4 + 1, np.uint8)
    table = raw[1:].reshape(256, 4)
    table[:] = _grey()
    picture = compose([LayerPicture(np.full((1, 1), 77, np.float32), table, 0, 255)])
    assert picture[0, 0] == 0xFF4D4D4D
