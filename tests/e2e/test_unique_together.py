"""Fields that are unique together, through the gateway: imports, roles, schema documents."""

from typing import Any

from tests.e2e.client import Client, wait_for

BASE = "/v1/objects/slot/unique-constraints"
CSV = {"content-type": "text/csv", "idempotency-key": "slots"}
ROLE = {
    "name": "clerk",
    "objects": [
        {
            "object": "slot",
            "actions": ["read", "create", "update"],
            "fields": [{"field": "hall", "read": False}],
        }
    ],
}


def test_a_pair_stays_unique_whoever_writes(api: Client) -> None:
    api.define("slot", {"name": "hall", "type": "text"}, {"name": "hour", "type": "number"})
    first = api.create("slot", hall="north", hour=9)
    made = api.post(BASE, {"name": "booking", "fields": ["hall", "hour"]})

    def ready() -> bool:
        return bool(api.get(f"{BASE}/booking")["state"] == "ready")

    wait_for("the constraint", ready)
    assert api.get(f"/v1/field-jobs/{made['field_job']}")["field_id"] == made["id"]
    assert [c["fields"] for c in api.get(BASE)["data"]] == [["hall", "hour"]]

    twin = api.request("POST", "/v1/objects/slot/records", {"fields": {"hall": "north", "hour": 9}})
    assert twin.status_code == 409
    assert [e["pointer"] for e in twin.json()["errors"]] == ["/fields/hall", "/fields/hour"]

    content = b"hall,hour\nnorth,9\nnorth,10\nsouth,9\nsouth,9\n"
    sent = api.http.post("/v1/objects/slot/records:import", content=content, headers=CSV)
    assert sent.is_success, sent.text
    done = wait_for("the import", lambda: _ended(api, sent.json()["id"]))
    assert (done["created"], done["failed"]) == (2, 2), done

    path = "/v1/objects/slot/records?match=hall,hour"
    again = {"fields": {"hall": "north", "hour": 9}}

    def matched() -> Any:  # once the records plane has heard that the constraint stands
        put = api.request("PUT", path, again)
        return put.json() if put.is_success else None

    assert wait_for("the match", matched)["record"]["id"] == first["id"]

    api.post("/v1/roles", ROLE)
    secret = api.post("/v1/api-keys", {"display_name": "Robot", "role": "clerk"})["secret"]
    with Client(str(api.http.base_url), secret) as clerk:
        assert clerk.get(BASE)["data"] == []
        refused = clerk.request(
            "PATCH", f"/v1/objects/slot/records/{first['id']}", {"fields": {"hour": 10}}
        )
        assert refused.status_code == 409
        assert "hall" not in refused.text
        assert "booking" not in refused.text

    kept = api.request("PATCH", "/v1/objects/slot/fields/hour", {"type": "text"})
    assert (kept.status_code, kept.json()["code"]) == (409, "IN_USE"), kept.text
    assert api.request("DELETE", "/v1/objects/slot/fields/hour").json()["code"] == "IN_USE"
    assert api.request("DELETE", f"{BASE}/booking").is_success
    api.create("slot", hall="north", hour=9)
    events = api.get("/v1/schema/changes")["data"]
    assert any("unique_constraints" in str(one) for one in events)


def _ended(api: Client, import_id: str) -> Any:
    found = api.get(f"/v1/imports/{import_id}")
    return found if found["state"] in {"succeeded", "failed"} else None
