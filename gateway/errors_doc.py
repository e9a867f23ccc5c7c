"""Write docs/errors.md from the contracts: `python -m gateway.errors_doc`.

What a reason means stands in error_reason.proto; with which code, and so with which HTTP status,
it comes stands in the comments of the RPCs that fail with it.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from gateway.errors import STATUS, STATUS_BY_REASON, type_of

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "errors.md"
_REASONS = ROOT / "protos" / "armature" / "common" / "v1" / "error_reason.proto"
_ENTRY = re.compile(r"((?:^  //.*\n)+)^  ERROR_REASON_(\w+) = (\d+);", re.MULTILINE)
_COMMENT = re.compile(r"(?:^ *//.*\n)+", re.MULTILINE)
_CODE = "|".join(STATUS)
_REASON = "[A-Z][A-Z0-9_]+"
_PAIR = re.compile(
    rf"\b({_CODE}) / ({_REASON}(?:(?:, and| and|,| or) (?!(?:{_CODE}) /){_REASON})*)"
)
_RANGES = {0: "All planes", 100: "Metadata", 200: "Records", 300: "Links", 350: "Artifacts",
           400: "Events", 450: "Automation", 500: "Gateway"}  # fmt: skip
# The codes of reasons that no RPC's comment names: those of the kit and of the gateway.
_OWN = {
    "INTERNAL": 500, "CONFLICT": 409, "DATABASE_BUSY": 503, "DATABASE_UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504, "UNREACHABLE": 503, "REQUEST_ID_REUSED": 422, "ID_INVALID": 422,
    "ROUTE_NOT_FOUND": 404, "METHOD_NOT_ALLOWED": 405, "PATH_INVALID": 400, "QUERY_INVALID": 400,
    "HEADER_INVALID": 400, "BODY_MALFORMED": 400, "BODY_INVALID": 422, "BODY_TOO_LARGE": 413,
    "CONTENT_TYPE_UNSUPPORTED": 415, "IF_MATCH_REQUIRED": 428, "RATE_LIMITED": 429,
    "NOT_IMPLEMENTED": 501, "URL_REFUSED": 422, "PLANE_REQUIRED": 403,
}  # fmt: skip

_HEAD = """# Errors

<!-- Written by `python -m gateway.errors_doc` from the comments in protos/: change them there. -->

Every answer of 400 and above is a problem document (RFC 9457), `application/problem+json`:

```json
{
  "type": "https://armature.dev/errors/fields-invalid",
  "title": "Fields invalid",
  "status": 422,
  "detail": "fields.amount.currency_code: must be an ISO code",
  "code": "FIELDS_INVALID",
  "errors": [
    {"pointer": "/fields/amount/currency_code", "code": "INVALID", "message": "must be an ISO code"}
  ],
  "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
  "retryable": false
}
```

Branch on `code`; it is the `reason` of the `google.rpc.ErrorInfo` (domain `armature.dev`) that gRPC
clients get. `errors` lists everything that is wrong: a `pointer` is a JSON pointer into the body,
`?name` a query parameter, `{name}` a part of the path, or the name of a header. `retryable` says
whether the same request may succeed a little later; `Retry-After` says when. `trace_id` finds the
request in traces and logs.

| gRPC code | HTTP |
|---|---|
"""


def text() -> str:
    """The page as it should be."""
    codes = _codes()
    lines = [_HEAD + "\n".join(f"| {code} | {status} |" for code, status in STATUS.items()), ""]
    section = ""
    for meaning, reason, number in _reasons():
        title = _RANGES[max(start for start in _RANGES if start <= number)]
        if title != section:
            section = title
            lines += ["", f"## {title}", "", "| code | HTTP | meaning |", "|---|---|---|"]
        lines.append(
            f"| [`{reason}`]({type_of(reason)}) | {_statuses(reason, codes)} | {meaning} |"
        )
    return "\n".join(lines) + "\n"


def _reasons() -> Iterator[tuple[str, str, int]]:
    found = _ENTRY.findall(_REASONS.read_text(encoding="utf-8"))
    for comment, reason, number in sorted(found, key=lambda one: int(one[2])):
        yield _sentence(comment).replace("|", "\\|"), reason, int(number)


def _codes() -> dict[str, set[str]]:
    """The codes that RPCs say each reason comes with."""
    codes: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "protos").rglob("*.proto")):
        for comment in _COMMENT.findall(path.read_text(encoding="utf-8")):
            for code, reasons in _PAIR.findall(_sentence(comment)):
                for reason in re.findall(r"[A-Z][A-Z0-9_]{3,}", reasons):
                    codes[reason].add(code)
    return codes


def _sentence(comment: str) -> str:
    return " ".join(
        line.strip().removeprefix("//").strip() for line in comment.splitlines()
    ).strip()


def _statuses(reason: str, codes: dict[str, set[str]]) -> str:
    if status := STATUS_BY_REASON.get(reason) or _OWN.get(reason):
        return str(status)
    found = {STATUS[code] for code in codes.get(reason, ())}
    return ", ".join(str(status) for status in sorted(found)) or _by_name(reason)


def _by_name(reason: str) -> str:
    """What a reason that no comment names comes with, by the way we name reasons."""
    if reason.endswith("_NOT_FOUND"):
        return "404"
    if reason.endswith(("_INVALID", "_UNKNOWN")):
        return "422"
    return "409" if reason.endswith(("_TAKEN", "_EXISTS")) else ""


def main() -> None:
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")


if __name__ == "__main__":
    main()
