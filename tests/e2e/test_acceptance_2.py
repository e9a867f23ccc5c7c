"""Promise 2: a select field powers a kanban."""

from decimal import Decimal

from tests.e2e.client import Client


def test_a_select_powers_a_kanban_with_counts_and_sums(api: Client) -> None:
    api.define(
        "deal",
        {"name": "name", "type": "text"},
        {"name": "stage", "type": "select", "options": ["new", "won", "lost"]},
        {"name": "amount", "type": "currency"},
    )
    view = api.post("/v1/objects/deal/views", {"name": "Pipeline", "type": "kanban"})
    assert view["group_field"] == "stage"
    assert [g["value"] or None for g in view["groups"]] == ["new", "won", "lost", None]

    ids = [
        api.create("deal", name=f"d{n}", stage=stage, amount={"amount": n, "currency_code": "EUR"})[
            "id"
        ]
        for n, stage in enumerate(["new", "new", "won"], start=1)
    ]
    api.create("deal", name="none")

    def columns() -> dict[object, tuple[int, int, int]]:
        board = api.post("/v1/objects/deal/records:board", {"view": "Pipeline"})
        found = {}
        for column in board["columns"]:
            sums = next(v for v in column["values"].values() if isinstance(v, list))
            total = sum(Decimal(one["amount_micros"]) for one in sums) / 1_000_000
            found[column["key"]] = (column["count"], int(total), len(column["data"]))
        return found

    assert columns() == {"new": (2, 3, 2), "won": (1, 3, 1), "lost": (0, 0, 0), None: (1, 0, 1)}
    api.update("deal", ids[0], stage="lost")
    api.update("deal", ids[2], amount={"amount": 10, "currency_code": "EUR"})
    api.call("DELETE", f"/v1/objects/deal/records/{ids[1]}")
    assert columns() == {"new": (0, 0, 0), "won": (1, 10, 1), "lost": (1, 1, 1), None: (1, 0, 1)}
    api.post(f"/v1/objects/deal/records/{ids[1]}:undelete")
    assert columns()["new"] == (1, 2, 1)


def test_a_column_pages_on_by_itself(api: Client) -> None:
    api.define("task", {"name": "state", "type": "select", "options": ["todo", "done"]})
    items = [{"fields": {"state": "todo"}} for _ in range(7)]
    api.post("/v1/objects/task/records:batchCreate", {"items": items})
    board = api.post("/v1/objects/task/records:board", {"group_by": "state", "page_size": 3})
    column = board["columns"][0]
    seen = [r["id"] for r in column["data"]]
    while token := column.get("next_page_token"):
        more = api.post(
            "/v1/objects/task/records:board",
            {"group_by": "state", "page_size": 3, "column": "todo", "page_token": token},
        )
        column = more["columns"][0]
        seen += [r["id"] for r in column["data"]]
    assert len(seen) == len(set(seen)) == 7
