"""Changes of a session, computed from two states of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from stage import START, paper, session, sessions, signature, signer

from providers.model import ChangeSource, DocumentStatus, ParticipantStatus, Session, SessionStatus
from providers.model.change import Change, ChangeType, find_changes, is_unchanged

REF = session().ref
ADA, BOB = signer(REF, "ada"), signer(REF, "bob")


def full(status: SessionStatus = SessionStatus.PENDING, **known: object) -> Session:
    parts = {"documents": (paper(REF, "d1"),), "participants": (ADA, BOB), "created_at": START}
    return session(status=status, **(parts | known))


def test_first_state_is_a_creation() -> None:
    assert find_changes(None, full()) == (Change(type=ChangeType.CREATED, to_status=SessionStatus.PENDING, occurred_at=START),)


@given(sessions())
def test_equal_states_have_no_change(seen: Session) -> None:
    later = replace(seen, observed_at=START, source=ChangeSource.WEBHOOK, stale=True)
    assert is_unchanged(seen, later)
    assert find_changes(seen, later) == ()


@given(sessions(), sessions())
def test_visible_difference_is_a_change(known: Session, seen: Session) -> None:
    known, seen = replace(known, partial=False), replace(seen, provider=known.provider, key=known.key, partial=False)
    found = find_changes(known, seen)
    shown = {each: replace(each, native=b"", observed_at=None, source=ChangeSource.READ, stale=False) for each in (known, seen)}
    assert bool(found) == (shown[known] != shown[seen])
    moved = [each for each in found if each.from_status or each.to_status]
    assert len(moved) == (known.status is not seen.status)
    for each in moved:
        assert (each.from_status, each.to_status) == (known.status, seen.status)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (SessionStatus.PENDING, SessionStatus.IN_PROGRESS, ChangeType.STATUS_CHANGED),
        (SessionStatus.IN_PROGRESS, SessionStatus.COMPLETED, ChangeType.STATUS_CHANGED),
        (SessionStatus.COMPLETED, SessionStatus.DELETED, ChangeType.DELETED),
        (SessionStatus.PENDING, SessionStatus.DELETED, ChangeType.DELETED),
        (SessionStatus.EXPIRED, SessionStatus.COMPLETED, ChangeType.CORRECTED),
        (SessionStatus.DELETED, SessionStatus.COMPLETED, ChangeType.CORRECTED),
    ],
)
def test_status_change_has_both_statuses(before: SessionStatus, after: SessionStatus, kind: ChangeType) -> None:
    (change,) = find_changes(full(before), full(after))
    assert (change.type, change.from_status, change.to_status) == (kind, before, after)


def test_each_changed_part_has_one_change_in_order() -> None:
    signed = replace(ADA, status=ParticipantStatus.SIGNED, signed_at=START)
    made = signature(REF, "g1", document="d1", participant="ada", signed_at=START)
    done = replace(paper(REF, "d1"), status=DocumentStatus.SIGNED)
    found = find_changes(
        full(), full(SessionStatus.IN_PROGRESS, participants=(signed, BOB), documents=(done,), signatures=(made,))
    )
    assert [(each.type, each.participant, each.document, each.signature) for each in found] == [
        (ChangeType.STATUS_CHANGED, None, None, None),
        (ChangeType.PARTICIPANT_CHANGED, "ada", None, None),
        (ChangeType.DOCUMENT_CHANGED, None, "d1", None),
        (ChangeType.SIGNATURE_ADDED, "ada", "d1", "g1"),
    ]
    assert found[1].occurred_at == found[3].occurred_at == START


def test_added_and_removed_participants_are_changes() -> None:
    found = find_changes(full(participants=(ADA,)), full(participants=(BOB,)))
    assert [(each.type, each.participant) for each in found] == [
        (ChangeType.PARTICIPANT_CHANGED, "bob"),
        (ChangeType.PARTICIPANT_CHANGED, "ada"),
    ]


def test_other_signing_url_is_no_participant_change() -> None:
    moved = replace(ADA, signing_url="https://elsewhere.example", signing_url_expires_at=START)
    assert find_changes(full(), full(participants=(moved, BOB))) == (Change(type=None),)


def test_difference_without_a_type_is_an_untyped_change() -> None:
    assert find_changes(full(), full(title="Another title")) == (Change(type=None),)


def test_other_native_payload_is_no_change() -> None:
    assert find_changes(full(), full(native=b"{ }")) == ()


def test_absence_in_partial_row_is_no_change() -> None:
    """A session that only a list has shown is completed by the first reading; nothing has come about by that."""
    made = signature(REF, "g1")
    row = session(partial=True, participants=(ADA,), created_at=START)
    assert find_changes(row, full(signatures=(made,))) == (Change(type=None),)
    signed = replace(ADA, status=ParticipantStatus.SIGNED, signed_at=START)
    assert [each.participant for each in find_changes(row, full(participants=(signed, BOB)))] == ["ada"]


def test_next_version_of_signature_is_a_new_signature() -> None:
    first, second = signature(REF, "g1", version=1), signature(REF, "g1", version=2, updated_at=START + timedelta(days=1))
    (change,) = find_changes(full(signatures=(first,)), full(signatures=(second,)))
    assert (change.type, change.signature, change.occurred_at) == (ChangeType.SIGNATURE_ADDED, "g1", second.updated_at)
