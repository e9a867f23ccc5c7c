from armature.metadata.v1 import view_pb2 as _view_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateViewRequest(_message.Message):
    __slots__ = ("object", "view", "request_id")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: str
    view: _view_pb2.View
    request_id: str
    def __init__(self, object: _Optional[str] = ..., view: _Optional[_Union[_view_pb2.View, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateViewResponse(_message.Message):
    __slots__ = ("view", "metadata_version")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    view: _view_pb2.View
    metadata_version: int
    def __init__(self, view: _Optional[_Union[_view_pb2.View, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class GetViewRequest(_message.Message):
    __slots__ = ("object", "view")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    object: str
    view: str
    def __init__(self, object: _Optional[str] = ..., view: _Optional[str] = ...) -> None: ...

class GetViewResponse(_message.Message):
    __slots__ = ("view", "metadata_version")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    view: _view_pb2.View
    metadata_version: int
    def __init__(self, view: _Optional[_Union[_view_pb2.View, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class ListViewsRequest(_message.Message):
    __slots__ = ("object", "page_size", "page_token")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    object: str
    page_size: int
    page_token: str
    def __init__(self, object: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListViewsResponse(_message.Message):
    __slots__ = ("views", "next_page_token", "metadata_version")
    VIEWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    views: _containers.RepeatedCompositeFieldContainer[_view_pb2.View]
    next_page_token: str
    metadata_version: int
    def __init__(self, views: _Optional[_Iterable[_Union[_view_pb2.View, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class UpdateViewRequest(_message.Message):
    __slots__ = ("object", "view", "changes", "update_mask", "request_id")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: str
    view: str
    changes: _view_pb2.View
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    def __init__(self, object: _Optional[str] = ..., view: _Optional[str] = ..., changes: _Optional[_Union[_view_pb2.View, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateViewResponse(_message.Message):
    __slots__ = ("view", "metadata_version")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    view: _view_pb2.View
    metadata_version: int
    def __init__(self, view: _Optional[_Union[_view_pb2.View, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class DeleteViewRequest(_message.Message):
    __slots__ = ("object", "view", "request_id")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: str
    view: str
    request_id: str
    def __init__(self, object: _Optional[str] = ..., view: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteViewResponse(_message.Message):
    __slots__ = ("metadata_version",)
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    metadata_version: int
    def __init__(self, metadata_version: _Optional[int] = ...) -> None: ...

class GetEligibleFieldsRequest(_message.Message):
    __slots__ = ("object", "type")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    object: str
    type: str
    def __init__(self, object: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class GetEligibleFieldsResponse(_message.Message):
    __slots__ = ("fields", "metadata_version")
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    fields: _containers.RepeatedCompositeFieldContainer[_view_pb2.EligibleField]
    metadata_version: int
    def __init__(self, fields: _Optional[_Iterable[_Union[_view_pb2.EligibleField, _Mapping]]] = ..., metadata_version: _Optional[int] = ...) -> None: ...
