import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Field(_message.Message):
    __slots__ = ("id", "object_id", "name", "label", "description", "type", "settings_json", "options", "default_json", "required", "unique", "indexed", "searchable", "pii", "active", "state", "position", "standard", "unlocks", "create_time", "update_time", "field_job")
    ID_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_JSON_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_JSON_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    UNIQUE_FIELD_NUMBER: _ClassVar[int]
    INDEXED_FIELD_NUMBER: _ClassVar[int]
    SEARCHABLE_FIELD_NUMBER: _ClassVar[int]
    PII_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    STANDARD_FIELD_NUMBER: _ClassVar[int]
    UNLOCKS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FIELD_JOB_FIELD_NUMBER: _ClassVar[int]
    id: str
    object_id: str
    name: str
    label: str
    description: str
    type: str
    settings_json: bytes
    options: _containers.RepeatedCompositeFieldContainer[Option]
    default_json: bytes
    required: bool
    unique: bool
    indexed: bool
    searchable: bool
    pii: str
    active: bool
    state: str
    position: int
    standard: bool
    unlocks: _containers.RepeatedScalarFieldContainer[str]
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    field_job: str
    def __init__(self, id: _Optional[str] = ..., object_id: _Optional[str] = ..., name: _Optional[str] = ..., label: _Optional[str] = ..., description: _Optional[str] = ..., type: _Optional[str] = ..., settings_json: _Optional[bytes] = ..., options: _Optional[_Iterable[_Union[Option, _Mapping]]] = ..., default_json: _Optional[bytes] = ..., required: _Optional[bool] = ..., unique: _Optional[bool] = ..., indexed: _Optional[bool] = ..., searchable: _Optional[bool] = ..., pii: _Optional[str] = ..., active: _Optional[bool] = ..., state: _Optional[str] = ..., position: _Optional[int] = ..., standard: _Optional[bool] = ..., unlocks: _Optional[_Iterable[str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., field_job: _Optional[str] = ...) -> None: ...

class Option(_message.Message):
    __slots__ = ("id", "value", "label", "color")
    ID_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    value: str
    label: str
    color: str
    def __init__(self, id: _Optional[str] = ..., value: _Optional[str] = ..., label: _Optional[str] = ..., color: _Optional[str] = ...) -> None: ...
