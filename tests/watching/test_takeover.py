"""Lease takeover: a gateway is killed in its process, and another polls within seconds."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from apart import Gateway, Guarded, Nursery, gateway, nursery, order

from providers.registry import load_sandbox
from providers.sandbox.certificate_authority import CertificateAuthority

LEASE = 2.0
INTERVAL = 0.3
START_UP = 1.0


@pytest.fixture(scope="module")
def ours() -> Iterator[Nursery]:
    with nursery() as ours:
        yield ours


def looks(seal: Guarded) -> int:
    return sum("BatchStatus" in call.path for call in seal.sandbox.calls)


def holder(gateway: Gateway) -> str | None:
    return next((owner for (owner,) in gateway.rows("select owner from lease")), None)


async def moved(gateway: Gateway, former: str | None) -> float:
    """Seconds until somebody else has the lease."""
    begun = time.monotonic()
    while (now := holder(gateway)) is None or now == former:
        assert time.monotonic() - begun < 20, "never"
        await asyncio.sleep(0.02)
    return time.monotonic() - begun


@pytest.mark.parametrize(("how", "within"), [(signal.SIGKILL, LEASE + 1), (signal.SIGTERM, 2)])
async def test_other_gateway_takes_over_lease_of_killed_one(
    tmp_path: Path, authority: CertificateAuthority, ours: Nursery, how: signal.Signals, within: float
) -> None:
    seal = Guarded(load_sandbox("seal")(authority=authority))
    watch = {"enabled": True, "lease": LEASE}
    async with seal.serving():
        table = seal.table | {"poll_interval": INTERVAL, "poll_interval_watched": INTERVAL, "poll_budget": 100_000}
        async with gateway(tmp_path, ours, [table], "first", watch=watch) as first:
            await moved(first, None)
            owner = holder(first)
            async with gateway(tmp_path, ours, [table], "second", watch=watch) as second:
                made = (await first.done("createSession", **await order(first, "seal")))["session"]
                await asyncio.sleep(1)
                assert holder(second) == owner
                before = looks(seal)
                await asyncio.sleep(1.5)
                assert 4 <= looks(seal) - before <= 1.5 / (0.8 * INTERVAL) + 2, "one of them looks, as often as one should"
                first.signal(how)
                took = await moved(second, owner)
                assert took < within + START_UP / 2
                await seal.sandbox.sign(made["key"])
                begun = time.monotonic()
                while second.rows(f"select status from session where key = '{made['key']}'") != [("COMPLETED",)]:  # noqa: S608
                    assert time.monotonic() - begun < 5, "never found"
                    await asyncio.sleep(0.02)
