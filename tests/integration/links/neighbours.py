"""The planes next door, as links and artifacts see them over gRPC: records and metadata.

Records and definitions are held in memory; the calls go through a real channel. Who calls is in the
credential itself, `<workspace>/<principal>/<role>`, or in an internal one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import grpc
import msgspec
from armature.common.v1.node_pb2 import Node as NodeMessage
from armature.metadata.v1 import schema_service_pb2 as schema_pb
from armature.metadata.v1 import schema_service_pb2_grpc as schema_rpc
from armature.records.v1 import record_pb2
from armature.records.v1 import record_service_pb2 as records_pb
from armature.records.v1 import record_service_pb2_grpc as records_rpc
from google.protobuf.message import Message

from kit import clients, clock, credentials, ids, server
from kit.bus import Bus
from kit.bus import Message as BusMessage
from kit.caller import Caller, current_caller
from kit.calls import CallPolicy
from kit.errors import AlreadyExists, FailedPrecondition, NotFound, ServiceError
from planes.nodes import Node
from schema.model import Field, FieldType, LinkType, Object, Snapshot

SECRET = "a secret that only the tests share with themselves"
PERMISSIONS = {
    "admin": frozenset({"read", "write", "schema", "rules", "admin"}),
    "member": frozenset({"read", "write", "rules"}),
    "read_only": frozenset({"read"}),
}


def credential(workspace_id: UUID, role: str = "admin", principal: str = "") -> str:
    return f"{workspace_id}/{principal or uuid4()}/{role}"


async def authenticate(text: str) -> Caller:
    if credentials.is_internal(text):
        who = credentials.verify(SECRET, text)
        workspace, principal, role, internal = who.workspace_id, who.principal_id, "admin", True
    else:
        (workspace, principal, role), internal = text.split("/"), False
    return Caller(
        UUID(workspace or "0" * 32),
        principal,
        "system" if internal and not principal else "user",
        f"User {principal[:4]}",
        PERMISSIONS[role],
        role=role,
        credential=text,
        internal=internal,
    )


async def always_ready() -> bool:
    return True


@dataclass
class Neighbours:
    """What stands next door. `hidden` holds (principal, node) that the principal may not see."""

    snapshots: dict[UUID, Snapshot] = field(default_factory=dict)
    live: dict[UUID, dict[Node, int]] = field(default_factory=dict)  # version by node
    gone: dict[UUID, dict[Node, int]] = field(default_factory=dict)
    hidden: set[tuple[str, Node]] = field(default_factory=set)
    read_only: set[tuple[str, Node]] = field(default_factory=set)
    checks: int = 0
    deletions: list[tuple[str, Node]] = field(default_factory=list)  # request id, node
    refuse_deletion: set[Node] = field(default_factory=set)
    answered: dict[str, records_pb.BatchDeleteRecordsResponse] = field(default_factory=dict)
    returns: list[tuple[str, Node]] = field(default_factory=list)  # request id, node
    refuse_return: set[Node] = field(default_factory=set)
    returned: dict[str, records_pb.BatchUndeleteRecordsResponse] = field(default_factory=dict)
    bus: Bus | None = None
    holding: asyncio.Event | None = None  # until it is set, deletions stand still
    held: int = 0

    async def stand_still(self) -> None:
        if self.holding is not None:
            self.held += 1
            await self.holding.wait()

    async def is_held(self) -> bool:
        return self.held > 0

    def record(self, workspace_id: UUID, kind: str) -> Node:
        """A record that exists."""
        node = Node(kind, ids.new_id())
        self.live.setdefault(workspace_id, {})[node] = 1
        return node

    def remove(self, workspace_id: UUID, node: Node) -> int:
        """Take a record away; the version that is left."""
        version = self.live[workspace_id].pop(node) + 1
        self.gone.setdefault(workspace_id, {})[node] = version
        return version

    def bring_back(self, workspace_id: UUID, node: Node) -> int:
        version = self.gone[workspace_id].pop(node) + 1
        self.live.setdefault(workspace_id, {})[node] = version
        return version

    def allows(self, caller: Caller, node: Node, permission: str) -> bool:
        if node not in self.live.get(caller.workspace_id, {}):
            return False
        if (caller.principal_id, node) in self.hidden:
            return False
        return permission == "read" or (caller.principal_id, node) not in self.read_only

    async def tell(
        self, kind: str, workspace_id: UUID, node: Node, version: int, **more: Any
    ) -> UUID:
        """Publish a record event as the records plane would; its id."""
        event = record_event(kind, workspace_id, node, version, **more)
        assert self.bus is not None
        await publish(self.bus, event)
        return UUID(event["id"])


class _Records(records_rpc.RecordServiceServicer):
    def __init__(self, world: Neighbours) -> None:
        self._world = world

    async def CheckNodes(
        self, request: records_pb.CheckNodesRequest, _context: Any
    ) -> records_pb.CheckNodesResponse:
        caller = current_caller()
        self._world.checks += 1
        nodes = (Node(n.kind, UUID(n.id)) for n in request.nodes)
        return records_pb.CheckNodesResponse(
            allowed=[self._world.allows(caller, n, request.permission) for n in nodes]
        )

    async def DeleteRecord(
        self, request: records_pb.DeleteRecordRequest, _context: Any
    ) -> records_pb.DeleteRecordResponse:
        caller, world = current_caller(), self._world
        await world.stand_still()
        node = Node(request.object, UUID(request.id))
        if node in world.refuse_deletion:
            raise FailedPrecondition("DELETE_RESTRICTED", "something protects it")
        if node not in world.live.get(caller.workspace_id, {}):
            raise NotFound("RECORD_NOT_FOUND", "there is no such record")
        version = world.remove(caller.workspace_id, node)
        world.deletions.append((request.request_id, node))
        cause = caller.cause
        await world.tell(
            "deleted", caller.workspace_id, node, version, depth=cause.depth, actor=caller.actor()
        )
        return records_pb.DeleteRecordResponse(
            record=record_pb2.Record(id=request.id, object=request.object, version=version)
        )

    async def BatchDeleteRecords(
        self, request: records_pb.BatchDeleteRecordsRequest, _context: Any
    ) -> records_pb.BatchDeleteRecordsResponse:
        """All or none; a repeat answers what the first call did."""
        caller, world = current_caller(), self._world
        if request.request_id in world.answered:
            return world.answered[request.request_id]
        await world.stand_still()
        nodes = [Node(request.object, UUID(one)) for one in request.ids]
        if world.refuse_deletion.intersection(nodes):
            raise FailedPrecondition("DELETE_RESTRICTED", "something protects one of them")
        if not set(nodes) <= world.live.get(caller.workspace_id, {}).keys():
            raise NotFound("RECORD_NOT_FOUND", "there is no such record")
        depth, actor = caller.cause.depth, caller.actor()
        results = []
        for node in nodes:
            version = world.remove(caller.workspace_id, node)
            world.deletions.append((request.request_id, node))
            await world.tell(
                "deleted", caller.workspace_id, node, version, depth=depth, actor=actor
            )
            record = record_pb2.Record(id=str(node.id), object=node.kind, version=version)
            results.append(records_pb.BatchResult(record=record))
        answer = records_pb.BatchDeleteRecordsResponse(results=results)
        world.answered[request.request_id] = answer
        return answer

    async def UndeleteRecord(
        self, request: records_pb.UndeleteRecordRequest, _context: Any
    ) -> records_pb.UndeleteRecordResponse:
        nodes = [Node(request.object, UUID(request.id))]
        [result] = await self._bring_back(request.request_id, nodes)
        return records_pb.UndeleteRecordResponse(record=result.record)

    async def BatchUndeleteRecords(
        self, request: records_pb.BatchUndeleteRecordsRequest, _context: Any
    ) -> records_pb.BatchUndeleteRecordsResponse:
        """All or none; a repeat answers what the first call did."""
        key, answered = request.request_id, self._world.returned
        if key not in answered:
            nodes = [Node(request.object, UUID(one)) for one in request.ids]
            results = await self._bring_back(key, nodes)
            answered[key] = records_pb.BatchUndeleteRecordsResponse(results=results)
        return answered[key]

    async def _bring_back(self, key: str, nodes: list[Node]) -> list[records_pb.BatchResult]:
        caller, world = current_caller(), self._world
        workspace = caller.workspace_id
        if world.refuse_return.intersection(nodes):
            raise AlreadyExists("VALUE_NOT_UNIQUE", "another has this code")
        live, gone = world.live.get(workspace, {}), world.gone.get(workspace, {})
        if not set(nodes) <= live.keys() | gone.keys():
            raise NotFound("RECORD_NOT_FOUND", "there is no such record")
        results = []
        for node in nodes:
            if node not in live:
                world.returns.append((key, node))
                version = world.bring_back(workspace, node)
                await world.tell("undeleted", workspace, node, version)
            record = record_pb2.Record(id=str(node.id), object=node.kind, version=live[node])
            results.append(records_pb.BatchResult(record=record))
        return results


class _Schema(schema_rpc.SchemaServiceServicer):
    def __init__(self, world: Neighbours) -> None:
        self._world = world

    async def GetSnapshot(
        self, request: schema_pb.GetSnapshotRequest, _context: Any
    ) -> schema_pb.GetSnapshotResponse:
        snapshot = self._world.snapshots[current_caller().workspace_id]
        same = request.if_newer_than >= snapshot.version
        return schema_pb.GetSnapshotResponse(
            metadata_version=snapshot.version,
            snapshot_json=b"" if same else msgspec.json.encode(snapshot),
        )


@asynccontextmanager
async def next_door(world: Neighbours) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to both planes."""
    servicers: dict[str, Callable[[Any], None]] = {
        "armature.records.v1.RecordService": lambda s: (
            records_rpc.add_RecordServiceServicer_to_server(_Records(world), s)  # type: ignore[abstract]
        ),
        "armature.metadata.v1.SchemaService": lambda s: (
            schema_rpc.add_SchemaServiceServicer_to_server(_Schema(world), s)  # type: ignore[abstract]
        ),
    }
    async with served(servicers) as channel:
        yield channel


