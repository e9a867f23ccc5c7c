"""What each action takes and answers: one table, read by validation, execution and the docs."""

import re
from dataclasses import dataclass
from enum import StrEnum

from services.automation.model import ActionType


class Kind(StrEnum):
    """What a literal value must be; a template may stand for any of them but a name."""

    NAME = "name"  # of an object: never a template, so that fields can be checked
    TEXT = "text"
    FIELDS = "fields"  # an object of field values
    DUE = "due"  # YYYY-MM-DD or RFC 3339
    DAYS = "days"  # 0 to 3650
    PRIORITY = "priority"
    TEXTS = "texts"
    TARGETS = "targets"  # a list of {"kind", "id"}
    URL = "url"
    HEADERS = "headers"
    ANY = "any"
    METHOD = "method"
    FILTER = "filter"  # a filter tree
    COUNT = "count"  # a whole number, 1 to 1000
    BOOLEAN = "boolean"
    NODE = "node"  # {"kind", "id"}
    DURATION = "duration"  # seconds, or 90s, 15m, 2h, 3d
    MOMENT = "moment"  # RFC 3339 or YYYY-MM-DD
    EVENT = "event"  # an event's type: record.updated
    FORM = "form"  # a list of inputs
    STAGES = "stages"  # [{"after", "assignees"}]
    VALUES = "values"  # an object of anything


@dataclass(frozen=True, slots=True)
class Input:
    kind: Kind
    required: bool = False


INPUTS: dict[ActionType, dict[str, Input]] = {
    ActionType.CREATE_RECORD: {
        "object": Input(Kind.NAME, required=True),
        "fields": Input(Kind.FIELDS, required=True),
    },
    ActionType.UPDATE_RECORD: {
        "object": Input(Kind.NAME),
        "id": Input(Kind.TEXT),
        "fields": Input(Kind.FIELDS, required=True),
    },
    ActionType.CREATE_TODO: {
        "title": Input(Kind.TEXT, required=True),
        "body": Input(Kind.TEXT),
        "due": Input(Kind.DUE),
        "due_in_days": Input(Kind.DAYS),
        "assignees": Input(Kind.TEXTS),
        "priority": Input(Kind.PRIORITY),
        "targets": Input(Kind.TARGETS),
    },
    ActionType.CREATE_NOTE: {
        "title": Input(Kind.TEXT, required=True),
        "body": Input(Kind.TEXT, required=True),
        "targets": Input(Kind.TARGETS),
    },
    ActionType.SEND_WEBHOOK: {
        "url": Input(Kind.URL, required=True),
        "headers": Input(Kind.HEADERS),
        "body": Input(Kind.ANY),
    },
    ActionType.UPSERT_RECORD: {
        "object": Input(Kind.NAME, required=True),
        "match": Input(Kind.TEXTS, required=True),
        "fields": Input(Kind.FIELDS, required=True),
    },
    ActionType.DELETE_RECORD: {"object": Input(Kind.NAME), "id": Input(Kind.TEXT)},
    ActionType.FIND_RECORDS: {
        "object": Input(Kind.NAME, required=True),
        "filter": Input(Kind.FILTER),
        "sort": Input(Kind.TEXT),
        "fields": Input(Kind.TEXT),
        "limit": Input(Kind.COUNT),
    },
    ActionType.LINK: {
        "type": Input(Kind.TEXT, required=True),
        "source": Input(Kind.NODE),
        "target": Input(Kind.NODE, required=True),
        "attributes": Input(Kind.VALUES),
    },
    ActionType.UNLINK: {
        "id": Input(Kind.TEXT),
        "type": Input(Kind.TEXT),
        "source": Input(Kind.NODE),
        "target": Input(Kind.NODE),
    },
    ActionType.HTTP_REQUEST: {
        "url": Input(Kind.URL, required=True),
        "method": Input(Kind.METHOD),
        "headers": Input(Kind.HEADERS),
        "body": Input(Kind.ANY),
        "sign": Input(Kind.BOOLEAN),
    },
    ActionType.EMIT_EVENT: {
        "event": Input(Kind.EVENT, required=True),
        "data": Input(Kind.VALUES),
    },
    ActionType.DELAY: {"for": Input(Kind.DURATION, required=True)},
    ActionType.DELAY_UNTIL: {"until": Input(Kind.MOMENT, required=True)},
    ActionType.WAIT_FOR_EVENT: {
        "event": Input(Kind.EVENT, required=True),
        "subject": Input(Kind.TEXT),
        "match": Input(Kind.VALUES),
        "timeout": Input(Kind.DURATION),
        "on_timeout": Input(Kind.TEXT),
    },
    ActionType.WAIT_FOR_INPUT: {
        "title": Input(Kind.TEXT, required=True),
        "assignees": Input(Kind.TEXTS),
        "form": Input(Kind.FORM),
        "timeout": Input(Kind.DURATION),
        "on_timeout": Input(Kind.TEXT),
        "escalation": Input(Kind.STAGES),
    },
    ActionType.CALL_WORKFLOW: {
        "workflow": Input(Kind.TEXT, required=True),
        "inputs": Input(Kind.VALUES),
        "wait": Input(Kind.BOOLEAN),
    },
    ActionType.SET_VARIABLES: {"values": Input(Kind.VALUES, required=True)},
    ActionType.STOP: {"reason": Input(Kind.TEXT)},
    ActionType.FAIL: {"message": Input(Kind.TEXT, required=True)},
    ActionType.IF: {"when": Input(Kind.ANY, required=True)},
    ActionType.SWITCH: {"value": Input(Kind.ANY, required=True)},
    ActionType.FOR_EACH: {
        "items": Input(Kind.ANY, required=True),
        "concurrency": Input(Kind.COUNT),
    },
    ActionType.PARALLEL: {"join": Input(Kind.ANY)},
}

