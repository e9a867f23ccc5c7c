"""Promise 1: an object and its fields can be used in the very next call."""

from tests.e2e.client import Client


def test_a_field_is_usable_in_the_next_call_everywhere(api: Client) -> None:
    api.post("/v1/objects", {"name": "machine", "plural_name": "machines"})
    api.post("/v1/objects/machine/fields", {"name": "serial", "type": "text", "required": True})
    first = api.create("machine", serial="A-1")

    api.post("/v1/objects/machine/fields", {"name": "power", "type": "number"})
    api.update("machine", first["id"], power=12.5)
    found = api.query("machine", filter={"power": {"gt": 12}}, sort="-power", fields="power")
    assert [r["fields"] for r in found["data"]] == [{"power": 12.5}]

    api.post(
        "/v1/objects/machine/fields",
        {"name": "state", "type": "select", "options": ["idle", "busy"]},
    )
    board = api.post("/v1/objects/machine/records:board", {"group_by": "state"})
    assert [(c["key"], c["count"]) for c in board["columns"]] == [
        ("idle", 0),
        ("busy", 0),
        (None, 1),
    ]


def test_definitions_and_records_read_back_as_written(api: Client) -> None:
    api.define(
        "sample",
        {"name": "title", "type": "text", "label": "Title"},
        {"name": "amount", "type": "currency"},
        {"name": "who", "type": "full_name"},
        {"name": "mail", "type": "emails", "unique": True},
        {"name": "phone", "type": "phones"},
        {"name": "site", "type": "links"},
        {"name": "place", "type": "address"},
        {"name": "labels", "type": "array"},
        {"name": "raw", "type": "json"},
        {"name": "price", "type": "decimal", "settings": {"precision": 10, "scale": 2}},
        {"name": "at", "type": "date_time"},
        {"name": "token", "type": "uuid"},
        {"name": "stars", "type": "rating", "settings": {"max": 5}},
        {"name": "tags", "type": "multi_select", "options": ["a", "b", "c"]},
        {"name": "text", "type": "rich_text"},
        {"name": "yes", "type": "boolean"},
    )
    record = api.create(
        "sample",
        title="Grüße",
        amount={"amount": "12.50", "currency_code": "eur"},
        who={"first_name": " Ada ", "last_name": "Lovelace"},
        mail="Ada@Example.COM",
        phone="+4930901820",
        site="acme.com",
        place={"city": "Köln", "country": "de"},
        labels=["x", "", "x"],
        raw={"deep": [1, {"n": None}]},
        price=12.5,
        at="2026-11-20T10:00:00+01:00",
        token="A0EEBC999C0B4EF8BB6D6BB9BD380A11",
        stars=4,
        tags=["c", "a", "c"],
        text="**bold**",
        yes=False,
    )
    read = api.get(f"/v1/objects/sample/records/{record['id']}")
    assert read["fields"] == record["fields"]
    fields = read["fields"]
    assert fields["amount"] == {"amount_micros": 12_500_000, "currency_code": "EUR"}
    assert fields["who"] == {"first_name": "Ada", "last_name": "Lovelace"}
    assert fields["mail"] == {"primary": "Ada@example.com".lower(), "additional": []}
    assert fields["phone"]["primary"]["number"] == "+4930901820"
    assert fields["site"]["primary"]["url"] == "https://acme.com"
    assert fields["place"]["country"] == "DE"
    assert fields["labels"] == ["x", "x"]
    assert fields["raw"] == {"deep": [1, {"n": None}]}
    assert fields["price"] == "12.50"
    assert fields["at"] == "2026-11-20T09:00:00Z"
    assert fields["token"] == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    assert fields["tags"] == ["a", "c"]
    assert fields["text"] == {"markdown": "**bold**"}
    assert fields["yes"] is False


def test_names_are_refused_with_everything_wrong_at_once(api: Client) -> None:
    api.define("thing", {"name": "title", "type": "text"}, {"name": "size", "type": "number"})
    answer = api.request(
        "POST",
        "/v1/objects/thing/records",
        {"fields": {"titel": "x", "size": "5", "id": "no"}},
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    found = {e["pointer"]: e["message"] for e in problem["errors"]}
    assert set(found) == {"/fields/titel", "/fields/size", "/fields/id"}
    assert "title" in found["/fields/titel"]
