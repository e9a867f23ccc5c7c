"""Run each transaction on behalf of one workspace, on pooled psycopg connections.

Every transaction is pipelined: a statement goes out with the next result that somebody waits for,
so that what has to wait is written as a wait, and nothing else does.

`Database.transaction(workspace_id)` is the only way in for requests: it begins, tells Postgres the
workspace (row security sees nothing else) and the time left (`statement_timeout`), and commits or
rolls back. SQL goes through `Tx`, as text with named parameters or as a SQLAlchemy Core statement;
both run on the same connection and transaction.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from typing import Any, Self, TypeAlias
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, AsyncPipeline, AsyncRawCursor
from psycopg.rows import dict_row, tuple_row
from psycopg.types.array import ListBinaryDumper
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.sql import ClauseElement

from kit import deadlines, telemetry
from kit.bundle import Bundle, Params
from kit.errors import DeadlineExceeded, ResourceExhausted, ServiceError, Unavailable

Row: TypeAlias = dict[str, Any]
_DIALECT = psycopg_dialect()  # type: ignore[no-untyped-call]

# Measured: a parallel plan turns a millisecond into fifty.
_PLANNER = "-c max_parallel_workers_per_gather=0 -c enable_memoize=off -c jit=off -c timezone=UTC"
# The server gives up a transaction, and its locks, whose client is gone without a word; nothing of
# ours waits for anybody else while it is in one.
_SERVER = "-c idle_in_transaction_session_timeout=60s"
_STATEMENT_SECONDS = 60.0
_PREPARED = 200  # statements of a connection that are kept planned
# Beyond a statement's own time without another one: its connection is dead, and will not say so.
_SILENCE_SECONDS = 5.0

_BEGIN = (
    "SELECT now() AS now, set_config('app.workspace_id', %s, true),"
    " set_config('statement_timeout', %s, true)"
)


class Tx:
    """One open transaction. Its methods take SQL with %(name)s or %s parameters."""

    def __init__(
        self,
        connection: AsyncConnection[Row],
        database: "Database",
        pipeline: AsyncPipeline,
        begun: psycopg.AsyncCursor[Row],
        watch: "_Watch",
    ) -> None:
        self.connection = connection
        self._watch = watch
        self._database = database
        self._pipeline = pipeline
        self._begun = begun
        self._time: datetime | None = None
        self._after_commit: list[Callable[[], None]] = []
        self._after_failure: list[Callable[[], None]] = []
        self.violations: dict[str, ServiceError] = {}
        self._bundle = Bundle()

    async def time(self) -> datetime:
        """When the transaction began, by the database's clock."""
        if self._time is None:
            row = await self._begun.fetchone()
            assert row is not None
            self._time = row["now"]
        return self._time

    async def all(self, sql: str | ClauseElement, params: Params = None) -> list[Row]:
        cursor = await self._execute(sql, params)
        return await cursor.fetchall()

    async def tuples(self, sql: str, params: Params = None) -> list[tuple[Any, ...]]:
        """Rows as tuples, for pages: half the cost of dictionaries."""
        await self._next()
        cursor = self.connection.cursor(row_factory=tuple_row)
        await cursor.execute(sql, params)
        return await cursor.fetchall()

    async def one(self, sql: str | ClauseElement, params: Params = None) -> Row:
        """The only row; an assertion of the code, not of the data."""
        row = await self.maybe(sql, params)
        if row is None:
            raise LookupError("the statement returned no row")
        return row

    async def maybe(self, sql: str | ClauseElement, params: Params = None) -> Row | None:
        cursor = await self._execute(sql, params)
        return await cursor.fetchone()

    async def value(self, sql: str | ClauseElement, params: Params = None) -> Any:
        """The first column of the first row, or None."""
        row = await self.maybe(sql, params)
        return next(iter(row.values())) if row else None

    async def run(self, sql: str | ClauseElement, params: Params = None) -> int:
        """The number of rows written."""
        cursor = await self._execute(sql, params)
        await self._pipeline.sync()
        return cursor.rowcount

    async def send(self, sql: str, params: Params = None) -> None:
        """Queue a statement whose result nobody needs: no wait. Name what it may violate in
        `violations`, by constraint: the error is raised when the transaction next waits."""
        await self._next()
        await self.connection.execute(sql, params)

    async def collect(self, sql: str, params: Params = None, appends_to: str = "") -> None:
        """`send`, as one statement with others: see kit.bundle for what may go so. What appends to
        a list, whose order counts, says to which."""
        if appends_to and self._bundle.appends_to(appends_to):
            await self.flush()
        self._bundle.add(sql, params, appends_to)

    async def flush(self) -> None:
        """Send what was collected."""
        if self._bundle:
            self._watch.touch()
            await AsyncRawCursor(self.connection).execute(*self._bundle.take())

    def pipeline(self) -> contextlib.AbstractAsyncContextManager[AsyncPipeline]:
        """Wait, at the end of the block, for what was sent in it."""
        return self.connection.pipeline()

    async def ask(self, sql: str, params: Params = None) -> psycopg.AsyncCursor[Row]:
        """Queue a statement and fetch its rows later, from the cursor, with others' results."""
        await self._next()
        return await self.connection.execute(sql, params)

    @contextlib.asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo the block alone when it raises; what it violates has the names of `violations`."""
        await self.flush()
        await self._pipeline.sync()  # the driver must know that a transaction is open
        try:
            async with self.connection.transaction():
                yield
                await self.flush()
        except psycopg.errors.IntegrityError as exc:
            raise self.named(exc) from exc
        finally:
            self._bundle = Bundle()  # what is left was collected by a block that is undone

    def named(self, violated: psycopg.errors.IntegrityError) -> Exception:
        """The error that `violations` has for a constraint, else the driver's own."""
        return self.violations.get(violated.diag.constraint_name or "", violated)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Call `action` once the transaction has committed, and never when it has not."""
        self._after_commit.append(action)

    def after_failure(self, action: Callable[[], None]) -> None:
        """Call `action` where nobody knows that the transaction has committed: it was rolled back,
        or its connection broke, or its task was cancelled, in the commit."""
        self._after_failure.append(action)

    def wake_relay(self) -> None:
        """Have the relay of this process look at the outbox right after the commit."""
        self.after_commit(self._database.outbox_changed)

    async def _next(self) -> None:
        """Another statement is about to go out."""
        if self._bundle:
            await self.flush()
        self._watch.touch()

    async def _execute(self, sql: str | ClauseElement, params: Params) -> psycopg.AsyncCursor[Row]:
        await self._next()
        if not isinstance(sql, str):
            compiled = sql.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
            sql, params = str(compiled), compiled.params
        return await self.connection.execute(sql, params)

    def committed(self) -> None:
        for action in self._after_commit:
            action()

    def failed(self) -> None:
        for action in self._after_failure:
            action()


class Database:
    """A pool of connections to one service's schema, under one role."""

    def __init__(self, url: str, schema: str, *, size: int = 16, planner: str = "") -> None:
        self.schema = schema
        self.outbox_changed: Callable[[], None] = lambda: None
        self._pool: AsyncConnectionPool[AsyncConnection[Row]] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=size,
            open=False,
            timeout=10,
            max_lifetime=1800,
            kwargs={
                "row_factory": dict_row,
                "autocommit": True,
                "prepare_threshold": 3,
                "options": f"-c search_path={schema} {_SERVER} {_PLANNER} {planner}",
                "application_name": f"armature-{schema}",
            },
            check=None,
            configure=_configure,
        )

    @property
    def pool(self) -> "AsyncConnectionPool[Any]":
        """For its statistics."""
        return self._pool

    async def open(self) -> None:
        """Start the pool; it connects in the background and again whenever it must."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close()

    async def ping(self) -> bool:
        """Whether Postgres answers."""
        try:
            async with self._pool.connection(timeout=2) as connection:
                await connection.execute("SELECT 1")
        except (psycopg.Error, PoolTimeout):
            return False
        return True

    @contextlib.asynccontextmanager
    async def transaction(self, workspace_id: UUID, *, durable: bool = True) -> AsyncIterator[Tx]:
        """Commit on success, roll back on any exception; row security sees `workspace_id`.
        `durable` as in `across_workspaces`."""
        async with self._begin(str(workspace_id)) as tx:
            if not durable:
                await tx.send("SET LOCAL synchronous_commit = off")
            yield tx

    @contextlib.asynccontextmanager
    async def across_workspaces(self, *, durable: bool = True) -> AsyncIterator[Tx]:
        """For workers, whose role sees the queue tables of all workspaces and nothing else.

        Not durable: the commit does not wait for the disk. For what is merely done again when a
        crash of the server forgets it.
        """
        async with self._begin("") as tx:
            if not durable:
                await tx.send("SET LOCAL synchronous_commit = off")
            yield tx

    @contextlib.asynccontextmanager
    async def reading(self, workspace_id: UUID) -> AsyncIterator[Tx]:
        """A transaction for reads alone, without the round trips of BEGIN and COMMIT: what one
        pipeline sends is one implicit transaction. No savepoints, and `run` would end it."""
        timeout = str(int(deadlines.shorter_of(_STATEMENT_SECONDS) * 1000))
        with _translated():
            async with self._pool.connection(timeout=deadlines.shorter_of(10.0)) as connection:
                with _transaction_span(self.schema), _Watch(connection) as watch:
                    async with connection.pipeline() as pipeline:
                        begun = await connection.execute(_BEGIN, (str(workspace_id), timeout))
                        yield Tx(connection, self, pipeline, begun, watch)

    async def lone(self, workspace_id: UUID, function: str) -> Any:
        """What a function of the schema answers that takes the workspace, and tells Postgres of it
        as the first thing it does: one statement without a pipeline, a third of what `reading`
        costs."""
        with _translated():
            async with self._pool.connection(timeout=deadlines.shorter_of(10.0)) as connection:
                with _transaction_span(self.schema), _Watch(connection):
                    cursor = await connection.execute(f"SELECT {function}(%s)", (workspace_id,))
                    row = await cursor.fetchone()
        return next(iter(row.values())) if row else None

    @contextlib.asynccontextmanager
    async def _begin(self, workspace_id: str) -> AsyncIterator[Tx]:
        timeout = str(int(deadlines.shorter_of(_STATEMENT_SECONDS) * 1000))
        tx: Tx | None = None
        try:
            with _translated():
                async with self._pool.connection(timeout=deadlines.shorter_of(10.0)) as connection:
                    with _transaction_span(self.schema), _Watch(connection) as watch:
                        async with (
                            _rolled_back(connection),
                            connection.pipeline() as pipeline,
                        ):
                            await connection.execute("BEGIN")
                            begun = await connection.execute(_BEGIN, (workspace_id, timeout))
                            tx = Tx(connection, self, pipeline, begun, watch)
                            yield tx
                            await tx.flush()
                            watch.touch()
                            commit = await connection.execute("COMMIT")
                        if commit.statusmessage != "COMMIT":
                            message = "a failed statement was passed over"
                            raise psycopg.InternalError(message)  # noqa: TRY301
        except psycopg.errors.IntegrityError as exc:
            if tx is None:
                raise
            tx.failed()
            named = tx.named(exc)
            if named is exc:
                raise
            raise named from exc
        except BaseException:
            if tx is not None:
                tx.failed()
            raise
        if tx is not None:
            tx.committed()


async def _configure(connection: AsyncConnection[Row]) -> None:
    """Send arrays in binary: in text, every quote in every text of an array is escaped one by one,
    which took two thirds of a consumer's time with a batch of events."""
    connection.adapters.register_dumper(list, ListBinaryDumper)
    connection.prepared_max = _PREPARED


