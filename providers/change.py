"""What happened to a session, by what it was like before and is like now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from providers.model import Document, Participant, ParticipantStatus, Session, SessionStatus, Signature


class ChangeType(StrEnum):
    """What kind of thing happened."""

    CREATED = "CREATED"
    STATUS_CHANGED = "STATUS_CHANGED"
    PARTICIPANT_CHANGED = "PARTICIPANT_CHANGED"
    DOCUMENT_CHANGED = "DOCUMENT_CHANGED"
    SIGNATURE_ADDED = "SIGNATURE_ADDED"
    DELETED = "DELETED"
    CORRECTED = "CORRECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that happened; ``type`` is None where it is none that anybody is told of by name.

    ``participant``, ``document`` and ``signature`` are the key of the part it happened to. ``occurred_at`` is when,
    as far as the provider says.
    """

    type: ChangeType | None
    from_status: SessionStatus | None = None
    to_status: SessionStatus | None = None
    participant: str | None = None
    document: str | None = None
    signature: str | None = None
    provider_status: str | None = None
    occurred_at: datetime | None = None


class _Part(Protocol):
    @property
    def key(self) -> str: ...


P = TypeVar("P", bound=_Part)


def is_unchanged(known: Session, seen: Session) -> bool:
    """Whether two sightings tell the same, whenever and however each was made."""
    return seen.content == known.content


def changes(known: Session | None, seen: Session) -> tuple[Change, ...]:
    """What happened between two states of a session, in the order in which it is told; nothing where both are the same.

    What was only not known yet, as a list's row does not tell it, has not happened. A difference that no type tells of
    is one change without a type.
    """
    if known is None:
        return (_created(seen),)
    found = (*_status(known, seen), *_people(known, seen), *_documents(known, seen), *_signatures(known, seen))
    if found or _shown(known) == _shown(seen):
        return found
    return (Change(type=None),)


def _created(seen: Session) -> Change:
    return Change(
        type=ChangeType.CREATED,
        to_status=seen.status,
        provider_status=seen.provider_status,
        occurred_at=seen.created_at,
    )


def _status(known: Session, seen: Session) -> Iterator[Change]:
    if known.status is seen.status:
        return
    kind = ChangeType.CORRECTED if known.final else ChangeType.STATUS_CHANGED
    if seen.status is SessionStatus.DELETED:
        kind = ChangeType.DELETED
    yield Change(
        type=kind,
        from_status=known.status,
        to_status=seen.status,
        provider_status=seen.provider_status,
        occurred_at=_since(seen),
    )


def _since(seen: Session) -> datetime | None:
    """Since when a session has been in its status, as far as it says."""
    if seen.status in {SessionStatus.COMPLETED, SessionStatus.PARTIALLY_COMPLETED}:
        return seen.completed_at
    if seen.status is SessionStatus.EXPIRED:
        return seen.due_at
    return seen.started_at if seen.status in {SessionStatus.PENDING, SessionStatus.READY} else None


def _people(known: Session, seen: Session) -> Iterator[Change]:
    for key, person in _differing(_by_key(known.participants), _by_key(seen.participants), _person, partial=known.partial):
        signed = person is not None and person.status is ParticipantStatus.SIGNED
        yield Change(
            type=ChangeType.PARTICIPANT_CHANGED,
            participant=key,
            provider_status=person.provider_status if person else None,
            occurred_at=person.signed_at if person and signed else None,
        )


def _documents(known: Session, seen: Session) -> Iterator[Change]:
    if seen.status is SessionStatus.DELETED:
        return
    before, after = _by_key(known.documents), _by_key(seen.documents)
    for key, document in _differing(before, after, _itself, partial=known.partial):
        added = key not in before and document is not None
        yield Change(
            type=ChangeType.DOCUMENT_CHANGED,
            document=key,
            provider_status=document.provider_status if document else None,
            occurred_at=document.created_at if added and document else None,
        )


def _signatures(known: Session, seen: Session) -> Iterator[Change]:
    versions = {each.key: each.version for each in known.signatures}
    for each in seen.signatures:
        if each.key in versions and versions[each.key] == each.version:
            continue
        if each.key in versions or not known.partial:
            yield Change(
                type=ChangeType.SIGNATURE_ADDED,
                signature=each.key,
                document=each.document,
                participant=each.participant,
                occurred_at=each.signed_at or each.updated_at or each.created_at,
            )


def _differing(
    before: Mapping[str, P], after: Mapping[str, P], look: Callable[[P], object], *, partial: bool
) -> Iterator[tuple[str, P | None]]:
    """The keys of what has come, has changed or has gone, with what is there now. Before a partial state, nothing comes."""
    for key, part in after.items():
        if key not in before:
            if not partial:
                yield key, part
        elif look(before[key]) != look(part):
            yield key, part
    for key in before:
        if key not in after:
            yield key, None


def _by_key(parts: Sequence[P]) -> Mapping[str, P]:
    return {part.key: part for part in parts}


def _itself(part: Document | Signature) -> object:
    return part


def _person(person: Participant) -> object:
    """A person, but for where they sign: some providers give that another address at every look."""
    return replace(person, signing_url=None, signing_url_expires_at=None)


def _shown(session: Session) -> object:
    """All that anybody is shown of a session, but for its payload and for when it was looked at."""
    return replace(session, native=b"", partial=False, observed_at=None, source=session.source.READ, stale=False)
