"""Changes of a session, found by comparing its state before with its state after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Protocol, TypeVar

from providers.model import Document, Participant, ParticipantStatus, Session, SessionStatus, Signature


class ChangeType(StrEnum):
    """The kind of a change."""

    CREATED = "CREATED"
    STATUS_CHANGED = "STATUS_CHANGED"
    PARTICIPANT_CHANGED = "PARTICIPANT_CHANGED"
    DOCUMENT_CHANGED = "DOCUMENT_CHANGED"
    SIGNATURE_ADDED = "SIGNATURE_ADDED"
    DELETED = "DELETED"
    CORRECTED = "CORRECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change; ``type`` is None for a difference that has no type of its own.

    ``participant``, ``document`` and ``signature`` are the key of the part that changed. ``occurred_at`` is the provider's
    own time of it, where it states one.
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


def is_unchanged(before: Session, after: Session) -> bool:
    """Whether two states have the same content, whenever and however each was observed."""
    return after.content == before.content


def find_changes(before: Session | None, after: Session) -> tuple[Change, ...]:
    """The changes between two states, in the order of their events; empty where both are equal.

    What a partial state lacks has not changed. Differences without a type of their own are one change without a type.
    """
    if before is None:
        return (_creation(after),)
    changes = (
        *_status_change(before, after),
        *_participant_changes(before, after),
        *_document_changes(before, after),
        *_signature_changes(before, after),
    )
    if changes or _visible_content(before) == _visible_content(after):
        return changes
    return (Change(type=None),)


def _creation(after: Session) -> Change:
    return Change(
        type=ChangeType.CREATED,
        to_status=after.status,
        provider_status=after.provider_status,
        occurred_at=after.created_at,
    )


def _status_change(before: Session, after: Session) -> Iterator[Change]:
    if before.status is after.status:
        return
    kind = ChangeType.CORRECTED if before.final else ChangeType.STATUS_CHANGED
    if after.status is SessionStatus.DELETED:
        kind = ChangeType.DELETED
    yield Change(
        type=kind,
        from_status=before.status,
        to_status=after.status,
        provider_status=after.provider_status,
        occurred_at=_occurred_at(after),
    )


def _occurred_at(after: Session) -> datetime | None:
    """The provider's own time of the present status; None where it states none."""
    if after.status in {SessionStatus.COMPLETED, SessionStatus.PARTIALLY_COMPLETED}:
        return after.completed_at
    if after.status is SessionStatus.EXPIRED:
        return after.due_at
    return after.started_at if after.status in {SessionStatus.PENDING, SessionStatus.READY} else None


def _participant_changes(before: Session, after: Session) -> Iterator[Change]:
    for key, person in _differences(
        _by_key(before.participants), _by_key(after.participants), _without_signing_url, partial=before.partial
    ):
        signed = person is not None and person.status is ParticipantStatus.SIGNED
        yield Change(
            type=ChangeType.PARTICIPANT_CHANGED,
            participant=key,
            provider_status=person.provider_status if person else None,
            occurred_at=person.signed_at if person and signed else None,
        )


def _document_changes(before: Session, after: Session) -> Iterator[Change]:
    if after.status is SessionStatus.DELETED:
        return
    parts_before, parts_after = _by_key(before.documents), _by_key(after.documents)
    for key, document in _differences(parts_before, parts_after, _itself, partial=before.partial):
        added = key not in parts_before and document is not None
        yield Change(
            type=ChangeType.DOCUMENT_CHANGED,
            document=key,
            provider_status=document.provider_status if document else None,
            occurred_at=document.created_at if added and document else None,
        )


def _signature_changes(before: Session, after: Session) -> Iterator[Change]:
    versions = {each.key: each.version for each in before.signatures}
    for each in after.signatures:
        if each.key in versions and versions[each.key] == each.version:
            continue
        if each.key in versions or not before.partial:
            yield Change(
                type=ChangeType.SIGNATURE_ADDED,
                signature=each.key,
                document=each.document,
                participant=each.participant,
                occurred_at=each.signed_at or each.updated_at or each.created_at,
            )


def _differences(
    parts_before: Mapping[str, P], parts_after: Mapping[str, P], project: Callable[[P], object], *, partial: bool
) -> Iterator[tuple[str, P | None]]:
    """The keys of parts that were added, changed or removed, with the part as it is now. A partial state hides additions."""
    for key, part in parts_after.items():
        if key not in parts_before:
            if not partial:
                yield key, part
        elif project(parts_before[key]) != project(part):
            yield key, part
    for key in parts_before:
        if key not in parts_after:
            yield key, None


def _by_key(parts: Sequence[P]) -> Mapping[str, P]:
    return {part.key: part for part in parts}


def _itself(part: Document | Signature) -> object:
    return part


def _without_signing_url(person: Participant) -> object:
    """A participant without the signing URL: some providers give another one at every read."""
    return replace(person, signing_url=None, signing_url_expires_at=None)


_INVISIBLE = Session.OBSERVATION_FIELDS | {"native", "partial"}
_visible_content = attrgetter(*(each.name for each in fields(Session) if each.name not in _INVISIBLE))
