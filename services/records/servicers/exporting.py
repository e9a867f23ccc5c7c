"""Answer ExportService: what a query selects, page after page, as one document."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Sequence

from armature.records.v1 import export_service_pb2 as pb
from armature.records.v1 import export_service_pb2_grpc as rpc
from armature.records.v1 import record_pb2, tabular_pb2
from armature.records.v1 import record_service_pb2 as records_pb

from kit import clock
from kit.calls import Context
from kit.db import Database
from kit.errors import InvalidArgument
from planes.definitions import Definitions
from schema import jsonio
from schema.compiled import CompiledObject, Workspace
from schema.problems import Invalid
from services.records import convert
from services.records.logic import projection, tabular
from services.records.operations.linking import LinkIndex
from services.records.servicers.reading import Reading

_PAGE = 1000
_TIMES = ("create_time", "update_time")

Encode = Callable[[Sequence[record_pb2.Record]], bytes]


class ExportServicer(Reading, rpc.ExportServiceServicer):
    """Pages through QueryRecords itself, so that an export is what a query shows, permissions and
    all; between two pages nothing is held but the token."""

    def __init__(self, db: Database, definitions: Definitions, links: LinkIndex) -> None:
        self._db = db
        self._definitions = definitions
        self.links = links

    async def ExportRecords(
        self, request: pb.ExportRecordsRequest, context: Context
    ) -> AsyncIterator[pb.ExportRecordsResponse]:
        encode, head = await self._encoder(request)
        query = records_pb.QueryRecordsRequest(
            object=request.object,
            view=request.view,
            selection=request.selection,
            sort=request.sort,
            fields=request.fields,
            show_deleted=request.show_deleted,
            at_version=request.at_version,
            page_size=_PAGE,
        )
        while True:
            page = await self.QueryRecords(query, context)
            yield pb.ExportRecordsResponse(
                chunk=head + encode(page.records),
                records=len(page.records),
                metadata_version=page.metadata_version,
            )
            head = b""
            query.page_token = page.next_page_token
            if not query.page_token:
                return

    async def _encoder(self, request: pb.ExportRecordsRequest) -> tuple[Encode, bytes]:
        """What writes a page, and the line before the first."""

        def resolve(workspace: Workspace, obj: CompiledObject) -> list[tabular.Column]:
            try:
                shown = projection.parse(workspace, obj, request.fields)
            except Invalid as exc:
                raise convert.refused("PROJECTION_INVALID", exc) from exc
            return tabular.columns(workspace, obj, shown)

        _, _, columns = await self._resolved(request.object, request.at_version, resolve)
        if request.format == tabular_pb2.TABULAR_FORMAT_NDJSON:
            return _lines, b""
        if not columns:
            message = "there is no field to export"
            raise InvalidArgument.at("PROJECTION_INVALID", "fields", "EMPTY", message)
        guarded = not request.raw_formulas
        head = _csv([["id", *_TIMES, *(c.path for c in columns)]])
        return lambda records: _table(columns, records, guarded), head


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def _table(
    columns: Sequence[tabular.Column], records: Sequence[record_pb2.Record], guarded: bool
) -> bytes:
    rows = []
    for record in records:
        cells = tabular.write_row(columns, jsonio.loads_stored(record.fields_json), guarded=guarded)
        rows.append([record.id, *(_time(record, name) for name in _TIMES), *cells])
    return _csv(rows)


def _lines(records: Sequence[record_pb2.Record]) -> bytes:
    """Each record as the API shows it; its fields as Postgres wrote them, which is one line."""
    return b"".join(
        b'{"id":"%s","version":%d,"create_time":"%s","update_time":"%s","fields":%s}\n'
        % (
            record.id.encode(),
            record.version,
            _time(record, "create_time").encode(),
            _time(record, "update_time").encode(),
            record.fields_json or b"{}",
        )
        for record in records
    )


def _time(record: record_pb2.Record, name: str) -> str:
    return clock.to_text(getattr(record, name))
