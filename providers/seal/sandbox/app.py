"""Simulator: SIGNIUS SEAL with batches that are really sealed, and both methods of requesting a timestamp.

Switches simulate how real installations differ: ``generation`` ("old" servers have UPLOADED and other numbers),
``forgets`` (404 after BatchDeleteCache instead of DELETED), ``stuck`` (nothing gets past READY), ``unready`` (the
status of batchfile before the batch is closed; not public), ``silent`` (upload answers 202 with an empty body).
A document fails where its file name holds "fail", or where it is no PDF.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import ClassVar, Literal

import msgspec
from anyio import to_thread
from asn1crypto import algos, tsp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from providers.clock import Clock
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.control_api import SandboxSession
from providers.seal.sandbox.batch import SandboxBatch, SandboxDocument, pack, unpack

API_KEY = "sandbox-seal-api-key"
USERNAME, PASSWORD = "seal", "sandbox-seal-password"
SIGNER = "SIGNIUS SEAL"
PROCESSES = frozenset({1, 2})

_FIRST_BATCH = 2123
_FIRST_DOCUMENT = 9001
_HASHES = {20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}
_ADVANCES = {"ACCEPTED": "READY", "READY": "IN_PROGRESS", "IN_PROGRESS": "FINISHING", "FINISHING": "CLOSED"}

Endpoint = Callable[[Request], Awaitable[Response]]


class _Hash(msgspec.Struct):
    hash: str | None = None


class SealSandbox(Sandbox):
    """Simulator of SEAL's batch and timestamp methods, defects included."""

    kind: ClassVar[str] = "seal"

    def __init__(self, *, clock: Clock | None = None, authority: CertificateAuthority | None = None) -> None:
        self.generation: Literal["current", "old"] = "current"
        self.forgets = False
        self.stuck = False
        self.unready = 400
        self.silent = False
        self.batches: dict[int, SandboxBatch] = {}
        self._documents = _FIRST_DOCUMENT
        super().__init__(clock=clock, authority=authority)

    def routes(self) -> Sequence[BaseRoute]:
        """Every method whose path is public, and both forms of AcceptBatch, whose path is not."""
        post, get, delete = ["POST"], ["GET"], ["DELETE"]
        return [
            Route("/api/CreateBatch/{process}", self._authenticated(self._create), methods=post),
            Route("/api/upload/{batch}", self._authenticated(self._upload), methods=post),
            Route("/api/AcceptBatch/{batch}", self._authenticated(self._accept), methods=post),
            Route("/api/AcceptBatch", self._authenticated(self._accept), methods=post),
            Route("/api/BatchStatus/{batch}", self._authenticated(self._status), methods=get),
            Route("/api/batchfile/{batch}", self._authenticated(self._file), methods=get),
            Route("/api/BatchDeleteCache/{batch}", self._authenticated(self._delete), methods=delete),
            Route("/tsa/stamp/rfc3161/{process}", self._authenticated(self._stamp_rfc3161), methods=post),
            Route("/tsa/stamp/{process}", self._authenticated(self._stamp, basic=False), methods=post),
        ]

    def settings(self, base_url: str) -> dict[str, object]:
        """Settings for an adapter of this sandbox, with its API key."""
        return {
            "name": "seal",
            "kind": "seal",
            "display_name": "SIGNIUS SEAL",
            "environment": "sandbox",
            "base_url": base_url,
            "api_key": API_KEY,
            "process_id": min(PROCESSES),
        }

    def sessions(self) -> Sequence[SandboxSession]:
        """Every batch; an accepted one that is not closed can be advanced."""
        return [
            SandboxSession(str(batch.id), batch.status, waiting=(0,) if batch.status in _ADVANCES else ())
            for batch in self.batches.values()
            if not batch.forgotten
        ]

    async def sign(self, key: str, participant: int | None = None) -> None:
        """Seals an accepted batch, through every status up to CLOSED (or READY where it is stuck)."""
        batch = self._batch(key)
        if participant not in {None, 0}:
            raise ValueError("a batch has no participants; the machine is number 0")
        if batch.status not in _ADVANCES:
            raise ValueError(f"a batch that is {batch.status} cannot be sealed")
        while batch.status in _ADVANCES and not (self.stuck and batch.status == "READY"):
            await self.advance(key)

    async def advance(self, key: str) -> None:
        """Advances an accepted batch by one status. Raises ``KeyError`` for an unknown one, ``ValueError`` for an ended one."""
        batch = self._batch(key)
        async with batch.lock:
            if batch.status not in _ADVANCES:
                raise ValueError(f"a batch that is {batch.status} goes no further")
            if self.stuck and batch.status == "READY":
                return
            if batch.status == "IN_PROGRESS":
                for document in batch.documents:
                    await self._seal(document)
            if batch.status in _ADVANCES:
                batch.status = _ADVANCES[batch.status]

    def error_response(self, status: int, message: str = "") -> Response:
        """An error answer, in plain text: no shape of SEAL's errors is public."""
        return Response(message or HTTPStatus(status).phrase, status, media_type="text/plain")

    async def _seal(self, document: SandboxDocument) -> None:
        if "fail" in document.name.casefold():
            return
        try:
            document.sealed = await self.authority.sign_pdf(document.content, [SIGNER])
        except ValueError:
            return

    def _authenticated(self, endpoint: Endpoint, *, basic: bool = True) -> Endpoint:
        async def authenticated(request: Request) -> Response:
            if not _is_authentic(request, basic=basic):
                return self.error_response(401)
            return await endpoint(request)

        return authenticated

    def _batch(self, key: str) -> SandboxBatch:
        batch = self.batches[int(key) if key.isascii() and key.isdecimal() else 0]
        if batch.forgotten:
            raise KeyError(key)
        return batch

    def _find(self, request: Request) -> SandboxBatch | None:
        try:
            return self._batch(request.path_params.get("batch") or request.query_params.get("batchId", ""))
        except KeyError:
            return None

    def _process_fault(self, request: Request) -> Response | None:
        process = request.path_params["process"]
        if not process.isdecimal():
            return self.error_response(400, "processId is not valid")
        return None if int(process) in PROCESSES else self.error_response(404)

    async def _create(self, request: Request) -> Response:
        if fault := self._process_fault(request):
            return fault
        batch = SandboxBatch(_FIRST_BATCH + len(self.batches), int(request.path_params["process"]), self.clock.now())
        self.batches[batch.id] = batch
        return JSONResponse(batch.brief(self.generation, "1"), 201)

    async def _upload(self, request: Request) -> Response:
        batch = self._find(request)
        if batch is None:
            return self.error_response(404)
        if batch.status != "NEW":
            return self.error_response(400, "Batch does not take files")
        try:
            files = await to_thread.run_sync(unpack, await request.body())
        except ValueError as error:
            return self.error_response(400, str(error))
        batch.documents = [SandboxDocument(self._documents + n, name, content) for n, (name, content) in enumerate(files)]
        self._documents += len(files)
        if self.generation == "old":
            batch.status = "UPLOADED"
        return Response(status_code=202) if self.silent else JSONResponse(batch.receipt(self.generation), 202)

    async def _accept(self, request: Request) -> Response:
        batch = self._find(request)
        if batch is None:
            return self.error_response(404)
        if not batch.documents or batch.status == "DELETED":
            return self.error_response(400, "Batch has no files")
        if batch.status in {"NEW", "UPLOADED"}:
            batch.status = "ACCEPTED"
        return JSONResponse(batch.brief(self.generation, "0"))

    async def _status(self, request: Request) -> Response:
        batch = self._find(request)
        return JSONResponse(batch.detail(self.generation)) if batch else self.error_response(404)

    async def _file(self, request: Request) -> Response:
        batch = self._find(request)
        if batch is None or batch.status == "DELETED":
            return self.error_response(404)
        if batch.status != "CLOSED":
            return self.error_response(self.unready, "Batch is not ready")
        return Response(await to_thread.run_sync(pack, batch.results()), media_type="application/octet-stream")

    async def _delete(self, request: Request) -> Response:
        batch = self._find(request)
        if batch is None:
            return self.error_response(404)
        async with batch.lock:
            batch.status = "DELETED"
        if self.forgets:
            batch.forgotten = True
        return JSONResponse(batch.detail(self.generation))

    async def _stamp_rfc3161(self, request: Request) -> Response:
        if fault := self._process_fault(request):
            return fault
        return await self._timestamp(await request.body())

    async def _stamp(self, request: Request) -> Response:
        if fault := self._process_fault(request):
            return fault
        try:
            digest = msgspec.json.decode(await request.body(), type=_Hash).hash
            return Response() if digest is None else await self._timestamp(base64.b64decode(digest, validate=True))
        except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error):
            return self.error_response(400)

    async def _timestamp(self, body: bytes) -> Response:
        """A timestamp for a body that is a hash, or a whole request of RFC 3161."""
        algorithm = _HASHES.get(len(body))
        try:
            reply = await self.authority.timestamp(_request(body, algorithm) if algorithm else body)
        except ValueError:
            return self.error_response(400)
        return Response(reply, media_type="application/timestamp-reply")


def _request(digest: bytes, algorithm: str) -> bytes:
    imprint = {"hash_algorithm": algos.DigestAlgorithm({"algorithm": algorithm}), "hashed_message": digest}
    request: bytes = tsp.TimeStampReq({"version": 1, "message_imprint": imprint, "cert_req": True}).dump()
    return request


def _is_authentic(request: Request, *, basic: bool) -> bool:
    proof = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    by_key = _equal(request.headers.get("api-key", ""), API_KEY)
    return by_key or (basic and _equal(request.headers.get("authorization", ""), proof))


def _equal(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())
