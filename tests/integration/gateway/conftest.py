"""One double and one gateway for all tests of a session, and a client that calls it in-process."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.app import Gateway
from gateway.planes import PLANES
from gateway.settings import GatewaySettings
from tests.integration.gateway import double as doubles
from tests.integration.gateway.double import Double

KEY = "arm_1_secret"
Client = httpx.AsyncClient
Open = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(scope="package")
async def planes() -> AsyncIterator[Double]:
    async with doubles.running() as found:
        yield found


@pytest.fixture
def double(planes: Double) -> Double:
    planes.reset()
    return planes


def settings_for(address: str, **more: Any) -> GatewaySettings:
    return GatewaySettings(**({f"{plane}_address": address for plane in PLANES} | more))


@asynccontextmanager
async def opened(address: str, **more: Any) -> AsyncIterator[Client]:
    gateway = Gateway(settings_for(address, **more))
    transport = httpx.ASGITransport(gateway)
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://gateway", headers=headers
    ) as client:
        yield client
    await gateway.drain(1)


@pytest.fixture(scope="package")
async def shared(planes: Double) -> AsyncIterator[Client]:
    async with opened(planes.address) as client:
        yield client


@pytest.fixture
def client(shared: Client, double: Double) -> Client:
    return shared
