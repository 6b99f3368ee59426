"""Checks signatures: fetches the bytes that carry one and has them verified, off the loop."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

import anyio

from gateway.cache.single_flight import SingleFlight
from providers.adapter import Adapter
from providers.clock import Clock
from providers.errors import SigningError, TooLarge
from providers.lru import LruCache
from providers.model import Session, Signature
from providers.verification import SignatureReport, Verification, VerificationStatus, inspect

_MOST_BYTES: Final = 64 * 2**20
_REMEMBERED: Final = 2_000
_LASTING: Final = timedelta(minutes=10)
"""So long a verdict holds: certificates end, and what is checked is checked as of now."""


class Inspection:
    """Reads and checks signatures against the trust roots of the configuration.

    Verdicts are cached by the SHA-256 of the bytes that were checked: 66 signatures took a second of processor time, each time
    that they were asked for. The roots are those of this gateway for as long as it runs.
    """

    def __init__(self, clock: Clock, roots: tuple[bytes, ...] = ()) -> None:
        self._clock = clock
        self._roots = roots
        self._verdicts: LruCache[bytes, tuple[datetime, SignatureReport | None]] = LruCache(_REMEMBERED)
        self._checks: SingleFlight[SignatureReport | None] = SingleFlight()

    async def inspect(self, adapter: Adapter, session: Session, signature: Signature) -> SignatureReport:
        """What one signature says, and whether it holds."""
        try:
            content, digest = await self._content(adapter, session, signature)
        except SigningError as error:
            return self._unread(signature, error.message)
        report = await self._verdict(content, digest)
        return report or self._unread(signature, "There is no signature in these bytes that can be read.")

    async def _verdict(self, content: bytes, digest: bytes) -> SignatureReport | None:
        """What the last signature in these bytes says; None where there is none."""
        found = self._verdicts.get(digest)
        if found is not None and self._clock.now() - found[0] < _LASTING:
            return found[1]
        report = await self._checks.do(digest, lambda: self._check(content))
        self._verdicts.put(digest, (self._clock.now(), report))
        return report

    async def _check(self, content: bytes) -> SignatureReport | None:
        reports = await anyio.to_thread.run_sync(lambda: inspect(content, roots=self._roots, now=self._clock.now()))
        return reports[-1] if reports else None

    async def _content(self, adapter: Adapter, session: Session, signature: Signature) -> tuple[bytes, bytes]:
        body, digest = bytearray(), hashlib.sha256()
        async with adapter.download_signature(session, signature) as content:
            async for chunk in content.chunks:
                body += chunk
                digest.update(chunk)
                if len(body) > _MOST_BYTES:
                    raise TooLarge("The signed document is too large to be checked here.")
        return bytes(body), digest.digest()

    def _unread(self, signature: Signature, reason: str) -> SignatureReport:
        return SignatureReport(
            format=signature.format,
            certificate=None,
            signed_at=None,
            timestamp=None,
            verification=Verification(
                status=VerificationStatus.NOT_CHECKED,
                reason=reason,
                digest_algorithm=None,
                trusted=False,
                covers_whole_document=None,
                checked_at=self._clock.now(),
            ),
        )
