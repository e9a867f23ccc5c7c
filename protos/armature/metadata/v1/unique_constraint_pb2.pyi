from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class UniqueConstraint(_message.Message):
    __slots__ = ("id", "name", "fields", "state", "field_job")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FIELD_JOB_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    fields: _containers.RepeatedScalarFieldContainer[str]
    state: str
    field_job: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., fields: _Optional[_Iterable[str]] = ..., state: _Optional[str] = ..., field_job: _Optional[str] = ...) -> None: ...
