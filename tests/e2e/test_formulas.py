"""Formula fields, through the gateway: computed in the write, usable like any field, recomputed."""

from typing import Any

from tests.e2e.client import Client, wait_for

FIELDS = "/v1/objects/line/fields"


def a_formula(
    name: str, expression: str, result: str = "number", **settings: Any
) -> dict[str, Any]:
    own = {"expression": expression, "result_type": result, **settings}
    return {"name": name, "type": "formula", "settings": own}


def an_object(api: Client) -> None:
    api.define(
        "line",
        {"name": "title", "type": "text"},
        {"name": "price", "type": "number"},
        {"name": "pieces", "type": "number", "settings": {"integer": True}},
        {"name": "due", "type": "date"},
        {
            "name": "stage",
            "type": "select",
            "options": [{"value": "open"}, {"value": "won"}, {"value": "lost"}],
        },
    )


def settled(api: Client, *names: str) -> None:
    def ready() -> bool:
        return all(api.get(f"{FIELDS}/{name}")["state"] == "ready" for name in names)

    wait_for("the fields", ready)


def become(api: Client, name: str, expected: list[Any]) -> None:
    """The values of a field by title, once word of its definition has come to the records."""

    def same() -> bool:
        return [r["fields"][name] for r in api.query("line", sort="title")["data"]] == expected

    wait_for(f"{name} to be {expected}", same, 5)


def test_a_formula_is_computed_and_can_be_used_like_any_field(api: Client) -> None:
    an_object(api)
    first = api.create("line", title="a", price=2.5, pieces=4, stage="won", due="2026-03-01")
    made = api.post(FIELDS, a_formula("total", "price * double(pieces)", decimals=2))
    assert made["state"] == "building"
    settled(api, "total")
    api.post(FIELDS, a_formula("big", "total >= 10.0", "boolean"))
    api.post(FIELDS, a_formula("ends", "due + duration('48h')", "date"))
    settled(api, "big", "ends")
    second = api.create("line", title="b", price=1, pieces=3)
    assert second["fields"]["total"] == 3
    become(api, "total", [10, 3])
    become(api, "big", [True, False])
    become(api, "ends", ["2026-03-03", None])
    found = api.query("line", filter={"total": {"gte": 10}, "big": True}, sort="-total")["data"]
    assert [r["id"] for r in found] == [first["id"]]
    figures = api.post(
        "/v1/objects/line/records:aggregate", {"measures": [{"fn": "sum", "field": "total"}]}
    )
    assert figures["groups"][0]["values"] == {"sum_total": 13}
    changed = api.update("line", second["id"], price=5)
    assert (changed["fields"]["total"], changed["fields"]["big"]) == (15, True)
    assert api.update("line", second["id"], price=None)["fields"]["total"] is None
    refused = api.request(
        "PATCH", f"/v1/objects/line/records/{first['id']}", {"fields": {"total": 1}}
    )
    assert refused.json()["errors"][0]["code"] == "READ_ONLY_FIELD"

    views = "/v1/objects/line/views"
    board = api.post(views, {"name": "Big", "type": "kanban", "group_field": "big"})
    assert [a["field"] for a in board["aggregates"]] == ["", "price"]
    columns = api.post("/v1/objects/line/records:board", {"view": "Big"})["columns"]
    assert [(c["key"], c["count"]) for c in columns] == [(False, 0), (True, 1), (None, 1)]
    api.post(views, {"name": "Ends", "type": "calendar", "date_field": "ends"})
    month = {"view": "Ends", "from": "2026-03-01", "to": "2026-04-01"}
    assert len(api.post("/v1/objects/line/records:calendar", month)["data"]) == 1
    shape = api.get("/v1/openapi.json")
    assert '"readOnly"' in str(shape).replace("'", '"')


