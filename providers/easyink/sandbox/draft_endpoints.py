"""Draft endpoints of the simulator: drafts with their documents, participants and signing order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.easyink.sandbox.account import ORGANIZATION, SELF, USER, Account
from providers.easyink.sandbox.records import StoredSession, new_id
from providers.easyink.sandbox.requests import Refusal, decode_body, missing, participant_input, required, text

Endpoint = Callable[[Request], Awaitable[Response]]

_REMINDERS = frozenset({"Never", "Daily", "Weekly"})
_PREFIX = "/api/signingSessionDrafts"


class DraftEndpoints:
    """Operations 1 to 17 and 23 of the vendor's reference."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self, authenticated: Callable[[Endpoint], Endpoint]) -> Sequence[Route]:
        """The routes; ``authenticated`` wraps an endpoint that needs a token."""
        one = f"{_PREFIX}/{{session}}"
        table: list[tuple[str, str, Endpoint]] = [
            ("POST", _PREFIX, self.create),
            ("HEAD", one, self.exists),
            ("GET", one, self.show),
            ("PATCH", one, self.update),
            ("DELETE", one, self.delete),
            ("POST", f"{one}/documents", self.upload),
            ("GET", f"{one}/documents/{{document}}", self.download),
            ("DELETE", f"{one}/documents/{{document}}", self.remove_document),
            ("POST", f"{one}/attachments", self.attach),
            ("GET", f"{one}/attachments/{{document}}", self.download_attachment),
            ("DELETE", f"{one}/attachments/{{document}}", self.remove_attachment),
            ("POST", f"{one}/participants", self.add_participant),
            ("PUT", f"{one}/participants", self.update_nobody),
            ("POST", f"{one}/participants/self", self.add_self),
            ("PUT", f"{one}/participants/{{participant}}", self.update_participant),
            ("DELETE", f"{one}/participants/{{participant}}", self.remove_participant),
            ("PUT", f"{one}/signingOrder/oneByOne", self.one_by_one),
            ("PUT", f"{one}/signingOrder/allAtOnce", self.all_at_once),
            ("POST", f"{one}/converted", self.convert),
        ]
        return [Route(path, authenticated(endpoint), methods=[method]) for method, path, endpoint in table]

    async def create(self, request: Request) -> Response:
        """Creates a draft, whose id is that of the later session."""
        subject = text(await decode_body(request), "subject", 500)
        return JSONResponse(self._account.add_session(StoredSession(new_id(), subject, self._account.clock.now())))

    async def exists(self, request: Request) -> Response:
        """Answers without a body, unlike the reference."""
        return Response(status_code=200 if request.path_params["session"] in self._account.sessions else 404)

    async def show(self, request: Request) -> Response:
        """Answers with the draft; a converted one is locked."""
        session = self._account.draft(request, for_change=False)
        voidable = not self._account.voiding_disabled
        return JSONResponse(session.draft_payload(self._account.read_status, ORGANIZATION, USER, voidable=voidable))

    async def update(self, request: Request) -> Response:
        """Changes subject and reminders, each where given."""
        session, body = self._account.draft(request), await decode_body(request)
        subject = text(body, "subject", 500)
        if body.get("reminderFrequency") not in _REMINDERS | {None}:
            raise Refusal("reminderFrequency must be one of Never, Daily, Weekly")
        session.subject = subject if "subject" in body else session.subject
        if "reminderFrequency" in body:
            session.reminder = text(body, "reminderFrequency", 10)
        return Response(status_code=204)

    async def delete(self, request: Request) -> Response:
        """Deletes a draft with all of its parts."""
        session = self._account.draft(request, for_change=False)
        if session.locked:
            raise Refusal("Signing session draft is locked and cannot be removed")
        del self._account.sessions[session.key]
        return Response(status_code=204)

    async def upload(self, request: Request) -> Response:
        """Stores a document; answers before it is processed."""
        session, file = self._account.draft(request), await self._account.receive(request)
        session.documents[file.key] = file
        return JSONResponse(file.key)

    async def download(self, request: Request) -> Response:
        """Answers with a document as PDF."""
        session, key = self._account.draft(request, for_change=False), request.path_params["document"]
        return self._account.serve(session.documents.get(key), "Document", key)

    async def remove_document(self, request: Request) -> Response:
        """Removes a document with its fields."""
        session, key = self._account.draft(request), request.path_params["document"]
        if session.documents.pop(key, None) is None:
            raise missing("Document", key)
        session.fields = {name: each for name, each in session.fields.items() if each.document != key}
        return Response(status_code=204)

    async def attach(self, request: Request) -> Response:
        """Stores an attachment, which nobody signs."""
        session, file = self._account.draft(request), await self._account.receive(request)
        session.attachments[file.key] = file
        return JSONResponse(file.key)

    async def download_attachment(self, request: Request) -> Response:
        """Answers with an attachment as PDF."""
        session, key = self._account.draft(request, for_change=False), request.path_params["document"]
        return self._account.serve(session.attachments.get(key), "Attachment", key)

    async def remove_attachment(self, request: Request) -> Response:
        """Removes an attachment."""
        session, key = self._account.draft(request), request.path_params["document"]
        if session.attachments.pop(key, None) is None:
            raise missing("Attachment", key)
        return Response(status_code=204)

    async def add_participant(self, request: Request) -> Response:
        """Adds a participant; answers with the id."""
        session, body = self._account.draft(request), await decode_body(request)
        person = self._account.add_participant(session, participant_input(body))
        if session.order is not None:
            session.order.append(person.key)
        return JSONResponse(person.key)

    async def add_self(self, request: Request) -> Response:
        """Adds the user, without delivery methods; answers with an object, unlike ``add_participant``."""
        session = self._account.draft(request)
        if any(person.user == USER for person in session.people.values()):
            raise Refusal("Participant already exists")
        person = self._account.add_participant(session, dict(SELF), is_user=True)
        if session.order is not None:
            session.order.append(person.key)
        return JSONResponse(person.draft_payload())

    async def update_nobody(self, request: Request) -> Response:
        """Refuses an update without an id."""
        raise Refusal("Participant Id is required")

    async def update_participant(self, request: Request) -> Response:
        """Replaces a participant as a whole."""
        session, key = self._account.draft(request), request.path_params["participant"]
        if not key.strip():
            raise Refusal("Participant Id is required")
        if key not in session.people:
            raise missing("Participant", key)
        session.people[key].body = participant_input(await decode_body(request))
        return Response(status_code=204)

    async def remove_participant(self, request: Request) -> Response:
        """Removes a participant with their fields and their place in the order."""
        session, key = self._account.draft(request), request.path_params["participant"]
        if session.people.pop(key, None) is None:
            raise missing("Participant", key)
        session.fields = {name: each for name, each in session.fields.items() if each.participant != key}
        session.order = [each for each in session.order if each != key] if session.order else None
        return Response(status_code=204)

    async def one_by_one(self, request: Request) -> Response:
        """Has all participants sign one by one."""
        session, order = self._account.draft(request), (await decode_body(request)).get("participantsOrder")
        if not isinstance(order, list):
            raise required("participantsOrder")
        for key in order:
            if key not in session.people:
                raise missing("Participant", str(key))
        if omitted := [key for key in session.people if key not in order]:
            raise Refusal(f"Participants order must contain all participants. Missing participants: {', '.join(omitted)}")
        if len(set(order)) != len(order):
            raise Refusal("Participants order must not contain duplicates")
        session.order = list(order)
        return Response(status_code=204)

    async def all_at_once(self, request: Request) -> Response:
        """Has all participants sign at once, the default."""
        self._account.draft(request).order = None
        return Response(status_code=204)

    async def convert(self, request: Request) -> Response:
        """Makes a session of a draft, which stays as a locked one."""
        session = self._account.draft(request)
        if reasons := list(self._incomplete_parts(session)):
            raise Refusal("Session configuration is invalid. " + " ".join(reasons))
        session.status, session.locked = "ReadyToStart", True
        return Response(status_code=204)

    def _incomplete_parts(self, session: StoredSession) -> Sequence[str]:
        files = [*session.documents.values(), *session.attachments.values()]
        reasons = [f"Document '{each.key}' is being processed." for each in files if not self._account.is_processed(each)]
        reasons += [f"Document '{each.key}' could not be processed." for each in files if not each.pages]
        if not session.people:
            reasons.append("At least one participant is required.")
        for person in session.people.values():
            if not person.body.get("firstName") or not person.body.get("lastName"):
                reasons.append(f"Participant '{person.key}' has no name.")
            if not person.body.get("deliveryMethods") and person.user is None:
                reasons.append(f"Participant '{person.key}' has no delivery method.")
        return reasons
