import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Object(_message.Message):
    __slots__ = ("id", "name", "plural_name", "label", "plural_label", "description", "icon", "label_field", "standard", "active", "create_time", "update_time", "duplicate_criteria")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PLURAL_NAME_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PLURAL_LABEL_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ICON_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_FIELD_NUMBER: _ClassVar[int]
    STANDARD_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_CRITERIA_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    plural_name: str
    label: str
    plural_label: str
    description: str
    icon: str
    label_field: str
    standard: bool
    active: bool
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    duplicate_criteria: _containers.RepeatedCompositeFieldContainer[DuplicateCriterion]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., plural_name: _Optional[str] = ..., label: _Optional[str] = ..., plural_label: _Optional[str] = ..., description: _Optional[str] = ..., icon: _Optional[str] = ..., label_field: _Optional[str] = ..., standard: _Optional[bool] = ..., active: _Optional[bool] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duplicate_criteria: _Optional[_Iterable[_Union[DuplicateCriterion, _Mapping]]] = ...) -> None: ...

class DuplicateCriterion(_message.Message):
    __slots__ = ("fields",)
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    fields: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, fields: _Optional[_Iterable[str]] = ...) -> None: ...
