"""Serve rules and their runs."""

from gateway.binding import Details, body, nothing, one, page, route, whole
from gateway.hub import Hub
from gateway.planes import RULES, RUNS
from gateway.routing import Route

_MEMBERS = ("name", "description", "trigger", "condition", "actions")
_RUN_FILTERS = (
    "rule",
    "workflow",
    "record_id",
    "state",
    "event_id",
    "error",
    "from_time",
    "to_time",
    "parent_run_id",
)
_EXAMPLE = {
    "name": "Won deals",
    "trigger": {"type": "record_updated", "object": "opportunity", "fields": ["stage"]},
    "condition": {"stage": "won", "amount.amount_micros": {"gte": 10_000_000_000}},
    "actions": [
        {"type": "create_todo", "input": {"title": "Thank {{ trigger.after.name }}"}},
        {"type": "send_webhook", "input": {"url": "https://example.com/won"}},
    ],
}


def routes(hub: Hub) -> list[Route]:
    create, update = RULES["CreateRule"], RULES["UpdateRule"]
    resume, check = RUNS["ResumeRun"], RULES["CheckRule"]
    rotate = RULES["RotateRuleSecret"]
    paged = {"page_size": "page_size", "page_token": "page_token"}

    def rules(summary: str, example: object = None) -> Details:
        return Details("rules", summary, example)

    def runs(summary: str) -> Details:
        return Details("runs", summary)

    return [
        route(
            hub, "GET", "/v1/rules", RULES["ListRules"], page("rules"),
            rules("List rules, oldest first."), query=paged,
        ),
        route(
            hub, "POST", "/v1/rules", create, one("rule", "webhook_secret", status=201),
            rules("Start a rule; the secret that signs its webhooks is shown only here.",
                  _EXAMPLE),
            body=body(create, _MEMBERS, into="rule"),
        ),
        route(
            hub, "GET", "/v1/rules/{rule}", RULES["GetRule"], one("rule"),
            rules("Get a rule by id or name."),
        ),
        route(
            hub, "PATCH", "/v1/rules/{rule}", update, one("rule"),
            rules("Make a new version of a rule, or enable and disable it.",
                  {"state": "disabled"}),
            body=body(update, (*_MEMBERS, "state"), into="changes", mask=True),
        ),
        route(
            hub, "DELETE", "/v1/rules/{rule}", RULES["DeleteRule"], nothing(),
            rules("End a rule; its runs stay readable."),
        ),
        route(
            hub, "POST", "/v1/rules/{rule}:rotateSecret", rotate, whole(),
            rules("Make a new secret; both sign for 24 hours, or with `end_old` the new one alone.",
                  {"end_old": True}),
            body=body(rotate, ("end_old",), required=False),
        ),
        route(
            hub, "POST", "/v1/rules/{rule}:test", check, whole(),
            rules("Tell what it would do for a past event, with nothing done.",
                  {"event_id": "00000000-0000-0000-0000-000000000000"}),
            body=body(check, ("event_id",)),
        ),
        route(
            hub, "GET", "/v1/runs", RUNS["ListRuns"], page("runs"),
            runs("List runs, newest first."),
            query={n: n for n in _RUN_FILTERS} | paged,
        ),
        route(
            hub, "GET", "/v1/runs/{id}", RUNS["GetRun"], one("run"),
            runs("Get a run with its steps and attempts."),
        ),
        route(
            hub, "POST", "/v1/runs/{id}:cancel", RUNS["CancelRun"], one("run"),
            runs("Stop a run before its next step."),
        ),
        route(
            hub, "POST", "/v1/runs/{id}:resume", resume, one("run"),
            Details("runs", "Try a failed run again, from the step that failed or another.",
                    {"from_step": "call"}),
            body=body(resume, ("from_step",), required=False),
        ),
    ]  # fmt: skip
