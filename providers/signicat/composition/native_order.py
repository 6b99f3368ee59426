"""What to open at Signicat, in its words but without the keys that only it can give."""

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
class Demand:
    """Documents in one collection, and a native session for each participant.

    ``natives`` are the payloads of the native sessions in signing order, without what names documents, collection
    and each other. ``draft`` is the session as far as Signicat will not repeat it, without keys. ``uploads`` are in
    the order of the documents.
    """

    documents: tuple[DocumentOrder, ...]
    natives: tuple[Mapping[str, object], ...] = field(repr=False)
    draft: Session
    package_to: tuple[str, ...] = ()
    marker: str = ""

    @property
    def composed(self) -> bool:
        """Whether there are several participants."""
        return len(self.natives) > 1

    @property
    def in_turn(self) -> bool:
        """Whether one native session waits for the other."""
        return self.composed and self.draft.signing_order is SigningOrder.SEQUENTIAL

    @property
    def places(self) -> range:
        """The participants' places in signing order, from 1."""
        return range(1, len(self.natives) + 1)

    def collection(self, uploads: Sequence[Metadata]) -> Mapping[str, object]:
        """The document collection to make."""
        documents = [
            given(documentId=upload.document_id, description=document.description)
            for document, upload in zip(self.documents, uploads, strict=True)
        ]
        return given(documents=documents, packageTo=list(self.package_to) or None)

    def signing_session(
        self, place: int, collection: str, uploads: Sequence[Metadata], after: str | None
    ) -> Mapping[str, object]:
        """The native session of the participant at a place (from 1), to be signed after another one."""
        return {
            **self.natives[place - 1],
            **given(
                externalReference=self.external_reference(place),
                documents=[
                    {"documentId": upload.document_id, "documentCollectionId": collection, "action": ACTION[document.role]}
                    for document, upload in zip(self.documents, uploads, strict=True)
                ],
                subsequentTo=[after] if after else None,
            ),
        }

    def external_reference(self, place: int) -> str | None:
        """What the native session at a place is called; one without a marker has no name but the client's reference."""
        reference = self.draft.reference
        return external_reference(reference, self.marker, place) if self.marker else reference

    def known(self, ref: SessionRef, keys: Sequence[str], uploads: Sequence[Metadata]) -> Session:
        """What Signicat will not repeat: who the participants are, and what the documents are called."""
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


def blank() -> Session:
    """A session of which nothing is known yet."""
    return Session(provider="", key="", kind=SessionKind.SIGNING, status=SessionStatus.PENDING)


def given(**members: object) -> dict[str, object]:
    """The members of a JSON object that there is something to say of."""
    return {name: value for name, value in members.items() if value is not None}
