"""How much of a server one client may take: connections, and the size and the pace of what it sends."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Sizes are in bytes, times in seconds; ``shared`` are addresses that many clients come from, as that of a proxy."""

    head: float = 10.0
    """Within which a request line and headers are here, and over which the pace of a body is measured."""
    idle: float = 5.0
    """How long a connection is kept for the next request."""
    pace: int = 500
    """Bytes a second of a body, at least."""
    line_bytes: int = 16_384
    header_bytes: int = 32_768
    """All headers together."""
    headers: int = 100
    message_bytes: int = 262_144
    """One WebSocket message."""
    connections: int = 20_000
    per_address: int = 500
    shared: frozenset[str] = frozenset({"127.0.0.1", "::1"})


class Admission:
    """Counts connections, in all and by address."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._open: Counter[str] = Counter()
        self._all = 0

    def enter(self, address: str) -> bool:
        """Whether one more connection from there may stay; it counts from now on if so."""
        place = network(address)
        full = self._open[place] >= self._bounds.per_address and address not in self._bounds.shared
        if full or self._all >= self._bounds.connections:
            return False
        self._open[place] += 1
        self._all += 1
        return True

    def leave(self, address: str) -> None:
        """One that was let in has gone."""
        place = network(address)
        self._all -= 1
        self._open[place] -= 1
        if not self._open[place]:
            del self._open[place]


def network(address: str) -> str:
    """Whom an address belongs to: one client has a whole network of IPv6."""
    if ":" not in address:
        return address
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return found.packed[:8].hex()
    return str(found.ipv4_mapped if isinstance(found, IPv6Address) else found)
