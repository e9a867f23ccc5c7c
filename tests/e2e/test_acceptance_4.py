"""Promise 4: notes, todos and files on any record, under the record's permissions."""

import hashlib
from collections.abc import Callable

import httpx

from tests.e2e.client import Client, wait_for


def test_artifacts_on_a_custom_object(api: Client) -> None:
    api.define("ship", {"name": "name", "type": "text"})
    ship = {"kind": "ship", "id": api.create("ship", name="Aurora")["id"]}

    note = api.post("/v1/notes", {"title": "Log", "body": "**calm**", "targets": [ship]})
    todo = api.post("/v1/todos", {"title": "Paint", "due": "2026-12-01", "targets": [ship]})
    content = b"hull drawings\n" * 1000
    upload = api.post(
        "/v1/files",
        {
            "name": "hull.txt",
            "size": len(content),
            "content_type": "text/plain",
            "sha256": hashlib.sha256(content).hexdigest(),
            "targets": [ship],
        },
    )
    sent = httpx.put(
        upload["upload_url"],
        content=content,
        headers=upload.get("upload_headers") or {},
        trust_env=False,
    )
    assert sent.is_success, sent.text
    file = api.post(f"/v1/files/{upload['id']}:finalize")
    assert (file["state"], file["size"]) == ("ready", len(content))
    got = httpx.get(
        f"{api.http.base_url}/v1/files/{file['id']}/content".replace("//v1", "/v1"),
        headers={"authorization": f"Bearer {api.api_key}"},
        follow_redirects=True,
        trust_env=False,
    )
    assert got.content == content

    at = f"kind=ship&id={ship['id']}"
    assert [n["id"] for n in api.get(f"/v1/notes?{at}")["data"]] == [note["id"]]
    assert [t["id"] for t in api.get(f"/v1/todos?{at}")["data"]] == [todo["id"]]
    assert [f["id"] for f in api.get(f"/v1/files?{at}")["data"]] == [file["id"]]

    def complete() -> bool:
        found = api.get(f"/v1/objects/ship/records/{ship['id']}/timeline")["data"]
        types = {item["type"] for item in found}
        return {"record.created", "note.created", "todo.created", "file.created"} <= types

    wait_for("the timeline", complete)


def test_who_may_not_see_the_record_may_not_see_its_artifacts(
    api: Client, new_workspace: Callable[[], Client]
) -> None:
    api.define("vault", {"name": "name", "type": "text"})
    target = {"kind": "vault", "id": api.create("vault", name="x")["id"]}
    note = api.post("/v1/notes", {"title": "Secret", "targets": [target]})
    reader_key = api.post("/v1/api-keys", {"display_name": "r", "role": "read_only"})["secret"]
    with Client(str(api.http.base_url), reader_key) as reader:
        assert reader.get(f"/v1/notes/{note['id']}")["title"] == "Secret"
        refused = reader.request("POST", "/v1/notes", {"title": "No", "targets": [target]})
        assert refused.status_code == 403

    stranger = new_workspace()
    for answer in (
        stranger.request("GET", f"/v1/notes/{note['id']}"),
        stranger.request("GET", f"/v1/objects/vault/records/{target['id']}"),
        stranger.request("POST", "/v1/notes", {"title": "No", "targets": [target]}),
    ):
        assert answer.status_code == 404
