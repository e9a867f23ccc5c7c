"""A change of a field is taken back with what its job did to values, as far as nobody went on."""

from typing import Any

from tests.e2e.client import Client, wait_for

FIELD = "/v1/objects/ship/fields/state"


def ended(api: Client, **wanted: Any) -> Any:
    """The newest field job that is so, once it is over."""

    def look() -> Any:
        for job in api.get("/v1/field-jobs")["data"]:
            if all(job[name] == value for name, value in wanted.items()):
                return job if job["state"] in {"succeeded", "failed"} else None
        return None

    return wait_for(f"a job with {wanted}", look, 60)


def values(api: Client) -> dict[str, Any]:
    found = api.query("ship", page_size=100)["data"]
    return {r["fields"]["name"]: r["fields"]["state"] for r in found}


def test_options_that_went_come_back_with_the_values_of_records(api: Client) -> None:
    options = [{"value": v} for v in ("new", "old", "lost")]
    state = {"name": "state", "type": "select", "options": options}
    api.define("ship", {"name": "name", "type": "text"}, state)
    for value in ("new", "old", "lost"):
        api.create("ship", name=f"{value} one", state=value)
    moved = api.create("ship", name="moved", state="old")
    gone = api.create("ship", name="gone", state="old")
    begun = api.patch(
        FIELD, {"options": [{"value": "new"}], "reassign": {"old": "new", "lost": ""}}
    )
    ended(api, id=begun["field_job"])
    wait_for("the options to go", lambda: len(api.get(FIELD)["options"]) == 1)
    assert values(api) == {
        "new one": "new", "old one": "new", "lost one": None, "moved": "new", "gone": "new",
    }  # fmt: skip
    api.update("ship", moved["id"], state=None)
    assert api.request("DELETE", f"/v1/objects/ship/records/{gone['id']}").is_success
    updated = [c for c in api.get("/v1/schema/changes")["data"] if c["type"] == "field.updated"]
    assert [c["reversible"] for c in updated[:2]] == [True, False]
    assert "cancel" in updated[1]["irreversible_because"]
    api.post(f"/v1/schema/changes/{updated[0]['metadata_version']}:revert")
    assert [o["value"] for o in api.get(FIELD)["options"]] == ["new", "old", "lost"]
    job = ended(api, kind="restore")
    assert (job["state"], int(job["checked"]), int(job["changed"])) == ("succeeded", 4, 2)
    assert values(api) == {"new one": "new", "old one": "old", "lost one": "lost", "moved": None}
    again = api.request("POST", f"/v1/schema/changes/{updated[0]['metadata_version']}:revert")
    assert again.json()["code"] == "CHANGE_NOT_REVERSIBLE"
