from armature.records.v1 import record_service_pb2 as _record_service_pb2
from armature.records.v1 import tabular_pb2 as _tabular_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExportRecordsRequest(_message.Message):
    __slots__ = ("object", "view", "selection", "sort", "fields", "format", "raw_formulas", "show_deleted", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    RAW_FORMULAS_FIELD_NUMBER: _ClassVar[int]
    SHOW_DELETED_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    view: str
    selection: _record_service_pb2.Selection
    sort: str
    fields: str
    format: _tabular_pb2.TabularFormat
    raw_formulas: bool
    show_deleted: bool
    at_version: int
    def __init__(self, object: _Optional[str] = ..., view: _Optional[str] = ..., selection: _Optional[_Union[_record_service_pb2.Selection, _Mapping]] = ..., sort: _Optional[str] = ..., fields: _Optional[str] = ..., format: _Optional[_Union[_tabular_pb2.TabularFormat, str]] = ..., raw_formulas: _Optional[bool] = ..., show_deleted: _Optional[bool] = ..., at_version: _Optional[int] = ...) -> None: ...

class ExportRecordsResponse(_message.Message):
    __slots__ = ("chunk", "records", "metadata_version")
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    records: int
    metadata_version: int
    def __init__(self, chunk: _Optional[bytes] = ..., records: _Optional[int] = ..., metadata_version: _Optional[int] = ...) -> None: ...
