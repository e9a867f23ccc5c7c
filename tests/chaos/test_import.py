"""Kill the records plane in the middle of an import, and of its undo; each ends exactly right."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import Client, wait_for

ROWS = 4000
ENDED = {"succeeded", "failed", "cancelled", "undone"}


def watched(api: Client, found: Any, crash_dir: Path, points: list[str], count: str) -> Any:
    """The import at its end; each time it has come further, the plane dies at the next point."""
    path = f"/v1/imports/{found['id']}"
    reached = -1

    def look() -> Any:
        nonlocal reached
        answer = api.request("GET", path)
        if answer.status_code >= 500:
            return None  # on its way back
        seen = answer.json()
        if points and seen[count] > reached and not any(crash_dir.iterdir()):
            reached = seen[count]
            (crash_dir / points.pop(0)).touch()
        return seen if seen["state"] in ENDED else None

    return wait_for("the import to end", look, 90)


@pytest.mark.chaos
@pytest.mark.timeout(240)
def test_an_import_that_is_killed_goes_on_and_writes_each_row_once(
    new_workspace: Callable[[], Client], crash_dir: Path
) -> None:
    api = new_workspace()
    api.define(
        "lead", {"name": "code", "type": "text", "unique": True}, {"name": "n", "type": "number"}
    )
    for code in ("c1", "c2001"):
        api.create("lead", code=code, n=-1)
    rows = [f"c{n},{n if n % 1000 else 'no number'}" for n in range(ROWS)]
    answer = api.http.post(
        "/v1/objects/lead/records:import?match=code",
        content="\n".join(["code,n", *rows]).encode(),
        headers={"content-type": "text/csv"},
    )
    points = ["records.import_block"]
    found = watched(api, answer.json(), crash_dir, points, "processed")
    assert not points
    counts = ("state", "rows", "processed", "created", "updated", "failed")
    assert [found[name] for name in counts] == ["succeeded", ROWS, ROWS, ROWS - 6, 2, 4]
    codes = Counter(r["fields"]["code"] for r in api.pages("lead", page_size=1000))
    assert codes == Counter(f"c{n}" for n in range(ROWS) if n % 1000)
    errors = api.get(f"/v1/imports/{found['id']}/errors")["data"]
    assert [e["line"] for e in errors] == [n + 2 for n in range(0, ROWS, 1000)]

    api.post(f"/v1/imports/{found['id']}:undo")
    found = watched(api, found, crash_dir, ["records.import_undo_block"], "undone")
    assert (found["state"], found["undone"], found["undo_skipped"]) == ("undone", ROWS - 4, 0)
    assert list(crash_dir.iterdir()) == [], "this point was never passed"
    left = {r["fields"]["code"]: r["fields"]["n"] for r in api.pages("lead")}
    assert left == {"c1": -1, "c2001": -1}

    def announced() -> Any:
        listed = api.get(f"/v1/events?type=record.*&actor_id={found['id']}&page_size=1")
        return listed["data"]

    wait_for("the events", announced)
