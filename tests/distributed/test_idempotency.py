"""One key, one session: whoever sends it, however often, at whichever gateway, and whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from apart import PEOPLE, Ahead, Client, Gateway, Guarded, Halt, Nursery, gateway, inside, order, pdf

from providers.registry import load_sandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.fault_injection import Fault

KEY = "a key of the client's"
CONFLICT = ("CONFLICT", ["input", "idempotencyKey"])


def problem(payload: dict[str, Any]) -> tuple[str, list[str] | None]:
    [only] = payload["problems"]
    return only["code"], only["path"]


@asynccontextmanager
async def gateways(
    folder: Path, ours: Nursery, authority: CertificateAuthority, kind: str, count: int = 1, **sections: Any
) -> AsyncIterator[tuple[Guarded, list[Gateway]]]:
    """Gateways of one database, in front of one sandbox."""
    async with AsyncExitStack() as stack:
        guarded = await stack.enter_async_context(Guarded(load_sandbox(kind)(authority=authority)).serving())
        running = [
            await stack.enter_async_context(gateway(folder, ours, [guarded.table], f"gateway-{number}", **sections))
            for number in range(count)
        ]
        yield guarded, running


def made(guarded: Guarded) -> tuple[int, int]:
    """How many sessions and collections Signicat has."""
    store = guarded.sandbox.store
    return len(store.sessions), len(store.collections)


@pytest.mark.parametrize("count", [1, 2])
async def test_32_requests_with_one_key_make_one_session(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority, database: str, count: int
) -> None:
    shared = {"url": database}
    async with gateways(tmp_path, ours, authority, "signicat", count, database=shared) as (guarded, running):
        asked = await order(running[0], "signicat", 1, 2, idempotencyKey=KEY)
        payloads = await asyncio.gather(*(running[number % count].mutate("createSession", **asked) for number in range(32)))
        assert [payload["problems"] for payload in payloads] == [[]] * 32
        assert len({payload["session"]["id"] for payload in payloads}) == 1
        assert made(guarded) == (2, 1)


async def test_a_key_holds_after_a_restart_and_at_another_gateway(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority, database: str
) -> None:
    async with gateways(tmp_path, ours, authority, "signicat", 2, database={"url": database}) as (guarded, (one, other)):
        asked = await order(one, "signicat", 1, 2, idempotencyKey=KEY)
        first = (await one.done("createSession", **asked))["session"]["id"]
        one.kill()
        await one.start()
        assert (await one.done("createSession", **asked))["session"]["id"] == first
        assert (await other.done("createSession", **asked))["session"]["id"] == first
        assert made(guarded) == (2, 1)


@pytest.mark.parametrize("change", ["title", "email", "kind of write"])
async def test_a_key_with_another_input_is_a_conflict(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority, change: str
) -> None:
    async with gateways(tmp_path, ours, authority, "signicat") as (guarded, (only,)):
        asked = await order(only, "signicat", 1, 2, idempotencyKey=KEY)
        session = (await only.done("createSession", **asked))["session"]["id"]
        match change:
            case "title":
                payload = await only.mutate("createSession", **asked | {"title": "Another lease"})
            case "email":
                people = [PEOPLE[0], PEOPLE[1] | {"email": "else@people.example"}]
                payload = await only.mutate("createSession", **asked | {"participants": people})
            case _:
                payload = await only.mutate("duplicateSession", session=session, idempotencyKey=KEY)
        assert problem(payload) == CONFLICT
        assert made(guarded) == (2, 1)


async def test_a_key_with_another_signature_is_a_conflict(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority
) -> None:
    async with gateways(tmp_path, ours, authority, "persist") as (_, (only,)):
        asked = {"provider": "persist", "document": "lease", "thread": "tenant", "idempotencyKey": KEY}
        contents = [base64.b64encode(await authority.sign_cms(text, "Ada Example")).decode() for text in (b"one", b"two")]
        await only.done("saveSignature", **asked, content=contents[0])
        assert problem(await only.mutate("saveSignature", **asked, content=contents[1])) == CONFLICT


async def test_a_file_that_is_sent_again_with_its_key_is_the_same_input(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority
) -> None:
    """Each time it becomes another upload, which is no intention of the client's."""
    query = """
    mutation M($file: Upload!, $key: String!, $people: [ParticipantInput!]) {
      createSession(input: {provider: "signicat", title: "Lease", documents: [{file: $file}], participants: $people,
                            idempotencyKey: $key}) { session { id } problems { code message path } }
    }"""

    async def send(client: Client, title: str) -> dict[str, Any]:
        operations = {"query": query, "variables": {"file": None, "key": KEY, "people": PEOPLE[:1]}}
        reply = await client.client.post(
            "/graphql",
            data={"operations": json.dumps(operations), "map": json.dumps({"0": ["variables.file"]})},
            files={"0": ("lease.pdf", pdf(title), "application/pdf")},
            headers={"graphql-require-preflight": "1"},
        )
        payload: dict[str, Any] = reply.json()["data"]["createSession"]
        return payload

    async with gateways(tmp_path, ours, authority, "signicat") as (guarded, (only,)):
        first, again, other = [await send(only, title) for title in ("Lease", "Lease", "Another lease")]
        assert first["problems"] == again["problems"] == []
        assert first["session"] == again["session"]
        assert problem(other) == CONFLICT
        assert made(guarded) == (1, 1)


