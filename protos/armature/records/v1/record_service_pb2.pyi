import datetime

from armature.common.v1 import batch_pb2 as _batch_pb2
from armature.common.v1 import filter_pb2 as _filter_pb2
from armature.common.v1 import node_pb2 as _node_pb2
from armature.common.v1 import problem_pb2 as _problem_pb2
from armature.records.v1 import record_pb2 as _record_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetRecordRequest(_message.Message):
    __slots__ = ("object", "id", "fields", "show_deleted", "at_version", "as_of")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    SHOW_DELETED_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    object: str
    id: str
    fields: str
    show_deleted: bool
    at_version: int
    as_of: _timestamp_pb2.Timestamp
    def __init__(self, object: _Optional[str] = ..., id: _Optional[str] = ..., fields: _Optional[str] = ..., show_deleted: _Optional[bool] = ..., at_version: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

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

class BatchUndeleteRecordsRequest(_message.Message):
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

class BatchUndeleteRecordsResponse(_message.Message):
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
    __slots__ = ("object", "view", "selection", "sort", "fields", "page_size", "page_token", "count", "show_deleted", "explain", "at_version", "spelled", "skip")
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
    SPELLED_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
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
    spelled: bool
    skip: int
    def __init__(self, object: _Optional[str] = ..., view: _Optional[str] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ..., sort: _Optional[str] = ..., fields: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., count: _Optional[str] = ..., show_deleted: _Optional[bool] = ..., explain: _Optional[bool] = ..., at_version: _Optional[int] = ..., spelled: _Optional[bool] = ..., skip: _Optional[int] = ...) -> None: ...

class QueryRecordsResponse(_message.Message):
    __slots__ = ("records", "next_page_token", "count", "plan_json", "metadata_version", "records_json")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    PLAN_JSON_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    RECORDS_JSON_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[_record_pb2.Record]
    next_page_token: str
    count: int
    plan_json: bytes
    metadata_version: int
    records_json: bytes
    def __init__(self, records: _Optional[_Iterable[_Union[_record_pb2.Record, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., count: _Optional[int] = ..., plan_json: _Optional[bytes] = ..., metadata_version: _Optional[int] = ..., records_json: _Optional[bytes] = ...) -> None: ...

class Measure(_message.Message):
    __slots__ = ("fn", "field", "p")
    FN_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    AS_FIELD_NUMBER: _ClassVar[int]
    P_FIELD_NUMBER: _ClassVar[int]
    fn: str
    field: str
    p: float
    def __init__(self, fn: _Optional[str] = ..., field: _Optional[str] = ..., p: _Optional[float] = ..., **kwargs) -> None: ...

class QueryBoardRequest(_message.Message):
    __slots__ = ("object", "view", "group_by", "selection", "sort", "measures", "page_size", "column", "has_column", "page_token", "fields", "at_version", "spelled")
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
    SPELLED_FIELD_NUMBER: _ClassVar[int]
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
    spelled: bool
    def __init__(self, object: _Optional[str] = ..., view: _Optional[str] = ..., group_by: _Optional[str] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ..., sort: _Optional[str] = ..., measures: _Optional[_Iterable[_Union[Measure, _Mapping]]] = ..., page_size: _Optional[int] = ..., column: _Optional[str] = ..., has_column: _Optional[bool] = ..., page_token: _Optional[str] = ..., fields: _Optional[str] = ..., at_version: _Optional[int] = ..., spelled: _Optional[bool] = ...) -> None: ...

class QueryBoardResponse(_message.Message):
    __slots__ = ("columns", "metadata_version", "more_columns")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    MORE_COLUMNS_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedCompositeFieldContainer[BoardColumn]
    metadata_version: int
    more_columns: bool
    def __init__(self, columns: _Optional[_Iterable[_Union[BoardColumn, _Mapping]]] = ..., metadata_version: _Optional[int] = ..., more_columns: _Optional[bool] = ...) -> None: ...

class BoardColumn(_message.Message):
    __slots__ = ("key_json", "label", "color", "count", "values_json", "records", "next_page_token", "records_json")
    KEY_JSON_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    VALUES_JSON_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RECORDS_JSON_FIELD_NUMBER: _ClassVar[int]
    key_json: bytes
    label: str
    color: str
    count: int
    values_json: bytes
    records: _containers.RepeatedCompositeFieldContainer[_record_pb2.Record]
    next_page_token: str
    records_json: bytes
    def __init__(self, key_json: _Optional[bytes] = ..., label: _Optional[str] = ..., color: _Optional[str] = ..., count: _Optional[int] = ..., values_json: _Optional[bytes] = ..., records: _Optional[_Iterable[_Union[_record_pb2.Record, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., records_json: _Optional[bytes] = ...) -> None: ...

class QueryCalendarRequest(_message.Message):
    __slots__ = ("object", "view", "date_field", "end_date_field", "to", "selection", "fields", "page_size", "page_token", "at_version", "spelled")
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
    SPELLED_FIELD_NUMBER: _ClassVar[int]
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
    spelled: bool
    def __init__(self, object: _Optional[str] = ..., view: _Optional[str] = ..., date_field: _Optional[str] = ..., end_date_field: _Optional[str] = ..., to: _Optional[str] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ..., fields: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., at_version: _Optional[int] = ..., spelled: _Optional[bool] = ..., **kwargs) -> None: ...

class QueryCalendarResponse(_message.Message):
    __slots__ = ("records", "next_page_token", "metadata_version", "records_json")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    RECORDS_JSON_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[_record_pb2.Record]
    next_page_token: str
    metadata_version: int
    records_json: bytes
    def __init__(self, records: _Optional[_Iterable[_Union[_record_pb2.Record, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., metadata_version: _Optional[int] = ..., records_json: _Optional[bytes] = ...) -> None: ...

class GroupKey(_message.Message):
    __slots__ = ("field", "bucket")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    AS_FIELD_NUMBER: _ClassVar[int]
    field: str
    bucket: str
    def __init__(self, field: _Optional[str] = ..., bucket: _Optional[str] = ..., **kwargs) -> None: ...

class AggregateRecordsRequest(_message.Message):
    __slots__ = ("object", "view", "selection", "group_by", "measures", "having_json", "sort", "limit", "include_empty", "explain", "at_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    HAVING_JSON_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_EMPTY_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: str
    view: str
    selection: Selection
    group_by: _containers.RepeatedCompositeFieldContainer[GroupKey]
    measures: _containers.RepeatedCompositeFieldContainer[Measure]
    having_json: bytes
    sort: str
    limit: int
    include_empty: bool
    explain: bool
    at_version: int
    def __init__(self, object: _Optional[str] = ..., view: _Optional[str] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ..., group_by: _Optional[_Iterable[_Union[GroupKey, _Mapping]]] = ..., measures: _Optional[_Iterable[_Union[Measure, _Mapping]]] = ..., having_json: _Optional[bytes] = ..., sort: _Optional[str] = ..., limit: _Optional[int] = ..., include_empty: _Optional[bool] = ..., explain: _Optional[bool] = ..., at_version: _Optional[int] = ...) -> None: ...

class AggregateRecordsResponse(_message.Message):
    __slots__ = ("groups", "more", "plan_json", "metadata_version")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    PLAN_JSON_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[AggregateGroup]
    more: bool
    plan_json: bytes
    metadata_version: int
    def __init__(self, groups: _Optional[_Iterable[_Union[AggregateGroup, _Mapping]]] = ..., more: _Optional[bool] = ..., plan_json: _Optional[bytes] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class AggregateGroup(_message.Message):
    __slots__ = ("keys_json", "values_json")
    KEYS_JSON_FIELD_NUMBER: _ClassVar[int]
    VALUES_JSON_FIELD_NUMBER: _ClassVar[int]
    keys_json: bytes
    values_json: bytes
    def __init__(self, keys_json: _Optional[bytes] = ..., values_json: _Optional[bytes] = ...) -> None: ...

class SearchRecordsRequest(_message.Message):
    __slots__ = ("objects", "q", "selection", "fields", "page_size", "page_token", "snippets", "explain", "at_version")
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    Q_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SNIPPETS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    objects: _containers.RepeatedScalarFieldContainer[str]
    q: str
    selection: Selection
    fields: str
    page_size: int
    page_token: str
    snippets: bool
    explain: bool
    at_version: int
    def __init__(self, objects: _Optional[_Iterable[str]] = ..., q: _Optional[str] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ..., fields: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., snippets: _Optional[bool] = ..., explain: _Optional[bool] = ..., at_version: _Optional[int] = ...) -> None: ...

class SearchRecordsResponse(_message.Message):
    __slots__ = ("results", "next_page_token", "partial", "plan_json", "metadata_version")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    PLAN_JSON_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[SearchResult]
    next_page_token: str
    partial: bool
    plan_json: bytes
    metadata_version: int
    def __init__(self, results: _Optional[_Iterable[_Union[SearchResult, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., partial: _Optional[bool] = ..., plan_json: _Optional[bytes] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class SearchResult(_message.Message):
    __slots__ = ("record", "rank", "field", "snippet", "highlights")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    SNIPPET_FIELD_NUMBER: _ClassVar[int]
    HIGHLIGHTS_FIELD_NUMBER: _ClassVar[int]
    record: _record_pb2.Record
    rank: float
    field: str
    snippet: str
    highlights: _containers.RepeatedCompositeFieldContainer[Highlight]
    def __init__(self, record: _Optional[_Union[_record_pb2.Record, _Mapping]] = ..., rank: _Optional[float] = ..., field: _Optional[str] = ..., snippet: _Optional[str] = ..., highlights: _Optional[_Iterable[_Union[Highlight, _Mapping]]] = ...) -> None: ...

class Highlight(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...
