"""Write one block of an import's rows, or take one back, in the transaction of its progress."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from kit import crash
from kit.db import Tx
from kit.errors import DeadlineExceeded, ServiceError, Unavailable
from schema import jsonio
from schema.compiled import CompiledObject
from schema.problems import Invalid, Problem
from services.records.logic import intake, tabular
from services.records.model import (
    Import,
    ImportCounts,
    ImportMode,
    ImportState,
    Item,
    Outcome,
    RowError,
    Stored,
    Written,
)
from services.records.operations import imports, upserts, writes
from services.records.operations.targets import Target
from services.records.store import imports as store
from services.records.store import records

Work = Callable[[Tx, Sequence[Item]], Awaitable[list[Written]]]


class Stopped(Exception):
    """The import is not in the state that it was claimed in: the block's work is undone."""


class _DryRun(Exception):
    """Takes a dry run's writes back."""


class Effect(NamedTuple):
    """What became of one row. `before` is the document that an update wrote over."""

    line: int
    record_id: UUID
    version: int
    outcome: str
    before: dict[str, Any] | None


# --- forth ---


async def write(tx: Tx, target: Target, found: Import, block: int) -> bool:
    """Write the rows of a block, refuse what is wrong, and count; False when that is done."""
    workspace_id, options = target.workspace_id, found.options
    content = await store.take_block(tx, workspace_id, found.id, block)
    if content is None:
        return False
    rows = intake.rows_of(content)
    work = _Rows(target, found, rows)
    items = [item for n, row in enumerate(rows) if (item := work.item(n, row)) is not None]
    if options.dry_run:
        try:
            await _written_and_undone(tx, work, items)
        except _DryRun:
            effects = None
    else:
        await work.write(tx, items)
        effects = work.effects()
    await store.add_errors(tx, workspace_id, found.id, work.errors())
    await store.block_done(tx, workspace_id, found.id, block, effects)
    if not await store.count(tx, workspace_id, found.id, ImportState.RUNNING, work.counts()):
        raise Stopped
    crash.point("records.import_block")
    return True


async def _written_and_undone(tx: Tx, work: "_Rows", items: Sequence[Item]) -> None:
    async with tx.savepoint():
        await work.write(tx, items)
        raise _DryRun


