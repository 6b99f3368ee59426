"""Client address: that of the connection, or the one that trusted proxies name in ``X-Forwarded-For``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, Final

from gateway.server.admission import client_network

_FORWARDED: Final = b"x-forwarded-for"


class Addresses:
    """Finds a client's address behind the trusted ``proxies``, which are addresses or networks."""

    def __init__(self, proxies: Sequence[str]) -> None:
        self._proxies = tuple(map(ip_network, proxies))

    def of(self, scope: Mapping[str, Any]) -> str:
        """The client's address of an ASGI scope; the network of an IPv6 client.

        Each proxy appends the peer that it saw: the last one that is no trusted proxy is the client, and anybody may have
        written what stands before it.
        """
        client = scope.get("client")
        address = str(client[0]) if client else ""
        if self._is_trusted(address):
            forwarded = b",".join(value for name, value in scope["headers"] if name == _FORWARDED).decode("latin-1")
            for hop in reversed(forwarded.split(",")):
                if not _is_address(hop.strip()):
                    break
                address = hop.strip()
                if not self._is_trusted(address):
                    break
        return client_network(address)

    def _is_trusted(self, address: str) -> bool:
        return bool(self._proxies) and _is_address(address) and any(ip_address(address) in each for each in self._proxies)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
