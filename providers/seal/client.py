"""API client of SEAL: one method for each of its batch and timestamp methods."""

from __future__ import annotations

from base64 import b64encode
from contextlib import AbstractAsyncContextManager

from providers.decoding.json import MALFORMED
from providers.errors import NotFound, Refused
from providers.http.client import HttpClient
from providers.http.message.request import RequestContent
from providers.http.message.response import Response
from providers.model import Content
from providers.seal.errors import NO_PROCESS, no_timestamp, unknown_process
from providers.seal.settings import SealSettings
from providers.seal.wire import Batch, CreatedBatch

_BYTES = "application/octet-stream"


class SealClient:
    """Calls to one SEAL server."""

    def __init__(self, http: HttpClient, settings: SealSettings) -> None:
        self._http = http
        self._settings = settings

    async def create_batch(self, process: object) -> CreatedBatch:
        """CreateBatch: an empty batch of a sealing process. Raises ``Refused`` where there is no such process."""
        path = self._settings.path("create_batch", process=str(process))
        try:
            return await self._http.fetch(CreatedBatch, "POST", path)
        except (Refused, NotFound) as error:
            if error.status not in NO_PROCESS:
                raise
            raise unknown_process(error, process) from error

    async def upload(self, key: str, archive: RequestContent, size_bytes: int) -> None:
        """upload: all documents of a batch, as one ZIP."""
        headers = {"content-type": _BYTES, "content-length": str(size_bytes)}
        await self._http.request("POST", self._settings.path("upload", batch=key), body=archive, headers=headers)

    async def accept_batch(self, key: str) -> None:
        """AcceptBatch: starts the sealing."""
        await self._http.request("POST", self._settings.path("accept_batch", batch=key))

    async def fetch_batch(self, key: str) -> tuple[Batch, bytes]:
        """BatchStatus: the batch with its documents, and its JSON."""
        path = self._settings.path("batch_status", batch=key)
        reply = await self._http.request("GET", path)
        try:
            return reply.json(Batch), reply.body
        except MALFORMED as error:
            raise self._http.unreadable("GET", path, reply, error) from error

    def download_batch(self, key: str) -> AbstractAsyncContextManager[Content]:
        """batchfile: the sealed documents of a closed batch, as one ZIP."""
        return self._http.download(self._settings.path("batch_file", batch=key))

    async def delete_batch(self, key: str) -> None:
        """BatchDeleteCache: removes a batch with its documents and results."""
        await self._http.request("DELETE", self._settings.path("delete_batch", batch=key))

    async def timestamp(self, process: str, digest: bytes) -> Response:
        """A timestamp of a digest, by the method of the settings. Raises ``Refused`` where the process makes none."""
        settings = self._settings
        try:
            if settings.stamps_by == "json":
                path, body = settings.path("stamp", process=process), {"hash": b64encode(digest).decode()}
                return await self._http.request("POST", path, json=body, repeatable=True)
            path, headers = settings.path("stamp_rfc3161", process=process), {"content-type": _BYTES}
            return await self._http.request("POST", path, body=digest, headers=headers, repeatable=True)
        except (Refused, NotFound) as error:
            if error.status not in NO_PROCESS:
                raise
            raise no_timestamp(error, process) from error
