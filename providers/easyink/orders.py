"""What EasyInk makes of an order: what it would refuse, said before it is asked, and how the rest is sent."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from uuid import uuid4

from providers.easyink import wire
from providers.errors import Invalid
from providers.model import DeliveryMethod, DocumentRole, Field
from providers.orders import DocumentOrder, FieldChange, FieldOrder, FieldPlacement, Order, ParticipantOrder

_PHONE = re.compile(r"\d{10}", re.ASCII)
_LENGTHS = {
    "first_name": ("firstName", 100),
    "middle_name": ("middleName", 100),
    "last_name": ("lastName", 100),
    "email": ("email", 256),
}
_SMALLEST = 0.1  # points
_PART = "fileContent"
_ESCAPES = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}


def deliveries(person: ParticipantOrder) -> tuple[DeliveryMethod, ...]:
    """How a person is invited: as ordered, else by e-mail, else by SMS. Empty where there is no way."""
    if person.delivery_methods:
        return person.delivery_methods
    if person.email:
        return (DeliveryMethod.EMAIL,)
    return (DeliveryMethod.SMS,) if person.phone else ()


def objections(order: Order) -> Iterator[Invalid]:
    """Everything in an order that EasyInk would refuse."""
    if order.message is not None:
        yield Invalid("EasyInk has no room for a message: leave it out.", path=("input", "message"))
    if order.start and not any(document.role is DocumentRole.TO_SIGN for document in order.documents):
        yield Invalid(
            "EasyInk starts nothing without a document to sign: add one, or do not start.", path=("input", "documents")
        )
    if order.start and not order.participants:
        yield Invalid("EasyInk starts nothing without a participant: add one, or do not start.", path=("input", "participants"))
    for index, person in enumerate(order.participants):
        for name, message in about_person(person):
            yield Invalid(message, path=("input", "participants", str(index), name))
    for index, placed in enumerate(order.fields):
        for name, message in _about_field(placed, order):
            yield Invalid(message, path=("input", "fields", str(index), name))


def about_person(person: ParticipantOrder) -> Iterator[tuple[str, str]]:
    """Everything about a person that EasyInk would refuse: the name of the input, and what to do."""
    if not person.first_name:
        yield "firstName", "EasyInk needs a first name."
    if not person.last_name:
        yield "lastName", "EasyInk needs a last name."
    for attribute, (name, longest) in _LENGTHS.items():
        if len(getattr(person, attribute) or "") > longest:
            yield name, f"EasyInk takes at most {longest} characters here."
    if person.phone is not None and not _PHONE.fullmatch(person.phone):
        yield "phone", "EasyInk takes ten digits and no country code, for example 5551234567."
    if not deliveries(person):
        yield "deliveryMethods", "EasyInk invites by e-mail or SMS: give an e-mail address or a phone number."
    if person.language is not None and person.language.lower() not in wire.LANGUAGE.values():
        yield "language", f"EasyInk speaks {' and '.join(sorted(wire.LANGUAGE.values()))}: choose one of them or leave it out."


def _about_field(placed: FieldOrder, order: Order) -> Iterator[tuple[str, str]]:
    if 0 <= placed.document < len(order.documents) and order.documents[placed.document].role is not DocumentRole.TO_SIGN:
        yield "documentIndex", "EasyInk has fields on documents to sign only: name one of those."
    yield from about_place(placed)


def about_place(placed: FieldOrder | FieldPlacement | FieldChange) -> Iterator[tuple[str, str]]:
    """Everything about a field's place that EasyInk would refuse: the name of the input, and what to do."""
    if placed.page is not None and placed.page < 1:
        yield "page", "Pages are counted from 1."
    for name, value in (("x", placed.x), ("y", placed.y)):
        if value is not None and value < 0:
            yield name, "Give points from the lower left corner of the page, 0 or more."
    for name, value in (("width", placed.width), ("height", placed.height)):
        if value is not None and value < _SMALLEST:
            yield name, f"Give {_SMALLEST} points or more."


def participant(person: ParticipantOrder) -> dict[str, object]:
    """A participant as EasyInk takes one."""
    words: dict[str, object] = {
        "firstName": person.first_name,
        "middleName": person.middle_name,
        "lastName": person.last_name,
        "email": person.email,
        "phone": person.phone,
        "deliveryMethods": [wire.theirs(wire.DELIVERY, method) for method in deliveries(person)],
        "language": wire.theirs(wire.LANGUAGE, person.language.lower()) if person.language else None,
    }
    return {name: value for name, value in words.items() if value is not None}


def field(placed: FieldOrder | FieldPlacement, document: str, participant: str | None) -> dict[str, object]:
    """A field as EasyInk takes one, for a document and a participant by their ids."""
    words: dict[str, object] = {
        "documentId": document,
        "field": {"type": placed.type, "placement": place(placed), "options": options(placed.type, placed.required)},
    }
    return words if participant is None else words | {"participantId": participant}


def place(placed: FieldOrder | FieldPlacement | Field) -> dict[str, object]:
    """Where a field is, in EasyInk's words."""
    return {
        "page": placed.page,
        "positionX": placed.x,
        "positionY": placed.y,
        "sizeX": placed.width,
        "sizeY": placed.height,
    }


def options(kind: str, required: bool) -> dict[str, object]:
    """Whether a field of a type has to be filled, in EasyInk's words."""
    return {"isRequired": required, "forType": kind}


@dataclass(frozen=True, slots=True)
class Upload:
    """Headers, and a body that can be read more than once; it is never in memory as a whole."""

    headers: Mapping[str, str]
    body: Callable[[], AsyncIterator[bytes]]


def upload(document: DocumentOrder) -> Upload:
    """The multipart body for a document, named by its title so that the people who sign see that."""
    boundary = uuid4().hex
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{_PART}"; filename="{_filename(document).translate(_ESCAPES)}"\r\n'
        f"Content-Type: {document.media_type}\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()

    async def body() -> AsyncIterator[bytes]:
        yield head
        async for chunk in document.open():
            yield chunk
        yield tail

    length = len(head) + document.size_bytes + len(tail)
    return Upload({"content-type": f"multipart/form-data; boundary={boundary}", "content-length": str(length)}, body)


def _filename(document: DocumentOrder) -> str:
    return f"{document.title}{PurePath(document.filename).suffix}" if document.title else document.filename
