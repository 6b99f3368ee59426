"""Set membership: lists of any length are bound as one value, within the parameter limits of both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from stage import START, keep, session, statements

from gateway.store import EventFilter, Store, WebhookDelivery, WebhookOutcome, WebhookVerification
from providers.model import SessionRef

MANY = 40_000
"""More than either database takes as parameters of one statement."""
OTHERS = [f'it\'s "{number}" ü' for number in range(MANY)]


async def test_stored_rows_are_found_among_any_number_of_keys(store: Store) -> None:
    kept = [session(key) for key in ('a"b', "ü\\", "plain")]
    for each in kept:
        await keep(store, each, START)
    with statements(store) as asked:
        assert set(await store.sessions.list_rows("acme", [*OTHERS, *(each.key for each in kept)])) == {
            each.key for each in kept
        }
        assert await store.sessions.list_rows("other", [kept[0].key]) == {}
        assert await store.sessions.list_rows("acme", []) == {}
    assert len(set(asked)) == 1


async def test_sessions_of_rows_are_found_among_any_number_of_rows(store: Store) -> None:
    await keep(store, session("s1"), START)
    await store.polls.follow([SessionRef("acme", "s1")], START, {"acme": START})
    assert await store.polls.sessions_of_rows("acme", [*OTHERS, "s1"]) == ["s1"]
    assert await store.polls.sessions_of_rows("acme", OTHERS) == []


async def test_event_filter_takes_any_number_of_sessions(store: Store) -> None:
    refs = [SessionRef("acme", key) for key in OTHERS]
    assert await store.events.read(0, 10, EventFilter(sessions=refs)) == []


async def test_any_number_of_claims_is_finished_in_one_statement(store: Store) -> None:
    delivery = WebhookDelivery(
        id="d1",
        provider="acme",
        received_at=START,
        body_sha256="0" * 64,
        verification=WebhookVerification.VERIFIED,
        outcome=WebhookOutcome.PENDING,
        session_key="s1",
        due_at=START,
    )
    await store.webhook_inbox.receive(delivery)
    [claim] = await store.webhook_inbox.claim(START, START + timedelta(minutes=1), 1)
    others = [replace(claim, id=str(number)) for number in range(MANY)]
    await store.webhook_inbox.renew([each.id for each in (*others, claim)], START + timedelta(minutes=2))
    await store.webhook_inbox.finish([*others, replace(claim, attempts=claim.attempts + 1)], WebhookOutcome.FAILED)
    assert (found := await store.webhook_inbox.get("d1")) is not None
    assert found.outcome is WebhookOutcome.PENDING
    assert found.due_at == START + timedelta(minutes=2)
    await store.webhook_inbox.finish([*others, claim], WebhookOutcome.PROCESSED)
    assert (found := await store.webhook_inbox.get("d1")) is not None
    assert found.outcome is WebhookOutcome.PROCESSED


async def test_save_keeps_present_parts_and_deletes_former_ones(store: Store) -> None:
    first = session("s1", parts=("p1", "p2"))
    await keep(store, first, START)
    await keep(store, replace(first, parts=("p2", "p3")), START)
    assert set(await store.sessions.list_rows("acme", ["s1", "p1", "p2", "p3"])) == {"p2", "p3"}
