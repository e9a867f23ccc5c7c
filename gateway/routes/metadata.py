"""Serve definitions: objects, fields, views and link types."""

from gateway.binding import Details, body, nothing, one, page, route, whole
from gateway.hub import Hub
from gateway.planes import FIELD_JOBS, FIELDS, LINK_TYPES, OBJECTS, UNIQUE_CONSTRAINTS, VIEWS
from gateway.routing import Route

_OBJECT = ("plural_name", "label", "plural_label", "description", "icon", "label_field")
_FIELD = (
    "label", "description", "settings", "options", "default", "required", "unique", "indexed",
    "searchable", "pii",
)  # fmt: skip
_VIEW = (
    "name", "icon", "position", "visibility", "columns", "filter", "sort", "groups", "group_field",
    "aggregates", "date_field", "end_date_field", "location_field", "layout", "open_in",
    "materialized",
)  # fmt: skip
_LINK_TYPE = ("on_source_delete", "on_target_delete", "label", "inverse_label")
_PAGED = ("page_size", "page_token")
_LISTED = (*_PAGED, "show_deleted")


def routes(hub: Hub) -> list[Route]:
    return [
        *_objects(hub), *_fields(hub), *_unique_constraints(hub), *_field_jobs(hub),
        *_views(hub), *_link_types(hub),
    ]  # fmt: skip


def _objects(hub: Hub) -> list[Route]:
    base, path = "/v1/objects", "/v1/objects/{object}"
    create, update = OBJECTS["CreateObject"], OBJECTS["UpdateObject"]

    def say(summary: str, example: object = None) -> Details:
        return Details("objects", summary, example)

    return [
        route(
            hub, "GET", base, OBJECTS["ListObjects"], page("objects"),
            say("List objects, in name order."), query=_LISTED,
        ),
        route(
            hub, "POST", base, create, one("object", status=201),
            say("Define an object; records of it can be written at once.",
                {"name": "project", "plural_name": "projects", "label": "Project"}),
            body=body(create, ("name", *_OBJECT), into="object"),
        ),
        route(
            hub, "GET", path, OBJECTS["GetObject"], one("object"),
            say("Get an object by id, name or plural name."),
        ),
        route(
            hub, "PATCH", path, update, one("object"),
            say("Change an object's labels, or deactivate and reactivate it.",
                {"label": "Undertaking", "active": True}),
            body=body(update, (*_OBJECT, "active"), into="changes", mask=True),
        ),
        route(
            hub, "DELETE", path, OBJECTS["DeleteObject"], one("object"),
            say("Deactivate an object; its data stays. `force=true` although it is used."),
            query=("force",),
        ),
        route(
            hub, "POST", f"{path}:purge", OBJECTS["PurgeObject"], whole(),
            say("Remove a deactivated object and its records, by a job."),
        ),
    ]  # fmt: skip


def _fields(hub: Hub) -> list[Route]:
    base = "/v1/objects/{object}/fields"
    path = f"{base}/{{field}}"
    create, update = FIELDS["CreateField"], FIELDS["UpdateField"]

    def say(summary: str, example: object = None) -> Details:
        return Details("fields", summary, example)

    options = [{"value": "open", "label": "Open"}, {"value": "won", "label": "Won"}]
    return [
        route(
            hub, "GET", base, FIELDS["ListFields"], page("fields"),
            say("List an object's fields, in position order."), query=_LISTED,
        ),
        route(
            hub, "POST", base, create, one("field", status=201),
            say("Add a field; it can be used in the next call.",
                {"name": "stage", "type": "select", "options": options, "default": "open"}),
            body=body(create, ("name", "type", *_FIELD), into="field"),
        ),
        route(
            hub, "GET", path, FIELDS["GetField"], one("field"), say("Get a field by id or name."),
        ),
        route(
            hub, "PATCH", path, update, one("field", "field_job"),
            say("Change a field; where its data must be looked at, a job does it.",
                {"label": "Phase", "active": True}),
            body=body(update, (*_FIELD, "type", "position", "active"), into="changes", mask=True,
                      beside=("reassign", "backfill", "validate_only")),
        ),
        route(
            hub, "DELETE", path, FIELDS["DeleteField"], one("field", "repaired_views"),
            say("Deactivate a field; answers the views that were repaired. `force=true` although a "
                "unique constraint uses it."),
            query=("force",),
        ),
        route(
            hub, "POST", f"{path}:purge", FIELDS["PurgeField"], whole(),
            say("Remove a deactivated field and its data, by a job."),
        ),
    ]  # fmt: skip


