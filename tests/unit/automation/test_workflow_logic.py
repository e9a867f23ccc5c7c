"""What decides about workflows: when they are due, what formulas may, how graphs and loops end."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from services.automation.logic import definitions, durations, formulas, graph, guard, times
from services.automation.logic.scopes import Scope
from services.automation.model import TriggerType, WorkflowTrigger

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def cron(expression: str, **more: Any) -> WorkflowTrigger:
    return WorkflowTrigger(TriggerType.SCHEDULE, cron=expression, time_zone=BERLIN, **more)


def following(trigger: WorkflowTrigger, moment: str, count: int) -> list[str]:
    found, here = [], at(moment)
    for _ in range(count):
        here = times.next_after(trigger, here, "UTC")
        found.append(here.isoformat())
    return found


def test_an_hour_that_dst_skips_is_not_lost_and_one_that_comes_twice_comes_once() -> None:
    spring = following(cron("30 2 * * *"), "2026-03-28T12:00:00+01:00", 3)
    assert spring == [
        "2026-03-29T01:00:00+00:00",  # 02:30 does not exist: at once after the gap
        "2026-03-30T00:30:00+00:00",
        "2026-03-31T00:30:00+00:00",
    ]
    autumn = following(cron("30 2 * * *"), "2026-10-24T12:00:00+02:00", 2)
    assert autumn == ["2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00"]
    every_hour = following(cron("0 * * * *"), "2026-10-25T00:30:00+02:00", 4)
    assert every_hour == [f"2026-10-2{d}:00:00+00:00" for d in ("4T23", "5T00", "5T01", "5T02")]


@pytest.mark.parametrize(
    ("misfire", "begin", "missed"), [("skip", 1, 4), ("once", 1, 4), ("all", 4, 1)]
)
def test_what_was_missed_is_caught_up_as_asked(misfire: str, begin: int, missed: int) -> None:
    trigger = cron("0 * * * *", misfire=misfire, misfire_cap=3)
    now = at("2026-11-21T12:00:10+01:00")
    come, following_one = times.due(trigger, at("2026-11-21T08:00:00+01:00"), now, "", 100)
    assert (len(come), following_one) == (5, at("2026-11-21T13:00:00+01:00"))
    begun, lost = times.to_start(trigger, come, now)
    assert (len(begun), len(lost)) == (begin, missed)
    late = times.to_start(trigger, come[:4], now)
    assert len(late[0]) == {"skip": 0, "once": 1, "all": 3}[misfire]


def test_an_interval_that_rested_for_a_year_is_one_look() -> None:
    trigger = WorkflowTrigger(TriggerType.SCHEDULE, interval_seconds=1)
    now = datetime.now(UTC)
    come, after = times.due(trigger, now - timedelta(days=365), now, "", 50)
    assert len(come) == 50
    assert now < after <= now + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(5, 5.0), ("90s", 90.0), ("15m", 900.0), ("2h", 7200.0), ("3d", 259_200.0),
          (Decimal("0.5"), 0.5), ("soon", None), (-1, None), (True, None), ("1000000d", None)],
)  # fmt: skip
def test_durations(text: object, seconds: float | None) -> None:
    assert durations.seconds(text) == seconds


def test_formulas_are_checked_before_and_bounded_while_they_run() -> None:
    scope = {"trigger": {"after": {"n": Decimal("1.5")}}, "steps": {}, "vars": {"big": 2**70}}
    assert formulas.evaluate("trigger.after.n * 2.0", scope) == Decimal("3.0")
    assert formulas.evaluate("{'a': [1, 'x', null]}", scope) == {"a": [1, "x", None]}
    assert "undeclared" in formulas.check("nope.x", boolean=True)
    assert "overload" in formulas.check("1 + 'a'", boolean=False)
    assert "true or false" in formulas.check("1 + 1", boolean=True)
    with pytest.raises(formulas.FormulaError, match="missing"):
        formulas.evaluate("trigger.after.missing", scope)
    nested = "[1,2,3,4,5,6,7,8,9,10]"
    bomb = "size(" + f"{nested}.map(a, " * 12 + "1" + ")" * 12 + ") > 0"
    with pytest.raises(formulas.FormulaError):
        formulas.evaluate(bomb, scope)
    with pytest.raises(formulas.FormulaError):
        formulas.evaluate("(" * 1000 + "1" + ")" * 1000, scope)


def test_a_graph_keeps_its_order_and_every_step_is_reached() -> None:
    reader = graph.Reader()
    nodes = reader.sequence(
        [
            {"id": "a", "type": "stop", "input": {}},
            {"id": "b", "type": "delay", "input": {"for": 1}, "next": "a"},
        ],
        "steps",
    )
    assert len(nodes) == 2
    assert {(p.path, p.code) for p in reader.problems} == {
        ("steps.1.next", "CYCLE"),
        ("steps.1", "UNREACHABLE"),
    }
    end = graph.Reader().sequence([{"id": "x", "type": "delay", "next": "end"}], "steps")
    assert end[0].next == graph.END


def test_deep_nesting_and_many_steps_are_refused() -> None:
    step: dict[str, Any] = {"id": "s0", "type": "stop"}
    for i in range(1, 12):
        step = {"id": f"s{i}", "type": "if", "when": "true", "then": [step]}
    reader = graph.Reader()
    reader.sequence([step], "steps")
    assert [p.code for p in reader.problems] == ["TOO_DEEP"]
    many = graph.Reader()
    many.sequence([{"id": f"s{i}", "type": "delay"} for i in range(graph.MAX_STEPS + 9)], "steps")
    first = f"steps.{graph.MAX_STEPS}"
    assert [(p.path, p.code) for p in many.problems] == [(first, "TOO_MANY")]


def test_the_guard_ends_loops_and_names_who_goes_round() -> None:
    a, b, x, y = (UUID(int=n) for n in range(1, 5))
    echo = [guard.link(a, x)]
    assert guard.refusal(a, x, echo, 2).startswith("loop")
    assert guard.loop_of(a, x, echo) == []
    mutual = [guard.link(a, x), guard.link(b, y)]
    assert guard.loop_of(a, x, mutual) == [a, b]
    assert not guard.refusal(a, x, [guard.link(a, x)] * 3, 4, reentry=3)
    assert guard.refusal(a, x, [guard.link(a, x)] * 4, 5, reentry=3)
    assert guard.refusal(a, x, [guard.link(a, x)] * 51, 60, reentry=500)
    growing = [guard.link(one, UUID(int=99 + n)) for n, one in enumerate([a, b] * 8)]
    assert guard.refusal(a, x, growing, 17)
    assert guard.loop_of(a, x, growing) == [a, b]


def test_a_round_hides_the_outputs_of_others() -> None:
    outer = Scope({}, {})
    outer.remember("find", {"count": 2})
    first, second = outer.round("p", 0), outer.round("q", 1)
    first.remember("one", {"x": 1})
    assert first.names()["steps"]["one"]["output"] == {"x": 1}
    assert "one" not in second.names()["steps"]
    assert second.names()["steps"]["find"]["count"] == 2
    assert (second.names()["item"], second.names()["index"]) == ("q", 1)


def test_forms_tell_every_mistake() -> None:
    problems: list[Any] = []
    form = definitions.form(
        [
            {"name": "ok", "type": "boolean", "required": True},
            {"name": "kind", "type": "select", "options": ["a", "b"]},
            {"name": "n", "type": "number"},
        ],
        "form",
        problems,
    )
    assert not problems
    values, found = definitions.fill_form(form, {"kind": "c", "n": "x", "z": 1}, "values")
    assert [p.path for p in found] == ["values.kind", "values.n", "values.z", "values.ok"]
    assert definitions.fill_form(form, {"ok": True}, "values")[0] == {
        "ok": True,
        "kind": None,
        "n": None,
    }
    assert values["kind"] == "c"


def test_names_that_nothing_can_name_are_refused() -> None:
    document = {
        "trigger": {"type": "manual"},
        "inputs": [{"name": "a"}, {"name": "a"}, {"name": "bad name"}, {"name": "1st"}],
        "variables": {"x y": 1, "z": 2},
        "steps": [{"id": "s", "type": "stop"}],
    }
    _, problems = definitions.judge(document)
    assert [(p.path, p.code) for p in problems] == [
        ("variables.x y", "NAME_INVALID"),
        ("inputs.1.name", "NAME_TAKEN"),
        ("inputs.2.name", "NAME_INVALID"),
        ("inputs.3.name", "NAME_INVALID"),
    ]


@pytest.mark.parametrize(
    ("stage", "path"),
    [
        ({"after": "2d", "assignees": ["role:admin"]}, ""),
        ({"after": "{{ inputs.days }}"}, ""),
        ({"after": {"$cel": "inputs.days * 86400"}}, ""),
        ("x", "e.0"),
        ({}, "e.0"),
        ({"after": "2d", "who": []}, "e.0"),
        ({"after": "soon"}, "e.0.after"),
        ({"after": 5, "assignees": "bob"}, "e.0.assignees"),
    ],
)
def test_an_escalation_is_judged_before_anybody_is_asked(stage: Any, path: str) -> None:
    assert [p.path for p in definitions.stages([stage], "e")] == ([path] if path else [])
