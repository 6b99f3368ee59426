"""What the gateway remembers: the last state of every session, staged uploads, and how fresh each list is."""

from gateway.store.filter import Position, Row, SessionFilter, SessionOrder, Slice
from gateway.store.sessions import ListedRow, Sessions, Sync
from gateway.store.signatures import SignatureFilter, SignaturePosition
from gateway.store.store import Store
from gateway.store.uploads import StagedFile, StagedFiles

__all__ = [
    "ListedRow",
    "Position",
    "Row",
    "SessionFilter",
    "SessionOrder",
    "Sessions",
    "SignatureFilter",
    "SignaturePosition",
    "Slice",
    "StagedFile",
    "StagedFiles",
    "Store",
    "Sync",
]
