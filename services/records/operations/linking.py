"""Know the links between records: read in once for each workspace, then kept by what is announced.

The links plane has the truth. What it announced before this plane listened, or longer ago than the
stream keeps, is read from it by id, stretch by stretch; so is what a comparison needs. Nothing is
asked for within a transaction; versions decide, whatever comes first and however often, and how far
a build or a comparison has come is moved by none but who found it there.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from kit import clock, crash
from kit.db import Database, Tx
from kit.errors import Unavailable
from schema.filters.walk import follows_links
from services.records.model import Query
from services.records.store import link_states as states
from services.records.store import record_links
from services.records.store.record_links import Link

_COMPARED = 1000  # links of ours that are compared at once
_PATIENCE_SECONDS = 1.5  # that the first who asks waits for the links to be read in
_ON_THEIR_WAY = timedelta(minutes=10)  # what is announced may take so long


@dataclass(frozen=True, slots=True)
class Stretch:
    """Links between records in the order of their ids, and since when each is like this."""

    links: Sequence[tuple[Link, datetime]]
    last: UUID | None  # of all links of the stretch, those with notes and files too
    more: bool


# (workspace, behind this link, up to this one) -> a stretch, from the links plane
Find = Callable[[UUID, UUID | None, UUID | None], Awaitable[Stretch]]


class LinkIndex:
    """Builds and compares; remembers which workspaces are ready."""

    def __init__(self, db: Database, find: Find) -> None:
        self._db = db
        self._find = find
        self._ready: set[UUID] = set()

    async def known(self, workspace_id: UUID, queries: Sequence[Query]) -> None:
        """Return once filters can go through links, if one of the queries does: UNAVAILABLE /
        LINKS_BEHIND where there are so many that reading them in takes longer than a moment."""
        if workspace_id in self._ready:
            return
        if not any(q.tree is not None and follows_links(q.tree) for q in queries):
            return
        async with self._db.transaction(workspace_id) as tx:
            await states.begin(tx, workspace_id)
        until = time.monotonic() + _PATIENCE_SECONDS
        while await self.build_some(workspace_id):
            if time.monotonic() > until:
                message = "the workspace's links are being read in; try again in a moment"
                raise Unavailable("LINKS_BEHIND", message, retry_after=2.0)

    async def build_some(self, workspace_id: UUID) -> bool:
        """Read the next stretch in; whether there are more."""
        async with self._db.transaction(workspace_id) as tx:
            place = await states.place(tx, workspace_id)
        if place is None:
            return False
        if place.state == states.READY:
            self._ready.add(workspace_id)
            return False
        found = await self._find(workspace_id, place.after, None)
        async with self._db.transaction(workspace_id) as tx:
            if await states.place(tx, workspace_id, lock=True) != place:
                return True  # somebody else was here, and nothing is lost
            live = [link for link, _ in found.links if link.live]
            await record_links.put(tx, workspace_id, live)
            if found.more and found.last is not None:
                await states.advance(tx, workspace_id, found.last)
            else:
                await states.ready(tx, workspace_id)
            crash.point("records.link_index")
        return True

    async def compare_some(self, workspace_id: UUID) -> tuple[int, bool]:
        """Compare the next links that are known with those that there are, and put right what
        differs: how many did that nothing on its way explains, and whether there are more for us:
        none where somebody else has moved the comparison on meanwhile."""
        async with self._db.reading(workspace_id) as tx:
            place = await states.place(tx, workspace_id)
            if place is None or place.state != states.READY:
                return 0, False
            # Read first: what is known is of a link that was there already when it was announced.
            mine = await record_links.versions(tx, workspace_id, place.after, _COMPARED)
        until = mine[-1].id if len(mine) == _COMPARED else None
        known = {one.id: one for one in mine}
        after, more, wrong = place.after, True, 0
        while more:
            theirs = await self._find(workspace_id, after, until)
            after, more = theirs.last, theirs.more
            wrong += await self._repair(workspace_id, known, theirs.links)
        gone = [one.id for one in known.values() if one.live]  # purged with one of their ends
        async with self._db.transaction(workspace_id) as tx:
            if await states.place(tx, workspace_id, lock=True) != place:
                return wrong, False
            await record_links.drop(tx, workspace_id, gone)
            if until is not None:
                await states.advance(tx, workspace_id, until)
            else:
                await states.ready(tx, workspace_id)
        return wrong + len(gone), until is not None

    async def _repair(
        self,
        workspace_id: UUID,
        known: dict[UUID, record_links.Known],
        theirs: Sequence[tuple[Link, datetime]],
    ) -> int:
        """Put what is newer than what is known; what is known and there leaves `known`."""
        late = [(link, since) for link, since in theirs if _is_news(link, known.pop(link.id, None))]
        async with self._db.transaction(workspace_id) as tx:
            await record_links.put(tx, workspace_id, [link for link, _ in late])
        long_ago = clock.now() - _ON_THEIR_WAY
        return sum(since < long_ago for _, since in late)


def _is_news(link: Link, mine: record_links.Known | None) -> bool:
    return link.live if mine is None else mine.version < link.version


async def heard(tx: Tx, workspace_id: UUID, links: Sequence[Link]) -> None:
    """What was announced of links; from the first on the others are read in."""
    await states.begin(tx, workspace_id)
    await record_links.put(tx, workspace_id, links)
