"""Field endpoints of the simulator: the signature fields on the documents of a draft."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.easyink.sandbox.account import Account
from providers.easyink.sandbox.records import Json, StoredField, StoredSession, new_id
from providers.easyink.sandbox.requests import Refusal, decode_body, missing, required, text

Endpoint = Callable[[Request], Awaitable[Response]]

_PREFIX = "/api/signingSessionDrafts/{session}/signatureFields"
_MINIMUMS: dict[str, tuple[str, float]] = {
    "page": ("Page", 1),
    "positionX": ("Position on X-axis", 0),
    "positionY": ("Position on Y-axis", 0),
    "sizeX": ("Size on X-axis", 0.1),
    "sizeY": ("Size on Y-axis", 0.1),
}


class FieldEndpoints:
    """Operations 18 to 22 of the vendor's reference."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self, authenticated: Callable[[Endpoint], Endpoint]) -> Sequence[Route]:
        """The routes; ``authenticated`` wraps an endpoint that needs a token."""
        one = f"{_PREFIX}/{{field}}"
        table: list[tuple[str, str, Endpoint]] = [
            ("POST", _PREFIX, self.add),
            ("POST", f"{_PREFIX}/bulk", self.add_all),
            ("DELETE", one, self.remove),
            ("PUT", f"{one}/options", self.update_options),
            ("PUT", f"{one}/placement", self.update_placement),
        ]
        return [Route(path, authenticated(endpoint), methods=[method]) for method, path, endpoint in table]

    async def add(self, request: Request) -> Response:
        """Places a field; answers with its id."""
        session = self._account.draft(request)
        return JSONResponse(self._place(session, await decode_body(request)))

    async def add_all(self, request: Request) -> Response:
        """Places several fields or none; answers with their ids."""
        session, body = self._account.draft(request), await decode_body(request)
        fields = body.get("signatureFields")
        if not isinstance(fields, list) or not fields:
            raise required("signatureFields")
        before = dict(session.fields)
        try:
            return JSONResponse([self._place(session, each if isinstance(each, dict) else {}) for each in fields])
        except Refusal:
            session.fields = before
            raise

    async def remove(self, request: Request) -> Response:
        """Removes a field and those that depend on it; answers with the ids of all."""
        session, stored = self._field(request)
        removed = [stored.key]
        for key in removed:
            removed.extend(each.key for each in session.fields.values() if each.depends_on == key)
        for key in removed:
            del session.fields[key]
        return JSONResponse(removed)

    async def update_options(self, request: Request) -> Response:
        """Replaces the options of a field."""
        _, stored = self._field(request)
        stored.required = _is_required(await decode_body(request), stored.type)
        return Response(status_code=204)

    async def update_placement(self, request: Request) -> Response:
        """Moves or resizes a field."""
        _, stored = self._field(request)
        stored.placement = _placement(await decode_body(request))
        return Response(status_code=204)

    def _field(self, request: Request) -> tuple[StoredSession, StoredField]:
        session, key = self._account.draft(request), request.path_params["field"]
        if key not in session.fields:
            raise missing("Signature field", key)
        return session, session.fields[key]

    def _place(self, session: StoredSession, body: Json) -> str:
        document, participant, field = body.get("documentId"), body.get("participantId"), body.get("field")
        file = session.documents.get(str(document))
        if file is None:
            raise missing("Document", str(document))
        if not self._account.is_processed(file):
            raise Refusal("Document processing is in progress. Try again later.")
        if participant is not None and participant not in session.people:
            raise missing("Participant", str(participant))
        depends_on = text(body, "dependsOn", 64)
        if depends_on is not None and depends_on not in session.fields:
            raise missing("Signature field", depends_on)
        if not isinstance(field, dict) or not isinstance(kind := field.get("type"), str):
            raise required("field")
        placement, options = field.get("placement"), field.get("options") or {}
        stored = StoredField(
            new_id(),
            file.key,
            None if participant is None else str(participant),
            kind,
            _placement(placement if isinstance(placement, dict) else {}),
            _is_required(options, kind),
            depends_on,
        )
        session.fields[stored.key] = stored
        return stored.key


def _placement(body: Json) -> Json:
    for name, (label, least) in _MINIMUMS.items():
        value = body.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise required(label)
        if value < least:
            raise Refusal(f"{label} cannot be less than {least}")
    return {name: body[name] for name in _MINIMUMS}


def _is_required(options: Json, kind: str) -> bool:
    if options.get("forType", kind) != kind:
        raise Refusal("Field options must target the field type")
    return bool(options.get("isRequired", False))
