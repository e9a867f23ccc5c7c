from armature.metadata.v1 import unique_constraint_pb2 as _unique_constraint_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateUniqueConstraintRequest(_message.Message):
    __slots__ = ("object", "unique_constraint", "request_id", "validate_only")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    UNIQUE_CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    object: str
    unique_constraint: _unique_constraint_pb2.UniqueConstraint
    request_id: str
    validate_only: bool
    def __init__(self, object: _Optional[str] = ..., unique_constraint: _Optional[_Union[_unique_constraint_pb2.UniqueConstraint, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class CreateUniqueConstraintResponse(_message.Message):
    __slots__ = ("unique_constraint", "metadata_version", "field_job")
    UNIQUE_CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    FIELD_JOB_FIELD_NUMBER: _ClassVar[int]
    unique_constraint: _unique_constraint_pb2.UniqueConstraint
    metadata_version: int
    field_job: str
    def __init__(self, unique_constraint: _Optional[_Union[_unique_constraint_pb2.UniqueConstraint, _Mapping]] = ..., metadata_version: _Optional[int] = ..., field_job: _Optional[str] = ...) -> None: ...

class GetUniqueConstraintRequest(_message.Message):
    __slots__ = ("object", "unique_constraint")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    UNIQUE_CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    object: str
    unique_constraint: str
    def __init__(self, object: _Optional[str] = ..., unique_constraint: _Optional[str] = ...) -> None: ...

class GetUniqueConstraintResponse(_message.Message):
    __slots__ = ("unique_constraint", "metadata_version")
    UNIQUE_CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    unique_constraint: _unique_constraint_pb2.UniqueConstraint
    metadata_version: int
    def __init__(self, unique_constraint: _Optional[_Union[_unique_constraint_pb2.UniqueConstraint, _Mapping]] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class ListUniqueConstraintsRequest(_message.Message):
    __slots__ = ("object", "page_size", "page_token")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    object: str
    page_size: int
    page_token: str
    def __init__(self, object: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListUniqueConstraintsResponse(_message.Message):
    __slots__ = ("unique_constraints", "next_page_token", "metadata_version")
    UNIQUE_CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    unique_constraints: _containers.RepeatedCompositeFieldContainer[_unique_constraint_pb2.UniqueConstraint]
    next_page_token: str
    metadata_version: int
    def __init__(self, unique_constraints: _Optional[_Iterable[_Union[_unique_constraint_pb2.UniqueConstraint, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., metadata_version: _Optional[int] = ...) -> None: ...

class DeleteUniqueConstraintRequest(_message.Message):
    __slots__ = ("object", "unique_constraint", "request_id")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    UNIQUE_CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: str
    unique_constraint: str
    request_id: str
    def __init__(self, object: _Optional[str] = ..., unique_constraint: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteUniqueConstraintResponse(_message.Message):
    __slots__ = ("metadata_version",)
    METADATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    metadata_version: int
    def __init__(self, metadata_version: _Optional[int] = ...) -> None: ...
