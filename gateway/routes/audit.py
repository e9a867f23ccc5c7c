"""Serve the audit log, the uses of API keys, and feature flags: what admins ask and switch."""

from gateway.binding import Details, body, nothing, one, page, route, whole
from gateway.hub import Hub
from gateway.planes import AUDIT, FLAGS
from gateway.routing import Route

_PAGED = ("page_size", "page_token")
_FILTERS = ("actor_id", "action", "target_id", "from_time", "to_time")
_FLAG = ("value", "type", "environment", "rollout_percentage", "reason")
_EXAMPLE = {"value": True, "rollout_percentage": 20, "reason": "Try the new board with a few."}


def routes(hub: Hub) -> list[Route]:
    put, delete = FLAGS["SetFlag"], FLAGS["DeleteFlag"]
    base = "/v1/flags"
    return [
        route(
            hub, "GET", "/v1/audit", AUDIT["ListAuditEntries"], page("entries"),
            _say("audit", "List who did what, and who was refused what, newest first. Admins"
                 " only."),
            query=(*_PAGED, *_FILTERS),
        ),
        route(
            hub, "GET", "/v1/api-keys/{id}/uses", AUDIT["ListKeyUses"], page("uses"),
            _say("audit", "Count a key's calls by day and plane, newest day first."),
            query=_PAGED,
        ),
        route(
            hub, "GET", base, FLAGS["ListFlags"], page("flags"),
            _say("flags", "List the feature flags. Admins only."), query=_PAGED,
        ),
        route(
            hub, "GET", f"{base}:evaluate", FLAGS["EvaluateFlags"], whole(),
            _say("flags", "Answer every flag as it stands for you; for others, to admins."),
            query=("principal_id", "environment"),
        ),
        route(
            hub, "GET", f"{base}/{{key}}", FLAGS["GetFlag"], one("flag"),
            _say("flags", "Get a flag."), query=("environment",),
        ),
        route(
            hub, "PUT", f"{base}/{{key}}", put, one("flag"),
            _say("flags", "Set a flag, everywhere within a second.", _EXAMPLE),
            body=body(put, _FLAG),
        ),
        route(
            hub, "DELETE", f"{base}/{{key}}", delete, nothing(),
            _say("flags", "End a flag."), query=("environment", "reason"),
        ),
    ]  # fmt: skip


def _say(tag: str, summary: str, example: object = None) -> Details:
    return Details(tag, summary, example)
