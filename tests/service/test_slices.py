"""Values, places and pictures of the planes that are served."""

from __future__ import annotations

import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image

import viewer
from tests.archive.hospital import archive_of, write_colour
from tests.conftest import RealData
from tests.needs import library
from tests.phantoms import RAMP_CASES, pet_affine, pet_suv, ramp_affine, ramp_array, write_ramp
from tests.service.conftest import Serve, Served

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]
NAMES = ("axial", "sagittal", "coronal")
# Right and down of a plane in LPS: the observer stands at the feet, faces the patient, or sees the left side.
SCREEN = {"axial": ("+x", "+y"), "sagittal": ("+y", "-z"), "coronal": ("+x", "-z")}


def raw_of(response: Any) -> Array:
    assert response.status_code == 200, response.text
    shape = [int(n) for n in response.headers["X-Shape"].split(",")]
    return np.frombuffer(response.content, np.dtype(str(response.headers["X-Dtype"]))).reshape(shape)


def grid_of(response: Any) -> tuple[Array, Array, Array]:
    names = ("X-Origin-Mm", "X-Column-Step-Mm", "X-Row-Step-Mm")
    origin, column, row = (np.array(response.headers[name].split(","), float) for name in names)
    return origin, column, row


def places_of(response: Any, shape: tuple[int, ...]) -> Array:
    """(rows, columns, 3) LPS mm."""
    origin, column, row = grid_of(response)
    r, c = np.indices(shape[:2])
    places: Array = origin + c[..., None] * column + r[..., None] * row
    return places


def pixels_of(response: Any) -> Array:
    assert response.status_code == 200, response.text
    return np.asarray(Image.open(io.BytesIO(response.content)))


@pytest.mark.parametrize("case", ["G1", "G2", "G3", "G4", "G5", "G6"])
def test_that_raw_values_lie_where_their_headers_say_for_every_orientation(
    case: str, serve: Serve, tmp_path: Path
) -> None:
    served = serve(write_ramp(tmp_path, case))
    inverse = np.linalg.inv(ramp_affine(case))
    address = f"/volumes/{served.id_of('CT')}"
    planes = served.get(address).json()["planes"]
    for name in NAMES:
        found = []
        for index in range(planes[name]["count"]):
            response = served.get(f"{address}/{name}/{index}?format=raw")
            values = raw_of(response)
            assert values.dtype == np.dtype("<i2")
            assert values.shape == (planes[name]["rows"], planes[name]["columns"])
            places = places_of(response, values.shape)
            k, j, i = (places @ inverse[:3, :3].T + inverse[:3, 3]).transpose(2, 0, 1)
            np.testing.assert_allclose(values, 1000 * k + 100 * j + 10 * i, atol=1e-3)
            found.append(values)
            for step, wanted in zip(grid_of(response)[1:], SCREEN[name], strict=True):
                largest = int(np.abs(step).argmax())
                assert f"{'+' if step[largest] > 0 else '-'}{'xyz'[largest]}" == wanted
        every = np.sort(np.concatenate([values.ravel() for values in found]))
        np.testing.assert_array_equal(every, np.sort(ramp_array().ravel()))


def test_that_the_letters_of_a_plane_are_those_of_its_edges(served: Served) -> None:
    planes = served.get(f"/volumes/{served.id_of('CT')}").json()["planes"]
    edges = ("left", "right", "top", "bottom")
    said = {name: "".join(planes[name]["letters"][edge] for edge in edges) for name in NAMES}
    assert said == {"axial": "RLAP", "sagittal": "APHF", "coronal": "RLHF"}


def test_that_float_values_are_in_the_unit_on_display(served: Served) -> None:
    response = served.get(f"/volumes/{served.id_of('PT')}/axial/3?format=float32")
    values = raw_of(response)
    assert response.headers["X-Unit"] == "SUV"
    places = places_of(response, values.shape)
    # Stored as 16 bit integers, so they are exact to a step of those.
    np.testing.assert_allclose(values, pet_suv(*places.transpose(2, 0, 1)), atol=1e-3)
    np.testing.assert_allclose(places[0, 0], (pet_affine() @ [3, 0, 0, 1])[:3])


def test_that_json_says_the_same_as_the_bytes(served: Served) -> None:
    address = f"/volumes/{served.id_of('PT')}/coronal/2"
    said = served.get(f"{address}?format=json").json()
    response = served.get(f"{address}?format=float32")
    np.testing.assert_allclose(said["values"], raw_of(response), rtol=1e-6)
    assert said["unit"] == "SUV"
    assert (said["plane"], said["index"]) == ("coronal", 2)
    np.testing.assert_allclose(said["row_step_mm"], grid_of(response)[2])


