"""While the database is away, at a rolling restart and when an answer is lost, no write is doubled and no session lost."""

from __future__ import annotations

import asyncio
import base64
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from apart import INPUTS, PEOPLE, PROBLEMS, Gateway, Guarded, Halt, Nursery, gateway, order
from outage import proxied

from providers.registry import load_sandbox
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.fault_injection import Fault

LEASE = 3.0
AWAY = 2 * LEASE
WRITES = 8


async def send(client: Gateway, name: str, given: dict[str, Any]) -> dict[str, Any] | None:
    """The payload of a mutation; None where the gateway could not say what came of it."""
    kind, selection = INPUTS[name]
    query = f"mutation M($input: {kind}!) {{ {name}(input: $input) {{ {selection} {PROBLEMS} }} }}"
    try:
        reply = await client.client.post("/graphql", json={"query": query, "variables": {"input": given}})
    except httpx.TransportError:
        return None
    data = reply.json().get("data") or {}
    payload: dict[str, Any] | None = data.get(name)
    return payload


async def until_answered(client: Gateway, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Sends a write with its key until its outcome is known."""
    async with asyncio.timeout(60):
        while True:
            payload = await send(client, name, given)
            if payload is not None and (payload["session"] or not _passing(payload)):
                return payload
            await asyncio.sleep(0.1)


def _passing(payload: dict[str, Any]) -> bool:
    return any(each["code"] in {"IN_DOUBT", "PROVIDER_BUSY", "PROVIDER_UNAVAILABLE"} for each in payload["problems"])


class Crowd:
    """People who sign as soon as they are invited, and remember which sessions they were invited to."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.invited: set[str] = set()

    async def act(self) -> None:
        while True:
            for each in self._sandbox.sessions():
                if each.waiting:
                    self.invited.add(each.key)
                    await self._sandbox.sign(each.key, each.waiting[0])
            await asyncio.sleep(0.02)

    def disappointed(self) -> set[str]:
        """The sessions that those who were invited find gone or canceled."""
        now = {each.key: each.status for each in self._sandbox.sessions()}
        return {key for key in self.invited if now.get(key, "Voided") == "Voided"}


@asynccontextmanager
async def crowd(sandbox: Sandbox) -> AsyncIterator[Crowd]:
    people = Crowd(sandbox)
    acting = asyncio.create_task(people.act())
    try:
        yield people
    finally:
        acting.cancel()


def orders(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each | {"idempotencyKey": f"key {place}"} for place, each in enumerate(asked)]


@pytest.mark.parametrize(
    ("kind", "lease", "away"), [("easyink", LEASE, AWAY), ("signicat", LEASE, AWAY), ("easyink", 10.0, 20.0)]
)
async def test_database_away_for_longer_than_a_lease_doubles_no_session_and_cancels_none(
    tmp_path: Path,
    ours: Nursery,
    authority: CertificateAuthority,
    postgres: str,
    kind: str,
    lease: float,
    away: float,
    record_property: Callable[[str, object], None],
) -> None:
    async with AsyncExitStack() as stack:
        guarded = await stack.enter_async_context(Guarded(load_sandbox(kind)(authority=authority)).serving())
        proxy, url = await stack.enter_async_context(proxied(postgres))
        sections: dict[str, Any] = {"database": {"url": url}, "sagas": {"lease": lease}}
        one, other = [
            await stack.enter_async_context(gateway(tmp_path, ours, [guarded.table], f"gateway-{number}", **sections))
            for number in range(2)
        ]
        people = await stack.enter_async_context(crowd(guarded.sandbox))
        asked = orders([await order(one, kind, 1, 1) for _ in range(WRITES)])
        guarded.sandbox.faults.append(Fault(method="POST", kind="status", status=0, delay_ms=250, count=10_000))
        sending = [asyncio.create_task(send(one, "createSession", each)) for each in asked]
        while not guarded.sandbox.sessions():
            assert not all(each.done() for each in sending), [each.result() for each in sending]
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.4)
        proxy.cut()
        await asyncio.sleep(away)
        proxy.restore()
        await asyncio.gather(*sending)
        guarded.sandbox.faults.clear()
        told = await asyncio.gather(*(until_answered(other, "createSession", each) for each in asked))
        again = await asyncio.gather(*(until_answered(one, "createSession", each) for each in asked))
        assert [each["problems"] for each in told] == [[]] * WRITES
        assert again == told or [each["session"]["id"] for each in again] == [each["session"]["id"] for each in told]
        there = {each.key for each in guarded.sandbox.sessions() if each.status != "Voided"}
        known = {each["session"]["key"] for each in told}
        doubled, orphans = len(there) - WRITES, there - known
        record_property(
            "figure", f"database away {away:g} s, {kind}: {WRITES} writes, {doubled} doubled, {len(orphans)} orphans"
        )
        assert (doubled, orphans, people.disappointed()) == (0, set(), set())


