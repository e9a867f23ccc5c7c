"""Run the main job step by step against a running stack, and show what happened."""

import hashlib
import json
import random
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date, timedelta
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli import traces
from cli.demo import data
from cli.demo.api import Api, DemoError, wait_for
from cli.demo.receiver import Receiver
from cli.stack.errors import StackError

State = dict[str, Any]
_BOARD = '{"view": "Pipeline"}'
_QUERY = '{"object": "opportunity", "page_size": 2}'


class Demo:
    """The steps, in order; each raises DemoError where it is not as promised."""

    def __init__(self, stack: dict[str, Any], api: Api, hooks: Receiver, console: Console) -> None:
        self.stack, self.api, self.hooks, self.console = stack, api, hooks, console
        self.rng = random.Random(data.SEED)  # noqa: S311 -- the same data at every run
        self.state: State = {}

    def steps(self) -> list[tuple[str, Callable[[], None]]]:
        return [
            ("Install the CRM blueprint", self.install),
            ("Define a custom object and use it in the next call", self.define),
            ("Load companies, people and opportunities", self.load),
            ("Look at a table, a board and a calendar", self.look),
            ("Link people to opportunities", self.link),
            ("Upload a file, write a note and a todo", self.attach),
            ("Create a rule that reacts to won deals", self.automate),
            ("Win a deal", self.win),
            ("Follow the run and the signed webhook", self.follow),
            ("Read the record's timeline", self.timeline),
            ("See the one trace behind it", self.trace),
        ]

    def say(self, text: str) -> None:
        self.console.print(f"    {text}", highlight=False, soft_wrap=True)

    def install(self) -> None:
        answer = self.api.post("/v1/blueprints/crm:install")
        objects = [o["name"] for o in self.api.get("/v1/objects")["data"]]
        missing = {"company", "person", "opportunity"} - set(objects)
        if missing:
            raise DemoError(f"the blueprint lacks {', '.join(sorted(missing))}")
        self.say(f"{len(answer['changes'])} definitions made; objects: {', '.join(objects)}")
        views = self.api.get("/v1/objects/opportunity/views")["data"]
        self.say("views of opportunity: " + ", ".join(f"{v['name']} ({v['type']})" for v in views))

    def define(self) -> None:
        name = f"subscription_{secrets.token_hex(3)}"
        made = {"name": name, "plural_name": f"{name}s", "label": "Subscription"}
        self.api.post("/v1/objects", made)
        fields: list[dict[str, Any]] = [
            {"name": "plan", "type": "text", "required": True},
            {
                "name": "status",
                "type": "select",
                "options": ["trial", "active", "cancelled"],
            },
            {"name": "renews_on", "type": "date"},
            {"name": "monthly", "type": "currency"},
            {"name": "customer", "type": "relation", "settings": {"targets": ["company"]}},
        ]
        for field in fields:
            self.api.post(f"/v1/objects/{name}/fields", field)
        started = time.perf_counter()
        record = self.api.post(
            f"/v1/objects/{name}/records",
            {
                "fields": {
                    "plan": "Team",
                    "status": "trial",
                    "renews_on": (date.today() + timedelta(days=14)).isoformat(),  # noqa: DTZ011
                    "monthly": {"amount": "49.90", "currency_code": "EUR"},
                }
            },
        )
        took = (time.perf_counter() - started) * 1000
        found = self.api.post(
            f"/v1/objects/{name}/records:query", {"filter": {"status": "trial"}, "sort": "plan"}
        )
        if [r["id"] for r in found["data"]] != [record["id"]]:
            raise DemoError("the record that was just written is not found by its new field")
        self.say(f"{name}: {len(fields)} fields defined, written {took:.0f} ms later, and found")

    def load(self) -> None:
        columns = (
            TextColumn("    {task.description:14}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console) as progress:

            def into(label: str, total: int) -> Callable[[int], None]:
                task = progress.add_task(label, total=total)
                return lambda count: progress.advance(task, count)

            today = date.today()  # noqa: DTZ011 -- a calendar around the reader's own day
            companies = self.api.create_all(
                "companies", data.companies(self.rng), into("companies", data.COMPANIES)
            )
            people = self.api.create_all(
                "people", data.people(self.rng, companies), into("people", data.PEOPLE)
            )
            deals = self.api.create_all(
                "opportunities",
                data.opportunities(self.rng, companies, people, today),
                into("opportunities", data.OPPORTUNITIES),
            )
        self.state |= {"companies": companies, "people": people, "deals": deals}

    def look(self) -> None:
        page = self.api.post(
            "/v1/objects/opportunities/records:query",
            {
                "filter": {"stage": {"in": ["proposal", "negotiation"]}},
                "sort": "-amount.amount_micros",
                "fields": "name,stage,amount,company.name",
                "page_size": 5,
                "count": "exact",
            },
        )
        table = Table(
            "opportunity", "stage", "amount", "company", title="Table: open, largest first"
        )
        for record in page["data"]:
            fields = record["fields"]
            table.add_row(
                fields["name"], fields["stage"], _money(fields["amount"]), fields["company"]["name"]
            )
        self.console.print(table)
        self.say(f"{page['count']} in all")
        board = self.api.post("/v1/objects/opportunities/records:board", {"view": "Pipeline"})
        shown = Table("stage", "count", "sum of amounts", title="Board: Pipeline")
        for column in board["columns"]:
            sums = next((v for v in column["values"].values() if isinstance(v, list)), [])
            money = ", ".join(_money(one) for one in sums)
            shown.add_row(column["label"], str(column["count"]), money)
        self.console.print(shown)
        total = sum(column["count"] for column in board["columns"])
        if total < data.OPPORTUNITIES:
            raise DemoError(f"the board counts {total} opportunities")
        today = date.today()  # noqa: DTZ011
        month = {"from": today.isoformat(), "to": (today + timedelta(days=30)).isoformat()}
        calendar = self.api.post(
            "/v1/objects/opportunities/records:calendar", {"view": "Closing", **month}
        )
        self.say(f"Calendar: {len(calendar['data'])} opportunities close in the next 30 days")

    def link(self) -> None:
        for n in range(10):
            self.api.post(
                "/v1/links",
                {
                    "type": "participates_in",
                    "source": {"kind": "person", "id": self.state["people"][n]},
                    "target": {"kind": "opportunity", "id": self.state["deals"][n]},
                },
            )
        deal = self.state["deals"][0]
        found = self.api.get(f"/v1/objects/opportunity/records/{deal}/links?type=participants")
        if len(found["data"]) != 1:
            raise DemoError(f"the deal has {len(found['data'])} participants instead of 1")
        self.say(f"10 links made; read from the deal: {found['data'][0]['other']['kind']}")

    def attach(self) -> None:
        target = {"kind": "opportunity", "id": self.state["deals"][0]}
        content = b"Offer\n=====\n\nAll of it, delivered by spring.\n" * 40
        upload = self.api.post(
            "/v1/files",
            {
                "name": "offer.txt",
                "size": len(content),
                "content_type": "text/plain",
                "sha256": hashlib.sha256(content).hexdigest(),
                "targets": [target],
            },
        )
        sent = httpx.put(
            upload["upload_url"],
            content=content,
            headers=upload.get("upload_headers", {}),
            trust_env=False,
        )
        if sent.is_error:
            raise DemoError(f"the store refused the upload: {sent.status_code} {sent.text[:500]}")
        file = self.api.post(f"/v1/files/{upload['id']}:finalize")
        note = self.api.post(
            "/v1/notes",
            {"title": "Kick-off", "body": "They want it **by spring**.", "targets": [target]},
        )
        todo = self.api.post(
            "/v1/todos",
            {
                "title": "Send the contract",
                "due": (date.today() + timedelta(days=3)).isoformat(),  # noqa: DTZ011
                "targets": [target],
            },
        )
        self.say(f"file {file['name']} ({file['size']} bytes, {file['content_type']})")
        self.say(f"note {note['title']!r}, todo {todo['title']!r} due {todo['due']}")

    def automate(self) -> None:
        rule = self.api.post(
            "/v1/rules",
            {
                "name": f"Celebrate won deals {secrets.token_hex(3)}",
                "trigger": {
                    "type": "record_updated",
                    "object": "opportunity",
                    "fields": ["stage"],
                },
                "condition": {
                    "stage": "won",
                    "amount.amount_micros": {"gte": 10_000_000_000},
                },
                "actions": [
                    {
                        "type": "create_todo",
                        "input": {
                            "title": "Thank {{ trigger.after.name }}",
                            "due_in_days": 2,
                        },
                    },
                    {"type": "send_webhook", "input": {"url": self.hooks.url}},
                ],
            },
        )
        self.state |= {"rule": rule, "secret": rule["webhook_secret"]}
        self.say(f"rule {rule['name']!r}: when stage becomes won and amount >= 10,000")

    def win(self) -> None:
        found = self.api.post(
            "/v1/objects/opportunities/records:query",
            {
                "filter": {
                    "stage": "negotiation",
                    "amount.amount_micros": {"gte": 10_000_000_000},
                },
                "page_size": 1,
            },
        )
        deal = found["data"][0]
        trace_id = secrets.token_hex(16)
        parent = f"00-{trace_id}-{secrets.token_hex(8)}-01"
        self.state["won_at"] = time.perf_counter()
        won, _ = self.api.call(
            "PATCH",
            f"/v1/objects/opportunities/records/{deal['id']}",
            {"fields": {"stage": "won"}},
            traceparent=parent,
        )
        self.state |= {"deal": won, "trace_id": trace_id}
        amount = _money(won["fields"]["amount"])
        self.say(f"{won['fields']['name']} ({amount}) moved from negotiation to won")

    def follow(self) -> None:
        deal = self.state["deal"]["id"]

        def finished() -> Any:
            runs = self.api.get(f"/v1/runs?record_id={deal}&rule={self.state['rule']['id']}")
            done = [r for r in runs["data"] if r["state"] in {"succeeded", "failed"}]
            return done[0] if done else None

        summary = wait_for("the rule's run", finished)
        took = (time.perf_counter() - self.state["won_at"]) * 1000
        run = self.api.get(f"/v1/runs/{summary['id']}")
        if run["state"] != "succeeded":
            raise DemoError(f"the run {run['state']}: {run['error']}")
        steps = ", ".join(f"{s['type']} {s['state']}" for s in run["steps"])
        self.say(f"run {run['state']} within {took:.0f} ms of the change: {steps}")
        got = self.hooks.received
        if len(got) != 1:
            raise DemoError(f"the receiver got {len(got)} webhooks instead of 1")
        if not got[0].verified(self.state["secret"]):
            raise DemoError("the webhook's signature is wrong")
        for header in ("webhook-id", "webhook-timestamp", "webhook-signature"):
            self.say(f"{header}: {got[0].headers[header]}")
        self.say(f"signature verified; body: {json.dumps(got[0].document())[:160]}…")

    def timeline(self) -> None:
        deal = self.state["deal"]["id"]

        def items() -> Any:
            found = self.api.get(f"/v1/objects/opportunity/records/{deal}/timeline")["data"]
            types = {item["type"] for item in found}
            return found if {"record.updated", "todo.created"} <= types else None

        for item in wait_for("the timeline", items)[:6]:
            self.say(f"{item['occur_time'][:19]}  {item['type']:18} by {item['actor']['name']}")

    def trace(self) -> None:
        sink = self.stack.get("trace_sink")
        if not sink:
            self.say("traces go to a collector of yours; none to show here")
            return

        def spans() -> Any:
            try:
                found = traces.fetch(sink["url"], self.state["trace_id"])
            except StackError:
                return None
            names = " ".join(span["name"] for span in found)
            return found if "webhook" in names.lower() else None

        traces.show(wait_for("the trace up to the webhook", spans), self.console)


def _money(value: dict[str, Any] | None) -> str:
    if not value:
        return ""
    return f"{int(value['amount_micros']) / 1e6:,.0f} {value['currency_code']}"


def run(stack: dict[str, Any], console: Console) -> bool:
    """Do the main job; False when a step failed, which is said where it happened."""
    with ExitStack() as exits:
        api = Api(stack["gateway_url"], stack["api_key"])
        exits.callback(api.close)
        hooks = exits.enter_context(Receiver())
        demo = Demo(stack, api, hooks, console)
        started = time.perf_counter()
        for number, (title, step) in enumerate(demo.steps(), start=1):
            console.print(f"[bold]{number:2}. {title}[/bold]")
            try:
                step()
            except DemoError as exc:
                console.print(f"[red]    failed: {exc}[/red]", soft_wrap=True, markup=True)
                return False
    took = time.perf_counter() - started
    console.print(f"[bold green]The main job is done, in {took:.1f} s.[/bold green]\n")
    _say_how_to_call(stack, console)
    return True


def _say_how_to_call(stack: dict[str, Any], console: Console) -> None:
    key, url = stack["api_key"], stack["gateway_url"]
    records = stack["grpc"]["records"]
    bearer = f"-H 'Authorization: Bearer {key}'"
    lines = [
        "Call it:",
        f"  curl -s {bearer} '{url}/v1/objects/opportunity/records?page_size=2'",
        f"  curl -s {bearer} -H 'Content-Type: application/json' \\",
        f"    -d '{_BOARD}' {url}/v1/objects/opportunity/records:board",
        f"  .venv/bin/buf curl --protocol grpc --http2-prior-knowledge {bearer} \\",
        f"    -d '{_QUERY}' \\",
        f"    http://{records}/armature.records.v1.RecordService/QueryRecords",
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
