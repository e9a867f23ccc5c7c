"""Serve RuleService: unpack, one transaction, pack."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from armature.automation.v1 import rule_pb2
from armature.automation.v1 import rule_service_pb2 as pb
from armature.automation.v1 import rule_service_pb2_grpc as rpc

from kit import etags, idempotency, ids, paging, webhooks
from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.clock import to_timestamp
from kit.db import Database, Tx
from kit.egress import Egress
from kit.errors import Aborted, InvalidArgument
from planes.definitions import Definitions
from schema.problems import Invalid, Problem, nearest
from services.automation import convert
from services.automation.logic import drafts, graph
from services.automation.logic.headers import Keeper
from services.automation.logic.permits import ANYTHING, Permits
from services.automation.model import Definition, Kind, Rule, RuleState
from services.automation.operations import rules, secrets, triggers
from services.automation.servicers import checking
from services.automation.servicers.neighbours import Neighbours
from services.automation.store import rules as store
from services.automation.store import secrets as secret_store

_DEFINING = ("trigger", "condition_json", "actions")
_LEADING = ("trigger", "actions")  # what says where a webhook goes
_MASKABLE = ("name", "description", *_DEFINING, "state")


class RuleServicer(rpc.RuleServiceServicer):
    def __init__(
        self,
        db: Database,
        definitions: Definitions,
        egress: Egress,
        sealer: webhooks.Sealer,
        neighbours: Neighbours,
        *,
        max_rules: int,
    ) -> None:
        self._db = db
        self._definitions = definitions
        self._egress = egress
        self._sealer = sealer
        self._neighbours = neighbours
        self._max_rules = max_rules

    async def CreateRule(
        self, request: pb.CreateRuleRequest, context: Context
    ) -> pb.CreateRuleResponse:
        caller = current_caller()
        caller.require("rules")
        rule_id = ids.client_id(request.rule.id, "rule.id")
        problems: list[Problem] = []
        state = convert.state(request.rule.state, problems)
        permits = Permits(caller.permissions, caller.access)
        definition = await self._judge(caller, convert.draft(request.rule), problems, permits)
        bound = secrets.bound_to(caller.workspace_id, rule_id)
        sealed = self._sealer.seal(webhooks.new_secret(), bound)
        definition = _shut(definition, Keeper(self._sealer, bound))

        async def work(tx: Tx) -> pb.CreateRuleResponse:
            new = rules.NewRule(rule_id, definition, state, sealed)
            made = await rules.create(tx, caller, new, self._max_rules)
            return pb.CreateRuleResponse(rule=convert.rule(made))

        response = await idempotency.once(self._db, caller, request, pb.CreateRuleResponse, work)
        # Shown, and kept nowhere in the clear: not among the idempotent answers either.
        response.webhook_secret = await self._secret(caller, UUID(response.rule.id))
        return response

    async def _secret(self, caller: Caller, rule_id: UUID) -> str:
        """The newest; empty when the rule has gone since."""
        workspace_id = caller.workspace_id
        async with self._db.transaction(workspace_id) as tx:
            if await store.find_rule(tx, workspace_id, str(rule_id)) is None:
                return ""
            sealed = await secret_store.signing(tx, workspace_id, Kind.RULE, rule_id)
        return self._sealer.open(sealed[0], secrets.bound_to(workspace_id, rule_id))

    async def RotateRuleSecret(
        self, request: pb.RotateRuleSecretRequest, context: Context
    ) -> pb.RotateRuleSecretResponse:
        caller = current_caller()
        caller.require("rules")
        seen = await self._find(caller, request.rule)

        async def work(tx: Tx) -> pb.RotateRuleSecretResponse:
            if await store.find_rule(tx, caller.workspace_id, str(seen.id), lock=True) is None:
                raise rules.not_found(request.rule)
            until = await secrets.rotate_signing(
                tx, caller, self._sealer, Kind.RULE, seen.id, end_old=request.end_old
            )
            return pb.RotateRuleSecretResponse(old_expire_time=to_timestamp(until))

        response = await idempotency.once(
            self._db, caller, request, pb.RotateRuleSecretResponse, work
        )
        response.webhook_secret = await self._secret(caller, seen.id)
        return response

    async def GetRule(self, request: pb.GetRuleRequest, context: Context) -> pb.GetRuleResponse:
        caller = current_caller()
        caller.require("read")
        return pb.GetRuleResponse(rule=convert.rule(await self._find(caller, request.rule)))

    async def ListRules(
        self, request: pb.ListRulesRequest, context: Context
    ) -> pb.ListRulesResponse:
        caller = current_caller()
        caller.require("read")
        size = paging.clamp(request.page_size)
        query = ["rules", str(caller.workspace_id)]
        after = paging.decode(request.page_token, *query)
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.list_rules(tx, caller.workspace_id, after, size + 1)
        token = ""
        if len(found) > size:
            last = found[size - 1]
            token = paging.encode([last.create_time.isoformat(), str(last.id)], *query)
        return pb.ListRulesResponse(
            rules=[convert.rule(one) for one in found[:size]], next_page_token=token
        )

    async def UpdateRule(
        self, request: pb.UpdateRuleRequest, context: Context
    ) -> pb.UpdateRuleResponse:
        caller = current_caller()
        caller.require("rules")
        paths = _paths(request)
        seen = await self._find(caller, request.rule)
        change = await self._change(caller, seen, request.changes, paths)

        async def work(tx: Tx) -> pb.UpdateRuleResponse:
            rule = await store.find_rule(tx, caller.workspace_id, str(seen.id), lock=True)
            if rule is None:
                raise rules.not_found(request.rule)
            etags.check(request.etag, rule.version)
            if rule.version != seen.version:  # what was judged is not what would be changed
                raise Aborted("CONFLICT", "the rule was changed meanwhile; try again")
            updated = await rules.update(tx, caller, rule, change)
            return pb.UpdateRuleResponse(rule=convert.rule(updated))

        return await idempotency.once(self._db, caller, request, pb.UpdateRuleResponse, work)

    async def DeleteRule(
        self, request: pb.DeleteRuleRequest, context: Context
    ) -> pb.DeleteRuleResponse:
        caller = current_caller()
        caller.require("rules")

        async def work(tx: Tx) -> pb.DeleteRuleResponse:
            await rules.delete(tx, caller, request.rule, request.etag)
            return pb.DeleteRuleResponse()

        return await idempotency.once(self._db, caller, request, pb.DeleteRuleResponse, work)

    async def CheckRule(
        self, request: pb.CheckRuleRequest, context: Context
    ) -> pb.CheckRuleResponse:
        caller = current_caller()
        caller.require("rules")
        rule = await self._find(caller, request.rule)
        event = await self._neighbours.event(caller, request.event_id)
        workspace = await self._definitions.workspace(caller.workspace_id)
        starter = replace(triggers.starter_of(rule), paused="")  # one at rest can be tried out too
        past = checking.past_of(event, workspace)
        [past] = await self._neighbours.with_relatives(workspace, starter, [past])
        reason = checking.refusal(workspace, starter, past)
        actions = graph.of_actions(rule.definition.actions)
        imagined = checking.effects(actions, past.happening.occasion, starter)
        return pb.CheckRuleResponse(starts=not reason, reason=reason, effects=imagined)

    async def _find(self, caller: Caller, name: str) -> Rule:
        async with self._db.transaction(caller.workspace_id) as tx:
            rule = await store.find_rule(tx, caller.workspace_id, name)
        if rule is None:
            raise rules.not_found(name)
        return rule

    async def _change(
        self, caller: Caller, rule: Rule, changes: rule_pb2.Rule, paths: Sequence[str]
    ) -> rules.Change:
        """What to make of the rule; it is judged anew unless it is only put to rest."""
        problems: list[Problem] = []
        state = convert.state(changes.state, problems) if "state" in paths else rule.state
        takes_over = any(path in _DEFINING for path in paths)
        if set(paths) == {"state"} and state is RuleState.DISABLED and not problems:
            return rules.Change(rule.definition, state, takes_over=False)
        keeper = Keeper(self._sealer, secrets.bound_to(caller.workspace_id, rule.id))
        stored = keeper.opened_actions(rule.definition.actions)
        draft = drafts.with_kept(
            convert.changed_draft(rule, changes, paths),
            stored,
            anywhere=not any(path in _LEADING for path in paths),
        )
        permits = Permits(caller.permissions, caller.access) if takes_over else ANYTHING
        definition = await self._judge(caller, draft, problems, permits)
        return rules.Change(_shut(definition, keeper), state, takes_over)

    async def _judge(
        self, caller: Caller, draft: drafts.Draft, problems: list[Problem], permits: Permits
    ) -> Definition:
        """The definition; RULE_INVALID with all that is wrong, by definitions of this moment."""
        workspace = await self._definitions.workspace(caller.workspace_id)
        try:
            definition = drafts.judge(draft, workspace, self._refusal, permits)
        except Invalid:
            workspace = await self._definitions.refresh(caller.workspace_id)
            try:
                definition = drafts.judge(draft, workspace, self._refusal, permits)
            except Invalid as invalid:
                raise convert.invalid([*problems, *invalid.problems]) from invalid
        if problems:
            raise convert.invalid(problems)
        return definition

    def _refusal(self, url: str) -> str:
        try:
            self._egress.check_url(url)
        except InvalidArgument as exc:
            return exc.message
        return ""


def _shut(definition: Definition, keeper: Keeper) -> Definition:
    """As it is stored."""
    return replace(definition, actions=keeper.sealed_actions(definition.actions))


def _paths(request: pb.UpdateRuleRequest) -> list[str]:
    paths = list(request.update_mask.paths)
    problems = [
        Problem(
            f"update_mask.{path}",
            "UNKNOWN_PATH",
            f"{path!r} can't be changed{nearest(path, _MASKABLE)}; allowed: {', '.join(_MASKABLE)}",
        )
        for path in paths
        if path not in _MASKABLE
    ]
    if not paths:
        message = f"name what to change; allowed: {', '.join(_MASKABLE)}"
        problems.append(Problem("update_mask", "REQUIRED", message))
    if problems:
        raise convert.invalid(problems)
    return paths
