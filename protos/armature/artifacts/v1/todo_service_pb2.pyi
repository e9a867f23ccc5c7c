from armature.artifacts.v1 import artifact_pb2 as _artifact_pb2
from armature.common.v1 import node_pb2 as _node_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateTodoRequest(_message.Message):
    __slots__ = ("todo", "request_id")
    TODO_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    todo: _artifact_pb2.Todo
    request_id: str
    def __init__(self, todo: _Optional[_Union[_artifact_pb2.Todo, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateTodoResponse(_message.Message):
    __slots__ = ("todo",)
    TODO_FIELD_NUMBER: _ClassVar[int]
    todo: _artifact_pb2.Todo
    def __init__(self, todo: _Optional[_Union[_artifact_pb2.Todo, _Mapping]] = ...) -> None: ...

class GetTodoRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetTodoResponse(_message.Message):
    __slots__ = ("todo",)
    TODO_FIELD_NUMBER: _ClassVar[int]
    todo: _artifact_pb2.Todo
    def __init__(self, todo: _Optional[_Union[_artifact_pb2.Todo, _Mapping]] = ...) -> None: ...

class ListTodosRequest(_message.Message):
    __slots__ = ("target", "page_size", "page_token", "status", "due_before")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DUE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    target: _node_pb2.Node
    page_size: int
    page_token: str
    status: str
    due_before: str
    def __init__(self, target: _Optional[_Union[_node_pb2.Node, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., status: _Optional[str] = ..., due_before: _Optional[str] = ...) -> None: ...

class ListTodosResponse(_message.Message):
    __slots__ = ("todos", "next_page_token")
    TODOS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    todos: _containers.RepeatedCompositeFieldContainer[_artifact_pb2.Todo]
    next_page_token: str
    def __init__(self, todos: _Optional[_Iterable[_Union[_artifact_pb2.Todo, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateTodoRequest(_message.Message):
    __slots__ = ("id", "changes", "update_mask", "etag", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    changes: _artifact_pb2.Todo
    update_mask: _field_mask_pb2.FieldMask
    etag: str
    request_id: str
    def __init__(self, id: _Optional[str] = ..., changes: _Optional[_Union[_artifact_pb2.Todo, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateTodoResponse(_message.Message):
    __slots__ = ("todo",)
    TODO_FIELD_NUMBER: _ClassVar[int]
    todo: _artifact_pb2.Todo
    def __init__(self, todo: _Optional[_Union[_artifact_pb2.Todo, _Mapping]] = ...) -> None: ...

class DeleteTodoRequest(_message.Message):
    __slots__ = ("id", "etag", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    etag: str
    request_id: str
    def __init__(self, id: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteTodoResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
