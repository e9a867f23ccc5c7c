"""What follows a deletion is deleted once and comes back exactly, however it is done."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from armature.links.v1 import link_service_pb2 as pb

from kit.errors import Unavailable
from planes.nodes import Node
from services.links.operations import lives
from services.links.store import cascades
from services.links.workers import cascades as workers
from tests.integration.links.conftest import Plane
from tests.integration.links.neighbours import message, publish, record_event
from tests.integration.links.test_links import a_link, others
from tests.integration.links.test_projector import settled
from tests.integration.links.waiting import eventually


@pytest.fixture
def workspace(plane: Plane) -> UUID:
    return plane.workspace()


async def a_family(plane: Plane, workspace: UUID, children: int) -> tuple[Node, list[Node]]:
    links, world = plane.links(workspace), plane.world
    owner = world.record(workspace, "company")
    owned = [world.record(workspace, "deal") for _ in range(children)]
    new = [pb.NewLink(type="owns", source=message(owner), target=message(x)) for x in owned]
    for at in range(0, children, 1000):
        await links.BatchCreateLinks(pb.BatchCreateLinksRequest(links=new[at : at + 1000]))
    return owner, owned


def gone(plane: Plane, workspace: UUID, nodes: list[Node]) -> Any:
    async def check() -> bool:
        return not set(nodes) & set(plane.world.live[workspace])

    return check


async def test_a_cascade_deletes_once_and_its_reversal_brings_back(
    plane: Plane, workspace: UUID
) -> None:
    links, world = plane.links(workspace), plane.world
    owner, owned = await a_family(plane, workspace, 5)
    grandchild = world.record(workspace, "person")
    await links.CreateLink(a_link("owns", owned[0], grandchild))
    already = owned[4]
    await world.tell("deleted", workspace, already, world.remove(workspace, already))
    await settled(plane, workspace, 1)

    told = record_event("deleted", workspace, owner, world.remove(workspace, owner))
    for _ in range(3):
        await publish(plane.bus, told, repeat=True)
    await eventually(gone(plane, workspace, [*owned, grandchild]), "all that follows is deleted")
    mine = [d for d in world.deletions if d[1] in {*owned, grandchild}]
    assert len(mine) == 5, "each once, and none that was deleted before"
    assert len({key for key, _ in mine}) == 2, "those of one object in one call"
    await settled(plane, workspace, 7)

    await world.tell("undeleted", workspace, owner, world.bring_back(workspace, owner))
    back = {*owned[:4], grandchild}

    async def returned() -> bool:
        return back <= set(world.live[workspace])

    await eventually(returned, "what the cascade deleted is back")
    assert already not in world.live[workspace]
    assert len({key for key, node in world.returns if node in owned}) == 1, "in one call"
    await settled(plane, workspace, 13)
    assert set(await others(links, owner)) == set(owned[:4])
    assert await others(links, owned[0], direction="out") == [grandchild]


async def parked(plane: Plane, workspace: UUID) -> list[str]:
    async with plane.db.transaction(workspace) as tx:
        rows = await tx.all("SELECT reason FROM cascades WHERE state = 'parked'")
    return [row["reason"] for row in rows]


async def test_what_cannot_follow_is_parked_with_its_reason(plane: Plane, workspace: UUID) -> None:
    world = plane.world
    owner, owned = await a_family(plane, workspace, 2)
    world.refuse_deletion.add(owned[0])
    await world.tell("deleted", workspace, owner, world.remove(workspace, owner))

    async def one_parked() -> bool:
        return len(await parked(plane, workspace)) == 1

    await eventually(one_parked, "the refused deletion is parked")
    assert (await parked(plane, workspace))[0].startswith("FAILED_PRECONDITION / DELETE_RESTRICTED")
    await eventually(gone(plane, workspace, owned[1:]), "the other is deleted")

    deep, below = await a_family(plane, workspace, 1)
    version = world.remove(workspace, deep)
    await world.tell("deleted", workspace, deep, version, depth=lives.MAX_DEPTH)

    async def two_parked() -> bool:
        return len(await parked(plane, workspace)) == 2

    await eventually(two_parked, "a chain that is too long is parked")
    assert below[0] in world.live[workspace]


async def test_two_workers_share_a_queue_and_repeat_nothing(plane: Plane, workspace: UUID) -> None:
    world = plane.world
    owner, owned = await a_family(plane, workspace, 300)
    await world.tell("deleted", workspace, owner, world.remove(workspace, owner))
    second = asyncio.create_task(plane.cascades.run())
    try:
        await eventually(gone(plane, workspace, owned), "all 300 are deleted")
    finally:
        second.cancel()
    deleted = [node for _, node in world.deletions if node in set(owned)]
    assert len(deleted) == len(set(deleted)) == 300


async def states(plane: Plane, workspace: UUID) -> dict[Node, tuple[str, str, int | None]]:
    """State, reason and version of each deletion that follows another, by its node."""
    async with plane.db.transaction(workspace) as tx:
        rows = await tx.all("SELECT * FROM cascades WHERE action = 'delete'")
    return {
        Node(r["node_kind"], r["node_id"]): (r["state"], r["reason"], r["deleted_version"])
        for r in rows
    }


async def test_one_that_is_gone_holds_up_none_of_those_beside_it(
    plane: Plane, workspace: UUID
) -> None:
    world = plane.world
    owner, owned = await a_family(plane, workspace, 9)
    lost = owned[4]
    world.remove(workspace, lost)  # of which nobody has told
    await world.tell("deleted", workspace, owner, world.remove(workspace, owner))

    async def all_done() -> bool:
        found = await states(plane, workspace)
        return len(found) == 9 and {state for state, _, _ in found.values()} == {"done"}

    await eventually(all_done, "nine deletions are done")
    found = await states(plane, workspace)
    assert found.pop(lost) == ("done", "it is gone already", None)
    assert {version for _, _, version in found.values()} == {2}
    deleted = [node for _, node in world.deletions if node in set(owned)]
    assert sorted(deleted) == sorted(set(owned) - {lost})

    await world.tell("undeleted", workspace, owner, world.bring_back(workspace, owner))
    back = set(owned) - {lost}

    async def returned() -> bool:
        return back <= set(world.live[workspace])

    await eventually(returned, "what the cascade deleted is back")
    assert lost not in world.live[workspace]


class Dies(Exception):
    """Of a worker that is killed after its call."""


async def test_a_worker_that_dies_after_its_call_leaves_it_to_be_repeated(
    plane: Plane, workspace: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = plane.world
    monkeypatch.setattr(workers, "_SIZE", 4)
    owner, owned = await a_family(plane, workspace, 10)
    died: list[str] = []

    def die_once(point: str) -> None:
        if point == "links.cascade_done" and len(died) < 2:
            died.append(point)
            raise Unavailable("DIED", "as if killed")

    monkeypatch.setattr("kit.crash.point", die_once)
    await world.tell("deleted", workspace, owner, world.remove(workspace, owner))

    async def again() -> bool:
        async with plane.db.transaction(workspace) as tx:  # their lease ends
            await tx.run("UPDATE cascades SET due_time = now() WHERE state = 'queued'")
        found = await states(plane, workspace)
        return len(found) == 10 and {state for state, _, _ in found.values()} == {"done"}

    await eventually(again, "ten deletions are done")
    assert len(died) == 2
    assert {version for _, _, version in (await states(plane, workspace)).values()} == {2}
    deleted = [node for _, node in world.deletions if node in set(owned)]
    assert len(deleted) == len(set(deleted)) == 10


async def test_what_is_undone_while_it_is_under_way_comes_back(
    plane: Plane, workspace: UUID
) -> None:
    world = plane.world
    owner, owned = await a_family(plane, workspace, 6)
    world.holding = asyncio.Event()
    await world.tell("deleted", workspace, owner, world.remove(workspace, owner))
    await eventually(world.is_held, "the deletion is under way")
    await world.tell("undeleted", workspace, owner, world.bring_back(workspace, owner))

    async def reversed_() -> bool:
        async with plane.db.transaction(workspace) as tx:
            return len(await tx.all("SELECT 1 FROM cascades WHERE reversed")) == 6

    await eventually(reversed_, "all that is under way is to be reversed")
    world.holding.set()

    async def back() -> bool:
        versions = [world.live[workspace].get(node) for node in owned]
        return versions == [3] * 6

    await eventually(back, "all of it is back")


def context(name: str = "") -> dict[str, Any]:
    """Of an operation that somebody of this name began."""
    cause = {"root_id": "", "causation_id": "", "depth": 1, "chain": []}
    who = {"kind": "user", "id": name or str(uuid4()), "name": name}
    return {"actor": who, "cause": cause, "traceparent": ""}


async def test_what_is_undone_of_several_operations_comes_back_of_each(
    plane: Plane, workspace: UUID
) -> None:
    world = plane.world
    world.holding, world.held = asyncio.Event(), 0
    operations = {uuid4(): world.record(workspace, "deal") for _ in range(2)}
    async with plane.db.transaction(workspace) as tx:  # so that they are taken together
        for operation, child in operations.items():
            await cascades.add(tx, workspace, operation, [child], context())

    async def both_held() -> bool:
        return world.held == 2

    await eventually(both_held, "both deletions are under way")
    async with plane.db.transaction(workspace) as tx:
        for operation in operations:
            await cascades.reverse(tx, workspace, operation, context())
    world.holding.set()

    async def back() -> bool:
        return [world.live[workspace].get(node) for node in operations.values()] == [3, 3]

    await eventually(back, "the children of both are back", 10)
    async with plane.db.transaction(workspace) as tx:
        found = await tx.all("SELECT operation_id, action, actor FROM cascades")
    by = {(r["operation_id"], r["action"]): r["actor"]["id"] for r in found}
    assert all(by[one, "undelete"] == by[one, "delete"] for one in operations)


async def test_each_call_is_of_one_principal(plane: Plane, workspace: UUID) -> None:
    world, operation = plane.world, uuid4()
    owned = [world.record(workspace, "deal") for _ in range(4)]
    async with plane.db.transaction(workspace) as tx:
        await cascades.add(tx, workspace, operation, owned[:2], context("Ann"))
        await cascades.add(tx, workspace, operation, owned[2:], context("Bob"))
    await eventually(gone(plane, workspace, owned), "all four are deleted")
    keys = {node: key for key, node in world.deletions}
    assert keys[owned[0]] == keys[owned[1]] != keys[owned[2]] == keys[owned[3]]


async def deleted(plane: Plane, workspace: UUID, children: int) -> tuple[Node, list[Node]]:
    """A family of which the owner was deleted, and all that follows is done."""
    world = plane.world
    owner, owned = await a_family(plane, workspace, children)
    await world.tell("deleted", workspace, owner, world.remove(workspace, owner))

    async def all_done() -> bool:
        async with plane.db.transaction(workspace) as tx:
            done = "SELECT 1 FROM cascades WHERE state = 'done' AND deleted_version IS NOT NULL"
            told = "SELECT 1 FROM node_states WHERE deleted"
            return len(await tx.all(done)) == children and len(await tx.all(told)) == children + 1

    await eventually(all_done, "what follows is deleted, and told of")
    return owner, owned


async def knows(plane: Plane, workspace: UUID, node: Node, version: int) -> None:
    async def told() -> bool:
        async with plane.db.transaction(workspace) as tx:
            rows = await tx.all("SELECT version FROM node_states WHERE node_id = %s", [node.id])
            return [row["version"] for row in rows] == [version]

    await eventually(told, f"version {version} is told of")


async def reversals(plane: Plane, workspace: UUID) -> dict[Node, tuple[str, str]]:
    """State and reason of each record's return, by its node."""
    async with plane.db.transaction(workspace) as tx:
        rows = await tx.all("SELECT * FROM cascades WHERE action = 'undelete'")
    return {Node(r["node_kind"], r["node_id"]): (r["state"], r["reason"]) for r in rows}


