"""Records hold files of their workspace: finalized ones, checked in one call."""

import hashlib
from typing import Any
from uuid import uuid4

import httpx

from tests.e2e.client import Client


def a_file(api: Client, ship: str, content: bytes, *, finalize: bool) -> str:
    upload: Any = api.post(
        "/v1/files",
        {
            "name": "hull.txt",
            "size": len(content),
            "content_type": "text/plain",
            "sha256": hashlib.sha256(content).hexdigest(),
            "targets": [{"kind": "ship", "id": ship}],
        },
    )
    if finalize:
        sent = httpx.put(
            upload["upload_url"],
            content=content,
            headers=upload.get("upload_headers") or {},
            trust_env=False,
        )
        assert sent.is_success, sent.text
        api.post(f"/v1/files/{upload['id']}:finalize")
    return str(upload["id"])


def test_a_file_field_holds_what_is_there(api: Client) -> None:
    plans = {"name": "plans", "type": "file", "settings": {"max_files": 2}}
    api.define("ship", {"name": "name", "type": "text"}, plans)
    ship = api.create("ship", name="Aurora")["id"]
    ready = a_file(api, ship, b"hull", finalize=True)
    pending = a_file(api, ship, b"mast", finalize=False)
    assert api.update("ship", ship, plans=[ready])["fields"]["plans"] == [ready]
    for sent in ([ready, pending], {"$add": [pending]}, [str(uuid4())]):
        refused = api.request(
            "PATCH", f"/v1/objects/ship/records/{ship}", {"fields": {"plans": sent}}
        )
        assert refused.status_code == 422, refused.text
        codes = {
            (e["code"], e["pointer"].startswith("/fields/plans")) for e in refused.json()["errors"]
        }
        assert codes == {("UNKNOWN_FILE", True)}
    assert api.get(f"/v1/objects/ship/records/{ship}")["fields"]["plans"] == [ready]
