"""Every use case of the gateway: ``Signing`` has one method for each."""

from gateway.signing.signing import Signing

__all__ = ["Signing"]
