"""Serve AuditService."""

from datetime import datetime
from typing import Any
from uuid import UUID

from armature.metadata.v1 import audit_service_pb2 as pb
from armature.metadata.v1 import audit_service_pb2_grpc as rpc

from kit import idempotency, paging
from kit.caller import current_caller
from kit.calls import Context
from kit.clock import from_timestamp
from kit.db import Database, Tx
from kit.errors import InvalidArgument, NotFound
from services.metadata.convert.audit import batch, entry_message, use_message
from services.metadata.operations import activity
from services.metadata.operations.access import key_id
from services.metadata.store import access as access_store
from services.metadata.store import audit as store


class AuditServicer(rpc.AuditServiceServicer):
    def __init__(self, db: Database) -> None:
        self._db = db

    async def ListAuditEntries(
        self, request: pb.ListAuditEntriesRequest, context: Context
    ) -> pb.ListAuditEntriesResponse:
        caller = current_caller()
        caller.require("admin")
        limit = paging.clamp(request.page_size)
        wanted = _filters(request)
        query = [str(caller.workspace_id), "audit"]
        query += [f"{name}={value}" for name, value in sorted(wanted.items())]
        if after := paging.decode(request.page_token, *query):
            wanted |= {
                "before_time": datetime.fromisoformat(after[0]),
                "before_id": UUID(after[1]),
            }
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.newest(tx, caller.workspace_id, wanted, limit=limit + 1)
        shown, token = found[:limit], ""
        if len(found) > limit:
            last = [shown[-1].create_time.isoformat(), str(shown[-1].entry_id)]
            token = paging.encode(last, *query)
        return pb.ListAuditEntriesResponse(entries=map(entry_message, shown), next_page_token=token)

    async def ListKeyUses(
        self, request: pb.ListKeyUsesRequest, context: Context
    ) -> pb.ListKeyUsesResponse:
        caller = current_caller()
        caller.require("admin")
        limit = paging.clamp(request.page_size)
        key = key_id(request.id)
        query = (str(caller.workspace_id), "key_uses", str(key))
        after = paging.decode(request.page_token, *query)
        async with self._db.transaction(caller.workspace_id) as tx:
            if await access_store.get_key(tx, caller.workspace_id, key) is None:
                raise NotFound("API_KEY_NOT_FOUND", f"there is no API key {key}")
            found = await store.uses(
                tx, caller.workspace_id, key, after=after and tuple(after), limit=limit + 1
            )
        shown, token = found[:limit], ""
        if len(found) > limit:
            token = paging.encode([shown[-1].day, shown[-1].plane], *query)
        return pb.ListKeyUsesResponse(uses=map(use_message, shown), next_page_token=token)

    async def RecordActivity(
        self, request: pb.RecordActivityRequest, context: Context
    ) -> pb.RecordActivityResponse:
        caller = current_caller()
        caller.require_plane()
        seen = batch(request, caller.workspace_id)

        async def work(tx: Tx) -> pb.RecordActivityResponse:
            await activity.record(tx, caller.workspace_id, request.plane, seen)
            if request.answered_request_id:
                kind = pb.RecordActivityRequest.__name__
                await idempotency.drop(tx, caller, kind, request.answered_request_id)
            return pb.RecordActivityResponse()

        return await idempotency.once(self._db, caller, request, pb.RecordActivityResponse, work)


def _filters(request: pb.ListAuditEntriesRequest) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        name: value
        for name in ("actor_id", "action", "target_id")
        if (value := getattr(request, name))
    }
    for name in ("from_time", "to_time"):
        if request.HasField(name):
            try:
                wanted[name] = from_timestamp(getattr(request, name))
            except OverflowError as exc:
                raise InvalidArgument.at(
                    "AUDIT_QUERY_INVALID", name, "OUT_OF_RANGE", "must be a time"
                ) from exc
    return wanted
