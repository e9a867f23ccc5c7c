from armature.records.v1 import record_pb2 as _record_pb2
from armature.records.v1 import record_service_pb2 as _record_service_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WatchChangeType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WATCH_CHANGE_TYPE_UNSPECIFIED: _ClassVar[WatchChangeType]
    WATCH_CHANGE_TYPE_ADDED: _ClassVar[WatchChangeType]
    WATCH_CHANGE_TYPE_UPDATED: _ClassVar[WatchChangeType]
    WATCH_CHANGE_TYPE_REMOVED: _ClassVar[WatchChangeType]
    WATCH_CHANGE_TYPE_MOVED: _ClassVar[WatchChangeType]
WATCH_CHANGE_TYPE_UNSPECIFIED: WatchChangeType
WATCH_CHANGE_TYPE_ADDED: WatchChangeType
WATCH_CHANGE_TYPE_UPDATED: WatchChangeType
WATCH_CHANGE_TYPE_REMOVED: WatchChangeType
WATCH_CHANGE_TYPE_MOVED: WatchChangeType

class WatchViewRequest(_message.Message):
    __slots__ = ("object", "view", "selection", "sort", "fields", "page_size", "position", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    view: str
    selection: _record_service_pb2.Selection
    sort: str
    fields: str
    page_size: int
    position: str
    at_version: int
    def __init__(self, object: _Optional[str] = ..., view: _Optional[str] = ..., selection: _Optional[_Union[_record_service_pb2.Selection, _Mapping]] = ..., sort: _Optional[str] = ..., fields: _Optional[str] = ..., page_size: _Optional[int] = ..., position: _Optional[str] = ..., at_version: _Optional[int] = ...) -> None: ...

class WatchViewResponse(_message.Message):
    __slots__ = ("position", "snapshot", "diff", "resumed", "reset", "metadata_version")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    DIFF_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    position: str
    snapshot: WatchSnapshot
    diff: WatchDiff
    resumed: WatchResumed
    reset: WatchReset
    metadata_version: int
    def __init__(self, position: _Optional[str] = ..., snapshot: _Optional[_Union[WatchSnapshot, _Mapping]] = ..., diff: _Optional[_Union[WatchDiff, _Mapping]] = ..., resumed: _Optional[_Union[WatchResumed, _Mapping]] = ..., reset: _Optional[_Union[WatchReset, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class WatchSnapshot(_message.Message):
    __slots__ = ("records", "more", "groups")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[_record_pb2.Record]
    more: bool
    groups: _containers.RepeatedCompositeFieldContainer[WatchGroup]
    def __init__(self, records: _Optional[_Iterable[_Union[_record_pb2.Record, _Mapping]]] = ..., more: _Optional[bool] = ..., groups: _Optional[_Iterable[_Union[WatchGroup, _Mapping]]] = ...) -> None: ...

class WatchDiff(_message.Message):
    __slots__ = ("changes", "more", "groups")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[WatchChange]
    more: bool
    groups: _containers.RepeatedCompositeFieldContainer[WatchGroup]
    def __init__(self, changes: _Optional[_Iterable[_Union[WatchChange, _Mapping]]] = ..., more: _Optional[bool] = ..., groups: _Optional[_Iterable[_Union[WatchGroup, _Mapping]]] = ...) -> None: ...

class WatchChange(_message.Message):
    __slots__ = ("type", "id", "index", "record")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    type: WatchChangeType
    id: str
    index: int
    record: _record_pb2.Record
    def __init__(self, type: _Optional[_Union[WatchChangeType, str]] = ..., id: _Optional[str] = ..., index: _Optional[int] = ..., record: _Optional[_Union[_record_pb2.Record, _Mapping]] = ...) -> None: ...

class WatchResumed(_message.Message):
    __slots__ = ("ids", "records", "more", "groups")
    IDS_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    records: _containers.RepeatedCompositeFieldContainer[_record_pb2.Record]
    more: bool
    groups: _containers.RepeatedCompositeFieldContainer[WatchGroup]
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., records: _Optional[_Iterable[_Union[_record_pb2.Record, _Mapping]]] = ..., more: _Optional[bool] = ..., groups: _Optional[_Iterable[_Union[WatchGroup, _Mapping]]] = ...) -> None: ...

class WatchReset(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class WatchGroup(_message.Message):
    __slots__ = ("key_json", "label", "color", "count", "values_json")
    KEY_JSON_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    VALUES_JSON_FIELD_NUMBER: _ClassVar[int]
    key_json: bytes
    label: str
    color: str
    count: int
    values_json: bytes
    def __init__(self, key_json: _Optional[bytes] = ..., label: _Optional[str] = ..., color: _Optional[str] = ..., count: _Optional[int] = ..., values_json: _Optional[bytes] = ...) -> None: ...
