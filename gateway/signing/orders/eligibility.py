"""Eligibility rules: the problems that keep a provider from carrying out an order, found without calling it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from pydantic import BaseModel, ValidationError

from gateway import text_rules
from gateway.directory import ConnectedProvider
from providers.capability import Operation
from providers.errors import Invalid, SigningError, TooLarge, Unsupported
from providers.model import DeliveryMethod, DocumentRole
from providers.orders import DocumentOrder, Order, ParticipantOrder


def problems(provider: ConnectedProvider, order: Order, now: datetime, flaws: Sequence[Invalid] = ()) -> list[SigningError]:
    """The problems of an order at a provider, at most one for each input; empty where it can be carried out.

    ``flaws`` are the problems of the order's texts at any provider.
    """
    if not provider.can(Operation.CREATE_SESSION):
        return [Unsupported(f"{provider.name} cannot create sessions.", path=("input", "provider"), provider=provider.name)]
    found: dict[tuple[str, ...], SigningError] = {}
    for problem in chain(flaws, _all(provider, order, now)):
        found.setdefault(problem.path, problem.at(problem.path, provider.name))
    return list(found.values())


def document_problems(provider: ConnectedProvider, document: DocumentOrder, now: datetime) -> list[SigningError]:
    """The problems of one more document in a session that has not started."""
    order = Order(title=document.filename, documents=(document,), start=False)
    return _only(problems(provider, order, now), "documents", "document")


def participant_problems(provider: ConnectedProvider, participant: ParticipantOrder, now: datetime) -> list[SigningError]:
    """The problems of one more participant in a session that has not started."""
    order = Order(title="A draft", participants=(participant,), start=False)
    return _only(problems(provider, order, now), "participants", "participant")


def validated_participant(provider: ConnectedProvider, participant: ParticipantOrder) -> ParticipantOrder:
    """The participant with options as the provider's model has them."""
    return replace(participant, options=_dump(provider.record.participant_options, participant.options))


def _only(found: list[SigningError], many: str, one: str) -> list[SigningError]:
    """The problems of the first of a list, as problems of the one input that there is."""
    first = ("input", many, "0")
    return [each.at(("input", one, *each.path[3:])) for each in found if each.path[:3] == first]


def validated(provider: ConnectedProvider, order: Order) -> Order:
    """The order with options as the provider's models have them. Call it on an order without problems."""
    people = tuple(validated_participant(provider, person) for person in order.participants)
    return replace(order, participants=people, options=_dump(provider.record.options, order.options))


def _dump(model: type[BaseModel], options: Mapping[str, object]) -> dict[str, object]:
    return model.model_validate(options).model_dump(mode="json", exclude_none=True, by_alias=True)


def _all(provider: ConnectedProvider, order: Order, now: datetime) -> Iterator[Invalid]:
    yield from _texts(provider, order)
    yield from _documents(provider, order)
    yield from _participants(provider, order)
    yield from _fields(provider, order)
    yield from _times(provider, order, now)
    options = list(_options(provider.record.options, order.options, ("input", "options")))
    yield from options
    for place, person in enumerate(order.participants):
        path = ("input", "participants", str(place), "options")
        found = list(_options(provider.record.participant_options, person.options, path))
        yield from found
        options += found
    if not options:
        yield from provider.adapter.validate_order(validated(provider, order))


def _texts(provider: ConnectedProvider, order: Order) -> Iterator[Invalid]:
    limits = provider.capabilities.limits
    if wrong := text_rules.title(order.title):
        yield Invalid(wrong, path=("input", "title"))
    for name, text, limit in (
        ("title", order.title, limits.title),
        ("message", order.message, limits.message),
        ("reference", order.reference, limits.reference),
    ):
        if text is not None and limit is not None and len(text) > limit:
            yield Invalid(f"Too long: {provider.name} takes {limit} characters.", path=("input", name))


def _documents(provider: ConnectedProvider, order: Order) -> Iterator[Invalid]:
    can, limits = provider.capabilities, provider.capabilities.limits
    if limits.documents is not None and len(order.documents) > limits.documents:
        yield TooLarge(f"{provider.name} takes {limits.documents} documents.", path=("input", "documents"))
    for place, document in enumerate(order.documents):
        path = ("input", "documents", str(place))
        if document.role not in {DocumentRole.TO_SIGN, DocumentRole.ATTACHMENT}:
            yield Invalid("A document that is sent has the role TO_SIGN or ATTACHMENT.", path=(*path, "role"))
        if document.media_type not in can.media_types:
            takes = ", ".join(sorted(can.media_types))
            yield Invalid(f"{provider.name} does not take {document.media_type} but {takes}.", path=path)
        if limits.document_bytes is not None and document.size_bytes > limits.document_bytes:
            yield TooLarge(f"{provider.name} takes {limits.document_bytes} bytes per document.", path=path)