class _Rows:
    """The rows of one block on their way."""

    def __init__(self, target: Target, found: Import, rows: Sequence[intake.Row]) -> None:
        self._target = target
        self._options = found.options
        self._rows = rows
        layout = found.layout
        self._sources = imports.sources_of(target, found.options, layout.headers if layout else ())
        self._headers = {".".join(s.steps): s.header for s in self._sources if s.steps}
        self._written: dict[int, Written] = {}
        self._refused: dict[int, list[Problem]] = {}
        self._work = self._works()

    def item(self, n: int, row: intake.Row) -> Item | None:
        """What a row asks for; None where it can't be read, which is noted."""
        _, raw = row
        try:
            record_id, fields = self._read(raw)
        except Invalid as exc:
            self._refused[n] = exc.problems
            return None
        return Item(record_id, fields, "", f"items.{n}")

    def _read(self, raw: Any) -> tuple[str, Any]:
        if raw is None:
            raise Invalid([Problem("", "INVALID_UNICODE", "the row is not UTF-8")])
        if self._options.format == "csv":
            return tabular.read_row(self._sources, raw, clear_empty=self._options.clear_empty)
        document = jsonio.loads_exact(raw.encode())
        if not isinstance(document, dict):
            raise Invalid([Problem("", "WRONG_TYPE", "each line is one JSON object")])
        return _unwrapped(self._target.object, document, self._options.mapping)

    def _works(self) -> Work:
        target, match = self._target, self._options.match

        async def create(tx: Tx, items: Sequence[Item]) -> list[Written]:
            return await writes.create(tx, target, items)

        async def upsert(tx: Tx, items: Sequence[Item]) -> list[Written]:
            return await upserts.upsert(tx, target, match, items)

        async def update(tx: Tx, items: Sequence[Item]) -> list[Written]:
            if match == ("id",):
                return await writes.update(tx, target, items)
            return await upserts.update_matching(tx, target, match, items)

        by_mode = {
            ImportMode.CREATE: create,
            ImportMode.UPSERT: upsert,
            ImportMode.UPDATE: update,
        }
        return by_mode[self._options.mode]

    async def write(self, tx: Tx, items: Sequence[Item]) -> None:
        """All of them in as few statements as the refused ones among them allow."""
        if self._options.mode is ImportMode.CREATE:
            items = await self._without_taken_ids(tx, items)
        waiting: list[Sequence[Item]] = [items]
        while waiting:
            some = waiting.pop()
            if some:
                waiting += reversed(await self._attempt(tx, some))

    async def _without_taken_ids(self, tx: Tx, items: Sequence[Item]) -> list[Item]:
        given = {i.id: UUID(i.id) for i in items if i.id and _is_uuid(i.id)}
        taken = await store.taken_ids(tx, self._target.workspace_id, sorted(given.values()))
        kept = []
        for item in items:
            if given.get(item.id) in taken and item.id:
                problem = Problem("id", "DUPLICATE", "there is a record with this id already")
                self._refuse(item, [problem])
            else:
                kept.append(item)
        return kept

    async def _attempt(self, tx: Tx, some: Sequence[Item]) -> list[Sequence[Item]]:
        """Write them, or say in which parts to try again."""
        try:
            async with tx.savepoint():
                written = await self._work(tx, some)
        except ServiceError as exc:
            if isinstance(exc, Unavailable | DeadlineExceeded):  # the block, not a row
                raise
            return self._sorted_out(some, exc)
        for item, one in zip(some, written, strict=True):
            self._written[_number(item.path)] = one
        return []

    def _sorted_out(self, some: Sequence[Item], exc: ServiceError) -> list[Sequence[Item]]:
        blamed: dict[int, list[Problem]] = {}
        for violation in exc.violations:
            n = _number(violation.path)
            if n >= 0:
                path = violation.path.split(".", 2)[2:]
                problem = Problem(".".join(path), violation.code, violation.message)
                blamed.setdefault(n, []).append(problem)
        if not blamed:
            if len(some) == 1:
                self._refuse(some[0], [Problem("", exc.reason, exc.message)])
                return []
            half = len(some) // 2
            return [some[:half], some[half:]]
        later: list[Item] = []
        rest: list[Item] = []
        for item in some:
            problems = blamed.get(_number(item.path))
            if problems is None:
                rest.append(item)
            elif self._options.match and all(p == _TWIN for p in problems):
                later.append(item)  # the same match as an earlier row's: one after the other
            else:
                self._refuse(item, problems)
        return [rest, later]

    def _refuse(self, item: Item, problems: list[Problem]) -> None:
        self._refused[_number(item.path)] = problems

    def errors(self) -> list[RowError]:
        return [
            RowError(self._rows[n][0], "import", tuple(self._at_column(p) for p in problems[:20]))
            for n, problems in sorted(self._refused.items())
        ]

    def _at_column(self, problem: Problem) -> Problem:
        """With the column's header in the place of the path, where a column is to blame."""
        steps = problem.path.split(".")
        for end in range(len(steps), 0, -1):
            if header := self._headers.get(".".join(steps[:end])):
                return replace(problem, path=header)
        below = (h for path, h in self._headers.items() if path.startswith(f"{problem.path}."))
        path = problem.path.removeprefix("fields.")
        return replace(problem, path=next(below, path) if problem.path else "")

    def counts(self) -> ImportCounts:
        by = Counter(w.outcome for w in self._written.values())
        return ImportCounts(
            processed=len(self._rows),
            created=by[Outcome.CREATED],
            updated=by[Outcome.UPDATED],
            unchanged=by[Outcome.UNCHANGED],
            restored=by[Outcome.RESTORED],
            failed=len(self._refused),
        )

    def effects(self) -> bytes | None:
        found = [
            (
                self._rows[n][0],
                str(w.record.id),
                w.record.version,
                str(w.outcome),
                w.before.doc if w.before is not None else None,
            )
            for n, w in sorted(self._written.items())
            if w.outcome is not Outcome.UNCHANGED
        ]
        return jsonio.dumps(found) if found else None


