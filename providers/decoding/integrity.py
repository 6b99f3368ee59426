"""Referential integrity of a session: every link between its parts leads to a part that it has.

It is enforced when a session is observed, so that resolving one cannot fail: in the schema, a field has a document.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from providers.model import Field, Session, Signature, UnreadableRow

MAX_KEY: Final = 2_000
"""Bytes of a session's key: an index row of PostgreSQL has 2,704, and the store finds a session by its key."""
_MAX_TITLE: Final = 2_000
"""Characters of a title: PostgreSQL takes ten seconds to search a substring in one of 20,000."""


def truncate_title(session: Session) -> Session:
    """The same session with a title short enough to be searched."""
    if session.title is None or len(session.title) <= _MAX_TITLE:
        return session
    return replace(session, title=f"{session.title[: _MAX_TITLE - 1]}…")


def drop_dangling_links(session: Session) -> Session:
    """The same session without dangling links; those that were dropped are listed in ``unreadable``."""
    if not (session.fields or session.signatures):
        return session
    documents = {each.key for each in session.documents}
    people = {each.key for each in session.participants}
    if _is_intact(session, documents, people):
        return session
    unreadable = [_dangling_link(each, "document") for each in session.fields if each.document not in documents]
    fields = tuple(_link_field(each, people, unreadable) for each in session.fields if each.document in documents)
    signatures = tuple(_link_signature(each, documents, people, unreadable) for each in session.signatures)
    named = tuple(dict.fromkeys((*session.unreadable, *unreadable)))
    return replace(session, fields=fields, signatures=signatures, unreadable=named)


def _is_intact(session: Session, documents: set[str], people: set[str]) -> bool:
    links: tuple[Field | Signature, ...] = (*session.fields, *session.signatures)
    documents_exist = all(each.document in documents for each in links if each.document is not None)
    return documents_exist and all(each.participant in people for each in links if each.participant is not None)


def _link_field(field: Field, people: set[str], unreadable: list[UnreadableRow]) -> Field:
    if field.participant is None or field.participant in people:
        return field
    unreadable.append(_dangling_link(field, "participant"))
    return replace(field, participant=None)


def _link_signature(signature: Signature, documents: set[str], people: set[str], unreadable: list[UnreadableRow]) -> Signature:
    dropped: dict[str, None] = {}
    if signature.document is not None and signature.document not in documents:
        dropped["document"] = None
    if signature.participant is not None and signature.participant not in people:
        dropped["participant"] = None
    unreadable += [_dangling_link(signature, name) for name in dropped]
    return replace(signature, **dropped) if dropped else signature  # type: ignore[arg-type]


def _dangling_link(item: Field | Signature, link: str) -> UnreadableRow:
    kind = "field" if isinstance(item, Field) else "signature"
    return UnreadableRow(item.session.key, f"Its {kind} {item.key[:100]} names a {link} that the session does not have.")
