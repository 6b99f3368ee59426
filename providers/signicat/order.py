"""An order in Signicat's words: what to send for it, and what of it Signicat would refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from providers.errors import Invalid
from providers.model import (
    Archive,
    Document,
    DocumentRole,
    DocumentStatus,
    Participant,
    ParticipantRole,
    ParticipantStatus,
    Session,
    SessionKind,
    SessionRef,
    SessionStatus,
)
from providers.order import DocumentOrder, Order, ParticipantOrder
from providers.signicat.options import Options, ParticipantOptions
from providers.signicat.part import MARKER, external_reference
from providers.signicat.wire import LANGUAGES, Metadata, duration, instant, instant_text

_PDF, _TEXT = "application/pdf", "text/plain"
_ACTION = {DocumentRole.TO_SIGN: "SIGN", DocumentRole.ATTACHMENT: "VIEW"}
_LONGEST = {"title": 255, "filename": 255, "description": 1000}


def options_of(order: Order) -> Options:
    """The order's options."""
    return Options.model_validate(dict(order.options))


def problems(order: Order) -> Iterator[Invalid]:
    """What Signicat is known to refuse, or could never finish."""
    if not order.start:
        yield Invalid("Signicat has no drafts: leave start out, or say true.", path=("input", "start"))
    if not order.documents:
        yield Invalid("Signicat signs documents: give at least one.", path=("input", "documents"))
    if not order.participants:
        yield Invalid("Signicat needs somebody who signs: give at least one participant.", path=("input", "participants"))
    for index, document in enumerate(order.documents):
        yield from _document_problems(document, ("input", "documents", str(index)))
    for index, person in enumerate(order.participants):
        if person.language and person.language not in LANGUAGES:
            what = f"Signicat speaks {', '.join(sorted(LANGUAGES))}: choose one of them."
            yield Invalid(what, path=("input", "participants", str(index), "language"))
    if order.archive_for is not None and not duration(order.archive_for):
        what = "Signicat archives for a while: give a period of a second or more."
        yield Invalid(what, path=("input", "archive", "retentionPeriod"))
    yield from _option_problems(order)


def _document_problems(document: DocumentOrder, path: tuple[str, ...]) -> Iterator[Invalid]:
    if document.role not in _ACTION:
        yield Invalid(
            "Signicat takes documents to sign and attachments: give the role TO_SIGN or ATTACHMENT.", path=(*path, "role")
        )
    for name, longest in _LONGEST.items():
        if len(getattr(document, name) or "") > longest:
            yield Invalid(f"Signicat takes a {name} of up to {longest} characters: shorten it.", path=(*path, name))


def _option_problems(order: Order) -> Iterator[Invalid]:
    options = options_of(order)
    media_types = {document.media_type for document in order.documents}
    path = ("input", "options", "packageTo")
    if options.package_to and options.signing_flow == "PKISIGNING":
        yield Invalid("Signicat packages nothing that an eID signs: leave packageTo out.", path=path)
    elif options.package_to and media_types - {_PDF}:
        yield Invalid("Signicat packages PDFs only: leave packageTo out, or give PDFs only.", path=path)
    by_phone = (_additional_parameters(options, person).get("sbid_sign_type") == "PHONE" for person in order.participants)
    if any(by_phone):
        if media_types - {_TEXT}:
            yield Invalid("BankID by phone signs plain text only: give text/plain documents.", path=("input", "documents"))
        if not order.message:
            yield Invalid("BankID by phone needs a text to agree to: give a message.", path=("input", "message"))


def _wishes(person: ParticipantOrder) -> ParticipantOptions:
    return ParticipantOptions.model_validate(dict(person.options))


