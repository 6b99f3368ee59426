"""A simulated EasyInk: its public API with all 36 operations, its identity host, and the people who sign.

``office`` holds what a test may set: how long processing takes, and what goes wrong with it. Where the vendor does
not publish a path, a status code or a wording, this one follows the style of those that it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from providers.clock import Clock
from providers.easyink.sandbox.account import USER, Office, Refusal, delivery_input, missing, required, text, told
from providers.easyink.sandbox.draft import Drafts, Endpoint
from providers.easyink.sandbox.identity import CLIENT_ID, CLIENT_SECRET, Identity
from providers.easyink.sandbox.session import ACTIVE, STARTED, Dossier, Json, Person
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.control_api import SandboxSession

_PREFIX = "/api/signingSessions"
_DEMO_LIFE = timedelta(days=365)
# InProgress is "sent, awaiting" in the vendor's statistics, which have no word for Pending.
_FILTERS: dict[str, frozenset[str]] = {
    **{word: frozenset({word}) for word in ("Draft", "ReadyToStart", "Finished", "Declined", "Voided", "Expired")},
    "InProgress": STARTED,
}
_VIEWS = frozenset({"NeedToSign", "NeedsAction"})


class EasyInkSandbox(Sandbox):
    """EasyInk with one organisation and one user, for whom every token speaks."""

    kind = "easyink"

    def __init__(self, *, clock: Clock | None = None, authority: CertificateAuthority | None = None) -> None:
        self.office = Office(clock or Clock(), authority or CertificateAuthority())
        self.identity = Identity(self.office.clock)
        super().__init__(clock=self.office.clock, authority=self.office.authority)

    def routes(self) -> Sequence[BaseRoute]:
        """Drafts, sessions and the identity host."""
        one = f"{_PREFIX}/{{session}}"
        table: list[tuple[str, str, Endpoint]] = [
            ("GET", _PREFIX, self._search),
            ("GET", f"{_PREFIX}/statistics", self._statistics),
            ("HEAD", one, self._exists),
            ("GET", one, self._show),
            ("POST", f"{one}/started", self._start),
            ("POST", f"{one}/voided", self._void),
            ("POST", f"{one}/duplicated", self._duplicate),
            ("POST", f"{one}/recreated", self._recreate),
            ("PUT", f"{one}/participants/{{participant}}/deliveryMethods", self._redeliver),
            ("GET", f"{one}/documents/{{document}}", self._original),
            ("GET", f"{one}/attachments/{{document}}", self._attachment),
            ("GET", f"{one}/signedDocuments/{{document}}", self._signed),
            ("GET", f"{one}/allInOneDocument", self._all_in_one),
        ]
        mine = [Route(path, self._admitted(endpoint), methods=[method]) for method, path, endpoint in table]
        return [*mine, *Drafts(self.office).routes(self._admitted), *self.identity.routes()]

    def settings(self, base_url: str) -> dict[str, object]:
        """With a token that is good for a year."""
        return {
            "name": "easyink",
            "kind": "easyink",
            "display_name": "EasyInk (sandbox)",
            "environment": "sandbox",
            "base_url": base_url,
            "identity_url": f"{base_url}/identity",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uri": base_url,
            "access_token": self.identity.mint(_DEMO_LIFE),
        }

    def sessions(self) -> Sequence[SandboxSession]:
        """Drafts too: nobody can sign those."""
        return [
            SandboxSession(
                each.key,
                each.status,
                [person.status for person in each.people.values()],
                [index for index, person in enumerate(each.people.values()) if person in each.waiting],
            )
            for each in self.office.dossiers.values()
        ]

    async def view(self, key: str, participant: int | None = None) -> None:
        """A participant opens the link and signs nothing yet. Raises as ``sign`` does."""
        dossier = self.office.dossiers[key]
        self._actor(dossier, participant).status = "Viewed"
        dossier.status = "InProgress"

    async def sign(self, key: str, participant: int | None = None) -> None:
        """A participant signs, or everyone in turn; the last one finishes the session."""
        dossier = self.office.dossiers[key]
        while True:
            person = self._actor(dossier, participant)
            person.status, person.signed_at = "Signed", self.clock.now()
            dossier.status = "InProgress"
            if all(each.status == "Signed" for each in dossier.people.values()):
                await self.office.finish(dossier)
                return
            dossier.invite()
            if participant is not None:
                return

    async def decline(self, key: str, participant: int | None = None) -> None:
        """Ends the session; who has signed stays signed."""
        dossier = self.office.dossiers[key]
        self._actor(dossier, participant).status = "Declined"
        dossier.status = "Declined"

    async def expire(self, key: str) -> None:
        """The organisation's deadline passes."""
        dossier = self.office.dossiers[key]
        if dossier.status not in STARTED:
            raise ValueError(f"a session that is {dossier.status} does not expire")
        dossier.status = "Expired"

    def error_response(self, status: int, message: str = "") -> Response:
        """Its own error body."""
        return Refusal(message or "An unexpected error occurred.", status).response()

    def _actor(self, dossier: Dossier, participant: int | None) -> Person:
        waiting = dossier.waiting
        people = list(dossier.people.values())
        if participant is not None and not 0 <= participant < len(people):
            raise ValueError(f"there is no participant {participant}")
        person = next(iter(waiting), None) if participant is None else people[participant]
        if person is None or person not in waiting:
            raise ValueError(f"nobody can act now: the session is {dossier.status}, or it is another's turn")
        return person

    def _admitted(self, endpoint: Endpoint) -> Endpoint:
        async def admitted(request: Request) -> Response:
            try:
                self.identity.admit(request)
                return await endpoint(request)
            except Refusal as refusal:
                return refusal.response()

        return admitted

    async def _search(self, request: Request) -> Response:
        number, size = _number(request, "pageIndex", 0, 0, None), _number(request, "pageSize", 20, 1, 100)
        wanted = request.query_params.getlist("statuses")
        if unknown := [word for word in wanted if word not in _FILTERS and word not in _VIEWS]:
            raise Refusal(f"The value '{unknown[0]}' is not valid for statuses.")
        found = [each for each in reversed(self.office.dossiers.values()) if not wanted or self._matches(each, wanted)]
        rows = [each.listed(USER) for each in found[number * size : (number + 1) * size]]
        pages = -(-len(found) // size)
        body = {"items": rows, "totalItemsCount": len(found), "pagesCount": pages, "pageIndex": number, "pageSize": size}
        return JSONResponse(body)

    def _matches(self, dossier: Dossier, wanted: Sequence[str]) -> bool:
        views = {"NeedToSign": dossier.needs(USER), "NeedsAction": dossier.needs(USER) or dossier.bounced}
        return any(views[word] if word in views else dossier.status in _FILTERS[word] for word in wanted)

    async def _statistics(self, request: Request) -> Response:
        def count(*words: str) -> int:
            return sum(self._matches(each, words) for each in self.office.dossiers.values())

        body = {
            "sessionsToSignCount": count("NeedToSign"),
            "draftsCount": count("Draft"),
            "readyToStartCount": count("ReadyToStart"),
            "inProgressCount": count("InProgress"),
            "needsActionCount": count("NeedsAction"),
        }
        return JSONResponse(body)

    async def _exists(self, request: Request) -> Response:
        try:
            self.office.session(request)
        except Refusal as refusal:
            return Response(status_code=refusal.status)
        return Response()

    async def _show(self, request: Request) -> Response:
        dossier = self.office.session(request)
        bundle: Json | None = None
        if dossier.bundle is not None:
            word = self.office.compiled(dossier.bundle)
            bundle = {"title": dossier.bundle.title, "status": None if self.office.bundle_without_status else word}
        view = dossier.viewed(self.office.compiled, bundle, voidable=not self.office.voiding_disabled)
        return JSONResponse(view)

    async def _start(self, request: Request) -> Response:
        dossier = self.office.session(request)
        if dossier.status != "ReadyToStart":
            raise Refusal(f"Session cannot be started in status {dossier.status}")
        if not dossier.documents:
            raise Refusal("Session must have at least one document before starting")
        dossier.status = "Pending"
        dossier.invite()
        return Response(status_code=204)

    async def _void(self, request: Request) -> Response:
        dossier, body = self.office.session(request), await told(request)
        self._end(dossier, text(body, "reason", 1000), "reason")
        return Response(status_code=204)

    def _end(self, dossier: Dossier, reason: str | None, name: str) -> None:
        if not reason:
            raise required(name)
        if self.office.voiding_disabled:
            raise Refusal("Voiding of signing sessions is disabled by the organization's policy", 403)
        if dossier.status == "Voided":
            raise Refusal("Signing session is already Voided")
        if dossier.status not in ACTIVE:
            raise Refusal(f"Signing session cannot be voided in status {dossier.status}")
        dossier.status, dossier.reason = "Voided", reason

    async def _duplicate(self, request: Request) -> Response:
        dossier = self.office.session(request, viewed=False)
        subject = text(await told(request), "subject", 500)
        if dossier.status in {"Voided", "Expired"}:
            raise Refusal(f"Signing session cannot be duplicated in status {dossier.status}")
        return JSONResponse(self.office.keep(dossier.copied(subject, self.clock.now())))

    async def _recreate(self, request: Request) -> Response:
        dossier, body = self.office.session(request), await told(request)
        subject = text(body, "subject", 500)
        self._end(dossier, text(body, "voidReason", 1000), "voidReason")
        return JSONResponse(self.office.keep(dossier.copied(subject, self.clock.now())))

    async def _redeliver(self, request: Request) -> Response:
        dossier, key = self.office.session(request), request.path_params["participant"]
        person = dossier.people.get(key)
        if person is None:
            raise missing("Participant", key)
        if person.status != "Pending" or dossier.status not in ACTIVE:
            raise Refusal("Delivery methods cannot be changed once the participant has used the link")
        delivery = delivery_input(await told(request))
        if not delivery["deliveryMethods"]:
            raise Refusal("Delivery methods must not be empty")
        person.told = {**person.told, **delivery}
        person.invitations += person in dossier.waiting
        return Response(status_code=204)

    async def _original(self, request: Request) -> Response:
        dossier, key = self.office.session(request), request.path_params["document"]
        return self.office.serve(dossier.documents.get(key), "Document", key)

    async def _attachment(self, request: Request) -> Response:
        dossier, key = self.office.session(request), request.path_params["document"]
        if dossier.status == "Draft":
            raise Refusal("Attachment is not available while the session is a draft")
        return self.office.serve(dossier.attachments.get(key), "Attachment", key)

    async def _signed(self, request: Request) -> Response:
        dossier, key = self.office.session(request), request.path_params["document"]
        if key in dossier.documents and key not in dossier.signed:
            raise Refusal("Signed document is not available until participant completes signing")
        return self.office.serve(dossier.signed.get(key), "Signed document", key, self.office.compiling_reads)

    async def _all_in_one(self, request: Request) -> Response:
        dossier = self.office.session(request)
        if dossier.bundle is None:
            raise Refusal("All-in-one document is not available until the session is finished")
        if not dossier.bundle.pages:
            raise Refusal("All-in-one document compilation failed.")
        return self.office.serve(dossier.bundle, "All-in-one document", dossier.key, self.office.compiling_reads)


def _number(request: Request, name: str, usual: int, least: int, most: int | None) -> int:
    value = request.query_params.get(name, str(usual))
    if not value.isdecimal() or int(value) < least or (most is not None and int(value) > most):
        raise Refusal(f"{name} must be {f'between {least} and {most}' if most else f'{least} or more'}")
    return int(value)


SANDBOX = EasyInkSandbox
