"""Serve workspaces, their members, roles and API keys, and who the caller is."""

from gateway.binding import Details, body, nothing, one, page, route, whole
from gateway.hub import Hub
from gateway.planes import ACCESS, WORKSPACES
from gateway.routing import Route

_PAGED = ("page_size", "page_token")
_WORKSPACE = ("display_name", "time_zone", "week_start")
_DAYS = {"time_zone": "Europe/Berlin", "week_start": "monday"}
_GRANTS = ("description", "permissions", "objects")
_ROLE = {
    "name": "sales",
    "objects": [
        {
            "object": "opportunity",
            "actions": ["read", "create", "update"],
            "fields": [{"field": "amount", "update": False}],
            "rule": {"created_by.id": "me"},
        }
    ],
}


def routes(hub: Hub) -> list[Route]:
    return [*_workspaces(hub), *_members(hub), *_roles(hub), *_keys(hub), *_caller(hub)]


def _say(summary: str, example: object = None, operation: str = "") -> Details:
    return Details("access", summary, example, operation)


def _workspaces(hub: Hub) -> list[Route]:
    create, update = WORKSPACES["CreateWorkspace"], WORKSPACES["UpdateWorkspace"]
    return [
        route(
            hub, "GET", "/v1/workspace", WORKSPACES["GetWorkspace"], one("workspace"),
            _say("Get your workspace."),
        ),
        route(
            hub, "PATCH", "/v1/workspace", update, one("workspace"),
            _say("Change its name, time zone or week start.", {"time_zone": "Europe/Berlin"}),
            body=body(update, _WORKSPACE, into="workspace", mask=True),
        ),
        route(
            hub, "POST", "/v1/workspaces", create,
            one("workspace", "api_key", status=201, located=False),
            _say("Make a workspace and its first admin key. Operators only.",
                 {"display_name": "Acme"}),
            body=body(create, _WORKSPACE, into="workspace"),
        ),
    ]  # fmt: skip


def _members(hub: Hub) -> list[Route]:
    put, prefer = ACCESS["SetMember"], ACCESS["SetPreferences"]
    return [
        route(
            hub, "GET", "/v1/members", ACCESS["ListMembers"], page("members"),
            _say("List who belongs to the workspace."), query=_PAGED,
        ),
        route(
            hub, "PUT", "/v1/members/{principal_id}", put, one("member"),
            _say("Add a member, or change its role.", {"display_name": "Ada", "role": "member"}),
            params={"principal_id": "member.principal_id"},
            body=body(put, ("kind", "display_name", "role"), into="member"),
        ),
        route(
            hub, "PUT", "/v1/members/{principal_id}/preferences", prefer, one("preferences"),
            _say("Say where a member's, or a key's, days and weeks begin. Admins only.", _DAYS,
                 "setMemberPreferences"),
            params={"principal_id": "preferences.principal_id"},
            body=body(prefer, tuple(_DAYS), into="preferences"),
        ),
        route(
            hub, "DELETE", "/v1/members/{principal_id}", ACCESS["RemoveMember"], nothing(),
            _say("End a membership."),
        ),
    ]  # fmt: skip


def _roles(hub: Hub) -> list[Route]:
    create, update = ACCESS["CreateRole"], ACCESS["UpdateRole"]
    base = "/v1/roles"
    return [
        route(
            hub, "GET", base, ACCESS["ListRoles"], page("roles"),
            _say("List the roles that members and keys can have."), query=_PAGED,
        ),
        route(
            hub, "POST", base, create, one("role", status=201, located=False),
            _say("Make a role of your own: it denies what it does not grant.", _ROLE),
            body=body(create, ("name", *_GRANTS), into="role"),
        ),
        route(
            hub, "GET", f"{base}/{{role}}", ACCESS["GetRole"], one("role"),
            _say("Get a role."),
        ),
        route(
            hub, "PATCH", f"{base}/{{role}}", update, one("role"),
            _say("Change a role, everywhere within a second; what you send replaces what was"
                 " there.", {"permissions": ["schema"]}),
            body=body(update, _GRANTS, into="changes", mask=True),
        ),
        route(
            hub, "DELETE", f"{base}/{{role}}", ACCESS["DeleteRole"], nothing(),
            _say("Delete a role that nobody has."),
        ),
    ]  # fmt: skip


def _keys(hub: Hub) -> list[Route]:
    create, revoke = ACCESS["CreateApiKey"], ACCESS["RevokeApiKey"]
    base = "/v1/api-keys"
    return [
        route(
            hub, "GET", base, ACCESS["ListApiKeys"], page("api_keys"),
            _say("List the workspace's keys, without secrets."), query=_PAGED,
        ),
        route(
            hub, "POST", base, create, one("api_key", "secret", status=201, located=False),
            _say("Make a key; its secret is shown only here.",
                 {"display_name": "Import job", "role": "member"}),
            body=body(create, ("display_name", "role", "expire_time")),
        ),
        route(
            hub, "DELETE", f"{base}/{{id}}", revoke, one("api_key"),
            _say("End a key everywhere, within a second."),
        ),
        route(
            hub, "POST", f"{base}/{{id}}:revoke", revoke, one("api_key"),
            _say("End a key everywhere, within a second.", operation="revokeApiKeyByPost"),
        ),
    ]  # fmt: skip


def _caller(hub: Hub) -> list[Route]:
    check, prefer = ACCESS["CheckAccess"], ACCESS["SetPreferences"]
    return [
        route(
            hub, "GET", "/v1/me", ACCESS["GetCaller"], one("principal", "permissions"),
            _say("Say whom the credentials stand for, and what they may do."),
        ),
        route(
            hub, "PUT", "/v1/me/preferences", prefer, one("preferences"),
            _say("Say where your days and weeks begin; empty: as the workspace has it.", _DAYS),
            body=body(prefer, tuple(_DAYS), into="preferences"),
        ),
        route(
            hub, "GET", "/v1/me:checkAccess", check, whole(),
            _say("Answer whether you have a permission, and why."),
            query=("permission", "object", "field"),
        ),
        route(
            hub, "POST", "/v1/me:checkAccess", check, whole(),
            _say("Answer whether you have a permission, and why.", {"permission": "schema"},
                 "checkAccessByPost"),
            body=body(check, ("permission", "object", "field")),
        ),
    ]  # fmt: skip
