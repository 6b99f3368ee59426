"""Session endpoints of the simulator: search, views, transitions and downloads of sessions that are no drafts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.easyink.sandbox.account import USER, Account
from providers.easyink.sandbox.records import ACTIVE, STARTED, Json, StoredSession
from providers.easyink.sandbox.requests import Refusal, decode_body, delivery_input, missing, required, text

Endpoint = Callable[[Request], Awaitable[Response]]

_PREFIX = "/api/signingSessions"
# InProgress is "sent, awaiting" in the vendor's statistics, which have no word for Pending.
_FILTERS: dict[str, frozenset[str]] = {
    **{word: frozenset({word}) for word in ("Draft", "ReadyToStart", "Finished", "Declined", "Voided", "Expired")},
    "InProgress": STARTED,
}
_VIEWS = frozenset({"NeedToSign", "NeedsAction"})


class SessionEndpoints:
    """Operations 24 to 36 of the vendor's reference."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self, authenticated: Callable[[Endpoint], Endpoint]) -> Sequence[Route]:
        """The routes; ``authenticated`` wraps an endpoint that needs a token."""
        one = f"{_PREFIX}/{{session}}"
        table: list[tuple[str, str, Endpoint]] = [
            ("GET", _PREFIX, self.search),
            ("GET", f"{_PREFIX}/statistics", self.statistics),
            ("HEAD", one, self.exists),
            ("GET", one, self.show),
            ("POST", f"{one}/started", self.start),
            ("POST", f"{one}/voided", self.void),
            ("POST", f"{one}/duplicated", self.duplicate),
            ("POST", f"{one}/recreated", self.recreate),
            ("PUT", f"{one}/participants/{{participant}}/deliveryMethods", self.update_delivery),
            ("GET", f"{one}/documents/{{document}}", self.download_document),
            ("GET", f"{one}/attachments/{{document}}", self.download_attachment),
            ("GET", f"{one}/signedDocuments/{{document}}", self.download_signed),
            ("GET", f"{one}/allInOneDocument", self.download_all_in_one),
        ]
        return [Route(path, authenticated(endpoint), methods=[method]) for method, path, endpoint in table]

    async def search(self, request: Request) -> Response:
        """Answers with a page of sessions and drafts."""
        number, size = _number(request, "pageIndex", 0, 0, None), _number(request, "pageSize", 20, 1, 100)
        statuses = request.query_params.getlist("statuses")
        if unknown := [word for word in statuses if word not in _FILTERS and word not in _VIEWS]:
            raise Refusal(f"The value '{unknown[0]}' is not valid for statuses.")
        matches = [each for each in reversed(self._account.sessions.values()) if not statuses or self._matches(each, statuses)]
        rows = [each.row_payload(USER) for each in matches[number * size : (number + 1) * size]]
        pages = -(-len(matches) // size)
        body = {"items": rows, "totalItemsCount": len(matches), "pagesCount": pages, "pageIndex": number, "pageSize": size}
        return JSONResponse(body)

    def _matches(self, session: StoredSession, statuses: Sequence[str]) -> bool:
        views = {"NeedToSign": session.awaits(USER), "NeedsAction": session.awaits(USER) or session.bounced}
        return any(views[word] if word in views else session.status in _FILTERS[word] for word in statuses)

    async def statistics(self, request: Request) -> Response:
        """Answers with counts of sessions."""

        def count(*words: str) -> int:
            return sum(self._matches(each, words) for each in self._account.sessions.values())

        body = {
            "sessionsToSignCount": count("NeedToSign"),
            "draftsCount": count("Draft"),
            "readyToStartCount": count("ReadyToStart"),
            "inProgressCount": count("InProgress"),
            "needsActionCount": count("NeedsAction"),
        }
        return JSONResponse(body)

    async def exists(self, request: Request) -> Response:
        """Answers without a body, unlike the reference."""
        try:
            self._account.session(request)
        except Refusal as refusal:
            return Response(status_code=refusal.status)
        return Response()

    async def show(self, request: Request) -> Response:
        """Answers with the view of a session."""
        session = self._account.session(request)
        all_in_one: Json | None = None
        if session.all_in_one is not None:
            status = self._account.read_compiled_status(session.all_in_one)
            shown = None if self._account.all_in_one_without_status else status
            all_in_one = {"title": session.all_in_one.title, "status": shown}
        view = session.view_payload(self._account.read_compiled_status, all_in_one, voidable=not self._account.voiding_disabled)
        return JSONResponse(view)

    async def start(self, request: Request) -> Response:
        """Starts a converted session, which invites its participants."""
        session = self._account.session(request)
        if session.status != "ReadyToStart":
            raise Refusal(f"Session cannot be started in status {session.status}")
        if not session.documents:
            raise Refusal("Session must have at least one document before starting")
        session.status = "Pending"
        session.invite()
        return Response(status_code=204)

    async def void(self, request: Request) -> Response:
        """Voids a session."""
        session, body = self._account.session(request), await decode_body(request)
        self._end(session, text(body, "reason", 1000), "reason")
        return Response(status_code=204)

    def _end(self, session: StoredSession, reason: str | None, name: str) -> None:
        if not reason:
            raise required(name)
        if self._account.voiding_disabled:
            raise Refusal("Voiding of signing sessions is disabled by the organization's policy", 403)
        if session.status == "Voided":
            raise Refusal("Signing session is already Voided")
        if session.status not in ACTIVE:
            raise Refusal(f"Signing session cannot be voided in status {session.status}")
        session.status, session.reason = "Voided", reason

    async def duplicate(self, request: Request) -> Response:
        """Copies a session into a new draft."""
        session = self._account.session(request, viewed=False)
        subject = text(await decode_body(request), "subject", 500)
        if session.status in {"Voided", "Expired"}:
            raise Refusal(f"Signing session cannot be duplicated in status {session.status}")
        return JSONResponse(self._account.add_session(session.copy(subject, self._account.clock.now())))

    async def recreate(self, request: Request) -> Response:
        """Copies a session into a new draft, and voids it."""
        session, body = self._account.session(request), await decode_body(request)
        subject = text(body, "subject", 500)
        self._end(session, text(body, "voidReason", 1000), "voidReason")
        return JSONResponse(self._account.add_session(session.copy(subject, self._account.clock.now())))

    async def update_delivery(self, request: Request) -> Response:
        """Replaces the delivery methods of a participant, and invites them again."""
        session, key = self._account.session(request), request.path_params["participant"]
        person = session.people.get(key)
        if person is None:
            raise missing("Participant", key)
        if person.status != "Pending" or session.status not in ACTIVE:
            raise Refusal("Delivery methods cannot be changed once the participant has used the link")
        delivery = delivery_input(await decode_body(request))
        if not delivery["deliveryMethods"]:
            raise Refusal("Delivery methods must not be empty")
        person.body = {**person.body, **delivery}
        person.invitations += person in session.waiting
        return Response(status_code=204)

    async def download_document(self, request: Request) -> Response:
        """Answers with an original as PDF."""
        session, key = self._account.session(request), request.path_params["document"]
        return self._account.serve(session.documents.get(key), "Document", key)

    async def download_attachment(self, request: Request) -> Response:
        """Answers with an attachment as PDF."""
        session, key = self._account.session(request), request.path_params["document"]
        if session.status == "Draft":
            raise Refusal("Attachment is not available while the session is a draft")
        return self._account.serve(session.attachments.get(key), "Attachment", key)

    async def download_signed(self, request: Request) -> Response:
        """Answers with a signed document as PDF."""
        session, key = self._account.session(request), request.path_params["document"]
        if key in session.documents and key not in session.signed:
            raise Refusal("Signed document is not available until participant completes signing")
        return self._account.serve(session.signed.get(key), "Signed document", key, self._account.compiling_reads)

    async def download_all_in_one(self, request: Request) -> Response:
        """Answers with the all-in-one document as PDF."""
        session = self._account.session(request)
        if session.all_in_one is None:
            raise Refusal("All-in-one document is not available until the session is finished")
        if not session.all_in_one.pages:
            raise Refusal("All-in-one document compilation failed.")
        return self._account.serve(session.all_in_one, "All-in-one document", session.key, self._account.compiling_reads)


def _number(request: Request, name: str, default: int, least: int, most: int | None) -> int:
    value = request.query_params.get(name, str(default))
    if not value.isdecimal() or int(value) < least or (most is not None and int(value) > most):
        raise Refusal(f"{name} must be {f'between {least} and {most}' if most else f'{least} or more'}")
    return int(value)
