"""What each action takes and answers: one table, read by validation, execution and the docs."""

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
}

# The first names behind `steps.<name>.`
OUTPUTS: dict[ActionType, tuple[str, ...]] = {
    ActionType.CREATE_RECORD: ("record", "outcome"),
    ActionType.UPDATE_RECORD: ("record", "outcome"),
    ActionType.CREATE_TODO: ("todo",),
    ActionType.CREATE_NOTE: ("note",),
    ActionType.SEND_WEBHOOK: ("status", "body", "latency_ms"),
}

PRIORITIES = ("low", "normal", "high")
MAX_DAYS = 3650