class _Watch:
    """Ends a connection on which a statement gets no answer in its time and a little more.

    Postgres ends statements that take too long; but of a connection that the network or a proxy has
    forgotten nothing comes at all, and the driver would wait for ever. Its socket is shut down, so
    that it fails at once as any broken one does, and the pool makes another.
    """

    __slots__ = ("_connection", "_limit", "_loop", "_timer", "_touched")

    def __init__(self, connection: AsyncConnection[Row]) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._limit = deadlines.shorter_of(_STATEMENT_SECONDS) + _SILENCE_SECONDS
        self._touched = self._loop.time()

    def touch(self) -> None:
        """A statement goes out."""
        self._touched = self._loop.time()

    def __enter__(self) -> Self:
        self._timer = self._loop.call_at(self._touched + self._limit, self._look)
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        due = self._touched + self._limit
        if self._loop.time() < due - 0.001:
            self._timer = self._loop.call_at(due, self._look)
            return
        with (
            contextlib.suppress(OSError, psycopg.Error),  # closed meanwhile
            socket.socket(fileno=os.dup(self._connection.fileno())) as ours,
        ):
            ours.shutdown(socket.SHUT_RDWR)


@contextlib.asynccontextmanager
async def _rolled_back(connection: AsyncConnection[Row]) -> AsyncIterator[None]:
    """Leave no transaction behind when the block raises.

    BEGIN and COMMIT are statements of the pipeline like others; the driver's own transaction would
    wait for each of them.
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(psycopg.Error):  # the pool throws a broken connection away
            await connection.rollback()
        raise


@contextlib.contextmanager
def _transaction_span(schema: str) -> Iterator[None]:
    if not telemetry.is_recording():
        yield
        return
    with telemetry.span(f"{schema} transaction", db__system__name="postgresql"):
        yield


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn what the driver raises for want of time or of a server into errors with a reason."""
    try:
        yield
    except ServiceError:
        raise
    except psycopg.errors.QueryCanceled as exc:
        raise DeadlineExceeded("DEADLINE_EXCEEDED", "the statement took too long") from exc
    except PoolTimeout as exc:
        raise ResourceExhausted(
            "DATABASE_BUSY", "no database connection was free in time", retry_after=1
        ) from exc
    except (
        psycopg.errors.DeadlockDetected,
        psycopg.errors.LockNotAvailable,
        psycopg.errors.SerializationFailure,
    ) as exc:
        raise Unavailable("CONFLICT", "concurrent writes collided; try again") from exc
    except psycopg.OperationalError as exc:
        raise Unavailable("DATABASE_UNAVAILABLE", "the database does not answer") from exc


@contextlib.contextmanager
def on_violation(constraint: str, error: ServiceError) -> Iterator[None]:
    """Raise `error` where the named constraint (or its name on a partition) is violated."""
    try:
        yield
    except psycopg.errors.IntegrityError as exc:
        if exc.diag.constraint_name == constraint:
            raise error from exc
        raise
