import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class View(_message.Message):
    __slots__ = ("id", "object_id", "name", "type", "icon", "position", "visibility", "columns", "filter_json", "sort", "groups", "group_field", "aggregates", "date_field", "end_date_field", "layout", "open_in", "materialized", "created_by", "create_time", "update_time", "location_field")
    ID_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ICON_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    VISIBILITY_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    FILTER_JSON_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_FIELD_NUMBER: _ClassVar[int]
    AGGREGATES_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_FIELD_NUMBER: _ClassVar[int]
    END_DATE_FIELD_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    OPEN_IN_FIELD_NUMBER: _ClassVar[int]
    MATERIALIZED_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_FIELD_NUMBER: _ClassVar[int]
    id: str
    object_id: str
    name: str
    type: str
    icon: str
    position: int
    visibility: str
    columns: _containers.RepeatedCompositeFieldContainer[Column]
    filter_json: bytes
    sort: str
    groups: _containers.RepeatedCompositeFieldContainer[Group]
    group_field: str
    aggregates: _containers.RepeatedCompositeFieldContainer[Aggregate]
    date_field: str
    end_date_field: str
    layout: str
    open_in: str
    materialized: str
    created_by: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    location_field: str
    def __init__(self, id: _Optional[str] = ..., object_id: _Optional[str] = ..., name: _Optional[str] = ..., type: _Optional[str] = ..., icon: _Optional[str] = ..., position: _Optional[int] = ..., visibility: _Optional[str] = ..., columns: _Optional[_Iterable[_Union[Column, _Mapping]]] = ..., filter_json: _Optional[bytes] = ..., sort: _Optional[str] = ..., groups: _Optional[_Iterable[_Union[Group, _Mapping]]] = ..., group_field: _Optional[str] = ..., aggregates: _Optional[_Iterable[_Union[Aggregate, _Mapping]]] = ..., date_field: _Optional[str] = ..., end_date_field: _Optional[str] = ..., layout: _Optional[str] = ..., open_in: _Optional[str] = ..., materialized: _Optional[str] = ..., created_by: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., location_field: _Optional[str] = ...) -> None: ...

class Column(_message.Message):
    __slots__ = ("field", "position", "width", "visible", "aggregate")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    VISIBLE_FIELD_NUMBER: _ClassVar[int]
    AGGREGATE_FIELD_NUMBER: _ClassVar[int]
    field: str
    position: int
    width: int
    visible: bool
    aggregate: str
    def __init__(self, field: _Optional[str] = ..., position: _Optional[int] = ..., width: _Optional[int] = ..., visible: _Optional[bool] = ..., aggregate: _Optional[str] = ...) -> None: ...

class Group(_message.Message):
    __slots__ = ("value", "label", "position", "visible", "color")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    VISIBLE_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    value: str
    label: str
    position: int
    visible: bool
    color: str
    def __init__(self, value: _Optional[str] = ..., label: _Optional[str] = ..., position: _Optional[int] = ..., visible: _Optional[bool] = ..., color: _Optional[str] = ...) -> None: ...

class Aggregate(_message.Message):
    __slots__ = ("fn", "field")
    FN_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    AS_FIELD_NUMBER: _ClassVar[int]
    fn: str
    field: str
    def __init__(self, fn: _Optional[str] = ..., field: _Optional[str] = ..., **kwargs) -> None: ...

class EligibleField(_message.Message):
    __slots__ = ("field", "label", "type", "eligible", "reason")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    field: str
    label: str
    type: str
    eligible: bool
    reason: str
    def __init__(self, field: _Optional[str] = ..., label: _Optional[str] = ..., type: _Optional[str] = ..., eligible: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...
