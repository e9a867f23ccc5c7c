from armature.common.v1 import batch_pb2 as _batch_pb2
from armature.common.v1 import filter_pb2 as _filter_pb2
from armature.common.v1 import node_pb2 as _node_pb2
from armature.common.v1 import problem_pb2 as _problem_pb2
from armature.records.v1 import record_pb2 as _record_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetRecordRequest(_message.Message):
    __slots__ = ("object", "id", "fields", "show_deleted", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    SHOW_DELETED_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    id: str
    fields: str
    show_deleted: bool
    at_version: int
    def __init__(self, object: _Optional[str] = ..., id: _Optional[str] = ..., fields: _Optional[str] = ..., show_deleted: _Optional[bool] = ..., at_version: _Optional[int] = ...) -> None: ...

class GetRecordResponse(_message.Message):
    __slots__ = ("record", "metadata_version")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    record: _record_pb2.Record
    metadata_version: int
    def __init__(self, record: _Optional[_Union[_record_pb2.Record, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class BatchGetRecordsRequest(_message.Message):
    __slots__ = ("object", "ids", "fields", "show_deleted", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    SHOW_DELETED_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    fields: str
    show_deleted: bool
    at_version: int
    def __init__(self, object: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ..., fields: _Optional[str] = ..., show_deleted: _Optional[bool] = ..., at_version: _Optional[int] = ...) -> None: ...

class BatchGetRecordsResponse(_message.Message):
    __slots__ = ("results", "metadata_version")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchResult]
    metadata_version: int
    def __init__(self, results: _Optional[_Iterable[_Union[BatchResult, _Mapping]]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class BatchResult(_message.Message):
    __slots__ = ("record", "outcome", "error")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    record: _record_pb2.Record
    outcome: _record_pb2.Outcome
    error: _problem_pb2.ItemError
    def __init__(self, record: _Optional[_Union[_record_pb2.Record, _Mapping]] = ..., outcome: _Optional[_Union[_record_pb2.Outcome, str]] = ..., error: _Optional[_Union[_problem_pb2.ItemError, _Mapping]] = ...) -> None: ...

class CheckNodesRequest(_message.Message):
    __slots__ = ("nodes", "permission")
    NODES_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[_node_pb2.Node]
    permission: str
    def __init__(self, nodes: _Optional[_Iterable[_Union[_node_pb2.Node, _Mapping]]] = ..., permission: _Optional[str] = ...) -> None: ...

class CheckNodesResponse(_message.Message):
    __slots__ = ("allowed",)
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    allowed: _containers.RepeatedScalarFieldContainer[bool]
    def __init__(self, allowed: _Optional[_Iterable[bool]] = ...) -> None: ...

class CreateRecordRequest(_message.Message):
    __slots__ = ("object", "id", "fields_json", "request_id", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_JSON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    id: str
    fields_json: bytes
    request_id: str
    at_version: int
    def __init__(self, object: _Optional[str] = ..., id: _Optional[str] = ..., fields_json: _Optional[bytes] = ..., request_id: _Optional[str] = ..., at_version: _Optional[int] = ...) -> None: ...

class CreateRecordResponse(_message.Message):
    __slots__ = ("record", "metadata_version")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    record: _record_pb2.Record
    metadata_version: int
    def __init__(self, record: _Optional[_Union[_record_pb2.Record, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class UpdateRecordRequest(_message.Message):
    __slots__ = ("object", "id", "fields_json", "etag", "request_id", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_JSON_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    id: str
    fields_json: bytes
    etag: str
    request_id: str
    at_version: int
    def __init__(self, object: _Optional[str] = ..., id: _Optional[str] = ..., fields_json: _Optional[bytes] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ..., at_version: _Optional[int] = ...) -> None: ...

class UpdateRecordResponse(_message.Message):
    __slots__ = ("record", "outcome", "metadata_version")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    record: _record_pb2.Record
    outcome: _record_pb2.Outcome
    metadata_version: int
    def __init__(self, record: _Optional[_Union[_record_pb2.Record, _Mapping]] = ..., outcome: _Optional[_Union[_record_pb2.Outcome, str]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class UpsertRecordRequest(_message.Message):
    __slots__ = ("object", "match", "fields_json", "request_id", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    FIELDS_JSON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    match: _containers.RepeatedScalarFieldContainer[str]
    fields_json: bytes
    request_id: str
    at_version: int
    def __init__(self, object: _Optional[str] = ..., match: _Optional[_Iterable[str]] = ..., fields_json: _Optional[bytes] = ..., request_id: _Optional[str] = ..., at_version: _Optional[int] = ...) -> None: ...

class UpsertRecordResponse(_message.Message):
    __slots__ = ("record", "outcome", "metadata_version")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    record: _record_pb2.Record
    outcome: _record_pb2.Outcome
    metadata_version: int
    def __init__(self, record: _Optional[_Union[_record_pb2.Record, _Mapping]] = ..., outcome: _Optional[_Union[_record_pb2.Outcome, str]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class DeleteRecordRequest(_message.Message):
    __slots__ = ("object", "id", "etag", "request_id")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: str
    id: str
    etag: str
    request_id: str
    def __init__(self, object: _Optional[str] = ..., id: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteRecordResponse(_message.Message):
    __slots__ = ("record",)
    RECORD_FIELD_NUMBER: _ClassVar[int]
    record: _record_pb2.Record
    def __init__(self, record: _Optional[_Union[_record_pb2.Record, _Mapping]] = ...) -> None: ...

class UndeleteRecordRequest(_message.Message):
    __slots__ = ("object", "id", "request_id")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: str
    id: str
    request_id: str
    def __init__(self, object: _Optional[str] = ..., id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class UndeleteRecordResponse(_message.Message):
    __slots__ = ("record",)
    RECORD_FIELD_NUMBER: _ClassVar[int]
    record: _record_pb2.Record
    def __init__(self, record: _Optional[_Union[_record_pb2.Record, _Mapping]] = ...) -> None: ...

class PurgeRecordRequest(_message.Message):
    __slots__ = ("object", "id", "request_id")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: str
    id: str
    request_id: str
    def __init__(self, object: _Optional[str] = ..., id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class PurgeRecordResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BatchItem(_message.Message):
    __slots__ = ("id", "fields_json", "etag")
    ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_JSON_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    fields_json: bytes
    etag: str
    def __init__(self, id: _Optional[str] = ..., fields_json: _Optional[bytes] = ..., etag: _Optional[str] = ...) -> None: ...

class BatchCreateRecordsRequest(_message.Message):
    __slots__ = ("object", "items", "mode", "request_id", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    items: _containers.RepeatedCompositeFieldContainer[BatchItem]
    mode: _batch_pb2.BatchMode
    request_id: str
    at_version: int
    def __init__(self, object: _Optional[str] = ..., items: _Optional[_Iterable[_Union[BatchItem, _Mapping]]] = ..., mode: _Optional[_Union[_batch_pb2.BatchMode, str]] = ..., request_id: _Optional[str] = ..., at_version: _Optional[int] = ...) -> None: ...

class BatchCreateRecordsResponse(_message.Message):
    __slots__ = ("results", "metadata_version")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchResult]
    metadata_version: int
    def __init__(self, results: _Optional[_Iterable[_Union[BatchResult, _Mapping]]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class BatchUpdateRecordsRequest(_message.Message):
    __slots__ = ("object", "items", "mode", "request_id", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    items: _containers.RepeatedCompositeFieldContainer[BatchItem]
    mode: _batch_pb2.BatchMode
    request_id: str
    at_version: int
    def __init__(self, object: _Optional[str] = ..., items: _Optional[_Iterable[_Union[BatchItem, _Mapping]]] = ..., mode: _Optional[_Union[_batch_pb2.BatchMode, str]] = ..., request_id: _Optional[str] = ..., at_version: _Optional[int] = ...) -> None: ...

class BatchUpdateRecordsResponse(_message.Message):
    __slots__ = ("results", "metadata_version")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchResult]
    metadata_version: int
    def __init__(self, results: _Optional[_Iterable[_Union[BatchResult, _Mapping]]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class BatchUpsertRecordsRequest(_message.Message):
    __slots__ = ("object", "match", "items", "mode", "request_id", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    match: _containers.RepeatedScalarFieldContainer[str]
    items: _containers.RepeatedCompositeFieldContainer[BatchItem]
    mode: _batch_pb2.BatchMode
    request_id: str
    at_version: int
    def __init__(self, object: _Optional[str] = ..., match: _Optional[_Iterable[str]] = ..., items: _Optional[_Iterable[_Union[BatchItem, _Mapping]]] = ..., mode: _Optional[_Union[_batch_pb2.BatchMode, str]] = ..., request_id: _Optional[str] = ..., at_version: _Optional[int] = ...) -> None: ...

class BatchUpsertRecordsResponse(_message.Message):
    __slots__ = ("results", "metadata_version")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchResult]
    metadata_version: int
    def __init__(self, results: _Optional[_Iterable[_Union[BatchResult, _Mapping]]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class BatchDeleteRecordsRequest(_message.Message):
    __slots__ = ("object", "ids", "mode", "request_id")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    mode: _batch_pb2.BatchMode
    request_id: str
    def __init__(self, object: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ..., mode: _Optional[_Union[_batch_pb2.BatchMode, str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class BatchDeleteRecordsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchResult, _Mapping]]] = ...) -> None: ...

class Selection(_message.Message):
    __slots__ = ("filter", "filter_json", "filter_text", "time_zone", "week_start")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    FILTER_JSON_FIELD_NUMBER: _ClassVar[int]
    FILTER_TEXT_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    WEEK_START_FIELD_NUMBER: _ClassVar[int]
    filter: _filter_pb2.Filter
    filter_json: bytes
    filter_text: str
    time_zone: str
    week_start: str
    def __init__(self, filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., filter_json: _Optional[bytes] = ..., filter_text: _Optional[str] = ..., time_zone: _Optional[str] = ..., week_start: _Optional[str] = ...) -> None: ...

class QueryRecordsRequest(_message.Message):
    __slots__ = ("object", "view", "selection", "sort", "fields", "page_size", "page_token", "count", "show_deleted", "explain", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SHOW_DELETED_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    view: str
    selection: Selection
    sort: str
    fields: str
    page_size: int
    page_token: str
    count: str
    show_deleted: bool
    explain: bool
    at_version: int
    def __init__(self, object: _Optional[str] = ..., view: _Optional[str] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ..., sort: _Optional[str] = ..., fields: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., count: _Optional[str] = ..., show_deleted: _Optional[bool] = ..., explain: _Optional[bool] = ..., at_version: _Optional[int] = ...) -> None: ...

class QueryRecordsResponse(_message.Message):
    __slots__ = ("records", "next_page_token", "count", "plan_json", "metadata_version")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    PLAN_JSON_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[_record_pb2.Record]
    next_page_token: str
    count: int
    plan_json: bytes
    metadata_version: int
    def __init__(self, records: _Optional[_Iterable[_Union[_record_pb2.Record, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., count: _Optional[int] = ..., plan_json: _Optional[bytes] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class Measure(_message.Message):
    __slots__ = ("fn", "field")
    FN_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    AS_FIELD_NUMBER: _ClassVar[int]
    fn: str
    field: str
    def __init__(self, fn: _Optional[str] = ..., field: _Optional[str] = ..., **kwargs) -> None: ...

class QueryBoardRequest(_message.Message):
    __slots__ = ("object", "view", "group_by", "selection", "sort", "measures", "page_size", "column", "has_column", "page_token", "fields", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    HAS_COLUMN_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    view: str
    group_by: str
    selection: Selection
    sort: str
    measures: _containers.RepeatedCompositeFieldContainer[Measure]
    page_size: int
    column: str
    has_column: bool
    page_token: str
    fields: str
    at_version: int
    def __init__(self, object: _Optional[str] = ..., view: _Optional[str] = ..., group_by: _Optional[str] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ..., sort: _Optional[str] = ..., measures: _Optional[_Iterable[_Union[Measure, _Mapping]]] = ..., page_size: _Optional[int] = ..., column: _Optional[str] = ..., has_column: _Optional[bool] = ..., page_token: _Optional[str] = ..., fields: _Optional[str] = ..., at_version: _Optional[int] = ...) -> None: ...

class QueryBoardResponse(_message.Message):
    __slots__ = ("columns", "metadata_version")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedCompositeFieldContainer[BoardColumn]
    metadata_version: int
    def __init__(self, columns: _Optional[_Iterable[_Union[BoardColumn, _Mapping]]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class BoardColumn(_message.Message):
    __slots__ = ("key_json", "label", "color", "count", "values_json", "records", "next_page_token")
    KEY_JSON_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    VALUES_JSON_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    key_json: bytes
    label: str
    color: str
    count: int
    values_json: bytes
    records: _containers.RepeatedCompositeFieldContainer[_record_pb2.Record]
    next_page_token: str
    def __init__(self, key_json: _Optional[bytes] = ..., label: _Optional[str] = ..., color: _Optional[str] = ..., count: _Optional[int] = ..., values_json: _Optional[bytes] = ..., records: _Optional[_Iterable[_Union[_record_pb2.Record, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class QueryCalendarRequest(_message.Message):
    __slots__ = ("object", "view", "date_field", "end_date_field", "to", "selection", "fields", "page_size", "page_token", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_FIELD_NUMBER: _ClassVar[int]
    END_DATE_FIELD_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    view: str
    date_field: str
    end_date_field: str
    to: str
    selection: Selection
    fields: str
    page_size: int
    page_token: str
    at_version: int
    def __init__(self, object: _Optional[str] = ..., view: _Optional[str] = ..., date_field: _Optional[str] = ..., end_date_field: _Optional[str] = ..., to: _Optional[str] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ..., fields: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., at_version: _Optional[int] = ..., **kwargs) -> None: ...

class QueryCalendarResponse(_message.Message):
    __slots__ = ("records", "next_page_token", "metadata_version")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[_record_pb2.Record]
    next_page_token: str
    metadata_version: int
    def __init__(self, records: _Optional[_Iterable[_Union[_record_pb2.Record, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., metadata_version: _Optional[int] = ...) -> None: ...
