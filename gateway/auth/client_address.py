"""Where a request comes from, as far as that can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, Final

from gateway.server.admission import client_network

_FORWARDED: Final = b"x-forwarded-for"


class Addresses:
    """Finds the client's address: that of the connection, or what the ``proxies`` in front of us say of it."""

    def __init__(self, proxies: Sequence[str]) -> None:
        self._proxies = tuple(map(ip_network, proxies))

    def of(self, scope: Mapping[str, Any]) -> str:
        """Whom a request comes from; the whole of a client's network, where that is of IPv6.

        Each proxy adds whom it has heard to the end of the header: the last who is none of ours is the client, and what
        stands before it may be anything.
        """
        client = scope.get("client")
        address = str(client[0]) if client else ""
        if self._trusts(address):
            told = b",".join(value for name, value in scope["headers"] if name == _FORWARDED).decode("latin-1")
            for hop in reversed(told.split(",")):
                if not _readable(hop.strip()):
                    break
                address = hop.strip()
                if not self._trusts(address):
                    break
        return client_network(address)

    def _trusts(self, address: str) -> bool:
        return bool(self._proxies) and _readable(address) and any(ip_address(address) in each for each in self._proxies)


def _readable(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True
