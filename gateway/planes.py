"""Name the planes behind the gateway, and the calls that their contracts offer."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from armature.artifacts.v1 import (
    file_service_pb2,
    note_service_pb2,
    timeline_service_pb2,
    todo_service_pb2,
)
from armature.automation.v1 import rule_service_pb2, run_service_pb2, workflow_service_pb2
from armature.events.v1 import (
    event_admin_service_pb2,
    event_service_pb2,
    replay_service_pb2,
    subscription_service_pb2,
)
from armature.links.v1 import link_service_pb2
from armature.metadata.v1 import (
    access_service_pb2,
    audit_service_pb2,
    field_service_pb2,
    flag_service_pb2,
    link_type_service_pb2,
    object_service_pb2,
    schema_service_pb2,
    unique_constraint_service_pb2,
    view_service_pb2,
    workspace_service_pb2,
)
from armature.records.v1 import (
    duplicate_service_pb2,
    export_service_pb2,
    field_job_service_pb2,
    history_service_pb2,
    import_service_pb2,
    record_service_pb2,
    record_watch_service_pb2,
    view_state_service_pb2,
)
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

PLANES = ("metadata", "records", "links", "artifacts", "events", "automation")


@dataclass(frozen=True, eq=False)
class Rpc:
    """One call of a plane."""

    plane: str
    descriptor: MethodDescriptor

    @cached_property
    def path(self) -> str:
        return f"/{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    @cached_property
    def name(self) -> str:
        return self.path.lstrip("/")

    @property
    def input(self) -> Descriptor:
        return self.descriptor.input_type

    @property
    def output(self) -> Descriptor:
        return self.descriptor.output_type

    @cached_property
    def request(self) -> Any:
        """Makes an empty request."""
        return GetMessageClass(self.input)

    @cached_property
    def response(self) -> type[Message]:
        return GetMessageClass(self.output)

    @cached_property
    def mutates(self) -> bool:
        return "request_id" in self.input.fields_by_name


class Service:
    """The calls of one service of a plane, by name: RECORDS["GetRecord"]."""

    def __init__(self, module: Any, name: str) -> None:
        found = module.DESCRIPTOR.services_by_name[name]
        self.plane: str = found.full_name.split(".")[1]
        self.rpcs = {m.name: Rpc(self.plane, m) for m in found.methods}

    def __getitem__(self, name: str) -> Rpc:
        return self.rpcs[name]


ACCESS = Service(access_service_pb2, "AccessService")
AUDIT = Service(audit_service_pb2, "AuditService")
DEAD_LETTERS = Service(event_admin_service_pb2, "EventAdminService")
DUPLICATES = Service(duplicate_service_pb2, "DuplicateService")
EVENTS = Service(event_service_pb2, "EventService")
EXPORTS = Service(export_service_pb2, "ExportService")
FIELD_JOBS = Service(field_job_service_pb2, "FieldJobService")
FIELDS = Service(field_service_pb2, "FieldService")
FLAGS = Service(flag_service_pb2, "FlagService")
FILES = Service(file_service_pb2, "FileService")
HISTORY = Service(history_service_pb2, "HistoryService")
IMPORTS = Service(import_service_pb2, "ImportService")
LINKS = Service(link_service_pb2, "LinkService")
LINK_TYPES = Service(link_type_service_pb2, "LinkTypeService")
NOTES = Service(note_service_pb2, "NoteService")
OBJECTS = Service(object_service_pb2, "ObjectService")
RECORDS = Service(record_service_pb2, "RecordService")
RULES = Service(rule_service_pb2, "RuleService")
RUNS = Service(run_service_pb2, "RunService")
REPLAYS = Service(replay_service_pb2, "ReplayService")
SCHEMA = Service(schema_service_pb2, "SchemaService")
SUBSCRIPTIONS = Service(subscription_service_pb2, "SubscriptionService")
TIMELINE = Service(timeline_service_pb2, "TimelineService")
TODOS = Service(todo_service_pb2, "TodoService")
RECORD_WATCHES = Service(record_watch_service_pb2, "RecordWatchService")
UNIQUE_CONSTRAINTS = Service(unique_constraint_service_pb2, "UniqueConstraintService")
VIEW_STATES = Service(view_state_service_pb2, "ViewStateService")
VIEWS = Service(view_service_pb2, "ViewService")
WORKFLOWS = Service(workflow_service_pb2, "WorkflowService")
WORKSPACES = Service(workspace_service_pb2, "WorkspaceService")
