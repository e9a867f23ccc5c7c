"""Fetch the records that filters reach through relations, as those whom the filters stand for.

What an event tells is one record. A filter that goes on from there, `company.name`, is judged by
the related records as they are when they are fetched: one call for each person, object and hop,
however many events and filters. A record that is gone, or hidden, is not reached.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import grpc
from armature.records.v1 import record_pb2
from armature.records.v1 import record_service_pb2 as pb
from armature.records.v1 import record_service_pb2_grpc as rpc

from kit import clients, credentials
from kit.caller import Caller
from kit.clock import from_timestamp
from kit.errors import InvalidArgument, NotFound, PermissionDenied, Unauthenticated, Unavailable
from planes.definitions import Definitions
from schema import jsonio
from schema.compiled import CompiledObject, Workspace
from schema.filters import along
from schema.filters.scalars import Record, target_id
from schema.filters.tree import Hop, Tree
from schema.problems import Invalid, refuse

_BATCH = 1000  # records of one call
_MOST_NAMES = 200  # of a projection


@dataclass(frozen=True, slots=True)
class Asked:
    """A filter, whom it stands for, and the records that it is to be judged for."""

    key: Hashable
    acts_as: str  # principal id
    obj: CompiledObject
    tree: Tree
    records: Sequence[Record]


class Reached:
    """The related records of what was asked, as `compile_closure` wants them."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], Record | None] = {}

    def keep(self, object_id: str, record_id: str, record: Record | None) -> None:
        self._records[object_id, record_id] = record

    def without(self, object_id: str, ids: Iterable[str]) -> list[str]:
        """Those of the ids that nobody has asked for yet."""
        return [one for one in ids if (object_id, one) not in self._records]

    def related(self, hop: Hop, record: Record) -> Iterable[Record]:
        """UNAVAILABLE / UNREACHABLE for what nobody asked for: the filter is another by now."""
        assert hop.field is not None
        wanted = target_id(record["fields"].get(hop.field.key or hop.field.name))
        if wanted is None:
            return ()
        if (hop.object_id, wanted) not in self._records:
            raise Unavailable("UNREACHABLE", "the related records are not here yet")
        found = self._records[hop.object_id, wanted]
        return () if found is None else (found,)


# What a filter is judged by; or why it can't be.
Answer = Reached | Invalid


class Relatives:
    """Asks the records plane, never within a transaction."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        definitions: Definitions,
        authenticate: Callable[[str], Awaitable[Caller]],
        *,
        secret: str,
        plane: str,
    ) -> None:
        self._stub = rpc.RecordServiceStub(channel)
        self._definitions = definitions
        self._authenticate = authenticate
        self._secret = secret
        self._plane = plane

    async def reach(self, workspace: Workspace, asked: Sequence[Asked]) -> dict[Hashable, Answer]:
        """The answer for each key. Fails with UNAVAILABLE or DEADLINE_EXCEEDED where a plane does
        not answer: nothing is judged by half of what it needs."""
        people: dict[str, list[Asked]] = {}
        for one in asked:
            people.setdefault(one.acts_as, []).append(one)
        answers = await asyncio.gather(
            *(self._for_one(workspace, who, theirs) for who, theirs in people.items())
        )
        found: dict[Hashable, Answer] = {}
        for answer in answers:
            found |= answer
        return found

    async def _for_one(
        self, workspace: Workspace, who: str, asked: Sequence[Asked]
    ) -> Mapping[Hashable, Answer]:
        acts_as = credentials.Internal(self._plane, workspace.id, who)
        credential = credentials.issue(self._secret, acts_as)
        try:
            caller = await self._authenticate(credential)
        except Unauthenticated:
            return dict.fromkeys((one.key for one in asked), _may_not())
        if "read" not in caller.permissions:
            return dict.fromkeys((one.key for one in asked), _may_not())
        seen = self._definitions.seen_by(caller, workspace)
        found: dict[Hashable, Answer] = {}
        good: list[Asked] = []
        for one in asked:
            if unseen := along.unseen(one.tree, one.obj, seen, "condition"):
                found[one.key] = Invalid(unseen)
            else:
                good.append(one)
        fetching = _Fetching(self._stub, workspace, credential, good)
        try:
            reached = await fetching.all()
        except PermissionDenied:
            return found | dict.fromkeys((one.key for one in good), _may_not())
        return found | dict.fromkeys((one.key for one in good), reached)


class _Fetching:
    """What one person reaches. Each record is asked for once, with all that any filter reads."""

    def __init__(
        self, stub: Any, workspace: Workspace, credential: str, asked: Sequence[Asked]
    ) -> None:
        self._stub = stub
        self._workspace = workspace
        self._credential = credential
        self._asked = asked
        self._reached = Reached()
        self._steps = [(along.steps_of(one.tree), one.records) for one in asked]
        self._reads = along.reads(along.union(steps for steps, _ in self._steps))

    async def all(self) -> Reached:
        level: list[tuple[Mapping[str, along.Step], Sequence[Record]]] = list(self._steps)
        while level := [(steps, records) for steps, records in level if steps and records]:
            wanted: dict[str, dict[str, None]] = {}
            for steps, records in level:
                for step in steps.values():
                    ids = wanted.setdefault(step.hop.object_id, {})
                    ids |= dict.fromkeys(along.targets(step, records))
            for object_id, ids in wanted.items():
                await self._fetch(object_id, self._reached.without(object_id, ids))
            level = [
                (step.steps, [r for one in records for r in self._reached.related(step.hop, one)])
                for steps, records in level
                for step in steps.values()
            ]
        return self._reached

    async def _fetch(self, object_id: str, ids: Sequence[str]) -> None:
        obj = self._workspace.objects_by_id[object_id]
        names = sorted(obj.fields_by_id[one].name for one in self._reads[object_id])
        names = names or list(obj.fields)[:1]
        for at in range(0, len(ids), _BATCH):
            part = ids[at : at + _BATCH]
            request = pb.BatchGetRecordsRequest(
                object=obj.id,
                ids=part,
                fields=",".join(names) if len(names) <= _MOST_NAMES else "",
                at_version=self._workspace.version,
            )
            try:
                answer = await clients.call(
                    self._stub.BatchGetRecords, request, clients.metadata(self._credential)
                )
            except (InvalidArgument, NotFound) as exc:  # there it is defined otherwise by now
                message = "the related records' definitions are not here yet"
                raise Unavailable("METADATA_BEHIND", message) from exc
            for record_id, result in zip(part, answer.results, strict=True):
                there = result.HasField("record")
                self._reached.keep(
                    obj.id, record_id, _record(obj, result.record) if there else None
                )


def _may_not() -> Invalid:
    message = "whom this stands for may not read this workspace's records any more"
    return refuse("condition", "NOT_READABLE", message)


def _record(obj: CompiledObject, message: record_pb2.Record) -> Record:
    """As closures want it: values by key, nothing that is empty."""
    stored = cast("dict[str, Any]", jsonio.loads_stored(message.fields_json))
    fields = {
        obj.codecs[name].key: value
        for name, value in stored.items()
        if value is not None and name in obj.codecs
    }
    return {
        "id": message.id,
        "version": message.version,
        "create_time": from_timestamp(message.create_time),
        "update_time": from_timestamp(message.update_time),
        "created_by": _actor(message.created_by),
        "updated_by": _actor(message.updated_by),
        "position": message.position,
        "fields": fields,
    }


def _actor(message: Any) -> dict[str, str]:
    return {"id": message.id, "kind": message.kind, "name": message.name}
