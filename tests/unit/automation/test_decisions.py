"""When to try again, when to give up, and when a rule must not run at all."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from kit import errors
from kit.egress import Answer
from services.automation.logic import guard
from services.automation.logic.retries import Failed, Failure, verdict
from services.automation.model import ActionType
from services.automation.workers.actions import failure_of
from services.automation.workers.webhooks import judge, retry_after

NOW = datetime(2026, 11, 20, tzinfo=UTC)
RULE, RECORD = UUID(int=1), UUID(int=2)


def test_an_error_is_tried_five_times_with_doubled_waits() -> None:
    failed = Failed(Failure.TRANSIENT, "x", definite=False)
    delays = [verdict(failed, n, n, None, NOW) for n in range(1, 6)]
    assert [d.retry for d in delays] == [True] * 4 + [False]
    for n, decided in enumerate(delays[:4]):
        assert 0.75 * 0.5 * 2**n <= decided.delay <= 1.25 * 0.5 * 2**n


def test_what_an_endpoint_asks_for_is_waited_for_within_reason() -> None:
    def after(seconds: float) -> float:
        failed = Failed(Failure.TRANSIENT, "x", definite=False, retry_after=seconds)
        return verdict(failed, 1, 1, None, NOW).delay

    assert after(30) == 30
    assert after(10**9) == 3600


def test_an_absent_plane_is_waited_for_an_hour_without_counting() -> None:
    failed = Failed(Failure.ABSENT, "x", definite=False)
    for attempts in (1, 7, 100):
        decided = verdict(failed, 0, attempts, NOW - timedelta(minutes=59), NOW)
        assert decided.retry
        assert not decided.counts
        assert decided.delay <= 30 * 1.25
    assert not verdict(failed, 0, 101, NOW - timedelta(minutes=61), NOW).retry


def test_a_permanent_error_is_final() -> None:
    failed = Failed(Failure.PERMANENT, "x", definite=True)
    assert not verdict(failed, 1, 1, None, NOW).retry


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.Unavailable("UNREACHABLE", "x"), Failure.ABSENT),
        (errors.DeadlineExceeded("DEADLINE_EXCEEDED", "x"), Failure.ABSENT),
        (errors.Aborted("CONFLICT", "x"), Failure.TRANSIENT),
        (errors.Internal("INTERNAL", "x"), Failure.TRANSIENT),
        (errors.ResourceExhausted("DATABASE_BUSY", "x", retry_after=1), Failure.TRANSIENT),
        (errors.ResourceExhausted("LIMIT_REACHED", "x"), Failure.PERMANENT),
        (errors.NotFound("RECORD_NOT_FOUND", "x"), Failure.PERMANENT),
        (errors.PermissionDenied("PERMISSION_REQUIRED", "x"), Failure.PERMANENT),
        (errors.AlreadyExists("VALUE_NOT_UNIQUE", "x"), Failure.PERMANENT),
    ],
)
def test_what_an_error_of_a_plane_means(error: errors.ServiceError, kind: Failure) -> None:
    assert failure_of(error).kind is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, Failure.PERMANENT),
        (400, Failure.PERMANENT),
        (410, Failure.PERMANENT),
        (408, Failure.TRANSIENT),
        (429, Failure.TRANSIENT),
        (500, Failure.TRANSIENT),
        (503, Failure.TRANSIENT),
    ],
)
def test_what_an_answer_to_a_webhook_means(status: int, kind: Failure) -> None:
    found = judge(Answer(status, {"retry-after": "7"}, "no", 1))
    assert isinstance(found, Failed)
    assert found.kind is kind
    assert found.retry_after == (7 if kind is Failure.TRANSIENT else None)


def test_retry_after_comes_in_two_forms() -> None:
    assert retry_after("120", NOW) == 120
    assert retry_after("Fri, 20 Nov 2026 00:01:00 GMT", NOW) == 60
    assert retry_after("soon", NOW) is None
    assert retry_after("", NOW) is None


def test_a_rule_does_not_follow_itself() -> None:
    link = guard.link(RULE, RECORD)
    assert "loop" in guard.refusal(RULE, RECORD, ("a:b", link), 2)
    assert guard.refusal(RULE, UUID(int=3), (link,), 2) == ""
    assert guard.refusal(RULE, RECORD, (), 16) == ""
    assert "longer than 16" in guard.refusal(RULE, RECORD, (), 17)


def test_every_action_has_its_inputs_and_outputs() -> None:
    from services.automation.logic.inputs import INPUTS, OUTPUTS

    assert set(INPUTS) == set(OUTPUTS) == set(ActionType)
