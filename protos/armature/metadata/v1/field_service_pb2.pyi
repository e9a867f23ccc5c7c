from armature.metadata.v1 import field_pb2 as _field_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateFieldRequest(_message.Message):
    __slots__ = ("object", "field", "request_id")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: str
    field: _field_pb2.Field
    request_id: str
    def __init__(self, object: _Optional[str] = ..., field: _Optional[_Union[_field_pb2.Field, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateFieldResponse(_message.Message):
    __slots__ = ("field", "metadata_version")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    field: _field_pb2.Field
    metadata_version: int
    def __init__(self, field: _Optional[_Union[_field_pb2.Field, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class GetFieldRequest(_message.Message):
    __slots__ = ("object", "field")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    object: str
    field: str
    def __init__(self, object: _Optional[str] = ..., field: _Optional[str] = ...) -> None: ...

class GetFieldResponse(_message.Message):
    __slots__ = ("field", "metadata_version")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    field: _field_pb2.Field
    metadata_version: int
    def __init__(self, field: _Optional[_Union[_field_pb2.Field, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class ListFieldsRequest(_message.Message):
    __slots__ = ("object", "page_size", "page_token", "show_deleted")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SHOW_DELETED_FIELD_NUMBER: _ClassVar[int]
    object: str
    page_size: int
    page_token: str
    show_deleted: bool
    def __init__(self, object: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., show_deleted: _Optional[bool] = ...) -> None: ...

class ListFieldsResponse(_message.Message):
    __slots__ = ("fields", "next_page_token", "metadata_version")
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    fields: _containers.RepeatedCompositeFieldContainer[_field_pb2.Field]
    next_page_token: str
    metadata_version: int
    def __init__(self, fields: _Optional[_Iterable[_Union[_field_pb2.Field, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class UpdateFieldRequest(_message.Message):
    __slots__ = ("object", "field", "changes", "update_mask", "request_id", "validate_only", "reassign", "backfill")
    class ReassignEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REASSIGN_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_FIELD_NUMBER: _ClassVar[int]
    object: str
    field: str
    changes: _field_pb2.Field
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    validate_only: bool
    reassign: _containers.ScalarMap[str, str]
    backfill: bool
    def __init__(self, object: _Optional[str] = ..., field: _Optional[str] = ..., changes: _Optional[_Union[_field_pb2.Field, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ..., reassign: _Optional[_Mapping[str, str]] = ..., backfill: _Optional[bool] = ...) -> None: ...

class UpdateFieldResponse(_message.Message):
    __slots__ = ("field", "metadata_version", "field_job")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    FIELD_JOB_FIELD_NUMBER: _ClassVar[int]
    field: _field_pb2.Field
    metadata_version: int
    field_job: str
    def __init__(self, field: _Optional[_Union[_field_pb2.Field, _Mapping]] = ..., metadata_version: _Optional[int] = ..., field_job: _Optional[str] = ...) -> None: ...

class DeleteFieldRequest(_message.Message):
    __slots__ = ("object", "field", "request_id", "force")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    object: str
    field: str
    request_id: str
    force: bool
    def __init__(self, object: _Optional[str] = ..., field: _Optional[str] = ..., request_id: _Optional[str] = ..., force: _Optional[bool] = ...) -> None: ...

class DeleteFieldResponse(_message.Message):
    __slots__ = ("field", "repaired_views", "metadata_version")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    REPAIRED_VIEWS_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    field: _field_pb2.Field
    repaired_views: _containers.RepeatedScalarFieldContainer[str]
    metadata_version: int
    def __init__(self, field: _Optional[_Union[_field_pb2.Field, _Mapping]] = ..., repaired_views: _Optional[_Iterable[str]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class PurgeFieldRequest(_message.Message):
    __slots__ = ("object", "field", "request_id")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: str
    field: str
    request_id: str
    def __init__(self, object: _Optional[str] = ..., field: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class PurgeFieldResponse(_message.Message):
    __slots__ = ("field_job", "metadata_version")
    FIELD_JOB_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    field_job: str
    metadata_version: int
    def __init__(self, field_job: _Optional[str] = ..., metadata_version: _Optional[int] = ...) -> None: ...
