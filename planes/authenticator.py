"""Ask the metadata plane whom a credential stands for, and remember it for less than a second.

So a revoked key ends everywhere within a second, and an active one costs one look-up a second and
process. While metadata does not answer, what was known is believed a little longer.
"""

import asyncio
import time
from dataclasses import dataclass, replace
from uuid import UUID

import grpc
from armature.metadata.v1 import access_service_pb2 as pb
from armature.metadata.v1 import access_service_pb2_grpc as rpc

from kit import clients, credentials
from kit.caller import Caller
from kit.errors import DeadlineExceeded, Unauthenticated, Unavailable
from schema.access import one_copy

_FRESH_SECONDS = 0.8
_STALE_SECONDS = 10.0
_MAX_ENTRIES = 20_000


@dataclass(slots=True)
class _Known:
    caller: Caller
    at: float


class Authenticator:
    """`authenticate` for kit.calls, by AccessService.Authenticate."""

    def __init__(
        self, channel: grpc.aio.Channel, secret: str, plane: str, *, whole: bool = False
    ) -> None:
        """`whole`: the plane shows what happens to all records alike, so that a custom role needs
        the permission rules for any of it: whoever keeps rules has them see everything."""
        self._whole = whole
        self._stub = rpc.AccessServiceStub(channel)
        self._secret = secret
        self._plane = plane
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Future[Caller]] = {}

    async def authenticate(self, credential: str) -> Caller:
        """The caller; UNAUTHENTICATED / CREDENTIALS_INVALID for what is not valid now."""
        known = self._known.get(credential)
        now = time.monotonic()
        if known is not None and now - known.at < _FRESH_SECONDS:
            return known.caller
        try:
            caller = await self._ask_once(credential)
        except Unauthenticated:
            self._known.pop(credential, None)
            raise
        except (Unavailable, DeadlineExceeded):
            if known is not None and now - known.at < _STALE_SECONDS:
                return known.caller
            raise
        if len(self._known) >= _MAX_ENTRIES:
            self._known.clear()
        self._known[credential] = _Known(caller, now)
        return caller

    async def _ask_once(self, credential: str) -> Caller:
        """One question at a time for each credential; others wait for its answer."""
        if pending := self._asking.get(credential):
            return await asyncio.shield(pending)
        asking = asyncio.ensure_future(self._ask(credential))
        self._asking[credential] = asking
        asking.add_done_callback(lambda _: self._asking.pop(credential, None))
        return await asyncio.shield(asking)

    async def _ask(self, credential: str) -> Caller:
        own = credentials.issue(self._secret, credentials.Internal(self._plane))
        answer = await clients.call(
            self._stub.Authenticate,
            pb.AuthenticateRequest(credential=credential),
            clients.metadata(own),
            timeout=3.0,
        )
        caller = caller_from(answer, credential)
        if self._whole and caller.access is not None and "rules" not in caller.permissions:
            return replace(caller, permissions=frozenset())
        return caller


def caller_from(answer: pb.AuthenticateResponse, credential: str) -> Caller:
    who = answer.principal
    return Caller(
        workspace_id=UUID(who.workspace_id),
        principal_id=who.id,
        kind=who.kind,
        name=who.display_name,
        permissions=frozenset(answer.permissions),
        operator=who.operator,
        role=who.role,
        credential=credential,
        internal=answer.internal,
        access=one_copy(answer.access_json) if answer.HasField("access_json") else None,
        flags=answer.flags_json,
        time_zone=who.time_zone,
        week_start=who.week_start,
    )
