"""Records over HTTP: the forms that are promised, and what headers do."""

import orjson
from armature.common.v1 import problem_pb2
from armature.records.v1 import record_service_pb2 as pb
from armature.records.v1.record_pb2 import Outcome

from kit.errors import Unavailable
from tests.integration.gateway.conftest import Client, opened
from tests.integration.gateway.double import Double
from tests.integration.gateway.messages import ID, RECORDS, record

SHOWN = {
    "id": ID,
    "object": "opportunity",
    "version": 3,
    "create_time": "2026-11-20T09:30:00Z",
    "update_time": "2026-11-20T09:30:00.123456Z",
    "created_by": {"kind": "user", "id": ID, "name": "Ada"},
    "updated_by": {"kind": "user", "id": ID, "name": "Ada"},
    "position": 1.5,
    "fields": {"price": 1.1},
}


async def test_a_record(client: Client, double: Double) -> None:
    double.answers["GetRecord"] = pb.GetRecordResponse(record=record(), metadata_version=7)
    reply = await client.get(f"{RECORDS}/{ID}?fields=name,company.name&show_deleted=true")
    assert reply.json() == SHOWN
    assert b'"fields":{"price":1.10}' in reply.content  # as Postgres wrote it
    assert reply.headers["etag"] == '"3"'
    assert reply.headers["x-metadata-version"] == "7"
    asked = double.last.request
    assert (asked.fields, asked.show_deleted) == ("name,company.name", True)


async def test_what_the_client_has_is_not_sent_again(client: Client, double: Double) -> None:
    double.answers["GetRecord"] = pb.GetRecordResponse(record=record())
    for tag in ('"3"', 'W/"3"', '"1", "3"', "*"):
        reply = await client.get(f"{RECORDS}/{ID}", headers={"if-none-match": tag})
        assert (reply.status_code, reply.content) == (304, b"")
    assert (await client.get(f"{RECORDS}/{ID}", headers={"if-none-match": '"2"'})).is_success


async def test_head_and_options(client: Client, double: Double) -> None:
    double.answers["GetRecord"] = pb.GetRecordResponse(record=record())
    reply = await client.head(f"{RECORDS}/{ID}")
    assert (reply.status_code, reply.content) == (200, b"")
    assert int(reply.headers["content-length"]) > 100
    reply = await client.options(f"{RECORDS}/{ID}")
    assert reply.status_code == 204
    assert reply.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"
    reply = await client.post(f"{RECORDS}/{ID}", content=b"{}")
    assert reply.status_code == 405
    assert reply.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"


async def test_create_passes_numbers_untouched(client: Client, double: Double) -> None:
    double.answers["CreateRecord"] = pb.CreateRecordResponse(record=record())
    body = b'{"id": "' + ID.encode() + b'", "fields": {"price": 1.100, "n": 12345678901234567890}}'
    reply = await client.post(RECORDS, content=body, headers={"idempotency-key": "k-1"})
    assert reply.status_code == 201
    assert reply.headers["location"] == f"{RECORDS}/{ID}"
    asked = double.last.request
    assert asked.fields_json == b'{"price": 1.100, "n": 12345678901234567890}'
    assert (asked.id, asked.request_id, asked.object) == (ID, "k-1", "opportunity")


async def test_a_page(client: Client, double: Double) -> None:
    double.answers["QueryRecords"] = pb.QueryRecordsResponse(
        records=[record()], next_page_token="t+/=", count=41, plan_json=b'{"drive":"sort"}'
    )
    reply = await client.get(
        f'{RECORDS}?filter=stage in ("won")&sort=-amount&page_size=1&count=exact&view=v'
        "&time_zone=Europe/Berlin&week_start=sunday&explain=true&page_token=old"
    )
    assert reply.json() == {
        "data": [SHOWN], "next_page_token": "t+/=", "count": 41, "plan": {"drive": "sort"},
    }  # fmt: skip
    assert 'page_token=t%2B%2F%3D>; rel="next"' in reply.headers["link"]
    assert "old" not in reply.headers["link"]
    asked = double.last.request
    assert asked.selection.filter_text == 'stage in ("won")'
    assert (asked.selection.time_zone, asked.selection.week_start) == ("Europe/Berlin", "sunday")
    assert (asked.sort, asked.page_size, asked.count, asked.view) == ("-amount", 1, "exact", "v")
    assert asked.explain
    await client.get(RECORDS, params={"filter": '{"stage":"won"}'})
    assert double.last.request.selection.filter_json == b'{"stage":"won"}'


async def test_an_empty_page_has_no_link_and_no_count(client: Client, double: Double) -> None:
    double.answers["QueryRecords"] = pb.QueryRecordsResponse()
    reply = await client.get(RECORDS)
    assert reply.json() == {"data": [], "next_page_token": ""}
    assert "link" not in reply.headers


