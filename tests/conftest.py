"""What tests of all tiers share: real servers, once for the whole run."""

from collections.abc import Iterator

import pytest

from cli.stack.servers import Started, started


@pytest.fixture(scope="session")
def servers() -> Iterator[Started]:
    """Postgres, NATS and S3 on free ports, gone with their data after the last test."""
    with started() as endpoints:
        yield endpoints
