from armature.metadata.v1 import object_pb2 as _object_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateObjectRequest(_message.Message):
    __slots__ = ("object", "request_id")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: _object_pb2.Object
    request_id: str
    def __init__(self, object: _Optional[_Union[_object_pb2.Object, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateObjectResponse(_message.Message):
    __slots__ = ("object", "metadata_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: _object_pb2.Object
    metadata_version: int
    def __init__(self, object: _Optional[_Union[_object_pb2.Object, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class GetObjectRequest(_message.Message):
    __slots__ = ("object",)
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    object: str
    def __init__(self, object: _Optional[str] = ...) -> None: ...

class GetObjectResponse(_message.Message):
    __slots__ = ("object", "metadata_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: _object_pb2.Object
    metadata_version: int
    def __init__(self, object: _Optional[_Union[_object_pb2.Object, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class ListObjectsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "show_deleted")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SHOW_DELETED_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    show_deleted: bool
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., show_deleted: _Optional[bool] = ...) -> None: ...

class ListObjectsResponse(_message.Message):
    __slots__ = ("objects", "next_page_token", "metadata_version")
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    objects: _containers.RepeatedCompositeFieldContainer[_object_pb2.Object]
    next_page_token: str
    metadata_version: int
    def __init__(self, objects: _Optional[_Iterable[_Union[_object_pb2.Object, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class UpdateObjectRequest(_message.Message):
    __slots__ = ("object", "changes", "update_mask", "request_id")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: str
    changes: _object_pb2.Object
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    def __init__(self, object: _Optional[str] = ..., changes: _Optional[_Union[_object_pb2.Object, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateObjectResponse(_message.Message):
    __slots__ = ("object", "metadata_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: _object_pb2.Object
    metadata_version: int
    def __init__(self, object: _Optional[_Union[_object_pb2.Object, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class DeleteObjectRequest(_message.Message):
    __slots__ = ("object", "force", "request_id")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: str
    force: bool
    request_id: str
    def __init__(self, object: _Optional[str] = ..., force: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteObjectResponse(_message.Message):
    __slots__ = ("object", "metadata_version")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    object: _object_pb2.Object
    metadata_version: int
    def __init__(self, object: _Optional[_Union[_object_pb2.Object, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class PurgeObjectRequest(_message.Message):
    __slots__ = ("object", "request_id")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: str
    request_id: str
    def __init__(self, object: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class PurgeObjectResponse(_message.Message):
    __slots__ = ("field_job", "metadata_version")
    FIELD_JOB_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    field_job: str
    metadata_version: int
    def __init__(self, field_job: _Optional[str] = ..., metadata_version: _Optional[int] = ...) -> None: ...
