import datetime

from armature.common.v1 import actor_pb2 as _actor_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetSnapshotRequest(_message.Message):
    __slots__ = ("if_newer_than", "as_document")
    IF_NEWER_THAN_FIELD_NUMBER: _ClassVar[int]
    AS_DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    if_newer_than: int
    as_document: bool
    def __init__(self, if_newer_than: _Optional[int] = ..., as_document: _Optional[bool] = ...) -> None: ...

class GetSnapshotResponse(_message.Message):
    __slots__ = ("metadata_version", "snapshot_json", "by_role")
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_JSON_FIELD_NUMBER: _ClassVar[int]
    BY_ROLE_FIELD_NUMBER: _ClassVar[int]
    metadata_version: int
    snapshot_json: bytes
    by_role: bool
    def __init__(self, metadata_version: _Optional[int] = ..., snapshot_json: _Optional[bytes] = ..., by_role: _Optional[bool] = ...) -> None: ...

class WatchVersionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchVersionsResponse(_message.Message):
    __slots__ = ("metadata_version",)
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    metadata_version: int
    def __init__(self, metadata_version: _Optional[int] = ...) -> None: ...

class ApplySchemaRequest(_message.Message):
    __slots__ = ("document_json", "validate_only", "request_id", "exact", "allow_destructive")
    DOCUMENT_JSON_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    ALLOW_DESTRUCTIVE_FIELD_NUMBER: _ClassVar[int]
    document_json: bytes
    validate_only: bool
    request_id: str
    exact: bool
    allow_destructive: bool
    def __init__(self, document_json: _Optional[bytes] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ..., exact: _Optional[bool] = ..., allow_destructive: _Optional[bool] = ...) -> None: ...

class ApplySchemaResponse(_message.Message):
    __slots__ = ("changes", "metadata_version")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[SchemaChange]
    metadata_version: int
    def __init__(self, changes: _Optional[_Iterable[_Union[SchemaChange, _Mapping]]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class SchemaChange(_message.Message):
    __slots__ = ("action", "kind", "path", "destructive", "affects", "record_count", "field_job")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    DESTRUCTIVE_FIELD_NUMBER: _ClassVar[int]
    AFFECTS_FIELD_NUMBER: _ClassVar[int]
    RECORD_COUNT_FIELD_NUMBER: _ClassVar[int]
    FIELD_JOB_FIELD_NUMBER: _ClassVar[int]
    action: str
    kind: str
    path: str
    destructive: bool
    affects: _containers.RepeatedScalarFieldContainer[str]
    record_count: int
    field_job: str
    def __init__(self, action: _Optional[str] = ..., kind: _Optional[str] = ..., path: _Optional[str] = ..., destructive: _Optional[bool] = ..., affects: _Optional[_Iterable[str]] = ..., record_count: _Optional[int] = ..., field_job: _Optional[str] = ...) -> None: ...

class PlanSchemaRequest(_message.Message):
    __slots__ = ("document_json", "exact", "request_id")
    DOCUMENT_JSON_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    document_json: bytes
    exact: bool
    request_id: str
    def __init__(self, document_json: _Optional[bytes] = ..., exact: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class PlanSchemaResponse(_message.Message):
    __slots__ = ("changes", "destructive", "metadata_version")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    DESTRUCTIVE_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[SchemaChange]
    destructive: bool
    metadata_version: int
    def __init__(self, changes: _Optional[_Iterable[_Union[SchemaChange, _Mapping]]] = ..., destructive: _Optional[bool] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class RevertChangeRequest(_message.Message):
    __slots__ = ("version", "request_id")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    version: str
    request_id: str
    def __init__(self, version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RevertChangeResponse(_message.Message):
    __slots__ = ("changes", "metadata_version")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[SchemaChange]
    metadata_version: int
    def __init__(self, changes: _Optional[_Iterable[_Union[SchemaChange, _Mapping]]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class Blueprint(_message.Message):
    __slots__ = ("name", "version", "installed_version", "leaving", "pending")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    INSTALLED_VERSION_FIELD_NUMBER: _ClassVar[int]
    LEAVING_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    installed_version: int
    leaving: bool
    pending: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., installed_version: _Optional[int] = ..., leaving: _Optional[bool] = ..., pending: _Optional[_Iterable[str]] = ...) -> None: ...

class ListBlueprintsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListBlueprintsResponse(_message.Message):
    __slots__ = ("blueprints", "next_page_token")
    BLUEPRINTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    blueprints: _containers.RepeatedCompositeFieldContainer[Blueprint]
    next_page_token: str
    def __init__(self, blueprints: _Optional[_Iterable[_Union[Blueprint, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UninstallBlueprintRequest(_message.Message):
    __slots__ = ("blueprint", "force", "request_id", "validate_only")
    BLUEPRINT_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    blueprint: str
    force: bool
    request_id: str
    validate_only: bool
    def __init__(self, blueprint: _Optional[str] = ..., force: _Optional[bool] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class UninstallBlueprintResponse(_message.Message):
    __slots__ = ("changes", "metadata_version", "pending")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[SchemaChange]
    metadata_version: int
    pending: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, changes: _Optional[_Iterable[_Union[SchemaChange, _Mapping]]] = ..., metadata_version: _Optional[int] = ..., pending: _Optional[_Iterable[str]] = ...) -> None: ...

class InstallBlueprintRequest(_message.Message):
    __slots__ = ("blueprint", "request_id", "validate_only", "restore")
    BLUEPRINT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    RESTORE_FIELD_NUMBER: _ClassVar[int]
    blueprint: str
    request_id: str
    validate_only: bool
    restore: bool
    def __init__(self, blueprint: _Optional[str] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ..., restore: _Optional[bool] = ...) -> None: ...

class InstallBlueprintResponse(_message.Message):
    __slots__ = ("changes", "metadata_version", "pending")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[SchemaChange]
    metadata_version: int
    pending: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, changes: _Optional[_Iterable[_Union[SchemaChange, _Mapping]]] = ..., metadata_version: _Optional[int] = ..., pending: _Optional[_Iterable[str]] = ...) -> None: ...

class ListChangesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListChangesResponse(_message.Message):
    __slots__ = ("changes", "next_page_token")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[MetadataChange]
    next_page_token: str
    def __init__(self, changes: _Optional[_Iterable[_Union[MetadataChange, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class MetadataChange(_message.Message):
    __slots__ = ("metadata_version", "type", "entity_id", "before_json", "after_json", "actor", "create_time", "reversible", "irreversible_because")
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    BEFORE_JSON_FIELD_NUMBER: _ClassVar[int]
    AFTER_JSON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REVERSIBLE_FIELD_NUMBER: _ClassVar[int]
    IRREVERSIBLE_BECAUSE_FIELD_NUMBER: _ClassVar[int]
    metadata_version: int
    type: str
    entity_id: str
    before_json: bytes
    after_json: bytes
    actor: _actor_pb2.Actor
    create_time: _timestamp_pb2.Timestamp
    reversible: bool
    irreversible_because: str
    def __init__(self, metadata_version: _Optional[int] = ..., type: _Optional[str] = ..., entity_id: _Optional[str] = ..., before_json: _Optional[bytes] = ..., after_json: _Optional[bytes] = ..., actor: _Optional[_Union[_actor_pb2.Actor, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reversible: _Optional[bool] = ..., irreversible_because: _Optional[str] = ...) -> None: ...
