"""Take replays on, step by step, each at its own rate, until they end."""

import asyncio
from uuid import UUID

import psycopg
import structlog

from kit import crash, credentials
from kit.bus import PublishUnknown
from kit.caller import Caller
from kit.db import Database
from kit.errors import NotFound, ServiceError
from services.events.logic import selections
from services.events.model import DeadLetter, Replay, ReplayClaim, ReplayKind, ReplayState
from services.events.operations import dead_letters, replays
from services.events.operations.matches import Matcher
from services.events.operations.resending import Resender
from services.events.operations.running import Runner
from services.events.store import dead_letters as letter_store
from services.events.store import replays as store
from services.events.store import subscriptions as subscription_store

log = structlog.get_logger()

_POLL_SECONDS = 0.5
_AT_ONCE = 8  # replays that one process takes on together
_STEP = 100  # things at most in one step


class ReplayWorker:
    """Runs until cancelled. Several may run; each replay has one holder at a time."""

    def __init__(
        self,
        db: Database,
        worker_db: Database,
        matcher: Matcher,
        resender: Resender,
        runner: Runner,
        internal_secret: str,
    ) -> None:
        self._db = db
        self._worker_db = worker_db
        self._matcher = matcher
        self._resender = resender
        self._runner = runner
        self._secret = internal_secret

    async def run(self) -> None:
        """A replay whose holder dies is taken on from its cursor, when the lease has run out."""
        while True:
            claims: list[ReplayClaim] = []
            try:
                async with self._worker_db.across_workspaces() as tx:
                    claims = list(await store.claim(tx, limit=_AT_ONCE))
            except (ServiceError, psycopg.Error) as exc:
                log.warning("replays wait", error=str(exc))
            await asyncio.gather(*(self._go_on(claim) for claim in claims))
            if not claims:
                await asyncio.sleep(_POLL_SECONDS)

    async def _go_on(self, claim: ReplayClaim) -> None:
        try:
            async with self._db.transaction(claim.workspace_id) as tx:
                replay = await store.lock(tx, claim)
            if replay is None:
                return
            if replay.kind is ReplayKind.DEAD_LETTERS:
                await self._letters(claim, replay)
            elif replay.kind is ReplayKind.WORKFLOW:
                await self._runs(claim, replay)
            else:
                await self._events(claim, replay)
        except (ServiceError, psycopg.Error, PublishUnknown) as exc:
            log.warning("a replay waits", id=str(claim.replay_id), error=str(exc))
        except Exception:
            log.exception("replay", id=str(claim.replay_id))
            failure = "an error on our side, which we have logged; begin another replay"
            async with self._db.transaction(claim.workspace_id) as tx:
                await replays.end(tx, claim, ReplayState.FAILED, failure)

    async def _events(self, claim: ReplayClaim, replay: Replay) -> None:
        step, pause = _pace(replay.rate)
        assert replay.subscription_id is not None
        workspace_id = claim.workspace_id
        try:
            async with self._db.transaction(workspace_id) as tx:
                known = await subscription_store.get(tx, workspace_id, replay.subscription_id)
                events, cursor = await replays.next_events(tx, workspace_id, replay, limit=step)
        except NotFound as exc:
            await self._end(claim, ReplayState.FAILED, exc.message)
            return
        if not events:
            await self._end(claim, ReplayState.SUCCEEDED)
            return
        wanted = replays.narrowed(known, selections.events(replay.selection))
        matches = await self._matcher.match([wanted], events, history=True)
        if matches.broken:
            await self._end(claim, ReplayState.FAILED, matches.broken[known.id])
            return
        async with self._db.transaction(workspace_id) as tx:
            await replays.send_events(
                tx, claim, matches.of(events), cursor=cursor, seen=len(events), pause=pause
            )
            crash.point("replay.before_commit")

    async def _runs(self, claim: ReplayClaim, replay: Replay) -> None:
        """Runs for the next events. Dying before the cursor is noted asks for them once more, under
        the same key: a run is one for each event and version."""
        step, pause = _pace(replay.rate)
        workspace_id = claim.workspace_id
        async with self._db.transaction(workspace_id) as tx:
            events, cursor = await replays.next_events(tx, workspace_id, replay, limit=step)
        if not events:
            await self._end(claim, ReplayState.SUCCEEDED)
            return
        assert replay.workflow_id is not None
        acts_as = credentials.Internal("events", str(workspace_id), replay.created_by)
        try:
            done = await self._runner.start(
                replay.workflow_id,
                [event.id for event in events],
                key=f"{replay.id}/{cursor}",
                credential=credentials.issue(self._secret, acts_as),
            )
        except ServiceError as exc:
            if exc.retryable:
                raise
            await self._end(claim, ReplayState.FAILED, exc.message)
            return
        crash.point("replay.before_commit")
        async with self._db.transaction(workspace_id) as tx:
            if await store.lock(tx, claim) is not None:
                seen = len(events)
                await store.advance(
                    tx, claim, str(cursor), seen=seen, done=done, failed=0, pause=pause
                )

    async def _letters(self, claim: ReplayClaim, replay: Replay) -> None:
        step, pause = _pace(replay.rate)
        workspace_id = claim.workspace_id
        query = selections.letters(replay.selection).query()
        after = UUID(replay.cursor) if replay.cursor else None
        async with self._db.transaction(workspace_id) as tx:
            found = await letter_store.oldest(tx, workspace_id, query, after, limit=step)
        if not found:
            await self._end(claim, ReplayState.SUCCEEDED)
            return
        for number, letter in enumerate(found, start=1):
            wait = pause if number == len(found) else store.LEASE_SECONDS
            if not await self._letter(claim, replay, letter, wait):
                return

    async def _letter(
        self, claim: ReplayClaim, replay: Replay, letter: DeadLetter, wait: float
    ) -> bool:
        """Do it again, and note it; False when the replay is not ours any more, or must wait."""
        workspace_id = claim.workspace_id
        acts_as = credentials.Internal("events", str(workspace_id), replay.created_by)
        try:
            credential = credentials.issue(self._secret, acts_as)
            await self._resender.send(workspace_id, letter, credential)
            crash.point("replay.before_settle")
            async with self._db.transaction(workspace_id) as tx:
                if await store.lock(tx, claim) is None:
                    return False
                caller = Caller(workspace_id, replay.created_by, "user", "")
                await dead_letters.replay(tx, caller, letter.id)
                await store.advance(tx, claim, str(letter.id), seen=1, done=1, failed=0, pause=wait)
        except ServiceError as exc:
            if exc.retryable:
                raise
            log.warning("not replayed", letter=str(letter.id), reason=exc.reason)
            async with self._db.transaction(workspace_id) as tx:
                if await store.lock(tx, claim) is None:
                    return False
                await store.advance(tx, claim, str(letter.id), seen=1, done=0, failed=1, pause=wait)
        return True

    async def _end(self, claim: ReplayClaim, state: ReplayState, error: str = "") -> None:
        async with self._db.transaction(claim.workspace_id) as tx:
            await replays.end(tx, claim, state, error)


def _pace(rate: int) -> tuple[int, float]:
    """How many things in one step, and the pause after it."""
    step = min(rate, _STEP)
    return step, step / rate
