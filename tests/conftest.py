"""What tests of all tiers share: real servers, and the whole platform, once for the whole run."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cli.demo.receiver import Receiver
from cli.stack.ports import find_free_base
from cli.stack.run import started as platform_started
from cli.stack.servers import Started, started
from tests.e2e.client import Client

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def servers() -> Iterator[Started]:
    """Postgres, NATS and S3 on free ports, gone with their data after the last test."""
    with started() as endpoints:
        yield endpoints


@pytest.fixture(scope="session")
def crash_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a test puts the name of a crash point."""
    return tmp_path_factory.mktemp("crash")


@pytest.fixture(scope="session")
def stack(crash_dir: Path) -> Iterator[dict[str, Any]]:
    """The running platform's dev.json. ARMATURE_TEST_STACK names that of one that runs already."""
    if given := os.environ.get("ARMATURE_TEST_STACK"):
        yield json.loads(Path(given).read_text())
        return
    environment = dict(os.environ) | {
        "ARMATURE_CRASH_DIR": str(crash_dir),
        # Kills are frequent here, and waits for the leases of the dead are dull.
        "ARMATURE_ACK_WAIT_SECONDS": "4",
        "ARMATURE_AUTOMATION__RUN_LEASE_SECONDS": "8",
        "ARMATURE_AUTOMATION__RUN_HEARTBEAT_SECONDS": "2",
        "ARMATURE_RECORDS__FIELD_JOB_LEASE_SECONDS": "3",
        "ARMATURE_LINKS__CASCADE_LEASE_SECONDS": "4",
    }
    base = find_free_base()
    data = ROOT / ".armature" / f"tests-{base}"
    with platform_started(ROOT, base, data_dir=data, environment=environment) as running:
        yield running  # type: ignore[misc]


@pytest.fixture(scope="session")
def operator(stack: dict[str, Any]) -> Iterator[Client]:
    """The key that may create workspaces."""
    with Client(stack["gateway_url"], stack["api_key"]) as client:
        yield client


@pytest.fixture(scope="session")
def new_workspace(operator: Client, stack: dict[str, Any]) -> Iterator[Callable[[], Client]]:
    """A fresh workspace's admin."""
    with ExitStack() as exits:

        def make() -> Client:
            made = operator.post("/v1/workspaces", {"display_name": f"Test {uuid4().hex[:8]}"})
            return exits.enter_context(Client(stack["gateway_url"], made["api_key"]))

        yield make


@pytest.fixture
def api(new_workspace: Callable[[], Client]) -> Client:
    """An admin of a workspace that nobody else uses."""
    return new_workspace()


@pytest.fixture
def hooks() -> Iterator[Receiver]:
    """A webhook receiver on loopback."""
    with Receiver() as receiver:
        yield receiver