async def test_a_failed_try_frees_its_key(tmp_path: Path, ours: Nursery, authority: CertificateAuthority) -> None:
    async with gateways(tmp_path, ours, authority, "signicat") as (guarded, (only,)):
        asked = await order(only, "signicat", 1, 2, idempotencyKey=KEY)
        guarded.sandbox.faults.append(Fault(path="*/signing-sessions", method="POST", kind="status", status=403))
        failed = await only.mutate("createSession", **asked)
        assert failed["problems"][0]["message"].endswith("What had been made was removed again.")
        assert made(guarded) == (0, 0)
        await only.done("createSession", **asked)
        assert made(guarded) == (2, 1)


async def killed(one: Gateway, guarded: Guarded, halt: Halt, name: str, **asked: Any) -> None:
    """The gateway dies at a halt; the client hears nothing."""
    guarded.gate.expect(halt)
    waiting = asyncio.create_task(one.mutate(name, **asked))
    await asyncio.wait_for(guarded.gate.reached.wait(), 20)
    one.kill()
    guarded.gate.open.set()
    with pytest.raises(httpx.TransportError):
        await waiting
    guarded.gate.expect(None)


@pytest.mark.parametrize("halt", [Halt(1, "arrival"), Halt(3, "answer"), Halt(4, "answer")], ids=str)
async def test_the_key_of_a_killed_gateway_makes_one_session_elsewhere(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority, database: str, halt: Halt
) -> None:
    sections = {"database": {"url": database}, "sagas": {"lease": 1.5}}
    async with gateways(tmp_path, ours, authority, "signicat", 2, **sections) as (guarded, (one, other)):
        asked = await order(one, "signicat", 1, 2, idempotencyKey=KEY)
        await killed(one, guarded, halt, "createSession", **asked)
        payloads = await asyncio.gather(*(other.mutate("createSession", **asked) for _ in range(4)))
        assert [payload["problems"] for payload in payloads] == [[]] * 4
        assert len({payload["session"]["id"] for payload in payloads}) == 1
        assert len(guarded.sandbox.store.sessions) == 2


@pytest.mark.parametrize("at", ["arrival", "answer"])
async def test_a_key_tells_what_came_of_a_single_call_that_nobody_saw_end(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority, at: Any
) -> None:
    async with gateways(tmp_path, ours, authority, "easyink", sagas={"lease": 0.6}) as (guarded, (only,)):
        session = (await only.done("createSession", **await order(only, "easyink", 1, start=False)))["session"]["id"]
        asked = {"session": session, "participant": PEOPLE[0], "idempotencyKey": KEY}
        await killed(only, guarded, Halt(1, at), "addParticipant", **asked)
        await only.start()
        told = await only.done("addParticipant", **asked)
        assert await only.done("addParticipant", **asked) == told
        [stored] = guarded.sandbox.account.sessions.values()
        assert [told["participant"]["key"]] == list(stored.people)


async def test_a_key_is_forgotten_after_its_time(tmp_path: Path, authority: CertificateAuthority) -> None:
    clock = Ahead()
    async with Guarded(load_sandbox("seal")(authority=authority)).serving() as guarded:
        async with inside(tmp_path, clock, [guarded.table], uploads={"keep": 500_000}) as only:
            asked = await order(only, "seal", 1, idempotencyKey=KEY)
            first = (await only.done("createSession", **asked))["session"]["id"]
            clock.by = timedelta(hours=23, minutes=59)
            assert (await only.done("createSession", **asked))["session"]["id"] == first
            clock.by = timedelta(hours=24, minutes=1)
            asked = await order(only, "seal", 1, idempotencyKey=KEY)
            assert (await only.done("createSession", **asked))["session"]["id"] != first
        assert len(guarded.sandbox.batches) == 2


