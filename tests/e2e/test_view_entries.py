"""A view that is to be kept ready is built when it is asked, says so, and answers from then on."""

from typing import Any

from tests.e2e.client import Client, wait_for


def test_a_view_on_is_built_and_used_through_the_gateway(api: Client) -> None:
    api.define(
        "lead",
        {"name": "title", "type": "text"},
        {"name": "score", "type": "number"},
        {"name": "team", "type": "text"},
    )
    items = [{"fields": {"title": f"t{n}", "score": n % 7, "team": "ours"}} for n in range(40)]
    api.post("/v1/objects/lead/records:batchCreate", {"items": items})
    best = {"name": "Best", "type": "table", "sort": "-score", "filter": {"team": "ours"}}
    api.post("/v1/objects/lead/views", best | {"materialized": "on"})
    api.post("/v1/objects/lead/views", best | {"name": "Plain", "materialized": "off"})
    asked = {"view": "Best", "page_size": 5, "count": "exact", "explain": True}

    def state() -> dict[str, Any]:
        listed = api.get("/v1/objects/lead/view-states")["data"]
        return next(one for one in listed if one["view"] == "Best")

    def strategies() -> list[str]:
        found = api.post("/v1/objects/lead/records:query", asked)
        assert found["count"] == 40
        return [segment["strategy"] for segment in found["plan"]["segments"]]

    wait_for("the entries of the view", lambda: strategies() == ["view entries"])
    assert (state()["state"], state()["entries"]) == ("ready", 40)
    assert state()["decision"] == "kept: the view says so"
    off = api.get("/v1/objects/lead/view-states")["data"]
    assert [one["reason"] for one in off if one["view"] == "Plain"] == ["the view says so"]

    created = api.create("lead", title="late", score=100, team="ours")
    first = api.get("/v1/objects/lead/records?view=Best&page_size=1")["data"]
    assert [r["id"] for r in first] == [created["id"]]
    every = api.get("/v1/objects/lead/records?view=Plain&page_size=100")["data"]
    answer = api.request("GET", "/v1/objects/lead/records?view=Best&skip=20&page_size=4")
    assert answer.json()["data"] == every[20:24]
    following = answer.links["next"]["url"]
    assert api.get(following)["data"] == every[24:28]
    refused = api.request("GET", f"{following}&skip=1")
    assert refused.json()["code"] == "SKIP_INVALID"
