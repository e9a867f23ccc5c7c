"""Promise 5: changes become durable events, and their effects happen exactly once."""

from uuid import uuid4

from cli.demo.receiver import Receiver
from tests.e2e.client import Client, wait_for


def test_every_change_is_one_event_in_order(api: Client) -> None:
    api.define("item", {"name": "n", "type": "number"})
    record = api.create("item", n=0)
    for n in range(1, 6):
        api.update("item", record["id"], n=n)
    api.update("item", record["id"], n=5)  # changes nothing
    api.call("DELETE", f"/v1/objects/item/records/{record['id']}")

    def events() -> list[str] | None:
        found = api.get(f"/v1/events?aggregate_id={record['id']}")["data"]
        return [e["type"] for e in found] if len(found) >= 7 else None

    assert wait_for("the events", events) == [
        "record.created",
        *["record.updated"] * 5,
        "record.deleted",
    ]
    found = api.get(f"/v1/events?aggregate_id={record['id']}")["data"]
    assert [e["aggregate_version"] for e in found] == list(range(1, 8))
    assert found[3]["data"]["before"] == {"n": 2}
    assert found[3]["data"]["after"] == {"n": 3}


def test_a_repeated_request_is_one_change(api: Client) -> None:
    api.define("order", {"name": "n", "type": "number"})
    key = str(uuid4())
    body = {"fields": {"n": 1}}
    first = api.request("POST", "/v1/objects/order/records", body, idempotency_key=key)
    again = api.request("POST", "/v1/objects/order/records", body, idempotency_key=key)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = api.request(
        "POST", "/v1/objects/order/records", {"fields": {"n": 2}}, idempotency_key=key
    )
    assert (other.status_code, other.json()["code"]) == (422, "REQUEST_ID_REUSED")
    assert len(api.query("order")["data"]) == 1


def test_a_subscription_gets_each_event_once_and_signed(api: Client, hooks: Receiver) -> None:
    api.define("parcel", {"name": "n", "type": "number"})
    made = api.post(
        "/v1/webhooks",
        {
            "name": "parcels",
            "url": hooks.url,
            "event_types": ["record.*"],
            "object": "parcel",
            "filter": {"n": {"gte": 5}},
        },
    )
    secret = made["secret"]
    for n in range(10):
        api.create("parcel", n=n)

    wait_for("five webhooks", lambda: len(hooks.received) >= 5)
    events = [r.document() for r in hooks.received]
    assert all(r.verified(secret) for r in hooks.received)
    assert sorted(e["data"]["after"]["n"] for e in events) == [5, 6, 7, 8, 9]
    assert len({r.headers["webhook-id"] for r in hooks.received}) == 5
