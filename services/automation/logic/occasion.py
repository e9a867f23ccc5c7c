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
RUN_PARTS = ("id", "depth")
TRIGGER_PARTS = ("after", "before", "record", "event")


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


def scope(
    occasion: Mapping[str, Any],
    rule: Mapping[str, Any],
    run: Mapping[str, Any],
    steps: Mapping[str, Any],
) -> dict[str, Any]:
    """What the templates of a run can name."""
    identity = {"id": occasion["record"]["id"]}
    trigger = {
        "event": occasion["event"],
        "record": occasion["record"],
        "before": occasion["before"] and {**occasion["before"], **identity},
        "after": occasion["after"] and {**occasion["after"], **identity},
    }
    return {"trigger": trigger, "rule": rule, "run": run, "steps": steps}
