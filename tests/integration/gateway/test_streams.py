"""An export that breaks off breaks off for all to see: half a document never looks like one."""

from typing import Any

import httpx
import pytest
from armature.records.v1 import export_service_pb2 as pb

from kit.errors import Unavailable
from tests.integration.gateway.double import Double
from tests.integration.gateway.test_server import AUTH, url

__all__ = ["url"]
PATH = "/v1/objects/deal/records:export"
_FIRST = pb.ExportRecordsResponse(chunk=b"id,name\r\n", records=0, metadata_version=7)
_SECOND = pb.ExportRecordsResponse(chunk=b"1,Acme\r\n", records=1)


async def test_a_document_is_whole_or_broken(double: Double, url: str) -> None:
    failure: Any = Unavailable("DATABASE_UNAVAILABLE", "the database does not answer")
    async with httpx.AsyncClient(base_url=url, headers=AUTH, timeout=10) as client:
        double.answers["ExportRecords"] = [[[_FIRST, _SECOND]]]
        whole = await client.get(f"{PATH}?format=csv&sort=-n&filter=n+>+3")
        assert (whole.text, whole.headers["x-metadata-version"]) == ("id,name\r\n1,Acme\r\n", "7")
        asked = double.last.request
        assert (asked.object, asked.sort, asked.selection.filter_text) == ("deal", "-n", "n > 3")
        double.answers["ExportRecords"] = [[[_FIRST, _SECOND, failure]]]
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(PATH)
        double.answers["ExportRecords"] = failure
        refused = await client.get(PATH)
        assert (refused.status_code, refused.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
        wrong = await client.get(f"{PATH}?format=xls")
        assert (wrong.status_code, wrong.json()["code"]) == (400, "QUERY_INVALID")