def _unique_constraints(hub: Hub) -> list[Route]:
    base = "/v1/objects/{object}/unique-constraints"
    path = f"{base}/{{unique_constraint}}"
    create = UNIQUE_CONSTRAINTS["CreateUniqueConstraint"]

    def say(summary: str, example: object = None) -> Details:
        return Details("fields", summary, example)

    return [
        route(
            hub, "GET", base, UNIQUE_CONSTRAINTS["ListUniqueConstraints"],
            page("unique_constraints"),
            say("List what is unique together in an object, in name order."), query=_PAGED,
        ),
        route(
            hub, "POST", base, create, one("unique_constraint", "field_job", status=201),
            say("Make fields unique together; a job looks at the records first.",
                {"name": "company_and_stage", "fields": ["company", "stage"]}),
            body=body(create, ("name", "fields"), into="unique_constraint",
                      beside=("validate_only",)),
        ),
        route(
            hub, "GET", path, UNIQUE_CONSTRAINTS["GetUniqueConstraint"], one("unique_constraint"),
            say("Get a composite unique constraint by id or name."),
        ),
        route(
            hub, "DELETE", path, UNIQUE_CONSTRAINTS["DeleteUniqueConstraint"], nothing(),
            say("Let go of a composite unique constraint; no record changes."),
        ),
    ]  # fmt: skip


def _field_jobs(hub: Hub) -> list[Route]:
    base = "/v1/field-jobs"

    def say(summary: str) -> Details:
        return Details("fields", summary)

    return [
        route(
            hub, "GET", base, FIELD_JOBS["ListFieldJobs"], page("field_jobs"),
            say("List the jobs by which changes of definitions reach data, newest first."),
            query=_PAGED,
        ),
        route(
            hub, "GET", f"{base}/{{id}}", FIELD_JOBS["GetFieldJob"], one("field_job"),
            say("Get a field job: its progress, and the records that stand in its way."),
        ),
        route(
            hub, "POST", f"{base}/{{id}}:cancel", FIELD_JOBS["CancelFieldJob"], one("field_job"),
            say("Stop a field job; the field stays as it was."),
        ),
    ]  # fmt: skip


def _views(hub: Hub) -> list[Route]:
    base = "/v1/objects/{object}/views"
    path = f"{base}/{{view}}"
    create, update = VIEWS["CreateView"], VIEWS["UpdateView"]

    def say(summary: str, example: object = None) -> Details:
        return Details("views", summary, example)

    return [
        route(
            hub, "GET", base, VIEWS["ListViews"], page("views"),
            say("List an object's views, in position order."), query=_PAGED,
        ),
        route(
            hub, "POST", base, create, one("view", status=201),
            say("Scaffold a view: a table, a kanban by a select, a calendar by a date.",
                {"name": "By stage", "type": "kanban", "group_field": "stage"}),
            body=body(create, ("type", *_VIEW), into="view"),
        ),
        route(
            hub, "GET", f"{base}:eligibleFields", VIEWS["GetEligibleFields"], whole(),
            say("List the fields that a view of a type can be built on, and why others can't."),
            query=("type",),
        ),
        route(hub, "GET", path, VIEWS["GetView"], one("view"), say("Get a view by id or name.")),
        route(
            hub, "PATCH", path, update, one("view"),
            say("Change a view.", {"filter": {"stage": {"ne": "lost"}}, "sort": "-amount"}),
            body=body(update, _VIEW, into="changes", mask=True),
        ),
        route(hub, "DELETE", path, VIEWS["DeleteView"], nothing(), say("Remove a view.")),
    ]  # fmt: skip


def _link_types(hub: Hub) -> list[Route]:
    base, path = "/v1/link-types", "/v1/link-types/{link_type}"
    create, update = LINK_TYPES["CreateLinkType"], LINK_TYPES["UpdateLinkType"]

    def say(summary: str, example: object = None) -> Details:
        return Details("link types", summary, example)

    made = (
        "name", "inverse_name", "source_kinds", "target_kinds", "cardinality", "symmetric",
        *_LINK_TYPE,
    )  # fmt: skip
    return [
        route(
            hub, "GET", base, LINK_TYPES["ListLinkTypes"], page("link_types"),
            say("List link types, in name order."), query=_PAGED,
        ),
        route(
            hub, "POST", base, create, one("link_type", status=201),
            say("Define a link type, read from either end.",
                {"name": "contact_of", "inverse_name": "contacts", "source_kinds": ["person"],
                 "target_kinds": ["opportunity"], "cardinality": "many_to_many"}),
            body=body(create, made, into="link_type"),
        ),
        route(
            hub, "GET", path, LINK_TYPES["GetLinkType"], one("link_type"),
            say("Get a link type by id or name."),
        ),
        route(
            hub, "PATCH", path, update, one("link_type"),
            say("Change labels or delete policies.", {"label": "Contact of"}),
            body=body(update, (*_LINK_TYPE, "active"), into="changes", mask=True),
        ),
        route(
            hub, "DELETE", path, LINK_TYPES["DeleteLinkType"], nothing(),
            say("Deactivate a link type; its links stay and leave the API."),
        ),
    ]  # fmt: skip
