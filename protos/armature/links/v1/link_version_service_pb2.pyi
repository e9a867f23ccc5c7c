import datetime

from armature.common.v1 import node_pb2 as _node_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FindLinkVersionsRequest(_message.Message):
    __slots__ = ("after_id", "until_id", "limit")
    AFTER_ID_FIELD_NUMBER: _ClassVar[int]
    UNTIL_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after_id: str
    until_id: str
    limit: int
    def __init__(self, after_id: _Optional[str] = ..., until_id: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class LinkVersion(_message.Message):
    __slots__ = ("id", "type_id", "source", "target", "version", "deleted", "update_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    type_id: str
    source: _node_pb2.Node
    target: _node_pb2.Node
    version: int
    deleted: bool
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., type_id: _Optional[str] = ..., source: _Optional[_Union[_node_pb2.Node, _Mapping]] = ..., target: _Optional[_Union[_node_pb2.Node, _Mapping]] = ..., version: _Optional[int] = ..., deleted: _Optional[bool] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class FindLinkVersionsResponse(_message.Message):
    __slots__ = ("links", "more")
    LINKS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    links: _containers.RepeatedCompositeFieldContainer[LinkVersion]
    more: bool
    def __init__(self, links: _Optional[_Iterable[_Union[LinkVersion, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...
