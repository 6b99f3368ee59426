"""Sample orders, built from the capabilities of a provider."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from providers.capability import Capabilities
from providers.model import DeliveryMethod, ReminderFrequency
from providers.orders import DocumentOrder, FieldOrder, Order, ParticipantOrder, SignatureOrder
from providers.sandbox.certificate_authority import CertificateAuthority, sample_pdf

PEOPLE = (("Ada", "Lovelace", "5550001815"), ("Grace", "Hopper", "5550001906"), ("Radia", "Perlman", "5550001951"))
PIECE = 1000


def email(first: str) -> str:
    return f"{first.lower()}@people.example"


PRIVATE = tuple(word for first, last, phone in PEOPLE for word in (last, phone, email(first)))


def document(title: str) -> DocumentOrder:
    """A PDF with its title as text."""
    content = sample_pdf(title)

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(content), PIECE):
            yield content[at : at + PIECE]

    return DocumentOrder(
        filename=f"{title.lower().replace(' ', '-')}.pdf",
        media_type="application/pdf",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        open=chunks,
        title=title,
    )


async def content_of(order: DocumentOrder) -> bytes:
    return b"".join([chunk async for chunk in order.open()])


def order(can: Capabilities, now: datetime, *, people: int = 2, documents: int = 2, **changes: object) -> Order:
    """An order that uses every capability of the provider."""
    languages = sorted(can.languages)
    participants = tuple(
        ParticipantOrder(
            first_name=first,
            last_name=last,
            email=email(first),
            phone=phone if DeliveryMethod.SMS in can.deliveries else None,
            language=languages[0] if languages else None,
            delivery_methods=tuple(sorted(can.deliveries)),
        )
        for first, last, phone in PEOPLE[:people]
    )
    asked: dict[str, object] = {
        "title": "Lease of the north field",
        "documents": tuple(document(f"Lease part {number + 1}") for number in range(documents)),
        "participants": participants if can.participants else (),
        "reference": "lease-4711",
        "due_at": now + timedelta(days=10) if can.due_date else None,
        "reminder_frequency": ReminderFrequency.DAILY if can.reminders else None,
        "fields": tuple(field(number) for number in range(people)) if can.fields and can.participants else (),
    }
    return Order(**(asked | changes))


def field(participant: int) -> FieldOrder:
    return FieldOrder(
        document=0, participant=participant, type="Signature", page=1, x=72, y=72 + 60 * participant, width=150, height=40
    )


async def signature(authority: CertificateAuthority, document: str, **changes: object) -> SignatureOrder:
    """A signature order, for a provider that stores signatures."""
    content = base64.b64encode(await authority.sign_cms(document.encode(), "Ada Lovelace")).decode()
    asked: dict[str, object] = {"document": document, "thread": "tenant", "content": content, "tags": ("lease",)}
    return SignatureOrder(**(asked | changes))
