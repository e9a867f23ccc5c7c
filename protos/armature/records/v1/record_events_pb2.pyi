from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class RecordChange(_message.Message):
    __slots__ = ("record_id", "object", "object_id", "version", "changed_fields", "before", "after", "fields", "metadata_version", "update_time", "merged_into")
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    MERGED_INTO_FIELD_NUMBER: _ClassVar[int]
    record_id: str
    object: str
    object_id: str
    version: int
    changed_fields: _containers.RepeatedScalarFieldContainer[str]
    before: bytes
    after: bytes
    fields: bytes
    metadata_version: int
    update_time: str
    merged_into: str
    def __init__(self, record_id: _Optional[str] = ..., object: _Optional[str] = ..., object_id: _Optional[str] = ..., version: _Optional[int] = ..., changed_fields: _Optional[_Iterable[str]] = ..., before: _Optional[bytes] = ..., after: _Optional[bytes] = ..., fields: _Optional[bytes] = ..., metadata_version: _Optional[int] = ..., update_time: _Optional[str] = ..., merged_into: _Optional[str] = ...) -> None: ...
