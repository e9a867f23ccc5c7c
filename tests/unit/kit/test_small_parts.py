"""Check settings, page tokens, etags, ids, credentials and statuses."""

from dataclasses import dataclass
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit import credentials, etags, ids, paging, settings, status, telemetry
from kit.errors import (
    BY_CODE,
    Aborted,
    InvalidArgument,
    ResourceExhausted,
    Unauthenticated,
    Violation,
)
from kit.settings import Settings, SettingsError


@dataclass(frozen=True, kw_only=True)
class _Wanted(Settings):
    needed: int


def test_settings_are_typed_and_complete() -> None:
    found = settings.load(
        _Wanted, {"ARMATURE_NEEDED": "5", "ARMATURE_TRACE_RATE": "2.5", "PATH": "/bin"}
    )
    assert (found.needed, found.trace_rate, found.environment) == (5, 2.5, "production")


def test_everything_wrong_with_settings_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load(_Wanted, {"ARMATURE_NATS_ULR": "x", "ARMATURE_DATABASE_POOL": "many"})
    text = str(caught.value)
    assert "did you mean ARMATURE_NATS_URL" in text
    assert "ARMATURE_DATABASE_POOL" in text
    assert "ARMATURE_NEEDED is required" in text


def test_secrets_are_masked_when_settings_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    settings.print_config(Settings(internal_secret="hush", s3_secret_key="hush"))
    assert "hush" not in capsys.readouterr().out


@given(st.lists(st.none() | st.integers(-(2**53), 2**53) | st.text(), max_size=5))
def test_a_page_token_gives_its_position_back(position: list[object]) -> None:
    token = paging.encode(position, "query", 1)
    assert paging.decode(token, "query", 1) == position


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: "A" + t[1:], lambda t: t + "A"])
def test_an_altered_or_foreign_token_is_refused(change: object) -> None:
    token = paging.encode([1], "mine")
    assert callable(change)
    for bad, query in ((change(token), "mine"), (token, "theirs"), ("?", "mine"), ("é", "mine")):
        if bad == token and query == "mine":
            continue
        with pytest.raises(InvalidArgument) as caught:
            paging.decode(bad, query)
        assert caught.value.reason == "PAGE_TOKEN_INVALID"


def test_page_sizes_are_clamped_and_negative_ones_refused() -> None:
    assert [paging.clamp(n) for n in (0, 7, 5000)] == [50, 7, 1000]
    with pytest.raises(InvalidArgument):
        paging.clamp(-1)


def test_etags_name_versions() -> None:
    etags.check("", 3)
    etags.check('"3"', 3)
    etags.check('W/"3"', 3)
    with pytest.raises(Aborted):
        etags.check("2", 3)
    with pytest.raises(InvalidArgument):
        etags.check("x", 3)


def test_ids_are_version_7_and_sort_by_time() -> None:
    made = [ids.new_id() for _ in range(200)]
    assert {i.version for i in made} == {7}
    assert [i.int >> 80 for i in made] == sorted(i.int >> 80 for i in made)
    assert len(set(made)) == 200


def test_internal_credentials_are_ours_or_nothing() -> None:
    subject = credentials.Internal("records", str(uuid4()), str(uuid4()))
    token = credentials.issue("s" * 32, subject)
    assert credentials.verify("s" * 32, token) == subject
    assert credentials.is_internal(token)
    assert not credentials.is_internal("arm_1_2")
    with pytest.raises(Unauthenticated):
        credentials.verify("t" * 32, token)


def test_errors_survive_a_hop() -> None:
    sent = InvalidArgument(
        "FIELDS_INVALID",
        "two things",
        violations=[Violation("a.b", "X", "m"), Violation("", "Y", "n")],
    )
    got = status.from_proto(status.to_proto(sent))
    assert (type(got), got.reason, got.message) == (InvalidArgument, sent.reason, sent.message)
    assert got.violations == sent.violations
    busy = status.from_proto(
        status.to_proto(ResourceExhausted("DATABASE_BUSY", "b", retry_after=1.5))
    )
    assert busy.retry_after == 1.5
    for code, kind in BY_CODE.items():
        assert type(status.from_proto(status.to_proto(kind("R", code)))) is kind


@pytest.mark.parametrize("bad", ["", "x", "00-0-0-01", "00-" + "0" * 32 + "-" + "1" * 16 + "-01"])
def test_malformed_trace_context_is_dropped(bad: str) -> None:
    assert telemetry.span_context(bad) is None
