"""Artifacts beside the real records plane, on the running platform; killed where it hurts."""

import hashlib
from pathlib import Path

import httpx
import pytest

from tests.e2e.client import Client, wait_for


def test_rights_follow_a_real_record_through_its_life(api: Client) -> None:
    api.define("ship", {"name": "name", "type": "text"})
    made = api.create("ship", name="Aurora")
    ship = {"kind": "ship", "id": made["id"]}
    path = f"/v1/objects/ship/records/{made['id']}"
    note = api.post("/v1/notes", {"title": "Log", "targets": [ship]})
    assert api.request("DELETE", path).is_success
    assert api.request("GET", f"/v1/notes/{note['id']}").status_code == 404
    assert api.request("GET", f"{path}/timeline").status_code == 404
    api.post(f"{path}:undelete")
    assert api.get(f"/v1/notes/{note['id']}")["title"] == "Log"

    def told() -> bool:
        types = [item["type"] for item in api.get(f"{path}/timeline")["data"]]
        return types == [
            "record.undeleted",
            "record.deleted",
            "note.created",
            "record.created",
        ]

    wait_for("the timeline", told)
    assert api.request("DELETE", path).is_success
    api.post(f"{path}:purge")

    def free() -> bool:
        answer = api.request("GET", f"/v1/notes/{note['id']}")
        return answer.is_success and not answer.json()["targets"]

    wait_for("the note to be its creator's", free)


@pytest.mark.parametrize("point", ["artifacts.upload_verified", "artifacts.content_stored"])
def test_a_finalization_survives_a_kill(api: Client, crash_dir: Path, point: str) -> None:
    content = point.encode() * 1000
    upload = api.post(
        "/v1/files",
        {"name": "x.txt", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()},
    )
    sent = httpx.put(
        upload["upload_url"], content=content, headers=upload["upload_headers"], trust_env=False
    )
    assert sent.is_success
    (crash_dir / point).touch()
    path, key = f"/v1/files/{upload['id']}:finalize", f"finalize-{upload['id']}"

    def finalized() -> bool:
        return api.request("POST", path, {}, idempotency_key=key).is_success

    wait_for("the finalization", finalized, 60)
    assert not list(crash_dir.iterdir())
    assert api.get(f"/v1/files/{upload['id']}")["state"] == "ready"