def test_a_new_expression_is_worked_out_for_all_records_and_for_those_that_read_it(
    api: Client,
) -> None:
    an_object(api)
    api.post(FIELDS, a_formula("total", "price * double(pieces)"))
    settled(api, "total")
    api.post(FIELDS, a_formula("twice", "total * 2.0"))
    settled(api, "twice")
    for n, title in enumerate("abc", start=1):
        api.create("line", title=title, price=n, pieces=2)
    become(api, "twice", [4, 8, 12])
    new = a_formula("total", "price * double(pieces) + 1.0")
    plan = api.post("/v1/schema:plan", {"objects": [{"name": "line", "fields": [new]}]})
    told = [(c["action"], c["path"], c["destructive"]) for c in plan["changes"]]
    assert told == [("rewrite", "line.total", False), ("rewrite", "line.twice", False)]
    own = {"settings": new["settings"]}
    changed = api.patch(f"{FIELDS}/total", own)
    assert changed["field_job"]
    settled(api, "total", "twice")
    become(api, "total", [3, 5, 7])
    become(api, "twice", [6, 10, 14])
    text = {"settings": a_formula("x", "string(price)", "text")["settings"]}
    refused = api.request("PATCH", f"{FIELDS}/total", text)
    assert (refused.status_code, refused.json()["code"]) == (409, "IN_USE"), refused.text
    history = api.get("/v1/schema/changes")["data"]
    update = next(
        c for c in history if c["type"] == "field.updated" and c["entity_id"] == changed["id"]
    )
    assert update["reversible"] is False


def test_what_a_formula_reads_stays_as_it_reads_it(api: Client) -> None:
    an_object(api)
    record = api.create("line", title="a", price=2, pieces=2, stage="open")
    api.post(FIELDS, a_formula("total", "price * double(pieces)"))
    api.post(FIELDS, a_formula("label", "stage == null ? 'none' : stage", "text"))
    settled(api, "total", "label")
    for body in ({"type": "text"}, {"active": False}):
        refused = api.request("PATCH", f"{FIELDS}/price", body)
        assert (refused.status_code, refused.json()["code"]) == (409, "IN_USE"), refused.text
    assert api.request("DELETE", f"{FIELDS}/price").json()["code"] == "IN_USE"
    options = [{"value": "won"}, {"value": "lost"}]
    api.patch(f"{FIELDS}/stage", {"options": options, "reassign": {"open": "lost"}})
    settled(api, "stage")
    assert api.get(f"/v1/objects/line/records/{record['id']}")["fields"]["label"] == "lost"
    api.call("DELETE", f"{FIELDS}/price?force=true")
    names = {f["name"] for f in api.get(FIELDS)["data"]}
    assert names.isdisjoint({"price", "total"})
    api.patch(f"{FIELDS}/price", {"active": True})
    api.update("line", record["id"], price=7)
    api.patch(f"{FIELDS}/total", {"active": True})
    settled(api, "total")
    become(api, "total", [14])


def test_mistakes_in_formulas_are_told_when_they_are_defined(api: Client) -> None:
    an_object(api)
    for expression, code in (
        ("prise * 2.0", "INVALID_FORMULA"),
        ("price * 2", "INVALID_FORMULA"),
        ("title", "WRONG_RESULT"),
        ("f + 1.0", "FORMULA_CYCLE"),
    ):
        refused = api.request("POST", FIELDS, a_formula("f", expression))
        assert refused.status_code == 422, refused.text
        [problem] = refused.json()["errors"]
        assert (problem["code"], problem["pointer"]) == (code, "/settings/expression"), problem
    document = {
        "objects": [
            {
                "name": "trip",
                "fields": [
                    a_formula("a", "b + 1.0"),
                    a_formula("b", "km * 2.0"),
                    {"name": "km", "type": "number"},
                ],
            }
        ]
    }
    api.post("/v1/schema:apply", document)
    assert api.post("/v1/schema:apply", document)["changes"] == []
    assert api.create("trip", km=2)["fields"] == {"km": 2, "b": 4, "a": 5}


def test_a_role_sees_no_formula_over_what_it_can_not_see(api: Client, operator: Client) -> None:
    an_object(api)
    api.post(FIELDS, a_formula("total", "price * double(pieces)"))
    api.post(FIELDS, a_formula("shout", "title + '!'", "text"))
    settled(api, "total", "shout")
    hidden = [{"field": "price", "read": False}]
    allowed = {"object": "line", "actions": ["read", "create", "update"], "fields": hidden}
    api.post("/v1/roles", {"name": "clerk", "objects": [allowed]})
    secret = api.post("/v1/api-keys", {"display_name": "Robot", "role": "clerk"})["secret"]
    record = api.create("line", title="a", price=3, pieces=1)
    with Client(str(operator.http.base_url), secret) as clerk:
        seen = clerk.update("line", record["id"], pieces=5)["fields"]
        assert "total" not in seen
        assert seen["shout"] == "a!"
        assert clerk.request("POST", "/v1/objects/line/records:query", {"sort": "total"}).is_error
    become(api, "total", [15])
