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

class ListRecordHistoryRequest(_message.Message):
    __slots__ = ("object", "id", "page_size", "page_token", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    id: str
    page_size: int
    page_token: str
    at_version: int
    def __init__(self, object: _Optional[str] = ..., id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., at_version: _Optional[int] = ...) -> None: ...

class ListRecordHistoryResponse(_message.Message):
    __slots__ = ("versions", "next_page_token", "complete", "metadata_version")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[RecordVersion]
    next_page_token: str
    complete: bool
    metadata_version: int
    def __init__(self, versions: _Optional[_Iterable[_Union[RecordVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., complete: _Optional[bool] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class RecordVersion(_message.Message):
    __slots__ = ("version", "change", "changed_fields", "before_json", "after_json", "actor", "time", "event_id")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_JSON_FIELD_NUMBER: _ClassVar[int]
    AFTER_JSON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    version: int
    change: str
    changed_fields: _containers.RepeatedScalarFieldContainer[str]
    before_json: bytes
    after_json: bytes
    actor: _actor_pb2.Actor
    time: _timestamp_pb2.Timestamp
    event_id: str
    def __init__(self, version: _Optional[int] = ..., change: _Optional[str] = ..., changed_fields: _Optional[_Iterable[str]] = ..., before_json: _Optional[bytes] = ..., after_json: _Optional[bytes] = ..., actor: _Optional[_Union[_actor_pb2.Actor, _Mapping]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., event_id: _Optional[str] = ...) -> None: ...
