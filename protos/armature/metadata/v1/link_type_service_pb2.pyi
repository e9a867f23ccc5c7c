from armature.metadata.v1 import link_type_pb2 as _link_type_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateLinkTypeRequest(_message.Message):
    __slots__ = ("link_type", "request_id")
    LINK_TYPE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    link_type: _link_type_pb2.LinkType
    request_id: str
    def __init__(self, link_type: _Optional[_Union[_link_type_pb2.LinkType, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateLinkTypeResponse(_message.Message):
    __slots__ = ("link_type", "metadata_version")
    LINK_TYPE_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    link_type: _link_type_pb2.LinkType
    metadata_version: int
    def __init__(self, link_type: _Optional[_Union[_link_type_pb2.LinkType, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class GetLinkTypeRequest(_message.Message):
    __slots__ = ("link_type",)
    LINK_TYPE_FIELD_NUMBER: _ClassVar[int]
    link_type: str
    def __init__(self, link_type: _Optional[str] = ...) -> None: ...

class GetLinkTypeResponse(_message.Message):
    __slots__ = ("link_type",)
    LINK_TYPE_FIELD_NUMBER: _ClassVar[int]
    link_type: _link_type_pb2.LinkType
    def __init__(self, link_type: _Optional[_Union[_link_type_pb2.LinkType, _Mapping]] = ...) -> None: ...

class ListLinkTypesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLinkTypesResponse(_message.Message):
    __slots__ = ("link_types", "next_page_token")
    LINK_TYPES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    link_types: _containers.RepeatedCompositeFieldContainer[_link_type_pb2.LinkType]
    next_page_token: str
    def __init__(self, link_types: _Optional[_Iterable[_Union[_link_type_pb2.LinkType, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateLinkTypeRequest(_message.Message):
    __slots__ = ("link_type", "changes", "update_mask", "request_id")
    LINK_TYPE_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    link_type: str
    changes: _link_type_pb2.LinkType
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    def __init__(self, link_type: _Optional[str] = ..., changes: _Optional[_Union[_link_type_pb2.LinkType, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateLinkTypeResponse(_message.Message):
    __slots__ = ("link_type", "metadata_version")
    LINK_TYPE_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    link_type: _link_type_pb2.LinkType
    metadata_version: int
    def __init__(self, link_type: _Optional[_Union[_link_type_pb2.LinkType, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class DeleteLinkTypeRequest(_message.Message):
    __slots__ = ("link_type", "request_id")
    LINK_TYPE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    link_type: str
    request_id: str
    def __init__(self, link_type: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteLinkTypeResponse(_message.Message):
    __slots__ = ("metadata_version",)
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    metadata_version: int
    def __init__(self, metadata_version: _Optional[int] = ...) -> None: ...
