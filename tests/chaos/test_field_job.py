"""Kill the records plane in the middle of a field job; it resumes and ends exactly right, and each
record tells once what became of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import Client, wait_for

RECORDS = 3000
ENDED = {"succeeded", "failed", "cancelled"}


@pytest.mark.chaos
@pytest.mark.timeout(180)
def test_a_conversion_that_is_killed_goes_on_and_converts_each_value_once(
    new_workspace: Callable[[], Client], crash_dir: Path
) -> None:
    api = new_workspace()
    api.define("lead", {"name": "name", "type": "text"}, {"name": "size", "type": "text"})
    for at in range(0, RECORDS, 1000):
        items = [{"fields": {"name": f"n{n}", "size": str(n)}} for n in range(at, at + 1000)]
        api.post("/v1/objects/lead/records:batchCreate", {"items": items})

    (crash_dir / "records.field_job").touch()
    changes = {"type": "number", "unique": True}
    begun = api.patch("/v1/objects/lead/fields/size", changes)
    assert begun["state"] == "building"
    kills = 1

    def ended() -> Any:
        nonlocal kills
        answer = api.request("GET", f"/v1/field-jobs/{begun['field_job']}")
        if answer.status_code != 200:
            return None  # not known yet, or on its way back
        job = answer.json()
        if kills < 3 and not any(crash_dir.iterdir()) and job["state"] == "running":
            kills += 1
            (crash_dir / "records.field_job").touch()
        return job if job["state"] in ENDED else None

    job = wait_for("the job to end", ended, 120)
    assert (job["state"], job["checked"], job["changed"]) == ("succeeded", RECORDS, RECORDS)

    def changed_over() -> bool:
        [first] = api.query("lead", page_size=1)["data"]
        return not isinstance(first["fields"]["size"], str)

    wait_for("the definition to change over", changed_over)
    (crash_dir / "records.field_job").touch()  # once more, while records tell of it

    def all_have_told() -> bool:
        return all(r["version"] > 1 for r in api.pages("lead", page_size=1000))

    wait_for("each record to tell", all_have_told, 60)
    for left in crash_dir.iterdir():  # asked for when the job had nothing left to do
        left.unlink()
    found = {
        r["fields"]["name"]: (r["fields"]["size"], r["version"])
        for r in api.pages("lead", sort="-size", page_size=1000)
    }
    assert found == {f"n{n}": (n, 2) for n in range(RECORDS)}
    for record in api.query("lead", page_size=3)["data"]:
        path = f"/v1/objects/lead/records/{record['id']}/history"

        def told(path: str = path) -> Any:
            versions = api.request("GET", path).json()["data"]
            return versions if len(versions) == 2 else None

        [change, made] = wait_for("the log to have it", told)
        size = record["fields"]["size"]
        assert (made["change"], change["change"]) == ("created", "updated")
        assert (change["before"], change["after"]) == ({"size": str(size)}, {"size": size})
        assert change["actor"]["kind"] == "field_job"
    twin = api.request("POST", "/v1/objects/lead/records", {"fields": {"size": 7}})
    assert twin.status_code == 409
