"""Admission control: limits on what one client may take of the server, and the count of open connections."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Limits on connections, request heads, bodies and messages. Sizes are in bytes, times in seconds."""

    head_timeout: float = 10.0
    """For the request line and the headers; the rate of a body is measured over the same time."""
    keep_alive_timeout: float = 5.0
    """An idle connection is closed after it."""
    min_body_rate: int = 500
    """Bytes of a body that have to arrive each second."""
    line_bytes: int = 16_384
    header_bytes: int = 32_768
    """All headers together."""
    headers: int = 100
    message_bytes: int = 262_144
    """One WebSocket message."""
    connections: int = 20_000
    per_address: int = 500
    shared_addresses: frozenset[str] = frozenset({"127.0.0.1", "::1"})
    """Addresses that many clients share, as that of a proxy: ``per_address`` is not applied to them."""


class Admission:
    """Counts open connections, in all and by client, and refuses those beyond the limits."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._open: Counter[str] = Counter()
        self._total = 0

    def admit(self, address: str) -> bool:
        """Counts one more connection from this address; False where the limits refuse it."""
        client = client_network(address)
        full = self._open[client] >= self._limits.per_address and address not in self._limits.shared_addresses
        if full or self._total >= self._limits.connections:
            return False
        self._open[client] += 1
        self._total += 1
        return True

    def release(self, address: str) -> None:
        """Uncounts an admitted connection that has closed."""
        client = client_network(address)
        self._total -= 1
        self._open[client] -= 1
        if not self._open[client]:
            del self._open[client]


def client_network(address: str) -> str:
    """The network that one client is taken to own: its IPv4 address, or the /64 of its IPv6 address."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return parsed.packed[:8].hex()
    return str(parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else parsed)
