"""Turn messages into values, listing every problem, and values into messages."""

import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from armature.artifacts.v1 import artifact_pb2
from armature.artifacts.v1 import file_service_pb2 as files_pb
from armature.common.v1 import actor_pb2, node_pb2

from kit import clock, ids
from kit.errors import InvalidArgument, ResourceExhausted, Violation
from planes.nodes import ARTIFACT_KINDS, Node
from schema import jsonio
from schema.compiled import Workspace
from schema.problems import Problem
from services.artifacts.logic import dues
from services.artifacts.logic.access import node_not_found
from services.artifacts.logic.contents import is_type
from services.artifacts.model import (
    Actor,
    File,
    Item,
    NewFile,
    Note,
    NoteContent,
    Todo,
    TodoContent,
)

MAX_TITLE = 255
MAX_BODY = 1_000_000  # bytes
MAX_TARGETS = 50
MAX_ASSIGNEES = 20
MAX_INLINE = 1024 * 1024
MAX_COMMENT = 10_000
STATUSES = ("open", "in_progress", "done", "cancelled")
PRIORITIES = ("low", "normal", "high")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Problems = list[Problem]


def raise_any(reason: str, problems: Sequence[Problem]) -> None:
    """INVALID_ARGUMENT with every problem, if there is one."""
    if problems:
        first = problems[0]
        raise InvalidArgument(
            reason,
            f"{first.path}: {first.message}",
            violations=[Violation(p.path, p.code, p.message) for p in problems],
        )


def node(workspace: Workspace, message: node_pb2.Node) -> Node | None:
    """The node with its kind's own name; None where it can't exist."""
    kind = message.kind
    if kind not in ARTIFACT_KINDS:
        obj = workspace.object(kind)
        if obj is None:
            return None
        kind = obj.name
    try:
        return Node(kind, UUID(message.id))
    except ValueError:
        return None


def nodes(workspace: Workspace, messages: Iterable[node_pb2.Node]) -> list[Node]:
    """Those that can exist, to ask their planes about."""
    return [found for m in messages if (found := node(workspace, m)) is not None]


def known_node(workspace: Workspace, message: node_pb2.Node) -> Node:
    """NOT_FOUND / NODE_NOT_FOUND for what can't exist."""
    found = node(workspace, message)
    if found is None:
        raise node_not_found(message.kind, message.id)
    return found


def targets(
    workspace: Workspace,
    messages: Sequence[node_pb2.Node],
    path: str,
    kinds: Iterable[str],
    problems: Problems,
) -> tuple[Node, ...]:
    """Records, or artifacts of these kinds; each once."""
    if len(messages) > MAX_TARGETS:
        problems.append(Problem(path, "TOO_MANY", f"must name at most {MAX_TARGETS} targets"))
        return ()
    found = []
    for number, message in enumerate(messages):
        if message.kind in ARTIFACT_KINDS and message.kind not in kinds:
            text = f"a {message.kind} can't carry this"
            problems.append(Problem(f"{path}[{number}].kind", "KIND_NOT_ALLOWED", text))
        else:
            found.append(known_node(workspace, message))
    return tuple(dict.fromkeys(found))


def _text(
    problems: Problems, path: str, value: str, longest: int, *, required: bool = False
) -> str:
    if "\0" in value:
        message = "must not hold the character NUL"
        problems.append(Problem(path, "CONTROL_CHARACTER", message))
    if required and not value.strip():
        problems.append(Problem(path, "REQUIRED", "must not be empty"))
    if len(value) > longest:
        problems.append(Problem(path, "TOO_LONG", f"must have at most {longest} characters"))
    return value


def _body(problems: Problems, path: str, value: str) -> str:
    if len(value.encode()) > MAX_BODY:
        problems.append(Problem(path, "TOO_LONG", f"must have at most {MAX_BODY} bytes"))
        return ""
    return _text(problems, path, value, MAX_BODY)


def new_id(value: str, path: str, problems: Problems) -> UUID:
    """The id that the client chose, or a new one."""
    try:
        return UUID(value) if value else ids.new_id()
    except ValueError:
        problems.append(Problem(path, "INVALID_UUID", "must be a UUID"))
        return ids.new_id()


