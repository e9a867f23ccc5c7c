"""Files as clients see them: uploaded, verified, downloaded, shared, removed; on a real store."""

import asyncio
import hashlib
import os
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import httpx
from armature.artifacts.v1 import artifact_pb2
from armature.artifacts.v1 import file_service_pb2 as pb

from planes.nodes import Node
from services.artifacts import __main__ as service
from services.artifacts.model import JobKind
from services.artifacts.store import objects
from services.artifacts.store.objects import ObjectStore
from services.artifacts.workers.store_jobs import StoreJobs
from tests.integration.artifacts.conftest import MAX_FILE, Caller, Plane
from tests.integration.artifacts.test_notes import a_note
from tests.integration.links.neighbours import message, reason, served, violations
from tests.integration.links.waiting import eventually

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(64))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def an_upload(content: bytes, *targets: Node, **more: Any) -> pb.CreateUploadRequest:
    given: dict[str, Any] = {
        "name": "plan.bin",
        "size": len(content),
        "sha256": sha256(content),
    } | more
    return pb.CreateUploadRequest(**given, targets=map(message, targets))


async def put(made: pb.CreateUploadResponse, content: bytes) -> int:
    headers = dict(made.upload_headers) | {"Content-Length": str(len(content))}
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.put(made.upload_url, content=content, headers=headers)
    return answer.status_code


async def uploaded(us: Caller, content: bytes, *targets: Node, **more: Any) -> artifact_pb2.File:
    made = await us.files.CreateUpload(an_upload(content, *targets, **more))
    assert made.file.state == "pending"
    assert await put(made, content) == 200
    answer = await us.files.FinalizeUpload(pb.FinalizeUploadRequest(id=made.file.id))
    return answer.file  # type: ignore[no-any-return]


async def downloaded(us: Caller, file_id: str) -> httpx.Response:
    url = await us.files.GetDownloadUrl(pb.GetDownloadUrlRequest(id=file_id))
    assert url.expires_in == 300
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(url.url)


