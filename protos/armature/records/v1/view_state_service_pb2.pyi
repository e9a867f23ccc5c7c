import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListViewStatesRequest(_message.Message):
    __slots__ = ("object", "at_version", "page_size", "page_token")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    AT_VERSION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    object: str
    at_version: int
    page_size: int
    page_token: str
    def __init__(self, object: _Optional[str] = ..., at_version: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListViewStatesResponse(_message.Message):
    __slots__ = ("states", "metadata_version", "next_page_token")
    STATES_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedCompositeFieldContainer[ViewState]
    metadata_version: int
    next_page_token: str
    def __init__(self, states: _Optional[_Iterable[_Union[ViewState, _Mapping]]] = ..., metadata_version: _Optional[int] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ViewState(_message.Message):
    __slots__ = ("view_id", "view", "materialized", "state", "reason", "records_checked", "entries", "queries", "cost_ms", "last_use_time", "decision", "decision_time")
    VIEW_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    MATERIALIZED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RECORDS_CHECKED_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    COST_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_USE_TIME_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    DECISION_TIME_FIELD_NUMBER: _ClassVar[int]
    view_id: str
    view: str
    materialized: str
    state: str
    reason: str
    records_checked: int
    entries: int
    queries: int
    cost_ms: int
    last_use_time: _timestamp_pb2.Timestamp
    decision: str
    decision_time: _timestamp_pb2.Timestamp
    def __init__(self, view_id: _Optional[str] = ..., view: _Optional[str] = ..., materialized: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., records_checked: _Optional[int] = ..., entries: _Optional[int] = ..., queries: _Optional[int] = ..., cost_ms: _Optional[int] = ..., last_use_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decision: _Optional[str] = ..., decision_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