def test_that_a_unit_of_a_file_cannot_break_a_header(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from viewer.imaging.volume import Volume

    monkeypatch.setattr(Volume, "display_unit", "µm²\r\nSet-Cookie: a=b")
    response = served.get(f"/volumes/{served.id_of('PT')}/axial/3?format=float32")
    assert response.headers["X-Unit"] == "?m???Set-Cookie: a=b"


def test_that_padding_has_no_value(serve: Serve, tmp_path: Path) -> None:
    served = serve(write_ramp(tmp_path, PixelPaddingValue=2120))
    address = f"/volumes/{served.id_of('CT')}/axial/2"
    expected = ramp_array()[2] == 2120
    assert expected.sum() == 1
    np.testing.assert_array_equal(np.isnan(raw_of(served.get(f"{address}?format=float32"))), expected)
    said = served.get(f"{address}?format=json").json()["values"]
    np.testing.assert_array_equal([[value is None for value in row] for row in said], expected)
    raw = served.get(f"{address}?format=raw")
    np.testing.assert_array_equal(raw_of(raw), ramp_array()[2])
    assert raw.headers["X-Padding"] == "2120,2120"


def test_that_a_picture_has_the_grey_of_the_window_in_square_pixels(served: Served) -> None:
    address = f"/volumes/{served.id_of('CT')}/axial/1"
    response = served.get(f"{address}?window=1001,1250")
    pixels = pixels_of(response)
    # 1 mm columns and 2 mm rows: twice as many rows of pixels as of voxels; values are linear between centres.
    assert pixels.shape == (12, 8)
    places = places_of(response, pixels.shape)
    j = np.clip((places[..., 1] + 20) / 2, 0, 5)
    i = places[..., 0] + 10
    values = 1000 + 100 * j + 10 * i
    # PS3.3 C.11.2.1.2.1: y = ((x - (c - 0.5)) / (w - 1) + 0.5) * 255
    expected = np.clip(((values - 1249.5) / 1000 + 0.5) * 255, 0, 255)
    np.testing.assert_allclose(pixels, expected, atol=0.51)


@pytest.mark.parametrize("case", ["G3", "G5", "G6"])
@pytest.mark.parametrize("name", NAMES)
def test_that_every_pixel_of_a_picture_shows_its_place_also_where_slices_are_sheared(
    case: str, name: str, serve: Serve, tmp_path: Path
) -> None:
    served = serve(write_ramp(tmp_path, case))
    address = f"/volumes/{served.id_of('CT')}"
    plane = served.get(address).json()["planes"][name]
    inverse = np.linalg.inv(ramp_affine(case))
    seen = 0
    for index, position in enumerate(plane["positions_mm"]):
        response = served.get(f"{address}/{name}/{index}?window=6001,3000")
        pixels = pixels_of(response).astype(float)
        places = places_of(response, pixels.shape)
        np.testing.assert_allclose(places @ plane["normal"], position, atol=1e-6)
        kji = places @ inverse[:3, :3].T + inverse[:3, 3]
        inside = ((kji >= 0) & (kji <= np.array(ramp_array().shape) - 1)).all(axis=-1)
        values = kji @ (1000, 100, 10)
        expected = np.clip(((values - 2999.5) / 6000 + 0.5) * 255, 0, 255)
        np.testing.assert_allclose(pixels[inside], expected[inside], atol=0.51)
        seen += int(inside.sum())
    assert seen > 100


def test_that_a_preset_is_its_window_and_refused_for_another_quantity(served: Served) -> None:
    address = f"/volumes/{served.id_of('CT')}/axial/0"
    bone = served.get(f"{address}?preset=ct-bone")
    assert bone.content == served.get(f"{address}?window=2500,480").content
    refused = served.get(f"{address}?preset=pet-suv-7")
    assert refused.status_code == 409
    assert "HU" in refused.json()["error"]


def test_that_an_oblique_plane_has_the_values_of_its_points(served: Served) -> None:
    u, v = np.array([0.6, 0.0, 0.8]), np.array([0.0, 1.0, 0.0])
    origin = np.array([-8.0, -18.0, -28.0])
    asked = {"origin": origin, "u": u, "v": v}
    query = "&".join(f"{name}={','.join(map(str, vector))}" for name, vector in asked.items())
    address = f"/volumes/{served.id_of('CT')}/oblique?{query}&width=6&height=7"
    response = served.get(f"{address}&format=float32")
    values = raw_of(response)
    places = places_of(response, (7, 6))
    np.testing.assert_allclose(places[3, 2], origin + 2 * u + 3 * v)
    inverse = np.linalg.inv(ramp_affine())
    k, j, i = (places @ inverse[:3, :3].T + inverse[:3, 3]).transpose(2, 0, 1)
    np.testing.assert_allclose(values, 1000 * k + 100 * j + 10 * i, atol=0.01)
    np.testing.assert_allclose(served.get(f"{address}&format=json").json()["values"], values, rtol=1e-5)
    assert pixels_of(served.get(address)).shape == (7, 6)


def test_that_uneven_slices_have_no_even_grid_but_their_offsets(serve: Serve, tmp_path: Path) -> None:
    served = serve(write_ramp(tmp_path, "G11"))
    address = f"/volumes/{served.id_of('CT')}"
    described = served.get(address).json()
    case = RAMP_CASES["G11"]
    along = case.positions_mm[list(case.kept)] @ np.cross(case.row, case.column)
    positions = np.sort(described["planes"]["axial"]["positions_mm"])
    np.testing.assert_allclose(np.diff(positions), np.diff(np.sort(along)), atol=1e-6)
    across = served.get(f"{address}/sagittal/1?format=raw")
    assert "X-Row-Step-Mm" not in across.headers
    assert len(described["geometry"]["slice_offsets"]) == described["shape"][0]


def test_that_colours_are_served_as_they_are(serve: Serve, tmp_path: Path) -> None:
    served = serve(write_colour(tmp_path))
    address = f"/volumes/{served.id_of('MR')}/acquired/1"
    colours = np.random.default_rng(5).integers(0, 256, (3, 9, 7, 3)).astype(np.uint8)
    np.testing.assert_array_equal(raw_of(served.get(f"{address}?format=raw")), colours[1])
    assert served.get(f"{address}?format=float32").status_code == 409
    assert pixels_of(served.get(address)).shape[-1] == 3


def test_that_a_slice_that_cannot_be_decoded_is_no_data(serve: Serve, tmp_path: Path) -> None:
    from pydicom.uid import JPEGLSLossless

    folder = write_ramp(tmp_path, transfer_syntax=JPEGLSLossless)
    broken = sorted(folder.iterdir())[2]
    place = float(pydicom.dcmread(broken).ImagePositionPatient[2])
    broken.write_bytes(broken.read_bytes()[:-40] + bytes(40))
    served = serve(folder)
    address = f"/volumes/{served.id_of('CT')}"
    assert served.get(f"{address}/coronal/2").status_code == 200
    described = served.get(address).json()
    assert described["whole"]
    (k,) = described["missing_slices"]
    assert described["planes"]["axial"]["positions_mm"][k] == pytest.approx(place)
    refused = served.get(f"{address}/axial/{k}?format=raw")
    assert (refused.status_code, refused.json()["error"]) == (422, "This slice could not be decoded.")
    across = served.get(f"{address}/coronal/2?format=float32")
    assert across.headers["X-Missing-Slices"] == str(k)
    lost = np.isnan(raw_of(across)).all(axis=1)
    heights = places_of(across, (5, 1))[:, 0, 2]
    np.testing.assert_array_equal(lost, np.abs(heights - place) < 1e-6)


@pytest.mark.parametrize("kind", ["study", "archive"])
def test_that_a_study_and_its_archive_serve_the_voxels_the_viewer_loads(
    kind: str, serve: Serve, study: Path, tmp_path: Path
) -> None:
    library("zarr")
    library("pyarrow")
    served = serve(study if kind == "study" else archive_of(study, tmp_path)[0])
    for volume in viewer.open_study(study).volumes:
        address = f"/volumes/{served.id_of(volume.modality)}"
        stacked = np.stack(
            [
                raw_of(served.get(f"{address}/acquired/{k}?format=raw"))
                for k in range(volume.geometry.shape[0])
            ]
        )
        np.testing.assert_array_equal(stacked, volume.array)
        geometry = served.get(address).json()["geometry"]
        np.testing.assert_array_equal(geometry["patient_from_index"], volume.geometry.patient_from_index)


def test_that_a_real_series_is_served_as_its_files_say(serve: Serve, real_data: RealData) -> None:
    folder = real_data("head-philips")
    served = serve(folder)
    (volume, *_) = viewer.open_study(folder).volumes
    scan = next(scan for scan in served.shelf.scans if scan.stack.uid == volume.uid)
    address = f"/volumes/{scan.id}"
    for name, axis in (("axial", 0), ("coronal", 1), ("sagittal", 2)):
        index = volume.geometry.shape[axis] // 3
        response = served.get(f"{address}/{name}/{index}?format=raw")
        values = raw_of(response)
        expected = volume.array.take(index, axis)
        # Heads are at the top of the other planes.
        np.testing.assert_array_equal(values, expected if axis == 0 else expected[::-1])
    frame = scan.stack.frames[volume.geometry.shape[0] // 3]
    dataset = pydicom.dcmread(frame.path)
    response = served.get(f"{address}/axial/{volume.geometry.shape[0] // 3}?format=raw")
    np.testing.assert_array_equal(raw_of(response), dataset.pixel_array)
    np.testing.assert_allclose(grid_of(response)[0], dataset.ImagePositionPatient, atol=1e-6)


# --- Keeping -----------------------------------------------------------------------------------------------------


def test_that_a_volume_is_read_once_however_many_ask_at_the_same_time(serve: Serve, study: Path) -> None:
    served = serve(study)
    address = f"/volumes/{served.id_of('CT')}"
    answers: list[int] = []

    def ask(path: str) -> None:
        answers.append(served.get(path).status_code)

    threads = [
        threading.Thread(target=ask, args=(f"{address}/{name}/{n}",)) for name in NAMES for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 12
    assert served.shelf.reads == 1


def test_that_slices_made_at_the_same_time_do_not_mix(served: Served) -> None:
    address = f"/volumes/{served.id_of('CT')}"
    paths = [f"{address}/{name}/{n}?format=png" for name in NAMES for n in range(5)]
    expected = {path: served.get(path).content for path in paths}
    assert len(set(expected.values())) > 10
    with ThreadPoolExecutor(8) as pool:
        for path, content in pool.map(lambda path: (path, served.get(path).content), paths * 8):
            assert content == expected[path]


def test_that_no_file_is_touched_once_a_volume_is_open(serve: Serve, tmp_path: Path) -> None:
    served = serve(write_ramp(tmp_path / "ct"))
    address = f"/volumes/{served.id_of('CT')}/axial"
    assert served.get(f"/volumes/{served.id_of('CT')}/coronal/0").status_code == 200
    first = served.get(f"{address}/0?format=raw").content
    for path in (tmp_path / "ct").iterdir():
        path.unlink()
    assert served.get(f"{address}/0?format=raw").content == first
    assert served.get(f"{address}/4?format=raw").status_code == 200


def test_that_the_least_used_volume_goes_when_there_is_no_room(serve: Serve, study: Path) -> None:
    served = serve(study, budget_bytes=2400)
    ct, pt = served.id_of("CT"), served.id_of("PT")
    for name in (ct, pt, pt, ct):
        assert served.get(f"/volumes/{name}/coronal/0").status_code == 200
    assert served.shelf.reads == 3


def test_that_a_volume_above_the_budget_is_served_all_the_same(serve: Serve, study: Path) -> None:
    served = serve(study, budget_bytes=300)
    response = served.get(f"/volumes/{served.id_of('CT')}/axial/1?format=raw")
    np.testing.assert_array_equal(raw_of(response), ramp_array()[1])
    response = served.get(f"/volumes/{served.id_of('CT')}/coronal/1?format=raw")
    np.testing.assert_array_equal(raw_of(response)[::-1], ramp_array()[:, 1])


def test_that_an_answer_the_caller_has_is_not_sent_again(served: Served) -> None:
    address = f"/volumes/{served.id_of('CT')}/axial"
    first = served.get(f"{address}/0?format=raw")
    tag = first.headers["ETag"]
    again = served.get(f"{address}/0?format=raw", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    other = served.get(f"{address}/1?format=raw", headers={"If-None-Match": tag})
    assert other.status_code == 200
    assert other.headers["ETag"] != tag


def test_that_json_of_a_plane_is_json(served: Served) -> None:
    text = served.get(f"/volumes/{served.id_of('CT')}/axial/0?format=json").text
    assert "NaN" not in text
    assert json.loads(text)["shape"] == [6, 8]
