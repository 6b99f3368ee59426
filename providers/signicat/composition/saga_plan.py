"""Saga plan: JSON in the pivot from which a creation is rolled forward once its documents are uploaded and collected."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

import msgspec

from providers.model import DocumentRole, Session
from providers.orders import DocumentOrder
from providers.saga import Pivot
from providers.signicat.composition.native_order import NativeOrder
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


class SagaPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A native order with the uploads and the collection that Signicat has of it, as JSON."""

    natives: tuple[dict[str, Any], ...]
    package_to: tuple[str, ...]
    marker: str
    documents: tuple[_Document, ...]
    uploads: tuple[Metadata, ...]
    collection: str

    @classmethod
    def of(cls, order: NativeOrder, uploads: Sequence[Metadata], collection: bytes) -> Self:
        """The plan of a native order; ``collection`` is the JSON of its document collection."""
        return cls(
            natives=tuple(dict(each) for each in order.natives),
            package_to=order.package_to,
            marker=order.marker,
            documents=tuple(map(_Document.of, order.documents)),
            uploads=tuple(uploads),
            collection=collection.decode(),
        )

    @classmethod
    def read(cls, pivot: Pivot) -> Self:
        """Decodes the plan of a pivot."""
        return msgspec.convert(pivot.plan, cls)

    def pivot(self, draft: Session, original: Session | None) -> Pivot:
        """The pivot with this plan."""
        return Pivot(session=draft, plan=msgspec.to_builtins(self), original=original)

    def native_order(self, draft: Session) -> NativeOrder:
        """The native order; its documents are never uploaded again."""
        documents = tuple(each.order() for each in self.documents)
        return NativeOrder(
            documents=documents, natives=self.natives, draft=draft, package_to=self.package_to, marker=self.marker
        )

    def decode_collection(self) -> tuple[Collection, bytes]:
        """The document collection, and its JSON."""
        raw = self.collection.encode()
        return msgspec.json.decode(raw, type=Collection), raw


async def _uploaded() -> AsyncIterator[bytes]:
    raise AssertionError("a document that is uploaded is not read again")
    yield b""
