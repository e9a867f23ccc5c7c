"""Through the gateway: refusals of any plane are in the audit log, a changed role shows at once."""

from typing import Any

from tests.e2e.client import Client, wait_for

AGENT = "console/1.2"


def test_another_planes_refusal_is_in_the_audit_log(api: Client) -> None:
    api.define("ship", {"name": "title", "type": "text"})
    made = api.post("/v1/api-keys", {"display_name": "Reader", "role": "read_only"})
    path = "/v1/objects/ship/records"
    with Client(str(api.http.base_url), made["secret"]) as reader:
        for _ in range(3):
            answer = reader.request("POST", path, {"fields": {}}, user_agent=AGENT)
            assert answer.status_code == 403
        assert reader.request("GET", "/v1/audit").status_code == 403

    def told() -> Any:
        found = api.get(f"/v1/audit?action=access.denied&actor_id={made['id']}")["data"]
        return found if len(found) == 2 else None

    by_method = {entry["method"].rpartition("/")[2]: entry for entry in wait_for("both", told)}
    entry = by_method["CreateRecord"]
    assert entry["reason"] == "PERMISSION_REQUIRED"
    assert entry["permission"] == "write"
    assert entry["actor"] == {"kind": "api_key", "id": made["id"], "name": "Reader"}
    assert 1 <= entry["count"] <= 3
    assert entry["ip"] == "127.0.0.1"
    assert entry["user_agent"] == AGENT
    assert len(entry["trace_id"]) == 32


def test_a_change_is_in_the_audit_log_when_it_is_answered(api: Client) -> None:
    api.call("PUT", "/v1/members/ada", {"role": "member"}, idempotency_key="hire")
    entry = api.get("/v1/audit?target_id=ada")["data"][0]
    assert entry["action"] == "member.created"
    assert entry["after"]["role"] == "member"
    assert entry["request_id"] == "hire"


def test_flags_over_http(api: Client) -> None:
    flag = {"value": {"limit": 3}, "rollout_percentage": 100, "reason": "To begin with."}
    made = api.call("PUT", "/v1/flags/import.limits", flag)
    assert (made["type"], made["value"]) == ("json", {"limit": 3})
    assert api.get("/v1/flags/import.limits") == made
    assert [f["key"] for f in api.get("/v1/flags")["data"]] == ["import.limits"]
    (value,) = api.get("/v1/flags:evaluate")["flags"]
    assert (value["key"], value["on"], value["value"]) == ("import.limits", True, {"limit": 3})
    stale = api.request("PUT", "/v1/flags/import.limits", flag, if_match='"7"')
    assert stale.status_code == 412
    api.call("DELETE", "/v1/flags/import.limits?reason=Done")
    assert api.request("GET", "/v1/flags/import.limits").status_code == 404


def test_the_document_follows_a_principal_from_role_to_role(api: Client) -> None:
    api.define("ship", {"name": "title", "type": "text"})
    api.define("vault", {"name": "word", "type": "text"})
    grants = [{"object": "ship", "actions": ["read"]}]
    api.post("/v1/roles", {"name": "sailor", "objects": grants})
    made = api.post("/v1/api-keys", {"display_name": "Robot", "role": "sailor"})
    with Client(str(api.http.base_url), made["secret"]) as robot:
        narrow = robot.http.get("/v1/openapi.json")
        assert "vault" not in narrow.text
        grants.append({"object": "vault", "actions": ["read"]})
        api.patch("/v1/roles/sailor", {"objects": grants})

        def wider() -> Any:
            found = robot.http.get(
                "/v1/openapi.json", headers={"if-none-match": narrow.headers["etag"]}
            )
            return found if found.status_code == 200 else None

        assert "vault" in wait_for("another document", wider).text
