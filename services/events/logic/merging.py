"""Make one delivery of several updates of the same thing."""

from typing import Any

import msgspec

from services.events.model import Joinable, NewDelivery

MAX_MERGED = 500  # updates in one delivery; the next begins another


def is_update(kind: str) -> bool:
    return kind.endswith(".updated")


def merged(waiting: Joinable, update: NewDelivery) -> str | None:
    """The body of what waits, with a later update in it; None where it holds enough already.

    The data is the later one's; `before` and `changed_fields` speak of all of them, fields that
    came back to what they were left out; `versions` and `event_ids` name them, oldest first.
    """
    first: dict[str, Any] = msgspec.json.decode(waiting.body)
    later: dict[str, Any] = msgspec.json.decode(update.body)
    was, now = first["data"], later["data"]
    ids = was.get("event_ids")
    versions = was["versions"] if ids else [waiting.aggregate_version]
    if len(versions) >= MAX_MERGED:
        return None
    data = now | {
        "versions": [*versions, update.aggregate_version],
        "event_ids": [*(ids or [str(waiting.event_id)]), str(update.event_id)],
    }
    if isinstance(was.get("before"), dict) and isinstance(now.get("after"), dict):
        before = (now.get("before") or {}) | was["before"]
        after = (was.get("after") or {}) | now["after"]
        changed = [name for name in before | after if before.get(name) != after.get(name)]
        data |= {
            "before": {name: before[name] for name in changed if name in before},
            "after": {name: after[name] for name in changed if name in after},
            "changed_fields": changed,
        }
    return msgspec.json.encode(later | {"data": data}).decode()
