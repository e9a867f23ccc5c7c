"""Links as clients see them: made, read both ways, changed, replaced, and refused."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from armature.common.v1 import node_pb2
from armature.links.v1 import link_service_pb2 as pb

from kit import ids
from kit.errors import FailedPrecondition
from planes.nodes import Node
from tests.integration.links.conftest import Plane
from tests.integration.links.neighbours import As, message, reason, violations


def a_link(kind: str, source: Node, target: Node, **more: Any) -> pb.CreateLinkRequest:
    new = pb.NewLink(type=kind, source=message(source), target=message(target), **more)
    return pb.CreateLinkRequest(link=new)


async def others(links: As, node: Node, **more: Any) -> list[Node]:
    answer = await links.ListLinks(pb.ListLinksRequest(node=message(node), **more))
    return [Node(v.other.kind, UUID(v.other.id)) for v in answer.links]


@pytest.fixture
def workspace(plane: Plane) -> UUID:
    return plane.workspace()


async def test_a_link_is_read_from_both_ends(plane: Plane, workspace: UUID) -> None:
    links = plane.links(workspace)
    company, person = (plane.world.record(workspace, k) for k in ("company", "person"))
    made = await links.CreateLink(
        a_link("employs", company, person, attributes_json=b'{"role":"chief","share":0.1}')
    )
    assert made.link.version == 1
    assert json.loads(made.link.attributes_json) == {"role": "chief", "share": 0.1}

    out = (await links.ListLinks(pb.ListLinksRequest(node=message(company)))).links
    back = (await links.ListLinks(pb.ListLinksRequest(node=message(person)))).links
    assert [(v.direction, v.name, v.other.id) for v in out] == [("out", "employs", str(person.id))]
    assert [(v.direction, v.name, v.other.id) for v in back] == [
        ("in", "works_at", str(company.id))
    ]
    assert (await links.GetLink(pb.GetLinkRequest(id=made.link.id))).link == made.link
    counts = (await links.CountLinks(pb.CountLinksRequest(node=message(person)))).counts
    assert [(c.type, c.direction, c.count) for c in counts] == [("employs", "in", 1)]


async def test_of_a_record_the_id_is_enough(plane: Plane, workspace: UUID) -> None:
    links, guest = plane.links(workspace), plane.links(workspace, "member", principal="guest")
    deal, company = plane.world.record(workspace, "deal"), plane.world.record(workspace, "company")
    made = await links.CreateLink(a_link("related", deal, company))
    bare = node_pb2.Node(id=str(deal.id))
    found = await links.ListLinks(pb.ListLinksRequest(node=bare))
    assert [view.link.id for view in found.links] == [made.link.id]
    assert [c.count for c in (await links.CountLinks(pb.CountLinksRequest(node=bare))).counts] == [
        1
    ]
    plane.world.hidden.add(("guest", deal))
    for unknown in (bare, node_pb2.Node(id=str(uuid4())), node_pb2.Node(id="x"), node_pb2.Node()):
        refused = guest.ListLinks(pb.ListLinksRequest(node=unknown))
        assert await reason(refused) == "NOT_FOUND/NODE_NOT_FOUND"


async def test_the_inverse_name_swaps_the_ends(plane: Plane, workspace: UUID) -> None:
    links = plane.links(workspace)
    company, person = (plane.world.record(workspace, k) for k in ("company", "person"))
    made = await links.CreateLink(a_link("works_at", person, company))
    assert made.link.type == "employs"
    assert made.link.source.id == str(company.id)
    assert await others(links, person, type="works_at") == [company]
    assert await others(links, company, type="works_at") == []


async def test_everything_wrong_is_said_at_once(plane: Plane, workspace: UUID) -> None:
    links = plane.links(workspace)
    company, person = (plane.world.record(workspace, k) for k in ("company", "person"))
    wrong = a_link("employs", person, company, attributes_json=b"[1]", id="nonsense")
    assert await violations(links.CreateLink(wrong)) == [
        ("link.source.kind", "KIND_NOT_ALLOWED"),
        ("link.target.kind", "KIND_NOT_ALLOWED"),
        ("link.attributes_json", "WRONG_TYPE"),
        ("link.id", "INVALID_UUID"),
    ]
    unknown = links.CreateLink(a_link("emplois", company, person))
    assert await reason(unknown) == "NOT_FOUND/LINK_TYPE_NOT_FOUND"
    field = links.CreateLink(a_link("person_company", person, company))
    assert await reason(field) == "FAILED_PRECONDITION/LINK_TYPE_OF_FIELD"
    itself = links.CreateLink(a_link("related", person, person))
    assert await violations(itself) == [("link.target", "SAME_NODE")]
    large = a_link("related", company, person, attributes_json=b'{"a":"%s"}' % (b"x" * 17_000))
    assert await violations(links.CreateLink(large)) == [("link.attributes_json", "TOO_LONG")]


async def test_ends_that_are_missing_invisible_or_of_another_workspace_are_not_found(
    plane: Plane, workspace: UUID
) -> None:
    links = plane.links(workspace)
    company, person = (plane.world.record(workspace, k) for k in ("company", "person"))
    foreign = plane.world.record(plane.workspace(), "person")
    for other in (foreign, Node("person", uuid4()), Node("nothing", uuid4())):
        found = links.CreateLink(a_link("related", company, other))
        assert await reason(found) == "NOT_FOUND/NODE_NOT_FOUND"

    made = await links.CreateLink(a_link("related", company, person))
    blind = plane.links(workspace, principal=str(uuid4()))
    plane.world.hidden.add((blind.who.split("/")[1], person))
    assert await others(blind, company) == []
    assert await reason(blind.GetLink(pb.GetLinkRequest(id=made.link.id))) == (
        "NOT_FOUND/LINK_NOT_FOUND"
    )
    assert await reason(blind.DeleteLink(pb.DeleteLinkRequest(id=made.link.id))) == (
        "NOT_FOUND/LINK_NOT_FOUND"
    )
    theirs = plane.links(plane.workspace())
    for call in (
        theirs.GetLink(pb.GetLinkRequest(id=made.link.id)),
        theirs.UpdateLink(pb.UpdateLinkRequest(id=made.link.id, attributes_json=b"{}")),
        theirs.DeleteLink(pb.DeleteLinkRequest(id=made.link.id)),
    ):
        assert await reason(call) == "NOT_FOUND/LINK_NOT_FOUND"
    for call in (
        theirs.ListLinks(pb.ListLinksRequest(node=message(company))),
        theirs.BatchListLinks(pb.BatchListLinksRequest(nodes=[message(company)])),
        theirs.CountLinks(pb.CountLinksRequest(node=message(company))),
        theirs.SetLinks(pb.SetLinksRequest(node=message(company), type="related")),
    ):
        assert await reason(call) == "NOT_FOUND/NODE_NOT_FOUND"
    reader = plane.links(workspace, "read_only")
    assert await reason(reader.CreateLink(a_link("related", person, company))) == (
        "PERMISSION_DENIED/PERMISSION_REQUIRED"
    )


async def test_writers_cannot_exceed_a_cardinality(plane: Plane, workspace: UUID) -> None:
    links = plane.links(workspace)
    deal = plane.world.record(workspace, "deal")
    people = [plane.world.record(workspace, "person") for _ in range(12)]
    tries = [links.CreateLink(a_link("assigned", deal, one)) for one in people]
    done = await asyncio.gather(*tries, return_exceptions=True)
    refused = [x for x in done if isinstance(x, FailedPrecondition)]
    assert len(refused) == 11
    assert {x.reason for x in refused} == {"CARDINALITY_EXCEEDED"}
    assert len(await others(links, deal)) == 1


async def test_concurrent_twins_make_one_link(plane: Plane, workspace: UUID) -> None:
    links = plane.links(workspace)
    a, b = (plane.world.record(workspace, "company") for _ in range(2))
    for kind, pairs in (("related", [(a, b)] * 8), ("knows", [(a, b), (b, a)] * 4)):
        tries = [links.CreateLink(a_link(kind, *pair)) for pair in pairs]
        done = await asyncio.gather(*tries, return_exceptions=True)
        assert sorted(getattr(x, "reason", "made") for x in done) == ["LINK_EXISTS"] * 7 + ["made"]


async def test_a_symmetric_single_link_binds_both_ends(plane: Plane, workspace: UUID) -> None:
    links = plane.links(workspace)
    ann, ben, cem, dan = (plane.world.record(workspace, "person") for _ in range(4))
    first = await links.CreateLink(a_link("married", ann, ben))
    for pair in ((ben, cem), (cem, ben), (cem, ann), (ann, cem)):
        refused = links.CreateLink(a_link("married", *pair))
        assert await reason(refused) == "FAILED_PRECONDITION/CARDINALITY_EXCEEDED"
    assert await others(links, ann) == [ben]
    assert await others(links, ben, type="married", direction="out") == [ann]
    await links.DeleteLink(pb.DeleteLinkRequest(id=first.link.id))
    await links.CreateLink(a_link("married", cem, ben))
    await links.CreateLink(a_link("married", dan, ann))


async def test_a_repeated_request_gets_its_first_answer(plane: Plane, workspace: UUID) -> None:
    links = plane.links(workspace)
    a, b = (plane.world.record(workspace, "company") for _ in range(2))
    request = a_link("related", a, b)
    request.request_id = "one"
    first = await links.CreateLink(request)
    assert await links.CreateLink(request) == first
    plane.world.remove(workspace, b)
    assert await links.CreateLink(request) == first, "even when an end has gone meanwhile"
    request.link.position = 3
    assert await reason(links.CreateLink(request)) == "INVALID_ARGUMENT/REQUEST_ID_REUSED"


async def test_a_batch_is_all_or_none_and_keeps_its_order(plane: Plane, workspace: UUID) -> None:
    links = plane.links(workspace)
    hub = plane.world.record(workspace, "company")
    people = [plane.world.record(workspace, "person") for _ in range(300)]
    new = [pb.NewLink(type="employs", source=message(hub), target=message(p)) for p in people]
    missing = pb.NewLink(
        type="employs", source=message(hub), target=message(Node("person", uuid4()))
    )
    refused = links.BatchCreateLinks(pb.BatchCreateLinksRequest(links=[*new, missing]))
    assert await reason(refused) == "NOT_FOUND/NODE_NOT_FOUND"
    assert await others(links, hub) == []

    made = await links.BatchCreateLinks(pb.BatchCreateLinksRequest(links=new))
    assert [link.target.id for link in made.links] == [str(p.id) for p in people]
    listed = await others(links, hub, page_size=1000)
    assert listed == people, "by position, which is the order of creation"
    many = pb.BatchCreateLinksRequest(links=new * 4)
    assert await reason(links.BatchCreateLinks(many)) == "RESOURCE_EXHAUSTED/BATCH_TOO_LARGE"


async def test_pages_meet_every_link_once_across_types_and_directions(
    plane: Plane, workspace: UUID
) -> None:
    links = plane.links(workspace)
    hub = plane.world.record(workspace, "company")
    expected = set()
    for n in range(9):
        a, b, c = (plane.world.record(workspace, "person") for _ in range(3))
        await links.CreateLink(a_link("employs", hub, a, position=float(n % 3 + 1)))
        await links.CreateLink(a_link("related", b, hub, position=1.0))
        await links.CreateLink(a_link("knows", hub, c))
        expected |= {a, b, c}
    found: list[Node] = []
    token, pages = "", 0
    while True:
        request = pb.ListLinksRequest(node=message(hub), page_size=4, page_token=token)
        page = await links.ListLinks(request)
        found += [Node(v.other.kind, UUID(v.other.id)) for v in page.links]
        pages += 1
        token = page.next_page_token
        if not token:
            break
    assert pages == 7
    assert len(found) == 27
    assert set(found) == expected
    first = await links.ListLinks(pb.ListLinksRequest(node=message(hub), page_size=1))
    other = pb.ListLinksRequest(node=message(hub), type="knows", page_token=first.next_page_token)
    assert await reason(links.ListLinks(other)) == "INVALID_ARGUMENT/PAGE_TOKEN_INVALID"
    assert len(await others(links, hub, direction="in", type="related")) == 9
    odd = pb.ListLinksRequest(node=message(hub), direction="up")
    assert await violations(links.ListLinks(odd)) == [("direction", "UNKNOWN_VALUE")]


async def test_several_nodes_are_read_in_one_call(plane: Plane, workspace: UUID) -> None:
    links = plane.links(workspace)
    hubs = [plane.world.record(workspace, "company") for _ in range(3)]
    for n, hub in enumerate(hubs):
        for _ in range(n * 2):
            person = plane.world.record(workspace, "person")
            await links.CreateLink(a_link("employs", hub, person))
    checks = plane.world.checks
    request = pb.BatchListLinksRequest(nodes=map(message, hubs), page_size=3)
    answer = await links.BatchListLinks(request)
    assert [(len(r.links), r.has_more) for r in answer.results] == [
        (0, False),
        (2, False),
        (3, True),
    ]
    assert plane.world.checks == checks + 1, "one check for all"


async def test_attributes_are_patched_and_positions_moved(plane: Plane, workspace: UUID) -> None:
    links = plane.links(workspace)
    a, b, c = (plane.world.record(workspace, "company") for _ in range(3))
    made = await links.CreateLink(
        a_link("related", a, b, attributes_json=b'{"x":{"y":1,"z":2},"w":3}')
    )
    await links.CreateLink(a_link("related", a, c))
    patch = pb.UpdateLinkRequest(
        id=made.link.id, attributes_json=b'{"x":{"y":null,"v":4}}', position=9e12
    )
    changed = await links.UpdateLink(patch)
    assert json.loads(changed.link.attributes_json) == {"x": {"z": 2, "v": 4}, "w": 3}
    assert changed.link.version == 2
    assert (await links.UpdateLink(patch)).link.version == 2, "what changes nothing writes nothing"
    assert await others(links, a) == [c, b]
    bad = pb.UpdateLinkRequest(id=made.link.id, attributes_json=b'"x"')
    assert await violations(links.UpdateLink(bad)) == [("attributes_json", "WRONG_TYPE")]
    infinite = pb.UpdateLinkRequest(id=made.link.id, position=float("inf"))
    assert await violations(links.UpdateLink(infinite)) == [("position", "NOT_FINITE")]


async def test_set_links_makes_the_set_exact(plane: Plane, workspace: UUID) -> None:
    links = plane.links(workspace)
    person = plane.world.record(workspace, "person")
    a, b, c = (plane.world.record(workspace, "company") for _ in range(3))

    def request(*wanted: Node, request_id: str = "") -> pb.SetLinksRequest:
        return pb.SetLinksRequest(
            node=message(person),
            type="works_at",
            others=map(message, wanted),
            request_id=request_id,
        )

    first = await links.SetLinks(request(a, b))
    assert (len(first.added), len(first.removed), len(first.kept)) == (2, 0, 0)
    second = await links.SetLinks(request(b, c, request_id="s"))
    assert [x.source.id for x in second.added] == [str(c.id)]
    assert [x.source.id for x in second.removed] == [str(a.id)]
    assert [x.source.id for x in second.kept] == [str(b.id)]
    assert await links.SetLinks(request(b, c, request_id="s")) == second
    assert await others(links, person) == [b, c]
    assert len((await links.SetLinks(request())).removed) == 2

    tries = [links.SetLinks(request(one)) for one in (a, b, c) * 3]
    await asyncio.gather(*tries)
    assert len(await others(links, person)) == 1
    deal = plane.world.record(workspace, "deal")
    two = pb.SetLinksRequest(node=message(deal), type="assigned", others=map(message, (a, b)))
    assert await reason(links.SetLinks(two)) == "FAILED_PRECONDITION/CARDINALITY_EXCEEDED"


async def test_set_links_leaves_what_the_caller_may_not_see(plane: Plane, workspace: UUID) -> None:
    links, guest = plane.links(workspace), plane.links(workspace, "member", principal="guest")
    person = plane.world.record(workspace, "person")
    a, b, secret = (plane.world.record(workspace, "company") for _ in range(3))
    plane.world.hidden.add(("guest", secret))
    for one in (a, secret):
        await links.CreateLink(a_link("works_at", person, one))
    wanted = pb.SetLinksRequest(node=message(person), type="works_at", others=[message(b)])
    done = await guest.SetLinks(wanted)
    assert str(secret.id) not in str(done)
    assert (len(done.added), len(done.removed), len(done.kept)) == (1, 1, 0)
    assert set(await others(links, person)) == {b, secret}


async def test_a_deleted_link_frees_its_place(plane: Plane, workspace: UUID) -> None:
    links = plane.links(workspace)
    deal, ann, ben = (plane.world.record(workspace, k) for k in ("deal", "person", "person"))
    made = await links.CreateLink(a_link("assigned", deal, ann))
    await links.DeleteLink(pb.DeleteLinkRequest(id=made.link.id))
    again = links.DeleteLink(pb.DeleteLinkRequest(id=made.link.id))
    assert await reason(again) == "NOT_FOUND/LINK_NOT_FOUND"
    await links.CreateLink(a_link("assigned", deal, ben))
    chosen = str(ids.new_id())
    await links.CreateLink(a_link("related", ann, ben, id=chosen))
    taken = links.CreateLink(a_link("related", ann, deal, id=chosen))
    assert await reason(taken) == "ALREADY_EXISTS/LINK_EXISTS"


async def test_restrict_lists_the_blockers(plane: Plane, workspace: UUID) -> None:
    links = plane.links(workspace)
    guard, jewel = (plane.world.record(workspace, "company") for _ in range(2))
    made = await links.CreateLink(a_link("guards", guard, jewel))
    check = pb.CheckDeleteRequest(nodes=[message(jewel)])
    assert [x.id for x in (await links.CheckDelete(check)).blockers] == [made.link.id]
    free = pb.CheckDeleteRequest(nodes=[message(guard)])
    assert not (await links.CheckDelete(free)).blockers
    together = pb.CheckDeleteRequest(nodes=[message(guard), message(jewel)])
    assert not (await links.CheckDelete(together)).blockers, "both go: nothing is left behind"
    theirs = plane.links(plane.workspace())
    assert not (await theirs.CheckDelete(check)).blockers


async def test_a_hidden_blocker_says_no_more_than_that_it_is(plane: Plane, workspace: UUID) -> None:
    links, guest = plane.links(workspace), plane.links(workspace, "member", principal="guest")
    open_, secret, jewel = (plane.world.record(workspace, "company") for _ in range(3))
    plane.world.hidden.add(("guest", secret))
    seen = await links.CreateLink(a_link("guards", open_, jewel))
    await links.CreateLink(a_link("guards", secret, jewel))
    check = pb.CheckDeleteRequest(nodes=[message(jewel)])
    assert len((await links.CheckDelete(check)).blockers) == 2
    blockers = (await guest.CheckDelete(check)).blockers
    assert [x.id for x in blockers] == [seen.link.id, ""]
    assert str(secret.id) not in str(blockers)


async def test_row_security_hides_other_workspaces(plane: Plane, workspace: UUID) -> None:
    links = plane.links(workspace)
    a, b = (plane.world.record(workspace, "company") for _ in range(2))
    await links.CreateLink(a_link("related", a, b))
    count = "SELECT count(*) FROM links WHERE workspace_id = %s"
    async with plane.db.transaction(workspace) as tx:
        assert await tx.value(count, [workspace]) == 1
    async with plane.db.transaction(uuid4()) as tx:
        assert await tx.value(count, [workspace]) == 0
    async with plane.worker_db.across_workspaces() as tx:
        assert await tx.value(count, [workspace]) == 0
