"""Refusals and uses of keys: counted beside calls, told in batches, once each."""

from uuid import UUID, uuid4

import grpc
import pytest

from kit import flags, journal
from kit.caller import NOBODY, Caller
from kit.errors import NotFound, PermissionDenied, Unavailable
from kit.journal import Batch, Journal

ACME = uuid4()


class Told:
    """What was told, and whether telling fails."""

    def __init__(self) -> None:
        self.batches: list[tuple[UUID, Batch]] = []
        self.failure: Exception | None = None

    async def __call__(self, workspace_id: UUID, batch: Batch) -> None:
        self.batches.append((workspace_id, batch))
        if self.failure:
            raise self.failure

    def counts(self) -> list[int]:
        return [tally.count for _, batch in self.batches for _, tally in batch.denials]


def caller(name: str = "ada", workspace_id: UUID = ACME, **more: object) -> Caller:
    return Caller(workspace_id, name, "api_key", name, **more)  # type: ignore[arg-type]


def denial(permission: str = "admin") -> PermissionDenied:
    return PermissionDenied("PERMISSION_REQUIRED", "no", permission=permission)


async def test_alike_refusals_are_one_entry_and_later_ones_wait() -> None:
    told = Told()
    found = Journal(told)
    for _ in range(100):
        found.refused(caller(), denial())
    found.refused(caller(), denial("schema"))
    await found.flush()
    assert told.counts() == [100, 1]
    found.refused(caller(), denial())
    await found.flush()
    assert told.counts() == [100, 1]
    await found.close()
    assert told.counts() == [100, 1, 1]
    await found.close()
    assert told.counts() == [100, 1, 1]


async def test_repeats_are_told_when_the_minute_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    found = Journal(told)
    found.refused(caller(), denial())
    await found.flush()
    found.refused(caller(), denial())
    monkeypatch.setattr(journal, "_REPEAT_SECONDS", 0.0)
    await found.flush()
    assert told.counts() == [1, 1]
    await found.flush()  # nothing came: the kind is forgotten
    assert told.counts() == [1, 1]


async def test_only_refusals_for_want_of_permission_are_noted_where_they_were_said() -> None:
    told = Told()
    found = Journal(told)
    passed_on = denial()
    passed_on.__cause__ = grpc.RpcError("from another plane, which noted it")
    found.refused(caller(), passed_on)
    found.refused(caller(), NotFound("RECORD_NOT_FOUND", "no"))
    found.refused(None, denial())
    found.refused(caller(workspace_id=NOBODY), denial())
    await found.flush(everything=True)
    assert told.batches == []


async def test_what_cannot_be_told_is_told_later_under_the_same_id() -> None:
    told = Told()
    found = Journal(told)
    told.failure = Unavailable("UNREACHABLE", "later")
    found.used(caller())
    await found.flush(everything=True)
    found.used(caller())
    await found.flush(everything=True)
    told.failure = None
    await found.flush(everything=True)
    sent = [(batch.request_id, dict(batch.uses)) for _, batch in told.batches]
    assert sent[0] == sent[1] == sent[2]
    assert sent[3][0] != sent[0][0]
    assert [batch.answered_id for _, batch in told.batches] == ["", "", "", sent[0][0]]
    assert [uses for _, uses in sent] == [{"ada": 1}] * 4


async def test_what_is_refused_for_good_does_not_hold_the_rest_up() -> None:
    told = Told()
    found = Journal(told)
    told.failure = NotFound("WORKSPACE_NOT_FOUND", "gone")
    found.used(caller())
    await found.flush(everything=True)
    await found.flush(everything=True)
    assert len(told.batches) == 1


async def test_planes_calls_in_a_keys_name_are_no_use_of_the_key() -> None:
    told = Told()
    found = Journal(told)
    found.used(caller(internal=True))
    await found.flush(everything=True)
    assert told.batches == []


async def test_a_flood_of_kinds_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_MAX_KINDS", 10)
    told = Told()
    found = Journal(told)
    for number in range(500):
        found.refused(caller(f"eve-{number}"), denial())
    await found.flush()
    denials = told.batches[0][1].denials
    assert len(denials) == 11
    assert sum(tally.count for _, tally in denials) == 500
    assert denials[-1][0].method == journal.SEVERAL


@pytest.mark.parametrize(
    ("document", "default", "value"),
    [
        (b"", False, False),
        (b'{"x":true}', False, True),
        (b'{"x":1}', False, False),
        (b'{"x":true}', 1, 1),
        (b'{"x":2.5}', 1, 2.5),
        (b'{"x":"y"}', "z", "y"),
        (b'{"x":"y"}', 1, 1),
        (b'{"x":{"a":1}}', None, {"a": 1}),
        (b'{"y":true}', False, False),
    ],
)
def test_a_flag_is_its_default_unless_it_is_on_and_of_the_type(
    document: bytes, default: object, value: object
) -> None:
    assert flags.value(caller(flags=document), "x", default) == value
