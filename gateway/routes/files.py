"""Serve files: announced here, sent to and fetched from the store directly."""

from typing import Any

from gateway.binding import Details, body, custom, nothing, one, page, route
from gateway.exchange import Exchange
from gateway.hub import Hub
from gateway.planes import FILES
from gateway.replies import Reply
from gateway.routing import Route

_NODE = {"kind": "company", "id": "0199c0de-0000-7000-8000-000000000001"}
_TARGET = {"kind": "target.kind", "id": "target.id"}
_PAGED = {"page_size": "page_size", "page_token": "page_token"}


def _redirect(_exchange: Exchange, response: Any) -> Reply:
    headers = [(b"location", response.url.encode()), (b"cache-control", b"no-store")]
    return Reply(302, b"", b"", headers)


def routes(hub: Hub) -> list[Route]:
    upload, listed = FILES["CreateUpload"], FILES["ListFiles"]

    def say(summary: str, example: object = None, operation: str = "") -> Details:
        return Details("files", summary, example, operation)

    announced = ("id", "name", "size", "content_type", "sha256", "targets", "content")
    return [
        route(
            hub, "GET", "/v1/files", listed, page("files"),
            say("List the files of a node, or your own."), query=_TARGET | _PAGED,
        ),
        route(
            hub, "GET", "/v1/objects/{object}/records/{id}/files", listed, page("files"),
            say("List the files of a record.", operation="listRecordFiles"), query=_PAGED,
            params={"object": "target.kind", "id": "target.id"},
        ),
        route(
            hub, "POST", "/v1/files", upload,
            one("file", "upload_url", "upload_headers", status=201),
            say("Announce a file; PUT its bytes to `upload_url`. Up to 1 MiB may come here, as "
                "base64 `content`.",
                {"name": "offer.pdf", "size": 48213, "sha256": "9f86d081884c7d65…",
                 "targets": [_NODE]}),
            body=body(upload, announced),
        ),
        route(
            hub, "POST", "/v1/files/{id}:finalize", FILES["FinalizeUpload"], one("file"),
            say("Verify what was uploaded, and make the file ready."),
        ),
        route(hub, "GET", "/v1/files/{id}", FILES["GetFile"], one("file"), say("Get a file.")),
        route(
            hub, "GET", "/v1/files/{id}/content", FILES["GetDownloadUrl"],
            custom(_redirect, None, 302), say("Redirect to the bytes."),
        ),
        route(
            hub, "POST", "/v1/files/{id}:attach", FILES["AttachFile"], one("file"),
            say("Add a target.", {"target": _NODE}), body=body(FILES["AttachFile"], ("target",)),
        ),
        route(
            hub, "POST", "/v1/files/{id}:detach", FILES["DetachFile"], one("file"),
            say("Take a target away.", {"target": _NODE}),
            body=body(FILES["DetachFile"], ("target",)),
        ),
        route(
            hub, "DELETE", "/v1/files/{id}", FILES["DeleteFile"], nothing(), say("Remove a file."),
        ),
    ]  # fmt: skip
