"""Answer a repeated request with the first answer (AIP-155).

The key is scoped to the workspace and the method, and kept with a hash of the request and the
response in the transaction of the change. Whether the key is known is asked first and read last,
with whatever the work waits for: a repeat does the work in vain, and takes it back. Of two
concurrent twins one commits; the other fails on whatever they both write, the key's own row at the
latest, looks again, and answers like the first.

Requests of one client that are done in one transaction are all done or none (`at_once`).
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

import psycopg
from google.protobuf.message import Message

from kit import trailers
from kit.caller import Caller
from kit.db import Database, Row, Tx
from kit.errors import Aborted, InvalidArgument, ServiceError

MAX_KEY = 255

_RECALL = """
SELECT request_hash, response FROM idempotency_keys
WHERE workspace_id = %s AND method = %s AND request_id = %s"""
_REMEMBER = """
INSERT INTO idempotency_keys (workspace_id, method, request_id, request_hash, response)
VALUES (%s, %s, %s, %s, %s)"""

_RECALL_ANY = """
SELECT 1 AS known FROM idempotency_keys
WHERE workspace_id = %s AND method = %s AND request_id = ANY(%s) LIMIT 1"""
_WAIT_BRIEFLY = "SET LOCAL lock_timeout = '250ms'"
_REMEMBER_ALL = """
INSERT INTO idempotency_keys (workspace_id, method, request_id, request_hash, response)
SELECT %s, %s, n.* FROM unnest(%s::text[], %s::bytea[], %s::bytea[]) AS n"""


class Mutation(Protocol):
    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...  # noqa: N802


M = TypeVar("M", bound=Message)


async def once(
    db: Database,
    caller: Caller,
    request: Mutation,
    kind: type[M],
    work: Callable[[Tx], Awaitable[M]],
) -> M:
    """Do `work` in one transaction and answer its response; for a repeat, the first response.

    INVALID_ARGUMENT / REQUEST_ID_REUSED when the key came with a different request before.
    """
    if not request.request_id:
        async with db.transaction(caller.workspace_id) as tx:
            return await work(tx)
    key, digest = _key(caller.workspace_id, request), _digest(caller, request)
    twin = _Twin("TWIN", "the same request was answered in the meantime")
    try:
        async with db.transaction(caller.workspace_id) as tx:
            asked = await tx.ask(_RECALL, key)
            response = await work(tx)
            _check_new(await asked.fetchone())
            tx.violations["pk_idempotency_keys"] = twin
            await tx.collect(_REMEMBER, [*key, digest, response.SerializeToString()])
    except _Repeated as repeated:
        return _first(repeated.row, digest, kind)
    except (ServiceError, psycopg.errors.IntegrityError):
        # Nothing of ours was written. Perhaps because a twin wrote it: then its answer is ours.
        async with db.transaction(caller.workspace_id) as tx:
            row = await tx.maybe(_RECALL, key)
        if row is None:
            raise
        return _first(row, digest, kind)
    return response


async def at_once(
    db: Database,
    requests: Sequence[tuple[Caller, Mutation]],
    work: Callable[[Tx], Awaitable[Sequence[M]]],
) -> Sequence[M]:
    """Do `work` for several requests of one method and workspace in one transaction; their
    responses, in order.

    What any of them fails on undoes all; ABORTED / TWIN where one was answered before, UNAVAILABLE
    / CONFLICT where one has to wait for somebody's lock: what all of them lock must not be kept
    from others meanwhile. Then each is to be done by itself, with `once`.
    """
    workspace_id, method = requests[0][0].workspace_id, type(requests[0][1]).__name__
    keyed = [(n, *one) for n, one in enumerate(requests) if one[1].request_id]
    names = [_key(workspace_id, request)[2] for _, _, request in keyed]
    twin = _Twin("TWIN", "one of these requests was answered before")
    async with db.transaction(workspace_id) as tx:
        await tx.send(_WAIT_BRIEFLY)
        asked = None
        if keyed:
            asked = await tx.ask(_RECALL_ANY, [workspace_id, method, names])
        responses = await work(tx)
        if asked is not None:
            if await asked.fetchone() is not None:
                raise twin
            tx.violations["pk_idempotency_keys"] = twin
            digests = [_digest(caller, request) for _, caller, request in keyed]
            documents = [responses[n].SerializeToString() for n, _, _ in keyed]
            await tx.collect(_REMEMBER_ALL, [workspace_id, method, names, digests, documents])
    return responses


class _Repeated(Exception):
    """Never leaves this module: the key is known, and what was done for it again is undone."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.row = row


def _check_new(row: Row | None) -> None:
    if row is not None:
        raise _Repeated(row)


class _Twin(Aborted):
    """Never leaves this module: the twin's row is there by then."""


def _first(row: Row, digest: bytes, kind: type[M]) -> M:
    """The first response; INVALID_ARGUMENT / REQUEST_ID_REUSED where it answered something else."""
    if bytes(row["request_hash"]) != digest:
        raise InvalidArgument.at(
            "REQUEST_ID_REUSED",
            "request_id",
            "REUSED",
            "this idempotency key came with a different request before",
        )
    trailers.add("x-idempotency-replayed", "true")
    return kind.FromString(bytes(row["response"]))


def _key(workspace_id: UUID, request: Mutation) -> tuple[UUID, str, str]:
    if len(request.request_id) > MAX_KEY:
        message = f"an idempotency key has at most {MAX_KEY} characters"
        raise InvalidArgument.at("REQUEST_ID_INVALID", "request_id", "TOO_LONG", message)
    return workspace_id, type(request).__name__, request.request_id


def _digest(caller: Caller, request: Mutation) -> bytes:
    """Of what is asked; not of the metadata version that the asker happens to have seen. Of who
    asks where its role hides something: an answer given to others may show it."""
    if getattr(request, "at_version", 0):
        copy = type(request)()
        copy.CopyFrom(request)  # type: ignore[attr-defined]
        copy.ClearField("at_version")  # type: ignore[attr-defined]
        request = copy
    document = request.SerializeToString(deterministic=True)
    if caller.access is not None:
        document = caller.principal_id.encode() + b"\0" + document
    return hashlib.sha256(document).digest()


async def drop(tx: Tx, caller: Caller, method: str, request_id: str) -> None:
    """Drop one key, of a request that whoever sent it has seen answered and never repeats."""
    sql = "DELETE FROM idempotency_keys WHERE workspace_id = %s AND method = %s AND request_id = %s"
    await tx.send(sql, [caller.workspace_id, method, request_id])


async def forget(tx: Tx, *, hours: int = 72, limit: int = 5000) -> int:
    """Drop keys older than that; called by workers, in steps. Returns how many went."""
    return await tx.run(
        "DELETE FROM idempotency_keys WHERE ctid IN (SELECT ctid FROM idempotency_keys"
        " WHERE create_time < now() - make_interval(hours => %s) LIMIT %s)",
        [hours, limit],
    )
