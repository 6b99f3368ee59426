"""Orders: translates an order into a native order, and validates it by the constraints of the API reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from providers.errors import Invalid
from providers.model import Archive, Participant, ParticipantRole, ParticipantStatus, Session, SigningOrder
from providers.orders import DocumentChange, DocumentOrder, Order, ParticipantOrder
from providers.signicat.composition.native_order import ACTION, NativeOrder, empty_session, without_nulls
from providers.signicat.options import SignicatOptions, SignicatParticipantOptions
from providers.signicat.wire import LANGUAGES, duration, instant_text

_PDF, _TEXT = "application/pdf", "text/plain"
_LONGEST = {"title": 255, "filename": 255, "description": 1000}


def _options(order: Order) -> SignicatOptions:
    return SignicatOptions.model_validate(dict(order.options))


def objections(order: Order) -> Iterator[Invalid]:
    """Validates an order: yields what Signicat refuses, or could never complete."""
    if not order.start:
        yield Invalid("Signicat has no drafts: leave start out, or say true.", path=("input", "start"))
    if not order.documents:
        yield Invalid("Signicat signs documents: give at least one.", path=("input", "documents"))
    if not order.participants:
        yield Invalid("Signicat needs somebody who signs: give at least one participant.", path=("input", "participants"))
    for index, document in enumerate(order.documents):
        yield from _document_objections(document, ("input", "documents", str(index)))
    for index, person in enumerate(order.participants):
        if person.language and person.language not in LANGUAGES:
            what = f"Signicat speaks {', '.join(sorted(LANGUAGES))}: choose one of them."
            yield Invalid(what, path=("input", "participants", str(index), "language"))
    if order.archive_for is not None and not duration(order.archive_for):
        what = "Signicat archives for a while: give a period of a second or more."
        yield Invalid(what, path=("input", "archive", "retentionPeriod"))
    yield from _option_objections(order)


def _document_objections(document: DocumentOrder, path: tuple[str, ...]) -> Iterator[Invalid]:
    if document.role not in ACTION:
        yield Invalid(
            "Signicat takes documents to sign and attachments: give the role TO_SIGN or ATTACHMENT.", path=(*path, "role")
        )
    yield from name_objections(document, path)


def name_objections(names: DocumentOrder | DocumentChange, path: tuple[str, ...]) -> Iterator[Invalid]:
    """Validates the names of a document by their length."""
    for name, longest in _LONGEST.items():
        if len(getattr(names, name) or "") > longest:
            yield Invalid(f"Signicat takes a {name} of up to {longest} characters: shorten it.", path=(*path, name))


def _option_objections(order: Order) -> Iterator[Invalid]:
    options = _options(order)
    media_types = {document.media_type for document in order.documents}
    packages = {"packageTo": options.package_to, "packageSessionsTo": options.package_sessions_to}
    for name in (name for name, kinds in packages.items() if kinds):
        path = ("input", "options", name)
        if options.signing_flow == "PKISIGNING":
            yield Invalid(f"Signicat packages nothing that an eID signs: leave {name} out.", path=path)
        elif media_types - {_PDF}:
            yield Invalid(f"Signicat packages PDFs only: leave {name} out, or give PDFs only.", path=path)
    by_phone = (_additional_parameters(options, person).get("sbid_sign_type") == "PHONE" for person in order.participants)
    if any(by_phone):
        if media_types - {_TEXT}:
            yield Invalid("BankID by phone signs plain text only: give text/plain documents.", path=("input", "documents"))
        if not order.message:
            yield Invalid("BankID by phone needs a text to agree to: give a message.", path=("input", "message"))


def _participant_options(person: ParticipantOrder) -> SignicatParticipantOptions:
    return SignicatParticipantOptions.model_validate(dict(person.options))


def _additional_parameters(options: SignicatOptions, person: ParticipantOrder) -> Mapping[str, str]:
    return {**(options.additional_parameters or {}), **(_participant_options(person).additional_parameters or {})}


def native_order(order: Order) -> NativeOrder:
    """Translates an order; its options are validated already."""
    options = _options(order)
    return NativeOrder(
        documents=order.documents,
        natives=tuple(_native(order, options, place) for place in range(len(order.participants))),
        draft=_draft(order),
        package_to=tuple(_package_to(order, options)),
        marker=order.marker,
    )


def _native(order: Order, options: SignicatOptions, place: int) -> Mapping[str, object]:
    person = order.participants[place]
    language = person.language or options.language
    return without_nulls(
        title=order.title,
        signText=order.message,
        dueDate=instant_text(order.due_at) if order.due_at else None,
        signingSetup=[_setup(options, person)],
        subsequentTo=_before(order, options, place),
        packageTo=options.package_sessions_to,
        signatureUrlTTL=options.signature_url_ttl,
        redirectSettings=options.redirect_settings and options.redirect_settings.model_dump(),
        preAuthentication=_pre_authentication(options),
        ui={"language": language} if language else None,
        signer=_signer(person) or None,
        archive={"sendSignatureResultsToArchive": True, "retentionPeriod": order.archive_for} if order.archive_for else None,
    )


def _before(order: Order, options: SignicatOptions, place: int) -> Sequence[str] | None:
    """Keys of the sessions to be signed before; in a sequence only the first one waits for them."""
    waits = place == 0 or order.signing_order is SigningOrder.PARALLEL
    return [str(key) for key in options.subsequent_to] if options.subsequent_to and waits else None


def _package_to(order: Order, options: SignicatOptions) -> Sequence[str]:
    if options.package_to is not None:
        return options.package_to
    pdfs = all(document.media_type == _PDF for document in order.documents)
    return ["PADES_CONTAINER"] if pdfs and options.signing_flow == "AUTHENTICATION_BASED" else []


def _setup(options: SignicatOptions, person: ParticipantOrder) -> Mapping[str, object]:
    names = _participant_options(person).identity_providers or options.identity_providers
    return without_nulls(
        signingFlow=options.signing_flow,
        identityProviders=_identity_providers(names),
        vendor=options.vendor,
        additionalParameters=_additional_parameters(options, person) or None,
    )


def _pre_authentication(options: SignicatOptions) -> Mapping[str, object] | None:
    wish = options.pre_authentication
    return without_nulls(enabled=wish.enabled, identityProviders=_identity_providers(wish.identity_providers)) if wish else None


def _signer(person: ParticipantOrder) -> Mapping[str, object]:
    own = {"national_identification_number", "validations", "restrict_use"}
    return _participant_options(person).model_dump(mode="json", by_alias=True, exclude_none=True, include=own)


def _identity_providers(names: Sequence[str] | None) -> Sequence[Mapping[str, str]] | None:
    return [{"idpName": name} for name in names] if names else None


def _draft(order: Order) -> Session:
    """The fields of the session that Signicat does not return: reference, participants and their order."""
    return replace(
        empty_session(),
        title=order.title,
        reference=order.reference,
        due_at=order.due_at,
        signing_order=order.signing_order,
        participants=tuple(map(_participant, order.participants)),
        archive=Archive(requested=True, retention_period=order.archive_for) if order.archive_for else None,
    )


def _participant(person: ParticipantOrder) -> Participant:
    return Participant(
        session=empty_session().ref,
        key="",
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
