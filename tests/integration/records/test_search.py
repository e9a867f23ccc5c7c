"""Search finds words of what the caller may see, best first, in its own workspace alone."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from kit.errors import ServiceError
from schema import jsonio
from schema.compiled import Workspace
from schema.field_types import FIELD_TYPES
from schema.model import Snapshot
from services.records.logic import search
from services.records.logic.documents import slot_of
from services.records.operations import indexing
from services.records.store import search as store
from services.records.workers.search import build_all
from tests.integration.records.client import Client, fields_of, selecting
from tests.integration.records.conftest import Plane
from tests.integration.records.test_reads import counted
from tests.integration.records.world import OBJECTS, definitions, field_id


def searchable(workspace_id: UUID) -> Workspace:
    """The usual definitions, with every text searchable and the name as a deal's label."""

    def changed(one: Any) -> Any:
        fields = tuple(
            msgspec.structs.replace(f, searchable=FIELD_TYPES[f.type].searchable)
            for f in one.fields
        )
        return msgspec.structs.replace(one, fields=fields, label_field="name")

    found = definitions(workspace_id)
    views = tuple(found.views.values())
    objects = tuple(map(changed, OBJECTS))
    return Workspace(Snapshot(str(workspace_id), 3, objects, views, (), "Europe/Berlin"))


@pytest.fixture
def shop(plane: Plane, new_workspace: Callable[[], Client]) -> Client:
    client = new_workspace()
    plane.literal.known[client.workspace_id] = searchable(client.workspace_id)
    return client


async def names(client: Client, q: str, *objects: str, **more: Any) -> list[str]:
    answer = await client("SearchRecords", q=q, objects=objects or ["deal"], **more)
    return [fields_of(r.record)["name"] for r in answer.results]


async def test_words_are_found_without_case_and_accents_the_last_as_a_beginning(
    shop: Client,
) -> None:
    await shop.create(name="Müller Straßenbau", contact={"primary": "info@mueller.example"})
    await shop.create(name="Muller Bros", notes="a **Strassenfest** in ÅRHUS", words=["Éclair"])
    assert sorted(await names(shop, "MÜLLER str")) == ["Muller Bros", "Müller Straßenbau"]
    assert await names(shop, "strassenbau mul") == ["Müller Straßenbau"]
    assert await names(shop, "stras mul") == []  # only the last word is a beginning
    assert await names(shop, "aarhus") == []
    assert await names(shop, "århus") == ["Muller Bros"]
    assert await names(shop, "eclai") == ["Muller Bros"]
    assert await names(shop, "info@mueller.ex") == ["Müller Straßenbau"]


async def test_a_word_of_the_label_weighs_more_than_prose(shop: Client) -> None:
    await shop.create(name="Something else", notes="about falcons and a falcon")
    await shop.create(name="Falcon", code="f1")
    assert await names(shop, "falcon") == ["Falcon", "Something else"]


async def test_pages_join_to_all_results_of_several_objects(shop: Client) -> None:
    await shop.create_all([{"name": f"acme {n}"} for n in range(7)])
    await shop.create_all([{"name": f"acme holding {n}"} for n in range(6)], obj="company")
    await shop.create_all([{"name": "other"}, {"name": "acme person", "seat": "window"}], "person")
    whole = await shop("SearchRecords", q="acme", page_size=100)
    assert len(whole.results) == 14
    ranks = [r.rank for r in whole.results]
    assert ranks == sorted(ranks, reverse=True)
    for size in (1, 3, 5):
        found: list[str] = []
        token = ""
        while True:
            page = await shop("SearchRecords", q="acme", page_size=size, page_token=token)
            found += [r.record.id for r in page.results]
            token = page.next_page_token
            if not token:
                break
        assert found == [r.record.id for r in whole.results]
    some = await shop("SearchRecords", q="acme", objects=["companies", "company"], fields="name")
    assert {r.record.object for r in some.results} == {"company"}
    with pytest.raises(ServiceError) as refused:
        await shop("SearchRecords", q="acme pers", page_token=page.next_page_token or "x")
    assert refused.value.reason == "PAGE_TOKEN_INVALID"


async def test_what_is_written_changed_deleted_and_restored_is_found_at_once(shop: Client) -> None:
    deal = await shop.create(name="granite harbor", n=1)
    assert await names(shop, "harbor") == ["granite harbor"]
    await shop.update(deal, n=2)
    await shop.update(deal, name="granite maple")
    assert await names(shop, "harbor") == []
    assert await names(shop, "maple gran") == ["granite maple"]
    await shop.delete(deal)
    assert await names(shop, "maple") == []
    await shop("BatchUndeleteRecords", object="deal", ids=[deal.id])
    assert await names(shop, "maple") == ["granite maple"]
    await shop.delete(deal)
    await shop("PurgeRecord", object="deal", id=deal.id)
    assert await shop.rows("SELECT record_id FROM search_entries") == []