async def test_an_upload_is_verified_and_comes_back(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    file = await uploaded(us, PNG, company, name='Grüße; "1".png', content_type="text/plain")
    assert (file.state, file.size, file.content_type) == ("ready", len(PNG), "image/png")
    assert file.sha256 == sha256(PNG)

    answer = await downloaded(us, file.id)
    assert answer.content == PNG
    assert answer.headers["content-type"] == "image/png"
    shown = answer.headers["content-disposition"]
    assert shown.startswith('inline; filename="Grue_ _1_.png"; ')
    assert unquote(shown.partition("filename*=UTF-8''")[2]) == 'Grüße; "1".png'
    listed = await us.files.ListFiles(pb.ListFilesRequest(target=message(company)))
    assert [one.id for one in listed.files] == [file.id]
    assert (await us.files.GetFile(pb.GetFileRequest(id=file.id))).file == file
    again = await us.files.FinalizeUpload(pb.FinalizeUploadRequest(id=file.id))
    assert again.file == file


async def test_what_could_run_in_a_browser_is_an_attachment(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    page = b"<!DOCTYPE html><script>alert(1)</script>"
    request = pb.CreateUploadRequest(name="x.png", content=page, content_type="image/png")
    file = (await us.files.CreateUpload(request)).file
    assert file.content_type == "text/html"
    answer = await downloaded(us, file.id)
    assert answer.headers["content-disposition"].startswith("attachment;")


async def test_incomplete_and_mismatched_uploads_are_refused(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    content = os.urandom(5000)
    made = await us.files.CreateUpload(an_upload(content))
    finalize = pb.FinalizeUploadRequest(id=made.file.id)
    assert await reason(us.files.FinalizeUpload(finalize)) == (
        "FAILED_PRECONDITION/UPLOAD_INCOMPLETE"
    )
    download = pb.GetDownloadUrlRequest(id=made.file.id)
    assert await reason(us.files.GetDownloadUrl(download)) == "FAILED_PRECONDITION/FILE_NOT_READY"
    assert await put(made, content + b"x") == 403, "the store itself refuses another length"
    assert await put(made, b"y" + content[1:]) == 200  # a store may not know checksums: we do
    assert await reason(us.files.FinalizeUpload(finalize)) == (
        "FAILED_PRECONDITION/UPLOAD_MISMATCH"
    )
    assert await reason(us.files.FinalizeUpload(finalize)) == "NOT_FOUND/FILE_NOT_FOUND"
    await plane.jobs.work_once()
    assert await plane.store.size(objects.upload_key(workspace, UUID(made.file.id))) is None
    assert await plane.store.size(objects.content_key(workspace, sha256(content))) is None


async def test_a_replacement_after_the_check_is_noticed(plane: Plane, workspace: UUID) -> None:
    """What is copied is what was verified, even when the bytes change in between."""
    us = plane.caller(workspace)
    content, other = os.urandom(3000), os.urandom(3000)
    made = await us.files.CreateUpload(an_upload(content))
    await put(made, content)
    source = objects.upload_key(workspace, UUID(made.file.id))
    digest = await plane.store.digest(source)
    assert digest is not None
    await put(made, other)
    refused = False
    try:
        await plane.store.copy(source, "somewhere", digest)
    except objects.ObjectChanged:
        refused = True
    assert refused
    assert await plane.store.size("somewhere") is None


async def test_twenty_mebibytes_go_through_in_chunks(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    content = os.urandom(1024) * 20 * 1024
    file = await uploaded(us, content, name="large.bin")
    assert file.size == 20 * 1024 * 1024
    answer = await downloaded(us, file.id)
    assert sha256(answer.content) == file.sha256
    assert answer.headers["content-disposition"].startswith("attachment;")


async def test_limits_and_problems_are_named(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    big = pb.CreateUploadRequest(name="x", size=MAX_FILE + 1, sha256="0" * 64)
    assert await reason(us.files.CreateUpload(big)) == "RESOURCE_EXHAUSTED/FILE_TOO_LARGE"
    inline = pb.CreateUploadRequest(name="x", content=bytes(1024 * 1024 + 1))
    assert await reason(us.files.CreateUpload(inline)) == "RESOURCE_EXHAUSTED/FILE_TOO_LARGE"
    wrong = pb.CreateUploadRequest(
        id="x", name="../a", size=-1, sha256="zz", content_type="nothing"
    )
    assert await violations(us.files.CreateUpload(wrong)) == [
        ("name", "INVALID_NAME"),
        ("sha256", "INVALID_CHECKSUM"),
        ("size", "OUT_OF_RANGE"),
        ("content_type", "INVALID_TYPE"),
        ("id", "INVALID_UUID"),
    ]
    lie = pb.CreateUploadRequest(name="x", content=b"abc", sha256="0" * 64, size=4)
    assert await violations(us.files.CreateUpload(lie)) == [
        ("size", "MISMATCH"),
        ("sha256", "MISMATCH"),
    ]


async def test_same_content_is_stored_once_and_goes_with_its_last_file(
    plane: Plane, workspace: UUID
) -> None:
    us = plane.caller(workspace)
    content = os.urandom(2000)
    key = objects.content_key(workspace, sha256(content))
    first = await uploaded(us, content, name="a")
    inline = pb.CreateUploadRequest(name="b", content=content)
    second = (await us.files.CreateUpload(inline)).file
    assert first.sha256 == second.sha256

    await us.files.DeleteFile(pb.DeleteFileRequest(id=first.id))
    get = pb.GetFileRequest(id=first.id)
    assert await reason(us.files.GetFile(get)) == "NOT_FOUND/FILE_NOT_FOUND"
    await plane.jobs.work_once()
    assert await plane.store.size(key) == 2000, "another file has it"
    assert (await downloaded(us, second.id)).content == content

    await us.files.DeleteFile(pb.DeleteFileRequest(id=second.id))
    await plane.jobs.work_once()
    assert await plane.store.size(key) is None
    third = await uploaded(us, content, name="c")
    assert (await downloaded(us, third.id)).content == content


async def test_removal_is_retried_until_the_store_answers(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    content = os.urandom(100)
    file = (await us.files.CreateUpload(pb.CreateUploadRequest(name="x", content=content))).file
    await us.files.DeleteFile(pb.DeleteFileRequest(id=file.id))
    nowhere = ObjectStore("http://127.0.0.1:9", "key", "secret", "bucket", "us-east-1")
    await StoreJobs(plane.db, plane.worker_db, nowhere).work_once()
    key = objects.content_key(workspace, sha256(content))
    assert await plane.store.size(key) == 100
    busy = us.files.CreateUpload(pb.CreateUploadRequest(name="x", content=content))
    assert await reason(busy) == "UNAVAILABLE/CONFLICT", "what is being removed is not built upon"

    async def removed() -> bool:
        await plane.jobs.work_once()
        return await plane.store.size(key) is None

    await eventually(removed, "the removal is tried again")


async def test_a_store_that_is_down_fails_file_calls_alone(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    content = os.urandom(64)
    made = await us.files.CreateUpload(an_upload(content))
    nowhere = ObjectStore("http://127.0.0.1:9", "key", "secret", "bucket", "us-east-1")
    async with served(service.servicers(plane.db, plane.desk, nowhere, plane.config)) as channel:
        cut_off = Caller(channel, us.who)
        down = cut_off.files.FinalizeUpload(pb.FinalizeUploadRequest(id=made.file.id))
        assert await reason(down) == "UNAVAILABLE/STORE_UNAVAILABLE"
        inline = cut_off.files.CreateUpload(pb.CreateUploadRequest(name="x", content=b"x"))
        assert await reason(inline) == "UNAVAILABLE/STORE_UNAVAILABLE"
        await cut_off.notes.CreateNote(a_note())
        get = pb.GetFileRequest(id=made.file.id)
        assert (await cut_off.files.GetFile(get)).file == made.file


async def test_a_repeated_inline_upload_makes_one_file(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    request = pb.CreateUploadRequest(name="b", content=b"abc", request_id="inline")
    first = (await us.files.CreateUpload(request)).file
    assert (await us.files.CreateUpload(request)).file == first
    assert len((await us.files.ListFiles(pb.ListFilesRequest())).files) == 1


async def test_an_unfinished_upload_is_reaped(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    content = os.urandom(100)
    made = await us.files.CreateUpload(an_upload(content, company))
    await put(made, content)
    await plane.jobs.work_once()
    get = pb.GetFileRequest(id=made.file.id)
    assert (await us.files.GetFile(get)).file.state == "pending", "its hour is not over"
    async with plane.db.transaction(workspace) as tx:
        await tx.run(
            "UPDATE store_jobs SET due_time = now() WHERE kind = %s", [JobKind.REAP_UPLOAD]
        )
    while await plane.jobs.work_once():
        pass
    assert await reason(us.files.GetFile(get)) == "NOT_FOUND/FILE_NOT_FOUND"
    assert await plane.store.size(objects.upload_key(workspace, UUID(made.file.id))) is None
    async with plane.db.transaction(workspace) as tx:
        assert await tx.value("SELECT count(*) FROM artifact_links") == 0


async def test_concurrent_finalizations_make_one_file(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    content = os.urandom(200_000)
    made = await us.files.CreateUpload(an_upload(content))
    await put(made, content)
    request = pb.FinalizeUploadRequest(id=made.file.id)
    done = await asyncio.gather(*(us.files.FinalizeUpload(request) for _ in range(6)))
    assert {one.file.version for one in done} == {2}
    async with plane.db.transaction(workspace) as tx:
        assert await tx.value("SELECT count(*) FROM outbox WHERE type = 'file.created'") == 1


async def test_rights_follow_the_target_through_a_note(plane: Plane, workspace: UUID) -> None:
    us, blind = plane.caller(workspace), plane.caller(workspace)
    company, person = (plane.world.record(workspace, k) for k in ("company", "person"))
    note = (await us.notes.CreateNote(a_note(company))).note
    on_note = Node("note", UUID(note.id))
    request = pb.CreateUploadRequest(name="x", content=b"abc", targets=[message(on_note)])
    file = (await us.files.CreateUpload(request)).file
    get = pb.GetFileRequest(id=file.id)
    assert (await blind.files.GetFile(get)).file.id == file.id
    listed = await blind.files.ListFiles(pb.ListFilesRequest(target=message(on_note)))
    assert len(listed.files) == 1
    plane.world.hidden.add((blind.principal, company))
    for call in (
        blind.files.GetFile(get),
        blind.files.GetDownloadUrl(pb.GetDownloadUrlRequest(id=file.id)),
        blind.files.DeleteFile(pb.DeleteFileRequest(id=file.id)),
        blind.files.AttachFile(pb.AttachFileRequest(id=file.id, target=message(person))),
    ):
        assert await reason(call) == "NOT_FOUND/FILE_NOT_FOUND"

    attach = pb.AttachFileRequest(id=file.id, target=message(person))
    attached = (await us.files.AttachFile(attach)).file
    assert len(attached.targets) == 2
    assert (await us.files.AttachFile(attach)).file == attached
    seen = (await blind.files.GetFile(get)).file
    assert [t.kind for t in seen.targets] == ["person"]
    hidden = pb.AttachFileRequest(id=file.id, target=message(company))
    assert await reason(blind.files.AttachFile(hidden)) == "NOT_FOUND/NODE_NOT_FOUND"
    await us.files.DetachFile(pb.DetachFileRequest(id=file.id, target=message(person)))
    assert await reason(blind.files.GetFile(get)) == "NOT_FOUND/FILE_NOT_FOUND"
    theirs = plane.caller(plane.workspace())
    assert await reason(theirs.files.GetFile(get)) == "NOT_FOUND/FILE_NOT_FOUND"
    end = theirs.files.FinalizeUpload(pb.FinalizeUploadRequest(id=file.id))
    assert await reason(end) == "NOT_FOUND/FILE_NOT_FOUND"
