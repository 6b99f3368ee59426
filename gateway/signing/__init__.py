"""Every use case of the gateway: ``Signing`` has one method for each."""

from gateway.signing.access import admit
from gateway.signing.leftovers import Leftover, LeftoverAction, LeftoverList
from gateway.signing.reading import SessionList
from gateway.signing.showing import SignatureList
from gateway.signing.signing import Signing
from gateway.signing.writing import Eligibility
from gateway.webhooks.inbox import DeliveryList

__all__ = [
    "DeliveryList",
    "Eligibility",
    "Leftover",
    "LeftoverAction",
    "LeftoverList",
    "SessionList",
    "SignatureList",
    "Signing",
    "admit",
]
