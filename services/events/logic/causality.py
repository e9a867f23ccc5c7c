"""Put events under those that caused them."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from services.events.model import CausalNode, LoggedEvent


def forest(events: Sequence[LoggedEvent]) -> list[CausalNode]:
    """Each event behind its cause, siblings in log order. What was caused by something that is not
    among them is a root; so is every event of a circle, which nothing honest makes."""
    known = {str(one.event_id) for one in events}
    below: defaultdict[str, list[LoggedEvent]] = defaultdict(list)
    for one in sorted(events, key=lambda event: event.position):
        parent = one.causation_id
        is_root = parent not in known or parent == str(one.event_id)
        below["" if is_root else parent].append(one)
    found: list[CausalNode] = []
    waiting: list[tuple[LoggedEvent, UUID | None, int]] = [
        (one, None, 0) for one in reversed(below.pop("", []))
    ]
    while waiting:
        event, parent_id, level = waiting.pop()
        found.append(CausalNode(event, parent_id, level))
        children = below.pop(str(event.event_id), [])
        waiting += [(one, event.event_id, level + 1) for one in reversed(children)]
    found += [CausalNode(one, None, 0) for left in below.values() for one in left]
    return found
