"""An order, checked for what Signicat would refuse, and put into its words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from providers.errors import Invalid
from providers.model import Archive, Participant, ParticipantRole, ParticipantStatus, Session, SigningOrder
from providers.orders import DocumentChange, DocumentOrder, Order, ParticipantOrder
from providers.signicat.composition.native_order import ACTION, Demand, blank, given
from providers.signicat.options import Options, ParticipantOptions
from providers.signicat.wire import LANGUAGES, duration, instant_text

_PDF, _TEXT = "application/pdf", "text/plain"
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
    if document.role not in ACTION:
        yield Invalid(
            "Signicat takes documents to sign and attachments: give the role TO_SIGN or ATTACHMENT.", path=(*path, "role")
        )
    yield from name_problems(document, path)


def name_problems(names: DocumentOrder | DocumentChange, path: tuple[str, ...]) -> Iterator[Invalid]:
    """What a document cannot be called."""
    for name, longest in _LONGEST.items():
        if len(getattr(names, name) or "") > longest:
            yield Invalid(f"Signicat takes a {name} of up to {longest} characters: shorten it.", path=(*path, name))


def _option_problems(order: Order) -> Iterator[Invalid]:
    options = options_of(order)
    media_types = {document.media_type for document in order.documents}
    asked = {"packageTo": options.package_to, "packageSessionsTo": options.package_sessions_to}
    for name in (name for name, kinds in asked.items() if kinds):
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


def _wishes(person: ParticipantOrder) -> ParticipantOptions:
    return ParticipantOptions.model_validate(dict(person.options))


def _additional_parameters(options: Options, person: ParticipantOrder) -> Mapping[str, str]:
    return {**(options.additional_parameters or {}), **(_wishes(person).additional_parameters or {})}


def demanded(order: Order) -> Demand:
    """What to open for an order."""
    options = options_of(order)
    return Demand(
        documents=order.documents,
        natives=tuple(_native(order, options, place) for place in range(len(order.participants))),
        draft=_draft(order),
        package_to=tuple(_package_to(order, options)),
        marker=order.marker,
    )


def _native(order: Order, options: Options, place: int) -> Mapping[str, object]:
    person = order.participants[place]
    language = person.language or options.language
    return given(
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


def _before(order: Order, options: Options, place: int) -> Sequence[str] | None:
    """Sessions of others that come first. In a sequence only its first session waits for them."""
    waits = place == 0 or order.signing_order is SigningOrder.PARALLEL
    return [str(key) for key in options.subsequent_to] if options.subsequent_to and waits else None


def _package_to(order: Order, options: Options) -> Sequence[str]:
    if options.package_to is not None:
        return options.package_to
    pdfs = all(document.media_type == _PDF for document in order.documents)
    return ["PADES_CONTAINER"] if pdfs and options.signing_flow == "AUTHENTICATION_BASED" else []


def _setup(options: Options, person: ParticipantOrder) -> Mapping[str, object]:
    names = _wishes(person).identity_providers or options.identity_providers
    return given(
        signingFlow=options.signing_flow,
        identityProviders=_named(names),
        vendor=options.vendor,
        additionalParameters=_additional_parameters(options, person) or None,
    )


def _pre_authentication(options: Options) -> Mapping[str, object] | None:
    wish = options.pre_authentication
    return given(enabled=wish.enabled, identityProviders=_named(wish.identity_providers)) if wish else None


def _signer(person: ParticipantOrder) -> Mapping[str, object]:
    own = {"national_identification_number", "validations", "restrict_use"}
    return _wishes(person).model_dump(mode="json", by_alias=True, exclude_none=True, include=own)


def _named(names: Sequence[str] | None) -> Sequence[Mapping[str, str]] | None:
    return [{"idpName": name} for name in names] if names else None


def _draft(order: Order) -> Session:
    """The session as far as only the order tells: who the participants are, and what it refers to."""
    return replace(
        blank(),
        title=order.title,
        reference=order.reference,
        due_at=order.due_at,
        signing_order=order.signing_order,
        participants=tuple(map(_participant, order.participants)),
        archive=Archive(requested=True, retention_period=order.archive_for) if order.archive_for else None,
    )


def _participant(person: ParticipantOrder) -> Participant:
    return Participant(
        session=blank().ref,
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
