"""What the runbooks name is there: metrics, settings and calls."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
RUNBOOKS = (DOCS / "runbooks.md").read_text()
PREFIXES = "outbox|stream|consumer|dlq|webhook|automation|kept|gave"


def test_their_metrics_are_those_of_the_code() -> None:
    named = set(re.findall(rf"`((?:{PREFIXES})_[a-z_]+)", RUNBOOKS))
    known = (DOCS / "telemetry.md").read_text()
    assert len(named) > 10
    assert {name for name in named if f"`{name}`" not in known} == set()


def test_telemetry_lists_what_the_code_counts() -> None:
    root = DOCS.parent
    code = "\n".join(
        path.read_text()
        for folder in ("kit", "services", "gateway")
        for path in (root / folder).rglob("*.py")
    )
    made = set(re.findall(r"(?:Counter|Gauge|Histogram)\(\s*\"([a-z_]+)\"", code))
    known = (DOCS / "telemetry.md").read_text()
    assert len(made) > 20
    assert {name for name in made if not re.search(rf"`{name}(_total)?`", known)} == set()


def test_their_settings_and_calls_exist() -> None:
    settings = "\n".join(
        path.read_text() for path in DOCS.parent.rglob("settings.py") if ".venv" not in path.parts
    )
    for name in re.findall(r"ARMATURE_([A-Z_]+)", RUNBOOKS):
        assert f"{name.lower()}:" in settings, name
    http = (DOCS / "http.md").read_text()
    for method, path in re.findall(r"(GET|POST|PATCH) (/v1/[a-zA-Z/{}:-]+)", RUNBOOKS):
        assert f"### {method} {path}\n" in http, f"{method} {path}"
