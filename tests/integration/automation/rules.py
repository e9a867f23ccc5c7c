"""What tests of rules share: an action, a record that is won, and a fence."""

from tests.integration.automation.harness import Tenant

TODO = ("create_todo", {"title": "Call {{ trigger.after.name }}"})
WON = {"name": "Big one", "stage": "won", "amount": {"amount_micros": 10, "currency_code": "EUR"}}


async def none_for(tenant: Tenant) -> None:
    """Have the consumer pass everything published before, then find nothing of ours."""
    await tenant.create([("create_note", {"title": "fence", "body": "x"})], obj="company")
    await tenant.finished(await tenant.happen(obj="company", after={"name": "fence"}))
