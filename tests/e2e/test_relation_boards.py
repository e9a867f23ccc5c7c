"""A board by a relation: its groups are the records that it leads to, through the gateway."""

from typing import Any

from tests.e2e.client import Client, wait_for

BOARD = "/v1/objects/deal/records:board"
VIEWS = "/v1/objects/deal/views"


def a_world(api: Client) -> dict[str, str]:
    """Companies by name, and deals of two of them."""
    api.define("company", {"name": "name", "type": "text"}, {"name": "open", "type": "boolean"})
    api.define(
        "deal",
        {"name": "name", "type": "text"},
        {"name": "company", "type": "relation", "settings": {"targets": ["company"]}},
        {"name": "about", "type": "relation", "settings": {"targets": ["company", "deal"]}},
        {"name": "worth", "type": "number"},
    )
    ids = {
        name: api.create("company", name=name, open=name != "zeta")["id"]
        for name in ("zeta", "Ähre", "acme")
    }
    for n, company in enumerate(("acme", "zeta", "acme", "acme", None)):
        fields: dict[str, Any] = {"name": f"deal {n}", "worth": n}
        if company:
            fields["company"] = ids[company]
        api.create("deal", **fields)
    return ids


def shown(board: Any) -> list[tuple[Any, str, int, Any]]:
    return [(c["key"], c["label"], c["count"], c["values"]) for c in board["columns"]]


def test_a_relation_to_one_object_groups_a_board(api: Client) -> None:
    ids = a_world(api)
    eligible = {f["field"]: f for f in api.get(f"{VIEWS}:eligibleFields?type=kanban")["fields"]}
    assert eligible["company"]["eligible"] is True
    assert "several objects" in eligible["about"]["reason"]
    view = api.post(VIEWS, {"name": "By company", "type": "kanban"})
    assert (view["group_field"], view["groups"]) == ("company", [])
    expected = [
        (ids["acme"], "acme", 3, {"count": 3, "sum_worth": 5}),
        (ids["zeta"], "zeta", 1, {"count": 1, "sum_worth": 1}),
        (None, "No Company", 1, {"count": 1, "sum_worth": 4}),
    ]
    assert shown(api.post(BOARD, {"view": "By company"})) == expected
    some = api.post(BOARD, {"view": "By company", "filter": {"worth": {"gte": 1}}, "page_size": 1})
    assert [c["count"] for c in some["columns"]] == [2, 1, 1]
    token = some["columns"][0]["next_page_token"]
    rest = api.post(
        BOARD,
        {
            "view": "By company",
            "filter": {"worth": {"gte": 1}},
            "page_size": 1,
            "column": ids["acme"],
            "page_token": token,
        },
    )
    [column] = rest["columns"]
    names = {one["fields"]["name"] for one in [*some["columns"][0]["data"], *column["data"]]}
    assert (names, column["label"]) == ({"deal 2", "deal 3"}, "acme")

    moved = api.query("deal", filter={"name": "deal 0"})["data"][0]
    api.update("deal", moved["id"], company=ids["Ähre"])
    labels = [c["label"] for c in api.post(BOARD, {"view": "By company"})["columns"]]
    assert labels == ["acme", "Ähre", "zeta", "No Company"]
    api.call("DELETE", f"/v1/objects/company/records/{ids['zeta']}")
    after = {c["key"]: c["label"] for c in api.post(BOARD, {"view": "By company"})["columns"]}
    assert after[ids["zeta"]] == ids["zeta"]


def test_a_board_by_a_relation_names_only_records_that_the_caller_sees(
    api: Client, operator: Client
) -> None:
    ids = a_world(api)
    api.post(
        "/v1/roles",
        {
            "name": "clerk",
            "objects": [
                {"object": "deal", "actions": ["read"]},
                {"object": "company", "actions": ["read"], "rule": {"open": True}},
            ],
        },
    )
    secret = api.post("/v1/api-keys", {"display_name": "Robot", "role": "clerk"})["secret"]
    with Client(str(operator.http.base_url), secret) as clerk:
        found = {
            c["key"]: c["label"] for c in clerk.post(BOARD, {"group_by": "company"})["columns"]
        }
    assert found == {ids["acme"]: "acme", ids["zeta"]: ids["zeta"], None: "No Company"}


def test_a_relation_to_several_objects_groups_no_board(api: Client) -> None:
    a_world(api)
    refused = api.request("POST", BOARD, {"group_by": "about"})
    assert (refused.status_code, refused.json()["code"]) == (422, "GROUP_FIELD_INVALID")
    assert "company" in refused.json()["detail"]
    view = {"name": "x", "type": "kanban", "group_field": "about"}
    assert api.request("POST", VIEWS, view).json()["errors"][0]["code"] == "NOT_ELIGIBLE"


def test_the_entries_of_a_board_by_a_relation_say_the_same(api: Client) -> None:
    ids = a_world(api)
    api.post(
        VIEWS,
        {
            "name": "Kept",
            "type": "kanban",
            "group_field": "company",
            "filter": {"worth": {"gte": 0}},
            "materialized": "on",
        },
    )

    def ready() -> bool:
        api.post(BOARD, {"view": "Kept"})
        states = api.get("/v1/objects/deal/view-states")["data"]
        return any(one["state"] == "ready" for one in states)

    wait_for("the entries", ready)
    board = api.post(BOARD, {"view": "Kept"})
    assert [(c["key"], c["count"], len(c["data"])) for c in board["columns"]] == [
        (ids["acme"], 3, 3),
        (ids["zeta"], 1, 1),
        (None, 1, 1),
    ]


def test_a_map_stands_on_an_address(api: Client) -> None:
    api.define("shop", {"name": "name", "type": "text"}, {"name": "place", "type": "address"})
    base = "/v1/objects/shop/views"
    eligible = {
        f["field"]: f["eligible"] for f in api.get(f"{base}:eligibleFields?type=map")["fields"]
    }
    assert eligible == {"name": False, "place": True}
    view = api.post(base, {"name": "Where", "type": "map", "filter": {"place.lat": {"gte": 47}}})
    assert view["location_field"] == "place"
    api.create("shop", name="south", place={"lat": 46, "lng": 7})
    api.create("shop", name="north", place={"lat": 48, "lng": 7})
    [only] = api.query("shop", view="Where")["data"]
    assert only["fields"]["place"]["lat"] == 48
    gone = api.call("DELETE", "/v1/objects/shop/fields/place")
    assert view["id"] in gone["repaired_views"]
    assert [v["type"] for v in api.get(base)["data"]] == ["table"]
