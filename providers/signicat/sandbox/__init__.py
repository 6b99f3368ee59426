"""A simulated Signicat Sign API v2, with its token endpoint, its rules and its oddities.

What the vendor does not publish is simulated as ``rules`` says; what it does not document (packaging on demand,
reading the archive) is not there. The people of the sandbox have names of their own: Signicat never learns ours.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from providers.clock import Clock
from providers.sandbox.app import Sandbox, SandboxSession
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.signicat.sandbox.events import COMPLETED, PACKAGED, REJECTED, envelope
from providers.signicat.sandbox.rules import (
    MEDIA_TYPES,
    CollectionOrder,
    ListOrder,
    MetadataOrder,
    Refusal,
    SessionOrder,
    Use,
    bad_request,
    merged,
    read,
)
from providers.signicat.sandbox.store import Shelf, StoredCollection, StoredDocument, StoredSession

CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"
_TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error"}
_CODES = {400: "bad_request", 401: "unauthorized", 403: "missing_permission", 404: "not_found"}
_MOST_SESSIONS = 100

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]


class SignicatSandbox(Sandbox):
    """Signicat, simulated.

    ``shuffle_replies`` answers opened sessions in reverse; ``permitted`` False refuses every call for want of a
    permission; ``terse`` answers errors with ``{}``; ``token_life`` is in seconds, None where the token endpoint does
    not say (tokens live 300 then); packages appear ``packaging_delay`` seconds after the last signature.
    """

    kind = "signicat"
    signature_header = "X-Signicat-Signature"

    def __init__(self, *, clock: Clock | None = None, authority: CertificateAuthority | None = None) -> None:
        self.shuffle_replies = False
        self.permitted = True
        self.archive_enabled = True
        self.terse = False
        self.token_life: float | None = 600
        self._tokens: dict[str, datetime] = {}
        super().__init__(clock=clock, authority=authority)
        self.shelf = Shelf(self.clock, self.authority, self._packed)

    @property
    def packaging_delay(self) -> float:
        """Seconds of the sandbox's clock from the last signature to the package."""
        return self.shelf.packaging_delay

    @packaging_delay.setter
    def packaging_delay(self, seconds: float) -> None:
        self.shelf.packaging_delay = seconds

    def revoke_tokens(self) -> None:
        """No token given out so far is good any more."""
        self._tokens.clear()

    def routes(self) -> Sequence[BaseRoute]:
        """The token endpoint, and the operations of the API reference."""
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
        token = Route("/auth/open/connect/token", self._token, methods=["POST"])
        return [token, *(Route(f"/sign{path}", self._guarded(handler), methods=[method]) for method, path, handler in table)]

    def settings(self, base_url: str) -> dict[str, object]:
        """What a gateway's ``[[providers]]`` table says to reach this sandbox, and to be reached by it."""
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
        """Every signing session; each has one signer, who can sign while it is READY and not overdue."""
        now = self.clock.now()
        return [
            SandboxSession(
                key, stored.state, (stored.signer,), (0,) if stored.state == "READY" and stored.due_at >= now else ()
            )
            for key, stored in self.shelf.sessions.items()
        ]

    async def sign(self, key: str, participant: int | None = None) -> None:
        """The one signer of a session signs. Raises ``KeyError`` or ``ValueError`` where that cannot be."""
        _only_one(participant)
        await self.shelf.sign(key)
        self._tell(COMPLETED, "id", self.shelf.sessions[key])

    async def decline(self, key: str, participant: int | None = None) -> None:
        """The one signer of a session rejects it for good. Where Signicat says why is not public."""
        _only_one(participant)
        self.shelf.reject(key)
        self._tell(REJECTED, "id", self.shelf.sessions[key])

    async def expire(self, key: str) -> None:
        """The due date passes: documents are gone, and the session stays as it is for ever."""
        session = self.shelf.sessions[key]
        if session.final:
            raise ValueError(f"the session is {session.state}")
        session.due_at = self.clock.now() - timedelta(seconds=1)

    async def tend(self) -> None:
        """Makes packages when they are due, and not only when somebody looks: where somebody is to be told."""
        while await self.shelf.signed.wait():
            self.shelf.signed.clear()
            while self.callback is not None and (ready_at := self.shelf.next_package()) is not None:
                await self.clock.sleep(max(0.0, (ready_at - self.clock.now()).total_seconds()))
                await self.shelf.pack()

    def _packed(self, session: StoredSession) -> None:
        self._tell(PACKAGED, "Id", session)

    def _tell(self, event: str, key: str, session: StoredSession) -> None:
        reference = {"externalReference": session.order.external_reference} if session.order.external_reference else {}
        self.post(*envelope(event, {key: session.key, **reference}, self.clock.now()))

    def failure(self, status: int, message: str = "") -> Response:
        """problem+json; ``{}`` from the proxies in front of it (502 and up), and from a terse sandbox."""
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

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            until = self._tokens.get(token)
            if scheme.lower() != "bearer" or until is None or until <= self.clock.now():
                return self.failure(401)
            if not self.permitted:
                missing = "The client lacks the permission sign:ordermanager:order:create."
                return self._problem(Refusal(403, "missing_permission", missing))
            await self.shelf.pack()
            try:
                return await handler(request)
            except Refusal as refusal:
                return self._problem(refusal)

        return guarded

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode(errors="replace")).items()}
        client = _basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
        if client != (CLIENT_ID, CLIENT_SECRET):
            description = "Client authentication failed."
            return JSONResponse({"error": "invalid_client", "error_description": description}, 401 if _basic(request) else 400)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        if form.get("scope") != "signicat-api":
            return JSONResponse({"error": "invalid_scope"}, 400)
        token = secrets.token_urlsafe(32)
        self._tokens[token] = self.clock.now() + timedelta(seconds=300 if self.token_life is None else self.token_life)
        said = {} if self.token_life is None else {"expires_in": self.token_life}
        return JSONResponse({"access_token": token, "token_type": "Bearer", "scope": "signicat-api", **said})

    async def _upload(self, request: Request) -> Response:
        media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        content = await request.body()
        if media_type not in MEDIA_TYPES:
            raise bad_request(f"Content-Type must be one of {', '.join(sorted(MEDIA_TYPES))}.")
        if not content or (media_type == "application/pdf" and not content.startswith(b"%PDF-")):
            raise bad_request("The document is empty, or not what its Content-Type says.")
        return JSONResponse(self.shelf.add_document(content, media_type).payload(named=False), 201)

    async def _download(self, request: Request) -> Response:
        document = self._document(request)
        return Response(document.content, media_type=document.media_type)

    async def _delete_document(self, request: Request) -> Response:
        del self.shelf.documents[self._document(request).key]
        return Response(status_code=204)

    async def _fetch_metadata(self, request: Request) -> Response:
        return JSONResponse(self._document(request).payload(named=True))

    async def _update_metadata(self, request: Request) -> Response:
        document = self._document(request)
        document.names |= read(MetadataOrder, await request.body()).model_dump(exclude_none=True)
        return JSONResponse(document.payload(named=True))

    async def _create_collection(self, request: Request) -> Response:
        order = read(CollectionOrder, await request.body())
        for index, item in enumerate(order.documents):
            self._known_document(item.document_id, f"documents[{index}].documentId")
        return JSONResponse(self.shelf.add_collection(order).payload(), 201)

    async def _fetch_collection(self, request: Request) -> Response:
        return JSONResponse(self._collection(request).payload())

    async def _delete_collection(self, request: Request) -> Response:
        del self.shelf.collections[self._collection(request).key]
        return Response(status_code=204)

    async def _create_sessions(self, request: Request) -> Response:
        orders = read(list[SessionOrder], await request.body())
        if not 1 <= len(orders) <= _MOST_SESSIONS:
            raise bad_request("Between 1 and 100 sessions are opened at once.")
        dated = [order.dated(self.clock.now()) for order in orders]
        for order in dated:
            self._check(order)
        self._check_flows(dated)
        made = [self.shelf.add_session(order, order.due_date or self.clock.now()) for order in dated]
        rows = [{**session.payload(), "signatureUrl": f"{request.base_url}ui?sessionId={session.link}"} for session in made]
        return JSONResponse(rows[::-1] if self.shuffle_replies else rows, 201)

    async def _fetch_session(self, request: Request) -> Response:
        return JSONResponse(self._session(request).payload())

    async def _delete_session(self, request: Request) -> Response:
        self.shelf.delete_session(self._session(request))
        return Response(status_code=204)

    async def _update_session(self, request: Request) -> Response:
        session = self._session(request)
        if session.final:
            raise bad_request(f"The session is {session.state}.")
        changed = read(SessionOrder, merged(session.order.payload(), await request.body()))
        session.order = changed.model_copy(update={"documents": session.order.documents})
        session.due_at = changed.dated(self.clock.now()).due_date or session.due_at
        return JSONResponse(session.payload())

    async def _list_signing_sessions(self, request: Request) -> Response:
        wish = ListOrder.parse(request.query_params.multi_items())
        found = wish.sorted([session for session in self.shelf.sessions.values() if wish.takes(session)])
        data = [session.payload() for session in found[wish.offset : wish.offset + wish.limit]]
        return JSONResponse({"limit": wish.limit, "offset": wish.offset, "count": len(data), "total": len(found), "data": data})

    def _check(self, order: SessionOrder) -> None:
        documents = [self._known_use(use, f"documents[{index}]") for index, use in enumerate(order.documents)]
        order.check({document.media_type for document in documents}, archive_enabled=self.archive_enabled)
        if not order.by_pki and any(b"/ByteRange" in document.content for document in documents):
            raise bad_request("A signed PDF cannot be signed again by authentication.", ("documents", "must be unsigned"))
        for key in order.subsequent_to or ():
            if key not in self.shelf.sessions:
                raise bad_request("A preceding session does not exist.", ("subsequentTo", f"{key} does not exist"))
        for collection in {use.document_collection_id for use in order.documents}:
            if self.shelf.collections[collection].bundle.done:
                raise bad_request("The collection is packaged already.", ("documents", "must be in an open collection"))

    def _check_flows(self, orders: Sequence[SessionOrder]) -> None:
        flows: dict[str, set[bool]] = {}
        for order in [*orders, *(session.order for session in self.shelf.sessions.values())]:
            for use in order.documents:
                flows.setdefault(use.document_collection_id, set()).add(order.by_pki)
        if any(len(kinds) > 1 for kinds in flows.values()):
            mixed = "PKI and authentication cannot be mixed in one collection."
            raise bad_request(mixed, ("signingSetup", "must be of one kind within a collection"))

    def _known_use(self, use: Use, name: str) -> StoredDocument:
        collection = self.shelf.collections.get(use.document_collection_id)
        if collection is None or use.document_id not in {item.document_id for item in collection.order.documents}:
            raise bad_request("A document is not in its collection.", (f"{name}.documentCollectionId", "does not hold it"))
        return self._known_document(use.document_id, f"{name}.documentId")

    def _known_document(self, key: str, name: str) -> StoredDocument:
        try:
            return self.shelf.document(key)
        except KeyError as error:
            raise bad_request("A document does not exist.", (name, "does not exist")) from error

    def _document(self, request: Request) -> StoredDocument:
        return _found(self.shelf.document, request)

    def _collection(self, request: Request) -> StoredCollection:
        return _found(self.shelf.collections.__getitem__, request)

    def _session(self, request: Request) -> StoredSession:
        return _found(self.shelf.sessions.__getitem__, request)


def _found(find: Callable[[str], T], request: Request) -> T:
    try:
        return find(request.path_params["key"])
    except KeyError as error:
        raise Refusal(404, "not_found", "There is no such thing.") from error


def _only_one(participant: int | None) -> None:
    if participant not in {None, 0}:
        raise ValueError("a signing session has one signer")


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, pair = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client, _, secret = base64.b64decode(pair).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client, secret


SANDBOX = SignicatSandbox
