from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class LinkType(_message.Message):
    __slots__ = ("id", "name", "inverse_name", "source_kinds", "target_kinds", "cardinality", "on_source_delete", "on_target_delete", "symmetric", "field_id", "label", "inverse_label", "active")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    INVERSE_NAME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_KINDS_FIELD_NUMBER: _ClassVar[int]
    TARGET_KINDS_FIELD_NUMBER: _ClassVar[int]
    CARDINALITY_FIELD_NUMBER: _ClassVar[int]
    ON_SOURCE_DELETE_FIELD_NUMBER: _ClassVar[int]
    ON_TARGET_DELETE_FIELD_NUMBER: _ClassVar[int]
    SYMMETRIC_FIELD_NUMBER: _ClassVar[int]
    FIELD_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    INVERSE_LABEL_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    inverse_name: str
    source_kinds: _containers.RepeatedScalarFieldContainer[str]
    target_kinds: _containers.RepeatedScalarFieldContainer[str]
    cardinality: str
    on_source_delete: str
    on_target_delete: str
    symmetric: bool
    field_id: str
    label: str
    inverse_label: str
    active: bool
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., inverse_name: _Optional[str] = ..., source_kinds: _Optional[_Iterable[str]] = ..., target_kinds: _Optional[_Iterable[str]] = ..., cardinality: _Optional[str] = ..., on_source_delete: _Optional[str] = ..., on_target_delete: _Optional[str] = ..., symmetric: _Optional[bool] = ..., field_id: _Optional[str] = ..., label: _Optional[str] = ..., inverse_label: _Optional[str] = ..., active: _Optional[bool] = ...) -> None: ...
