"""The sandbox's operations on drafts: everything before a session is started."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.easyink.sandbox.account import (
    ORGANIZATION,
    SELF,
    USER,
    Office,
    Refusal,
    missing,
    participant_input,
    required,
    text,
    told,
)
from providers.easyink.sandbox.session import Dossier, Json, Placed, new_id

Endpoint = Callable[[Request], Awaitable[Response]]

_REMINDERS = frozenset({"Never", "Daily", "Weekly"})
_PREFIX = "/api/signingSessionDrafts"
_LEAST: dict[str, tuple[str, float]] = {
    "page": ("Page", 1),
    "positionX": ("Position on X-axis", 0),
    "positionY": ("Position on Y-axis", 0),
    "sizeX": ("Size on X-axis", 0.1),
    "sizeY": ("Size on Y-axis", 0.1),
}


class Drafts:
    """Rows 1 to 23 of the vendor's reference."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def routes(self, admitted: Callable[[Endpoint], Endpoint]) -> Sequence[Route]:
        """Its routes; ``admitted`` lets nobody in without a token."""
        one, field = f"{_PREFIX}/{{session}}", f"{_PREFIX}/{{session}}/signatureFields/{{field}}"
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
            ("POST", f"{one}/signatureFields", self.add_field),
            ("POST", f"{one}/signatureFields/bulk", self.add_fields),
            ("DELETE", field, self.remove_field),
            ("PUT", f"{field}/options", self.update_options),
            ("PUT", f"{field}/placement", self.update_placement),
            ("POST", f"{one}/converted", self.convert),
        ]
        return [Route(path, admitted(endpoint), methods=[method]) for method, path, endpoint in table]

    async def create(self, request: Request) -> Response:
        """A new draft, whose id is that of the later session."""
        subject = text(await told(request), "subject", 500)
        return JSONResponse(self._office.keep(Dossier(new_id(), subject, self._office.clock.now())))

    async def exists(self, request: Request) -> Response:
        """Without a body, whatever the reference shows."""
        return Response(status_code=200 if request.path_params["session"] in self._office.dossiers else 404)

    async def show(self, request: Request) -> Response:
        """The draft; one that was converted is locked."""
        dossier = self._office.draft(request, to_change=False)
        voidable = not self._office.voiding_disabled
        return JSONResponse(dossier.drafted(self._office.look, ORGANIZATION, USER, voidable=voidable))

    async def update(self, request: Request) -> Response:
        """Subject and reminders, each where given."""
        dossier, body = self._office.draft(request), await told(request)
        subject = text(body, "subject", 500)
        if body.get("reminderFrequency") not in _REMINDERS | {None}:
            raise Refusal("reminderFrequency must be one of Never, Daily, Weekly")
        dossier.subject = subject if "subject" in body else dossier.subject
        if "reminderFrequency" in body:
            dossier.reminder = text(body, "reminderFrequency", 10)
        return Response(status_code=204)

    async def delete(self, request: Request) -> Response:
        """With everything that belongs to it."""
        dossier = self._office.draft(request, to_change=False)
        if dossier.locked:
            raise Refusal("Signing session draft is locked and cannot be removed")
        del self._office.dossiers[dossier.key]
        return Response(status_code=204)

    async def upload(self, request: Request) -> Response:
        """Answers before the document is processed."""
        dossier, paper = self._office.draft(request), await self._office.receive(request)
        dossier.documents[paper.key] = paper
        return JSONResponse(paper.key)

    async def download(self, request: Request) -> Response:
        """The document as PDF."""
        dossier, key = self._office.draft(request, to_change=False), request.path_params["document"]
        return self._office.serve(dossier.documents.get(key), "Document", key)

    async def remove_document(self, request: Request) -> Response:
        """With its fields."""
        dossier, key = self._office.draft(request), request.path_params["document"]
        if dossier.documents.pop(key, None) is None:
            raise missing("Document", key)
        dossier.fields = {name: each for name, each in dossier.fields.items() if each.document != key}
        return Response(status_code=204)

    async def attach(self, request: Request) -> Response:
        """An attachment goes along unsigned."""
        dossier, paper = self._office.draft(request), await self._office.receive(request)
        dossier.attachments[paper.key] = paper
        return JSONResponse(paper.key)

    async def download_attachment(self, request: Request) -> Response:
        """The attachment as PDF."""
        dossier, key = self._office.draft(request, to_change=False), request.path_params["document"]
        return self._office.serve(dossier.attachments.get(key), "Attachment", key)

    async def remove_attachment(self, request: Request) -> Response:
        """The attachment."""
        dossier, key = self._office.draft(request), request.path_params["document"]
        if dossier.attachments.pop(key, None) is None:
            raise missing("Attachment", key)
        return Response(status_code=204)

    async def add_participant(self, request: Request) -> Response:
        """Gives an id."""
        dossier, body = self._office.draft(request), await told(request)
        person = self._office.add(dossier, participant_input(body))
        if dossier.order is not None:
            dossier.order.append(person.key)
        return JSONResponse(person.key)

    async def add_self(self, request: Request) -> Response:
        """Gives an object, unlike its sibling, and somebody without delivery methods."""
        dossier = self._office.draft(request)
        if any(person.user == USER for person in dossier.people.values()):
            raise Refusal("Participant already exists")
        person = self._office.add(dossier, dict(SELF), myself=True)
        if dossier.order is not None:
            dossier.order.append(person.key)
        return JSONResponse(person.drafted())

    async def update_nobody(self, request: Request) -> Response:
        """Somebody forgot the id."""
        raise Refusal("Participant Id is required")

    async def update_participant(self, request: Request) -> Response:
        """Replaces the whole participant."""
        dossier, key = self._office.draft(request), request.path_params["participant"]
        if not key.strip():
            raise Refusal("Participant Id is required")
        if key not in dossier.people:
            raise missing("Participant", key)
        dossier.people[key].told = participant_input(await told(request))
        return Response(status_code=204)

    async def remove_participant(self, request: Request) -> Response:
        """With their fields and their place in the order."""
        dossier, key = self._office.draft(request), request.path_params["participant"]
        if dossier.people.pop(key, None) is None:
            raise missing("Participant", key)
        dossier.fields = {name: each for name, each in dossier.fields.items() if each.participant != key}
        dossier.order = [each for each in dossier.order if each != key] if dossier.order else None
        return Response(status_code=204)

    async def one_by_one(self, request: Request) -> Response:
        """Needs every participant."""
        dossier, order = self._office.draft(request), (await told(request)).get("participantsOrder")
        if not isinstance(order, list):
            raise required("participantsOrder")
        for key in order:
            if key not in dossier.people:
                raise missing("Participant", str(key))
        if left := [key for key in dossier.people if key not in order]:
            raise Refusal(f"Participants order must contain all participants. Missing participants: {', '.join(left)}")
        if len(set(order)) != len(order):
            raise Refusal("Participants order must not contain duplicates")
        dossier.order = list(order)
        return Response(status_code=204)

    async def all_at_once(self, request: Request) -> Response:
        """The default."""
        self._office.draft(request).order = None
        return Response(status_code=204)

    async def add_field(self, request: Request) -> Response:
        """Gives an id."""
        dossier = self._office.draft(request)
        return JSONResponse(self._place(dossier, await told(request)))

    async def add_fields(self, request: Request) -> Response:
        """Several at once or none; gives their ids."""
        dossier, body = self._office.draft(request), await told(request)
        wanted = body.get("signatureFields")
        if not isinstance(wanted, list) or not wanted:
            raise required("signatureFields")
        before = dict(dossier.fields)
        try:
            return JSONResponse([self._place(dossier, each if isinstance(each, dict) else {}) for each in wanted])
        except Refusal:
            dossier.fields = before
            raise

    async def remove_field(self, request: Request) -> Response:
        """Gives the ids of all that went: the field and what depends on it."""
        dossier, placed = self._field(request)
        gone = [placed.key]
        for key in gone:
            gone.extend(each.key for each in dossier.fields.values() if each.depends_on == key)
        for key in gone:
            del dossier.fields[key]
        return JSONResponse(gone)

    async def update_options(self, request: Request) -> Response:
        """Whether a field must be filled in."""
        _, placed = self._field(request)
        placed.required = _required(await told(request), placed.type)
        return Response(status_code=204)

    async def update_placement(self, request: Request) -> Response:
        """Where a field is."""
        _, placed = self._field(request)
        placed.placement = _placement(await told(request))
        return Response(status_code=204)

    async def convert(self, request: Request) -> Response:
        """Makes a session of a draft, which stays behind locked."""
        dossier = self._office.draft(request)
        if reasons := list(self._unfinished(dossier)):
            raise Refusal("Session configuration is invalid. " + " ".join(reasons))
        dossier.status, dossier.locked = "ReadyToStart", True
        return Response(status_code=204)

    def _unfinished(self, dossier: Dossier) -> Sequence[str]:
        files = [*dossier.documents.values(), *dossier.attachments.values()]
        reasons = [f"Document '{each.key}' is being processed." for each in files if not self._office.ready(each)]
        reasons += [f"Document '{each.key}' could not be processed." for each in files if not each.pages]
        if not dossier.people:
            reasons.append("At least one participant is required.")
        for person in dossier.people.values():
            if not person.told.get("firstName") or not person.told.get("lastName"):
                reasons.append(f"Participant '{person.key}' has no name.")
            if not person.told.get("deliveryMethods") and person.user is None:
                reasons.append(f"Participant '{person.key}' has no delivery method.")
        return reasons

    def _field(self, request: Request) -> tuple[Dossier, Placed]:
        dossier, key = self._office.draft(request), request.path_params["field"]
        if key not in dossier.fields:
            raise missing("Signature field", key)
        return dossier, dossier.fields[key]

    def _place(self, dossier: Dossier, body: Json) -> str:
        document, participant, field = body.get("documentId"), body.get("participantId"), body.get("field")
        paper = dossier.documents.get(str(document))
        if paper is None:
            raise missing("Document", str(document))
        if not self._office.ready(paper):
            raise Refusal("Document processing is in progress. Try again later.")
        if participant is not None and participant not in dossier.people:
            raise missing("Participant", str(participant))
        depends_on = text(body, "dependsOn", 64)
        if depends_on is not None and depends_on not in dossier.fields:
            raise missing("Signature field", depends_on)
        if not isinstance(field, dict) or not isinstance(kind := field.get("type"), str):
            raise required("field")
        placement, options = field.get("placement"), field.get("options") or {}
        placed = Placed(
            new_id(),
            paper.key,
            None if participant is None else str(participant),
            kind,
            _placement(placement if isinstance(placement, dict) else {}),
            _required(options, kind),
            depends_on,
        )
        dossier.fields[placed.key] = placed
        return placed.key


def _placement(body: Json) -> Json:
    for name, (label, least) in _LEAST.items():
        value = body.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise required(label)
        if value < least:
            raise Refusal(f"{label} cannot be less than {least}")
    return {name: body[name] for name in _LEAST}


def _required(options: Json, kind: str) -> bool:
    if options.get("forType", kind) != kind:
        raise Refusal("Field options must target the field type")
    return bool(options.get("isRequired", False))
