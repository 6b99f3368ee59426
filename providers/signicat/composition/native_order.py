"""Native order: an order as payloads of one document collection and of native sessions, before Signicat assigns keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from providers.decoding.coercion import parse_instant
from providers.model import (
    Document,
    DocumentRole,
    DocumentStatus,
    Session,
    SessionKind,
    SessionRef,
    SessionStatus,
    SigningOrder,
)
from providers.orders import DocumentOrder
from providers.signicat.composition.native_session import external_reference
from providers.signicat.wire import Metadata

ACTION = {DocumentRole.TO_SIGN: "SIGN", DocumentRole.ATTACHMENT: "VIEW"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeOrder:
    """Documents in one collection, and a native session for each participant.

    ``natives`` are the payloads of the native sessions in signing order, without the keys of documents, of the
    collection and of each other. ``draft`` has, without keys, the fields of the session that Signicat does not return.
    ``uploads`` are in the order of the documents.
    """

    documents: tuple[DocumentOrder, ...]
    natives: tuple[Mapping[str, object], ...] = field(repr=False)
    draft: Session
    package_to: tuple[str, ...] = ()
    marker: str = ""

    @property
    def composed(self) -> bool:
        """Whether the session is composed of several native ones."""
        return len(self.natives) > 1

    @property
    def in_turn(self) -> bool:
        """Whether each native session waits for the one before it."""
        return self.composed and self.draft.signing_order is SigningOrder.SEQUENTIAL

    @property
    def places(self) -> range:
        """The participants' places in signing order, from 1."""
        return range(1, len(self.natives) + 1)

    def collection(self, uploads: Sequence[Metadata]) -> Mapping[str, object]:
        """The payload of the document collection."""
        documents = [
            without_nulls(documentId=upload.document_id, description=document.description)
            for document, upload in zip(self.documents, uploads, strict=True)
        ]
        return without_nulls(documents=documents, packageTo=list(self.package_to) or None)

    def signing_session(
        self, place: int, collection: str, uploads: Sequence[Metadata], after: str | None
    ) -> Mapping[str, object]:
        """The payload of the native session at a place (from 1); ``after`` is the key of the one to be signed before it."""
        return {
            **self.natives[place - 1],
            **without_nulls(
                externalReference=self.external_reference(place),
                documents=[
                    {"documentId": upload.document_id, "documentCollectionId": collection, "action": ACTION[document.role]}
                    for document, upload in zip(self.documents, uploads, strict=True)
                ],
                subsequentTo=[after] if after else None,
            ),
        }

    def external_reference(self, place: int) -> str | None:
        """The external reference of the native session at a place: the client's reference with any marker."""
        reference = self.draft.reference
        return external_reference(reference, self.marker, place) if self.marker else reference

    def known(self, ref: SessionRef, keys: Sequence[str], uploads: Sequence[Metadata]) -> Session:
        """The session with the fields that Signicat does not return: names of participants and documents."""
        people = zip(keys, self.draft.participants, strict=True)
        return replace(
            self.draft,
            provider=ref.provider,
            key=ref.key,
            documents=tuple(self._documents(ref, uploads)),
            participants=tuple(replace(person, session=ref, key=key) for key, person in people),
        )

    def _documents(self, ref: SessionRef, uploads: Sequence[Metadata]) -> Iterator[Document]:
        for document, upload in zip(self.documents, uploads, strict=True):
            yield Document(
                session=ref,
                key=upload.document_id,
                role=document.role,
                status=DocumentStatus.READY,
                title=document.title,
                filename=document.filename or None,
                description=document.description,
                media_type=document.media_type,
                size_bytes=document.size_bytes,
                sha256=document.sha256,
                created_at=parse_instant(upload.created_at),
            )


def empty_session() -> Session:
    """A session without any field, to be filled by ``replace``."""
    return Session(provider="", key="", kind=SessionKind.SIGNING, status=SessionStatus.PENDING)


def without_nulls(**members: object) -> dict[str, object]:
    """A JSON object without the members that are None."""
    return {name: value for name, value in members.items() if value is not None}