def note_content(message: artifact_pb2.Note, path: str, problems: Problems) -> NoteContent:
    return NoteContent(
        title=_text(problems, f"{path}.title", message.title, MAX_TITLE),
        body=_body(problems, f"{path}.body", message.body),
        pinned=message.pinned,
    )


def todo_content(message: artifact_pb2.Todo, path: str, problems: Problems) -> TodoContent:
    due_time = dues.moment(message.due) if message.due else None
    if message.due and due_time is None:
        text = "must be YYYY-MM-DD, or a date and time with an offset (RFC 3339)"
        problems.append(Problem(f"{path}.due", "INVALID_DATE", text))
    if not math.isfinite(message.position):
        problems.append(Problem(f"{path}.position", "NOT_FINITE", "must be a finite number"))
    return TodoContent(
        title=_text(problems, f"{path}.title", message.title, MAX_TITLE, required=True),
        body=_body(problems, f"{path}.body", message.body),
        status=_one_of(problems, f"{path}.status", message.status or "open", STATUSES),
        due=message.due,
        due_time=due_time,
        priority=_one_of(problems, f"{path}.priority", message.priority or "normal", PRIORITIES),
        assignees=_assignees(problems, f"{path}.assignees", message.assignees),
        position=message.position,
    )


def _one_of(problems: Problems, path: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        text = f"must be one of {', '.join(allowed)}"
        problems.append(Problem(path, "UNKNOWN_VALUE", text))
    return value


def _assignees(problems: Problems, path: str, values: Sequence[str]) -> tuple[str, ...]:
    if len(values) > MAX_ASSIGNEES:
        problems.append(Problem(path, "TOO_MANY", f"must name at most {MAX_ASSIGNEES}"))
    for number, value in enumerate(values):
        if not 1 <= len(value) <= 64 or _CONTROL.search(value):
            text = "must be the id of a principal or of a person's record"
            problems.append(Problem(f"{path}[{number}]", "INVALID_ID", text))
    return tuple(dict.fromkeys(values))


def masked(content: Any, mask: Sequence[str], problems: Problems) -> dict[str, object]:
    """What update_mask names of the content; targets are named as well, and are not content."""
    known = {f.name for f in fields(content)} - {"due_time"}
    if not mask:
        problems.append(Problem("update_mask", "REQUIRED", "must name what to change"))
    for name in mask:
        if name not in {*known, "targets"}:
            text = f"{name!r} is none of {', '.join(sorted({*known, 'targets'}))}"
            problems.append(Problem("update_mask", "UNKNOWN_FIELD", text))
    changes = {name: getattr(content, name) for name in mask if name in known}
    if "due" in changes:
        changes["due_time"] = content.due_time
    return changes


def only_named(problems: Sequence[Problem], mask: Sequence[str], path: str) -> Problems:
    """Problems of what the mask names: the rest of the message does not matter."""
    named = tuple(f"{path}.{name}" for name in mask)
    return [p for p in problems if not p.path.startswith(f"{path}.") or p.path.startswith(named)]


def new_file(workspace: Workspace, request: files_pb.CreateUploadRequest, largest: int) -> NewFile:
    """The file to be; INVALID_ARGUMENT / FILE_INVALID, RESOURCE_EXHAUSTED / FILE_TOO_LARGE."""
    problems: Problems = []
    content = request.content if request.content or not _announces(request) else None
    limit = MAX_INLINE if content is not None else largest
    size = len(content) if content is not None else request.size
    if max(size, request.size) > limit:
        way = "inline, or upload it" if content is not None else "in one file"
        raise ResourceExhausted("FILE_TOO_LARGE", f"at most {limit} bytes {way}", limit=str(limit))
    name = _text(problems, "name", request.name, MAX_TITLE, required=True)
    if "/" in name or "\\" in name or _CONTROL.search(name) or name in {".", ".."}:
        text = "must have no slash and no control character"
        problems.append(Problem("name", "INVALID_NAME", text))
    sha256 = request.sha256.lower()
    if (content is None or sha256) and not _SHA256.fullmatch(sha256):
        problems.append(Problem("sha256", "INVALID_CHECKSUM", "must be 64 hex digits"))
    if content is None and request.size <= 0:
        problems.append(Problem("size", "OUT_OF_RANGE", "must be the number of bytes, above 0"))
    if content is not None:
        found = hashlib.sha256(content).hexdigest()
        if request.size and request.size != len(content):
            problems.append(Problem("size", "MISMATCH", f"the content has {len(content)} bytes"))
        if sha256 and sha256 != found:
            problems.append(Problem("sha256", "MISMATCH", "the content has another checksum"))
        sha256 = found
    content_type = request.content_type.partition(";")[0].strip().lower()
    if content_type and not is_type(content_type):
        problems.append(Problem("content_type", "INVALID_TYPE", "must be like image/png"))
    file_id = new_id(request.id, "id", problems)
    attached = targets(workspace, request.targets, "targets", ("note", "todo"), problems)
    raise_any("FILE_INVALID", problems)
    return NewFile(file_id, name, size, content_type, sha256, attached, content)


def _announces(request: files_pb.CreateUploadRequest) -> bool:
    return bool(request.size or request.sha256)


def comment(text: str) -> str:
    problems: Problems = []
    found = _text(problems, "text", text, MAX_COMMENT, required=True)
    raise_any("COMMENT_INVALID", problems)
    return found


def due_before(text: str) -> datetime | None:
    if not text:
        return None
    found = dues.bound(text)
    if found is None:
        message = "must be YYYY-MM-DD, or a date and time with an offset (RFC 3339)"
        raise_any("TODO_INVALID", [Problem("due_before", "INVALID_DATE", message)])
    return found


def status(text: str) -> str:
    problems: Problems = []
    if text:
        _one_of(problems, "status", text, STATUSES)
    raise_any("TODO_INVALID", problems)
    return text


def query(text: str) -> str:
    problems: Problems = []
    found = _text(problems, "query", text, 200)
    raise_any("NOTE_INVALID", problems)
    return found


def node_message(value: Node) -> node_pb2.Node:
    return node_pb2.Node(kind=value.kind, id=str(value.id))


def _actor(value: Actor) -> actor_pb2.Actor:
    return actor_pb2.Actor(kind=value["kind"], id=value["id"], name=value["name"])


def file(value: File, shown: Iterable[Node]) -> artifact_pb2.File:
    return artifact_pb2.File(
        id=str(value.id),
        name=value.name,
        size=value.size,
        content_type=value.content_type,
        sha256=value.sha256,
        state=value.state,
        targets=map(node_message, shown),
        version=value.version,
        created_by=_actor(value.created_by),
        create_time=clock.to_timestamp(value.create_time),
        update_time=clock.to_timestamp(value.update_time),
    )


def note(value: Note, shown: Iterable[Node]) -> artifact_pb2.Note:
    return artifact_pb2.Note(
        id=str(value.id),
        title=value.title,
        body=value.body,
        pinned=value.pinned,
        targets=map(node_message, shown),
        version=value.version,
        created_by=_actor(value.created_by),
        updated_by=_actor(value.updated_by),
        create_time=clock.to_timestamp(value.create_time),
        update_time=clock.to_timestamp(value.update_time),
    )


def todo(value: Todo, shown: Iterable[Node]) -> artifact_pb2.Todo:
    return artifact_pb2.Todo(
        id=str(value.id),
        title=value.title,
        body=value.body,
        status=value.status,
        due=value.due,
        priority=value.priority,
        assignees=value.assignees,
        position=value.position,
        targets=map(node_message, shown),
        version=value.version,
        created_by=_actor(value.created_by),
        updated_by=_actor(value.updated_by),
        create_time=clock.to_timestamp(value.create_time),
        update_time=clock.to_timestamp(value.update_time),
        complete_time=clock.to_timestamp(value.complete_time),
    )


def item(value: Item) -> artifact_pb2.TimelineItem:
    return artifact_pb2.TimelineItem(
        id=str(value.id),
        target=node_message(value.target),
        type=value.type,
        data_json=jsonio.dumps(value.data),
        actor=_actor(value.actor),
        occur_time=clock.to_timestamp(value.occurred_at),
        event_id=str(value.event_id),
        trace_id=value.trace_id,
    )
