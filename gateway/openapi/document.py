"""Write the OpenAPI 3.1 document: every route, and the caller's own objects with their fields."""

from collections.abc import Sequence
from typing import Any

from gateway.openapi import values
from gateway.openapi.shapes import COMPONENTS, Shape
from gateway.routing import Parameter, Route
from schema.compiled import CompiledObject, Workspace

_PROBLEM: Shape = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "what programs branch on; see docs/errors.md"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
        "trace_id": {"type": "string"},
        "retryable": {"type": "boolean"},
    },
    "required": ["type", "title", "status", "detail", "code", "errors", "trace_id", "retryable"],
}
_TIME: Shape = {"type": "string", "format": "date-time"}
_ACTOR: Shape = {"$ref": "#/components/schemas/Actor"}
_FILTER: Shape = {
    "type": "object",
    "description": 'a filter tree: {"stage": {"in": ["won"]}, "or": [...], "not": {...}}',
}
_REQUEST_HEADERS = ("Idempotency-Key", "If-Match", "If-None-Match", "X-At-Version")


def document(routes: Sequence[Route], workspace: Workspace | None = None) -> dict[str, Any]:
    """The whole document; the paths of a workspace's objects come beside the general ones."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if route.method == "QUERY":  # OpenAPI 3.1 has no place for it; POST does the same
            continue
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route)
    schemas: dict[str, Any] = _own_schemas()
    tags = list(dict.fromkeys(route.tag for route in routes))
    if workspace is not None:
        records = [route for route in routes if route.tag == "records" and route.method != "QUERY"]
        for found in workspace.objects.values():
            _add_object(found, records, paths, schemas)
            tags.append(found.name)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Armature",
            "version": str(workspace.version) if workspace else "1",
            "description": "A metadata-driven record platform.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": schemas | COMPONENTS.found,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "parameters": {
                name: {"name": name, "in": "header", "schema": {"type": "string"}}
                for name in _REQUEST_HEADERS
            },
            "responses": {
                "Problem": {
                    "description": "what went wrong",
                    "content": {
                        "application/problem+json": {
                            "schema": {"$ref": "#/components/schemas/Problem"}
                        }
                    },
                }
            },
        },
    }


def operation(route: Route) -> dict[str, Any]:
    """One method of one path."""
    found: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [
            *(_path_parameter(name) for name in route.parameters),
            *(_query_parameter(parameter) for parameter in route.query),
            *_header_parameters(route),
        ],
        "responses": {
            str(route.status): _response(route),
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }
    if route.method == "GET" and route.rpc:
        found["responses"]["304"] = {"description": "as the If-None-Match of the request knows it"}
    if not route.needs_credentials:
        found["security"] = []
    if route.rpc:
        found["x-rpc"] = route.rpc
    if route.body is not None:
        media: dict[str, Any] = {"schema": route.body}
        if route.example is not None:
            media["example"] = route.example
        found["requestBody"] = {"content": {route.body_type: media}, "required": True}
    return found


def _response(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {"description": "done"}
    if route.reply is not None:
        found["content"] = {route.reply_type: {"schema": route.reply}}
    return found


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    schema: Any = dict(parameter.schema)
    if parameter.repeated:
        schema = {"type": "array", "items": schema}
    return {"name": parameter.name, "in": "query", "schema": schema, "explode": True}


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    names = []
    if route.timeout == "write":
        names.append("Idempotency-Key")
        if route.method in {"PATCH", "PUT", "DELETE"}:
            names.append("If-Match")
    elif route.method == "GET" and route.rpc:
        names.append("If-None-Match")
    if route.tag == "records":
        names.append("X-At-Version")
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def record_schema(fields: Shape) -> Shape:
    properties: Shape = {
        "id": {"type": "string", "format": "uuid"},
        "object": {"type": "string"},
        "version": {"type": "integer"},
        "create_time": _TIME,
        "update_time": _TIME,
        "delete_time": _TIME,
        "created_by": _ACTOR,
        "updated_by": _ACTOR,
        "position": {"type": "number"},
        "fields": fields,
    }
    return {"type": "object", "properties": properties}


def _own_schemas() -> dict[str, Any]:
    problem = {"$ref": "#/components/schemas/Problem"}
    record = {"$ref": "#/components/schemas/Record"}
    actor = {"kind": {"type": "string"}, "id": {"type": "string"}, "name": {"type": "string"}}
    result = {"record": record, "outcome": {"type": "string"}, "error": problem}
    return {
        "Problem": _PROBLEM,
        "Filter": _FILTER,
        "Actor": {"type": "object", "properties": actor},
        "Record": record_schema({"type": "object"}),
        "BatchResult": {"type": "object", "properties": result},
    }


def _add_object(
    found: CompiledObject,
    records: Sequence[Route],
    paths: dict[str, dict[str, Any]],
    schemas: dict[str, Any],
) -> None:
    """The routes of one object, with its own fields in their bodies and replies."""
    name = "".join(part.capitalize() for part in found.name.split("_")) + "Object"
    schemas[f"{name}Fields"] = {
        "type": "object",
        "properties": {f.name: values.value(f) for f in found.fields.values()},
        "additionalProperties": False,
    }
    fields = {"$ref": f"#/components/schemas/{name}Fields"}
    schemas[name] = record_schema(fields)
    record = {"$ref": f"#/components/schemas/{name}"}
    for route in records:
        if not route.path.startswith("/v1/objects/{object}/"):
            continue
        path = route.path.replace("{object}", found.definition.name)
        described = operation(route)
        described["operationId"] = f"{route.operation}Of{name}"
        described["tags"] = [found.name]
        described["parameters"] = [p for p in described["parameters"] if p.get("name") != "object"]
        described.pop("x-rpc", None)
        if "requestBody" in described:
            for body in described["requestBody"]["content"].values():
                body["schema"] = _typed(body["schema"], record, fields)
                body.pop("example", None)
        for media in described["responses"][str(route.status)].get("content", {}).values():
            media["schema"] = _typed(media["schema"], record, fields)
        paths.setdefault(path, {})[route.method.lower()] = described


def _typed(shape: Any, record: Shape, fields: Shape) -> Any:
    """The shape with this object's record and fields where the general ones stood."""
    if isinstance(shape, list):
        return [_typed(one, record, fields) for one in shape]
    if not isinstance(shape, dict):
        return shape
    if shape == {"$ref": "#/components/schemas/Record"}:
        return record
    if shape == {"type": "object", "description": "values by field name"}:
        return fields
    return {key: _typed(one, record, fields) for key, one in shape.items()}
