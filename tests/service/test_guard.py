"""Who is answered, what is kept from them, and what a wrong request gets."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest

from tests.phantoms import uid_of
from tests.service.conftest import TOKEN, Serve, Served

PATHS = ("/", "/openapi.json", "/studies", "/scans", "/volumes/0123456789abcdef", "/nothing")
WRONG: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": f"Bearer {TOKEN}x"},
    {"Authorization": f"Bearer {TOKEN[:-1]}"},
    {"Authorization": f"Basic {TOKEN}"},
    {"Authorization": TOKEN},
)


def sentence_of(response: http.client.HTTPResponse | object) -> str:
    body = response.json()  # type: ignore[union-attr]
    assert list(body) == ["error"]
    text = str(body["error"])
    assert text[0].isupper()
    assert text.endswith(".")
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("headers", WRONG, ids=range(len(WRONG)))
def test_that_nothing_is_answered_without_the_token(
    path: str, headers: dict[str, str], served: Served
) -> None:
    request = served.client.build_request("GET", path)
    request.headers.pop("Authorization")
    request.headers.update(headers)
    response = served.client.send(request)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert "token" in sentence_of(response)


def test_that_the_token_stands_in_the_address_of_the_page_alone(served: Served) -> None:
    def without_header(path: str) -> int:
        request = served.client.build_request("GET", path)
        request.headers.pop("Authorization")
        return int(served.client.send(request).status_code)

    assert without_header(f"/?token={TOKEN}") == 200
    assert without_header("/?token=another") == 401
    assert without_header(f"/studies?token={TOKEN}") == 401


def test_that_tokens_are_compared_in_constant_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    import hmac

    compared = []
    original = hmac.compare_digest

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return original(a, b)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    served.get("/studies")
    assert compared == [(TOKEN.encode(), TOKEN.encode())]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost.evil.example", "[::1"],
)
def test_that_a_name_of_the_internet_is_refused(host: str, served: Served) -> None:
    response = served.get("/studies", headers={"Host": host})
    assert response.status_code == 400
    assert "Host" in sentence_of(response)


@pytest.mark.parametrize("host", ["127.0.0.1:8642", "localhost", "LOCALHOST:1", "[::1]:8642", "192.168.1.5"])
def test_that_numbers_and_this_computer_are_known(host: str, served: Served) -> None:
    assert served.get("/studies", headers={"Host": host}).status_code == 200


def test_that_no_page_of_another_origin_may_read_an_answer(served: Served) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    for response in (
        served.get("/studies", headers=headers),
        served.client.options("/studies", headers=headers),
    ):
        assert not [name for name in response.headers if name.startswith("access-control")]
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    page = served.get("/")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "http://" not in page.text
    assert "https://" not in page.text


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/volumes/..%2f..%2fetc%2fpasswd",
        "/volumes/%2e%2e/%2e%2e/axial/0",
        "/volumes/..%5c..%5cetc/axial/0",
        "/volumes/0123456789abcdef",
        "/volumes/0123456789abcdef/axial/0",
        "/volumes/0123456789ABCDEF",
        "/volumes/' OR 1=1 --",
        "/volumes/" + "a" * 5000,
        "/volumes/%00",
        "/static/index.html",
        "/registry",
    ],
)
def test_that_paths_and_ids_that_do_not_exist_lead_nowhere(path: str, served: Served) -> None:
    response = served.get(path)
    assert response.status_code == 404
    assert "passwd" not in sentence_of(response)


@pytest.mark.parametrize(
    "rest, status",
    [
        ("axial/5", 404),
        ("axial/-1", 404),
        ("axial/1.0", 404),
        ("axial/٣", 404),
        ("axial/99999999999999999999", 404),
        ("AXIAL/0", 404),
        ("oblique/0", 404),
        ("axial/0?format=gif", 400),
        ("axial/0?window=0,40", 400),
        ("axial/0?window=-5,40", 400),
        ("axial/0?window=nan,40", 400),
        ("axial/0?window=1e999,40", 400),
        ("axial/0?window=80", 400),
        ("axial/0?window=80,40,1", 400),
        ("axial/0?preset=none", 400),
        ("axial/0?windw=80,40", 400),
        ("axial/0?format=png&format=raw", 400),
        ("oblique", 400),
        ("oblique?origin=0,0,0&u=1,0,0&v=0,1,0&width=9999&height=4", 400),
        ("oblique?origin=0,0,0&u=1,0,0&v=2,0,0&width=4&height=4", 409),
        ("oblique?origin=0,0,0&u=0,0,0&v=0,1,0&width=4&height=4", 409),
        ("oblique?origin=0,0,inf&u=1,0,0&v=0,1,0&width=4&height=4", 400),
        ("oblique?origin=0,0,0&u=1,0,0&v=0,1,0&width=4&height=4&format=raw", 400),
    ],
)
def test_that_a_wrong_request_gets_a_sentence(rest: str, status: int, served: Served) -> None:
    response = served.get(f"/volumes/{served.id_of('CT')}/{rest}")
    assert response.status_code == status, response.text
    sentence_of(response)


def test_that_services_can_only_be_read(served: Served) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        response = served.client.request(method, "/studies")
        assert response.status_code == 405
        assert response.headers["Allow"]
        sentence_of(response)


def test_that_a_fault_of_the_program_is_a_sentence_too(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("Phantom^Ramp")

    monkeypatch.setattr("viewer.service.app.named_answer", fail)
    monkeypatch.setattr(served.client._transport, "raise_server_exceptions", False)
    response = served.get(f"/volumes/{served.id_of('CT')}/axial/0")
    assert response.status_code == 500
    assert "fault of the program" in sentence_of(response)
    assert "RuntimeError" in caplog.text
    assert "Phantom" not in caplog.text


def test_that_no_answer_names_the_patient_unless_identity_was_asked_for(serve: Serve, study: Path) -> None:
    plain, named = serve(study), serve(study, identity=True)
    for path in ("/studies", "/scans", f"/volumes/{plain.id_of('CT')}"):
        text = json.dumps(plain.get(path).json()) + str(plain.get(path).headers)
        for secret in ("Phantom", "RAMP-1", "2025", str(study), str(uid_of("ramp", "CT")), "2.25."):
            assert secret not in text, (path, secret)
    (patient,) = (one["patient"] for one in named.get("/studies").json()["studies"])
    assert "Phantom" in patient["name"]
    assert patient["id"] == "RAMP-1"
    assert str(study / "ct") in {row["path"] for row in named.get("/scans").json()["scans"]}


def test_that_what_no_longer_can_be_read_is_a_sentence(serve: Serve, study: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(study / "ct", tmp_path / "ct")
    served = serve(tmp_path)
    shutil.rmtree(tmp_path / "ct")
    response = served.get(f"/volumes/{served.id_of('CT')}/axial/0?format=raw")
    assert response.status_code == 422
    sentence_of(response)
