"""Keep what watchers are shown, evaluated once for all that watch the same with the same rights.

Events only say which records changed: what these are now is read from the store, for all watches of
a workspace together, so that no record ever goes back to an earlier version of itself, and a
repeated or lost event is no harm. A watch that a record's own document decides is kept in memory
(`logic.windows`); one that depends on other records, or on the time, is asked again.
"""

import asyncio
import contextlib
import contextvars
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import structlog

from kit.db import Database, Tx
from kit.errors import Internal, ResourceExhausted, ServiceError, Unavailable
from schema import jsonio
from schema.compiled import CompiledObject, Workspace
from schema.filters.closure import compile_closure
from schema.filters.resolve import resolve_relative
from schema.filters.walk import follows_relations
from schema.model import Field
from schema.sorts import record_key
from services.records.logic import documents, viewing
from services.records.logic.windows import Entry, Group, Slice, Window
from services.records.model import Projection, Query, Read, Stored
from services.records.operations import boards, counting, reads
from services.records.operations.boards import Measure
from services.records.store import changes

log = structlog.get_logger()

MAX_WATCHES = 2000  # of one workspace on one replica
_TOGETHER_SECONDS = 0.02  # changes that come within it are read together
_MANY = 1000  # changed records: beyond it, what is watched is asked again
_GATE = 4  # questions to the store at a time, so that calls find connections
_AGAIN_SECONDS = 0.25  # at least between two times that something is asked again,
_AGAIN_TIMES = 5  # and this many times what it took
_FAILED_SECONDS = 0.5
_RENEWED_SECONDS = 3.0
_FIRST_SECONDS = 10.0
_SEEN_LATER = timedelta(days=1000)  # to find out whether a filter depends on the time
_FAILURES = (ServiceError, psycopg.Error)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is watched. Plans with equal keys show the same."""

    key: str
    workspace_id: UUID
    workspace: Workspace
    query: Query
    group_field: Field | None = None
    measures: tuple[Measure, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether the document of a record decides whether it is in the list, and where."""
        query, rule = self.query, self.query.object.rule
        if query.projection is not None and query.projection.expand:
            return False
        if query.tree is None:
            return True
        if follows_relations(query.tree):
            return False
        later = query.context.now + _SEEN_LATER
        if rule is not None and rule.at(query.context.now) != rule.at(later):
            return False
        context = replace(query.context, now=later)
        return bool(
            resolve_relative(query.tree, query.context) == resolve_relative(query.tree, context)
        )