async def test_database_away_in_the_midst_of_a_single_call_does_not_repeat_it(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority, postgres: str
) -> None:
    async with AsyncExitStack() as stack:
        guarded = await stack.enter_async_context(Guarded(load_sandbox("easyink")(authority=authority)).serving())
        proxy, url = await stack.enter_async_context(proxied(postgres))
        sections: dict[str, Any] = {"database": {"url": url}, "sagas": {"lease": LEASE}}
        one, other = [
            await stack.enter_async_context(gateway(tmp_path, ours, [guarded.table], f"gateway-{number}", **sections))
            for number in range(2)
        ]
        drafts = [await one.done("createSession", **await order(one, "easyink", 1, start=False)) for _ in range(4)]
        asked = orders([{"session": each["session"]["id"], "participant": PEOPLE[0]} for each in drafts])
        people = Fault(path="*/participants", method="POST", kind="status", status=0, delay_ms=400, count=100)
        guarded.sandbox.faults.append(people)
        guarded.gate.expect(None, path="/participants")
        sending = [asyncio.create_task(send(one, "addParticipant", each)) for each in asked]
        async with asyncio.timeout(20):
            while guarded.gate.writes < len(asked):  # noqa: ASYNC110 (it is another's count)
                await asyncio.sleep(0.01)
        proxy.cut()
        await asyncio.sleep(AWAY)
        proxy.restore()
        await asyncio.gather(*sending)
        guarded.sandbox.faults.clear()
        told = await asyncio.gather(*(until_answered(other, "addParticipant", each) for each in asked))
        assert [each["problems"] for each in told] == [[]] * len(asked)
        assert [len(each.people) for each in guarded.sandbox.account.sessions.values()] == [1] * len(asked)


@pytest.mark.parametrize("kind", ["easyink", "signicat"])
async def test_rolling_restart_answers_what_is_under_way_and_doubles_nothing(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority, kind: str
) -> None:
    async with AsyncExitStack() as stack:
        guarded = await stack.enter_async_context(Guarded(load_sandbox(kind)(authority=authority)).serving())
        running = await stack.enter_async_context(gateway(tmp_path, ours, [guarded.table], sagas={"lease": LEASE}))
        people = await stack.enter_async_context(crowd(guarded.sandbox))
        [asked] = orders([await order(running, kind, 1, 1)])
        last = {"easyink": "started", "signicat": "signing-sessions"}[kind]
        guarded.sandbox.faults.append(Fault(path=f"*/{last}", method="POST", kind="status", status=0, delay_ms=3_000))
        guarded.gate.expect(Halt(1, "end"), path=last)
        sending = asyncio.create_task(send(running, "createSession", asked))
        while not guarded.gate.writes:  # noqa: ASYNC110 (it is another's count)
            await asyncio.sleep(0.01)
        running.signal(signal.SIGTERM)
        payload = await sending
        assert payload is not None, "a request that was under way was not answered"
        assert payload["problems"] == []
        await running.start()
        again = await until_answered(running, "createSession", asked)
        assert again["session"]["id"] == payload["session"]["id"]
        assert len(guarded.sandbox.sessions()) == 1
        assert not people.disappointed()


@pytest.mark.parametrize("at", ["arrival", "answer"])
async def test_signature_whose_answer_was_lost_becomes_the_result_of_its_key(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority, at: Any
) -> None:
    async with AsyncExitStack() as stack:
        guarded = await stack.enter_async_context(Guarded(load_sandbox("persist")(authority=authority)).serving())
        running = await stack.enter_async_context(gateway(tmp_path, ours, [guarded.table], sagas={"lease": 0.6}))
        content = base64.b64encode(await authority.sign_cms(b"lease", "Ada Example")).decode()
        asked = {"provider": "persist", "document": "lease", "thread": "tenant", "content": content, "idempotencyKey": "a key"}
        guarded.gate.expect(Halt(1, at))
        sending = asyncio.create_task(running.mutate("saveSignature", **asked))
        await guarded.gate.reached.wait()
        running.kill()
        guarded.gate.open.set()
        with pytest.raises(httpx.TransportError):
            await sending
        guarded.gate.expect(None)
        await running.start()
        first, again = [(await running.done("saveSignature", **asked))["signature"] for _ in range(2)]
        assert first == again
        assert first["version"] == 1
        written = Counter(call.status for call in guarded.sandbox.calls if call.method == "POST")
        assert sum(written.values()) == 1