async def test_filters_snippets_and_plans(shop: Client) -> None:
    await shop.create(name="cedar one", stage="won", notes="x" * 300 + " cedar wood, old cedars")
    await shop.create(name="cedar two", stage="lost")
    where = {"selection": selecting({"stage": "won"})}
    answer = await shop("SearchRecords", q="old ced", objects=["deal"], snippets=True, **where)
    (hit,) = answer.results
    marked = [hit.snippet[h.start : h.end] for h in hit.highlights]
    assert (hit.field, marked) == ("notes", ["cedar", "old", "cedars"])
    answer = await shop("SearchRecords", q="cedar", objects=["deal"], explain=True)
    assert jsonio.loads_exact(answer.plan_json)["matches"] == {"deal": 2}
    with pytest.raises(ServiceError) as refused:
        await shop("SearchRecords", q="cedar", **where)
    assert refused.value.reason == "SEARCH_INVALID"


@pytest.mark.parametrize("q", ["", "  ", "!?", "x" * 501, "a " * 21])
async def test_what_has_no_words_or_too_many_is_refused(shop: Client, q: str) -> None:
    with pytest.raises(ServiceError) as refused:
        await shop("SearchRecords", q=q)
    assert refused.value.reason == "SEARCH_INVALID"


@pytest.mark.parametrize(
    "q", ["o'brien", "back\\slash", "a & b | !c", "x:* (y", "'; -- z", "<-> 5"]
)
async def test_the_query_language_of_the_index_does_not_leak(shop: Client, q: str) -> None:
    await shop.create(name=f"the {q} one")
    assert await names(shop, q) == [f"the {q} one"]


async def test_a_field_becomes_searchable_without_a_rebuild(
    plane: Plane, new_workspace: Callable[[], Client]
) -> None:
    client = new_workspace()
    await client.create(name="beacon")
    with pytest.raises(ServiceError) as refused:
        await client("SearchRecords", q="beacon", objects=["deal"])
    assert refused.value.reason == "SEARCH_INVALID"
    plane.literal.known[client.workspace_id] = searchable(client.workspace_id)
    assert await names(client, "beacon") == ["beacon"]


# --- contains ---


async def contains(client: Client, op: str, needle: str) -> tuple[list[str], dict[str, Any]]:
    answer = await client.query("deal", {"name": {op: needle}}, explain=True)
    segment = jsonio.loads_exact(answer.plan_json)["segments"][0]
    return sorted(fields_of(r)["name"] for r in answer.records), segment


async def test_contains_is_driven_by_trigrams_and_checked_on_the_document(acme: Client) -> None:
    long = "x" * 1200 + "needle"
    await acme.create_all([{"name": n} for n in ("Café Neon", "cafe", "CAFE neonlight", long)])
    found, plan = await contains(acme, "icontains", "CAFÉ n")
    assert found == ["CAFE neonlight", "Café Neon"]
    assert plan["index"] == "trigrams"
    assert plan["matches"] == 3  # the long text is always looked at
    assert (await contains(acme, "contains", "afé"))[0] == ["Café Neon"]
    assert (await contains(acme, "iends_with", "LIGHT"))[0] == ["CAFE neonlight"]
    assert (await contains(acme, "search", "light cafe"))[0] == ["CAFE neonlight"]
    assert (await contains(acme, "contains", "xneed"))[0] == [long]
    found, plan = await contains(acme, "contains", "af")
    assert found == ["Café Neon", "cafe"]
    assert plan["strategy"] != "condition"  # a needle of two characters is looked for in order


# --- isolation: the functions run under the owner's rights ---


async def asked(plane: Plane, setting: str | None, sql: str, params: list[Any]) -> list[Any]:
    """Rows that the service's role gets with this workspace set, or none."""
    url = plane.servers["postgres"]["roles"]["armature_records"]
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("SET search_path = records")
        if setting is not None:
            await connection.execute("SELECT set_config('app.workspace_id', %s, true)", [setting])
        return await (await connection.execute(sql, params)).fetchall()


_TEXTS = "SELECT * FROM text_matches(%s::uuid, %s::int8[], 100)"
_WORDS = "SELECT record_id FROM word_matches(%s::uuid[], %s::text[], 100)"


async def test_candidates_are_of_the_sessions_workspace_alone(
    plane: Plane, new_workspace: Callable[[], Client]
) -> None:
    ours, theirs = new_workspace(), new_workspace()
    mine = await ours.create(name="shared secret")
    other = await theirs.create(name="shared secret")
    slot = slot_of(field_id("name"), "")
    lows = list(search.cut("secret"))
    for client, record in ((ours, mine), (theirs, other)):
        setting = str(client.workspace_id)
        rows = await asked(plane, setting, _TEXTS, [slot, lows])
        assert [str(r[0]) for r in rows] == [record.id]
        rows = await asked(plane, setting, _WORDS, [[slot], ["shared", "sec"]])
        assert [str(r[0]) for r in rows] == [record.id]
    assert await asked(plane, str(uuid4()), _TEXTS, [slot, lows]) == []
    # Even who makes their tag ours finds nothing: the row's workspace is what counts.
    everything = [[slot], ["secret') | ('", "x"]]
    assert await asked(plane, str(uuid4()), _WORDS, everything) == []


