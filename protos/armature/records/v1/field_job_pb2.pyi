import datetime

from armature.common.v1 import actor_pb2 as _actor_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FieldJobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FIELD_JOB_STATE_UNSPECIFIED: _ClassVar[FieldJobState]
    FIELD_JOB_STATE_QUEUED: _ClassVar[FieldJobState]
    FIELD_JOB_STATE_RUNNING: _ClassVar[FieldJobState]
    FIELD_JOB_STATE_SUCCEEDED: _ClassVar[FieldJobState]
    FIELD_JOB_STATE_FAILED: _ClassVar[FieldJobState]
    FIELD_JOB_STATE_CANCELLED: _ClassVar[FieldJobState]
FIELD_JOB_STATE_UNSPECIFIED: FieldJobState
FIELD_JOB_STATE_QUEUED: FieldJobState
FIELD_JOB_STATE_RUNNING: FieldJobState
FIELD_JOB_STATE_SUCCEEDED: FieldJobState
FIELD_JOB_STATE_FAILED: FieldJobState
FIELD_JOB_STATE_CANCELLED: FieldJobState

class FieldJob(_message.Message):
    __slots__ = ("id", "object_id", "field_id", "kind", "dry_run", "state", "checked", "changed", "problem_count", "problems", "failure", "created_by", "create_time", "update_time", "finish_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    FIELD_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CHECKED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FINISH_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    object_id: str
    field_id: str
    kind: str
    dry_run: bool
    state: FieldJobState
    checked: int
    changed: int
    problem_count: int
    problems: _containers.RepeatedCompositeFieldContainer[FieldJobProblem]
    failure: str
    created_by: _actor_pb2.Actor
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    finish_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., object_id: _Optional[str] = ..., field_id: _Optional[str] = ..., kind: _Optional[str] = ..., dry_run: _Optional[bool] = ..., state: _Optional[_Union[FieldJobState, str]] = ..., checked: _Optional[int] = ..., changed: _Optional[int] = ..., problem_count: _Optional[int] = ..., problems: _Optional[_Iterable[_Union[FieldJobProblem, _Mapping]]] = ..., failure: _Optional[str] = ..., created_by: _Optional[_Union[_actor_pb2.Actor, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class FieldJobProblem(_message.Message):
    __slots__ = ("record_id", "code", "message")
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    record_id: str
    code: str
    message: str
    def __init__(self, record_id: _Optional[str] = ..., code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...
