"""Request models of the simulator, with the constraints of the API reference."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Protocol, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from providers.signicat.wire import duration, instant_text

T = TypeVar("T")

LONGEST_DUE, DEFAULT_DUE = timedelta(days=45), timedelta(days=30)
MEDIA_TYPES = frozenset({"application/pdf", "text/plain", "text/markdown"})
Text255 = Annotated[str, StringConstraints(max_length=255)]
PackageTo = Annotated[list[Literal["PADES_CONTAINER"]], Field(max_length=5)]


class Refusal(Exception):
    """A refused request: HTTP status, the provider's code, a detail, and the invalid inputs with reasons."""

    def __init__(self, status: int, code: str, detail: str, invalid: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.invalid = invalid


def bad_request(detail: str, *invalid: tuple[str, str]) -> Refusal:
    """A refusal with status 400."""
    return Refusal(400, "bad_request", detail, invalid)


def decode(into: type[T], payload: bytes) -> T:
    """Decodes a request body. Raises a ``Refusal`` that names every invalid input."""
    try:
        return TypeAdapter(into).validate_json(payload)
    except ValidationError as error:
        raise bad_request("The request is not valid.", *map(_invalid, error.errors(include_input=False))) from error


def merged(payload: dict[str, Any], changes: bytes) -> bytes:
    """Merges changes into a request. Raises ``Refusal`` where they are no JSON object."""
    members = {name: value for name, value in payload.items() if value != {}}
    return json.dumps({**members, **decode(dict[str, Any], changes)}).encode()


def _invalid(error: Any) -> tuple[str, str]:
    name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"])
    return name.lstrip(".") or "body", error["msg"]


class _Request(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")


class MetadataOrder(_Request):
    """Names of a document."""

    filename: Text255 | None = None
    title: Text255 | None = None
    description: Annotated[str, StringConstraints(max_length=1000)] | None = None


class CollectionDocument(_Request):
    """A document of a collection."""

    document_id: str
    description: str | None = None


class CollectionOrder(_Request):
    """A document collection."""

    documents: Annotated[list[CollectionDocument], Field(min_length=1, max_length=100)]
    package_to: PackageTo | None = None


class DocumentUse(_Request):
    """Use of a document in a session."""

    document_id: str
    document_collection_id: str
    action: Literal["SIGN", "VIEW"]


class IdentityProvider(_Request):
    """An identity provider."""

    idp_name: str


class Setup(_Request):
    """Signing method of the signer."""

    signing_flow: Literal["AUTHENTICATION_BASED", "PKISIGNING"]
    identity_providers: list[IdentityProvider] | None = None
    vendor: Literal["AUDKENNI", "BUYPASS", "SBID", "NBID", "SMARTID", "MOBILEID"] | None = None
    additional_parameters: dict[str, str] | None = None


class Restriction(_Request):
    """A restriction on the use of a national identification number."""

    parameter: Literal["NIN"]
    restriction: Literal["NO_USE"]


class Signer(_Request):
    """Identity of the signer."""

    national_identification_number: str | None = None
    validations: list[Literal["NATIONAL_IDENTIFICATION_NUMBER"]] | None = None
    restrict_use: list[Restriction] | None = None


class PreAuthentication(_Request):
    """Authentication before the documents are shown."""

    enabled: bool
    identity_providers: list[IdentityProvider] | None = None


class Ui(_Request):
    """Appearance of the signing pages; the language ``no`` is refused."""

    language: Literal["da", "de", "en", "fi", "nb", "nn", "sv"] | None = None


class Redirects(_Request):
    """Addresses for the browser afterwards."""

    success: str
    cancel: str
    error: str


class Archiving(_Request):
    """Archiving of the results."""

    send_signature_results_to_archive: bool
    retention_period: str


class SessionOrder(_Request):
    """A signing session."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    documents: Annotated[list[DocumentUse], Field(min_length=1, max_length=50)]
    signing_setup: Annotated[list[Setup], Field(min_length=1, max_length=1)]
    sign_text: Annotated[str, StringConstraints(max_length=2048)] | None = None
    external_reference: Annotated[str, StringConstraints(max_length=1024)] | None = None
    due_date: AwareDatetime | None = None
    signature_url_ttl: int | None = Field(default=None, alias="signatureUrlTTL", ge=5, le=525_600)
    subsequent_to: Annotated[list[str], Field(max_length=50)] | None = None
    package_to: PackageTo | None = None
    signer: Signer | None = None
    pre_authentication: PreAuthentication | None = None
    ui: Ui | None = None
    redirect_settings: Redirects | None = None
    archive: Archiving | None = None

    @property
    def setup(self) -> Setup:
        """Signing method of the signer."""
        return self.signing_setup[0]

    @property
    def by_pki(self) -> bool:
        """Whether the signer's eID signs."""
        return self.setup.signing_flow == "PKISIGNING"

    def payload(self) -> dict[str, Any]:
        """The order as a session repeats it; an empty ``redirectSettings`` is repeated too."""
        payload = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"due_date"})
        payload.setdefault("redirectSettings", {})
        if self.due_date:
            payload["dueDate"] = instant_text(self.due_date)
        return payload

    def with_due_date(self, now: datetime) -> SessionOrder:
        """The order with a due date, the default where it has none. Raises ``Refusal`` for an impossible one."""
        if self.due_date is None:
            return self.model_copy(update={"due_date": now + DEFAULT_DUE})
        if not now < self.due_date <= now + LONGEST_DUE:
            raise bad_request("The due date is out of range.", ("dueDate", "must be within the next 45 days"))
        return self

    def check(self, media_types: set[str], *, archive_enabled: bool) -> None:
        """Raises ``Refusal`` for parts of the order that exclude each other."""
        if self.by_pki and self.package_to:
            raise bad_request("PKI signatures cannot be packaged.", ("packageTo", "must be absent with PKISIGNING"))
        if (self.setup.additional_parameters or {}).get("sbid_sign_type") == "PHONE":
            if media_types - {"text/plain"}:
                raise bad_request("BankID by phone signs text only.", ("documents", "must be text/plain"))
            if not self.sign_text:
                raise bad_request("BankID by phone needs a text.", ("signText", "must be given"))
        if self.archive and not archive_enabled:
            raise bad_request("Archiving is not enabled for this account.", ("archive", "must be absent"))
        if self.archive and duration(self.archive.retention_period) is None:
            raise bad_request("The retention period is no duration.", ("archive.retentionPeriod", "must be ISO 8601"))


