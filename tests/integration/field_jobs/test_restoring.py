"""Taking a change back gives records what its own job took: all of it, whenever the log has it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from armature.events.v1 import event_pb2, event_service_pb2

from kit.errors import Unavailable
from schema import jsonio
from services.records.operations.restoring import Taken
from services.records.servicers.history import History
from services.records.workers.field_jobs import FieldJobWorker
from tests.integration.field_jobs.client import ENDED, Client
from tests.integration.field_jobs.conftest import Planes
from tests.services import until

OPTIONS = [{"value": v} for v in ("new", "old", "lost")]


@dataclass
class Log:
    """What the events plane would have of jobs, newest first."""

    known: dict[UUID, list[Taken]] = field(default_factory=dict)
    asked: list[tuple[UUID, str]] = field(default_factory=list)
    down_at: str = ""  # the token at which it does not answer, once
    rounds: int = 0
    size: int = 1  # of a page

    async def of_job(self, _workspace: UUID, job: UUID, token: str) -> tuple[list[Taken], str]:
        self.asked.append((job, token))
        self.rounds += not token
        if token and token == self.down_at and self.rounds > 1:
            self.down_at = ""
            raise Unavailable("DOWN", "as if killed")
        own, at = self.known.get(job, []), int(token or 0)
        end = at + self.size
        return own[at:end], str(end) if end < len(own) else ""

    def has(self, job: str, *changes: tuple[Any, Any, Any]) -> None:
        """(record, before, after) of `s`."""
        now = datetime.now(UTC)
        found = [Taken(UUID(r.id), now, {"s": was}, {"s": is_}) for r, was, is_ in changes]
        self.known[UUID(job)] = found


@pytest.fixture
def log(planes: Planes, monkeypatch: pytest.MonkeyPatch) -> Log:
    [worker] = [
        own
        for work in planes.records.wiring.workers
        if isinstance(own := getattr(work, "__self__", None), FieldJobWorker)
    ]
    found = Log()
    monkeypatch.setattr(worker, "_taken_by", found.of_job)
    return found


async def made_over(acme: Client) -> str:
    """The version with which the last job on `s` changed it over."""
    changes = (await acme("ListChanges")).changes
    return next(str(c.metadata_version) for c in changes if c.type == "field.updated")


async def restored(acme: Client) -> Any:
    async def look() -> Any:
        listed = (await acme("ListFieldJobs")).field_jobs
        return next((j for j in listed if j.kind == "restore" and j.state in ENDED), None)

    job = await until(look)
    return (await acme("GetFieldJob", id=job.id)).field_job


async def reassigned(acme: Client, *values: str) -> tuple[str, str, list[Any]]:
    """Records whose values went to `new`: the job, the version to revert, the records."""
    await acme.an_object(name="text", s={"type": "select", "options": OPTIONS})
    made = await acme.create_all([{"name": v, "s": v} for v in values])
    begun = await acme.change(
        "s", changes={"options": OPTIONS[:1]}, reassign={"old": "new", "lost": "new"}
    )
    assert (await acme.done("s", begun.field_job))[0] == "succeeded"
    return begun.field_job, await made_over(acme), made


async def values(acme: Client, made: list[Any]) -> list[Any]:
    return [(await acme.get(record)).get("s") for record in made]


async def test_a_log_that_is_behind_is_waited_for(acme: Client, log: Log) -> None:
    job, version, made = await reassigned(acme, "old", "lost", "new")
    changes = [(made[1], "lost", "new"), (made[0], "old", "new")]
    log.has(job, *changes[1:])
    await acme("RevertChange", version=version)

    async def twice() -> bool:
        return log.rounds >= 2

    await until(twice)
    assert await values(acme, made) == ["new", "new", "new"]
    log.has(job, *changes)
    done = await restored(acme)
    assert (ENDED[done.state], done.checked, done.changed) == ("succeeded", 2, 2)
    assert await values(acme, made) == ["old", "lost", "new"]


async def test_what_is_begun_again_leaves_nothing_out(acme: Client, log: Log) -> None:
    job, version, made = await reassigned(acme, "old", "lost", "old")
    log.has(job, *((r, was, "new") for r, was in zip(made, ("old", "lost", "old"), strict=True)))
    log.known[UUID(job)][1:] = [  # of an earlier moment than what a page before it has
        Taken(one.record_id, datetime(2026, 1, 1, tzinfo=UTC), one.before, one.after)
        for one in log.known[UUID(job)][1:]
    ]
    log.down_at = "2"
    await acme("RevertChange", version=version)
    done = await restored(acme)
    assert (ENDED[done.state], done.checked, done.changed) == ("succeeded", 3, 3)
    assert log.down_at == ""
    assert await values(acme, made) == ["old", "lost", "old"]


async def test_the_job_that_made_the_change_is_taken_back(acme: Client, log: Log) -> None:
    job, version, made = await reassigned(acme, "old", "new")
    log.has(job, (made[0], "old", "new"))
    later = await acme.change("s", changes={"required": True})
    assert (await acme.done("s", later.field_job))[0] == "succeeded"
    await acme.change("s", changes={"required": False})
    await acme("RevertChange", version=version)
    done = await restored(acme)
    assert (ENDED[done.state], done.changed) == ("succeeded", 1)
    assert await values(acme, made) == ["old", "new"]
    assert {asked for asked, _ in log.asked} == {UUID(job)}


async def test_where_the_job_is_not_known_nothing_succeeds(
    acme: Client, log: Log, planes: Planes
) -> None:
    _, version, made = await reassigned(acme, "old")
    async with planes.metadata.app.db.transaction(UUID(acme.workspace_id)) as tx:
        await tx.run("UPDATE metadata_changes SET job_id = NULL")  # as a release before left it
    await acme("RevertChange", version=version)
    done = await restored(acme)
    assert ENDED[done.state] == "failed"
    assert done.failure.startswith("FIELD_JOB_NOT_FOUND: ")
    assert await values(acme, made) == ["new"]


async def test_a_record_is_named_once_and_other_fields_are_left_alone(
    acme: Client, log: Log
) -> None:
    job, version, made = await reassigned(acme, "old", "lost")
    log.has(job, (made[1], "lost", "new"), (made[0], "lost", "new"), (made[0], "old", "new"))
    other = Taken(UUID(made[1].id), datetime.now(UTC), {"name": "lost"}, {"name": "x"})
    log.known[UUID(job)].insert(0, other)
    log.size = 10
    await acme("RevertChange", version=version)
    done = await restored(acme)
    assert (ENDED[done.state], done.problem_count) == ("succeeded", 0)
    assert await values(acme, made) == ["lost", "lost"]


async def test_only_what_the_job_itself_changed_is_its_own() -> None:
    job, child, parent = uuid4(), uuid4(), uuid4()

    def event(record: UUID, causation: UUID, kind: str = "field_job") -> event_pb2.Event:
        data = {"changed_fields": ["s"], "before": {"s": "old"}, "after": {"s": "new"}}
        return event_pb2.Event(
            type="record.updated",
            aggregate_id=str(record),
            root_id=str(job),
            causation_id=str(causation),
            actor={"kind": kind},
            data_json=jsonio.dumps(data),
        )

    async def listed(request: Any, **_: Any) -> event_service_pb2.ListEventsResponse:
        assert (request.filter.root_id, request.newest_first) == (str(job), True)
        events = [event(child, job), event(parent, uuid4()), event(parent, job, "automation")]
        return event_service_pb2.ListEventsResponse(events=events, next_page_token="more")

    history: Any = History.__new__(History)
    history._stub = SimpleNamespace(ListEvents=listed)  # noqa: SLF001
    history._secret = "a secret that only this test has for itself"  # noqa: SLF001
    found, token = await history.of_job(uuid4(), job, "")
    assert ([one.record_id for one in found], token) == ([child], "more")
