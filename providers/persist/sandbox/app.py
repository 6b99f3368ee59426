"""Simulator: Signatures Persist (ncanode, dev@3ff7d8f) with its HTTP API, its limits and its defects.

Nobody signs at a store, so the simulated people have nothing to do: a caller brings a signature made elsewhere.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send

from providers.clock import Clock
from providers.persist.sandbox import php
from providers.persist.sandbox.tables import Collision, Row, Tables
from providers.persist.wire import LONGEST_AUTHOR, LONGEST_TEXT, RecordKey
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.control_api import SandboxSession
from providers.verification import VerificationStatus, inspect

_LARGEST_BODY = 30 * 2**20
_SLOWEST_WRITE = 0.003  # seconds
_CORS = {"access-control-allow-origin": "*", "access-control-allow-methods": "GET, POST, OPTIONS"}
_HTML = "text/html; charset=UTF-8"
_LOCALES = frozenset({"ru", "en", "kz"})
_MESSAGES = {
    "error.signature_not_found": "Signature was not found",
    "error.parameters_must_be_set": '"Thread" and "document" parameters must be set',
    "error.document_must_be_set": '"document" parameter must be set',
    "error.thread_must_be_set": '"thread" parameter must be set',
    "error.cms_must_be_set": '"cms" parameter must be set',
    "error.version_must_be_set": "Version must be set",
    "error.version_not_equal": "Version provided is not equal to actual signature version",
    "error.not_valid": "Signature is not valid",
    "error.upstream": "NCANode is not available",
}
_NGINX = {413: "Request Entity Too Large", 502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}


@dataclass(frozen=True, slots=True)
class _Call:
    parameters: dict[str, object]
    locale: str

    def text(self, name: str) -> str | None:
        value = self.parameters.get(name)
        return None if value is None else php.text(value)


class PersistSandbox(Sandbox):
    """Simulator of a signature store, in memory; concurrent writers overwrite each other, as at the real one."""

    kind = "persist"

    def __init__(self, *, clock: Clock | None = None, authority: CertificateAuthority | None = None) -> None:
        self._tables = Tables()
        super().__init__(clock=clock, authority=authority)

    def routes(self) -> Sequence[BaseRoute]:
        """One mount for all paths: the server matches them in a way of its own."""
        return [Mount("/", app=self._serve)]

    def settings(self, base_url: str) -> dict[str, object]:
        """Settings for an adapter of this sandbox; without credentials, as the server has none."""
        return {
            "name": "persist",
            "kind": "persist",
            "display_name": "Signatures Persist",
            "environment": "sandbox",
            "base_url": base_url,
        }

    def sessions(self) -> Sequence[SandboxSession]:
        """Every record, oldest first; nobody signs one."""
        return [SandboxSession(RecordKey(row.document, row.thread).session_key, "stored") for row in self._tables.rows]

    def error_response(self, status: int, message: str = "") -> Response:
        """An error answer: JSON of the application, HTML of nginx, an empty body for a failure of the application itself."""
        if status in _NGINX and not message:
            return Response(
                f"<html><head><title>{status} {_NGINX[status]}</title></head></html>", status, media_type="text/html"
            )
        if status >= 500 and not message:
            return Response(b"", status, media_type=_HTML)
        usual = _MESSAGES["error.signature_not_found"] if status == 404 else "Error"
        return _json({"status": False, "message": message or usual}, status)

    async def hesitate(self) -> None:
        """Sleeps between the check of a version and the write, so that concurrent writers interleave."""
        await self.clock.sleep(random.uniform(0, _SLOWEST_WRITE))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._respond(request)
        response.headers.update(_CORS)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204)
        body, size = bytearray(), 0
        async for chunk in request.stream():
            size += len(chunk)
            if size <= _LARGEST_BODY:
                body += chunk
        if size > _LARGEST_BODY:
            return self.error_response(413)
        call = _Call(php.parameters(request.url.query, bytes(body)), request.headers.get("api-locale", "ru"))
        match request.method, _resource(request.url.path):
            case "GET", "signature":
                return self._fetch(call)
            case "POST", "signature":
                return await self._save(call)
            case "DELETE", "signature":
                return self._delete(call)
            case "GET", "signatures":
                return self._list(call)
            case "POST", "validate":
                return await self._validate(call)
            case "POST", "origin" | "":
                return self._refuse(call, "error.upstream", 500)
        return Response("Page not found", 404, media_type=_HTML)

    def _fetch(self, call: _Call) -> Response:
        row = self._find(call)
        return row if isinstance(row, Response) else _content({"signature": row.payload()})

    def _delete(self, call: _Call) -> Response:
        row = self._find(call)
        if isinstance(row, Response):
            return row
        self._tables.remove(row)
        return _json({"status": True}, 200)

    def _find(self, call: _Call) -> Row | Response:
        document, thread = call.text("document"), call.text("thread")
        if not php.truthy(document) and not php.truthy(thread):
            return self._refuse(call, "error.parameters_must_be_set", 400)
        return self._tables.find(document, thread) or self._refuse(call, "error.signature_not_found", 404)

    async def _save(self, call: _Call) -> Response:
        for name in ("document", "thread", "cms"):
            if not php.truthy(call.parameters.get(name)):
                return self._refuse(call, f"error.{name}_must_be_set", 400)
        row = self._tables.find(call.text("document"), call.text("thread"))
        if row is not None:
            version = php.integer(call.parameters.get("version"))
            if version != row.version:
                return self._refuse(call, "error.version_not_equal" if version else "error.version_must_be_set", 400)
        await self.hesitate()
        tags = _tags(call.parameters.get("tags"))
        if tags is None or _too_long(call):
            return self.error_response(500)
        try:
            row = await self._write(call, row, tags)
        except Collision:
            return self.error_response(500)
        return _content({"signature": {**row.payload(), "tags": tags}}, 201)

    async def _write(self, call: _Call, row: Row | None, tags: list[str]) -> Row:
        """Writes what the check let through, without looking whether another writer came in between."""
        now = self.clock.now()
        if row is None:
            row, version = self._tables.add(call.text("document") or "", call.text("thread") or "", now), 1
        else:
            version = self._tables.next_version(row)
            await asyncio.sleep(0)
        author, comment = call.text("version_created_by"), call.text("version_comment")
        self._tables.write(row, version, call.text("cms") or "", comment, author, tags, now)
        return row

    def _list(self, call: _Call) -> Response:
        parameters = call.parameters
        if parameters.get("chain") is not None or parameters.get("stage") is not None:
            return self.error_response(500)
        joined = self._tables.joined(_filter(parameters.get("document")), _filter(parameters.get("tags")))
        offset, limit = max(0, php.integer(parameters.get("offset"))), php.integer(parameters.get("limit"))
        rows = joined[offset : offset + limit] if limit > 0 else joined[offset:]
        content: dict[str, object] = {"signatures": [row.payload() for row in rows]}
        if php.truthy(parameters.get("count")):
            content["nb_results"] = len(joined)
        return _content(content)

    async def _validate(self, call: _Call) -> Response:
        given = call.text("cms") or call.text("xml") or ""
        reports = await asyncio.to_thread(inspect, given.encode(), now=self.clock.now())
        if reports and all(report.verification.status is VerificationStatus.VALID for report in reports):
            return _json({"status": True}, 200)
        return self._refuse(call, "error.not_valid", 200)

    def _refuse(self, call: _Call, key: str, status: int) -> Response:
        message = _MESSAGES[key] if call.locale in _LOCALES else key
        return _json({"status": False, "message": message}, status)


def _resource(path: str) -> str | None:
    """The resource of a path: slashes may repeat, the first letter may be a capital, one id behind it is ignored."""
    first, *rest = [part for part in path.split("/") if part] or [""]
    return first[:1].lower() + first[1:] if len(rest) <= 1 else None


def _tags(value: object) -> list[str] | None:
    """The tags of a call; None for those on which the server fails with 500."""
    tags = []
    for each in php.listed(value):
        tag = php.text(each) if each is not None else ""
        if not tag or len(tag) > LONGEST_TEXT:
            return None
        tags.append(tag)
    return tags


def _too_long(call: _Call) -> bool:
    limits = {
        "document": LONGEST_TEXT,
        "thread": LONGEST_TEXT,
        "version_comment": LONGEST_TEXT,
        "version_created_by": LONGEST_AUTHOR,
    }
    return any(len(call.text(name) or "") > longest for name, longest in limits.items())


def _filter(value: object) -> frozenset[str]:
    """The values that a filter admits; empty for no filter."""
    if value is None:
        return frozenset()
    return (
        frozenset(php.text(each) for each in php.listed(value))
        if isinstance(value, list | dict)
        else frozenset({php.text(value)})
    )


def _content(content: dict[str, object], status: int = 200) -> Response:
    return _json({"status": True, "content": content}, status)


def _json(payload: object, status: int) -> Response:
    return Response(msgspec.json.encode(payload), status, media_type=_HTML)