_TWIN = Problem("fields", "DUPLICATE", "two items have the same match values")


def _unwrapped(obj: CompiledObject, document: dict[str, Any], mapping: Any) -> tuple[str, Any]:
    """(id, fields) of a line: `{"id", "fields": {}}`, as exports write it, or the fields alone."""
    inner = document.get("fields")
    wrapped = isinstance(inner, dict) and "fields" not in obj.fields
    fields = inner if wrapped else {k: v for k, v in document.items() if k != "id"}
    given = document.get("id")
    if given is not None and not isinstance(given, str):
        raise Invalid([Problem("id", "WRONG_TYPE", "id must be a UUID")])
    return given or "", imports.renamed(fields, mapping)


def _number(path: str) -> int:
    """Of items.N...; -1 for other paths."""
    lead, _, rest = path.partition(".")
    number = rest.partition(".")[0]
    return int(number) if lead == "items" and number.isdigit() else -1


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


# --- back ---


async def effects_of(tx: Tx, workspace_id: UUID, found: Import, block: int) -> list[Effect]:
    """What a block wrote and was not taken back; locked until commit."""
    content = await store.take_written(tx, workspace_id, found.id, block)
    if content is None:
        return []
    rows: list[list[Any]] = jsonio.loads_stored(content)
    return [Effect(row[0], UUID(row[1]), row[2], row[3], row[4]) for row in reversed(rows)]


# By record that an undo has restored: its version now, and the version that this stands for.
Stands = dict[UUID, tuple[int, int]]


async def stands_of(tx: Tx, workspace_id: UUID, found: Import) -> Stands:
    """What an undo that goes on has restored so far."""
    stands: Stands = {}
    for content in await store.undone(tx, workspace_id, found.id):
        stands |= {UUID(i): (now, old) for i, now, old in jsonio.loads_stored(content)}
    return stands


async def take_back(
    tx: Tx,
    target: Target,
    found: Import,
    block: int,
    stands: Stands,
    restricted: frozenset[UUID] = frozenset(),
) -> Stands:
    """Delete what the block created and restore what it updated, but for what changed since; and
    for `restricted`, which links hold. Blocks are taken back from the last on. Returns what this
    one restored."""
    workspace_id = target.workspace_id
    effects = await effects_of(tx, workspace_id, found, block)
    now = await records.lock(
        tx, workspace_id, target.object_id, sorted({e.record_id for e in effects})
    )
    errors: list[RowError] = []
    restored: Stands = {}
    undone = 0
    for group in _rounds(effects):
        deletes, patches = [], []
        for effect in group:
            record = now.get(effect.record_id)
            ours = restored.get(effect.record_id) or stands.get(effect.record_id)
            why = _in_the_way(effect, record, ours, restricted)
            if why:
                errors.append(RowError(effect.line, "undo", (Problem("", *why),)))
                continue
            assert record is not None
            if effect.outcome in {Outcome.UPDATED, Outcome.RESTORED}:
                patches.append((effect, _patch(target.object, effect.before or {}, record)))
            if effect.outcome != Outcome.UPDATED:
                deletes.append(effect)
        back = _Back(target, errors, restored)
        await back.update(tx, patches)
        await back.delete(tx, deletes)
        undone += back.done
        now |= await records.lock(
            tx, workspace_id, target.object_id, sorted({e.record_id for e in group})
        )
    await store.add_errors(tx, workspace_id, found.id, errors)
    kept = [(str(i), now_, old) for i, (now_, old) in restored.items()]
    await store.block_undone(tx, workspace_id, found.id, block, jsonio.dumps(kept))
    counts = ImportCounts(undone=undone, undo_skipped=len(errors))
    if not await store.count(tx, workspace_id, found.id, ImportState.UNDOING, counts):
        raise Stopped
    crash.point("records.import_undo_block")
    return restored


