"""A call that was sent and not answered: the gateway finds out what came of it, and the same key tells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from apart import PEOPLE, Ahead, Client, Guarded, inside, order, pdf
from writes import WRITES, Write, things

from providers.registry import load_sandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.fault_injection import Fault

SILENCE = [Fault(kind="reset", count=1000)]


@dataclass
class Place:
    """A gateway in this process, in front of one sandbox."""

    guarded: Guarded
    client: Client
    clock: Ahead
    keys: int = 0

    def things(self) -> set[str]:
        return things(self.guarded.sandbox, self.clock)

    def key(self) -> str:
        self.keys += 1
        return f"key {self.keys}"

    async def heal(self) -> None:
        """The provider answers again, and enough time passes for the gateway to ask it."""
        self.guarded.sandbox.faults.clear()
        self.clock.by += timedelta(seconds=6)


@asynccontextmanager
async def place(folder: Path, authority: CertificateAuthority, kind: str) -> AsyncIterator[Place]:
    clock = Ahead()
    guarded = Guarded(load_sandbox(kind)(authority=authority, clock=clock))
    async with guarded.serving(), inside(folder, clock, [guarded.table], sagas={"lease": 0.6}) as client:
        yield Place(guarded, client, clock)


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_of_several_calls_is_there_or_not_whatever_answer_is_lost(
    tmp_path: Path, authority: CertificateAuthority, name: str
) -> None:
    write = WRITES[name]
    async with place(tmp_path, authority, write.provider) as there:
        writes = await count(there, write)
        for kind in ("lost", "reset", "truncate"):
            for number in range(1, writes + 1):
                await lose(there, write, number, kind)


async def count(there: Place, write: Write) -> int:
    given = await write.prepare(there.client)
    there.guarded.gate.expect(None)
    await there.client.done(write.name, **given)
    return there.guarded.gate.writes


async def lose(there: Place, write: Write, number: int, kind: Any) -> None:
    """One answer gets lost; what the client is told is how it is."""
    where = f"{write.provider} {write.name}, write {number}, {kind}"
    given = await write.prepare(there.client) | {"idempotencyKey": there.key()}
    before = there.things()
    there.guarded.gate.expect(None, {number: [Fault(kind=kind)]})
    payload = await there.client.mutate(write.name, **given)
    there.guarded.sandbox.faults.clear()
    now = there.things()
    new, gone = now - before, before - now
    if payload["problems"]:
        [problem] = payload["problems"]
        assert problem["code"] != "IN_DOUBT", f"{where}: {problem}"
        assert all(any(word in problem["message"] for word in each.split()) for each in new), f"{where}: {new} {problem}"
        if not new:
            assert not gone, where
        assert not there.client.rows("select 1 from saga where state != 'LEFT'"), where
        if write.takes and gone:
            return
        payload = await there.client.done(write.name, **given)
        new = there.things() - now
    again = await there.client.done(write.name, **given)
    assert again["session"]["id"] == payload["session"]["id"], where
    assert len(new) == write.makes, f"{where}: {new}"


@pytest.mark.parametrize(("name", "number"), [("signicat, one after the other", 5), ("easyink", 4), ("seal", 2)])
async def test_a_doubt_lasts_while_the_provider_is_away_and_is_settled_when_it_is_back(
    tmp_path: Path, authority: CertificateAuthority, name: str, number: int
) -> None:
    write = WRITES[name]
    async with place(tmp_path, authority, write.provider) as there:
        given = await write.prepare(there.client) | {"idempotencyKey": there.key()}
        there.guarded.gate.expect(None, {number: [Fault(kind="lost"), *SILENCE]})
        told = await there.client.mutate(write.name, **given)
        assert [problem["code"] for problem in told["problems"]] == ["IN_DOUBT"]
        assert not told["problems"][0]["retryable"]
        assert there.things(), "nothing was there to be in doubt about"
        asked = await there.client.mutate(write.name, **given)
        assert [(problem["code"], problem["path"]) for problem in asked["problems"]] == [
            ("IN_DOUBT", ["input", "idempotencyKey"])
        ]
        await there.heal()
        assert await there.client.settled() == []
        first = await there.client.done(write.name, **given)
        assert await there.client.done(write.name, **given) == first
        assert len(there.things()) == write.makes


async def draft(there: Place, **changes: Any) -> dict[str, Any]:
    asked = await order(there.client, "easyink", 1, 1, **{"start": False} | changes)
    session: dict[str, Any] = (await there.client.done("createSession", **asked))["session"]
    return session


async def changes(there: Place) -> dict[str, tuple[dict[str, Any], int]]:
    """Changes of one session: the input of each, and which of its calls is the one that matters."""
    plain, ready, running, fields = [await draft(there, start=each) for each in (False, False, True, False)]
    document = {"upload": await there.client.upload(pdf("Annex"), "annex.pdf")}
    place = {"page": 1, "x": 72, "y": 72, "width": 144, "height": 36}
    return {
        "addParticipant": ({"session": plain["id"], "participant": PEOPLE[1]}, 1),
        "addDocument": ({"session": plain["id"], "document": document}, 1),
        "startSession": ({"session": ready["id"]}, 2),
        "cancelSession": ({"session": running["id"], "reason": "A typo"}, 1),
        "addField": ({"document": fields["documents"][0]["id"], "participant": fields["participants"][0]["id"], **place}, 1),
    }


def size(there: Place) -> list[tuple[object, ...]]:
    """How much there is of everything."""
    return [
        (each.status, len(each.people), len(each.documents), len(each.fields))
        for each in there.guarded.sandbox.account.sessions.values()
    ]


@pytest.mark.parametrize("kind", ["lost", "truncate"])
async def test_a_change_whose_answer_is_lost_succeeds_if_it_was_made(
    tmp_path: Path, authority: CertificateAuthority, kind: Any
) -> None:
    async with place(tmp_path, authority, "easyink") as there:
        for name, (given, number) in (await changes(there)).items():
            before = size(there)
            there.guarded.gate.expect(None, {number: [Fault(kind=kind)]})
            payload = await there.client.mutate(name, **given)
            assert payload["problems"] == [], (name, payload)
            assert sum(old != new for old, new in zip(before, size(there), strict=True)) == 1, name
            assert there.guarded.gate.writes == number, name


async def test_a_change_that_was_not_made_can_be_tried_again(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with place(tmp_path, authority, "easyink") as there:
        for name, (given, number) in (await changes(there)).items():
            keyed = given if name == "addField" else given | {"idempotencyKey": there.key()}
            there.guarded.gate.expect(None, {number: [Fault(kind="reset")]})
            [problem] = (await there.client.mutate(name, **keyed))["problems"]
            assert (problem["code"], problem["retryable"]) == ("PROVIDER_UNAVAILABLE", True), (name, problem)
            assert (await there.client.mutate(name, **keyed))["problems"] == [], name


@pytest.mark.parametrize("kind", ["lost", "reset"])
async def test_the_key_of_a_change_tells_later_what_nobody_could_find_out_at_once(
    tmp_path: Path, authority: CertificateAuthority, kind: Any
) -> None:
    async with place(tmp_path, authority, "easyink") as there:
        for name, (given, number) in (await changes(there)).items():
            if name == "addField":  # it has no key
                continue
            keyed = given | {"idempotencyKey": there.key()}
            before = size(there)
            there.guarded.gate.expect(None, {number: [Fault(kind=kind), *SILENCE]})
            for _ in range(2):
                [problem] = (await there.client.mutate(name, **keyed))["problems"]
                assert problem["code"] == "IN_DOUBT", (name, problem)
            await there.heal()
            told = await there.client.done(name, **keyed)
            assert await there.client.done(name, **keyed) == told
            [(old, new)] = [pair for pair in zip(before, size(there), strict=True) if pair[0] != pair[1]]
            assert sum(old[1:]) + (name.startswith("add")) == sum(new[1:]), name


async def test_call_that_lands_after_it_was_given_up_is_waited_for_and_not_made_twice(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    clock = Ahead()
    guarded = Guarded(load_sandbox("easyink")(authority=authority))
    async with (
        guarded.serving(),
        inside(tmp_path, clock, [guarded.table | {"timeout": 0.4}], sagas={"lease": 2.5}) as client,
    ):
        given = await WRITES["easyink"].prepare(client) | {"idempotencyKey": "a key"}
        late = Fault(path="*/signingSessionDrafts", method="POST", kind="status", status=0, delay_ms=1_200)
        guarded.sandbox.faults.append(late)
        for _ in range(2):
            [problem] = (await client.mutate("createSession", **given))["problems"]
            assert problem["code"] == "IN_DOUBT"
        assert await client.settled() == []
        assert not things(guarded.sandbox, clock), "what landed late was left"
        await client.done("createSession", **given)
        assert len(things(guarded.sandbox, clock)) == 1


async def test_single_call_that_lands_after_it_was_given_up_is_not_made_twice(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    guarded = Guarded(load_sandbox("easyink")(authority=authority))
    async with (
        guarded.serving(),
        inside(tmp_path, Ahead(), [guarded.table | {"timeout": 0.4}], sagas={"lease": 2.5}) as client,
    ):
        asked = await order(client, "easyink", 1, start=False)
        session = (await client.done("createSession", **asked))["session"]["id"]
        given = {"session": session, "participant": PEOPLE[0], "idempotencyKey": "a key"}
        guarded.sandbox.faults.append(Fault(path="*/participants", method="POST", kind="status", status=0, delay_ms=1_200))
        [problem] = (await client.mutate("addParticipant", **given))["problems"]
        assert problem["code"] == "IN_DOUBT"
        told = await client.done("addParticipant", **given)
        [stored] = guarded.sandbox.account.sessions.values()
        assert [told["participant"]["key"]] == list(stored.people)
