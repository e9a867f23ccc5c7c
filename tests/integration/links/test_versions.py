"""What other planes keep of links can be built and compared: all of them, by id, as they are."""

from uuid import UUID

from armature.links.v1 import link_service_pb2 as pb
from armature.links.v1 import link_version_service_pb2 as versions_pb
from armature.links.v1.link_version_service_pb2_grpc import LinkVersionServiceStub

from planes.nodes import Node
from services.records.servicers.links import Links
from services.records.store.record_links import Link
from tests.integration.links.conftest import TYPES, Plane
from tests.integration.links.neighbours import SECRET, As, credential, message, reason

TYPE_IDS = {one.name: one.id for one in TYPES}


async def a_link(links: As, source: Node, target: Node) -> UUID:
    new = pb.NewLink(type="related", source=message(source), target=message(target))
    return UUID((await links.CreateLink(pb.CreateLinkRequest(link=new))).link.id)


async def test_links_are_found_by_id_deleted_ones_too(plane: Plane) -> None:
    workspace, elsewhere = plane.workspace(), plane.workspace()
    links, source = plane.links(workspace), Links(plane.channel, SECRET)
    company, *people = (plane.world.record(workspace, k) for k in ("company", *["person"] * 3))
    made = [await a_link(links, company, person) for person in people]
    noted = await a_link(links, company, plane.world.record(workspace, "person"))
    async with plane.db.transaction(workspace) as tx:  # it is with a note, as artifacts make them
        await tx.run("UPDATE links SET target_kind = 'note' WHERE link_id = %s", [noted])
    await links.DeleteLink(pb.DeleteLinkRequest(id=str(made[1])))
    foreign = [plane.world.record(elsewhere, "company") for _ in range(2)]
    await a_link(plane.links(elsewhere), *foreign)

    found = await source.find(workspace, None, None)
    assert [link for link, _ in found.links] == [
        Link(link_id, UUID(TYPE_IDS["related"]), company.id, person.id, *last)
        for link_id, person, last in zip(
            made, people, [(1, True), (2, False), (1, True)], strict=True
        )
    ]
    assert (found.last, found.more) == (noted, False)
    between = await source.find(workspace, made[0], made[1])
    assert ([link.id for link, _ in between.links], between.last) == ([made[1]], made[1])


async def test_only_planes_may_ask(plane: Plane) -> None:
    workspace = plane.workspace()
    admin = As(LinkVersionServiceStub(plane.channel), credential(workspace))
    asked = admin.FindLinkVersions(versions_pb.FindLinkVersionsRequest())
    assert await reason(asked) == "PERMISSION_DENIED/PLANE_REQUIRED"
