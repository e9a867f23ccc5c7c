"""Whole documents go in and come out over HTTP; a record has a past; and two become one."""

import csv
import io
import json
from typing import Any
from uuid import uuid4

from tests.e2e.client import Client, wait_for

CSV = {"content-type": "text/csv"}


def define(api: Client) -> None:
    api.define("firm", {"name": "name", "type": "text"})
    api.define(
        "lead",
        {"name": "name", "type": "text", "required": True},
        {"name": "code", "type": "text", "unique": True},
        {"name": "n", "type": "number"},
        {"name": "firm", "type": "relation", "settings": {"targets": ["firm"]}},
    )


def ended(api: Client, found: Any) -> Any:
    path = f"/v1/imports/{found['id']}"
    states = {"succeeded", "failed", "cancelled", "undone"}
    return wait_for("the import", lambda: (f := api.get(path))["state"] in states and f)


def test_a_document_goes_in_and_comes_out(api: Client) -> None:
    define(api)
    rows = [f"{n},c{n},{n % 7}" for n in range(3000)]
    content = "\n".join(["Title,code,n", *rows, "x,c1,1", ",y,2"]).encode()
    pieces = (content[at : at + 9000] for at in range(0, len(content), 9000))
    path = '/v1/objects/lead/records:import?mapping={"Title":"name"}'
    key = str(uuid4())
    answer = api.http.post(path, content=pieces, headers=CSV | {"idempotency-key": key})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/imports/{answer.json()['id']}"
    found = ended(api, answer.json())
    assert (found["state"], found["created"], found["failed"]) == ("succeeded", 3000, 2)
    again = api.http.post(path, content=content, headers=CSV | {"idempotency-key": key})
    assert again.json()["id"] == found["id"]
    errors = api.get(f"/v1/imports/{found['id']}/errors")["data"]
    assert [(e["line"], e["column"], e["code"]) for e in errors] == [
        (3002, "code", "NOT_UNIQUE"),
        (3003, "Title", "REQUIRED"),
    ]
    assert api.get("/v1/imports")["data"][0]["id"] == found["id"]

    out = api.http.get("/v1/objects/lead/records:export?sort=-n,code&fields=code,n")
    assert out.headers["content-type"].startswith("text/csv")
    table = list(csv.DictReader(io.StringIO(out.text)))
    assert len(table) == 3000
    assert [row["n"] for row in table] == sorted((r["n"] for r in table), reverse=True)
    asked = {"filter": {"n": 3}, "format": "ndjson"}
    lines = api.http.post("/v1/objects/lead/records:export", json=asked).text.splitlines()
    assert {json.loads(line)["fields"]["n"] for line in lines} == {3}
    refused = api.http.get("/v1/objects/lead/records:export?sort=nope")
    assert (refused.status_code, refused.json()["code"]) == (422, "SORT_INVALID")

    api.post(f"/v1/imports/{found['id']}:undo")
    assert ended(api, found)["undone"] == 3000
    assert api.query("lead")["data"] == []


def test_an_upload_in_pieces(api: Client) -> None:
    define(api)
    made = api.post("/v1/imports", {"object": "lead", "match": ["code"], "dry_run": True})
    assert (made["state"], made["mode"]) == ("receiving", "upsert")
    path = f"/v1/imports/{made['id']}:upload"
    for offset, piece, last in ((0, b"name,co", "false"), (7, b"de\na,b\n", "true")):
        sent = api.http.post(f"{path}?offset={offset}&last={last}", content=piece)
        assert sent.status_code == 202, sent.text
    assert ended(api, made)["created"] == 1
    wrong = api.http.post("/v1/objects/lead/records:import", content=b"nope\n1", headers=CSV)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "IMPORT_COLUMNS_INVALID")
    json_body = api.request("POST", "/v1/objects/lead/records:import", {})
    assert json_body.status_code == 415


def test_a_record_has_a_past(api: Client) -> None:
    define(api)
    first = api.create("lead", name="one", n=1)
    second = api.update("lead", first["id"], name="two")
    third = api.update("lead", first["id"], n=3)
    path = f"/v1/objects/lead/records/{first['id']}"

    def known() -> Any:
        found = api.get(f"{path}/history")
        return found if len(found["data"]) == 3 else None

    history = wait_for("the log", known)
    assert history["complete"]
    assert [v["change"] for v in history["data"]] == ["updated", "updated", "created"]
    newest = history["data"][0]
    assert (newest["before"], newest["after"]) == ({"n": 1}, {"n": 3})
    assert newest["time"] == third["update_time"]
    for moment, fields in (
        (first["update_time"], ("one", 1)),
        (second["update_time"], ("two", 1)),
        (third["update_time"], ("two", 3)),
    ):
        then = api.get(f"{path}?as_of={moment}")
        assert (then["fields"]["name"], then["fields"]["n"]) == fields
        assert then["update_time"] == moment
    early = api.request("GET", f"{path}?as_of=2020-01-01T00:00:00Z")
    assert (early.status_code, early.json()["code"]) == (404, "RECORD_NOT_FOUND")
    late = api.request("GET", f"{path}?as_of=2999-01-01T00:00:00Z")
    assert (late.status_code, late.json()["code"]) == (422, "AS_OF_INVALID")


def test_two_records_become_one_with_all_that_hangs_on_them(api: Client) -> None:
    define(api)
    api.post(
        "/v1/link-types",
        {"name": "knows", "inverse_name": "known_by", "source_kinds": ["firm"]},
    )
    kept, lost = api.create("firm", name="Acme"), api.create("firm", name="ACME")
    lead = api.create("lead", name="l", firm=lost["id"])
    link = {"kind": "firm", "id": lost["id"]}
    api.post("/v1/links", {"type": "knows", "source": link,
                           "target": {"kind": "lead", "id": lead["id"]}})  # fmt: skip
    note = api.post("/v1/notes", {"title": "t", "body": "b", "targets": [link]})
    found = api.post("/v1/objects/firm/records:duplicates", {"ids": [kept["id"]]})
    assert [d["record"]["id"] for d in found["groups"][0]["duplicates"]] == [lost["id"]]
    asked = {"ids": [kept["id"], lost["id"]], "priority_id": kept["id"]}
    done = api.post("/v1/objects/firm/records:merge", asked)
    assert (done["merged_ids"], done["moved_relations"]) == ([lost["id"]], 1)
    path = f"/v1/objects/firm/records/{kept['id']}"

    def linked() -> Any:
        links = api.get(f"{path}/links?type=knows")["data"]
        return [one for one in links if one["other"]["id"] == lead["id"]]

    wait_for("the link to follow", linked)
    target = {"kind": "firm", "id": kept["id"]}

    def followed() -> bool:  # until then its only target is gone, and nobody may see it
        answer = api.request("GET", f"/v1/notes/{note['id']}")
        return answer.is_success and answer.json()["targets"] == [target]

    wait_for("the note to follow", followed)
    gone = api.request("GET", f"/v1/objects/firm/records/{lost['id']}")
    assert gone.status_code == 404