def returns(plane: Plane, owned: list[Node]) -> list[Node]:
    """Those of these that were brought back, as often as they were."""
    return sorted(node for _, node in plane.world.returns if node in owned)


def reversed_(plane: Plane, workspace: UUID, count: int) -> Any:
    async def check() -> bool:
        found = await reversals(plane, workspace)
        return len(found) == count and not {"queued"} & {state for state, _ in found.values()}

    return check


async def test_one_that_cannot_come_back_is_parked_and_holds_up_none_beside_it(
    plane: Plane, workspace: UUID
) -> None:
    world = plane.world
    owner, owned = await deleted(plane, workspace, 9)
    taken, purged = owned[2], owned[7]
    world.refuse_return.add(taken)
    del world.gone[workspace][purged]  # of which nobody has told
    await world.tell("undeleted", workspace, owner, world.bring_back(workspace, owner))

    await eventually(reversed_(plane, workspace, 9), "nine returns are settled")
    found = await reversals(plane, workspace)
    reason = "ALREADY_EXISTS / VALUE_NOT_UNIQUE: another has this code"
    assert found.pop(taken) == ("parked", reason)
    assert found.pop(purged) == ("done", "it is gone already")
    assert {state for state, _ in found.values()} == {"done"}
    assert returns(plane, owned) == sorted(set(owned) - {taken, purged})


