"""Validation of requests against the store: what they name has to exist, and to go together."""

from __future__ import annotations

from collections.abc import Sequence

from providers.signicat.sandbox.records import StoredDocument
from providers.signicat.sandbox.requests import CollectionOrder, DocumentUse, SessionOrder, bad_request
from providers.signicat.sandbox.store import Store


def check_collection(store: Store, order: CollectionOrder) -> None:
    """Raises ``Refusal`` for a collection of documents that do not exist."""
    for index, item in enumerate(order.documents):
        _document(store, item.document_id, f"documents[{index}].documentId")


def check_sessions(store: Store, orders: Sequence[SessionOrder], *, archive_enabled: bool) -> None:
    """Raises ``Refusal`` where a session, or all of them together, cannot be created."""
    for order in orders:
        _check_session(store, order, archive_enabled=archive_enabled)
    flows: dict[str, set[bool]] = {}
    for order in [*orders, *(session.order for session in store.sessions.values())]:
        for use in order.documents:
            flows.setdefault(use.document_collection_id, set()).add(order.by_pki)
    if any(len(kinds) > 1 for kinds in flows.values()):
        mixed = "PKI and authentication cannot be mixed in one collection."
        raise bad_request(mixed, ("signingSetup", "must be of one kind within a collection"))


def _check_session(store: Store, order: SessionOrder, *, archive_enabled: bool) -> None:
    documents = [_used_document(store, use, f"documents[{index}]") for index, use in enumerate(order.documents)]
    order.check({document.media_type for document in documents}, archive_enabled=archive_enabled)
    if not order.by_pki and any(b"/ByteRange" in document.content for document in documents):
        raise bad_request("A signed PDF cannot be signed again by authentication.", ("documents", "must be unsigned"))
    for key in order.subsequent_to or ():
        if key not in store.sessions:
            raise bad_request("A preceding session does not exist.", ("subsequentTo", f"{key} does not exist"))
    for collection in {use.document_collection_id for use in order.documents}:
        if store.collections[collection].packaging.done:
            raise bad_request("The collection is packaged already.", ("documents", "must be in an open collection"))


def _used_document(store: Store, use: DocumentUse, name: str) -> StoredDocument:
    collection = store.collections.get(use.document_collection_id)
    if collection is None or use.document_id not in {item.document_id for item in collection.order.documents}:
        raise bad_request("A document is not in its collection.", (f"{name}.documentCollectionId", "does not hold it"))
    return _document(store, use.document_id, f"{name}.documentId")


def _document(store: Store, key: str, name: str) -> StoredDocument:
    try:
        return store.document(key)
    except KeyError as error:
        raise bad_request("A document does not exist.", (name, "does not exist")) from error