async def test_query_by_both_methods(client: Client, double: Double) -> None:
    body = {
        "filter": {"amount": {"gte": 1.10}}, "sort": ["-amount", "name"], "fields": "name",
        "page_size": 5, "time_zone": "UTC", "show_deleted": True,
    }  # fmt: skip
    for method in ("POST", "QUERY"):
        reply = await client.request(method, f"{RECORDS}:query", content=orjson.dumps(body))
        assert reply.status_code == 200
        asked = double.last.request
        assert asked.selection.filter_json == b'{"amount":{"gte":1.1}}'
        assert (asked.sort, asked.fields, asked.page_size) == ("-amount,name", "name", 5)
    await client.post(f"{RECORDS}:query", content=b'{"filter": "stage is_empty"}')
    assert double.last.request.selection.filter_text == "stage is_empty"


async def test_a_board(client: Client, double: Double) -> None:
    column = pb.BoardColumn(
        key_json=b'"won"', label="Won", color="green", count=9, values_json=b'{"sum_amount":[]}',
        records=[record()], next_page_token="more",
    )  # fmt: skip
    empty = pb.BoardColumn(key_json=b"null", label="No stage")
    double.answers["QueryBoard"] = pb.QueryBoardResponse(columns=[column, empty])
    body = {"group_by": "stage", "measures": [{"fn": "sum", "field": "amount", "as": "total"}]}
    reply = await client.post(f"{RECORDS}:board", json=body)
    won, none = reply.json()["columns"]
    assert won == {
        "key": "won", "label": "Won", "color": "green", "count": 9, "values": {"sum_amount": []},
        "data": [SHOWN], "next_page_token": "more",
    }  # fmt: skip
    assert none["key"] is None
    measure = double.last.request.measures[0]
    assert (measure.fn, measure.field, getattr(measure, "as")) == ("sum", "amount", "total")
    assert not double.last.request.has_column
    for key, text in (("won", "won"), (None, "null"), (True, "true")):
        await client.post(f"{RECORDS}:board", json={"view": "b", "column": key})
        assert double.last.request.has_column
        assert double.last.request.column == text


async def test_upsert_says_what_it_did(client: Client, double: Double) -> None:
    for number, outcome, status in (
        (1, "created", 201),
        (2, "updated", 200),
        (3, "unchanged", 200),
    ):
        double.answers["UpsertRecord"] = pb.UpsertRecordResponse(
            record=record(), outcome=Outcome.Name(number)
        )
        reply = await client.put(
            f"{RECORDS}?match=email,phone", json={"fields": {"email": "a@b.c"}}
        )
        assert reply.status_code == status
        assert reply.json() == {"outcome": outcome, "record": SHOWN}
        assert list(double.last.request.match) == ["email", "phone"]


async def test_batches(client: Client, double: Double) -> None:
    problem = problem_pb2.ItemError(
        code="ALREADY_EXISTS", reason="VALUE_NOT_UNIQUE", message="taken",
        problems=[problem_pb2.FieldProblem(path="fields.email", code="TAKEN", message="taken")],
    )  # fmt: skip
    results = [
        pb.BatchResult(record=record(), outcome="OUTCOME_CREATED"),
        pb.BatchResult(error=problem),
    ]
    double.answers["BatchCreateRecords"] = pb.BatchCreateRecordsResponse(results=results)
    items = [{"fields": {"email": "a@b.c"}}, {"id": ID, "fields": {}}]
    reply = await client.post(f"{RECORDS}:batchCreate", json={"items": items, "mode": "partial"})
    first, second = reply.json()["results"]
    assert first == {"outcome": "created", "record": SHOWN}
    assert second["error"]["code"] == "VALUE_NOT_UNIQUE"
    assert second["error"]["status"] == 409
    assert second["error"]["errors"][0]["pointer"] == "/fields/email"
    asked = double.last.request
    assert (asked.mode, len(asked.items), asked.items[1].id) == (2, 2, ID)
    assert asked.items[0].fields_json == b'{"email":"a@b.c"}'
    double.answers["BatchGetRecords"] = pb.BatchGetRecordsResponse(
        results=[pb.BatchResult(record=record())]
    )
    reply = await client.post(f"{RECORDS}:batchGet", json={"ids": [ID]})
    assert reply.json() == {"results": [{"record": SHOWN}]}


async def test_if_match_becomes_the_etag(client: Client, double: Double) -> None:
    double.answers["UpdateRecord"] = pb.UpdateRecordResponse(record=record())
    for given, etag in (('"3"', "3"), ('W/"3"', "3"), ("3", "3"), ("*", "")):
        await client.patch(f"{RECORDS}/{ID}", json={"fields": {}}, headers={"if-match": given})
        assert double.last.request.etag == etag
    for bad in ('"x"', '"1", "2"', '"-1"', '"' + "9" * 30 + '"'):
        reply = await client.delete(f"{RECORDS}/{ID}", headers={"if-match": bad})
        assert (reply.status_code, reply.json()["code"]) == (400, "ETAG_INVALID")
        assert reply.json()["errors"][0]["pointer"] == "If-Match"