# The first names behind `steps.<name>.`
OUTPUTS: dict[ActionType, tuple[str, ...]] = {
    ActionType.CREATE_RECORD: ("record", "outcome"),
    ActionType.UPDATE_RECORD: ("record", "outcome"),
    ActionType.CREATE_TODO: ("todo",),
    ActionType.CREATE_NOTE: ("note",),
    ActionType.SEND_WEBHOOK: ("status", "body", "latency_ms"),
    ActionType.UPSERT_RECORD: ("record", "outcome"),
    ActionType.DELETE_RECORD: ("record",),
    ActionType.FIND_RECORDS: ("records", "count", "first"),
    ActionType.LINK: ("link",),
    ActionType.UNLINK: ("removed",),
    ActionType.HTTP_REQUEST: ("status", "body", "json", "latency_ms"),
    ActionType.EMIT_EVENT: ("event_id",),
    ActionType.DELAY: ("until",),
    ActionType.DELAY_UNTIL: ("until",),
    ActionType.WAIT_FOR_EVENT: ("event", "timed_out"),
    ActionType.WAIT_FOR_INPUT: ("values", "by", "timed_out", "escalated"),
    ActionType.CALL_WORKFLOW: ("run_id", "state", "output"),
    ActionType.IF: ("branch",),
    ActionType.SWITCH: ("branch",),
    ActionType.FOR_EACH: ("count", "results"),
    ActionType.PARALLEL: ("branches",),
    ActionType.STOP: ("reason",),
    ActionType.FAIL: (),
    ActionType.SET_VARIABLES: (),  # the author's own names
}

# Whose names can't be known from the type alone.
OPEN_OUTPUTS = (ActionType.SET_VARIABLES,)

EVENT_TYPE = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$")
PRIORITIES = ("low", "normal", "high")
MAX_DAYS = 3650
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
FORM_TYPES = ("text", "number", "boolean", "date", "select", "json")
ON_TIMEOUT = ("continue", "fail")
