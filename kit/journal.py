"""Count what the audit log wants to know of calls, beside them: refusals, and uses of API keys.

A call adds to a number in memory and waits for nobody. A background task tells what has gathered:
the first refusal of a kind (who, what, why) within a second or two, those that repeat it once a
minute as one number, uses of keys every ten seconds; so no flood of refused calls floods the log.
What can't be told is told later, under the same request id, so that it counts once. A process that
is killed forgets what it has not told: at most a minute's repeats, and ten seconds of uses.
"""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import grpc
import structlog

from kit import clock, ids, origin, telemetry
from kit.caller import NOBODY, Caller
from kit.errors import DeadlineExceeded, PermissionDenied, ServiceError, Unavailable

log = structlog.get_logger()

DENIED = "access.denied"
FAILED = "authentication.failed"
SEVERAL = "several"
_TICK_SECONDS = 1.0
_USES_SECONDS = 10.0
_REPEAT_SECONDS = 60.0
_MAX_KINDS = 2_000  # of refusals at a time; further ones are told apart by their workspace alone
_MAX_WORKSPACES = 2_000
_MAX_KEYS = 20_000
_LAST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Kind:
    """What makes two refusals alike."""

    workspace_id: UUID
    actor_kind: str
    actor_id: str
    actor_name: str
    action: str
    method: str
    reason: str
    permission: str = ""


@dataclass(slots=True)
class Tally:
    """How often a kind came since it was told last, and the first of them."""

    count: int
    first_time: datetime
    told: float = 0.0  # monotonic; 0: never
    request_id: str = ""
    trace_id: str = ""
    ip: str = ""
    peer: str = ""
    user_agent: str = ""


@dataclass(slots=True)
class Batch:
    """What is told of one workspace at once; the id lets it count once however often it is sent."""

    request_id: str = field(default_factory=lambda: str(ids.new_id()))
    denials: list[tuple[Kind, Tally]] = field(default_factory=list)
    uses: dict[str, int] = field(default_factory=dict)  # calls by API key
    answered_id: str = ""  # of the workspace's last batch, which is not sent any more


Tell = Callable[[UUID, Batch], Awaitable[None]]


class Journal:
    """One for each process that answers calls; `tell` takes a batch to the metadata plane."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._tallies: dict[Kind, Tally] = {}
        self._uses: Counter[tuple[UUID, str]] = Counter()
        self._uses_told = time.monotonic()
        self._unsent: dict[UUID, Batch] = {}
        self._answered: OrderedDict[UUID, str] = OrderedDict()
        self._telling = asyncio.Lock()

    def used(self, caller: Caller) -> None:
        """A call came with an API key."""
        if caller.kind == "api_key" and not caller.internal:
            key = (caller.workspace_id, caller.principal_id)
            if key in self._uses or len(self._uses) < _MAX_KEYS:
                self._uses[key] += 1

    def refused(self, caller: Caller | None, failure: Exception) -> None:
        """A call ended so; noted where it was for want of a permission, by the plane that said so
        first."""
        if caller is None or not isinstance(failure, PermissionDenied):
            return
        if isinstance(failure.__cause__, grpc.RpcError) or caller.workspace_id == NOBODY:
            return
        found = origin.current()
        method = found.method if found else ""
        permission = failure.metadata.get("permission", "")
        actor = (caller.kind, caller.principal_id, caller.name)
        self._count(Kind(caller.workspace_id, *actor, DENIED, method, failure.reason, permission))

    def failed(self, workspace_id: UUID, key_id: UUID, name: str, why: str) -> None:
        """Somebody came with a known API key that did not open."""
        self._count(Kind(workspace_id, "api_key", str(key_id), name, FAILED, "", why))

    def _count(self, kind: Kind) -> None:
        tally = self._tallies.get(kind)
        if tally is None:
            if len(self._tallies) >= _MAX_KINDS:
                kind = replace(
                    kind, actor_kind="system", actor_id="", actor_name=SEVERAL, method=SEVERAL
                )
                tally = self._tallies.get(kind)
            if tally is None:
                if len(self._tallies) >= _MAX_KINDS + _MAX_WORKSPACES:
                    log.warning("a refusal went unnoted", action=kind.action, reason=kind.reason)
                    return
                tally = self._tallies[kind] = Tally(0, clock.now())
        if tally.count == 0:
            self._describe(tally)
        tally.count += 1

    def _describe(self, tally: Tally) -> None:
        tally.first_time = clock.now()
        tally.trace_id = telemetry.trace_id()
        if found := origin.current():
            tally.request_id, tally.ip, tally.peer = found.request_id, found.ip, found.peer
            tally.user_agent = found.user_agent

    async def run(self) -> None:
        """Tell what is due, for ever."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            await self.flush()

    async def close(self) -> None:
        """Tell the rest, if that can be done quickly."""
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                await self.flush(everything=True)
        except TimeoutError:
            log.warning("refusals and uses of keys went untold", workspaces=len(self._unsent))

    async def flush(self, *, everything: bool = False) -> None:
        """Tell what is due, or all there is. What can't be told now stays for the next time."""
        async with self._telling:
            if await self._send():
                self._gather(time.monotonic(), everything=everything)
                await self._send()

    async def _send(self) -> bool:
        for workspace_id, batch in list(self._unsent.items()):
            try:
                await self._tell(workspace_id, batch)
                self._answer(workspace_id, batch)
            except (Unavailable, DeadlineExceeded) as exc:
                log.warning("refusals and uses of keys wait", error=exc.reason)
                return False
            except ServiceError as exc:
                log.warning("refusals and uses of keys went untold", error=exc.reason)
            del self._unsent[workspace_id]
        return True

    def _gather(self, now: float, *, everything: bool) -> None:
        """Make a batch for each workspace of what is due there."""
        for kind, tally in list(self._tallies.items()):
            if tally.told and now - tally.told < _REPEAT_SECONDS and not everything:
                continue
            if not tally.count:
                del self._tallies[kind]
                continue
            self._batch(kind.workspace_id).denials.append((kind, replace(tally)))
            tally.count, tally.told = 0, now
        if everything or now - self._uses_told >= _USES_SECONDS:
            self._uses_told = now
            for (workspace_id, key_id), calls in self._uses.items():
                self._batch(workspace_id).uses[key_id] = calls
            self._uses.clear()

    def _batch(self, workspace_id: UUID) -> Batch:
        found = self._unsent.get(workspace_id)
        if found is None:
            answered = self._answered.pop(workspace_id, "")
            found = self._unsent[workspace_id] = Batch(answered_id=answered)
        return found

    def _answer(self, workspace_id: UUID, batch: Batch) -> None:
        self._answered[workspace_id] = batch.request_id
        while len(self._answered) > _MAX_WORKSPACES:  # theirs are forgotten like all others
            self._answered.popitem(last=False)