async def test_replays_are_told(client: Client, double: Double) -> None:
    double.trailers = (("x-idempotency-replayed", "true"),)
    double.answers["CreateRecord"] = pb.CreateRecordResponse(record=record())
    reply = await client.post(RECORDS, json={"fields": {}}, headers={"idempotency-key": "k"})
    assert reply.headers["idempotency-replayed"] == "true"
    double.trailers = ()
    reply = await client.post(RECORDS, json={"fields": {}})
    assert "idempotency-replayed" not in reply.headers
    for bad in ("", "x" * 256):
        reply = await client.post(RECORDS, json={"fields": {}}, headers={"idempotency-key": bad})
        assert (reply.status_code, reply.json()["code"]) == (400, "REQUEST_ID_INVALID")


async def test_our_own_retries_carry_one_key(client: Client, double: Double) -> None:
    created = pb.CreateRecordResponse(record=record())
    double.answers["CreateRecord"] = [Unavailable("DATABASE_BUSY", "busy"), created]
    reply = await client.post(RECORDS, json={"fields": {}})
    assert reply.status_code == 201
    keys = {call.request.request_id for call in double.calls}
    assert len(double.calls) == 2
    assert len(keys) == 1


async def test_a_schema_change_is_read_by_its_own_client(planes: Double) -> None:
    planes.reset()
    async with opened(planes.address) as client:
        await client.get(f"{RECORDS}/{ID}")
        assert planes.last.request.at_version == 0
        planes.answers["CreateField"] = _field(12)
        await client.post("/v1/objects/opportunity/fields", json={"name": "x", "type": "text"})
        await client.get(f"{RECORDS}/{ID}")
        assert planes.last.request.at_version == 12
        await client.get(f"{RECORDS}/{ID}", headers={"authorization": "Bearer another"})
        assert planes.last.request.at_version == 0
        await client.get(f"{RECORDS}/{ID}", headers={"x-at-version": "15"})
        assert planes.last.request.at_version == 15
        reply = await client.get(f"{RECORDS}/{ID}", headers={"x-at-version": "-1"})
        assert reply.status_code == 400


def _field(version: int) -> object:
    from armature.metadata.v1 import field_service_pb2

    return field_service_pb2.CreateFieldResponse(metadata_version=version)


async def test_gzip_where_it_pays(client: Client, double: Double) -> None:
    double.answers["QueryRecords"] = pb.QueryRecordsResponse(records=[record()] * 50)
    plain = await client.get(RECORDS, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    squeezed = await client.get(RECORDS, headers={"accept-encoding": "br, gzip;q=0.5"})
    assert squeezed.headers["content-encoding"] == "gzip"
    assert squeezed.json() == plain.json()
    assert int(squeezed.headers["content-length"]) < len(plain.content) / 5
    refused = await client.get(RECORDS, headers={"accept-encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers
    double.answers["QueryRecords"] = pb.QueryRecordsResponse()
    small = await client.get(RECORDS, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in small.headers


async def test_replace_clears_what_is_not_given(client: Client, double: Double) -> None:
    from armature.metadata.v1 import schema_service_pb2

    fields = [
        {"id": n, "object_id": "o", "name": n, "type": t}
        for n, t in (("name", "text"), ("amount", "currency"), ("note", "text"), ("data", "json"),
                     ("empty", "text"))
    ]  # fmt: skip
    objects = [{"id": "o", "name": "opportunity", "plural_name": "opportunities", "fields": fields}]
    double.answers["GetSnapshot"] = schema_service_pb2.GetSnapshotResponse(
        metadata_version=7,
        snapshot_json=orjson.dumps({"workspace_id": ID, "version": 7, "objects": objects}),
    )
    present = {
        "name": "old", "note": "n", "amount": {"amount_micros": 1, "currency_code": "EUR"},
        "data": {"a": 1}, "empty": None,
    }  # fmt: skip
    double.answers["GetRecord"] = pb.GetRecordResponse(
        record=record(fields_json=orjson.dumps(present))
    )
    double.answers["UpdateRecord"] = pb.UpdateRecordResponse(record=record())
    body = b'{"fields": {"name": "new", "amount": {"amount_micros": 1.0}, "data": {"b": 1.10}}}'
    reply = await client.put(f"{RECORDS}/{ID}", content=body)
    assert (reply.status_code, reply.json()["code"]) == (428, "IF_MATCH_REQUIRED")
    reply = await client.put(f"{RECORDS}/{ID}", content=body, headers={"if-match": '"2"'})
    assert (reply.status_code, reply.json()["code"]) == (412, "ETAG_MISMATCH")
    reply = await client.put(f"{RECORDS}/{ID}", content=body, headers={"if-match": '"3"'})
    assert reply.status_code == 200
    asked = double.last.request
    assert asked.etag == "3"
    assert orjson.loads(asked.fields_json) == {
        "name": "new", "note": None, "amount": {"amount_micros": 1.0, "currency_code": None},
        "data": {"b": 1.1},
    }  # fmt: skip
    assert b"1.10" in asked.fields_json
