"""Interest registration: followed sessions that the store does not know are retried with backoff."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from lookout import lookout

from gateway.store import EventFilter
from gateway.sync.interest import Interest
from providers.model import SessionRef
from providers.sandbox.certificate_authority import CertificateAuthority


async def test_unknown_followed_sessions_are_retried_with_exponential_backoff(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    async with lookout(tmp_path, authority, "seal") as out:
        refs = frozenset(SessionRef("seal", f"nobody-{place}") for place in range(1_000))
        async with aclosing(await out.signing.events.subscribe(EventFilter(sessions=refs))) as events:
            waiting = asyncio.create_task(anext(events))
            await asyncio.sleep(0)
            interest = Interest(out.services.hub, out.services.schedule, out.clock, lambda: None)
            waits = []
            for _ in range(40):
                wait = await interest.register()
                waits.append(wait)
                out.clock.at += wait
            assert waits[:3] == [1.0, 2.0, 4.0]
            assert out.clock.at > 300
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)


async def test_session_is_registered_soon_after_it_is_created(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "seal") as out:
        unseen = await out.make("seal", known=False)
        async with aclosing(await out.signing.events.subscribe(EventFilter(sessions=frozenset({unseen.ref})))) as events:
            waiting = asyncio.create_task(anext(events))
            await asyncio.sleep(0)
            interest = Interest(out.services.hub, out.services.schedule, out.clock, lambda: None)
            assert await interest.register() == 1.0
            await out.signing.queries.session(unseen.ref)
            out.clock.at += 1.0
            assert await interest.register() > 5.0
            assert await out.services.schedule.next_followed("seal") is not None
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
