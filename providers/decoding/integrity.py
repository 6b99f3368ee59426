"""Referential integrity of a session: every link between its parts leads to a part that it has.

It is checked where a session is made, so that showing one cannot fail: a field has a document in the public contract.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from providers.model import Field, Session, Signature, UnreadableRow

_LONGEST_TITLE: Final = 2_000
"""Characters of a title that are kept: PostgreSQL takes ten seconds to look for a part in one of 20,000."""


def truncate_title(session: Session) -> Session:
    """The same session with a title that can be searched."""
    if session.title is None or len(session.title) <= _LONGEST_TITLE:
        return session
    return replace(session, title=f"{session.title[: _LONGEST_TITLE - 1]}…")


def drop_dangling_links(session: Session) -> Session:
    """The same session without links that lead nowhere; what was dropped or cut is named in ``unreadable``."""
    if not (session.fields or session.signatures):
        return session
    documents = {each.key for each in session.documents}
    people = {each.key for each in session.participants}
    if _whole(session, documents, people):
        return session
    unreadable = [_about(each, "document") for each in session.fields if each.document not in documents]
    fields = tuple(_field(each, people, unreadable) for each in session.fields if each.document in documents)
    signatures = tuple(_signature(each, documents, people, unreadable) for each in session.signatures)
    named = tuple(dict.fromkeys((*session.unreadable, *unreadable)))
    return replace(session, fields=fields, signatures=signatures, unreadable=named)


def _whole(session: Session, documents: set[str], people: set[str]) -> bool:
    links: tuple[Field | Signature, ...] = (*session.fields, *session.signatures)
    there = all(each.document in documents for each in links if each.document is not None)
    return there and all(each.participant in people for each in links if each.participant is not None)


def _field(field: Field, people: set[str], unreadable: list[UnreadableRow]) -> Field:
    if field.participant is None or field.participant in people:
        return field
    unreadable.append(_about(field, "participant"))
    return replace(field, participant=None)


def _signature(signature: Signature, documents: set[str], people: set[str], unreadable: list[UnreadableRow]) -> Signature:
    lost: dict[str, None] = {}
    if signature.document is not None and signature.document not in documents:
        lost["document"] = None
    if signature.participant is not None and signature.participant not in people:
        lost["participant"] = None
    unreadable += [_about(signature, name) for name in lost]
    return replace(signature, **lost) if lost else signature  # type: ignore[arg-type]


def _about(item: Field | Signature, link: str) -> UnreadableRow:
    kind = "field" if isinstance(item, Field) else "signature"
    return UnreadableRow(item.session.key, f"Its {kind} {item.key[:100]} names a {link} that the session does not have.")