class Evaluation:
    """One list, and what it has become; `changed` is done when there is something new to show, and
    another then stands in its place."""

    def __init__(self, watches: "Watches", topic: "Topic", plan: Plan) -> None:
        self.plan = plan
        self.shown: Slice | None = None
        self.failure: ServiceError | None = None
        self.changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.watchers = 0
        self._watches = watches
        self._topic = topic
        self._window = _window(plan) if plan.alone else None
        self._render = renderer(plan.query)
        self._entries: tuple[Entry, ...] = ()
        self._more = False
        self._groups: tuple[Group, ...] = ()
        self._object_id = UUID(plan.query.object.id)
        self._stale = True
        self._groups_stale = plan.group_field is not None
        self._due = self._groups_due = self._asked = 0.0
        self._round = 0  # reads of changes that began no later than this are behind the window
        self._asking = False
        self._missed: set[UUID] = set()
        self._wake = asyncio.Event()
        self._wake.set()

    def read(self, entry: Entry) -> Read:
        return entry.read(self._render)

    def renew(self, plan: Plan) -> None:
        """Take the same plan as of now: what depends on the time is asked again."""
        if self._window is None and time.monotonic() - self._asked > _RENEWED_SECONDS:
            self.plan = plan
            self.expire()

    def expire(self) -> None:
        """Nobody knows what has changed: ask again for everything."""
        self._stale = True
        self._groups_stale = self.plan.group_field is not None
        self._wake.set()

    def announce(self) -> None:
        """Have every watcher look."""
        self.changed.set_result(None)
        self.changed = asyncio.get_running_loop().create_future()

    def take(self, ids: Sequence[UUID], found: "Found", number: int) -> None:
        """Some records have changed to what they were when the read of that number was made."""
        if self.plan.group_field is not None and self._concerned(ids, found):
            self._groups_stale = True
            self._wake.set()
        if self._window is None:
            self._stale = True
            self._wake.set()
            return
        if self._asking:
            self._missed.update(ids)
            return
        if number <= self._round:
            self._topic.mark(ids)
            return
        touched = False
        for id_ in ids:
            stored, record = found.get(id_, _GONE)
            if stored is not None and stored.object_id != self._object_id:
                continue
            touched = self._window.put(id_, stored, record) or touched
        if not touched or self._stale:
            return
        if self._window.starved:
            self._stale = True
            self._due = 0.0
            self._wake.set()
            return
        self._show()

    def _concerned(self, ids: Sequence[UUID], found: "Found") -> bool:
        """Whether any of them is of our object, or may have been."""
        stored = (found.get(id_, _GONE)[0] for id_ in ids)
        return any(s is None or s.object_id == self._object_id for s in stored)

    def fail(self, failure: ServiceError) -> None:
        """Say to every watcher that this goes on no more."""
        self.failure = failure
        self.announce()

    async def run(self) -> None:
        """Ask what has to be asked, for as long as anybody watches."""
        while True:
            await self._next()
            self._wake.clear()
            try:
                await self._ask()
            except _FAILURES as exc:
                self._stale = True
                self._due = time.monotonic() + _FAILED_SECONDS
                log.info("a watch waits", error=str(exc))
                if self.shown is None and isinstance(exc, ServiceError):
                    self.fail(exc)
                    return
            except Exception:
                log.exception("a watch broke")
                self.fail(_broken())
                return

    async def _next(self) -> None:
        """Wait until something is to be asked and may be."""
        while True:
            due = self._due if self._stale else None
            if self._groups_stale and (due is None or self._groups_due < due):
                due = self._groups_due
            now = time.monotonic()
            if due is not None and due <= now:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), None if due is None else due - now)
            self._wake.clear()

    async def _ask(self) -> None:
        now = time.monotonic
        if self._stale and self._due <= now():
            async with self._watches.gate:
                began = now()
                self._stale, self._asking = False, True
                self._missed.clear()
                try:
                    await self._refill()
                finally:
                    self._asking = False
                    self._asked = now()
                    self._round = self._topic.rounds
                    self._topic.mark(self._missed)
                if self._window is None:
                    self._due = now() + max(_AGAIN_SECONDS, _AGAIN_TIMES * (now() - began))
        if self._groups_stale and (self._groups_due <= now() or self.shown is None):
            async with self._watches.gate:
                began = now()
                self._groups_stale = False
                try:
                    await self._figure()
                except BaseException:
                    self._groups_stale = True
                    self._groups_due = now() + _FAILED_SECONDS
                    raise
                self._groups_due = now() + max(_AGAIN_SECONDS, _AGAIN_TIMES * (now() - began))
        self._show()

    async def _refill(self) -> None:
        plan, window = self.plan, self._window
        async with self._watches.db.reading(plan.workspace_id) as tx:
            if window is None:
                page = await reads.page(tx, plan.workspace_id, plan.workspace, plan.query)
                self._entries = tuple(_entry(n, r) for n, r in enumerate(page.records))
                self._more = page.next is not None
                return
            names = Projection(tuple(plan.query.object.fields)[:1])
            query = replace(plan.query, projection=names, limit=window.capacity)
            page = await reads.page(tx, plan.workspace_id, plan.workspace, query)
            ids = [r.id for r in page.records if isinstance(r, Read)]
            found = await changes.current(tx, plan.workspace_id, ids)
        live = [(s, viewing.as_record(s)) for s in found.values() if s.delete_time is None]
        window.fill(live, complete=page.next is None)

    async def _figure(self) -> None:
        plan = self.plan
        assert plan.group_field is not None
        asked = (plan.workspace_id, plan.workspace, plan.query, plan.group_field, plan.measures)

        async def ask(tx: Tx) -> list[boards.Column]:
            return await boards.figures(tx, *asked)

        columns = await counting.told(self._watches.db, plan.workspace_id, plan.query, ask)
        self._groups = tuple(Group(c.key, c.label, c.color, c.count, c.values) for c in columns)

    def _show(self) -> None:
        if self._window is not None:
            if self._window.starved or (self._stale and self.shown is None):
                return
            self._entries, self._more = self._window.shown()
        fresh = Slice(self._entries, self._more, self._groups)
        if self.shown is None or not fresh.shows_as(self.shown):
            self.shown = fresh
            self.announce()


