"""Lifecycle of a session: created, read, signed, declined, canceled, deleted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

import orders
import pytest

from providers.errors import Invalid, NotFound, Refused, SigningError, WrongState
from providers.model import DocumentRole, ParticipantRole, ParticipantStatus, SessionKind, SessionStatus, SigningOrder
from providers.saga import Steps

SIGNS = pytest.mark.needs("CREATE_SESSION", where=lambda can: can.session_kind is SessionKind.SIGNING)


def people(session):
    return [(person.first_name, person.last_name) for person in session.participants if person.role is ParticipantRole.SIGNER]


def to_sign(session):
    return [(item.key, item.title) for item in session.documents if item.role is DocumentRole.TO_SIGN]


async def test_session_is_read_as_it_was_created(subject):
    made = await subject.make()
    assert (made.provider, made.kind) == (subject.settings.name, subject.can.session_kind)
    read = await subject.adapter.fetch_session(made.key, made)
    assert (read.ref, read.kind, read.parts) == (made.ref, made.kind, made.parts)
    assert (read.title, read.reference, read.signing_order) == (made.title, made.reference, made.signing_order)
    assert to_sign(read) == to_sign(made)
    assert people(read) == people(made)
    assert [person.key for person in read.participants] == [person.key for person in made.participants]
    assert not read.partial


async def test_session_is_read_by_its_key_alone(subject):
    made = await subject.make(subject.order(people=1) if subject.can.session_kind is not SessionKind.RECORD else None)
    read = await subject.adapter.fetch_session(made.key)
    assert (read.ref, read.kind) == (made.ref, made.kind)
    assert [key for key, _ in to_sign(read)] == [key for key, _ in to_sign(made)]
    assert len(read.participants) == len(made.participants)


@pytest.mark.needs("CREATE_SESSION")
async def test_created_session_matches_its_order(subject):
    order = subject.order(documents=2, people=3)
    assert not list(subject.adapter.validate_order(order))
    made = await subject.make(order)
    assert made.title == order.title
    assert made.reference == order.reference
    assert [title for _, title in to_sign(made)] == [item.title for item in order.documents]
    assert people(made) == [(person.first_name, person.last_name) for person in order.participants]
    assert made.due_at == (order.due_at.replace(microsecond=0) if order.due_at else None) or made.due_at == order.due_at
    assert not made.final
    assert made.status is not SessionStatus.DRAFT, "it was to be started"


@pytest.mark.needs("CREATE_SESSION")
async def test_creation_records_a_step_for_everything_it_makes(subject):
    steps = Steps()
    await subject.make(steps=steps)
    assert steps.entries
    assert all(step.name and step.key for step in steps.entries)
    assert len(set(steps.entries)) == len(steps.entries)


@SIGNS
async def test_sequential_order_keeps_its_sequence(subject):
    order = subject.order(people=3, signing_order=SigningOrder.SEQUENTIAL)
    made = await subject.make(order)
    read = await subject.adapter.fetch_session(made.key, made)
    assert read.signing_order is SigningOrder.SEQUENTIAL
    assert people(read) == [(person.first_name, person.last_name) for person in order.participants]
    waits = [person.status for person in read.participants]
    assert waits[0] is not ParticipantStatus.WAITING
    assert waits[1:] == [ParticipantStatus.WAITING] * 2
    turns = [person.order for person in read.participants]
    assert turns == sorted(turns)


async def test_session_is_final_once_everybody_has_signed(subject):
    made = await subject.make()
    done = await subject.sign(made)
    assert (done.ref, done.status) == (made.ref, SessionStatus.COMPLETED)
    assert done.final
    progress = done.progress
    assert progress.signed == progress.required > 0
    assert (progress.pending, progress.declined, progress.failed) == (0, 0, 0)
    assert people(done) == people(made)
    assert to_sign(done) == to_sign(made)
    again = await subject.adapter.fetch_session(done.key, done)
    assert again.status is SessionStatus.COMPLETED


@SIGNS
async def test_progress_counts_every_signature(subject):
    session = await subject.make(subject.order(people=3, signing_order=SigningOrder.SEQUENTIAL))
    keys = session.parts or (session.key,) * 3
    signed = []
    for number, key in enumerate(keys):
        await subject.sandbox.sign(key, number if len(set(keys)) == 1 else 0)
        session = await subject.adapter.fetch_session(session.key, session)
        progress = session.progress
        assert progress.required == progress.signed + progress.declined + progress.pending + progress.failed == 3
        signed.append(progress.signed)
        if number < 2:
            assert session.status is SessionStatus.IN_PROGRESS
    assert signed == [1, 2, 3]


@SIGNS
@pytest.mark.parametrize("alone", [True, False])
async def test_session_is_declined_when_one_participant_declines(subject, alone):
    made = await subject.make(subject.order(people=1 if alone else 3))
    over = await subject.decline(made)
    assert over.status is SessionStatus.DECLINED
    assert over.progress.declined == 1
    assert [person.status for person in over.participants].count(ParticipantStatus.DECLINED) == 1


@pytest.mark.needs("START_SESSION")
async def test_draft_stays_draft_until_it_is_started(subject):
    draft = await subject.make(subject.draft())
    assert draft.status is SessionStatus.DRAFT
    read = await subject.adapter.fetch_session(draft.key, draft)
    assert read.status is SessionStatus.DRAFT
    started = await subject.adapter.start_session(read)
    assert started.ref == draft.ref
    assert started.status is not SessionStatus.DRAFT
    assert not started.final
    assert to_sign(started) == to_sign(draft)
    with pytest.raises(WrongState):
        await subject.adapter.start_session(started)
    assert (await subject.sign(started)).status is SessionStatus.COMPLETED


@pytest.mark.needs("ADD_DOCUMENT")
async def test_document_is_added_to_draft_and_refused_afterwards(subject):
    draft = await subject.make(subject.draft())
    steps, extra = Steps(), orders.document("Afterthought")
    more = await subject.adapter.add_document(draft, extra, steps)
    assert [title for _, title in to_sign(more)] == [*[title for _, title in to_sign(draft)], extra.title]
    assert len(steps.entries) == 1
    done = await subject.sign(await subject.adapter.start_session(more))
    with pytest.raises(WrongState):
        await subject.adapter.add_document(done, extra, Steps())


@pytest.mark.needs("CANCEL_SESSION")
async def test_canceled_session_is_final(subject):
    made = await subject.make()
    canceled = await subject.adapter.cancel_session(made, "The field was sold.")
    assert (canceled.ref, canceled.status) == (made.ref, SessionStatus.CANCELED)
    assert canceled.status_reason == "The field was sold."
    assert people(canceled) == people(made)
    assert not [person for person in canceled.participants if person.signing_url]
    try:
        read = await subject.adapter.fetch_session(made.key, canceled)
    except NotFound:
        return
    assert read.status is SessionStatus.CANCELED


@pytest.mark.needs("CANCEL_SESSION")
@pytest.mark.parametrize("informed", [True, False])
async def test_completed_session_cannot_be_canceled(subject, informed):
    made = await subject.make()
    done = await subject.sign(made)
    with pytest.raises(WrongState):
        await subject.adapter.cancel_session(done if informed else made, "Too late.")
    assert (await subject.adapter.fetch_session(made.key, done)).status is SessionStatus.COMPLETED


@pytest.mark.needs("DELETE_SESSION")
@pytest.mark.parametrize("informed", [True, False])
async def test_deleted_session_is_not_found(subject, informed):
    made = await subject.make(None if subject.can.session_kind is SessionKind.RECORD else subject.draft())
    await subject.adapter.delete_session(made)
    try:
        read = await subject.adapter.fetch_session(made.key, made if informed else None)
    except NotFound:
        pass
    else:
        assert read.status is SessionStatus.DELETED
    with suppress(NotFound):
        await subject.adapter.delete_session(made)


@pytest.mark.needs("CREATE_SESSION")
@pytest.mark.parametrize("times", [1, 2])
async def test_every_step_of_creation_can_be_compensated(subject, times):
    before = present(subject)
    steps = Steps()
    made = await subject.make(steps=steps)
    for _ in range(times):
        for step in reversed(steps.entries):
            await subject.adapter.compensate(step)
    assert present(subject) == before
    with pytest.raises(NotFound):
        ended(await subject.adapter.fetch_session(made.key))


async def test_unknown_key_is_not_found(subject):
    made = await subject.make()
    for unknown in (strange(made.key), str(uuid4()), "987654321", "nothing/here"):
        with pytest.raises(NotFound):
            await subject.adapter.fetch_session(unknown)


@pytest.mark.parametrize(
    "key",
    ["", ".", "..", "../..", "a/../b", "?x=1", "#", "%2e%2e", "a b", "\0", "\n", "\u00e9" * 200, "x" * 3000],
    ids=lambda key: ascii(key)[1:9],
)
async def test_key_cannot_traverse_to_another_path(subject, key):
    made = await subject.make()
    heard = len(subject.sandbox.calls)
    await subject.adapter.fetch_session(made.key, made)
    usual = {call.path.count("/") for call in subject.calls_since(heard)}
    heard = len(subject.sandbox.calls)
    with pytest.raises((NotFound, Invalid, Refused)):
        await subject.adapter.fetch_session(key)
    calls = subject.calls_since(heard)
    assert all(call.method == "GET" for call in calls)
    depths = [call.path.count("/") for call in calls]
    assert all({depth, depth - key.count("/")} & usual for depth in depths)


async def test_read_is_correct_when_known_session_is_incomplete(subject):
    made = await subject.make()
    muddled = replace(made, documents=(), participants=(), signatures=(), native=b"null", title=None)
    read = await subject.adapter.fetch_session(made.key, muddled)
    assert read.ref == made.ref
    assert not read.final or made.final


def strange(key):
    """A key in the form of the given one that no session has."""
    return str(int(key) + 100_000) if key.isdecimal() else key[:-4] + ("beef" if not key.endswith("beef") else "cafe")


def present(subject):
    """The sandbox's sessions that have not ended."""
    return {
        session.key
        for session in subject.sandbox.sessions()
        if session.status.lower() not in {"deleted", "voided", "canceled", "cancelled"}
    }


def ended(session):
    """Asserts that a compensated session is not found, or has ended where the provider deletes nothing."""
    if session.status in {SessionStatus.DELETED, SessionStatus.CANCELED}:
        raise NotFound("over")
    raise SigningError(f"{session.key} is still {session.status}")
