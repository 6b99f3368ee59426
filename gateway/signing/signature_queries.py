"""Signature queries: the list of signatures over all providers, and the verification of each."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import anyio
import msgspec

from gateway.cache.shared_cache import SharedCache
from gateway.cache.single_flight import SingleFlight
from gateway.signing.policy import Policy
from gateway.signing.sessions.list_reader import ListReader, SignatureList
from gateway.signing.sessions.reader import SessionReader
from gateway.store import SignatureFilter, SignaturePosition
from providers.adapter import Adapter
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import SigningError, TooLarge
from providers.lru import LruCache
from providers.model import Session, Signature
from providers.verification import SignatureReport, Verification, VerificationStatus, inspect

_MAX_BYTES: Final = 64 * 2**20
_MAX_VERDICTS: Final = 2_000
_TTL: Final = timedelta(minutes=10)
"""Certificates end, and what is verified is verified as of now."""
_VERSION: Final = 1
"""Of the form in which verdicts are shared."""
_DECODER: Final[msgspec.msgpack.Decoder[SignatureReport | None]] = msgspec.msgpack.Decoder(SignatureReport | None)


class SignatureVerifier:
    """Verifies signatures against the trust roots of the configuration, off the event loop.

    Verdicts are cached by the SHA-256 of the verified bytes: 66 signatures took a second of processor time whenever they were
    asked for. Concurrent callers share one verification (single flight), and gateways with the same roots share their verdicts.
    """

    def __init__(self, reader: SessionReader, shared: SharedCache, clock: Clock, roots: tuple[bytes, ...] = ()) -> None:
        self._reader = reader
        self._shared = shared
        self._clock = clock
        self._roots = roots
        self._trust = hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in roots)).hexdigest()
        self._verdicts: LruCache[bytes, tuple[datetime, SignatureReport | None]] = LruCache(_MAX_VERDICTS)
        self._reports: SingleFlight[SignatureReport] = SingleFlight()
        self._verifications: SingleFlight[SignatureReport | None] = SingleFlight()

    async def verify(self, adapter: Adapter, signature: Signature) -> SignatureReport:
        """The content of a signature, and whether it holds; the provider's word is not taken for it."""

        async def verify() -> SignatureReport:
            session = await self._reader.session(signature.session)
            try:
                content, digest = await self._download(adapter, session, signature)
            except SigningError as error:
                return self._unverified(signature, error.message)
            verdict = await self._verdict(content, digest)
            return verdict or self._unverified(signature, "There is no signature in these bytes that can be read.")

        return await self._reports.do(signature, verify)

    async def _verdict(self, content: bytes, digest: bytes) -> SignatureReport | None:
        """The verdict on the last signature in these bytes; None where there is none."""
        cached = self._verdicts.get(digest)
        if cached is not None and self._clock.now() - cached[0] < _TTL:
            return cached[1]
        verdict = await self._verifications.do(digest, lambda: self._shared_verdict(content, digest))
        checked_at = verdict.verification.checked_at if verdict else None
        self._verdicts.put(digest, (checked_at or self._clock.now(), verdict))
        return verdict

    async def _shared_verdict(self, content: bytes, digest: bytes) -> SignatureReport | None:
        """The verdict of another gateway with the same trust anchors, or else of this one."""
        key = f"verdict:{_VERSION}:{self._trust}:{digest.hex()}"
        entry = await self._shared.get(key)
        if entry is not None:
            with suppress(msgspec.MsgspecError):  # another build's
                return _DECODER.decode(entry)
        verdict = await self._inspect(content)
        await self._shared.put(key, msgspec.msgpack.encode(verdict), _TTL.total_seconds())
        return verdict

    async def _inspect(self, content: bytes) -> SignatureReport | None:
        reports = await anyio.to_thread.run_sync(lambda: inspect(content, roots=self._roots, now=self._clock.now()))
        return reports[-1] if reports else None

    async def _download(self, adapter: Adapter, session: Session, signature: Signature) -> tuple[bytes, bytes]:
        body, digest = bytearray(), hashlib.sha256()
        async with adapter.download_signature(session, signature) as content:
            async for chunk in content.chunks:
                body += chunk
                digest.update(chunk)
                if len(body) > _MAX_BYTES:
                    raise TooLarge("The signed document is too large to be checked here.")
        return bytes(body), digest.digest()

    def _unverified(self, signature: Signature, reason: str) -> SignatureReport:
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


class SignatureQueries:
    """Signature queries of one viewer."""

    def __init__(self, policy: Policy, lists: ListReader, verifier: SignatureVerifier) -> None:
        self._policy = policy
        self._lists = lists
        self._verifier = verifier

    async def signatures(
        self,
        wanted: SignatureFilter,
        limit: int,
        *,
        after: SignaturePosition | None = None,
        before: SignaturePosition | None = None,
        backwards: bool = False,
    ) -> SignatureList:
        """A slice of one list of signatures over all providers, newest first."""
        self._policy.require("signatures")
        wanted = self._policy.restrict(wanted)
        providers = self._policy.directory.select(wanted.providers, ("filter", "providers"))
        able = [each for each in providers if each.can(Operation.LIST_SIGNATURES)]
        return await self._lists.signatures(able, wanted, limit, after, before, backwards=backwards)

    async def count_signatures(self, wanted: SignatureFilter) -> int:
        """The number of signatures that match."""
        self._policy.require("count_signatures")
        return await self._lists.count_signatures(self._policy.restrict(wanted))

    async def verify(self, signature: Signature) -> SignatureReport:
        """The content of a signature, and whether it holds.

        The viewer needs not be allowed to see its session: the verification is shared with viewers who are.
        """
        self._policy.require("verify")
        adapter = self._policy.directory.get(signature.session.provider).adapter
        return await self._verifier.verify(adapter, signature)