@asynccontextmanager
async def served(servicers: server.Servicers) -> AsyncIterator[grpc.aio.Channel]:
    """Serve on a free port while the block runs, as a service does."""
    policy = CallPolicy(authenticate)
    async with server.running("127.0.0.1:0", servicers, policy, always_ready, grace=0.2) as port:
        channel = clients.channel(f"127.0.0.1:{port}")
        try:
            yield channel
        finally:
            await channel.close()


def record_event(
    kind: str,
    workspace_id: UUID,
    node: Node,
    version: int,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    event_id: UUID | None = None,
    depth: int = 0,
    actor: Any = None,
    occurred_at: str = "",
) -> dict[str, Any]:
    """The envelope that records would publish."""
    data = {
        "record_id": str(node.id),
        "object": node.kind,
        "object_id": str(object_id(node.kind)),
        "version": version,
        "metadata_version": 1,
        "changed_fields": [*{**(before or {}), **(after or {})}],
        "before": before or {},
        "after": after or {},
        "fields": after or {},
    }
    return event(
        f"record.{kind}",
        workspace_id,
        data,
        source="records",
        aggregate=("record", node.id, version),
        object_name=node.kind,
        event_id=event_id,
        depth=depth,
        actor=actor,
        occurred_at=occurred_at,
    )


