from armature.records.v1 import record_pb2 as _record_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FindDuplicatesRequest(_message.Message):
    __slots__ = ("object", "ids", "fields_json", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    FIELDS_JSON_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    fields_json: bytes
    at_version: int
    def __init__(self, object: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ..., fields_json: _Optional[bytes] = ..., at_version: _Optional[int] = ...) -> None: ...

class FindDuplicatesResponse(_message.Message):
    __slots__ = ("groups", "metadata_version")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[DuplicateGroup]
    metadata_version: int
    def __init__(self, groups: _Optional[_Iterable[_Union[DuplicateGroup, _Mapping]]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class DuplicateGroup(_message.Message):
    __slots__ = ("id", "duplicates")
    ID_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    id: str
    duplicates: _containers.RepeatedCompositeFieldContainer[Duplicate]
    def __init__(self, id: _Optional[str] = ..., duplicates: _Optional[_Iterable[_Union[Duplicate, _Mapping]]] = ...) -> None: ...

class Duplicate(_message.Message):
    __slots__ = ("record", "matched_fields")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    MATCHED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    record: _record_pb2.Record
    matched_fields: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, record: _Optional[_Union[_record_pb2.Record, _Mapping]] = ..., matched_fields: _Optional[_Iterable[str]] = ...) -> None: ...

class MergeRecordsRequest(_message.Message):
    __slots__ = ("object", "ids", "priority_id", "dry_run", "request_id", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_ID_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    priority_id: str
    dry_run: bool
    request_id: str
    at_version: int
    def __init__(self, object: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ..., priority_id: _Optional[str] = ..., dry_run: _Optional[bool] = ..., request_id: _Optional[str] = ..., at_version: _Optional[int] = ...) -> None: ...

class MergeRecordsResponse(_message.Message):
    __slots__ = ("record", "merged_ids", "moved_relations", "metadata_version")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    MERGED_IDS_FIELD_NUMBER: _ClassVar[int]
    MOVED_RELATIONS_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    record: _record_pb2.Record
    merged_ids: _containers.RepeatedScalarFieldContainer[str]
    moved_relations: int
    metadata_version: int
    def __init__(self, record: _Optional[_Union[_record_pb2.Record, _Mapping]] = ..., merged_ids: _Optional[_Iterable[str]] = ..., moved_relations: _Optional[int] = ..., metadata_version: _Optional[int] = ...) -> None: ...
