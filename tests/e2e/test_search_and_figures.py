"""A text field can be searched, and any field be counted by, a moment after it was defined."""

from tests.e2e.client import Client


def test_new_fields_are_searched_and_aggregated_over_http(api: Client) -> None:
    api.define(
        "ship",
        {"name": "title", "type": "text"},
        {"name": "log", "type": "rich_text"},
        {"name": "secret", "type": "text", "searchable": False},
        {"name": "state", "type": "select", "options": ["docked", "sailing", "lost"]},
        {"name": "built", "type": "date"},
        {"name": "value", "type": "currency"},
    )
    fields = api.get("/v1/objects/ship/fields")["data"]
    searchable = {f["name"] for f in fields if f.get("searchable")}
    assert searchable == {"title", "log"}
    euros = {"amount": 5, "currency_code": "EUR"}
    api.create("ship", title="Émile Zola", state="docked", built="2026-02-03", value=euros)
    api.create("ship", title="Nautilus", log="met the *Émile Zola* at sea", state="docked")
    api.create("ship", title="Ghost", secret="emile", built="2026-02-28")

    found = api.get("/v1/objects/ship/records:search?q=emile%20zo&snippets=true")
    assert [one["record"]["fields"]["title"] for one in found["data"]] == ["Émile Zola", "Nautilus"]
    hit = found["data"][0]
    assert [hit["snippet"][a:b] for a, b in hit["highlights"]] == ["Émile", "Zola"]
    body = {"q": "emil", "objects": ["ship"], "page_size": 1, "fields": "state"}
    first = api.post("/v1/records:search", body)
    assert list(first["data"][0]["record"]["fields"]) == ["state"]
    second = api.post("/v1/records:search", body | {"page_token": first["next_page_token"]})
    assert len(second["data"]) == 1
    assert second["next_page_token"] == ""
    assert second["data"][0]["record"]["id"] != first["data"][0]["record"]["id"]
    # A field becomes searchable at once, with all that it holds.
    api.patch("/v1/objects/ship/fields/secret", {"searchable": True})
    assert len(api.post("/v1/records:search", {"q": "emile", "objects": ["ship"]})["data"]) == 3

    asked = {
        "group_by": [{"field": "state"}, {"field": "built", "bucket": "month", "as": "month"}],
        "measures": [{"fn": "count"}, {"fn": "sum", "field": "value", "as": "worth"}],
        "having": {"count": {"gte": 1}},
        "sort": "month:nulls_first",
    }
    answer = api.post("/v1/objects/ship/records:aggregate", asked)
    five = [{"currency_code": "EUR", "amount_micros": 5_000_000}]
    assert answer["groups"] == [
        {"keys": ["docked", None], "values": {"count": 1, "worth": []}},
        {"keys": ["docked", "2026-02-01"], "values": {"count": 1, "worth": five}},
        {"keys": [None, "2026-02-01"], "values": {"count": 1, "worth": []}},
    ]
    wrong = api.request(
        "POST", "/v1/objects/ship/records:aggregate", {"group_by": [{"field": "x"}]}
    )
    assert (wrong.status_code, wrong.json()["code"]) == (422, "AGGREGATE_INVALID")
    assert wrong.json()["errors"][0]["pointer"] == "/group_by/0/field"