def _rounds(effects: Sequence[Effect]) -> list[list[Effect]]:
    """The effects in rounds that name each record once, the last ones first."""
    rounds: list[list[Effect]] = []
    depth: Counter[UUID] = Counter()
    for effect in effects:
        level = depth[effect.record_id]
        depth[effect.record_id] += 1
        if level == len(rounds):
            rounds.append([])
        rounds[level].append(effect)
    return rounds


def _in_the_way(
    effect: Effect,
    record: Stored | None,
    ours: tuple[int, int] | None,
    restricted: frozenset[UUID],
) -> tuple[str, str] | None:
    """Why an effect stays: (code, sentence). `ours` is what this undo made of the record."""
    if record is None:
        return "GONE", f"the record {effect.record_id} was purged since"
    if record.delete_time is not None:
        return "DELETED", f"the record {effect.record_id} was deleted since"
    if effect.version != record.version and (record.version, effect.version) != ours:
        return "CHANGED", f"the record {effect.record_id} was changed since"
    if effect.record_id in restricted and effect.outcome != Outcome.UPDATED:
        return "RESTRICTED", f"links forbid deleting the record {effect.record_id}"
    return None


def _patch(obj: CompiledObject, before: dict[str, Any], record: Stored) -> dict[str, Any]:
    """What brings the fields back that differ."""
    found = {}
    for name, codec in obj.codecs.items():
        old = before.get(codec.key)
        if codec.spec.writable and record.doc.get(codec.key) != old:
            found[name] = old
    return found


class _Back:
    """One round of taking back; what is refused is listed, and the rest goes on."""

    def __init__(self, target: Target, errors: list[RowError], restored: Stands) -> None:
        self._target = target
        self._errors = errors
        self._restored = restored
        self.done = 0

    async def update(self, tx: Tx, patches: Sequence[tuple[Effect, dict[str, Any]]]) -> None:
        async def work(some: Sequence[tuple[Effect, dict[str, Any]]]) -> list[Written]:
            items = [Item(str(e.record_id), p, "", f"items.{n}") for n, (e, p) in enumerate(some)]
            return await writes.update(tx, self._target, items)

        for (effect, _), written in await self._each(tx, patches, work, lambda one: one[0]):
            self._restored[effect.record_id] = (written.record.version, effect.version - 1)
            self.done += effect.outcome == Outcome.UPDATED

    async def delete(self, tx: Tx, effects: Sequence[Effect]) -> None:
        async def work(some: Sequence[Effect]) -> list[Written]:
            items = [Item(str(e.record_id)) for e in some]
            return await writes.delete(tx, self._target, items)

        self.done += len(await self._each(tx, effects, work, lambda one: one))

    async def _each(
        self,
        tx: Tx,
        all_: Sequence[Any],
        work: Callable[[Any], Awaitable[list[Written]]],
        effect_of: Callable[[Any], Effect],
    ) -> list[tuple[Any, Written]]:
        """All at once where that goes, else in halves down to the one that does not go."""
        found: list[tuple[Any, Written]] = []
        waiting = [all_] if all_ else []
        while waiting:
            some = waiting.pop()
            try:
                async with tx.savepoint():
                    written = await work(some)
            except ServiceError as exc:
                if isinstance(exc, Unavailable | DeadlineExceeded):
                    raise
                if len(some) == 1:
                    problem = Problem("", exc.reason, exc.message)
                    self._errors.append(RowError(effect_of(some[0]).line, "undo", (problem,)))
                else:
                    half = len(some) // 2
                    waiting += [some[half:], some[:half]]
                continue
            found += zip(some, written, strict=True)
        return found
