"""Go on from a place of which a page token holds only a part."""

from dataclasses import replace
from uuid import UUID

from kit.db import Tx
from kit.errors import InvalidArgument
from services.records.logic import places
from services.records.model import Query
from services.records.store import queries


async def whole(tx: Tx, workspace_id: UUID, query: Query) -> Query:
    """The query with every value of its place, read in the record that the page before ended with;
    INVALID_ARGUMENT / PAGE_TOKEN_INVALID where it has others by now."""
    place = query.after
    if place is None or not places.is_short(place):
        return query
    values = await queries.place_of(tx, workspace_id, query, UUID(place[-1]))
    if values is None or not places.is_of(place, values):
        raise InvalidArgument.at(
            "PAGE_TOKEN_INVALID",
            "page_token",
            "CHANGED",
            "the long text that the page before ended with has changed since: begin again",
        )
    return replace(query, after=values)
