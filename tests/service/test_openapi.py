"""The OpenAPI document, and requests made up from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from tests.archive.hospital import archive_of
from tests.needs import library
from tests.service.conftest import BASE, TOKEN, Serve, Served
from viewer.service.app import OPERATIONS
from viewer.service.operations import document

library("schemathesis")


def test_that_the_document_lists_every_route_and_nothing_else(served: Served) -> None:
    said = served.get("/openapi.json").json()
    assert set(said["paths"]) == {route.path for route in served.app.routes}
    for path, operations in said["paths"].items():
        assert list(operations) == ["get"]
        named = {p["name"] for p in operations["get"]["parameters"] if p["in"] == "path"}
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_that_every_media_type_and_header_of_an_answer_is_in_the_document(served: Served) -> None:
    said = document(OPERATIONS)["paths"]["/volumes/{id}/{plane}/{index}"]["get"]["responses"]["200"]
    for form in ("png", "raw", "float32", "json"):
        response = served.get(f"/volumes/{served.id_of('CT')}/axial/0?format={form}")
        assert response.headers["Content-Type"] in said["content"]
        own = {name for name in response.headers if name.startswith("x-")} - {"x-content-type-options"}
        assert own <= {name.lower() for name in said["headers"]}


def _near(plain: dict[str, Any], ids: list[str]) -> dict[str, Any]:
    """The document with ids that exist and small numbers, so that many requests reach the voxels."""
    for operations in plain["paths"].values():
        for parameter in operations["get"]["parameters"]:
            if parameter["name"] == "id":
                parameter["schema"] = {"type": "string", "enum": [*ids, "0123456789abcdef"]}
            if parameter["name"] in ("width", "height", "index"):
                parameter["schema"]["maximum"] = 9
            if parameter["name"] == "level":
                parameter["schema"]["maximum"] = 2
    return plain


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    "kind, mode", [("study", "positive"), ("study", "negative"), ("archive", "positive")]
)
def test_that_no_request_made_up_from_the_document_fails_inside(
    kind: str, mode: str, serve: Serve, study: Path, tmp_path: Path
) -> None:
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        negative_data_rejection,
        response_schema_conformance,
        status_code_conformance,
    )

    if kind == "archive":
        library("zarr")
        library("pyarrow")
    served = serve(study if kind == "study" else archive_of(study, tmp_path)[0])
    checks = [
        not_a_server_error,
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
        negative_data_rejection,
    ]
    ids = [scan.id for scan in served.shelf.scans]
    schema = schemathesis.openapi.from_dict(_near(document(OPERATIONS), ids))
    schema.app = served.app
    statuses: dict[str, set[int]] = {}
    for found in schema.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]

        def check(case: Any) -> None:
            response = case.call(headers={"Authorization": f"Bearer {TOKEN}"}, base_url=BASE)
            statuses.setdefault(case.path, set()).add(response.status_code)
            case.validate_response(response, checks=checks)

        wanted = schemathesis.GenerationMode(mode)
        try:
            settings(
                max_examples=30,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(case=operation.as_strategy(wanted))(check))()
        except Unsatisfiable:
            assert not operation.query  # nothing can be wrong with it
    if mode == "positive":
        assert set(statuses) == {operation.path for operation in OPERATIONS}
        assert 200 in statuses["/volumes/{id}/{plane}/{index}"]
        assert 200 in statuses["/volumes/{id}"]
    else:
        # 200 may be among them: the text "1" is no number, but in an address it is written like one.
        assert statuses["/volumes/{id}/oblique"] <= {200, 400, 401, 404, 409}
        assert 400 in statuses["/volumes/{id}/oblique"]
