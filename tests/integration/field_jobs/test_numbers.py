"""Numbers that the platform gives out, and files that records hold."""

import asyncio

from tests.integration.field_jobs.client import Client
from tests.services import reason, until


async def test_numbers_are_unique_and_rise_whoever_creates(acme: Client) -> None:
    await acme.an_object(name="text")
    before = await acme.create_all([{"name": f"n{n}"} for n in range(30)])
    settings = {"prefix": "INV-", "padding": 4, "start": 100}
    await acme.a_field("serial", type="auto_number", settings=settings)

    async def many(worker: int) -> list[int]:
        found = []
        for n in range(10):
            record = await acme.create(name=f"w{worker}-{n}")
            found.append((await acme.get(record))["serial"])
        return found

    given = await asyncio.gather(*(many(n) for n in range(4)))
    assert all(numbers == sorted(numbers) for numbers in given)

    async def all_numbered() -> bool:
        return not await acme.find({"serial": {"is_empty": True}})

    await until(all_numbered)
    numbers = [(await acme.get(r))["serial"] for r in before]
    assert numbers == sorted(numbers)
    every = {n for some in given for n in some} | set(numbers)
    assert len(every) == 70
    assert min(every) >= 100
    assert len(await acme.find({"serial": {"gte": 100}}, "-serial")) == 70
    sent = acme("CreateRecord", object="ship", fields_json=b'{"serial": 7}')
    assert await reason(sent) == "INVALID_ARGUMENT/FIELDS_INVALID"
    batch = await acme.create_all([{"name": "x"} for _ in range(5)])
    last = [(await acme.get(r))["serial"] for r in batch]
    assert last == list(range(last[0], last[0] + 5))
    assert last[0] > max(every)
