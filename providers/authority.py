"""A throw-away certificate authority: the people of the sandboxes sign with what it issues.

Its signatures are real and verify against ``certificate``; its keys live in memory and end with the process.
"""

from __future__ import annotations

from collections.abc import Sequence


class Authority:
    """A root made when needed, and an identity for each name that signs."""

    @property
    def certificate(self) -> bytes:
        """The root certificate in PEM: what a verifier has to trust."""
        raise NotImplementedError

    async def sign_pdf(self, pdf: bytes, signers: Sequence[str], reason: str | None = None) -> bytes:
        """A PAdES document signed by each in turn, as incremental updates. Raises ``ValueError`` where it is no PDF."""
        raise NotImplementedError

    async def sign_cms(self, content: bytes, signer: str, *, detached: bool = False) -> bytes:
        """A CAdES (CMS SignedData) signature of the content in DER."""
        raise NotImplementedError

    async def sign_xml(self, content: bytes, signer: str) -> bytes:
        """An enveloping XAdES signature over arbitrary content (wrapped in base64 where it is no XML)."""
        raise NotImplementedError


def sample_pdf(title: str, pages: int = 1) -> bytes:
    """A small, valid PDF that shows its title on every page."""
    raise NotImplementedError
