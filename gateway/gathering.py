"""Put reads of single records by one client that come together into one call of the plane.

A call costs gateway and plane the same whether it is of one record or of a hundred: under load most
of what a read of one cost was the call. See docs/adr/0009-together.md.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.clients import Planes
from gateway.planes import RECORDS
from kit import deadlines, telemetry
from kit.errors import DeadlineExceeded, ResourceExhausted, Unavailable
from kit.together import Together

_MOST = 100
GET = RECORDS["GetRecord"]
_GET_ALL = RECORDS["BatchGetRecords"]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What reads of one call have in common: all but the record."""

    headers: tuple[tuple[str, str], ...]
    object: str
    fields: str
    show_deleted: bool
    at_version: int


class Gets:
    """The reads of single records of one gateway process."""

    def __init__(self, planes: Planes, seconds: float) -> None:
        self._planes = planes
        self._seconds = seconds
        self._asked: Together[_Kind, str, Any] = Together(self._several, _MOST, again=_again)

    async def get(self, headers: Sequence[tuple[str, str]], request: Any) -> Any:
        """GetRecord's answer, or the ServiceError that it raised. A read whose trace is followed,
        or of a record as it was, is a call of its own."""
        if telemetry.is_recording() or request.HasField("as_of"):
            return await self._alone(headers, request)
        limit = self._seconds if (left := deadlines.remaining()) is None else left
        kind = _Kind(
            tuple(headers),
            request.object,
            request.fields,
            request.show_deleted,
            request.at_version,
        )
        try:
            async with asyncio.timeout(limit):
                found = await self._asked.ask(kind, request.id)
        except TimeoutError as exc:
            raise DeadlineExceeded("DEADLINE_EXCEEDED", "the plane did not answer in time") from exc
        # Why there is none is what the call of its own tells.
        return found if found is not None else await self._alone(headers, request)

    async def _alone(self, headers: Sequence[tuple[str, str]], request: Any) -> Any:
        return await self._planes.call(GET, request, headers, timeout=self._seconds)

    async def _several(self, kind: _Kind, ids: Sequence[str]) -> Mapping[str, Any]:
        if deadlines.remaining() is None:
            deadlines.set_remaining(self._seconds)
        common = {
            "object": kind.object,
            "fields": kind.fields,
            "show_deleted": kind.show_deleted,
            "at_version": kind.at_version,
        }
        if len(ids) == 1:
            return {ids[0]: await self._alone(kind.headers, GET.request(id=ids[0], **common))}
        request = _GET_ALL.request(ids=ids, **common)
        answer = await self._planes.call(_GET_ALL, request, kind.headers, timeout=self._seconds)
        return {
            id_: GET.response(record=one.record, metadata_version=answer.metadata_version)
            for id_, one in zip(ids, answer.results, strict=True)
            if one.HasField("record")
        }


def _again(failure: BaseException, _id: str) -> bool:
    """Not of a plane that is away, or has too much to do already: all hear it."""
    return not isinstance(failure, Unavailable | ResourceExhausted | DeadlineExceeded)
