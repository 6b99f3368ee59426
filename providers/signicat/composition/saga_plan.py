"""Plan of a saga: what it takes to roll forward a write whose documents are uploaded and collected."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

import msgspec

from providers.model import DocumentRole, Session
from providers.orders import DocumentOrder
from providers.saga import Pivot
from providers.signicat.composition.native_order import Demand
from providers.signicat.wire import Collection, Metadata


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    filename: str
    media_type: str
    size_bytes: int
    sha256: str
    title: str | None
    description: str | None
    role: DocumentRole

    @classmethod
    def of(cls, document: DocumentOrder) -> Self:
        return cls(**{name: getattr(document, name) for name in cls.__struct_fields__})

    def order(self) -> DocumentOrder:
        return DocumentOrder(**msgspec.structs.asdict(self), open=_uploaded)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A demand whose documents Signicat has, as JSON."""

    natives: tuple[dict[str, Any], ...]
    package_to: tuple[str, ...]
    marker: str
    documents: tuple[_Document, ...]
    uploads: tuple[Metadata, ...]
    collection: str

    @classmethod
    def of(cls, demand: Demand, uploads: Sequence[Metadata], collection: bytes) -> Self:
        """The plan that finishes a demand; ``collection`` is the document collection as Signicat sent it."""
        return cls(
            natives=tuple(dict(each) for each in demand.natives),
            package_to=demand.package_to,
            marker=demand.marker,
            documents=tuple(map(_Document.of, demand.documents)),
            uploads=tuple(uploads),
            collection=collection.decode(),
        )

    @classmethod
    def read(cls, pivot: Pivot) -> Self:
        """The plan of a pivot."""
        return msgspec.convert(pivot.plan, cls)

    def pivot(self, draft: Session, original: Session | None) -> Pivot:
        """The pivot that this plan belongs to."""
        return Pivot(session=draft, plan=msgspec.to_builtins(self), original=original)

    def demand(self, draft: Session) -> Demand:
        """The demand anew; its documents are not uploaded again."""
        documents = tuple(each.order() for each in self.documents)
        return Demand(documents=documents, natives=self.natives, draft=draft, package_to=self.package_to, marker=self.marker)

    def collected(self) -> tuple[Collection, bytes]:
        """The document collection, and as it was sent."""
        raw = self.collection.encode()
        return msgspec.json.decode(raw, type=Collection), raw


async def _uploaded() -> AsyncIterator[bytes]:
    raise AssertionError("a document that is uploaded is not read again")
    yield b""