@pytest.mark.parametrize("kind", ["saga", "single call"])
async def test_key_past_its_time_is_kept_while_its_outcome_is_open(
    tmp_path: Path, authority: CertificateAuthority, kind: str
) -> None:
    clock = Ahead()
    async with Guarded(load_sandbox("easyink")(authority=authority, clock=clock)).serving() as guarded:
        async with inside(tmp_path, clock, [guarded.table], uploads={"keep": 500_000}) as only:
            name, path = "createSession", "started"
            asked = await order(only, "easyink", 1, 1, idempotencyKey=KEY)
            if kind == "single call":
                session = (await only.done("createSession", **await order(only, "easyink", 1, start=False)))["session"]["id"]
                name, path = "addParticipant", "participants"
                asked = {"session": session, "participant": PEOPLE[0], "idempotencyKey": KEY}
            guarded.gate.expect(None, {1: [Fault(kind="lost"), Fault(kind="reset", count=10_000)]}, path=path)
            assert problem(await only.mutate(name, **asked))[0] == "IN_DOUBT"
            clock.by = timedelta(hours=30)
            assert problem(await only.mutate(name, **asked))[0] == "IN_DOUBT"
            guarded.sandbox.faults.clear()
            clock.by += timedelta(minutes=1)
            async with asyncio.timeout(20):
                while (payload := await only.mutate(name, **asked))["problems"]:
                    assert problem(payload)[0] in {"IN_DOUBT", "PROVIDER_UNAVAILABLE"}
        [stored] = guarded.sandbox.account.sessions.values()
        assert len(stored.people) == 1


async def test_a_change_that_is_sent_twice_with_its_key_is_made_once(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority, database: str
) -> None:
    shared = {"url": database}
    async with gateways(tmp_path, ours, authority, "easyink", 2, database=shared) as (guarded, (one, other)):
        session = (await one.done("createSession", **await order(one, "easyink", 1, 1, start=False)))["session"]["id"]
        changes = {
            "addParticipant": {"participant": PEOPLE[1]},
            "startSession": {},
            "cancelSession": {"reason": "A typo"},
        }
        for name, more in changes.items():
            asked = {"session": session, "idempotencyKey": name} | more
            told = await asyncio.gather(*(each.done(name, **asked) for each in (one, other) * 4))
            assert len({payload["session"]["status"] for payload in told}) == 1
        counted = Counter(call.path.rpartition("/")[2] for call in guarded.sandbox.calls if call.method == "POST")
        assert (counted["participants"], counted["started"], counted["voided"]) == (2, 1, 1)
        assert len(next(iter(guarded.sandbox.account.sessions.values())).people) == 2


async def test_32_writers_of_one_signature_lose_no_version_silently(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority
) -> None:
    """The server itself lets several through that name the same version; each overwrites the one before it."""
    contents = [
        base64.b64encode(await authority.sign_cms(f"writer {number}".encode(), "Ada Example")).decode() for number in range(33)
    ]
    given = {"provider": "persist", "document": "lease", "thread": "tenant"}
    async with gateways(tmp_path, ours, authority, "persist", 2) as (guarded, running):
        await running[0].done("saveSignature", **given, content=contents.pop())
        for _ in range(3):
            [row] = guarded.sandbox._tables.rows
            version = row.version
            payloads = await asyncio.gather(
                *(
                    running[number % 2].mutate("saveSignature", **given, content=content, version=version)
                    for number, content in enumerate(contents)
                )
            )
            told = [payload["signature"]["version"] for payload in payloads if not payload["problems"]]
            assert told in ([], [version + 1]), "two writers were told that they had written the next version"
            refused = [payload for payload in payloads if payload["problems"]]
            assert {problem(payload)[0] for payload in refused} == {"CONFLICT"}
            [last] = [payload for payload, content in zip(payloads, contents, strict=True) if content == row.cms]
            if row.version > version + 1:
                assert f"version {row.version} is stored now" in last["problems"][0]["message"], "an overwriter was not told"
        assert row.version == sum(call.method == "POST" and call.status == 201 for call in guarded.sandbox.calls) > 3
