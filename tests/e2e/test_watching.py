"""Records as they change: as Server-Sent Events, through both replicas, for those who may see."""

from typing import Any

import grpc
import httpx
import pytest
from armature.records.v1 import record_watch_service_pb2 as pb
from armature.records.v1 import record_watch_service_pb2_grpc as rpc

from tests.e2e.client import Client, wait_for
from tests.e2e.sse import Watcher
from tests.e2e.test_replicas import second

__all__ = ["second"]
PATH = "/v1/objects/lead/records:watch"


@pytest.fixture
def leads(api: Client) -> list[Any]:
    api.define("lead", {"name": "title", "type": "text"}, {"name": "score", "type": "number"})
    return [api.create("lead", title=f"t{n}", score=n) for n in range(4)]


def test_a_list_is_followed_by_server_sent_events(api: Client, leads: list[Any]) -> None:
    with Watcher(api, PATH, filter="score >= 2", sort="-score", page_size=3) as watcher:
        watcher.wait("snapshot")
        assert watcher.ids() == [leads[3]["id"], leads[2]["id"]]
        assert watcher.records[0]["fields"] == leads[3]["fields"]
        new = api.create("lead", title="new", score=2.5)
        watcher.wait("diff")
        wait_for("the new one", lambda: watcher.ids()[1:2] == [new["id"]])
    api.update("lead", leads[3]["id"], score=0)
    headers = {"last-event-id": watcher.last_event_id}
    watcher.kinds.clear()
    after = Watcher(api, PATH, filter="score >= 2", sort="-score", page_size=3)
    after.records, after.last_event_id = watcher.records, headers["last-event-id"]
    with after:
        after.wait("resumed")
        assert after.ids() == [new["id"], leads[2]["id"]]
        api.call("DELETE", f"/v1/objects/lead/records/{new['id']}")
        wait_for("the other", lambda: after.ids() == [leads[2]["id"]])


def test_what_can_not_be_watched_is_a_problem(api: Client, leads: list[Any]) -> None:
    unknown = api.request("GET", f"{PATH}?view=nothing")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "VIEW_NOT_FOUND")
    wrong = api.request("GET", f"{PATH}?filter=nothing+%3D+1")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "FILTER_INVALID")
    strange = api.request("GET", PATH, last_event_id="strange")
    assert (strange.status_code, strange.json()["code"]) == (400, "WATCH_POSITION_INVALID")


def test_a_revoked_key_ends_the_stream_and_a_new_field_shows(api: Client, leads: list[Any]) -> None:
    made = api.post("/v1/api-keys", {"display_name": "Screen", "role": "read_only"})
    with (
        Client(str(api.http.base_url), made["secret"]) as screen,
        Watcher(screen, PATH, sort="score") as watcher,
    ):
        watcher.wait("snapshot")
        api.post("/v1/objects/lead/fields", {"name": "town", "type": "text"})
        wait_for("the field", lambda: "town" in watcher.records[0]["fields"])
        assert "reset" in watcher.kinds
        api.post(f"/v1/api-keys/{made['id']}:revoke")
        wait_for("the end", lambda: watcher.problem, 10)
        assert watcher.problem["code"] == "CREDENTIALS_INVALID"


def test_a_watcher_on_one_replica_sees_writes_on_the_other(
    api: Client, leads: list[Any], stack: dict[str, Any], second: str
) -> None:
    headers = [("authorization", f"Bearer {api.api_key}")]
    request = pb.WatchViewRequest(object="lead", sort="-score")
    with (
        grpc.insecure_channel(second) as two,
        grpc.insecure_channel(stack["grpc"]["records"]) as one,
    ):
        stub: Any = rpc.RecordWatchServiceStub(two)
        frames = stub.WatchView(request, metadata=headers, timeout=20)
        snapshot = next(frames).snapshot
        assert [r.id for r in snapshot.records] == [lead["id"] for lead in reversed(leads)]
        api.update("lead", leads[0]["id"], score=9)  # by the gateway: the first replica
        change = next(f for f in frames if f.WhichOneof("frame") == "diff")
        assert [(c.id, c.index) for c in change.diff.changes] == [(leads[0]["id"], 0)]
        frames.cancel()
        stub = rpc.RecordWatchServiceStub(one)  # what one replica told, the other goes on from
        request.position = change.position
        api.update("lead", leads[1]["id"], title="changed")
        frames = stub.WatchView(request, metadata=headers, timeout=20)
        resumed = next(frames).resumed
        assert [r.id for r in resumed.records] == [leads[1]["id"]]
        assert resumed.ids[0] == leads[0]["id"]
        frames.cancel()


def test_headers_of_a_stream(api: Client, leads: list[Any]) -> None:
    with api.http.stream("GET", PATH, timeout=httpx.Timeout(5.0)) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        assert stream.headers["cache-control"] == "no-store"
