"""The commands of the README do what it says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.client import Client

ROOT = Path(__file__).parents[2]


def _curls() -> list[str]:
    """The curl commands, their continued lines joined."""
    text = (ROOT / "README.md").read_text().replace("\\\n", " ")
    return re.findall(r"^    (curl .*)$", text, re.MULTILINE)


def test_every_curl_line_works(api: Client, stack: dict[str, Any]) -> None:
    commands = _curls()
    assert len(commands) >= 4
    environment = os.environ | {"KEY": api.api_key, "URL": stack["gateway_url"]}
    answers = []
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command], env=environment, capture_output=True, check=True, text=True
        )
        answer = json.loads(done.stdout)
        assert "code" not in answer, (command, answer)
        answers.append(answer)
    assert [r["fields"]["serial"] for r in answers[-1]["data"]] == ["A-1"]


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text()):
        if target != "is":
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_grpc_answers_buf_curl(api: Client, stack: dict[str, Any]) -> None:
    api.define("widget", {"name": "name", "type": "text"})
    api.create("widget", name="w")
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "buf"),
            "curl",
            "--protocol",
            "grpc",
            "--http2-prior-knowledge",
            "-H",
            f"Authorization: Bearer {api.api_key}",
            "-d",
            '{"object": "widget", "page_size": 2}',
            f"http://{stack['grpc']['records']}/armature.records.v1.RecordService/QueryRecords",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["records"]) == 1


def test_links_in_the_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), (document.name, target)
