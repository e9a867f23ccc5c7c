"""The OpenAPI document holds together, and the pages in docs/ are those of this code."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from gateway import errors_doc, http_doc
from gateway.app import Gateway
from gateway.openapi.document import document
from gateway.routing import Route
from gateway.settings import GatewaySettings
from schema.compiled import Workspace
from schema.field_types import FIELD_TYPES
from schema.model import Field, Object, Option, Snapshot


@pytest.fixture(scope="module")
async def routes() -> tuple[Route, ...]:
    gateway = Gateway(GatewaySettings())
    await gateway.drain(0)
    return gateway.routes.all


def workspace() -> Workspace:
    fields = tuple(
        Field(
            id=f"f{n}", object_id="o", name=f"a_{kind}", type=kind, options=(Option("1", "x", "X"),)
        )
        for n, kind in enumerate(FIELD_TYPES)
    )
    deal = Object(id="o", name="big_deal", plural_name="big_deals", fields=fields)
    return Workspace(Snapshot(workspace_id="w", version=9, objects=(deal,)))


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_everything_referred_to_is_there(routes: tuple[Route, ...]) -> None:
    found = orjson.loads(orjson.dumps(document(routes, workspace())))
    for reference in references(found):
        target: Any = found
        for part in reference.removeprefix("#/").split("/"):
            assert part in target, reference
            target = target[part]


def test_operations_are_unique_and_paths_complete(routes: tuple[Route, ...]) -> None:
    found = document(routes, workspace())
    operations = [op for path in found["paths"].values() for op in path.values()]
    names = [op["operationId"] for op in operations]
    assert len(names) == len(set(names))
    for path, methods in found["paths"].items():
        for described in methods.values():
            given = {p["name"] for p in described["parameters"] if p.get("in") == "path"}
            wanted = {part.split("}")[0][1:] for part in path.split("/") if part.startswith("{")}
            assert given == wanted, path


def test_objects_have_paths_and_typed_fields(routes: tuple[Route, ...]) -> None:
    found = document(routes, workspace())
    properties = found["components"]["schemas"]["BigDealObjectFields"]["properties"]
    assert set(properties) == {f"a_{kind}" for kind in FIELD_TYPES}
    assert properties["a_select"]["oneOf"][0] == {"enum": ["x"]}
    create = found["paths"]["/v1/objects/big_deal/records"]["post"]
    schema = create["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["fields"] == {"$ref": "#/components/schemas/BigDealObjectFields"}
    shown = create["responses"]["201"]["content"]["application/json"]["schema"]
    assert shown == {"$ref": "#/components/schemas/BigDealObject"}


def test_every_body_has_an_example(routes: tuple[Route, ...]) -> None:
    assert not [r.path for r in routes if r.body is not None and r.example is None]


def test_errors_md_is_fresh() -> None:
    written = errors_doc.PAGE.read_text(encoding="utf-8")
    assert written == errors_doc.text(), "run: python -m gateway.errors_doc"


def test_every_reason_has_a_status() -> None:
    assert "|  |" not in errors_doc.text()


def test_http_md_is_fresh() -> None:
    assert http_doc.PAGE.read_text(encoding="utf-8") == http_doc.text(), (
        "run: python -m gateway.http_doc"
    )
