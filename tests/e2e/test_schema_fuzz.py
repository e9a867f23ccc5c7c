"""Whatever the workspace's own OpenAPI document allows, and whatever it does not: no 500, and no
answer that the document does not know."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.client import Client

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,response_headers_conformance"
)
# Streams that end with their reader, and what would have us send to the addresses of examples.
LEFT_OUT = "watch|createSubscription|updateSubscription|[rR]ule|[wW]orkflow"


def _without_the_future(document: Any) -> Any:
    """Without the header that asks for a metadata version: one to come is waited for, then 503."""
    for operations in document["paths"].values():
        for operation in operations.values():
            given = operation.get("parameters", [])
            operation["parameters"] = [p for p in given if p.get("name") != "X-At-Version"]
    return document


def _fuzzed(api: Client, stack: dict[str, Any], where: Path, *more: str) -> None:
    document = where / "openapi.json"
    document.write_text(json.dumps(_without_the_future(api.get("/v1/openapi.json"))))
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", str(document),
            "--url", stack["gateway_url"], "--header", f"Authorization: Bearer {api.api_key}",
            "--checks", CHECKS, "--exclude-operation-id-regex", LEFT_OUT,
            "--generation-with-security-parameters", "false", "--generation-deterministic",
            "--no-shrink", "--continue-on-failure", "--request-timeout", "20",
            "--suppress-health-check", "all", "--no-color", *more,
        ],
        cwd=where, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    failures = done.stdout.partition("= FAILURES =")[2] or done.stdout[-4000:] + done.stderr[-2000:]
    assert done.returncode == 0, failures[:8000]


def test_nothing_undocumented_is_answered(
    new_workspace: Callable[[], Client], stack: dict[str, Any], tmp_path: Path
) -> None:
    api = new_workspace()
    api.post("/v1/blueprints/crm:install", {})
    _fuzzed(api, stack, tmp_path, "--phases", "examples,coverage", "--max-time", "30", "-n", "3")


def test_nothing_undocumented_is_answered_to_what_nobody_would_ask(
    new_workspace: Callable[[], Client], stack: dict[str, Any], tmp_path: Path
) -> None:
    """Every operation in turn, with values of no sense at all; records are there to be hit."""
    api = new_workspace()
    api.post("/v1/blueprints/crm:install", {})
    for name in ("company", "person", "opportunity"):
        items: list[dict[str, Any]] = [{"fields": {}} for _ in range(20)]
        api.post(f"/v1/objects/{name}/records:batchCreate", {"items": items, "mode": "partial"})
    _fuzzed(api, stack, tmp_path, "--phases", "fuzzing", "-n", "2")
