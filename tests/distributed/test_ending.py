"""Ending a session that takes several calls: it is ended whole, or what stays at its provider is a leftover."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from apart import Ahead, Client, Guarded, Halt, Nursery, gateway, inside
from writes import WRITES

from providers.registry import load_sandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.fault_injection import Fault

MADE = {name: WRITES[f"signicat, {name}"] for name in ("one after the other", "at once")}
ENDINGS = {"cancelSession": ({"reason": "A typo"}, "CANCELED"), "deleteSession": ({}, "DELETED")}
SOONER_OR_LATER: Sequence[Literal["arrival", "answer"]] = ("arrival", "answer")
LEFTOVERS = "{ leftovers { nodes { id what operation } } }"
RETRY = """mutation M($input: ResolveLeftoverInput!) {
  resolveLeftover(input: $input) { leftover { id } problems { code message } } }"""


async def status(client: Client, session: str) -> str:
    told = await client.ask("query Q($id: ID!) { session(id: $id) { status } }", id=session)
    word: str = told["session"]["status"]
    return word


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "no-key"])
@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("made", MADE)
async def test_session_whose_end_was_broken_off_at_any_call_leaves_no_native_session_behind(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority, made: str, name: str, keyed: bool
) -> None:
    more, expected = ENDINGS[name]
    write = MADE[made]
    async with (
        Guarded(load_sandbox("signicat")(authority=authority)).serving() as guarded,
        gateway(tmp_path, ours, [guarded.table], sagas={"lease": 0.6}) as running,
    ):
        store = guarded.sandbox.store
        prepared = await write.prepare(running)
        for number in range(1, write.lasting + 1):
            for at in SOONER_OR_LATER:
                session = (await running.done("createSession", **prepared))["session"]["id"]
                asked: dict[str, Any] = {"session": session, **more}
                if keyed:
                    asked["idempotencyKey"] = f"{number} {at}"
                await broken_off(guarded, running, Halt(number, at), name, asked)
                await running.start()
                assert await running.settled() == []
                if keyed:
                    await running.done(name, **asked)
                where = f"{name}, deletion {number}, {at}"
                assert (len(store.sessions), len(store.collections)) == (0, 0), where
                assert await status(running, session) == expected, where
                prepared = await write.prepare(running)


async def broken_off(guarded: Guarded, running: Any, halt: Halt, name: str, asked: dict[str, Any]) -> None:
    """Kills the gateway at a deletion; its client hears nothing."""
    gate = guarded.gate
    gate.expect(halt)
    asking = asyncio.create_task(running.mutate(name, **asked))
    await asyncio.wait_for(gate.reached.wait(), 20)
    running.kill()
    gate.open.set()
    with pytest.raises(httpx.TransportError):
        await asking
    gate.expect(None)


@asynccontextmanager
async def place(folder: Path, authority: CertificateAuthority) -> AsyncIterator[tuple[Any, Client]]:
    guarded = Guarded(load_sandbox("signicat")(authority=authority))
    async with guarded.serving(), inside(folder, Ahead(), [guarded.table], sagas={"lease": 0.6}) as client:
        yield guarded.sandbox, client


@pytest.mark.parametrize("name", ENDINGS)
async def test_native_session_that_cannot_be_deleted_is_a_leftover(
    tmp_path: Path, authority: CertificateAuthority, name: str
) -> None:
    more, expected = ENDINGS[name]
    async with place(tmp_path, authority) as (sandbox, client):
        asked = await MADE["at once"].prepare(client)
        session = (await client.done("createSession", **asked))["session"]["id"]
        first, second, _ = sandbox.store.sessions
        refused = Fault(path=f"*/signing-sessions/{second}", method="DELETE", kind="status", status=403, count=100)
        sandbox.faults.append(refused)
        await client.mutate(name, session=session, **more, idempotencyKey="a key")
        assert set(sandbox.store.sessions) - {first} == {second}
        assert await status(client, session) == expected
        [leftover] = (await client.ask(LEFTOVERS))["leftovers"]["nodes"]
        assert any(second in each for each in leftover["what"])
        sandbox.faults.clear()
        told = await client.ask(RETRY, input={"leftover": leftover["id"], "action": "RETRY"})
        assert told["resolveLeftover"]["problems"] == []
        assert not sandbox.store.sessions
        assert (await client.ask(LEFTOVERS))["leftovers"]["nodes"] == []


@pytest.mark.parametrize("name", ENDINGS)
async def test_session_whose_end_is_refused_at_once_stays_as_it_is(
    tmp_path: Path, authority: CertificateAuthority, name: str
) -> None:
    more, _ = ENDINGS[name]
    async with place(tmp_path, authority) as (sandbox, client):
        session = (await client.done("createSession", **await MADE["at once"].prepare(client)))["session"]["id"]
        sandbox.faults.append(Fault(method="DELETE", kind="status", status=403, count=100))
        [problem] = (await client.mutate(name, session=session, **more, idempotencyKey="a key"))["problems"]
        assert problem["code"] == "PROVIDER_REFUSED"
        assert len(sandbox.store.sessions) == 3
        assert await status(client, session) == "PENDING"
        assert (await client.ask(LEFTOVERS))["leftovers"]["nodes"] == []
        sandbox.faults.clear()
        await client.done(name, session=session, **more, idempotencyKey="a key")
        assert not sandbox.store.sessions


async def test_cancellation_that_was_broken_off_is_given_up_where_everyone_has_signed_meanwhile(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority
) -> None:
    async with (
        Guarded(load_sandbox("signicat")(authority=authority)).serving() as guarded,
        gateway(tmp_path, ours, [guarded.table], sagas={"lease": 0.6}) as running,
    ):
        prepared = await MADE["at once"].prepare(running)
        session = (await running.done("createSession", **prepared))["session"]["id"]
        asked = {"session": session, "reason": "A typo", "idempotencyKey": "a key"}
        await broken_off(guarded, running, Halt(1, "arrival"), "cancelSession", asked)
        for each in guarded.sandbox.sessions():
            await guarded.sandbox.sign(each.key)
        await running.start()
        assert await running.settled() == []
        assert len(guarded.sandbox.store.sessions) == 3
        [problem] = (await running.mutate("cancelSession", **asked))["problems"]
        assert problem["code"] == "WRONG_STATE"
