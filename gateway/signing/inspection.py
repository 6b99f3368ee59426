"""Checks signatures: fetches the bytes that carry one and has them verified, off the loop."""

from __future__ import annotations

import anyio

from providers.adapter import Adapter
from providers.clock import Clock
from providers.errors import SigningError, TooLarge
from providers.model import Session, Signature
from providers.verification import SignatureReport, Verification, VerificationStatus, inspect

_MOST_BYTES = 64 * 2**20


class Inspection:
    """Reads and checks signatures against the trust roots of the configuration."""

    def __init__(self, clock: Clock, roots: tuple[bytes, ...] = ()) -> None:
        self._clock = clock
        self._roots = roots

    async def inspect(self, adapter: Adapter, session: Session, signature: Signature) -> SignatureReport:
        """What one signature says, and whether it holds."""
        try:
            content = await self._content(adapter, session, signature)
        except SigningError as error:
            return self._unread(signature, error.message)
        reports = await anyio.to_thread.run_sync(lambda: inspect(content, roots=self._roots, now=self._clock.now()))
        return reports[-1] if reports else self._unread(signature, "There is no signature in these bytes that can be read.")

    async def _content(self, adapter: Adapter, session: Session, signature: Signature) -> bytes:
        body = bytearray()
        async with adapter.download_signature(session, signature) as content:
            async for chunk in content.chunks:
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise TooLarge("The signed document is too large to be checked here.")
        return bytes(body)

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
