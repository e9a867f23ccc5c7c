import datetime

from armature.common.v1 import actor_pb2 as _actor_pb2
from armature.records.v1 import tabular_pb2 as _tabular_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ImportState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMPORT_STATE_UNSPECIFIED: _ClassVar[ImportState]
    IMPORT_STATE_RECEIVING: _ClassVar[ImportState]
    IMPORT_STATE_RUNNING: _ClassVar[ImportState]
    IMPORT_STATE_SUCCEEDED: _ClassVar[ImportState]
    IMPORT_STATE_FAILED: _ClassVar[ImportState]
    IMPORT_STATE_CANCELLED: _ClassVar[ImportState]
    IMPORT_STATE_UNDOING: _ClassVar[ImportState]
    IMPORT_STATE_UNDONE: _ClassVar[ImportState]

class ImportMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMPORT_MODE_UNSPECIFIED: _ClassVar[ImportMode]
    IMPORT_MODE_CREATE: _ClassVar[ImportMode]
    IMPORT_MODE_UPSERT: _ClassVar[ImportMode]
    IMPORT_MODE_UPDATE: _ClassVar[ImportMode]
IMPORT_STATE_UNSPECIFIED: ImportState
IMPORT_STATE_RECEIVING: ImportState
IMPORT_STATE_RUNNING: ImportState
IMPORT_STATE_SUCCEEDED: ImportState
IMPORT_STATE_FAILED: ImportState
IMPORT_STATE_CANCELLED: ImportState
IMPORT_STATE_UNDOING: ImportState
IMPORT_STATE_UNDONE: ImportState
IMPORT_MODE_UNSPECIFIED: ImportMode
IMPORT_MODE_CREATE: ImportMode
IMPORT_MODE_UPSERT: ImportMode
IMPORT_MODE_UPDATE: ImportMode

class Import(_message.Message):
    __slots__ = ("id", "object", "format", "mapping", "match", "mode", "dry_run", "clear_empty", "ignore_unknown", "state", "received_bytes", "rows", "processed", "created", "updated", "unchanged", "restored", "failed", "undone", "undo_skipped", "failure", "created_by", "create_time", "update_time", "finish_time")
    class MappingEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    MAPPING_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    CLEAR_EMPTY_FIELD_NUMBER: _ClassVar[int]
    IGNORE_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    PROCESSED_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    RESTORED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    UNDONE_FIELD_NUMBER: _ClassVar[int]
    UNDO_SKIPPED_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FINISH_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    object: str
    format: _tabular_pb2.TabularFormat
    mapping: _containers.ScalarMap[str, str]
    match: _containers.RepeatedScalarFieldContainer[str]
    mode: ImportMode
    dry_run: bool
    clear_empty: bool
    ignore_unknown: bool
    state: ImportState
    received_bytes: int
    rows: int
    processed: int
    created: int
    updated: int
    unchanged: int
    restored: int
    failed: int
    undone: int
    undo_skipped: int
    failure: str
    created_by: _actor_pb2.Actor
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    finish_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., object: _Optional[str] = ..., format: _Optional[_Union[_tabular_pb2.TabularFormat, str]] = ..., mapping: _Optional[_Mapping[str, str]] = ..., match: _Optional[_Iterable[str]] = ..., mode: _Optional[_Union[ImportMode, str]] = ..., dry_run: _Optional[bool] = ..., clear_empty: _Optional[bool] = ..., ignore_unknown: _Optional[bool] = ..., state: _Optional[_Union[ImportState, str]] = ..., received_bytes: _Optional[int] = ..., rows: _Optional[int] = ..., processed: _Optional[int] = ..., created: _Optional[int] = ..., updated: _Optional[int] = ..., unchanged: _Optional[int] = ..., restored: _Optional[int] = ..., failed: _Optional[int] = ..., undone: _Optional[int] = ..., undo_skipped: _Optional[int] = ..., failure: _Optional[str] = ..., created_by: _Optional[_Union[_actor_pb2.Actor, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ImportError(_message.Message):
    __slots__ = ("line", "column", "code", "message", "phase")
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    line: int
    column: str
    code: str
    message: str
    phase: str
    def __init__(self, line: _Optional[int] = ..., column: _Optional[str] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., phase: _Optional[str] = ...) -> None: ...
