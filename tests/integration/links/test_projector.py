"""What events do to links: projected fields, deletions and returns, cascades; repeats, disorder."""

import random
from uuid import UUID, uuid4

import pytest
from armature.links.v1 import link_service_pb2 as pb

from kit import ids
from kit.bus import STREAM
from planes.nodes import Node
from services.links import consumer
from tests.integration.links.conftest import Plane
from tests.integration.links.neighbours import event, message, publish, reason, record_event
from tests.integration.links.test_links import a_link, others
from tests.integration.links.waiting import eventually


@pytest.fixture
def workspace(plane: Plane) -> UUID:
    return plane.workspace()


async def settled(plane: Plane, workspace: UUID, count: int) -> None:
    """Until the projector has taken this many events of the workspace."""

    async def taken() -> bool:
        async with plane.db.transaction(workspace) as tx:
            return bool(
                await tx.value("SELECT count(*) FROM inbox WHERE workspace_id = %s", [workspace])
                >= count
            )

    await eventually(taken, f"{count} events taken")


async def test_relation_fields_become_edges_and_follow_changes(
    plane: Plane, workspace: UUID
) -> None:
    links, world = plane.links(workspace), plane.world
    person, a, b = (world.record(workspace, k) for k in ("person", "company", "company"))
    deal = world.record(workspace, "deal")
    await world.tell("created", workspace, person, 1, after={"company": str(a.id)})
    about = {"object": "person", "id": str(person.id)}
    await world.tell("created", workspace, deal, 1, after={"about": about, "company": str(a.id)})
    await settled(plane, workspace, 2)
    assert await others(links, person, type="person_company") == [a]
    assert await others(links, deal, type="deal_about") == [person]
    assert set(await others(links, a)) == {person, deal}
    listed = await links.ListLinks(pb.ListLinksRequest(node=message(person), direction="out"))
    assert listed.links[0].link.origin == "field"
    by_hand = links.DeleteLink(pb.DeleteLinkRequest(id=listed.links[0].link.id))
    assert await reason(by_hand) == "FAILED_PRECONDITION/LINK_TYPE_OF_FIELD"

    await world.tell("updated", workspace, person, 2, after={"company": str(b.id)})
    await world.tell("updated", workspace, deal, 2, after={"company": None})
    await settled(plane, workspace, 4)
    assert await others(links, a) == []
    assert await others(links, person, type="person_company") == [b]
    assert await others(links, deal) == [person]


async def test_what_records_announce_beside_records_is_none_of_ours(
    plane: Plane, workspace: UUID
) -> None:
    person = plane.world.record(workspace, "person")
    await plane.world.tell("created", workspace, person, 1)
    await settled(plane, workspace, 1)
    before = await plane.bus.js.consumer_info(STREAM, consumer.NAME)
    job = uuid4()
    ended = event(
        "field_job.succeeded",
        workspace,
        {"job_id": str(job), "object_id": str(uuid4()), "field_id": "", "kind": "convert"},
        source="records",
        aggregate=("field_job", job, 2),
    )
    await publish(plane.bus, ended)
    await plane.world.tell("updated", workspace, person, 2)
    await settled(plane, workspace, 2)

    async def all_taken() -> bool:
        info = await plane.bus.js.consumer_info(STREAM, consumer.NAME)
        return bool(info.num_pending == info.num_ack_pending == 0)

    await eventually(all_taken, "every event to be done with", seconds=10)
    after = await plane.bus.js.consumer_info(STREAM, consumer.NAME)
    assert after.delivered.consumer_seq == before.delivered.consumer_seq + 1


async def test_repeats_and_disorder_end_in_the_same_edges(plane: Plane, workspace: UUID) -> None:
    links, world = plane.links(workspace), plane.world
    companies = [world.record(workspace, "company") for _ in range(5)]
    people = [world.record(workspace, "person") for _ in range(10)]
    told, last = [], {}
    for person in people:
        for version in range(1, 7):
            target = random.choice([*companies, None])
            last[person] = target
            value = {"company": str(target.id) if target else None}
            told.append(record_event("updated", workspace, person, version, after=value))
    chaos = [*told, *random.sample(told, 20)]
    random.shuffle(chaos)
    for one in chaos:
        await publish(plane.bus, one, repeat=True)
    await settled(plane, workspace, len(told))
    for person, target in last.items():
        assert await others(links, person) == ([target] if target else [])


