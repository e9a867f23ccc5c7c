from armature.common.v1 import node_pb2 as _node_pb2
from armature.links.v1 import link_pb2 as _link_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NewLink(_message.Message):
    __slots__ = ("id", "type", "source", "target", "attributes_json", "position")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_JSON_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: str
    source: _node_pb2.Node
    target: _node_pb2.Node
    attributes_json: bytes
    position: float
    def __init__(self, id: _Optional[str] = ..., type: _Optional[str] = ..., source: _Optional[_Union[_node_pb2.Node, _Mapping]] = ..., target: _Optional[_Union[_node_pb2.Node, _Mapping]] = ..., attributes_json: _Optional[bytes] = ..., position: _Optional[float] = ...) -> None: ...

class CreateLinkRequest(_message.Message):
    __slots__ = ("link", "request_id")
    LINK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    link: NewLink
    request_id: str
    def __init__(self, link: _Optional[_Union[NewLink, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateLinkResponse(_message.Message):
    __slots__ = ("link",)
    LINK_FIELD_NUMBER: _ClassVar[int]
    link: _link_pb2.Link
    def __init__(self, link: _Optional[_Union[_link_pb2.Link, _Mapping]] = ...) -> None: ...

class BatchCreateLinksRequest(_message.Message):
    __slots__ = ("links", "request_id")
    LINKS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    links: _containers.RepeatedCompositeFieldContainer[NewLink]
    request_id: str
    def __init__(self, links: _Optional[_Iterable[_Union[NewLink, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class BatchCreateLinksResponse(_message.Message):
    __slots__ = ("links",)
    LINKS_FIELD_NUMBER: _ClassVar[int]
    links: _containers.RepeatedCompositeFieldContainer[_link_pb2.Link]
    def __init__(self, links: _Optional[_Iterable[_Union[_link_pb2.Link, _Mapping]]] = ...) -> None: ...

class GetLinkRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetLinkResponse(_message.Message):
    __slots__ = ("link",)
    LINK_FIELD_NUMBER: _ClassVar[int]
    link: _link_pb2.Link
    def __init__(self, link: _Optional[_Union[_link_pb2.Link, _Mapping]] = ...) -> None: ...

class UpdateLinkRequest(_message.Message):
    __slots__ = ("id", "attributes_json", "position", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_JSON_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    attributes_json: bytes
    position: float
    request_id: str
    def __init__(self, id: _Optional[str] = ..., attributes_json: _Optional[bytes] = ..., position: _Optional[float] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateLinkResponse(_message.Message):
    __slots__ = ("link",)
    LINK_FIELD_NUMBER: _ClassVar[int]
    link: _link_pb2.Link
    def __init__(self, link: _Optional[_Union[_link_pb2.Link, _Mapping]] = ...) -> None: ...

class DeleteLinkRequest(_message.Message):
    __slots__ = ("id", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    request_id: str
    def __init__(self, id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteLinkResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetLinksRequest(_message.Message):
    __slots__ = ("node", "type", "others", "request_id")
    NODE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    node: _node_pb2.Node
    type: str
    others: _containers.RepeatedCompositeFieldContainer[_node_pb2.Node]
    request_id: str
    def __init__(self, node: _Optional[_Union[_node_pb2.Node, _Mapping]] = ..., type: _Optional[str] = ..., others: _Optional[_Iterable[_Union[_node_pb2.Node, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class SetLinksResponse(_message.Message):
    __slots__ = ("added", "removed", "kept")
    ADDED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    added: _containers.RepeatedCompositeFieldContainer[_link_pb2.Link]
    removed: _containers.RepeatedCompositeFieldContainer[_link_pb2.Link]
    kept: _containers.RepeatedCompositeFieldContainer[_link_pb2.Link]
    def __init__(self, added: _Optional[_Iterable[_Union[_link_pb2.Link, _Mapping]]] = ..., removed: _Optional[_Iterable[_Union[_link_pb2.Link, _Mapping]]] = ..., kept: _Optional[_Iterable[_Union[_link_pb2.Link, _Mapping]]] = ...) -> None: ...

class ListLinksRequest(_message.Message):
    __slots__ = ("node", "type", "direction", "page_size", "page_token")
    NODE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    node: _node_pb2.Node
    type: str
    direction: str
    page_size: int
    page_token: str
    def __init__(self, node: _Optional[_Union[_node_pb2.Node, _Mapping]] = ..., type: _Optional[str] = ..., direction: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class LinkView(_message.Message):
    __slots__ = ("link", "direction", "name", "other")
    LINK_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    link: _link_pb2.Link
    direction: str
    name: str
    other: _node_pb2.Node
    def __init__(self, link: _Optional[_Union[_link_pb2.Link, _Mapping]] = ..., direction: _Optional[str] = ..., name: _Optional[str] = ..., other: _Optional[_Union[_node_pb2.Node, _Mapping]] = ...) -> None: ...

class ListLinksResponse(_message.Message):
    __slots__ = ("links", "next_page_token")
    LINKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    links: _containers.RepeatedCompositeFieldContainer[LinkView]
    next_page_token: str
    def __init__(self, links: _Optional[_Iterable[_Union[LinkView, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class BatchListLinksRequest(_message.Message):
    __slots__ = ("nodes", "type", "direction", "page_size")
    NODES_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[_node_pb2.Node]
    type: str
    direction: str
    page_size: int
    def __init__(self, nodes: _Optional[_Iterable[_Union[_node_pb2.Node, _Mapping]]] = ..., type: _Optional[str] = ..., direction: _Optional[str] = ..., page_size: _Optional[int] = ...) -> None: ...

class NodeLinks(_message.Message):
    __slots__ = ("node", "links", "has_more")
    NODE_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    node: _node_pb2.Node
    links: _containers.RepeatedCompositeFieldContainer[LinkView]
    has_more: bool
    def __init__(self, node: _Optional[_Union[_node_pb2.Node, _Mapping]] = ..., links: _Optional[_Iterable[_Union[LinkView, _Mapping]]] = ..., has_more: _Optional[bool] = ...) -> None: ...

class BatchListLinksResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[NodeLinks]
    def __init__(self, results: _Optional[_Iterable[_Union[NodeLinks, _Mapping]]] = ...) -> None: ...

class CountLinksRequest(_message.Message):
    __slots__ = ("node",)
    NODE_FIELD_NUMBER: _ClassVar[int]
    node: _node_pb2.Node
    def __init__(self, node: _Optional[_Union[_node_pb2.Node, _Mapping]] = ...) -> None: ...

class LinkCount(_message.Message):
    __slots__ = ("type", "direction", "count")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    type: str
    direction: str
    count: int
    def __init__(self, type: _Optional[str] = ..., direction: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class CountLinksResponse(_message.Message):
    __slots__ = ("counts",)
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[LinkCount]
    def __init__(self, counts: _Optional[_Iterable[_Union[LinkCount, _Mapping]]] = ...) -> None: ...

class CheckDeleteRequest(_message.Message):
    __slots__ = ("nodes",)
    NODES_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[_node_pb2.Node]
    def __init__(self, nodes: _Optional[_Iterable[_Union[_node_pb2.Node, _Mapping]]] = ...) -> None: ...

class CheckDeleteResponse(_message.Message):
    __slots__ = ("blockers",)
    BLOCKERS_FIELD_NUMBER: _ClassVar[int]
    blockers: _containers.RepeatedCompositeFieldContainer[_link_pb2.Link]
    def __init__(self, blockers: _Optional[_Iterable[_Union[_link_pb2.Link, _Mapping]]] = ...) -> None: ...
