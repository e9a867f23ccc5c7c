"""Feature flags: typed, per environment, rolled out steadily, and live within a second."""

import json
import time
from typing import Any

import pytest

from cli.stack.servers import Started
from kit import flags
from kit.errors import ServiceError
from planes.authenticator import Authenticator
from services.metadata.logic.flags import takes_in
from tests.integration.metadata.conftest import Client
from tests.services import Running, reason, refusal, until


async def put(client: Client, key: str, value: Any, **more: Any) -> Any:
    document = json.dumps(value).encode()
    given = {"reason": "a test"} | more
    return (await client("SetFlag", key=key, value_json=document, **given)).flag


async def evaluated(client: Client, **wanted: Any) -> dict[str, Any]:
    answer = await client("EvaluateFlags", **wanted)
    return {f.key: json.loads(f.value_json) for f in answer.flags if f.on}


async def test_a_flag_reads_back_with_who_set_it_and_why(acme: Client) -> None:
    made = await put(acme, "new_board", True, rollout_percentage=20, reason="With a few.")
    found = (await acme("GetFlag", key="new_board")).flag
    assert found == made
    assert (found.type, found.rollout_percentage, found.etag) == ("bool", 20, "1")
    assert found.operator.kind == "api_key"
    again = await put(acme, "new_board", True, etag="1", reason="With all.")
    assert (again.rollout_percentage, again.etag) == (100, "2")
    assert [f.key for f in (await acme("ListFlags")).flags] == ["new_board"]
    await acme("DeleteFlag", key="new_board", reason="Done.", etag="2")
    assert await reason(acme("GetFlag", key="new_board")) == "NOT_FOUND/FLAG_NOT_FOUND"
    assert await reason(acme("DeleteFlag", key="new_board")) == "NOT_FOUND/FLAG_NOT_FOUND"
    assert await reason(put(acme, "new_board", True, etag="2")) == "ABORTED/ETAG_MISMATCH"


async def test_its_history_is_in_the_audit_log(acme: Client) -> None:
    await put(acme, "limit", 10, reason="To begin with.")
    await put(acme, "limit", 20, reason="More.")
    await acme("DeleteFlag", key="limit", reason="Not needed.")
    found = (await acme("ListAuditEntries")).entries[:3]
    assert [(e.action, e.reason) for e in found] == [
        ("flag.deleted", "Not needed."),
        ("flag.updated", "More."),
        ("flag.created", "To begin with."),
    ]
    assert json.loads(found[1].before_json)["value"] == 10
    assert json.loads(found[1].after_json)["value"] == 20


async def test_what_is_wrong_is_said_at_once(acme: Client) -> None:
    wrong = {"key": "No", "value_json": b'"x"', "type": "number", "rollout_percentage": 101}
    error = await refusal(acme("SetFlag", **wrong))
    assert f"{error.code}/{error.reason}" == "INVALID_ARGUMENT/FLAG_INVALID"
    assert {v.path for v in error.violations} == {"key", "value", "rollout_percentage", "reason"}
    assert await reason(acme("SetFlag", key="a", value_json=b"{", reason="x")) == (
        "INVALID_ARGUMENT/FLAG_INVALID"
    )
    await put(acme, "a", 1)
    retyped = await refusal(put(acme, "a", "one", environment="staging"))
    assert [v.code for v in retyped.violations] == ["TYPE_CHANGE"]
    member = await acme.with_role("member")
    assert await reason(put(member, "b", True)) == "PERMISSION_DENIED/PERMISSION_REQUIRED"
    assert await reason(member("EvaluateFlags", principal_id="other")) == (
        "PERMISSION_DENIED/PERMISSION_REQUIRED"
    )


async def test_an_environments_own_flag_decides(acme: Client) -> None:
    await put(acme, "limit", 10)
    await put(acme, "limit", 50, environment="test")  # which these tests run in
    await put(acme, "limit", 99, environment="staging")
    await put(acme, "other", "x")
    assert await evaluated(acme) == {"limit": 50, "other": "x"}
    assert await evaluated(acme, environment="staging") == {"limit": 99, "other": "x"}
    assert await evaluated(acme, environment="production") == {"limit": 10, "other": "x"}


async def test_a_rollout_takes_some_in_and_others_not(acme: Client) -> None:
    await put(acme, "wide", {"a": [1]}, rollout_percentage=50)
    people = [f"person-{n}" for n in range(8)]
    found = {who: await evaluated(acme, principal_id=who) for who in people}
    expected = {who: {"wide": {"a": [1]}} if takes_in("wide", 50, who) else {} for who in people}
    assert found == expected
    assert 0 < sum(map(bool, found.values())) < len(people)


async def test_another_workspaces_flags_are_not_there(acme: Client, new_workspace: Any) -> None:
    other = await new_workspace()
    await put(other, "secret", True)
    assert await evaluated(acme) == {}
    assert await reason(acme("GetFlag", key="secret")) == "NOT_FOUND/FLAG_NOT_FOUND"


async def test_planes_know_a_change_within_a_second(
    servers: Started, metadata: Running, acme: Client
) -> None:
    plane = Authenticator(metadata.channel, servers["internal_secret"], "records")
    member = (await acme.with_role("member")).credential
    caller = await plane.authenticate(member)
    assert flags.value(caller, "limit", 5) == 5

    async def value(expected: int) -> float | None:
        caller = await plane.authenticate(member)
        return time.monotonic() if flags.value(caller, "limit", 5) == expected else None

    await put(acme, "limit", 10)
    changed = time.monotonic()
    assert await until(lambda: value(10)) - changed < 1.0
    await acme("DeleteFlag", key="limit")
    changed = time.monotonic()
    assert await until(lambda: value(5)) - changed < 1.0


async def test_a_workspace_has_a_limit_of_flags(
    acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.metadata.logic.flags.MAX_FLAGS", 2)
    await put(acme, "a", 1)
    await put(acme, "b", 1)
    with pytest.raises(ServiceError, match="at most 2 flags"):
        await put(acme, "c", 1)
    await put(acme, "b", 2)
