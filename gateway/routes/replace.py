"""Replace a record as a whole: what the body does not name is cleared.

The platform knows merge patches only, so the missing members are given as null. The record that
they are worked out from is the one of If-Match, which is why that header is demanded.
"""

from typing import Any

import orjson
from armature.records.v1 import record_service_pb2 as pb

from gateway import json_in
from gateway.binding import Body, Details, one, route
from gateway.exchange import Exchange
from gateway.hub import Hub
from gateway.openapi import shapes
from gateway.planes import RECORDS
from gateway.routing import Route
from gateway.snapshots import Snapshots
from kit import etags
from schema.compiled import CompiledObject
from schema.model import FieldType

# Written by the platform alone, or replaced as a whole by any value.
_COMPUTED = {
    FieldType.ACTOR, FieldType.AUTO_NUMBER, FieldType.FORMULA, FieldType.ROLLUP, FieldType.POSITION,
}  # fmt: skip
_WHOLE = {FieldType.JSON, FieldType.RELATION}


def replace_route(hub: Hub) -> Route:
    update = RECORDS["UpdateRecord"]
    snapshots = Snapshots(hub)

    async def finish(exchange: Exchange, request: Any) -> None:
        held = await snapshots.of(exchange)
        found = held.workspace.object(request.object)
        current = await hub.call(
            exchange,
            RECORDS["GetRecord"],
            pb.GetRecordRequest(
                object=request.object, id=request.id, at_version=request.at_version
            ),
        )
        etags.check(request.etag, current.record.version)
        if found is not None:
            present = orjson.loads(current.record.fields_json or b"{}")
            request.fields_json = replacing(found, present, request.fields_json)
        request.etag = str(current.record.version)

    return route(
        hub, "PUT", "/v1/objects/{object}/records/{id}", update, one("record", etag=True),
        Details(
            "records",
            "Replace a record: fields that are not given are cleared. Demands If-Match.",
            {"fields": {"name": "Acme renewal", "stage": "won"}},
            "replaceRecord",
        ),
        body=Body(
            {"fields": json_in.object_writer("fields_json")},
            schema=shapes.input_object(update.input, (), {"fields": {"type": "object"}}),
        ),
        finish=finish, match_required=True,
    )  # fmt: skip


def replacing(found: CompiledObject, present: dict[str, Any], fields: bytes) -> bytes:
    """The merge patch that makes the record's fields be `fields` alone. What the client wrote is
    kept as it stands; only nulls are added, for fields and for parts of composites."""
    given = json_in.read_object(fields)
    patch: dict[str, Any] = {}
    for name, field in found.fields.items():
        computed = field.type in _COMPUTED or bool(field.formula or field.rollup)
        if name not in given and not computed and present.get(name) is not None:
            patch[name] = None
    for name, raw in given.items():
        known = found.fields.get(name)
        old = present.get(name)
        text = bytes(raw)
        if known is None or known.type in _WHOLE or not isinstance(old, dict):
            patch[name] = orjson.Fragment(text)
        elif text[:1] == b"{":
            parts = json_in.read_object(text)
            nulls = {part: None for part in old if part not in parts}
            if "amount" in parts:  # stands for amount_micros
                nulls.pop("amount_micros", None)
            written = {part: orjson.Fragment(bytes(value)) for part, value in parts.items()}
            patch[name] = written | nulls
        else:
            patch[name] = orjson.Fragment(text)
    return orjson.dumps(patch)