async def test_undelete_restores_exactly_what_the_deletion_took(
    plane: Plane, workspace: UUID
) -> None:
    links, world = plane.links(workspace), plane.world
    hub = world.record(workspace, "company")
    kept, early, both, moved = (world.record(workspace, "person") for _ in range(4))
    for one in (kept, early, both):
        await links.CreateLink(a_link("employs", hub, one))
    single = await links.CreateLink(a_link("assigned", moved, hub))
    gone = (await links.ListLinks(pb.ListLinksRequest(node=message(early)))).links[0].link.id
    await links.DeleteLink(pb.DeleteLinkRequest(id=gone))

    await world.tell("deleted", workspace, hub, world.remove(workspace, hub))
    await settled(plane, workspace, 1)
    assert await others(links, kept) == []
    late = links.CreateLink(a_link("related", kept, hub))
    assert await reason(late) == "NOT_FOUND/NODE_NOT_FOUND"
    await world.tell("deleted", workspace, both, world.remove(workspace, both))
    await links.CreateLink(a_link("assigned", moved, kept))  # takes the place of the one to hub
    await settled(plane, workspace, 2)

    await world.tell("undeleted", workspace, hub, world.bring_back(workspace, hub))
    await settled(plane, workspace, 3)
    assert await others(links, hub) == [kept], "not the one deleted by hand, nor that replaced"
    assert await others(links, moved) == [kept]
    assert await reason(links.GetLink(pb.GetLinkRequest(id=single.link.id))) == (
        "NOT_FOUND/LINK_NOT_FOUND"
    )
    await world.tell("undeleted", workspace, both, world.bring_back(workspace, both))
    await settled(plane, workspace, 4)
    assert set(await others(links, hub)) == {kept, both}, "its edge waited for both ends"


async def test_a_deletion_that_comes_after_its_undeletion_does_nothing(
    plane: Plane, workspace: UUID
) -> None:
    links, world = plane.links(workspace), plane.world
    hub, person = (world.record(workspace, k) for k in ("company", "person"))
    await links.CreateLink(a_link("employs", hub, person))
    await world.tell("undeleted", workspace, hub, 3)
    await settled(plane, workspace, 1)
    await world.tell("deleted", workspace, hub, 2)
    await settled(plane, workspace, 2)
    assert await others(links, hub) == [person]


async def test_a_field_that_changed_meanwhile_is_not_restored(
    plane: Plane, workspace: UUID
) -> None:
    links, world = plane.links(workspace), plane.world
    person, a, b = (world.record(workspace, k) for k in ("person", "company", "company"))
    await world.tell("created", workspace, person, 1, after={"company": str(a.id)})
    await world.tell("deleted", workspace, a, world.remove(workspace, a))
    await world.tell("updated", workspace, person, 2, after={"company": str(b.id)})
    await world.tell("undeleted", workspace, a, world.bring_back(workspace, a))
    await settled(plane, workspace, 4)
    assert await others(links, person) == [b]
    assert await others(links, a) == []

    await world.tell("deleted", workspace, b, world.remove(workspace, b))
    await settled(plane, workspace, 5)
    assert await others(links, person) == []
    await world.tell("undeleted", workspace, b, world.bring_back(workspace, b))
    await settled(plane, workspace, 6)
    assert await others(links, person) == [b]


async def test_purging_removes_for_ever(plane: Plane, workspace: UUID) -> None:
    links, world = plane.links(workspace), plane.world
    hub, person = (world.record(workspace, k) for k in ("company", "person"))
    await links.CreateLink(a_link("employs", hub, person))
    await world.tell("deleted", workspace, hub, 2)
    await world.tell("purged", workspace, hub, 3)
    await settled(plane, workspace, 2)
    async with plane.db.transaction(workspace) as tx:
        assert await tx.value("SELECT count(*) FROM links") == 0


async def test_deleting_an_artifact_unlinks_it(plane: Plane, workspace: UUID) -> None:
    note = Node("note", ids.new_id())
    told = event("note.deleted", workspace, {}, source="artifacts", aggregate=("note", note.id, 2))
    await publish(plane.bus, told)
    await settled(plane, workspace, 1)
    async with plane.db.transaction(workspace) as tx:
        assert await tx.value("SELECT deleted FROM node_states WHERE node_id = %s", [note.id])


async def test_link_events_leave_through_the_outbox(plane: Plane, workspace: UUID) -> None:
    links, world = plane.links(workspace), plane.world
    hub, person = (world.record(workspace, k) for k in ("company", "person"))
    made = await links.CreateLink(a_link("employs", hub, person))
    await links.UpdateLink(pb.UpdateLinkRequest(id=made.link.id, attributes_json=b'{"a":1}'))
    await world.tell("deleted", workspace, hub, 2)
    await world.tell("undeleted", workspace, hub, 3)
    await settled(plane, workspace, 2)
    await links.DeleteLink(pb.DeleteLinkRequest(id=made.link.id))
    async with plane.db.transaction(workspace) as tx:
        rows = await tx.all(
            "SELECT type, aggregate_version, payload::jsonb AS data FROM outbox"
            " WHERE workspace_id = %s ORDER BY seq",
            [workspace],
        )
    kinds = ["created", "updated", "deleted", "undeleted", "deleted"]
    assert [r["type"] for r in rows] == [f"link.{kind}" for kind in kinds]
    assert [r["aggregate_version"] for r in rows] == [1, 2, 3, 4, 5]
    assert rows[0]["data"]["source"] == {"kind": "company", "id": str(hub.id)}
    assert rows[0]["data"]["inverse_name"] == "works_at"
    assert rows[1]["data"]["changed_fields"] == ["attributes"]
    assert UUID(rows[2]["data"]["operation_id"]) != uuid4()
