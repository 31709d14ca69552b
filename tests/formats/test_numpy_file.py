"""Arrays saved by numpy: geometry from the file beside them, or none (rule J49)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.formats.volumes import (
    all_series,
    catalogue_of,
    events_of,
    failure_of,
    opened,
    the_series,
    the_stack,
    the_volume,
    value_at,
)
from viewer.dicom.choice import choose_default
from viewer.errors import FormatError
from viewer.formats.numpy_file import NumpyFile
from viewer.loading.cancel import CancelToken
from viewer.loading.events import GeometryReady

RAMP = (100 * np.arange(4)[:, None, None] + 10 * np.arange(5)[:, None] + np.arange(6)).astype(np.int16)
"""(C, H, W) = (4, 5, 6)."""


def save(path: Path, data: npt.NDArray[Any] = RAMP, **sidecar: Any) -> Path:
    np.save(path, data)
    if sidecar:
        path.with_suffix(".json").write_text(json.dumps(sidecar))
    return path


def test_that_J49_an_array_alone_is_shown_flat_and_says_it_has_no_geometry(tmp_path: Path) -> None:
    path = save(tmp_path / "ct.npy")
    stack = the_stack(path)
    assert stack.geometry.shape == (4, 5, 6)
    assert not stack.geometry.oriented
    assert not stack.geometry.calibrated
    assert not stack.multiplanar
    assert "No geometry" in stack.warnings[0]
    assert "ct.json" in stack.warnings[0]
    assert np.array_equal(the_volume(path).array, RAMP)


def test_that_J49_a_complete_json_file_places_every_voxel(tmp_path: Path) -> None:
    path = save(
        tmp_path / "scan.npy",
        spacing_mm=[4, 3, 2],
        origin_mm=[-10, 20, 30],
        direction=[[0, 1, 0], [0, 0, -1], [1, 0, 0]],  # a coronal stack
        modality="ct",
        unit="HU",
    )
    volume = the_volume(path)
    assert volume.geometry.oriented
    assert volume.quantity.is_hounsfield
    assert volume.modality == "CT"
    assert not the_stack(path).warnings
    for k, j, i in ((0, 0, 0), (3, 4, 5), (1, 2, 3)):
        assert value_at(volume, (-10 + 2 * i, 20 + 4 * k, 30 - 3 * j)) == 100 * k + 10 * j + i


def test_that_J49_a_spacing_alone_takes_the_usual_directions_and_says_so(tmp_path: Path) -> None:
    path = save(tmp_path / "ct.npy", spacing_mm=[4, 3, 2])
    volume = the_volume(path)
    assert value_at(volume, (2 * 2, 3 * 1, 4 * 3)) == 312
    assert "Check left and right" in " ".join(the_stack(path).warnings)


def test_that_J49_a_pair_in_a_folder_opens_as_fused_ct_and_pet(tmp_path: Path) -> None:
    save(tmp_path / "ct.npy")
    save(tmp_path / "pet.npy", RAMP.astype(np.float32) / 50)
    (tmp_path / "volume.json").write_text(json.dumps({"spacing_mm": [3, 2, 2], "shape": [4, 5, 6]}))
    catalogue = catalogue_of(tmp_path)
    (study,) = catalogue.studies
    assert [(s.modality, s.description) for s in study.series] == [("CT", "ct"), ("PT", "pet")]
    choice = choose_default(catalogue)
    assert choice.ct is not None
    assert choice.pet is not None
    assert (choice.ct.modality, choice.pet.modality) == ("CT", "PT")
    frames = {stack.geometry.frame_of_reference_uid for stack in (choice.ct, choice.pet)}
    assert len(frames) == 1
    assert frames != {""}
    assert len([e for e in events_of([tmp_path]) if isinstance(e, GeometryReady)]) == 2


def test_that_a_pet_in_suv_is_known_as_such(tmp_path: Path) -> None:
    volume = the_volume(
        save(tmp_path / "pet.npy", RAMP.astype(np.float64), spacing_mm=[4, 3, 2], unit="SUVbw")
    )
    assert volume.display_unit == "SUV"
    assert volume.array.dtype == np.float32
    assert volume.physical(volume.array[3, 4, 5]) * (volume.suv_factor or 0) == 345


def test_that_arrays_of_different_folders_never_share_a_space(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save(tmp_path / name / "ct.npy", spacing_mm=[4, 3, 2])
    stacks = [s.stacks[0] for study in catalogue_of(tmp_path).studies for s in study.series]
    assert len(stacks) == 2
    assert len({stack.geometry.frame_of_reference_uid for stack in stacks}) == 2


@pytest.mark.parametrize(
    "kind", ["b1", "u1", "i1", "<u2", ">u2", "<i2", ">i4", "<u4", "<i8", ">u8", "<f2", ">f4", "<f8"]
)
@pytest.mark.parametrize("order", "CF")
def test_that_every_numeric_type_in_either_memory_order_keeps_its_values(
    tmp_path: Path, kind: str, order: str
) -> None:
    data = np.asarray(RAMP % 101 if kind[-2:] != "b1" else RAMP % 2, dtype=kind, order=order)  # type: ignore[call-overload]
    path = save(tmp_path / "a.npy", data)
    assert np.array_equal(the_volume(path).array.astype(np.float64), data.astype(np.float64))


@pytest.mark.parametrize(
    "sidecar, words",
    [
        ("[1, 2, 3]", "no JSON object"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"spacing_mm": [1, 2]}', "three numbers"),
        ('{"spacing_mm": [0, 1, 1]}', "above 0"),
        ('{"spacing_mm": [-1, 1, 1]}', "above 0"),
        ('{"spacing_mm": [NaN, 1, 1]}', "three numbers"),
        ('{"spacing_mm": "3 mm"}', "three numbers"),
        ('{"spacing_mm": [1, 1, 1], "origin_mm": [1, 2, Infinity]}', "origin_mm must be three numbers"),
        ('{"spacing_mm": [1, 1, 1], "direction": [[1, 0, 0], [1, 0, 0], [0, 0, 1]]}', "perpendicular"),
        ('{"spacing_mm": [1, 1, 1], "direction": 1}', "perpendicular"),
        ('{"spacing_mm": [1, 1, 1], "shape": [4, 5, 7]}', "another size"),
        ('{"spacing_mm": [1000, 1, 1]}', "not believable"),
        ("\udcff", "not JSON"),
    ],
)
def test_that_a_json_file_that_makes_no_sense_is_told_and_not_used(
    tmp_path: Path, sidecar: str, words: str
) -> None:
    path = save(tmp_path / "ct.npy")
    (tmp_path / "ct.json").write_bytes(sidecar.encode("utf-8", "surrogateescape"))
    stack = the_stack(path)
    assert words in " ".join(stack.warnings)
    assert not stack.geometry.oriented


class _Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (Path.touch, (self._path,))


def test_that_J49_objects_are_never_unpickled(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    path = tmp_path / "ct.npy"
    np.save(path, np.array([_Trap(trap)] * 8, dtype=object).reshape(2, 2, 2), allow_pickle=True)
    assert "Python objects" in failure_of(path)
    catalogue = catalogue_of(tmp_path)
    assert not trap.exists()
    assert not catalogue.studies
    assert not catalogue.problems
    assert catalogue.not_dicom == 1


@pytest.mark.parametrize(
    "data, words",
    [
        (np.zeros((4, 5)), "it is no volume: its size is 4 x 5"),
        (np.zeros((1, 4, 5, 6)), "its size is 1 x 4 x 5 x 6"),
        (np.zeros((0, 5, 6)), "its size is 0 x 5 x 6"),
        (np.float64(3.0), "single value"),
        (np.zeros((2, 2, 2), np.complex64), "not plain numbers"),
        (np.zeros((2, 2, 2), "U4"), "not plain numbers"),
        (np.zeros((2, 2, 2), [("a", "i2")]), "not plain numbers"),
        (np.zeros((2, 2, 2), "M8[s]"), "not plain numbers"),
    ],
)
def test_that_arrays_that_are_no_volume_are_refused_by_name_and_passed_over_in_a_folder(
    tmp_path: Path, data: npt.NDArray[Any], words: str
) -> None:
    path = tmp_path / "a.npy"
    np.save(path, data)
    assert words in failure_of(path)
    catalogue = catalogue_of(tmp_path)
    assert not catalogue.problems
    assert catalogue.not_dicom == 1


def header(text: str, version: tuple[int, int] = (1, 0)) -> bytes:
    body = text.encode().ljust(118 - 10) + b"\n"
    return b"\x93NUMPY" + bytes(version) + len(body).to_bytes(2 if version == (1, 0) else 4, "little") + body


@pytest.mark.parametrize(
    "content, words",
    [
        (
            header("{'descr': '<i2', 'fortran_order': False, 'shape': (40, 50, 60)}") + bytes(100),
            "damaged or incomplete",
        ),
        (
            header("{'descr': '<i2', 'fortran_order': True, 'shape': (40, 50, 60)}") + bytes(100),
            "damaged or incomplete",
        ),
        (
            header(f"{{'descr': '<i2', 'fortran_order': False, 'shape': (2, 2, {10**30})}}"),
            "damaged or incomplete",
        ),
        (header("{'descr': '<i2', 'fortran_order': False, 'shape': (-2, 2, -2)}") + bytes(100), "no volume"),
        (header("{'descr': '<i2', 'fortran_order': False, 'shape': ('a', 2, 2)}"), "header is damaged"),
        (header("{'descr': 'nonsense', 'fortran_order': False, 'shape': (2, 2, 2)}"), "header is damaged"),
        (header("__import__('os')"), "header is damaged"),
        (header("(" * 100), "header is damaged"),
        (header("{'descr': '<i2', 'fortran_order': False, 'shape': (2, 2, 2)", (9, 9)), "header is damaged"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"x" * 100, "header is damaged"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "header is damaged"),
        (b"\x93NUMPY", "header is damaged"),
    ],
)
def test_that_a_lying_or_damaged_header_is_refused_in_words(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    assert words in failure_of(path)


@pytest.mark.filterwarnings("ignore:Reading `.npy`:UserWarning")
def test_that_random_headers_are_opened_or_refused_but_never_crash(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    original = save(tmp_path / "a.npy").read_bytes()
    path = tmp_path / "b.npy"
    for _ in range(500):
        data = bytearray(original)
        for _ in range(random.integers(1, 6)):
            data[int(random.integers(6, 80))] = int(random.integers(32, 127))
        path.write_bytes(data)
        refused = ""
        try:
            list(NumpyFile().expand(path, CancelToken()))
        except FormatError as error:
            refused = error.user_message
        assert not refused or refused.startswith("b.npy: ")


@pytest.mark.parametrize("order", "CF")
def test_that_a_file_that_shrinks_after_it_was_opened_costs_slices_not_the_program(
    tmp_path: Path, order: str
) -> None:
    data = np.asarray(np.arange(8 * 64 * 64, dtype=np.int16).reshape(8, 64, 64), order=order)  # type: ignore[call-overload]
    path = save(tmp_path / "a.npy", data)
    catalogue = catalogue_of(path)
    stack = next(iter(all_series(catalogue).values())).stacks[0]
    with path.open("r+b") as file:
        file.truncate(128 + 5 * 64 * 64 * 2)
    volume, problems = opened(stack, catalogue)
    assert volume.corrupt.tolist() == ([False] * 5 + [True] * 3 if order == "C" else [True] * 8)
    assert len(problems) == int(volume.corrupt.sum())


def test_that_a_rewritten_file_is_another_series(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy")
    first = the_series(path).uid
    assert the_series(path).uid == first
    save(path, RAMP[:3])
    assert the_series(path).uid != first
