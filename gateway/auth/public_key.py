"""Public keys for token verification: RS256 or ES256, by the type and size of the key."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from providers.errors import ConfigurationError

RSA_BITS: Final = range(2_048, 8_193)
"""Sizes of a modulus: shorter ones can be broken (RFC 7518, 3.3), longer ones take the processor's time from everybody."""

PublicKey = RSAPublicKey | EllipticCurvePublicKey


def algorithm_of(key: object) -> str | None:
    """The signature algorithm of a public key, by its type; None for a key that tokens may not be verified with."""
    if isinstance(key, RSAPublicKey):
        return "RS256" if key.key_size in RSA_BITS else None
    if isinstance(key, EllipticCurvePublicKey):
        return "ES256" if isinstance(key.curve, SECP256R1) else None
    return None


def read_public_key(path: Path, algorithms: Collection[str]) -> tuple[str, PublicKey]:
    """The algorithm and key of a PEM file. Raises ``ConfigurationError`` where it is none of the ``algorithms``."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except Exception:
        key = None
    algorithm = algorithm_of(key)
    if algorithm is None or not isinstance(key, PublicKey):
        raise ConfigurationError(
            f"authentication.public_key: {path} holds no public key of RSA (2048 bits or more) or of the curve P-256, as PEM."
        )
    if algorithm not in algorithms:
        raise ConfigurationError(
            f"authentication.algorithms: {algorithm} is missing, which the public_key is for. Add it, or leave algorithms out."
        )
    return algorithm, key
