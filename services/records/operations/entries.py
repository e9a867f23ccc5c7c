"""Answer by the entries of a view: pages, places far down, and counts; or say why that can't be."""

import time
from collections import OrderedDict
from dataclasses import replace
from typing import Any
from uuid import UUID

from kit.db import Tx
from services.records.logic import stats, viewing
from services.records.model import Query
from services.records.store import view_entries

NOT_READY = "the entries of the view are not built"
_ABSENT_SECONDS = 0.5  # so long no entries are looked for again where there were none
_ABSENT_HELD = 10_000


class _Absent:
    """Sets that were not ready a moment ago, so that views without entries cost no query."""

    def __init__(self) -> None:
        self._until: OrderedDict[UUID, float] = OrderedDict()

    def holds(self, set_id: UUID) -> bool:
        return self._until.get(set_id, 0.0) > time.monotonic()

    def note(self, set_id: UUID) -> None:
        self._until[set_id] = time.monotonic() + _ABSENT_SECONDS
        while len(self._until) > _ABSENT_HELD:
            self._until.popitem(last=False)


_absent = _Absent()


async def rows_of(
    tx: Tx, workspace_id: UUID, query: Query, limit: int
) -> tuple[list[tuple[Any, ...]] | None, str]:
    """Up to `limit` rows of the page, or None and why not."""
    use = query.use
    if use is None:
        return None, ""
    if isinstance(use, viewing.Refused):
        return None, use.why
    if query.show_deleted:
        return None, "deleted records are in no view's entries"
    set_id = use.kept.set_id
    if _absent.holds(set_id):
        return None, NOT_READY
    after = use.kept.place(query.after) if query.after is not None else b""
    groups = _groups(use)
    skip = query.skip
    if skip and groups is not None:
        after, skip = await _far(tx, workspace_id, set_id, groups[0], skip)
    rows = await view_entries.page(
        tx, workspace_id, query, set_id, groups, after, limit, skip=skip, inclusive=query.skip > 0
    )
    if rows is None:
        _absent.note(set_id)
        return None, NOT_READY
    return rows, ""


def _groups(use: viewing.Use) -> list[str] | None:
    if use.group is not None:
        return [use.group]
    return None if use.kept.group_field is not None else [stats.ALL]


async def _far(
    tx: Tx, workspace_id: UUID, set_id: UUID, group: str, skip: int
) -> tuple[bytes, int]:
    """At which bucket's beginning, and how many entries behind it, a place far down is."""
    buckets, deltas = await view_entries.measures(tx, workspace_id, set_id, group)
    found, passed = (b"", 0), 0
    open_deltas = iter([*deltas, (None, 0)])
    key, change = next(open_deltas)
    for low, count in buckets:
        while key is not None and key < low:
            passed += change
            key, change = next(open_deltas)
        if passed > skip:
            break
        found = low, passed
        passed += count
    return found[0], skip - found[1]


async def counts(tx: Tx, workspace_id: UUID, query: Query) -> dict[str, int] | None:
    """How many records the view has by group, exactly; None where its entries can't tell."""
    use = query.use
    if not isinstance(use, viewing.Use) or query.show_deleted:
        return None
    set_id = use.kept.set_id
    if _absent.holds(set_id):
        return None
    found = await view_entries.counts(tx, workspace_id, use.kept.object_id, set_id)
    if found is None:
        _absent.note(set_id)
    return found


def within(query: Query, group: str) -> Query:
    """The query for one group of the view."""
    use = query.use
    return replace(query, use=replace(use, group=group)) if isinstance(use, viewing.Use) else query
