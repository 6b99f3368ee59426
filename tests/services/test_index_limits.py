"""Index limits: sessions are stored whose addresses or tags exceed an index row of PostgreSQL."""

from __future__ import annotations

import random
import string
from dataclasses import replace

from stage import START, keep, session, signature, signer

from gateway.store import SessionFilter, SignatureFilter, Store

CHANCE = random.Random(7)
KEY = "".join(CHANCE.choices(string.ascii_letters, k=1_900))


def astral(characters: int) -> str:
    """Text of four bytes a character, which no compression makes shorter."""
    return "".join(chr(CHANCE.randrange(0x20000, 0x2A000)) for _ in range(characters))


async def test_session_is_stored_whose_addresses_exceed_the_index(store: Store) -> None:
    one = session(KEY)
    people = (signer(one.ref, "p1", email=f"{astral(300)}@people.example"), signer(one.ref, "p2", email="ada@people.example"))
    await keep(store, replace(one, participants=people), START)
    assert await store.sessions.get(one.ref) == replace(one, participants=people)
    assert await store.sessions.count(SessionFilter(participant_email="ada@people.example")) == 1


async def test_session_is_stored_whose_tags_exceed_the_index(store: Store) -> None:
    one = session(KEY)
    signed = replace(one, signatures=(signature(one.ref, "g1", tags=(astral(500), "lease")),))
    await keep(store, signed, START)
    assert await store.sessions.get(one.ref) == signed
    assert await store.signatures.count(SignatureFilter(tags=["lease"])) == 1
