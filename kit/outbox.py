"""Write what happened beside the change itself, for the relay to publish.

A row carries the trace it was made in, what caused it, and its place among the changes of its
aggregate (`aggregate_version`, taken under the aggregate's row lock; `seq` follows it). Of what one
call announces, the first few are followed further: all carry the id of its trace, but nobody reads
one of a thousand runs, and it would cost more than they do. Rows stay 72 hours in daily partitions,
so that a lost stream can be filled again.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from kit import ids, telemetry
from kit.caller import Caller, Cause
from kit.db import Tx
from kit.errors import InvalidArgument

PARTITIONS = 16  # of hash(aggregate); each is published by one lease holder at a time
MAX_DATA_BYTES = 12 * 1024 * 1024  # of one event: what a reply of 16 MB carries
MAX_TYPE = 128
_FOLLOWED = 5  # events of one call, in the trace of that call
_TYPE = re.compile(r"^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+$")


@dataclass(frozen=True, slots=True)
class Source:
    """The request that something came with."""

    trace: str  # its traceparent
    cause: Cause
    actor: Mapping[str, str] | None = None  # whose it was, where that is not the caller at hand


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, before it has an envelope."""

    type: str  # <noun>.<past tense>
    aggregate_type: str
    aggregate_id: UUID
    aggregate_version: int
    data: bytes | Mapping[str, Any]  # JSON, or what becomes it
    object: str = ""  # API name, for events about records
    schema_version: int = 1
    event_id: UUID = field(default_factory=ids.new_id)
    source: Source | None = None  # where it is not the call under way that this came with


_COLUMNS = (
    "workspace_id, event_id, partition, aggregate_type, aggregate_id, aggregate_version, type,"
    " schema_version, object, payload, traceparent, root_id, causation_id, depth, chain, actor"
)
_INSERT = (
    f"INSERT INTO outbox ({_COLUMNS}) SELECT %s, * FROM unnest(%s::uuid[], %s::int2[], %s::text[],"
    " %s::uuid[], %s::int8[], %s::text[], %s::int2[], %s::text[], %s::text[], %s::text[],"
    " %s::text[], %s::text[], %s::int2[], %s::text[], %s::text[])"
)
_INSERT_ONE = f"INSERT INTO outbox ({_COLUMNS}) VALUES ({', '.join(['%s'] * 16)})"


def partition_of(aggregate_id: UUID) -> int:
    return aggregate_id.int % PARTITIONS


async def add(tx: Tx, caller: Caller, *events: Event) -> None:
    """Announce `events` when the transaction commits, in this order.

    What could never be published is refused here, with the change it announces: INVALID_ARGUMENT /
    EVENT_TYPE_INVALID and EVENT_TOO_LARGE (above MAX_DATA_BYTES of data).
    """
    if not events:
        return
    payloads = [_payload(event) for event in events]
    here = Source(telemetry.traceparent(), caller.cause)
    unseen = Source(telemetry.unseen(here.trace), caller.cause)
    by_us = _actor(caller.actor())
    rows: Sequence[tuple[Any, ...]] = [
        (
            e.event_id,
            partition_of(e.aggregate_id),
            e.aggregate_type,
            e.aggregate_id,
            e.aggregate_version,
            e.type,
            e.schema_version,
            e.object,
            payload,
            source.trace,
            source.cause.root_id or str(e.event_id),
            source.cause.causation_id,
            source.cause.depth,
            json.dumps(source.cause.chain) if source.cause.chain else "[]",
            by_us if source.actor is None else _actor(source.actor),
        )
        for n, (e, payload) in enumerate(zip(events, payloads, strict=True))
        for source in (e.source or (here if n < _FOLLOWED else unseen),)
    ]
    if len(rows) == 1:
        await tx.collect(_INSERT_ONE, [caller.workspace_id, *rows[0]], appends_to="outbox")
    else:
        columns = [caller.workspace_id, *map(list, zip(*rows, strict=True))]
        await tx.collect(_INSERT, columns, appends_to="outbox")
    tx.wake_relay()


def _payload(event: Event) -> str:
    """Its data as JSON, if it can be published at all."""
    if len(event.type) > MAX_TYPE or not _TYPE.match(event.type):
        message = f"{event.type[:60]!r} is no event type such as record.created"
        raise InvalidArgument("EVENT_TYPE_INVALID", message)
    found = _json(event.data)
    # A character is at most four bytes: the exact number is only asked for when it may matter.
    if len(found) * 4 > MAX_DATA_BYTES and len(found.encode()) > MAX_DATA_BYTES:
        raise InvalidArgument(
            "EVENT_TOO_LARGE",
            f"the event {event.type} has more than {MAX_DATA_BYTES:,} bytes of data",
            limit=str(MAX_DATA_BYTES),
        )
    return found


def _actor(actor: Mapping[str, str]) -> str:
    return json.dumps(dict(actor), separators=(",", ":"), ensure_ascii=False)


def _json(data: bytes | Mapping[str, Any]) -> str:
    if isinstance(data, bytes):
        return data.decode()
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False, default=str)
