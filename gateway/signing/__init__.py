"""Use cases: what can be done with sessions, composed for each viewer in ``composition``."""

from gateway.signing.composition import Services, Signing
from gateway.signing.deliveries import DeliveryList
from gateway.signing.event_feed import EventList
from gateway.signing.oauth import Authorization
from gateway.signing.orders.order_builder import Eligibility
from gateway.signing.queries import SyncState, SyncStrategy
from gateway.signing.saga.leftovers import Leftover, LeftoverAction, LeftoverList
from gateway.signing.sessions.list_reader import SessionList, SignatureList

__all__ = [
    "Authorization",
    "DeliveryList",
    "Eligibility",
    "EventList",
    "Leftover",
    "LeftoverAction",
    "LeftoverList",
    "Services",
    "SessionList",
    "SignatureList",
    "Signing",
    "SyncState",
    "SyncStrategy",
]
