"""Keep one list that is watched: in memory where a record's own document decides what is in it and
where, and by asking again where other records do, or the time.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

import psycopg
import structlog

from kit.db import Database, Tx
from kit.errors import Internal, ServiceError
from schema import jsonio
from schema.compiled import CompiledObject, Workspace
from schema.filters.closure import compile_closure
from schema.filters.resolve import resolve_relative
from schema.filters.walk import follows_relations
from schema.model import Field
from schema.sorts import record_key
from services.records.logic import documents, viewing
from services.records.logic.windows import Entry, Group, Now, Slice, Window
from services.records.model import Projection, Query, Read, Stored
from services.records.operations import boards, counting, reads
from services.records.operations.boards import Measure
from services.records.store import changes

log = structlog.get_logger()

FAILURES = (ServiceError, psycopg.Error)  # that pass
FAILED_SECONDS = 0.5
_GATE = 4  # questions to the store at a time, so that calls find connections
_AGAIN_SECONDS = 0.25  # at least between two times that something is asked again,
_AGAIN_TIMES = 5  # and this many times what it took
_RENEWED_SECONDS = 3.0
_SEEN_LATER = timedelta(days=1000)  # to find out whether a filter depends on the time


class Store:
    """What lists are asked of, by few of them at a time."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.gate = asyncio.Semaphore(_GATE)


class Following(Protocol):
    """Who reads what the changed records of a workspace are now."""

    rounds: int

    def mark(self, ids: Iterable[UUID]) -> None:
        """These records have changed."""


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

    def __init__(self, plan: Plan, store: Store, topic: Following) -> None:
        self.plan = plan
        self.shown: Slice | None = None
        self.failure: ServiceError | None = None
        self.changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.watchers = 0
        self._store = store
        self._topic = topic
        self._window = _window(plan) if plan.alone else None
        self._render = renderer(plan.query)
        self._entries: tuple[Entry, ...] = ()
        self._more = False
        self._groups: tuple[Group, ...] = ()
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

    def take(self, changed: "Changed", number: int) -> None:
        """Some records have changed to what they were when the read of that number was made."""
        found = changed.of(self.plan.query.object.id)
        if found and self.plan.group_field is not None:
            self._groups_stale = True
            self._wake.set()
        if self._window is None:
            self._stale = True
            self._wake.set()
            return
        if self._asking:
            self._missed.update(changed.ids)
            return
        if number <= self._round:
            self._topic.mark(changed.ids)
            return
        if not self._window.put(found) or self._stale:
            return
        if self._window.starved:
            self._stale = True
            self._due = 0.0
            self._wake.set()
            return
        self._show()

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
            except FAILURES as exc:
                self._stale = True
                self._due = time.monotonic() + FAILED_SECONDS
                log.info("a watch waits", error=str(exc))
                if self.shown is None and isinstance(exc, ServiceError):
                    self.fail(exc)
                    return
            except Exception:
                log.exception("a watch broke")
                self.fail(broken())
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
            async with self._store.gate:
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
            async with self._store.gate:
                began = now()
                self._groups_stale = False
                try:
                    await self._figure()
                except BaseException:
                    self._groups_stale = True
                    self._groups_due = now() + FAILED_SECONDS
                    raise
                self._groups_due = now() + max(_AGAIN_SECONDS, _AGAIN_TIMES * (now() - began))
        self._show()

    async def _refill(self) -> None:
        plan, window = self.plan, self._window
        async with self._store.db.reading(plan.workspace_id) as tx:
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

        columns = await counting.told(self._store.db, plan.workspace_id, plan.query, ask)
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


class Changed:
    """Records that have changed, and what they are now; purged ones may be of any object."""

    def __init__(self, ids: Sequence[UUID], found: Mapping[UUID, Stored]) -> None:
        self.ids = ids
        self._purged: list[Now] = [(str(id_), None, None) for id_ in ids if id_ not in found]
        self._by_object: dict[str, list[Now]] = {}
        for id_, stored in found.items():
            record = viewing.as_record(stored) if stored.delete_time is None else None
            rows = self._by_object.setdefault(str(stored.object_id), [*self._purged])
            rows.append((str(id_), stored, record))

    def of(self, object_id: str) -> list[Now]:
        return self._by_object.get(object_id, self._purged)


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


def broken() -> Internal:
    return Internal("INTERNAL", "an error on our side, which we have logged")
