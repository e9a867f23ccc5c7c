"""Links beside the real records and metadata planes, on the running platform."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from armature.links.v1 import link_service_pb2 as pb
from armature.links.v1.link_service_pb2_grpc import LinkServiceStub

from kit import clients
from tests.e2e.client import Client, wait_for


@pytest.fixture(scope="module")
def links(stack: dict[str, Any]) -> Iterator[LinkServiceStub]:
    with grpc.insecure_channel(stack["grpc"]["links"]) as channel:
        yield LinkServiceStub(channel)


@pytest.fixture
def crm(api: Client) -> Client:
    api.define("company", {"name": "name", "type": "text"})
    api.define(
        "deal",
        {"name": "name", "type": "text"},
        {"name": "company", "type": "relation", "settings": {"targets": ["company"]}},
    )
    for body in (
        {"name": "owns", "inverse_name": "owned_by", "on_source_delete": "cascade"},
        {"name": "guards", "inverse_name": "guarded_by", "on_target_delete": "restrict"},
    ):
        api.post("/v1/link-types", body)
    return api


def node(record: Any) -> dict[str, str]:
    return {"kind": record["object"], "id": record["id"]}


def record(api: Client, one: Any) -> int:
    """The status of a read of the record."""
    path = f"/v1/objects/{one['object']}/records/{one['id']}"
    return api.request("GET", path).status_code


def delete(api: Client, one: Any) -> Any:
    return api.request("DELETE", f"/v1/objects/{one['object']}/records/{one['id']}")


def listed(links: LinkServiceStub, api: Client, one: Any, kind: str = "") -> set[str]:
    request = pb.ListLinksRequest(node=node(one), type=kind)
    answer = links.ListLinks(request, metadata=tuple(clients.metadata(api.api_key)))
    return {view.other.id for view in answer.links}


def test_a_relation_field_is_an_edge_as_long_as_both_ends_live(
    crm: Client, links: LinkServiceStub
) -> None:
    a, b = (crm.create("company", name=n) for n in "ab")
    deal = crm.create("deal", name="d", company=a["id"])
    wait_for("the edge", lambda: listed(links, crm, a) == {deal["id"]})
    crm.update("deal", deal["id"], company=b["id"])
    wait_for("the edge to move", lambda: listed(links, crm, b) == {deal["id"]})
    assert listed(links, crm, a) == set()
    assert delete(crm, b).is_success
    wait_for("the edge to go", lambda: listed(links, crm, deal) == set())
    crm.post(f"/v1/objects/company/records/{b['id']}:undelete")
    wait_for("the edge to come back", lambda: listed(links, crm, deal) == {b["id"]})


def test_filters_go_through_links_soon_after_they_are_made(crm: Client) -> None:
    crm.post(
        "/v1/link-types",
        {
            "name": "partners",
            "inverse_name": "partner_of",
            "source_kinds": ["deal"],
            "target_kinds": ["company"],
        },
    )
    company, deal = crm.create("company", name="ally"), crm.create("deal", name="won")
    where = {"partners": {"some": {"name": "ally"}}}
    back = {"partner_of": {"none": {"name": "won"}}}

    def found() -> tuple[int, int]:
        pages = crm.query("deal", filter=where), crm.query("company", filter=back)
        return len(pages[0]["data"]), len(pages[1]["data"])

    assert found() == (0, 1)
    ends = {"source": node(deal), "target": node(company)}
    made = crm.post("/v1/links", {"type": "partners", **ends})
    wait_for("the link to count", lambda: found() == (1, 0))
    assert crm.request("DELETE", f"/v1/links/{made['id']}").is_success
    wait_for("the link to count no more", lambda: found() == (0, 1))
    crm.update("deal", deal["id"], company=company["id"])  # which the type deal_company shows
    shown = {"deal_company": {"some": {"name": "ally"}}}
    assert len(crm.query("deal", filter=shown)["data"]) == 1


def test_restrict_forbids_the_delete(crm: Client) -> None:
    guard, jewel = (crm.create("company", name=n) for n in "gj")
    made = crm.post("/v1/links", {"type": "guards", "source": node(guard), "target": node(jewel)})
    refused = delete(crm, jewel)
    assert refused.json()["code"] == "DELETE_RESTRICTED"
    assert crm.request("DELETE", f"/v1/links/{made['id']}").is_success
    assert delete(crm, jewel).is_success


@pytest.mark.parametrize("killed", [False, True])
def test_a_cascade_deletes_each_record_once_and_comes_back(
    crm: Client, links: LinkServiceStub, crash_dir: Path, killed: bool
) -> None:
    owner = crm.create("company", name="owner")
    owned = [crm.create("deal", name=str(n)) for n in range(20)]
    for one in owned:
        crm.post("/v1/links", {"type": "owns", "source": node(owner), "target": node(one)})
    if killed:  # after the call that deletes, before its outcome is kept
        (crash_dir / "links.cascade_done").touch()
    assert delete(crm, owner).is_success
    wait_for("the cascade", lambda: all(record(crm, one) == 404 for one in owned), 90)
    assert not list(crash_dir.iterdir())

    def versions() -> list[int]:
        found = crm.query("deal", show_deleted=True, page_size=100)["data"]
        return [one["version"] for one in found]

    assert versions() == [2] * 20, "each was deleted once"
    if killed:  # after the call that brings back
        (crash_dir / "links.cascade_done").touch()
    crm.post(f"/v1/objects/company/records/{owner['id']}:undelete")
    wait_for("the reversal", lambda: all(record(crm, one) == 200 for one in owned), 90)
    wait_for("the deaths", lambda: not list(crash_dir.iterdir()), 90)
    assert versions() == [3] * 20, "each came back once"
    everything = {one["id"] for one in owned}
    wait_for("the links", lambda: listed(links, crm, owner, "owns") == everything)