async def test_what_was_deleted_again_stays_deleted(plane: Plane, workspace: UUID) -> None:
    world = plane.world
    owner, owned = await deleted(plane, workspace, 6)
    for node, last in ((owned[0], "deleted"), (owned[3], "undeleted")):
        await world.tell("undeleted", workspace, node, world.bring_back(workspace, node))
        if last == "deleted":
            await world.tell("deleted", workspace, node, world.remove(workspace, node))
    await knows(plane, workspace, owned[0], 4)
    await knows(plane, workspace, owned[3], 3)
    await world.tell("undeleted", workspace, owner, world.bring_back(workspace, owner))

    await eventually(reversed_(plane, workspace, 6), "six returns are settled")
    found = await reversals(plane, workspace)
    assert found[owned[0]] == found[owned[3]] == ("done", "it has changed since")
    assert owned[0] in world.gone[workspace]
    assert returns(plane, owned) == sorted(set(owned) - {owned[0], owned[3]})


async def test_a_worker_that_dies_after_it_brought_back_brings_nothing_back_twice(
    plane: Plane, workspace: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = plane.world
    monkeypatch.setattr(workers, "_SIZE", 4)
    owner, owned = await deleted(plane, workspace, 10)
    died: list[str] = []

    def die(point: str) -> None:
        if point == "links.cascade_done" and len(died) < 3:
            died.append(point)
            raise Unavailable("DIED", "as if killed")

    async def all_died() -> bool:
        return len(died) == 3

    monkeypatch.setattr("kit.crash.point", die)
    await world.tell("undeleted", workspace, owner, world.bring_back(workspace, owner))
    await eventually(all_died, "all three calls are made, and nobody knows")
    for node in owned:
        await knows(plane, workspace, node, 3)
    again = owned[5]  # is deleted once more, before the call is repeated
    await world.tell("deleted", workspace, again, world.remove(workspace, again))
    await knows(plane, workspace, again, 4)

    async with plane.db.transaction(workspace) as tx:  # their leases end
        await tx.run("UPDATE cascades SET due_time = now() WHERE state = 'queued'")
    await eventually(reversed_(plane, workspace, 10), "ten returns are settled")
    assert {state for state, _ in (await reversals(plane, workspace)).values()} == {"done"}
    assert returns(plane, owned) == sorted(owned)
    assert again in world.gone[workspace]
    assert {world.live[workspace][node] for node in owned if node != again} == {3}
