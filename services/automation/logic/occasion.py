"""What a run was started by, as one document: kept once for an event, and what templates see of it.

`fields` is the whole record by field name, null where empty; for a deleted record, as it was.
"""

from collections.abc import Mapping
from typing import Any

from schema.compiled import CompiledObject
from services.automation.model import TriggerType

TRIGGERS: dict[str, TriggerType] = {
    "record.created": TriggerType.RECORD_CREATED,
    "record.updated": TriggerType.RECORD_UPDATED,
    "record.deleted": TriggerType.RECORD_DELETED,
    "record.undeleted": TriggerType.RECORD_UNDELETED,
}
# What else is known by a name of its own; any other event by its type.
EVENTS: dict[TriggerType, tuple[str, ...]] = {
    TriggerType.LINK_CREATED: ("link.created",),
    TriggerType.LINK_DELETED: ("link.deleted",),
    TriggerType.NOTE_ADDED: ("note.created",),
    TriggerType.TODO_ADDED: ("todo.created",),
    TriggerType.FILE_ADDED: ("file.created", "file.attached"),
    TriggerType.WORKFLOW: ("run.succeeded", "run.failed"),
    **{kind: (name,) for name, kind in TRIGGERS.items()},
}
EVENT_PARTS = (
    "id",
    "type",
    "occurred_at",
    "actor",
    "object",
    "record_id",
    "version",
    "changed_fields",
    "root_id",
    "depth",
    "chain",
)
RECORD_PARTS = ("id", "object", "version", "fields")
RULE_PARTS = ("id", "name", "version")
RUN_PARTS = ("id", "depth", "epoch")
TRIGGER_PARTS = ("after", "before", "record", "event", "inputs")


def build(
    event: Mapping[str, Any], data: Mapping[str, Any], obj: CompiledObject | None, time_zone: str
) -> dict[str, Any]:
    """The document of an event with its payload; `obj` says which fields may be empty."""
    empty = dict.fromkeys(obj.fields) if obj is not None else {}
    changed = dict(data.get("before") or {})
    whole = data.get("fields")
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    if event["type"] == "record.deleted":
        fields = {**empty, **(whole or {}), **changed}
        before, after = fields, None
    else:
        fields = {**empty, **(whole if whole is not None else data.get("after") or {})}
        after = fields
        before = None if event["type"] == "record.created" else {**fields, **changed}
    return {
        "event": {
            **event,
            "object": data["object"],
            "record_id": data["record_id"],
            "version": data["version"],
            "changed_fields": list(data.get("changed_fields") or ()),
        },
        "record": {
            "id": data["record_id"],
            "object": data["object"],
            "version": data["version"],
            "fields": fields,
        },
        "before": before,
        "after": after,
        "time_zone": time_zone,
    }


def of_event(event: Mapping[str, Any], data: Mapping[str, Any], time_zone: str) -> dict[str, Any]:
    """The document of an event that is about no record."""
    known = dict.fromkeys(("object", "record_id"), "") | {"version": 0, "changed_fields": []}
    return {
        "event": {**known, **event, "data": data},
        "record": None,
        "before": None,
        "after": None,
        "time_zone": time_zone,
    }


def of_person(
    event: Mapping[str, Any],
    record: Mapping[str, Any] | None,
    inputs: Mapping[str, Any],
    time_zone: str,
) -> dict[str, Any]:
    """The document of a run that somebody, a schedule, a webhook or another run has asked for;
    about a record, where one is named."""
    found = of_event(event, {}, time_zone)
    found["inputs"] = inputs
    if record is not None:
        found["record"] = record
        found["after"] = record["fields"]
        found["event"] |= {"object": record["object"], "record_id": record["id"]}
    return found


def scope(
    occasion: Mapping[str, Any], source: Mapping[str, Any], run: Mapping[str, Any]
) -> dict[str, Any]:
    """What the templates of a run can name, beside what its steps answer."""
    record, inputs = occasion["record"], occasion.get("inputs") or {}
    identity = {"id": record["id"]} if record else {}
    trigger = {
        "event": occasion["event"],
        "record": record,
        "before": occasion["before"] and {**occasion["before"], **identity},
        "after": occasion["after"] and {**occasion["after"], **identity},
        "inputs": inputs,
    }
    return {
        "trigger": trigger,
        "rule": source,
        "workflow": source,
        "run": run,
        "inputs": inputs,
        "event": occasion["event"],
    }