@pytest.mark.parametrize("setting", [None, ""])
@pytest.mark.parametrize(
    ("sql", "params"),
    [(_TEXTS, [uuid4(), [1]]), (_WORDS, [[uuid4()], ["x"]])],
    ids=["texts", "words"],
)
async def test_without_a_workspace_the_functions_fail(
    plane: Plane, setting: str | None, sql: str, params: list[Any]
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await asked(plane, setting, sql, params)


async def test_the_services_role_reads_no_entries_of_others_and_may_not_see_as_the_owner(
    plane: Plane, new_workspace: Callable[[], Client]
) -> None:
    await new_workspace().create(name="hidden")
    rows = await asked(plane, str(uuid4()), "SELECT record_id FROM search_entries", [])
    assert rows == []
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        await asked(plane, "not a uuid", _TEXTS, [uuid4(), [1]])


async def test_the_index_drives_both_functions(plane: Plane, acme: Client) -> None:
    await acme.create_all([{"name": f"deal {n}"} for n in range(50)])
    owner = plane.servers["postgres"]["roles"]["armature_owner"]
    sql = (
        "EXPLAIN SELECT m.record_id FROM (SELECT workspace_id, record_id FROM"
        " records.search_entries WHERE {} OFFSET 0) AS m"
        " WHERE m.workspace_id = records.search_workspace() LIMIT 10"
    )
    async with await psycopg.AsyncConnection.connect(owner) as connection:
        for setting in ("seqscan", "indexscan", "indexonlyscan"):
            await connection.execute(f"SET enable_{setting} = off")
        ours = str(acme.workspace_id)
        await connection.execute("SELECT set_config('app.workspace_id', %s, true)", [ours])
        for condition in (
            "vector @@ 'x'::tsquery",
            "(grams @> ARRAY[1, 2]::int8[] OR grams @> ARRAY[3]::int8[])",
        ):
            rows = await (await connection.execute(sql.format(condition))).fetchall()
            plan = "\n".join(row[0] for row in rows)
            assert "Bitmap Index Scan on ix_search_entries_terms" in plan, plan
            assert "pk_search_entries" not in plan


async def test_concurrent_writers_leave_entries_as_the_documents_say(shop: Client) -> None:
    deal = await shop.create(name="start")
    await asyncio.gather(*(shop.update(deal, name=f"word{n}") for n in range(8)))
    current = fields_of(await shop.get(deal))["name"]
    for n in range(8):
        assert bool(await names(shop, f"word{n}")) == (current == f"word{n}")


# --- records from before there were entries ---


async def test_old_records_get_their_entries_from_a_worker_that_may_be_killed(
    plane: Plane, shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until all are built, conditions on texts read the documents."""
    await shop.create_all([{"name": f"old granite {n}"} for n in range(7)])
    workspace_id = shop.workspace_id
    async with plane.db.transaction(workspace_id) as tx:
        await tx.run("DELETE FROM search_entries")
        await tx.run("INSERT INTO search_builds (workspace_id) VALUES (%s)", [workspace_id])
    found, plan = await contains(shop, "contains", "granite")
    assert (len(found), plan["strategy"] != "condition") == (7, True)

    monkeypatch.setattr(indexing, "_PIECE", 3)
    workspace = searchable(workspace_id)
    async with plane.db.transaction(workspace_id) as tx:
        assert await indexing.build_some(tx, workspace_id, workspace)  # and then it is killed
    assert len(await names(shop, "granite")) == 3

    async def workspace_of(_: UUID) -> Workspace:
        return workspace

    await build_all(plane.db, plane.worker_db, workspace_of)
    assert len(await names(shop, "granite")) == 7
    assert await shop.rows("SELECT after_id FROM search_builds") == []
    assert (await contains(shop, "contains", "granite"))[1]["index"] == "trigrams"
    async with plane.worker_db.across_workspaces() as tx:
        await store.tidy(tx)
    assert len(await names(shop, "granite")) == 7


async def test_a_search_costs_as_many_statements_whatever_it_finds(
    shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = await shop.create("company", name="needle works")
    await shop.create_all([{"name": f"needle {n}", "company": company.id} for n in range(200)])
    found: set[int] = set()
    for size in (1, 50, 200):
        with counted(monkeypatch) as statements:
            answer = await shop(
                "SearchRecords", objects=["deal"], q="needle", page_size=size, fields="company.name"
            )
        assert len(answer.results) == size
        found.add(len(statements))
    assert len(found) == 1, found