def _participants(provider: ConnectedProvider, order: Order) -> Iterator[Invalid]:
    can, path = provider.capabilities, ("input", "participants")
    if order.participants and not can.participants:
        yield Invalid(f"At {provider.name} nobody signs in person. Leave participants out.", path=path)
        return
    if can.participants and order.start and not order.participants:
        yield Invalid(f"{provider.name} needs somebody who signs. Add participants, or start: false for a draft.", path=path)
    if can.limits.participants is not None and len(order.participants) > can.limits.participants:
        yield TooLarge(f"{provider.name} takes {can.limits.participants} participants.", path=path)
    for place, person in enumerate(order.participants):
        yield from _participant(provider, person, (*path, str(place)))


def _participant(provider: ConnectedProvider, person: ParticipantOrder, path: tuple[str, ...]) -> Iterator[Invalid]:
    can = provider.capabilities
    for method in person.delivery_methods:
        if method not in can.deliveries:
            takes = " or ".join(sorted(can.deliveries)) or "none: hand out signingUrl yourself"
            yield Invalid(f"{provider.name} cannot invite by {method}. It knows {takes}.", path=(*path, "deliveryMethods"))
    if DeliveryMethod.EMAIL in person.delivery_methods and not person.email:
        yield Invalid("An invitation by EMAIL needs an e-mail address.", path=(*path, "email"))
    if DeliveryMethod.SMS in person.delivery_methods and not person.phone:
        yield Invalid("An invitation by SMS needs a phone number.", path=(*path, "phone"))
    if person.email is not None and (wrong := text_rules.email(person.email)):
        yield Invalid(wrong, path=(*path, "email"))
    if person.language is not None and person.language not in can.languages:
        speaks = ", ".join(sorted(can.languages)) or "no choice of language"
        yield Invalid(f"{provider.name} does not speak this language to signers. It knows {speaks}.", path=(*path, "language"))


def _fields(provider: ConnectedProvider, order: Order) -> Iterator[Invalid]:
    if order.fields and not provider.capabilities.fields:
        yield Invalid(f"{provider.name} has no fields to place. Leave them out.", path=("input", "fields"))
        return
    for place, field in enumerate(order.fields):
        path = ("input", "fields", str(place))
        if field.page < 1:
            yield Invalid("The first page is 1.", path=(*path, "page"))
        for name, value, least in (
            ("x", field.x, 0),
            ("y", field.y, 0),
            ("width", field.width, 0.1),
            ("height", field.height, 0.1),
        ):
            if value < least:
                yield Invalid(f"{name} is at least {least}, in PDF points.", path=(*path, name))


def _times(provider: ConnectedProvider, order: Order, now: datetime) -> Iterator[Invalid]:
    can, days = provider.capabilities, provider.capabilities.limits.due_in
    if order.due_at is not None:
        path = ("input", "dueAt")
        if not can.due_date:
            yield Invalid(f"{provider.name} sets due dates itself. Leave dueAt out.", path=path)
        elif order.due_at <= now:
            yield Invalid("The due date is over. Name one in the future.", path=path)
        elif days is not None and order.due_at > now + timedelta(days=days):
            yield Invalid(f"{provider.name} takes due dates up to {days} days ahead.", path=path)
    if order.reminder_frequency is not None and not can.reminders:
        yield Invalid(f"{provider.name} does not remind. Leave reminderFrequency out.", path=("input", "reminderFrequency"))
    if order.archive_for is not None and not provider.can(Operation.ARCHIVE):
        yield Invalid(f"{provider.name} has no archive. Leave archive out.", path=("input", "archive"))


def _options(model: type[BaseModel], options: Mapping[str, object], path: tuple[str, ...]) -> Iterator[Invalid]:
    try:
        model.model_validate(options)
    except ValidationError as error:
        for detail in error.errors(include_input=False, include_url=False):
            known = ", ".join(sorted(field.alias or name for name, field in model.model_fields.items())) or "none"
            unknown = detail["type"] == "extra_forbidden"
            message = (
                f"There is no such option here. There are: {known}."
                if unknown
                else f"{detail['msg'].removeprefix('Value error, ')}."
            )
            yield Invalid(message, path=(*path, *map(str, detail["loc"])))