def _additional_parameters(options: Options, person: ParticipantOrder) -> Mapping[str, str]:
    return {**(options.additional_parameters or {}), **(_wishes(person).additional_parameters or {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """An order whose documents Signicat has; ``uploads`` are in the order's own order."""

    order: Order
    uploads: Sequence[Metadata]
    options: Options
    marker: str = field(default_factory=lambda: f"{MARKER}{uuid4().hex}")

    @property
    def places(self) -> range:
        """The participants' places in signing order, from 1."""
        return range(1, len(self.order.participants) + 1)

    def collection(self) -> Mapping[str, object]:
        """The document collection to make."""
        documents = [
            _given(documentId=upload.document_id, description=document.description)
            for document, upload in zip(self.order.documents, self.uploads, strict=True)
        ]
        return _given(documents=documents, packageTo=self._package_to() or None)

    def signing_session(self, collection: str, place: int, after: str | None = None) -> Mapping[str, object]:
        """The native session of the participant at a place (from 1), to be signed after another one."""
        order, options, person = self.order, self.options, self.order.participants[place - 1]
        language = person.language or options.language
        return _given(
            title=order.title,
            signText=order.message,
            externalReference=self.external_reference(place),
            dueDate=instant_text(order.due_at) if order.due_at else None,
            documents=[
                {"documentId": upload.document_id, "documentCollectionId": collection, "action": _ACTION[document.role]}
                for document, upload in zip(order.documents, self.uploads, strict=True)
            ],
            signingSetup=[self._setup(person)],
            subsequentTo=[after] if after else None,
            signatureUrlTTL=options.signature_url_ttl,
            redirectSettings=options.redirect_settings and options.redirect_settings.model_dump(),
            preAuthentication=self._pre_authentication(),
            ui={"language": language} if language else None,
            signer=self._signer(person) or None,
            archive=self._archive(),
        )

    def external_reference(self, place: int) -> str | None:
        """What the native session at a place is called; a single one has no name but the client's reference."""
        people = len(self.order.participants)
        if people == 1 and not self.order.reference:
            return None
        return external_reference(self.order.reference or self.marker, place, people)

    def known(self, ref: SessionRef, keys: Sequence[str]) -> Session:
        """What Signicat will not repeat: who the participants are, and what the documents are called."""
        order = self.order
        return Session(
            provider=ref.provider,
            key=ref.key,
            kind=SessionKind.SIGNING,
            status=SessionStatus.PENDING,
            title=order.title,
            reference=order.reference,
            due_at=order.due_at,
            signing_order=order.signing_order,
            documents=tuple(self._documents(ref)),
            participants=tuple(_participant(ref, key, person) for key, person in zip(keys, order.participants, strict=True)),
            archive=Archive(requested=True, retention_period=order.archive_for) if order.archive_for else None,
        )

    def _package_to(self) -> Sequence[str]:
        if self.options.package_to is not None:
            return self.options.package_to
        pdfs = all(document.media_type == _PDF for document in self.order.documents)
        return ["PADES_CONTAINER"] if pdfs and self.options.signing_flow == "AUTHENTICATION_BASED" else []

    def _setup(self, person: ParticipantOrder) -> Mapping[str, object]:
        names = _wishes(person).identity_providers or self.options.identity_providers
        return _given(
            signingFlow=self.options.signing_flow,
            identityProviders=_named(names),
            vendor=self.options.vendor,
            additionalParameters=_additional_parameters(self.options, person) or None,
        )

    def _pre_authentication(self) -> Mapping[str, object] | None:
        wish = self.options.pre_authentication
        return _given(enabled=wish.enabled, identityProviders=_named(wish.identity_providers)) if wish else None

    def _signer(self, person: ParticipantOrder) -> Mapping[str, object]:
        own = {"national_identification_number", "validations", "restrict_use"}
        return _wishes(person).model_dump(mode="json", by_alias=True, exclude_none=True, include=own)

    def _archive(self) -> Mapping[str, object] | None:
        period = self.order.archive_for
        return {"sendSignatureResultsToArchive": True, "retentionPeriod": period} if period else None

    def _documents(self, ref: SessionRef) -> Iterator[Document]:
        for document, upload in zip(self.order.documents, self.uploads, strict=True):
            yield Document(
                session=ref,
                key=upload.document_id,
                role=document.role,
                status=DocumentStatus.READY,
                title=document.title,
                filename=document.filename,
                description=document.description,
                media_type=document.media_type,
                size_bytes=document.size_bytes,
                sha256=document.sha256,
                created_at=instant(upload.created_at),
            )


def _participant(ref: SessionRef, key: str, person: ParticipantOrder) -> Participant:
    return Participant(
        session=ref,
        key=key,
        role=ParticipantRole.SIGNER,
        status=ParticipantStatus.INVITED,
        first_name=person.first_name,
        middle_name=person.middle_name,
        last_name=person.last_name,
        display_name=" ".join(name for name in (person.first_name, person.middle_name, person.last_name) if name) or None,
        email=person.email,
        phone=person.phone,
        language=person.language,
        delivery_methods=person.delivery_methods,
    )


def _named(names: Sequence[str] | None) -> Sequence[Mapping[str, str]] | None:
    return [{"idpName": name} for name in names] if names else None


def _given(**members: object) -> Mapping[str, object]:
    return {name: value for name, value in members.items() if value is not None}
