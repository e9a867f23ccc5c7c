"""Tell what is watched of the records that change, evaluated once for all that watch the same.

Events only say which records changed: what these are now is read from the store, for all watches of
a workspace together, so that no record ever goes back to an earlier version of itself, and a
repeated or lost event is no harm.
"""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import Any
from uuid import UUID

import structlog

from kit.db import Database
from kit.errors import ResourceExhausted, Unavailable
from services.records.operations.evaluations import (
    FAILED_SECONDS,
    FAILURES,
    Changed,
    Evaluation,
    Plan,
    Store,
    broken,
)
from services.records.store import changes

log = structlog.get_logger()

MAX_WATCHES = 2000  # of one workspace on one replica
_TOGETHER_SECONDS = 0.02  # changes that come within it are read together
_MANY = 1000  # changed records: beyond it, what is watched is asked again
_FIRST_SECONDS = 10.0  # to begin to listen


class Topic:
    """What is watched of one workspace, and which of its records have changed."""

    def __init__(self, store: Store, workspace_id: UUID) -> None:
        self.evaluations: dict[str, Evaluation] = {}
        self.watchers = 0
        self.rounds = 0  # of reading what changed
        self.definitions = 0  # grows when what defines the workspace, or its rights, has changed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._store = store
        self._workspace_id = workspace_id
        self._changed: set[UUID] = set()
        self._wake = asyncio.Event()
        self._reading = _start(self._run())

    def add(self, plan: Plan) -> Evaluation:
        found = self.evaluations.get(plan.key)
        if found is None or found.failure is not None:
            found = self.evaluations[plan.key] = Evaluation(plan, self._store, self)
            if old := self._tasks.pop(plan.key, None):
                old.cancel()
            self._tasks[plan.key] = _start(found.run())
        found.watchers += 1
        self.watchers += 1
        return found

    def drop(self, evaluation: Evaluation) -> None:
        evaluation.watchers -= 1
        self.watchers -= 1
        key = evaluation.plan.key
        if not evaluation.watchers and self.evaluations.get(key) is evaluation:
            del self.evaluations[key]
            self._tasks.pop(key).cancel()

    def close(self) -> None:
        for task in (self._reading, *self._tasks.values()):
            task.cancel()

    def mark(self, ids: Iterable[UUID]) -> None:
        """These records have changed."""
        self._changed.update(ids)
        if self._changed:
            self._wake.set()

    def expire(self) -> None:
        for evaluation in self.evaluations.values():
            evaluation.expire()

    def redefine(self) -> None:
        """Have every watcher look at its rights and at what is defined."""
        self.definitions += 1
        for evaluation in self.evaluations.values():
            evaluation.announce()

    async def _run(self) -> None:
        try:
            await self._follow()
        except Exception:
            log.exception("watching a workspace broke")
            for evaluation in self.evaluations.values():
                evaluation.fail(broken())
            raise

    async def _follow(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(_TOGETHER_SECONDS)
            self._wake.clear()
            ids, self._changed = sorted(self._changed), set()
            if len(ids) > _MANY:
                self.expire()
                continue
            self.rounds += 1
            try:
                async with self._store.db.reading(self._workspace_id) as tx:
                    now = await changes.current(tx, self._workspace_id, ids)
            except FAILURES as exc:
                log.info("changes wait", error=str(exc))
                self.mark(ids)
                await asyncio.sleep(FAILED_SECONDS)
                continue
            changed = Changed(ids, now)
            for evaluation in list(self.evaluations.values()):
                evaluation.take(changed, self.rounds)


class Watches:
    """All that is watched in this process. A feed tells it what changes, once it is `listening`."""

    def __init__(self, db: Database) -> None:
        self._store = Store(db)
        self.wanted = asyncio.Event()  # somebody watches
        self.listening = asyncio.Event()  # from here on no change goes unheard
        self._topics: dict[UUID, Topic] = {}

    @contextlib.asynccontextmanager
    async def of(self, plan: Plan) -> AsyncIterator[tuple[Topic, Evaluation]]:
        """What is to be watched, evaluated, for as long as the block lasts.

        RESOURCE_EXHAUSTED / WATCH_LIMIT; UNAVAILABLE / WATCH_FEED_SILENT.
        """
        await self._heard()
        topic = self._topics.get(plan.workspace_id)
        if topic is None:
            topic = self._topics[plan.workspace_id] = Topic(self._store, plan.workspace_id)
        if topic.watchers >= MAX_WATCHES:
            message = f"a workspace has at most {MAX_WATCHES} watches on one replica"
            raise ResourceExhausted("WATCH_LIMIT", message, limit=str(MAX_WATCHES))
        evaluation = topic.add(plan)
        try:
            yield topic, evaluation
        finally:
            topic.drop(evaluation)
            if not topic.watchers:
                topic.close()
                del self._topics[plan.workspace_id]
            if not self._topics:
                self.wanted.clear()

    async def _heard(self) -> None:
        self.wanted.set()
        try:
            await asyncio.wait_for(self.listening.wait(), _FIRST_SECONDS)
        except TimeoutError:
            message = "changes can't be heard of now; watch again in a moment"
            raise Unavailable("WATCH_FEED_SILENT", message) from None

    def watched(self, workspace_id: UUID) -> Topic | None:
        return self._topics.get(workspace_id)

    def expire(self) -> None:
        """Changes may have gone unheard: ask again for everything."""
        for topic in self._topics.values():
            topic.expire()

    def close(self) -> None:
        for topic in self._topics.values():
            topic.close()


def _start(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """A task of the process, which knows nothing of the call that it was begun in."""
    return asyncio.create_task(work, context=contextvars.Context())