class ListedSession(Protocol):
    """The fields of a session by which a list is filtered and sorted."""

    order: SessionOrder
    created_at: datetime
    due_at: datetime
    state: str


S = TypeVar("S", bound=ListedSession)


class ListQuery(_Request):
    """Query parameters of a list of sessions."""

    offset: Annotated[int, Field(ge=0, le=100_000)] = 0
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    sort: list[Literal["-createdAt", "+createdAt", "-dueDate", "+dueDate"]] = ["-createdAt"]
    state: list[Literal["BLOCKED", "READY", "SIGNED", "REJECTED"]] | None = None
    created_date_from: AwareDatetime | None = None
    created_date_to: AwareDatetime | None = None
    due_date_from: AwareDatetime | None = None
    due_date_to: AwareDatetime | None = None
    session_title_like: str | None = None

    @classmethod
    def parse(cls, query: Iterable[tuple[str, str]]) -> ListQuery:
        """Parses a query string; ``sort`` and ``state`` may repeat. Raises ``Refusal``."""
        members: dict[str, Any] = {}
        for name, value in query:
            if name in {"sort", "state"}:
                members.setdefault(name, []).append(value)
            else:
                members[name] = value
        return decode(cls, json.dumps(members).encode())

    def matches(self, session: ListedSession) -> bool:
        """Whether a session passes the filters."""
        return (
            (self.state is None or session.state in self.state)
            and (self.created_date_from is None or session.created_at >= self.created_date_from)
            and (self.created_date_to is None or session.created_at <= self.created_date_to)
            and (self.due_date_from is None or session.due_at >= self.due_date_from)
            and (self.due_date_to is None or session.due_at <= self.due_date_to)
            and (self.session_title_like or "").lower() in session.order.title.lower()
        )

    def sorted(self, sessions: Sequence[S]) -> Sequence[S]:
        """Sorts sessions that are given oldest first."""
        rows = list(enumerate(sessions))
        for key in reversed(self.sort):
            rows.sort(key=_SORT_KEYS[key[1:]], reverse=key.startswith("-"))
        return [session for _, session in rows]


_SORT_KEYS: dict[str, Callable[[tuple[int, ListedSession]], tuple[datetime, int]]] = {
    "createdAt": lambda row: (row[1].created_at, row[0]),
    "dueDate": lambda row: (row[1].due_at, 0),
}
