"""Operations of EasyInk over real HTTP, with lost answers, saga recovery and the OAuth flow."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from easyink_world import ADA, BOB, DRAFTS, SESSIONS, RecordingTransport, World, document, only, opened, order, read, scripted
from pydantic import SecretStr
from withheld import withheld

from providers.capability import Operation, Support
from providers.easyink import PROVIDER
from providers.easyink.adapter import EasyInkAdapter
from providers.easyink.sandbox import SANDBOX
from providers.errors import (
    AuthorizationRequired,
    Busy,
    Conflict,
    InDoubt,
    Invalid,
    Misbehaved,
    NotFound,
    Refused,
    SigningError,
    Unavailable,
    Unsupported,
    WrongState,
)
from providers.http.credentials import CredentialState, Token
from providers.model import (
    DeliveryMethod,
    DocumentRole,
    DocumentStatus,
    ParticipantRole,
    ParticipantStatus,
    ReminderFrequency,
    Session,
    SessionStatus,
    SigningOrder,
)
from providers.orders import FieldChange, FieldOrder, FieldPlacement, ParticipantChange, SessionChange
from providers.saga import Step, Steps
from providers.sandbox.fault_injection import Fault

MARKER = "c0ffee123456"
PLACED = FieldOrder(document=0, participant=0, type="Signature", page=1, x=10, y=20.5, width=100, height=30)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with opened() as world:
        yield world


async def drafted(world: World, **changes: object) -> Session:
    """A draft with a processed document, an attachment, two people and a field of the first."""
    files = (document(), document(role=DocumentRole.ATTACHMENT, filename="rules.pdf"))
    asked = {"documents": files, "participants": (ADA, BOB), "fields": (PLACED,), "start": False}
    return await world.create(order(**(asked | changes)))


async def begun(world: World, **changes: object) -> Session:
    return await drafted(world, **({"start": True} | changes))


async def stranger(world: World, session: Session) -> dict[str, object]:
    """The draft as EasyInk answers it, without the adapter."""
    return await world.ask("GET", f"{DRAFTS}/{session.key}", 200)


async def lost(world: World, path: str, method: str = "*", count: int = 1) -> None:
    world.sandbox.faults.append(Fault(path=path, method=method, kind="lost", count=count))


# When


async def _ready(world: World) -> Session:
    session = await drafted(world)
    await world.ask("POST", f"{DRAFTS}/{session.key}/converted", 204)
    return await world.adapter.fetch_session(session.key, session)


async def _in_progress(world: World) -> Session:
    return await _after(world, world.sandbox.view)


async def _after(world: World, act: Callable[[str], Awaitable[None]]) -> Session:
    session = await begun(world)
    await act(session.key)
    return await world.adapter.fetch_session(session.key, session)


async def _canceled(world: World) -> Session:
    return await world.adapter.cancel_session(await begun(world), "x")


STATES: dict[SessionStatus, Callable[[World], Awaitable[Session]]] = {
    SessionStatus.DRAFT: drafted,
    SessionStatus.READY: _ready,
    SessionStatus.PENDING: begun,
    SessionStatus.IN_PROGRESS: _in_progress,
    SessionStatus.COMPLETED: lambda world: _after(world, world.sandbox.sign),
    SessionStatus.DECLINED: lambda world: _after(world, world.sandbox.decline),
    SessionStatus.CANCELED: _canceled,
    SessionStatus.EXPIRED: lambda world: _after(world, world.sandbox.expire),
}
ANOTHER = FieldPlacement(document="", participant=None, type="Date", page=1, x=0, y=0, width=10, height=10)
ACTS: dict[Operation, Callable[[EasyInkAdapter, Session], Awaitable[object]]] = {
    Operation.START_SESSION: lambda at, it: at.start_session(it),
    Operation.CANCEL_SESSION: lambda at, it: at.cancel_session(it, "why"),
    Operation.DELETE_SESSION: lambda at, it: at.delete_session(it),
    Operation.UPDATE_SESSION: lambda at, it: at.update_session(it, SessionChange(title="New")),
    Operation.DUPLICATE_SESSION: lambda at, it: at.duplicate_session(it, None, MARKER, Steps()),
    Operation.RECREATE_SESSION: lambda at, it: at.recreate_session(it, None, "why", MARKER, Steps()),
    Operation.SET_SIGNING_ORDER: lambda at, it: at.set_signing_order(it, SigningOrder.SEQUENTIAL, ()),
    Operation.ADD_DOCUMENT: lambda at, it: at.add_document(it, document(), Steps()),
    Operation.REMOVE_DOCUMENT: lambda at, it: at.remove_document(it, it.documents[0]),
    Operation.DOWNLOAD_DOCUMENT: lambda at, it: read(at, it, it.documents[0]),
    Operation.ADD_PARTICIPANT: lambda at, it: at.add_participant(it, BOB),
    Operation.ADD_SELF: lambda at, it: at.add_self(it),
    Operation.UPDATE_PARTICIPANT: lambda at, it: at.update_participant(
        it, it.participants[1], ParticipantChange(phone="5550000001")
    ),
    Operation.REMOVE_PARTICIPANT: lambda at, it: at.remove_participant(it, it.participants[0]),
    Operation.ADD_FIELD: lambda at, it: at.add_field(it, replace(ANOTHER, document=it.documents[0].key)),
    Operation.UPDATE_FIELD: lambda at, it: at.update_field(it, it.fields[0], FieldChange(x=1, required=False)),
    Operation.REMOVE_FIELD: lambda at, it: at.remove_field(it, it.fields[0]),
    Operation.LIST_SIGNATURES: lambda at, it: at.list_signatures(it),
}
WITHOUT_SESSION = {Operation.CREATE_SESSION, Operation.LIST_SESSIONS, Operation.STATISTICS}


def test_every_operation_declares_its_statuses() -> None:
    can = EasyInkAdapter.capabilities
    supported = {each for each in Operation if can.support(each) is not Support.UNSUPPORTED}
    assert {each for each in supported if can.operations[each].when is not None} == supported - WITHOUT_SESSION == set(ACTS)
    assert not any(can.allows(each, SessionStatus.DELETED) for each in ACTS)


@pytest.mark.parametrize("operation", ACTS, ids=str.lower)
async def test_operation_succeeds_exactly_in_its_declared_statuses(world: World, operation: Operation) -> None:
    for status, make in STATES.items():
        session = await make(world)
        assert session.status is status
        if EasyInkAdapter.capabilities.allows(operation, status):
            await ACTS[operation](world.adapter, session)
        elif (operation, status) == (Operation.CANCEL_SESSION, SessionStatus.CANCELED):
            assert await world.adapter.cancel_session(session, "again") is not None
        else:
            with pytest.raises(WrongState):
                await ACTS[operation](world.adapter, session)


@pytest.mark.parametrize(
    "operation",
    [each for each in ACTS if EasyInkAdapter.capabilities.operations[each].when == {SessionStatus.DRAFT}],
    ids=str.lower,
)
async def test_draft_that_was_converted_in_the_meantime_is_the_wrong_state(world: World, operation: Operation) -> None:
    session = await drafted(world)
    await world.ask("POST", f"{DRAFTS}/{session.key}/converted", 204)
    with pytest.raises(
        WrongState, match="the draft is locked, as it was converted", check=withheld("draft is locked and cannot be")
    ):
        await ACTS[operation](world.adapter, session)


@pytest.mark.parametrize("operation", [Operation.DUPLICATE_SESSION, Operation.RECREATE_SESSION], ids=str.lower)
async def test_session_that_expired_in_the_meantime_is_not_copied(world: World, operation: Operation) -> None:
    session = await begun(world)
    await world.sandbox.expire(session.key)
    with pytest.raises(WrongState, match="Expired") as caught:
        await ACTS[operation](world.adapter, session)
    assert caught.value.path == ("input", "session")


# Sessions


async def test_draft_gets_another_title_and_other_reminders(world: World) -> None:
    session = await drafted(world, reference="crm-17")
    changed = await world.adapter.update_session(session, SessionChange(title="Flat 5"))
    changed = await world.adapter.update_session(changed, SessionChange(reminder_frequency=ReminderFrequency.DAILY))
    assert (changed.title, changed.reminder_frequency, changed.reference) == ("Flat 5", ReminderFrequency.DAILY, "crm-17")
    assert world.sent(f"PATCH {DRAFTS}/{session.key}") == [{"subject": "Flat 5"}, {"reminderFrequency": "Daily"}]
    shown = await stranger(world, session)
    assert (shown["subject"], shown["reminderFrequency"]) == ("Flat 5", "Daily")


async def test_empty_change_makes_no_write(world: World) -> None:
    session = await drafted(world)
    world.sandbox.calls.clear()
    assert (await world.adapter.update_session(session, SessionChange())).title == session.title
    assert world.asked() == [f"GET {DRAFTS}/{session.key}"]


async def test_update_is_retried_when_answer_is_lost(world: World) -> None:
    session = await drafted(world)
    await lost(world, f"{DRAFTS}/*", "PATCH")
    assert (await world.adapter.update_session(session, SessionChange(title="Flat 5"))).title == "Flat 5"


async def test_title_that_is_too_long_is_refused_before_any_call(world: World) -> None:
    draft, session, title = await drafted(world), await begun(world), "x" * 501
    world.sandbox.calls.clear()
    for act in (
        world.adapter.update_session(draft, SessionChange(title=title)),
        world.adapter.duplicate_session(draft, title, MARKER, Steps()),
        world.adapter.recreate_session(session, title, "why", MARKER, Steps()),
    ):
        with pytest.raises(Invalid, match="500") as caught:
            await act
        assert caught.value.path == ("input", "title")
    assert world.asked() == []


async def test_statistics_are_what_a_search_would_count(world: World) -> None:
    for status in (SessionStatus.DRAFT, SessionStatus.READY, SessionStatus.READY, SessionStatus.COMPLETED):
        await STATES[status](world)
    for _ in range(3):
        await begun(world)
    mine = await world.adapter.add_self(await drafted(world))
    await world.adapter.start_session(mine)
    counted = await world.adapter.fetch_statistics()
    rows = (await world.adapter.list_sessions(0, 100)).sessions
    words = [row.status for row in rows]
    assert counted.by_status == {
        SessionStatus.DRAFT: words.count(SessionStatus.DRAFT),
        SessionStatus.READY: words.count(SessionStatus.READY),
        SessionStatus.IN_PROGRESS: words.count(SessionStatus.PENDING) + words.count(SessionStatus.IN_PROGRESS),
    }
    waiting = sum(json.loads(row.native)["currentUserNeedToSign"] for row in rows)
    assert (counted.to_sign, counted.needs_action) == (waiting, waiting) == (1, 1)


async def test_statistics_leave_out_what_is_not_counted() -> None:
    counts = {"draftsCount": 2, "readyToStartCount": None, "brandNewCount": 7}
    async with scripted({f"GET {SESSIONS}/statistics": (200, counts)}) as adapter:
        counted = await adapter.fetch_statistics()
    assert (counted.by_status, counted.to_sign, counted.needs_action) == ({SessionStatus.DRAFT: 2}, None, None)


# Copies


async def test_duplicate_is_a_new_draft_and_the_original_stays(world: World) -> None:
    session, steps = await begun(world, signing_order=SigningOrder.SEQUENTIAL), Steps()
    copy = await world.adapter.duplicate_session(session, "Flat 6", MARKER, steps)
    assert steps.entries == [Step("draft", copy.key)]
    assert (copy.status, copy.title, copy.signing_order) == (SessionStatus.DRAFT, "Flat 6", SigningOrder.SEQUENTIAL)
    assert [each.last_name for each in copy.participants] == [each.last_name for each in session.participants]
    assert {each.key for each in copy.documents}.isdisjoint(each.key for each in session.documents)
    assert [each.role for each in copy.documents] == [each.role for each in session.documents]
    (placed,) = copy.fields
    assert (placed.document, placed.participant) == (copy.documents[0].key, copy.participants[0].key)
    assert copy.created_at is not None
    assert (await world.adapter.fetch_session(session.key)).status is SessionStatus.PENDING
    (body,) = world.sent(f"POST {SESSIONS}/{session.key}/duplicated")
    assert body == {"subject": f"Flat 6 [{MARKER}]"}
    assert world.sent(f"PATCH {DRAFTS}/{copy.key}") == [{"subject": "Flat 6"}]
    assert await world.adapter.find_by_marker(MARKER, world.time.now()) == ()


@pytest.mark.parametrize("viewed", [True, False])
async def test_draft_is_duplicated_whether_or_not_it_has_a_view(world: World, *, viewed: bool) -> None:
    world.sandbox.account.drafts_have_views = viewed
    session = await drafted(world)
    copy = await world.adapter.duplicate_session(session, None, MARKER, Steps())
    assert (copy.title, copy.status) == (session.title, SessionStatus.DRAFT)
    assert copy.key != session.key


async def test_copy_of_what_has_no_title_has_none(world: World) -> None:
    key = await world.ask("POST", DRAFTS, 200, json={})
    session = await world.adapter.fetch_session(key)
    copy = await world.adapter.duplicate_session(session, None, MARKER, Steps())
    assert (session.title, copy.title) == (None, None)


async def test_recreating_voids_the_original_and_gives_the_new_draft(world: World) -> None:
    session, steps = await begun(world), Steps()
    copy = await world.adapter.recreate_session(session, None, "typo", MARKER, steps)
    assert (steps.entries, steps.result and steps.result.key) == ([Step("mark", copy.key)], copy.key)
    assert (copy.status, copy.title) == (SessionStatus.DRAFT, "Flat 4")
    old = await world.adapter.fetch_session(session.key, session)
    assert (old.status, world.stored(session).reason) == (SessionStatus.CANCELED, "typo")
    (body,) = world.sent(f"POST {SESSIONS}/{session.key}/recreated")
    assert body == {"subject": f"Flat 4 [replacement {MARKER}]", "voidReason": "typo"}
    assert f"POST {SESSIONS}/{session.key}/voided" not in world.asked()


async def test_recreation_disabled_by_policy_raises_refused(world: World) -> None:
    session = await begun(world)
    world.sandbox.account.voiding_disabled = True
    with pytest.raises(
        Refused, match="a policy of the organization at EasyInk", check=withheld("Voiding of signing sessions is disabled")
    ):
        await world.adapter.recreate_session(session, None, "please", MARKER, Steps())
    assert len(world.sandbox.account.sessions) == 1


async def test_recreating_needs_a_reason(world: World) -> None:
    session = await begun(world)
    for reason in ("", "x" * 1001):
        with pytest.raises(Invalid) as caught:
            await world.adapter.recreate_session(session, None, reason, MARKER, Steps())
        assert caught.value.path == ("input", "reason")
    assert world.stored(session).status == "Pending"


# The order


async def test_participants_sign_one_by_one_in_the_given_order(world: World) -> None:
    session = await drafted(world)
    ada, bob = (each.key for each in session.participants)
    changed = await world.adapter.set_signing_order(session, SigningOrder.SEQUENTIAL, (bob, ada))
    assert world.sent(f"PUT {DRAFTS}/{session.key}/signingOrder/oneByOne") == [{"participantsOrder": [bob, ada]}]
    assert changed.signing_order is SigningOrder.SEQUENTIAL
    assert [(each.key, each.order) for each in changed.participants] == [(bob, 1), (ada, 2)]
    same = await world.adapter.set_signing_order(changed, SigningOrder.SEQUENTIAL, ())
    assert [each.key for each in same.participants] == [bob, ada]
    started = await world.adapter.start_session(same)
    assert [each.status for each in started.participants] == [ParticipantStatus.INVITED, ParticipantStatus.WAITING]


@pytest.mark.parametrize("named", [True, False])
async def test_signing_order_can_be_reset_to_parallel(world: World, *, named: bool) -> None:
    session = await drafted(world, signing_order=SigningOrder.SEQUENTIAL)
    keys = tuple(each.key for each in session.participants) if named else ()
    changed = await world.adapter.set_signing_order(session, SigningOrder.PARALLEL, keys)
    assert (changed.signing_order, [each.order for each in changed.participants]) == (SigningOrder.PARALLEL, [None, None])
    assert world.sent(f"PUT {DRAFTS}/{session.key}/signingOrder/allAtOnce") == [None]


async def test_signing_order_has_to_name_every_participant_once(world: World) -> None:
    session = await drafted(world)
    ada, bob = (each.key for each in session.participants)
    world.sandbox.calls.clear()
    for wrong in ((ada,), (ada, ada), (ada, bob, "nobody"), (ada, bob, ada)):
        with pytest.raises(Invalid, match="each once") as caught:
            await world.adapter.set_signing_order(session, SigningOrder.SEQUENTIAL, wrong)
        assert caught.value.path == ("input", "participants")
    assert world.asked() == []


async def test_signing_order_without_participants_is_invalid(world: World) -> None:
    session = await drafted(world, participants=(), fields=())
    with pytest.raises(Invalid, match="add participants") as caught:
        await world.adapter.set_signing_order(session, SigningOrder.SEQUENTIAL, ())
    assert caught.value.path == ("input", "order")


async def test_participant_added_meanwhile_raises_conflict(world: World) -> None:
    session = await drafted(world)
    await world.adapter.add_participant(session, BOB)
    with pytest.raises(Conflict, match="order all of its participants", check=withheld("Missing participants")):
        await world.adapter.set_signing_order(session, SigningOrder.SEQUENTIAL, ())


# Documents


@pytest.mark.parametrize(
    ("role", "place"), [(DocumentRole.TO_SIGN, "documents"), (DocumentRole.ATTACHMENT, "attachments")], ids=str.lower
)
async def test_document_is_removed_with_its_fields_from_where_it_is(world: World, role: DocumentRole, place: str) -> None:
    session = await drafted(world)
    gone = only(session, role)
    changed = await world.adapter.remove_document(session, gone)
    assert f"DELETE {DRAFTS}/{session.key}/{place}/{gone.key}" in world.asked()
    assert [each.key for each in changed.documents] == [each.key for each in session.documents if each is not gone]
    assert len(changed.fields) == (0 if role is DocumentRole.TO_SIGN else 1)


@pytest.mark.parametrize("operation", [Operation.REMOVE_DOCUMENT, Operation.REMOVE_PARTICIPANT, Operation.REMOVE_FIELD])
async def test_removal_is_idempotent_when_answer_is_lost(world: World, operation: Operation) -> None:
    session = await drafted(world)
    await lost(world, "*", "DELETE")
    changed = await ACTS[operation](world.adapter, session)
    assert isinstance(changed, Session)
    before = len(session.documents) + len(session.participants) + len(session.fields)
    after = len(changed.documents) + len(changed.participants) + len(changed.fields)
    assert after < before
    assert [call.status for call in world.sandbox.calls if call.method == "DELETE"] == [0, 400]


@pytest.mark.parametrize(
    ("operation", "path", "name"),
    [
        (Operation.REMOVE_DOCUMENT, "remove_document", "document"),
        (Operation.REMOVE_PARTICIPANT, "remove_participant", "participant"),
        (Operation.REMOVE_FIELD, "remove_field", "field"),
    ],
)
async def test_removal_raises_not_found_when_the_part_still_exists(
    world: World, operation: Operation, path: str, name: str
) -> None:
    session = await drafted(world)
    table = world.sandbox.settings(world.adapter.settings.base_url) | {"paths": {path: "/api/elsewhere"}}
    async with PROVIDER.adapter(PROVIDER.settings(**table)) as adapter:
        with pytest.raises(NotFound) as caught:
            await ACTS[operation](adapter, session)
    assert caught.value.path == ("input", name)


# People


async def test_somebody_is_added_last(world: World) -> None:
    session = await drafted(world, signing_order=SigningOrder.SEQUENTIAL)
    person = replace(ADA, first_name="Cy", email="cy@example.com", language="ES")
    changed = await world.adapter.add_participant(session, person)
    added = changed.participants[-1]
    assert (added.first_name, added.email, added.language, added.order) == ("Cy", "cy@example.com", "es", 3)
    assert (added.delivery_methods, added.role) == ((DeliveryMethod.EMAIL,), ParticipantRole.SIGNER)
    assert world.sent(f"POST {DRAFTS}/{session.key}/participants")[-1] == {
        "firstName": "Cy",
        "lastName": "Lovelace",
        "email": "cy@example.com",
        "deliveryMethods": ["Email"],
        "language": "Spanish",
    }


async def test_person_of_the_token_is_added_once_and_without_an_invitation(world: World) -> None:
    session = await drafted(world)
    changed = await world.adapter.add_self(session)
    me = changed.participants[-1]
    assert (me.role, me.delivery_methods, me.first_name) == (ParticipantRole.INITIATOR, (), "Sandra")
    assert world.sent(f"POST {DRAFTS}/{session.key}/participants/self") == [None]
    with pytest.raises(Conflict, match="in the session already", check=withheld("already exists")):
        await world.adapter.add_self(changed)
    assert (await world.adapter.start_session(changed)).status is SessionStatus.PENDING


async def test_change_of_a_person_is_sent_as_the_whole_person(world: World) -> None:
    session = await drafted(world)
    bob = session.participants[1]
    change = ParticipantChange(last_name="Bit", language="en")
    changed = await world.adapter.update_participant(session, bob, change)
    assert world.sent(f"PUT {DRAFTS}/{session.key}/participants/{bob.key}") == [
        {
            "firstName": "Bob",
            "middleName": "J",
            "lastName": "Bit",
            "email": None,
            "phone": "5551234567",
            "deliveryMethods": ["Sms"],
            "language": "English",
        }
    ]
    assert changed.participants[1] == replace(bob, last_name="Bit", language="en", display_name="Bob J Bit")


async def test_update_of_participant_keeps_concurrent_changes(world: World) -> None:
    session = await drafted(world)
    bob = session.participants[1]
    theirs = {"firstName": "Rob", "lastName": "Byte", "phone": "5559999999", "deliveryMethods": ["Sms"], "language": "Spanish"}
    await world.ask("PUT", f"{DRAFTS}/{session.key}/participants/{bob.key}", 204, json=theirs)
    changed = await world.adapter.update_participant(session, bob, ParticipantChange(last_name="Bit"))
    now = changed.participants[1]
    assert (now.first_name, now.last_name, now.phone, now.middle_name) == ("Rob", "Bit", "5559999999", None)


async def test_unmapped_words_of_participant_are_sent_back_unchanged() -> None:
    told = {
        "id": "p",
        "firstName": "A",
        "lastName": "B",
        "email": "a@example.com",
        "language": "Basque",
        "deliveryMethods": ["Owl"],
    }
    recorder = RecordingTransport()
    answers = {f"GET {DRAFTS}/s": (200, {"participants": [told]}), f"PUT {DRAFTS}/s/participants/p": (200, b"")}
    async with scripted(answers, recorder) as adapter:
        session = await adapter.fetch_session("s")
        await adapter.update_participant(session, session.participants[0], ParticipantChange(first_name="Ann"))
    (body,) = [body for call, body in recorder.sent if call.startswith("PUT")]
    assert isinstance(body, dict)
    assert (body["firstName"], body["language"], body["deliveryMethods"]) == ("Ann", "Basque", ["Owl"])


async def test_person_of_the_token_stays_without_an_invitation_when_changed(world: World) -> None:
    session = await world.adapter.add_self(await drafted(world))
    me = session.participants[-1]
    changed = await world.adapter.update_participant(session, me, ParticipantChange(first_name="Sandy"))
    assert (changed.participants[-1].first_name, changed.participants[-1].delivery_methods) == ("Sandy", ())


@pytest.mark.parametrize(
    ("change", "name", "says"),
    [
        (ParticipantChange(first_name=""), "firstName", "first name"),
        (ParticipantChange(last_name="x" * 101), "lastName", "100"),
        (ParticipantChange(phone="+4791234567"), "phone", "ten digits"),
        (ParticipantChange(language="nb"), "language", "en and es"),
        (ParticipantChange(delivery_methods=()), "deliveryMethods", "at least one"),
        (ParticipantChange(delivery_methods=(DeliveryMethod.EMAIL,)), "email", "e-mail address"),
        (ParticipantChange(email="x" * 257), "email", "256"),
    ],
)
async def test_change_of_participant_that_would_be_refused_is_refused_before_any_call(
    world: World, change: ParticipantChange, name: str, says: str
) -> None:
    session = await drafted(world)
    with pytest.raises(Invalid, match=says) as caught:
        await world.adapter.update_participant(session, session.participants[1], change)
    assert caught.value.path == ("input", name)
    assert not any(call.startswith("PUT") for call in world.asked())


async def test_somebody_who_was_removed_in_the_meantime_is_not_found(world: World) -> None:
    session = await drafted(world)
    await world.adapter.remove_participant(session, session.participants[1])
    with pytest.raises(NotFound) as caught:
        await world.adapter.update_participant(session, session.participants[1], ParticipantChange(first_name="x"))
    assert caught.value.path == ("input", "participant")


async def test_another_delivery_after_the_start_is_another_invitation(world: World) -> None:
    session = await begun(world)
    ada = session.participants[0]
    both = (DeliveryMethod.EMAIL, DeliveryMethod.SMS)
    changed = await world.adapter.update_participant(session, ada, ParticipantChange(phone="5550000001", delivery_methods=both))
    assert world.sent(f"PUT {SESSIONS}/{session.key}/participants/{ada.key}/deliveryMethods") == [
        {"email": "ada@example.com", "phone": "5550000001", "deliveryMethods": ["Email", "Sms"]}
    ]
    now = changed.participant(ada.key)
    assert now is not None
    assert (now.phone, now.delivery_methods, now.email) == ("5550000001", both, "ada@example.com")
    assert world.stored(session).people[ada.key].invitations == 2
    again = await world.adapter.fetch_session(session.key, changed)
    assert again.participants == changed.participants


async def test_name_of_participant_cannot_be_changed_after_the_start(world: World) -> None:
    session = await begun(world)
    ada = session.participants[0]
    for change, name in (
        (ParticipantChange(first_name="Bea", email="bea@example.com"), "firstName"),
        (ParticipantChange(language="es"), "language"),
    ):
        with pytest.raises(WrongState) as caught:
            await world.adapter.update_participant(session, ada, change)
        assert caught.value.path == ("input", name)
    same = ParticipantChange(first_name="Ada", email="new@example.com")
    changed = await world.adapter.update_participant(session, ada, same)
    assert changed.participants[0].email == "new@example.com"


async def test_somebody_who_has_used_the_link_is_invited_in_no_other_way(world: World) -> None:
    session = await begun(world)
    await world.sandbox.view(session.key, 0)
    with pytest.raises(WrongState, match="used the link") as caught:
        await world.adapter.update_participant(session, session.participants[0], ParticipantChange(email="b@example.com"))
    assert caught.value.path == ("input", "participant")
    changed = await world.adapter.update_participant(session, session.participants[1], ParticipantChange(phone="5550000001"))
    assert changed.status is SessionStatus.IN_PROGRESS


async def test_session_that_ended_while_somebody_was_invited_anew_is_the_wrong_state(world: World) -> None:
    session = await begun(world)
    await world.sandbox.expire(session.key)
    with pytest.raises(WrongState, match="Expired"):
        await world.adapter.update_participant(session, session.participants[0], ParticipantChange(email="b@example.com"))


async def test_delivery_methods_of_unknown_participant_have_to_be_given(world: World) -> None:
    session = await world.adapter.fetch_session((await begun(world)).key)
    with pytest.raises(Invalid) as caught:
        await world.adapter.update_participant(session, session.participants[0], ParticipantChange(email="b@example.com"))
    assert caught.value.path == ("input", "deliveryMethods")
    change = ParticipantChange(email="b@example.com", delivery_methods=(DeliveryMethod.EMAIL,))
    assert (await world.adapter.update_participant(session, session.participants[0], change)).participants[0].email is not None


async def test_nothing_to_change_of_a_person_invites_nobody(world: World) -> None:
    session = await begun(world)
    await world.adapter.update_participant(session, session.participants[0], ParticipantChange())
    assert [each.invitations for each in world.stored(session).people.values()] == [1, 1]


async def test_somebody_is_removed_with_their_fields_and_their_turn(world: World) -> None:
    session = await drafted(world, signing_order=SigningOrder.SEQUENTIAL)
    changed = await world.adapter.remove_participant(session, session.participants[0])
    assert [(each.first_name, each.order) for each in changed.participants] == [("Bob", 1)]
    assert changed.fields == ()


# Fields


async def test_field_is_placed(world: World) -> None:
    session = await drafted(world)
    item, owner = only(session, DocumentRole.TO_SIGN).key, session.participants[1].key
    asked = FieldPlacement(document=item, participant=owner, type="Date", page=2, x=1, y=2, width=3, height=4, required=False)
    changed = await world.adapter.add_field(session, asked)
    added = next(each for each in changed.fields if session.field(each.key) is None)
    assert (added.document, added.participant, added.type, added.required) == (item, owner, "Date", False)
    assert (added.page, added.x, added.y, added.width, added.height) == (2, 1, 2, 3, 4)
    placement = {"page": 2, "positionX": 1, "positionY": 2, "sizeX": 3, "sizeY": 4}
    field = {"type": "Date", "placement": placement, "options": {"isRequired": False, "forType": "Date"}}
    body = {"documentId": item, "participantId": owner, "field": field}
    assert world.sent(f"POST {DRAFTS}/{session.key}/signatureFields")[-1] == body


async def test_field_waits_for_its_document_and_no_other(world: World) -> None:
    session = await drafted(world)
    world.sandbox.account.processing_reads = 5
    session = await world.adapter.add_document(session, document(title="Annex"), Steps())
    broken = await world.adapter.add_document(session, document(b"%PDF-broken", title="Broken"), Steps())
    annex = next(each for each in broken.documents if each.title == "Annex")
    assert annex.status is DocumentStatus.PROCESSING
    changed = await world.adapter.add_field(broken, replace(ANOTHER, document=annex.key))
    assert {each.document for each in changed.fields} == {annex.key, session.documents[0].key}
    failed = next(each for each in changed.documents if each.title == "Broken")
    with pytest.raises(Refused, match="could not process"):
        await world.adapter.add_field(changed, replace(ANOTHER, document=failed.key))


async def test_field_on_a_document_that_is_never_ready_is_busy(world: World) -> None:
    session = await drafted(world)
    world.sandbox.account.processing_reads = 10_000
    session = await world.adapter.add_document(session, document(title="Annex"), Steps())
    annex = next(each for each in session.documents if each.title == "Annex")
    with pytest.raises(Busy):
        await world.adapter.add_field(session, replace(ANOTHER, document=annex.key))


@pytest.mark.parametrize(
    ("change", "name"),
    [({"x": -1}, "x"), ({"y": -0.5}, "y"), ({"page": 0}, "page"), ({"width": 0.05}, "width"), ({"height": 0}, "height")],
)
async def test_invalid_placement_is_refused_before_any_call(world: World, change: dict[str, float], name: str) -> None:
    session = await drafted(world)
    world.sandbox.calls.clear()
    asked = replace(ANOTHER, document=session.documents[0].key, **change)
    for act in (
        world.adapter.add_field(session, asked),
        world.adapter.update_field(session, session.fields[0], FieldChange(**change)),
    ):
        with pytest.raises(Invalid) as caught:
            await act
        assert caught.value.path == ("input", name)
    assert world.asked() == []


async def test_field_names_a_document_to_sign_and_a_person_of_the_session(world: World) -> None:
    session = await drafted(world)
    attachment = only(session, DocumentRole.ATTACHMENT).key
    for asked, kind, name in (
        (replace(ANOTHER, document=attachment), Invalid, "document"),
        (replace(ANOTHER, document="gone"), NotFound, "document"),
        (replace(ANOTHER, document=session.documents[0].key, participant="gone"), NotFound, "participant"),
    ):
        with pytest.raises(kind) as caught:
            await world.adapter.add_field(session, asked)
        assert caught.value.path == ("input", name)


async def test_field_is_moved_and_what_is_not_said_stays(world: World) -> None:
    session = await drafted(world)
    (before,) = session.fields
    changed = await world.adapter.update_field(session, before, FieldChange(page=2, y=0.5))
    assert changed.fields == (replace(before, page=2, y=0.5),)
    place = f"PUT {DRAFTS}/{session.key}/signatureFields/{before.key}"
    moved = {"page": 2, "positionX": 10, "positionY": 0.5, "sizeX": 100, "sizeY": 30}
    assert (world.sent(f"{place}/placement"), world.sent(f"{place}/options")) == ([moved], [])
    changed = await world.adapter.update_field(changed, changed.fields[0], FieldChange(required=False))
    assert changed.fields == (replace(before, page=2, y=0.5, required=False),)
    assert len(world.sent(f"{place}/placement")) == 1
    assert world.sent(f"{place}/options") == [{"isRequired": False, "forType": "Signature"}]


async def test_failed_change_of_field_is_compensated(world: World) -> None:
    session = await drafted(world)
    world.sandbox.faults.append(Fault(path="*/options", status=400))
    with pytest.raises(Refused):
        await world.adapter.update_field(session, session.fields[0], FieldChange(x=99, required=False))
    assert (await world.adapter.fetch_session(session.key, session)).fields == session.fields


async def test_field_that_is_gone_is_not_found(world: World) -> None:
    session = await drafted(world)
    (gone,) = session.fields
    await world.adapter.remove_field(session, gone)
    for change in (FieldChange(x=1), FieldChange(required=False)):
        with pytest.raises(NotFound) as caught:
            await world.adapter.update_field(session, gone, change)
        assert caught.value.path == ("input", "field")
    assert (await world.adapter.remove_field(session, gone)).fields == ()


async def test_field_is_removed_with_all_that_depend_on_it(world: World) -> None:
    session = await drafted(world)
    (first,) = session.fields
    body = world.sent(f"POST {DRAFTS}/{session.key}/signatureFields")[0]
    assert isinstance(body, dict)
    path = f"{DRAFTS}/{session.key}/signatureFields"
    second = await world.ask("POST", path, 200, json=body | {"dependsOn": first.key})
    await world.ask("POST", path, 200, json=body | {"dependsOn": second})
    stays = await world.ask("POST", path, 200, json=body)
    session = await world.adapter.fetch_session(session.key, session)
    assert len(session.fields) == 4
    changed = await world.adapter.remove_field(session, first)
    assert [each.key for each in changed.fields] == [stays]


@pytest.mark.parametrize("status", [404, 405])
async def test_fields_are_placed_in_one_call_or_one_by_one_without_it(world: World, status: int) -> None:
    asked = {"fields": (PLACED, replace(PLACED, participant=1, x=200))}
    at_once = await drafted(world, **asked)
    world.sandbox.faults.append(Fault(path="*/bulk", status=status))
    one_by_one = await drafted(world, **asked)
    for session, singles in ((at_once, 0), (one_by_one, 2)):
        assert [each.x for each in session.fields] == [10, 200]
        assert [each.participant for each in session.fields] == [each.key for each in session.participants]
        place = f"POST {DRAFTS}/{session.key}/signatureFields"
        assert (len(world.sent(place)), len(world.sent(f"{place}/bulk"))) == (singles, 1)


async def test_fields_that_are_refused_at_once_are_not_tried_one_by_one(world: World) -> None:
    world.sandbox.faults.append(Fault(path="*/bulk", status=400))
    with pytest.raises(Refused):
        await drafted(world, fields=(PLACED, PLACED))
    assert not any(call.endswith("/signatureFields") for call in world.asked())


# Unanswered calls


async def test_marker_is_in_the_subject_until_the_draft_is_complete(world: World) -> None:
    session = await world.create(order(marker=MARKER, reminder_frequency=ReminderFrequency.WEEKLY))
    assert world.sent(f"POST {DRAFTS}") == [{"subject": f"Flat 4 [{MARKER}]"}]
    assert world.sent(f"PATCH {DRAFTS}/{session.key}") == [{"subject": "Flat 4", "reminderFrequency": "Weekly"}]
    asked = world.asked()
    assert asked.index(f"PATCH {DRAFTS}/{session.key}") < asked.index(f"POST {DRAFTS}/{session.key}/converted")
    assert (session.title, world.stored(session).subject) == ("Flat 4", "Flat 4")


async def test_draft_that_is_not_started_has_its_plain_title(world: World) -> None:
    assert (await world.create(order(marker=MARKER, start=False))).title == "Flat 4"


async def test_longest_title_has_room_for_a_marker(world: World) -> None:
    title = "x" * 500
    session = await world.create(order(marker=MARKER, title=title))
    assert session.title == title
    copy = await world.adapter.recreate_session(session, None, "why", MARKER, Steps())
    assert copy.title == title


async def test_unanswered_draft_is_found_by_marker_and_removed(world: World) -> None:
    await world.create(order(start=False))
    await lost(world, DRAFTS, "POST")
    steps, begun_at = Steps(), world.time.now()
    with pytest.raises(InDoubt):
        await world.adapter.create_session(order(marker=MARKER), steps)
    assert steps.entries == []
    (step,) = await world.adapter.find_by_marker(MARKER, begun_at)
    assert (step.name, world.sandbox.account.sessions[step.key].subject) == ("draft", f"Flat 4 [{MARKER}]")
    assert f"HEAD {DRAFTS}/{step.key}" in world.asked()
    await world.adapter.compensate(step)
    assert step.key not in world.sandbox.account.sessions
    assert len(world.sandbox.account.sessions) == 1
    assert await world.adapter.find_by_marker(MARKER, begun_at) == ()
    await world.adapter.compensate(step)


async def test_unanswered_duplicate_is_found_by_marker_and_removed(world: World) -> None:
    session, begun_at = await begun(world), world.time.now()
    await lost(world, "*/duplicated")
    with pytest.raises(InDoubt):
        await world.adapter.duplicate_session(session, None, MARKER, Steps())
    (step,) = await world.adapter.find_by_marker(MARKER, begun_at)
    await world.adapter.compensate(step)
    assert list(world.sandbox.account.sessions) == [session.key]


async def test_duplicate_that_fails_afterwards_is_a_recorded_step(world: World) -> None:
    session, steps = await begun(world), Steps()
    world.sandbox.faults.append(Fault(path=f"{DRAFTS}/*", method="PATCH", status=400))
    with pytest.raises(Refused):
        await world.adapter.duplicate_session(session, None, MARKER, steps)
    for step in steps.entries:
        await world.adapter.compensate(step)
    assert list(world.sandbox.account.sessions) == [session.key]


async def test_recreation_is_rolled_forward_when_answer_is_lost(world: World) -> None:
    session, steps = await begun(world), Steps()
    await lost(world, "*/recreated")
    copy = await world.adapter.recreate_session(session, None, "typo", MARKER, steps)
    assert (copy.status, copy.title) == (SessionStatus.DRAFT, "Flat 4")
    assert (steps.entries, steps.result and steps.result.key) == ([Step("mark", copy.key)], copy.key)
    assert sorted(world.sandbox.account.sessions) == sorted([session.key, copy.key])


async def test_recreation_that_never_arrived_is_in_doubt_and_leaves_nothing(world: World) -> None:
    session = await begun(world)
    world.sandbox.faults.append(Fault(path="*/recreated", kind="reset"))
    with pytest.raises(InDoubt):
        await world.adapter.recreate_session(session, None, "typo", MARKER, Steps())
    assert await world.adapter.find_by_marker(MARKER, world.time.now()) == ()
    assert world.stored(session).status == "Pending"


async def test_recreation_is_in_doubt_when_search_by_marker_fails(world: World) -> None:
    session, begun_at = await begun(world), world.time.now()
    await lost(world, "*/recreated")
    world.sandbox.faults.append(Fault(path=SESSIONS, status=500, count=3))
    with pytest.raises(InDoubt, match="recreated"):
        await world.adapter.recreate_session(session, None, "typo", MARKER, Steps())
    (step,) = await world.adapter.find_by_marker(MARKER, begun_at)
    assert step.name == "replacement"


async def test_recreation_is_rolled_forward_when_it_fails_afterwards(world: World) -> None:
    session, steps = await begun(world), Steps()
    world.sandbox.faults.append(Fault(path=f"{DRAFTS}/*", method="PATCH", status=400))
    with pytest.raises(Refused):
        await world.adapter.recreate_session(session, "Flat 6", "typo", MARKER, steps)
    assert steps.result is not None
    assert (steps.result.title, steps.result.status, steps.result.partial) == ("Flat 6", SessionStatus.DRAFT, True)
    for step in (*steps.entries, *steps.entries):
        await world.adapter.compensate(step)
    assert world.sandbox.account.sessions[steps.result.key].subject == "Flat 6"
    assert (await world.adapter.fetch_session(steps.result.key, steps.result)).partial is False


async def test_replacement_of_voided_session_is_never_deleted(world: World) -> None:
    session, began_at = await begun(world), world.time.now()
    subject = {"subject": f"Flat 6 [replacement {MARKER}]", "voidReason": "a gateway that was killed"}
    key = await world.ask("POST", f"{SESSIONS}/{session.key}/recreated", 200, json=subject)
    (step,) = await world.adapter.find_by_marker(MARKER, began_at)
    assert step == Step("replacement", key)
    for _ in range(2):
        with pytest.raises(Unsupported, match=key):
            await world.adapter.compensate(step)
    assert world.sandbox.account.sessions[key].subject == "Flat 6"
    assert await world.adapter.find_by_marker(MARKER, began_at) == ()
    world.sandbox.account.sessions[key].subject = "Flat 6 [replacement x]"
    await world.ask("GET", f"{DRAFTS}/{key}", 200)
    await world.ask("POST", f"{DRAFTS}/{key}/converted", 204)
    with pytest.raises(Unsupported, match=key):
        await world.adapter.compensate(step)
    del world.sandbox.account.sessions[key]
    await world.adapter.compensate(step)


async def test_search_by_marker_ends_at_older_sessions(world: World) -> None:
    for number in range(101):
        await world.ask("POST", DRAFTS, 200, json={"subject": f"Old {number}"})
    world.time.moved += 3600
    since = world.time.now()
    await world.ask("POST", DRAFTS, 200, json={"subject": f"Flat 4 [{MARKER}]"})
    for number in range(99):
        await world.ask("POST", DRAFTS, 200, json={"subject": f"New {number}"})
    world.sandbox.calls.clear()
    assert len(await world.adapter.find_by_marker(MARKER, since)) == 1
    searches = [call for call in world.asked() if call == f"GET {SESSIONS}"]
    assert len(searches) == 2


async def test_search_by_marker_allows_for_clock_skew(world: World) -> None:
    await world.ask("POST", DRAFTS, 200, json={"subject": f"Flat 4 [{MARKER}]"})
    for number in range(100):
        await world.ask("POST", DRAFTS, 200, json={"subject": f"New {number}"})
    assert len(await world.adapter.find_by_marker(MARKER, world.time.now() + timedelta(minutes=4))) == 1


async def test_search_by_marker_finds_drafts_with_its_marker_only(world: World) -> None:
    other = await world.ask("POST", DRAFTS, 200, json={"subject": "Flat 4 [other]"})
    voided = await begun(world)
    await world.adapter.cancel_session(voided, "x")
    world.stored(voided).subject = f"Flat 4 [{MARKER}]"
    assert await world.adapter.find_by_marker(MARKER, world.time.now()) == ()
    (step,) = await world.adapter.find_by_marker("other", world.time.now())
    assert step.key == other


async def test_search_by_marker_checks_each_draft_by_its_key() -> None:
    rows = {"items": [{"id": key, "subject": f"x [{MARKER}]", "status": "Draft"} for key in ("gone", "moved")]}
    answers = {f"GET {SESSIONS}": (200, rows), f"HEAD {SESSIONS}/moved": (200, b"")}
    async with scripted(answers) as adapter:
        steps = await adapter.find_by_marker(MARKER, adapter.clock.now())
    assert [step.key for step in steps] == ["moved"]


async def test_conversion_whose_answer_is_lost_is_followed_by_the_start(world: World) -> None:
    session = await drafted(world)
    await lost(world, "*/converted")
    assert (await world.adapter.start_session(session)).status is SessionStatus.PENDING
    assert [call for call in world.asked() if call.endswith("/converted")] == [f"POST {DRAFTS}/{session.key}/converted"]


async def test_conversion_that_never_arrived_stays_in_doubt(world: World) -> None:
    session = await drafted(world)
    world.sandbox.faults.append(Fault(path="*/converted", kind="reset"))
    with pytest.raises(InDoubt):
        await world.adapter.start_session(session)
    assert world.stored(session).status == "Draft"


async def test_conversion_that_cannot_be_read_back_stays_in_doubt(world: World) -> None:
    session = await drafted(world)
    await lost(world, "*/converted")
    # The first read is the one before the conversion.
    look = Fault(path=f"{DRAFTS}/*", method="GET", delay_ms=1)
    world.sandbox.faults += [look, Fault(path=f"{DRAFTS}/*", method="GET", status=500, count=3)]
    with pytest.raises(InDoubt, match="converted"):
        await world.adapter.start_session(session)


async def test_compensation_voids_a_session_whose_start_was_not_answered(world: World) -> None:
    await lost(world, "*/started")
    steps = Steps()
    with pytest.raises(InDoubt):
        await world.adapter.create_session(order(marker=MARKER), steps)
    (step,) = steps.entries
    assert world.sandbox.account.sessions[step.key].status == "Pending"
    await world.adapter.compensate(step)
    assert world.sandbox.account.sessions[step.key].status == "Voided"
    assert await world.adapter.find_by_marker(MARKER, world.time.now()) == ()


async def test_unanswered_deletion_of_draft_is_read_back(world: World) -> None:
    session = await drafted(world)
    await lost(world, f"{DRAFTS}/*", "DELETE")
    await world.adapter.delete_session(session)
    assert world.asked()[-3:] == [
        f"DELETE {DRAFTS}/{session.key}",
        f"DELETE {DRAFTS}/{session.key}",
        f"HEAD {SESSIONS}/{session.key}",
    ]


async def test_draft_that_is_gone_because_it_was_converted_is_not_deleted() -> None:
    draft = Session(provider="easyink", key="s", kind=PROVIDER.capabilities.session_kind, status=SessionStatus.DRAFT)
    async with scripted({f"HEAD {SESSIONS}/s": (200, b"")}) as adapter:
        with pytest.raises(WrongState, match="cancel it"):
            await adapter.delete_session(draft)
    async with scripted({f"HEAD {SESSIONS}/s": (500, b"")}) as adapter:
        with pytest.raises(Unavailable):
            await adapter.delete_session(draft)


# Consent


def proof(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


async def consented(world: World, verifier: str = "verifier") -> str:
    """Follows the authorization URL, and returns the code of the redirect."""
    url = await world.adapter.begin_authorization("st&te", proof(verifier))
    response = await world.client.get(url)
    assert response.status_code == 302, response.text
    back = parse_qs(urlsplit(response.headers["location"]).query)
    assert back["state"] == ["st&te"]
    return back["code"][0]


async def test_authorization_url_is_as_documented(world: World) -> None:
    url = urlsplit(await world.adapter.begin_authorization("st&te", "ch-allenge"))
    settings = world.adapter.settings
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{settings.identity_url}/connect/authorize"
    assert dict(parse_qsl(url.query)) == {
        "response_type": "code",
        "client_id": settings.client_id,
        "scope": "openid hermes_api hermes_idp profile",
        "redirect_uri": settings.redirect_uri,
        "state": "st&te",
        "code_challenge": "ch-allenge",
        "code_challenge_method": "S256",
    }
    assert world.asked() == []


async def test_code_becomes_the_token_that_is_used(world: World) -> None:
    table = world.sandbox.settings(world.adapter.settings.base_url) | {"access_token": None}
    code = await consented(world)
    async with PROVIDER.adapter(PROVIDER.settings(**table), transport=world.recorder, clock=world.adapter_clock) as adapter:
        assert adapter.credentials.state is CredentialState.AUTHORIZATION_REQUIRED
        with pytest.raises(AuthorizationRequired):
            await adapter.list_sessions(0, 1)
        token = await adapter.complete_authorization(code, "verifier")
        assert token.expires_in == 3600
        assert world.sent("POST /identity/connect/token") == [
            {
                "grant_type": "authorization_code",
                "client_id": table["client_id"],
                "client_secret": table["client_secret"],
                "code": code,
                "redirect_uri": table["redirect_uri"],
                "code_verifier": "verifier",
            }
        ]
        await adapter.list_sessions(0, 1)
        credentials = adapter.credentials
        assert credentials.state is CredentialState.CONNECTED
        assert credentials.expires_at is not None
        assert abs((credentials.expires_at - world.time.now()).total_seconds() - 3600) < 5
        world.time.moved += 3601
        assert adapter.credentials.state is CredentialState.EXPIRED


async def test_code_is_good_once_and_with_its_verifier(world: World) -> None:
    used, other = await consented(world), await consented(world)
    await world.adapter.complete_authorization(used, "verifier")
    for code, verifier in ((used, "verifier"), (other, "another"), ("guessed", "verifier")):
        with pytest.raises(Invalid, match="begin again") as caught:
            await world.adapter.complete_authorization(code, verifier)
        assert (caught.value.path, caught.value.provider_code) == (("code",), "invalid_grant")
        assert code not in str(caught.value)


async def test_refused_code_leaves_the_connection_as_it_is(world: World) -> None:
    with pytest.raises(Invalid):
        await world.adapter.complete_authorization("guessed", "verifier")
    assert world.adapter.credentials.state is CredentialState.CONNECTED
    await world.adapter.list_sessions(0, 1)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"client_secret": "wrong"}, "client_id and client_secret"),
        ({"client_id": "wrong"}, "client_id and client_secret"),
        ({"paths": {"token": "/elsewhere"}}, "identity_url"),
    ],
)
async def test_client_that_is_refused_says_what_to_check(world: World, changes: dict[str, object], says: str) -> None:
    code = await consented(world)
    table = world.sandbox.settings(world.adapter.settings.base_url) | changes
    async with PROVIDER.adapter(PROVIDER.settings(**table)) as adapter:
        with pytest.raises(AuthorizationRequired, match=says):
            await adapter.complete_authorization(code, "verifier")


async def test_wrong_redirect_uri_is_never_not_found(world: World) -> None:
    code = await consented(world)
    table = world.sandbox.settings(world.adapter.settings.base_url) | {"redirect_uri": "https://easyink.io"}
    async with PROVIDER.adapter(PROVIDER.settings(**table)) as adapter:
        with pytest.raises(Invalid):
            await adapter.complete_authorization(code, "verifier")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((401, {"error": "invalid_client"}), AuthorizationRequired),
        ((401, b""), AuthorizationRequired),
        ((400, {"error": "invalid_request", "error_description": "code c0de is odd"}), AuthorizationRequired),
        ((400, {"error": "invalid_grant", "error_description": "code c0de is odd"}), Invalid),
        ((502, b""), AuthorizationRequired),
        ((503, b""), Unavailable),
        ((200, b"<html>"), Misbehaved),
        ((200, {}), Misbehaved),
        ((200, {"access_token": ""}), Misbehaved),
        ((200, {"access_token": 7}), Misbehaved),
    ],
)
async def test_failed_exchange_is_explained_without_the_code(answer: tuple[int, object], kind: type[SigningError]) -> None:
    async with scripted({"POST /identity/connect/token": answer}) as adapter:
        with pytest.raises(SigningError) as caught:
            await adapter.complete_authorization("c0de", "v3rifier")
    assert type(caught.value) is kind
    for hidden in ("c0de", "v3rifier"):
        assert hidden not in f"{caught.value} {caught.value!r} {caught.value.detail}"


async def test_exchange_without_an_answer_needs_a_new_code(world: World) -> None:
    code = await consented(world)
    await lost(world, "/identity/connect/token")
    with pytest.raises(AuthorizationRequired, match="begin the authorization again"):
        await world.adapter.complete_authorization(code, "verifier")
    assert len(world.sent("POST /identity/connect/token")) == 1


@pytest.mark.parametrize("stated", [True, False])
async def test_lifetime_of_token_is_stated_or_read_from_its_claim(*, stated: bool) -> None:
    sandbox = SANDBOX()
    jwt = sandbox.identity.mint(timedelta(minutes=30))
    given = {"access_token": jwt, "token_type": "Bearer"} | ({"expires_in": 1800} if stated else {})
    async with scripted({"POST /identity/connect/token": (200, given)}) as adapter:
        token = await adapter.complete_authorization("c", "v")
    assert token.expires_in is not None
    assert abs(token.expires_in - 1800) < 5
    async with scripted({"POST /identity/connect/token": (200, {"access_token": "opaque"})}) as adapter:
        assert (await adapter.complete_authorization("c", "v")).expires_in is None
        assert adapter.credentials.expires_at is None


async def test_stored_token_is_used_at_once(world: World) -> None:
    table = world.sandbox.settings(world.adapter.settings.base_url) | {"access_token": "stale"}
    good = world.sandbox.identity.mint(timedelta(hours=2))
    async with PROVIDER.adapter(PROVIDER.settings(**table), clock=world.adapter_clock) as adapter:
        with pytest.raises(AuthorizationRequired):
            await adapter.list_sessions(0, 1)
        assert adapter.credentials.state is CredentialState.REFUSED
        adapter.use_token(Token(SecretStr(good)))
        assert adapter.credentials.state is CredentialState.CONNECTED
        assert adapter.credentials.expires_at is not None
        await adapter.list_sessions(0, 1)
        adapter.use_token(Token(SecretStr("opaque"), 60))
        ends = adapter.credentials.expires_at
        assert ends is not None
        assert abs((ends - world.time.now()).total_seconds() - 60) < 5


async def test_token_that_is_accepted_again_is_connected_again(world: World) -> None:
    world.sandbox.faults.append(Fault(kind="empty", status=401))
    with pytest.raises(AuthorizationRequired):
        await world.adapter.list_sessions(0, 1)
    assert world.adapter.credentials.state is CredentialState.REFUSED
    await world.adapter.list_sessions(0, 1)
    assert world.adapter.credentials.state is CredentialState.CONNECTED


async def test_given_token_is_in_no_message_and_no_repr(world: World) -> None:
    token = await world.adapter.complete_authorization(await consented(world), "verifier")
    secret = token.value.get_secret_value()
    world.sandbox.faults.append(Fault(status=400))
    with pytest.raises(Refused) as caught:
        await world.adapter.list_sessions(0, 1)
    shown = [
        repr(token),
        repr(world.adapter.credentials),
        str(caught.value),
        repr(caught.value),
        repr(vars(world.adapter._token)),
    ]
    assert not any(secret in text for text in shown)
    echo = {"error": {"code": "ValidationError", "message": f"no {secret}"}}
    async with scripted({f"GET {SESSIONS}/s": (400, echo)}) as adapter:
        adapter.use_token(token)
        with pytest.raises(Refused) as caught:
            await adapter.fetch_session("s")
    assert secret not in f"{caught.value} {caught.value.detail}"


# All of it


ROWS = {
    1: f"POST {DRAFTS}",
    2: f"GET {DRAFTS}/*",
    3: f"HEAD {DRAFTS}/*",
    4: f"PATCH {DRAFTS}/*",
    5: f"DELETE {DRAFTS}/*",
    6: f"POST {DRAFTS}/*/documents",
    7: f"GET {DRAFTS}/*/documents/*",
    8: f"DELETE {DRAFTS}/*/documents/*",
    9: f"POST {DRAFTS}/*/attachments",
    10: f"GET {DRAFTS}/*/attachments/*",
    11: f"DELETE {DRAFTS}/*/attachments/*",
    12: f"POST {DRAFTS}/*/participants",
    13: f"POST {DRAFTS}/*/participants/self",
    14: f"PUT {DRAFTS}/*/participants/*",
    15: f"DELETE {DRAFTS}/*/participants/*",
    16: f"PUT {DRAFTS}/*/signingOrder/oneByOne",
    17: f"PUT {DRAFTS}/*/signingOrder/allAtOnce",
    18: f"POST {DRAFTS}/*/signatureFields",
    19: f"POST {DRAFTS}/*/signatureFields/bulk",
    20: f"DELETE {DRAFTS}/*/signatureFields/*",
    21: f"PUT {DRAFTS}/*/signatureFields/*/options",
    22: f"PUT {DRAFTS}/*/signatureFields/*/placement",
    23: f"POST {DRAFTS}/*/converted",
    24: f"POST {SESSIONS}/*/started",
    25: f"POST {SESSIONS}/*/voided",
    26: f"POST {SESSIONS}/*/duplicated",
    27: f"POST {SESSIONS}/*/recreated",
    28: f"GET {SESSIONS}/*",
    29: f"HEAD {SESSIONS}/*",
    30: f"GET {SESSIONS}",
    31: f"GET {SESSIONS}/statistics",
    32: f"PUT {SESSIONS}/*/participants/*/deliveryMethods",
    33: f"GET {SESSIONS}/*/documents/*",
    34: f"GET {SESSIONS}/*/attachments/*",
    35: f"GET {SESSIONS}/*/signedDocuments/*",
    36: f"GET {SESSIONS}/*/allInOneDocument",
}


async def test_every_operation_of_the_vendors_table_is_called(world: World) -> None:
    at = world.adapter
    draft = await drafted(world, signing_order=SigningOrder.SEQUENTIAL)
    for item in draft.documents:
        await read(at, draft, item)
    await begun(world, fields=(PLACED, PLACED))
    draft = await at.add_self(draft)
    draft = await at.set_signing_order(draft, SigningOrder.PARALLEL, ())
    draft = await at.update_participant(draft, draft.participants[0], ParticipantChange(first_name="Ada"))
    draft = await at.update_session(draft, SessionChange(title="Flat 5"))
    draft = await at.update_field(draft, draft.fields[0], FieldChange(x=1, required=False))
    copy = await at.duplicate_session(draft, None, MARKER, Steps())
    copy = await at.remove_field(copy, copy.fields[0])
    for item in copy.documents:
        copy = await at.remove_document(copy, item)
    copy = await at.remove_participant(copy, copy.participants[0])
    await lost(world, f"{DRAFTS}/*", "DELETE")
    await at.delete_session(copy)
    session = await at.start_session(await at.remove_participant(draft, draft.participants[2]))
    session = await at.update_participant(session, session.participants[0], ParticipantChange(email="new@example.com"))
    await world.sandbox.sign(session.key)
    end = await at.fetch_session(session.key, session)
    for item in end.documents:
        assert await read(at, end, item)
    voided = await at.recreate_session(await begun(world), None, "typo", MARKER, Steps())
    await at.cancel_session(await at.start_session(voided), "done")
    await at.fetch_statistics()
    await lost(world, DRAFTS, "POST")
    with pytest.raises(InDoubt):
        await at.create_session(order(marker=MARKER), Steps())
    for step in await at.find_by_marker(MARKER, world.time.now()):
        await at.compensate(step)
    asked = {f"{call.method} {_shape(call.path)}" for call in world.sandbox.calls}
    assert [number for number, row in ROWS.items() if row not in asked] == []
    assert list(ROWS) == list(range(1, 37))


def _shape(path: str) -> str:
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "*", path)
