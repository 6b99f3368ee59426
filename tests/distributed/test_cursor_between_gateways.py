"""What is read, and what is followed from its cursor on, come to the present state: at several gateways, while others write."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from apart import Gateway, Nursery, gateway, order

from providers.registry import load_sandbox
from providers.sandbox.certificate_authority import CertificateAuthority

WRITES = 12
WRITERS = 3
READ = "query Q($age: Duration) { sessions(first: 100, maxAge: $age) { eventCursor nodes { id status eventCursor } } }"
ONE = "query Q($id: ID!, $age: Duration) { session(id: $id, maxAge: $age) { id status eventCursor } }"
LOG = """query Q($after: String) { sessionEvents(first: 100, after: $after) {
  nodes { to session { id } } pageInfo { hasNextPage endCursor }
} }"""
States = dict[str, str]


@dataclass(frozen=True)
class Snapshot:
    """What was known of all sessions, or of one alone, and where the log stood."""

    states: States
    cursor: str
    alone: bool


Changes = list[tuple[str, str | None]]


def replayed(snapshot: Snapshot, changes: Changes) -> States:
    """What the events behind a snapshot make of it."""
    states = dict(snapshot.states)
    for session, to in changes:
        if to is not None and not (snapshot.alone and session not in states):
            states[session] = to
    return states


async def changes_behind(client: Gateway, cursor: str) -> Changes:
    changes: Changes = []
    after = cursor
    while True:
        page = (await client.ask(LOG, after=after))["sessionEvents"]
        changes += [(node["session"]["id"], node["to"]) for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return changes


async def write(clients: list[Gateway], chance: random.Random) -> None:
    for _ in range(WRITES):
        made = (await chance.choice(clients).done("createSession", **await order(clients[0], "easyink", people=1)))["session"]
        await chance.choice(clients).done("cancelSession", session=made["id"], reason="the wrong one")


async def read(client: Gateway, chance: random.Random, over: asyncio.Event) -> list[Snapshot]:
    snapshots: list[Snapshot] = []
    while not over.is_set():
        age = chance.choice(["PT0S", "PT1H", None])
        page = (await client.ask(READ, age=age))["sessions"]
        snapshots.append(Snapshot({each["id"]: each["status"] for each in page["nodes"]}, page["eventCursor"], alone=False))
        if page["nodes"]:
            wanted = chance.choice(page["nodes"][:3])
            found = await asyncio.gather(*(client.ask(ONE, id=wanted["id"], age=age) for _ in range(3)))
            one = [each["session"] for each in found] + [wanted]
            snapshots += [Snapshot({each["id"]: each["status"]}, each["eventCursor"], alone=True) for each in one]
    return snapshots


@pytest.mark.timeout(180)
async def test_nothing_falls_between_a_read_and_its_cursor_at_two_gateways_while_others_write(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority, database: str
) -> None:
    sandbox = load_sandbox("easyink")(authority=authority)
    shared: dict[str, Any] = {"database": {"url": database}, "freshness": {"list": 0.05, "open": 0.05}}
    chance = random.Random(7)
    async with (
        sandbox.serving() as url,
        gateway(tmp_path, ours, [sandbox.settings(url)], "one", **shared) as one,
        gateway(tmp_path, ours, [sandbox.settings(url)], "two", **shared) as two,
    ):
        clients, over = [one, two], asyncio.Event()
        reading = [asyncio.create_task(read(each, random.Random(place), over)) for place, each in enumerate(clients)]
        await asyncio.gather(*(write(clients, chance) for _ in range(WRITERS)))
        over.set()
        snapshots = [snapshot for each in reading for snapshot in await each]
        changes = {each: await changes_behind(one, each) for each in {snapshot.cursor for snapshot in snapshots}}
        final = {each["id"]: each["status"] for each in (await one.ask(READ, age="PT0S"))["sessions"]["nodes"]}
    assert len(final) == WRITES * WRITERS
    assert set(final.values()) == {"CANCELED"}
    assert len(changes) > WRITES, "they were taken while the log grew"
    for snapshot in snapshots:
        known = {key: status for key, status in final.items() if not snapshot.alone or key in snapshot.states}
        assert replayed(snapshot, changes[snapshot.cursor]) == known
