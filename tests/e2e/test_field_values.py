"""Every field type through the gateway: canonical, stable, and refused in the right place."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.e2e.client import Client
from tests.e2e.field_values import ACCEPTED, FIELDS, REFUSED

RECORDS = "/v1/objects/thing/records"


class Things:
    """An object with a field of every type and setting, and records to point to."""

    def __init__(self, api: Client) -> None:
        self.api = api
        api.define("other", {"name": "code", "type": "text", "unique": True})
        api.define("third")
        self.ids = {
            "@first": api.create("other", code="c1")["id"],
            "@second": api.create("other", code="c2")["id"],
            "@gone": api.create("other", code="gone")["id"],
            "@third": api.create("third")["id"],
        }
        api.call("DELETE", f"/v1/objects/other/records/{self.ids['@gone']}")
        options = {"options": ["b", "a", "C_1"]}
        api.define(
            "thing",
            *(
                {"name": name, "type": kind, "settings": settings}
                | (options if kind in {"select", "multi_select"} else {})
                for name, (kind, settings) in FIELDS.items()
            ),
        )

    def named(self, text: str) -> str:
        for name, record_id in self.ids.items():
            text = text.replace(name, record_id)
        return text

    def send(self, field: str, raw: str) -> httpx.Response:
        body = f'{{"fields": {{"{field}": {self.named(raw)}}}}}'
        headers = {"content-type": "application/json"}
        return self.api.http.post(RECORDS, content=body.encode(), headers=headers)


@pytest.fixture(scope="module")
def things(new_workspace: Callable[[], Client]) -> Things:
    return Things(new_workspace())


@pytest.mark.parametrize("name", FIELDS)
def test_what_is_accepted_is_read_back_in_its_canonical_form(things: Things, name: str) -> None:
    for field, raw, wanted in ACCEPTED:
        if field != name:
            continue
        answer = things.send(field, raw)
        assert answer.status_code == 201, (raw, answer.text)
        made = answer.json()
        found = made["fields"][field]
        expected: Any = wanted
        if isinstance(wanted, str):
            expected = things.named(wanted)
        elif isinstance(wanted, dict) and "id" in wanted:
            expected = {**wanted, "id": things.named(wanted["id"])}
        assert (found, type(found)) == (expected, type(expected)), raw
        path = f"{RECORDS}/{made['id']}"
        assert things.api.get(path)["fields"][field] == found, raw
        if found is not None:  # the canonical form is itself accepted, and changes nothing
            again = things.api.patch(path, {"fields": {field: found}})
            assert again["version"] == 1, raw


@pytest.mark.parametrize("name", FIELDS)
def test_what_is_refused_says_where_and_why(things: Things, name: str) -> None:
    for field, raw, where in REFUSED:
        if field != name:
            continue
        answer = things.send(field, raw)
        assert answer.status_code == 422, (raw, answer.text)
        problems = answer.json()["errors"]
        assert f"/fields/{field}{where}" in {p["pointer"] for p in problems}, (raw, problems)
        assert all(p["code"] and p["message"] for p in problems)


def test_a_target_that_is_missing_deleted_or_of_another_object_is_one_error(things: Things) -> None:
    told = set()
    for target in ("@gone", "@third", "0192f3a1-5c3e-7b5a-9d53-2f0c8f1f6b1e"):
        [problem] = things.send("one", f'"{target}"').json()["errors"]
        told.add((problem["code"], problem["message"]))
    assert len(told) == 1
