"""Orders: translates an order into EasyInk's request bodies, and validates it by the constraints of its API."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

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
_SMALLEST_SIZE = 0.1  # points
_FORM_FIELD = "fileContent"
_ESCAPES = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}


class EasyInkOptions(BaseModel):
    """Options of ``createSession``: none."""

    model_config = ConfigDict(extra="forbid")


class EasyInkParticipantOptions(BaseModel):
    """Options of a participant: none."""

    model_config = ConfigDict(extra="forbid")


def delivery_methods(person: ParticipantOrder) -> tuple[DeliveryMethod, ...]:
    """The delivery methods of a person: those ordered, else e-mail, else SMS; empty where no address is known."""
    if person.delivery_methods:
        return person.delivery_methods
    if person.email:
        return (DeliveryMethod.EMAIL,)
    return (DeliveryMethod.SMS,) if person.phone else ()


def objections(order: Order) -> Iterator[Invalid]:
    """Validates an order: yields what EasyInk would refuse."""
    if order.message is not None:
        yield Invalid("EasyInk has no room for a message: leave it out.", path=("input", "message"))
    if order.start and not any(document.role is DocumentRole.TO_SIGN for document in order.documents):
        yield Invalid(
            "EasyInk starts nothing without a document to sign: add one, or do not start.", path=("input", "documents")
        )
    if order.start and not order.participants:
        yield Invalid("EasyInk starts nothing without a participant: add one, or do not start.", path=("input", "participants"))
    for index, person in enumerate(order.participants):
        for name, message in person_objections(person):
            yield Invalid(message, path=("input", "participants", str(index), name))
    for index, field in enumerate(order.fields):
        for name, message in _field_objections(field, order):
            yield Invalid(message, path=("input", "fields", str(index), name))


def person_objections(person: ParticipantOrder) -> Iterator[tuple[str, str]]:
    """Validates a person: yields the name of an input with advice."""
    if not person.first_name:
        yield "firstName", "EasyInk needs a first name."
    if not person.last_name:
        yield "lastName", "EasyInk needs a last name."
    for attribute, (name, longest) in _LENGTHS.items():
        if len(getattr(person, attribute) or "") > longest:
            yield name, f"EasyInk takes at most {longest} characters here."
    if person.phone is not None and not _PHONE.fullmatch(person.phone):
        yield "phone", "EasyInk takes ten digits and no country code, for example 5551234567."
    if not delivery_methods(person):
        yield "deliveryMethods", "EasyInk invites by e-mail or SMS: give an e-mail address or a phone number."
    if person.language is not None and person.language.lower() not in wire.LANGUAGE.values():
        yield "language", f"EasyInk speaks {' and '.join(sorted(wire.LANGUAGE.values()))}: choose one of them or leave it out."


def _field_objections(field: FieldOrder, order: Order) -> Iterator[tuple[str, str]]:
    if 0 <= field.document < len(order.documents) and order.documents[field.document].role is not DocumentRole.TO_SIGN:
        yield "documentIndex", "EasyInk has fields on documents to sign only: name one of those."
    yield from placement_objections(field)


def placement_objections(field: FieldOrder | FieldPlacement | FieldChange) -> Iterator[tuple[str, str]]:
    """Validates the placement of a field: yields the name of an input with advice."""
    if field.page is not None and field.page < 1:
        yield "page", "Pages are counted from 1."
    for name, value in (("x", field.x), ("y", field.y)):
        if value is not None and value < 0:
            yield name, "Give points from the lower left corner of the page, 0 or more."
    for name, value in (("width", field.width), ("height", field.height)):
        if value is not None and value < _SMALLEST_SIZE:
            yield name, f"Give {_SMALLEST_SIZE} points or more."


def participant_body(person: ParticipantOrder) -> dict[str, object]:
    """The body of a participant."""
    body: dict[str, object] = {
        "firstName": person.first_name,
        "middleName": person.middle_name,
        "lastName": person.last_name,
        "email": person.email,
        "phone": person.phone,
        "deliveryMethods": [wire.to_wire(wire.DELIVERY, method) for method in delivery_methods(person)],
        "language": wire.to_wire(wire.LANGUAGE, person.language.lower()) if person.language else None,
    }
    return {name: value for name, value in body.items() if value is not None}


def field_body(field: FieldOrder | FieldPlacement, document: str, participant: str | None) -> dict[str, object]:
    """The body of a field, for the ids of its document and its participant."""
    body: dict[str, object] = {
        "documentId": document,
        "field": {"type": field.type, "placement": placement_body(field), "options": options_body(field.type, field.required)},
    }
    return body if participant is None else body | {"participantId": participant}


def placement_body(field: FieldOrder | FieldPlacement | Field) -> dict[str, object]:
    """The body of a field's placement."""
    return {
        "page": field.page,
        "positionX": field.x,
        "positionY": field.y,
        "sizeX": field.width,
        "sizeY": field.height,
    }


def options_body(kind: str, required: bool) -> dict[str, object]:
    """The body of a field's options."""
    return {"isRequired": required, "forType": kind}


@dataclass(frozen=True, slots=True)
class Upload:
    """Headers and body of a streamed upload; the body can be read more than once."""

    headers: Mapping[str, str]
    body: Callable[[], AsyncIterator[bytes]]


def multipart_upload(document: DocumentOrder) -> Upload:
    """The multipart upload of a document; its file name is the title, which the signers are shown."""
    boundary = uuid4().hex
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{_FORM_FIELD}"; filename="{_file_name(document).translate(_ESCAPES)}"\r\n'
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


def _file_name(document: DocumentOrder) -> str:
    return f"{document.title}{PurePath(document.filename).suffix}" if document.title else document.filename
