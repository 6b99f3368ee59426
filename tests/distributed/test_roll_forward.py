"""Rolling forward: a saga whose last calls were in flight is finished, and nobody who was invited loses the session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from apart import Gateway, Guarded, Halt, Nursery, gateway
from writes import WRITES, Write

from providers.registry import load_sandbox
from providers.sandbox.certificate_authority import CertificateAuthority

KEY = "a key of the client's"
LAST_CALL = {"easyink": "started", "signicat": "signing-sessions", "seal": "AcceptBatch"}


@dataclass
class World:
    """A gateway that is killed, and the sandbox behind it."""

    guarded: Guarded
    gateway: Gateway

    async def halt_at(self, path: str, halt: Halt, name: str, given: Mapping[str, Any]) -> None:
        """Kills the gateway as a call to this path is under way; its client hears nothing."""
        gate = self.guarded.gate
        gate.expect(halt, path=path)
        asked = asyncio.create_task(self.gateway.mutate(name, **given))
        await asyncio.wait_for(gate.reached.wait(), 20)
        self.gateway.kill()
        gate.open.set()
        with pytest.raises(httpx.TransportError):
            await asked
        gate.expect(None)

    async def everybody_signs(self) -> None:
        for each in self.guarded.sandbox.sessions():
            if each.waiting:
                await self.guarded.sandbox.sign(each.key)


@asynccontextmanager
async def world(folder: Path, ours: Nursery, authority: CertificateAuthority, kind: str) -> AsyncIterator[World]:
    async with (
        Guarded(load_sandbox(kind)(authority=authority)).serving() as guarded,
        gateway(folder, ours, [guarded.table], sagas={"lease": 0.6}) as running,
    ):
        yield World(guarded, running)


IN_TURN = WRITES["signicat, one after the other"]
FINISHING = [WRITES["easyink"], IN_TURN, WRITES["signicat, at once"], WRITES["seal"]]


@pytest.mark.parametrize(
    ("write", "signs"),
    [(write, signs) for write in FINISHING for signs in (True, False) if not signs or write is not IN_TURN],
    ids=lambda each: f"{each.provider}-{each.makes}" if isinstance(each, Write) else "signed" if each else "unsigned",
)
async def test_session_whose_last_call_was_not_answered_becomes_the_result_of_its_key(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority, write: Write, signs: bool
) -> None:
    async with world(tmp_path, ours, authority, write.provider) as there:
        given = await write.prepare(there.gateway) | {"idempotencyKey": KEY}
        await there.halt_at(LAST_CALL[write.provider], Halt(1, "answer"), write.name, given)
        before = {each.key for each in there.guarded.sandbox.sessions()}
        if signs and write.provider != "seal":
            await there.everybody_signs()
        await there.gateway.start()
        session = (await there.gateway.done(write.name, **given))["session"]
        assert session["status"] != "CANCELED"
        now = {each.key: each.status for each in there.guarded.sandbox.sessions()}
        assert before <= set(now), "somebody who was invited finds nothing"
        assert "Voided" not in now.values()
        assert (await there.gateway.done(write.name, **given))["session"]["id"] == session["id"]
        assert len(now) == (write.makes if write.provider != "signicat" else len(session["participants"]))


async def test_session_that_its_first_signer_has_signed_before_the_others_were_invited_is_left_and_named(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority
) -> None:
    """Signicat packages the documents then, and takes no more signers: it can neither be finished nor taken back."""
    async with world(tmp_path, ours, authority, "signicat") as there:
        given = await IN_TURN.prepare(there.gateway) | {"idempotencyKey": KEY}
        await there.halt_at(LAST_CALL["signicat"], Halt(1, "answer"), IN_TURN.name, given)
        await there.everybody_signs()
        [signed] = there.guarded.sandbox.sessions()
        await there.gateway.start()
        [note] = await there.gateway.settled()
        assert signed.key in note
        [problem] = (await there.gateway.mutate(IN_TURN.name, **given))["problems"]
        assert signed.key in problem["message"]
        assert there.guarded.sandbox.sessions() == [signed]


async def test_session_that_was_signed_before_the_others_were_refused_is_left_and_named(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority
) -> None:
    async with world(tmp_path, ours, authority, "signicat") as there:
        given, gate = await IN_TURN.prepare(there.gateway) | {"idempotencyKey": KEY}, there.guarded.gate
        gate.expect(Halt(1, "answer", waits=True), path=LAST_CALL["signicat"])
        asked = asyncio.create_task(there.gateway.mutate(IN_TURN.name, **given))
        await asyncio.wait_for(gate.reached.wait(), 20)
        there.guarded.sandbox.packaging_delay = 0
        await there.everybody_signs()
        await there.guarded.sandbox.store.pack()
        [signed] = there.guarded.sandbox.sessions()
        gate.open.set()
        [problem] = (await asked)["problems"]
        assert problem["code"] == "PROVIDER_REFUSED"
        assert signed.key in problem["message"]
        [note] = await there.gateway.settled()
        assert signed.key in note
        assert there.guarded.sandbox.sessions() == [signed]


async def test_deletion_that_was_broken_off_half_way_is_finished_by_its_key(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority
) -> None:
    async with world(tmp_path, ours, authority, "signicat") as there:
        made = (await there.gateway.done(IN_TURN.name, **await IN_TURN.prepare(there.gateway)))["session"]
        asked = {"session": made["id"], "idempotencyKey": KEY}
        await there.halt_at("signing-sessions/", Halt(2, "arrival"), "deleteSession", asked)
        assert len(there.guarded.sandbox.sessions()) == 2
        await there.gateway.start()
        assert (await there.gateway.done("deleteSession", **asked))["deletedIds"] == [made["id"]]
        assert not there.guarded.sandbox.sessions()
