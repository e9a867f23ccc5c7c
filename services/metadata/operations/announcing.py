"""Announce a change, and write it into the audit log, in the transaction of the change."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from kit import clock, origin, outbox, telemetry
from kit.caller import Caller
from kit.db import Tx
from kit.outbox import Event
from services.metadata.model import Noun
from services.metadata.store import audit

Entry: TypeAlias = dict[str, Any]


async def announce(tx: Tx, caller: Caller, *events: Event, reason: str = "") -> None:
    """Both when the transaction commits, and neither when it does not."""
    if not events:
        return
    await audit.add(tx, caller.workspace_id, [_entry(caller, event, reason) for event in events])
    await outbox.add(tx, caller, *events)


def blank(action: str) -> Entry:
    """An entry of the present call, without actor and target."""
    found = origin.current()
    return {
        "action": action,
        "target_kind": "",
        "target_id": "",
        "before": None,
        "after": None,
        "metadata_version": 0,
        "reason": "",
        "permission": "",
        "method": found.method if found else "",
        "count": 1,
        "first_time": clock.now(),
        "request_id": found.request_id if found else "",
        "trace_id": telemetry.trace_id(),
        "ip": found.ip if found else "",
        "peer": found.peer if found else "",
        "user_agent": found.user_agent if found else "",
    }


def _entry(caller: Caller, event: Event, reason: str) -> Entry:
    data: Mapping[str, Any] = event.data if isinstance(event.data, Mapping) else {}
    entry = blank(event.type) | {
        "entry_id": event.event_id,
        "actor_kind": caller.kind,
        "actor_id": caller.principal_id,
        "actor_name": caller.name,
        "target_kind": event.aggregate_type,
        "target_id": str(data.get("id", event.aggregate_id)),
        "metadata_version": data.get("metadata_version", 0),
        "reason": reason,
    }
    if event.aggregate_type not in set(Noun):  # of definitions, the history of the version has it
        entry |= {"before": data.get("before"), "after": data.get("after")}
    return entry
