"""Write docs/http.md from the routes: `python -m gateway.http_doc`."""

import asyncio
import re
import sys
from collections.abc import Sequence
from itertools import groupby

import orjson

from gateway.app import Gateway
from gateway.errors_doc import ROOT
from gateway.routing import Route
from gateway.settings import GatewaySettings

PAGE = ROOT / "docs" / "http.md"
_ID = "0199c0de-0000-7000-8000-000000000001"
_NAMES = {"object": "opportunity", "field": "stage", "view": "By%20stage", "kind": "opportunity",
          "link_type": "contact_of", "rule": "Won%20deals", "name": "crm"}  # fmt: skip

_HEAD = """# HTTP

<!-- Written by `python -m gateway.http_doc` from the gateway's routes: change them there. -->

The gateway speaks JSON over HTTP for every call of the planes. `/docs` of a running gateway lists
the same, and `/v1/openapi.json` describes it for programs; asked with a key, it holds the
workspace's own objects with their fields. The lines below expect

```sh
export API=http://127.0.0.1:7700 KEY=arm_...   # `armature status` prints both
```

## What holds everywhere

- **Credentials**: `Authorization: Bearer` with an API key or an OIDC token. Without: 401.
- **Bodies** are JSON objects (`Content-Type: application/json`), up to 10 MB. A member or a query
  parameter that does not exist is refused by name (422, 400), and the nearest one is named. Numbers
  are passed on exactly as written.
- **Times** are RFC 3339 in UTC. Empty values are `null`. Ranges such as `this_week`, and the days
  and weeks that figures are grouped by, go by the request's `time_zone` and `week_start`, else by
  the caller's own (`PUT /v1/me/preferences`), else by the workspace's, else by UTC and Monday.
  Rules of roles, automation and webhook filters go by the workspace's.
- **Errors** are problem documents (RFC 9457): [errors.md](errors.md).
- **A record** is `{"id", "object", "version", "create_time", "update_time", "delete_time"?,
  "created_by", "updated_by", "position", "fields": {...}}`; `delete_time` while it is deleted.
- **A page** is `{"data": [...], "next_page_token", "count"?}`. Pass `next_page_token` on as
  `page_token`; a GET answers `Link: <...>; rel="next"` as well. It is empty on the last page.
- **A batch** answers `{"results": [{"record", "outcome"?} | {"error"}]}` in the order asked;
  `mode` is `atomic` (default) or `partial`.
- **PATCH** is JSON Merge Patch (RFC 7396) for a record's `fields`, `null` clears; lists take
  `{"$add": [...], "$remove": [...]}`. Of other resources it changes the members that are given.
- **Filters** come as JSON (`{"stage": {"in": ["won"]}}`) or as text (`stage in ("won")`), in bodies
  and in `filter=`. `some`, `none` and `every` go to the many side of a relation and through links
  between two objects (`{"partners": {"some": {"size": 5}}}`); a link counts a moment later. The
  first to ask has the workspace's links read in: of very many, 503 / `LINKS_BEHIND` until they are.
- **Versions**: records, notes and todos carry an `ETag`. `If-Match` makes a change fail with 412
  when somebody else was faster; `If-None-Match` makes a GET answer 304. Replacing a record (PUT)
  demands `If-Match` (428).
- **Repeats**: send an `Idempotency-Key` with any change; the same key and body answer the first
  answer again, with `Idempotency-Replayed: true`.
- **Schema**: answers carry `X-Metadata-Version`. A client reads its own schema changes at once; to
  read somebody else's, send that version as `X-At-Version`.
- **Limits**: where one is set, `RateLimit` and `RateLimit-Policy` say what is left; 429 comes with
  `Retry-After`.
- **Traces**: a valid `traceparent` is continued; `X-Trace-Id` names the trace of every answer.
- **Read questions** (`:query`, `:board`, `:calendar`) take POST and the QUERY method alike.
- `HEAD`, `OPTIONS` and gzip work as usual.
"""


def text() -> str:
    """The page as it should be."""
    gateway_routes = asyncio.run(_routes())
    parts = [_HEAD]
    for tag, group in groupby(gateway_routes, key=lambda route: route.tag):
        parts.append(f"## {tag.capitalize()}\n")
        parts += [_entry(route) for route in group if route.method != "QUERY"]
    return "\n".join(parts)


async def _routes() -> Sequence[Route]:
    gateway = Gateway(GatewaySettings())
    await gateway.drain(0)
    return sorted(gateway.routes.all, key=lambda r: _tags(gateway.routes.all).index(r.tag))


def _tags(routes: Sequence[Route]) -> list[str]:
    return list(dict.fromkeys(route.tag for route in routes))


def _entry(route: Route) -> str:
    lines = [f"### {route.method} {route.path}\n", route.summary]
    if route.query:
        lines[-1] += f" Query: {', '.join(f'`{p.name}`' for p in route.query)}."
    lines[-1] += f" Answers {route.status}."
    if route.rpc:
        lines[-1] += f" gRPC: `{route.rpc}`."
    lines.append(f"\n```sh\n{_curl(route)}\n```\n")
    return "\n".join(lines)


def _curl(route: Route) -> str:
    path = re.sub(r"\{(\w+)\}", lambda m: _NAMES.get(m[1], _ID), route.path)
    parts = ["curl -sS" + ("N" if route.timeout == "none" else "")]
    if route.method != "GET":
        parts.append(f"-X {route.method}")
    if any(p.name == "match" for p in route.query):
        path += "?match=email"
    parts.append(f'"$API{path}"')
    if route.needs_credentials:
        parts.append('-H "Authorization: Bearer $KEY"')
    if route.operation == "replaceRecord":
        parts.append("-H 'If-Match: \"3\"'")
    if route.body_type != "application/json":
        parts.append(f"-H 'Content-Type: {route.body_type}' --data-binary @records.csv")
    elif route.example is not None:
        body = orjson.dumps(route.example, option=orjson.OPT_INDENT_2).decode()
        parts.append(f"-H 'Content-Type: application/json' -d '{body}'")
    return " ".join(parts)


def main() -> None:
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")


if __name__ == "__main__":
    main()