Found = dict[UUID, tuple[Stored | None, dict[str, Any] | None]]
_GONE: tuple[None, None] = (None, None)


def _window(plan: Plan) -> Window:
    query = plan.query
    return Window(query.limit, compile_closure(query.tree, query.context), record_key(query.keys))


def _entry(place: int, read: Any) -> Entry:
    digest = hashlib.blake2b(read.fields_json, digest_size=8).hexdigest()  # of others' too
    return Entry(place, read.id, f"{read.version}.{digest}", None, read)


def renderer(query: Query) -> Callable[[Stored], Read]:
    """A function from a record as stored to one as clients see it."""
    obj: CompiledObject = query.object
    names = query.projection.names if query.projection is not None else ()
    only = [obj.fields[name] for name in names] or None

    def render(stored: Stored) -> Read:
        return Read(
            id=stored.id,
            object=obj.name,
            version=stored.version,
            position=float(stored.position),
            create_time=stored.create_time,
            update_time=stored.update_time,
            delete_time=stored.delete_time,
            created_by=jsonio.dumps(stored.created_by).decode(),
            updated_by=jsonio.dumps(stored.updated_by).decode(),
            fields_json=documents.to_json(documents.by_name(obj, stored.doc, only)),
        )

    return render


class Topic:
    """What is watched of one workspace, and which of its records have changed."""

    def __init__(self, watches: "Watches", workspace_id: UUID) -> None:
        self.evaluations: dict[str, Evaluation] = {}
        self.watchers = 0
        self.rounds = 0  # of reading what changed
        self.definitions = 0  # grows when what defines the workspace, or its rights, has changed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._watches = watches
        self._workspace_id = workspace_id
        self._changed: set[UUID] = set()
        self._wake = asyncio.Event()
        self._reading = _start(self._run())

    def add(self, plan: Plan) -> Evaluation:
        found = self.evaluations.get(plan.key)
        if found is None or found.failure is not None:
            found = self.evaluations[plan.key] = Evaluation(self._watches, self, plan)
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
                evaluation.fail(_broken())
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
                async with self._watches.db.reading(self._workspace_id) as tx:
                    now = await changes.current(tx, self._workspace_id, ids)
            except _FAILURES as exc:
                log.info("changes wait", error=str(exc))
                self.mark(ids)
                await asyncio.sleep(_FAILED_SECONDS)
                continue
            found: Found = {
                id_: (s, viewing.as_record(s) if s.delete_time is None else None)
                for id_, s in now.items()
            }
            for evaluation in list(self.evaluations.values()):
                evaluation.take(ids, found, self.rounds)


class Watches:
    """All that is watched in this process. A feed tells it what changes, once it is `listening`."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.gate = asyncio.Semaphore(_GATE)
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
            topic = self._topics[plan.workspace_id] = Topic(self, plan.workspace_id)
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


def _broken() -> Internal:
    return Internal("INTERNAL", "an error on our side, which we have logged")


def _start(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """A task of the process, which knows nothing of the call that it was begun in."""
    return asyncio.create_task(work, context=contextvars.Context())