def event(
    kind: str,
    workspace_id: UUID,
    data: dict[str, Any],
    *,
    source: str,
    aggregate: tuple[str, UUID, int],
    object_name: str = "",
    event_id: UUID | None = None,
    depth: int = 0,
    actor: Any = None,
    occurred_at: str = "",
) -> dict[str, Any]:
    found = str(event_id or ids.new_id())
    return {
        "id": found,
        "type": kind,
        "source": source,
        "workspace_id": str(workspace_id),
        "aggregate_type": aggregate[0],
        "aggregate_id": str(aggregate[1]),
        "aggregate_version": aggregate[2],
        "object": object_name,
        "schema_version": 1,
        "actor": dict(actor or {"kind": "user", "id": str(UUID(int=7)), "name": "Ada"}),
        "occurred_at": occurred_at or clock.now().isoformat(),
        "traceparent": "",
        "root_id": found,
        "causation_id": "",
        "depth": depth,
        "chain": [],
        "data": data,
    }


async def publish(bus: Bus, envelope: dict[str, Any], *, repeat: bool = False) -> None:
    """Into the stream; a repeat under another message id, so that the stream lets it through."""
    subject = (
        f"armature.evt.{envelope['source']}.{envelope['type'].replace('.', '_')}"
        f".{envelope['workspace_id']}"
    )
    message_id = str(uuid4()) if repeat else envelope["id"]
    await bus.publish(BusMessage(subject, message_id, msgspec.json.encode(envelope)))


def object_id(name: str) -> UUID:
    return UUID(bytes=(name.encode() * 16)[:16])


def an_object(name: str, *fields: Field) -> Object:
    return Object(str(object_id(name)), name, f"{name}s", fields=fields)


def a_relation(owner: str, name: str, *targets: str) -> Field:
    return Field(
        id=str(object_id(f"{owner}.{name}"[::-1])),
        object_id=str(object_id(owner)),
        name=name,
        key=name,
        type=FieldType.RELATION,
        settings={"targets": list(targets)},
    )


def a_type(name: str, inverse: str = "", **more: Any) -> LinkType:
    return LinkType(str(ids.new_id()), name, inverse or f"{name}_of", **more)


def a_call(rpc: Callable[..., Any], who: str) -> Callable[[Message], Any]:
    """A method of a stub, called as `who`, errors as they were raised."""

    async def call(request: Message) -> Any:
        try:
            return await rpc(request, metadata=clients.metadata(who), timeout=30)
        except grpc.aio.AioRpcError as exc:
            from kit import status

            raise status.from_rpc_error(exc) from exc

    return call


class As:
    """A stub's methods, called as one principal."""

    def __init__(self, stub: Any, who: str) -> None:
        self._stub = stub
        self.who = who

    def __getattr__(self, name: str) -> Callable[[Message], Any]:
        return a_call(getattr(self._stub, name), self.who)


async def reason(pending: Any) -> str:
    """CODE/REASON that a call fails with."""
    try:
        await pending
    except ServiceError as exc:
        return f"{exc.code}/{exc.reason}"
    raise AssertionError("the call succeeded")


async def violations(pending: Any) -> list[tuple[str, str]]:
    """(path, code) of everything that a call is refused for."""
    try:
        await pending
    except ServiceError as exc:
        return [(v.path, v.code) for v in exc.violations]
    raise AssertionError("the call succeeded")


def message(node: Node) -> NodeMessage:
    return NodeMessage(kind=node.kind, id=str(node.id))
