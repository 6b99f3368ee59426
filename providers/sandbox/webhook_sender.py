"""How a sandbox tells a gateway by itself what has happened: signed, in order, again until it is taken or too old."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import httpx
import msgspec
from pydantic import SecretStr

from providers.clock import Clock
from providers.webhook import Scheme, sign

_MOST = 10_000
_ANSWER_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class Callback(msgspec.Struct, forbid_unknown_fields=True):
    """Where to, and what proves who says it. ``header`` is the provider's usual one unless it is given."""

    url: str
    secret: str
    header: str | None = None
    scheme: Scheme = "hmac-sha256-hex"

    def __repr__(self) -> str:
        """Shows no secret."""
        return f"Callback({self.url!r})"


@dataclass(frozen=True, slots=True)
class _Letter:
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    expires_at: datetime


class Outbox:
    """What waits to be posted; ``deliver`` posts it, for as long as it runs. Counts what was ``delivered`` and ``lost``."""

    def __init__(self, clock: Clock) -> None:
        self.delivered = 0
        self.lost = 0
        self._clock = clock
        self._letters: asyncio.Queue[_Letter] = asyncio.Queue(_MOST)

    def post(self, callback: Callback, header: str, body: bytes, expires_at: datetime) -> None:
        """Posts a body when those before it are posted, but not after it has expired."""
        headers = {"content-type": "application/json", header: sign(callback.scheme, SecretStr(callback.secret), body)}
        try:
            self._letters.put_nowait(_Letter(callback.url, headers, body, expires_at))
        except asyncio.QueueFull:
            self.lost += 1

    async def deliver(self) -> None:
        """Posts what there is and what comes, until it is cancelled."""
        letter = await self._letters.get()
        # Not before there is something to post: a client reads every trusted certificate, which takes 25 ms.
        async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as client:
            while True:
                if await self._delivered(client, letter):
                    self.delivered += 1
                else:
                    self.lost += 1
                letter = await self._letters.get()

    async def _delivered(self, client: httpx.AsyncClient, letter: _Letter) -> bool:
        pause = _FIRST_PAUSE
        while self._clock.now() < letter.expires_at:
            with suppress(httpx.HTTPError):
                if (await client.post(letter.url, content=letter.body, headers=letter.headers)).is_success:
                    return True
            await self._clock.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        return False
