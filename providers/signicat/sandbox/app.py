"""Simulator: Signicat Sign API v2 with its token endpoint, its constraints and its defects.

Operations that the vendor does not document (packaging on demand, reading the archive) are not simulated. Simulated
signers have invented names, as Signicat is never told those of the participants.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from providers.clock import Clock
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.control_api import SandboxSession
from providers.signicat.sandbox.events import COMPLETED, PACKAGED, REJECTED, envelope
from providers.signicat.sandbox.records import StoredCollection, StoredDocument, StoredSession
from providers.signicat.sandbox.requests import (
    MEDIA_TYPES,
    CollectionOrder,
    ListQuery,
    MetadataOrder,
    Refusal,
    SessionOrder,
    bad_request,
    decode,
    merged,
)
from providers.signicat.sandbox.store import Store
from providers.signicat.sandbox.token_endpoint import CLIENT_ID, CLIENT_SECRET, TokenEndpoint
from providers.signicat.sandbox.validation import check_collection, check_sessions

_TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error"}
_CODES = {400: "bad_request", 401: "unauthorized", 403: "missing_permission", 404: "not_found"}
_MOST_SESSIONS = 100

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]


class SignicatSandbox(Sandbox):
    """Simulator of one Signicat account.

    ``shuffle_replies`` answers created sessions in reverse order; ``permitted`` False refuses every call with 403;
    ``terse`` answers errors with ``{}``; packages are made ``packaging_delay`` seconds after the last signature.
    """

    kind = "signicat"
    signature_header = "X-Signicat-Signature"

    def __init__(self, *, clock: Clock | None = None, authority: CertificateAuthority | None = None) -> None:
        self.shuffle_replies = False
        self.permitted = True
        self.archive_enabled = True
        self.terse = False
        super().__init__(clock=clock, authority=authority)
        self.tokens = TokenEndpoint(self.clock)
        self.store = Store(self.clock, self.authority, self._post_packaged)

    @property
    def packaging_delay(self) -> float:
        """Seconds of the simulator's clock from the last signature to the package."""
        return self.store.packaging_delay

    @packaging_delay.setter
    def packaging_delay(self, seconds: float) -> None:
        self.store.packaging_delay = seconds

    def routes(self) -> Sequence[BaseRoute]:
        """Routes of the token endpoint and of the operations in the API reference."""
        table: list[tuple[str, str, Handler]] = [
            ("POST", "/documents", self._upload),
            ("GET", "/documents/{key}", self._download),
            ("DELETE", "/documents/{key}", self._delete_document),
            ("GET", "/documents/{key}/metadata", self._fetch_metadata),
            ("PATCH", "/documents/{key}/metadata", self._update_metadata),
            ("POST", "/document-collections", self._create_collection),
            ("GET", "/document-collections/{key}", self._fetch_collection),
            ("DELETE", "/document-collections/{key}", self._delete_collection),
            ("POST", "/signing-sessions", self._create_sessions),
            ("GET", "/signing-sessions", self._list_signing_sessions),
            ("GET", "/signing-sessions/{key}", self._fetch_session),
            ("DELETE", "/signing-sessions/{key}", self._delete_session),
            ("PATCH", "/signing-sessions/{key}", self._update_session),
        ]
        token = Route("/auth/open/connect/token", self._issue_token, methods=["POST"])
        return [
            token,
            *(Route(f"/sign{path}", self._authenticated(handler), methods=[method]) for method, path, handler in table),
        ]

    def settings(self, base_url: str) -> dict[str, object]:
        """Settings for an adapter of this sandbox, with its webhook secret."""
        webhook = {}
        if self.callback is not None:
            header = self.callback.header or self.signature_header
            webhook["webhook"] = {"header": header, "scheme": self.callback.scheme, "secrets": [self.callback.secret]}
        return {
            "name": "signicat",
            "kind": "signicat",
            "display_name": "Signicat sandbox",
            "environment": "sandbox",
            "base_url": f"{base_url}/sign",
            "token_url": f"{base_url}/auth/open/connect/token",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            **webhook,
        }

    def sessions(self) -> Sequence[SandboxSession]:
        """Every signing session; its one signer can sign while it is READY and not overdue."""
        now = self.clock.now()
        return [
            SandboxSession(
                key, stored.state, (stored.signer,), (0,) if stored.state == "READY" and stored.due_at >= now else ()
            )
            for key, stored in self.store.sessions.items()
        ]

    async def sign(self, key: str, participant: int | None = None) -> None:
        """The signer of a session signs. Raises ``KeyError`` for an unknown one, ``ValueError`` where that is impossible."""
        _require_signer(participant)
        await self.store.sign(key)
        self._post_event(COMPLETED, "id", self.store.sessions[key])

    async def decline(self, key: str, participant: int | None = None) -> None:
        """The signer of a session rejects it, for good. Where Signicat gives the reason is not public."""
        _require_signer(participant)
        self.store.reject(key)
        self._post_event(REJECTED, "id", self.store.sessions[key])

    async def expire(self, key: str) -> None:
        """The due date of a session passes: its documents are dropped, and its state never changes again."""
        session = self.store.sessions[key]
        if session.final:
            raise ValueError(f"the session is {session.state}")
        session.due_at = self.clock.now() - timedelta(seconds=1)

    async def run_background(self) -> None:
        """Makes packages when they are due, and not only at the next call: for webhooks."""
        while await self.store.signed.wait():
            self.store.signed.clear()
            while self.callback is not None and (ready_at := self.store.next_package()) is not None:
                await self.clock.sleep(max(0.0, (ready_at - self.clock.now()).total_seconds()))
                await self.store.pack()

    def _post_packaged(self, session: StoredSession) -> None:
        self._post_event(PACKAGED, "Id", session)

    def _post_event(self, event: str, key: str, session: StoredSession) -> None:
        reference = {"externalReference": session.order.external_reference} if session.order.external_reference else {}
        self.send_webhook(*envelope(event, {key: session.key, **reference}, self.clock.now()))

    def error_response(self, status: int, message: str = "") -> Response:
        """An error answer: problem+json, or ``{}`` from the proxies in front (502 and up) and where ``terse``."""
        return self._problem(Refusal(status, _CODES.get(status, "internal_server_error"), message))

    def _problem(self, refusal: Refusal) -> Response:
        payload: dict[str, Any] = {}
        if refusal.status < 502 and not self.terse:
            title = _TITLES.get(refusal.status, "Error")
            payload = {"status": refusal.status, "title": title, "code": refusal.code, "traceId": secrets.token_hex(16)}
            payload |= {"detail": refusal.detail} if refusal.detail else {}
            invalid = [{"name": name, "reason": reason} for name, reason in refusal.invalid]
            payload |= {"invalidParams": invalid} if invalid else {}
        return JSONResponse(payload, refusal.status, media_type="application/problem+json")

    def _authenticated(self, handler: Handler) -> Handler:
        async def authenticated(request: Request) -> Response:
            if not self.tokens.accepts(request):
                return self.error_response(401)
            if not self.permitted:
                detail = "The client lacks the permission sign:ordermanager:order:create."
                return self._problem(Refusal(403, "missing_permission", detail))
            await self.store.pack()
            try:
                return await handler(request)
            except Refusal as refusal:
                return self._problem(refusal)

        return authenticated

    async def _issue_token(self, request: Request) -> Response:
        return await self.tokens.issue(request)

    async def _upload(self, request: Request) -> Response:
        media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        content = await request.body()
        if media_type not in MEDIA_TYPES:
            raise bad_request(f"Content-Type must be one of {', '.join(sorted(MEDIA_TYPES))}.")
        if not content or (media_type == "application/pdf" and not content.startswith(b"%PDF-")):
            raise bad_request("The document is empty, or not what its Content-Type says.")
        return JSONResponse(self.store.add_document(content, media_type).payload(named=False), 201)

    async def _download(self, request: Request) -> Response:
        document = self._document(request)
        return Response(document.content, media_type=document.media_type)

    async def _delete_document(self, request: Request) -> Response:
        del self.store.documents[self._document(request).key]
        return Response(status_code=204)

    async def _fetch_metadata(self, request: Request) -> Response:
        return JSONResponse(self._document(request).payload(named=True))

    async def _update_metadata(self, request: Request) -> Response:
        document = self._document(request)
        document.names |= decode(MetadataOrder, await request.body()).model_dump(exclude_none=True)
        return JSONResponse(document.payload(named=True))

    async def _create_collection(self, request: Request) -> Response:
        order = decode(CollectionOrder, await request.body())
        check_collection(self.store, order)
        return JSONResponse(self.store.add_collection(order).payload(), 201)

    async def _fetch_collection(self, request: Request) -> Response:
        return JSONResponse(self._collection(request).payload())

    async def _delete_collection(self, request: Request) -> Response:
        del self.store.collections[self._collection(request).key]
        return Response(status_code=204)

    async def _create_sessions(self, request: Request) -> Response:
        orders = decode(list[SessionOrder], await request.body())
        if not 1 <= len(orders) <= _MOST_SESSIONS:
            raise bad_request("Between 1 and 100 sessions are opened at once.")
        orders = [order.with_due_date(self.clock.now()) for order in orders]
        check_sessions(self.store, orders, archive_enabled=self.archive_enabled)
        sessions = [self.store.add_session(order, order.due_date or self.clock.now()) for order in orders]
        rows = [{**session.payload(), "signatureUrl": f"{request.base_url}ui?sessionId={session.link}"} for session in sessions]
        return JSONResponse(rows[::-1] if self.shuffle_replies else rows, 201)

    async def _fetch_session(self, request: Request) -> Response:
        return JSONResponse(self._session(request).payload())

    async def _delete_session(self, request: Request) -> Response:
        self.store.delete_session(self._session(request))
        return Response(status_code=204)

    async def _update_session(self, request: Request) -> Response:
        session = self._session(request)
        if session.final:
            raise bad_request(f"The session is {session.state}.")
        changed = decode(SessionOrder, merged(session.order.payload(), await request.body()))
        session.order = changed.model_copy(update={"documents": session.order.documents})
        session.due_at = changed.with_due_date(self.clock.now()).due_date or session.due_at
        return JSONResponse(session.payload())

    async def _list_signing_sessions(self, request: Request) -> Response:
        query = ListQuery.parse(request.query_params.multi_items())
        matches = query.sorted([session for session in self.store.sessions.values() if query.matches(session)])
        data = [session.payload() for session in matches[query.offset : query.offset + query.limit]]
        page = {"limit": query.limit, "offset": query.offset, "count": len(data), "total": len(matches), "data": data}
        return JSONResponse(page)

    def _document(self, request: Request) -> StoredDocument:
        return _find_or_refuse(self.store.document, request)

    def _collection(self, request: Request) -> StoredCollection:
        return _find_or_refuse(self.store.collections.__getitem__, request)

    def _session(self, request: Request) -> StoredSession:
        return _find_or_refuse(self.store.sessions.__getitem__, request)


def _find_or_refuse(find: Callable[[str], T], request: Request) -> T:
    try:
        return find(request.path_params["key"])
    except KeyError as error:
        raise Refusal(404, "not_found", "There is no such thing.") from error


def _require_signer(participant: int | None) -> None:
    if participant not in {None, 0}:
        raise ValueError("a signing session has one signer")
