"""Proxies of the environment: the proxy for a host, by the rules that curl and httpx apply to ``NO_PROXY``.

An entry of ``NO_PROXY`` is ``*`` for every host, a host or domain (``example.org``, ``.example.org``, ``*.example.org``:
each with all that is below it), an address, or a network of addresses (``10.0.0.0/8``, ``fd00::/8``); each may name a port,
before which an IPv6 address stands in brackets, and a scheme, as in httpx. A domain may be in any script. Entries are
separated by commas or spaces, and case does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.request import getproxies

import httpx

_MAX_ENTRIES: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Bypass:
    """One entry of ``NO_PROXY``: a network or a domain, on one port or all, by one scheme or any."""

    scheme: str
    network: IPv4Network | IPv6Network | None
    domain: str
    port: int | None

    def matches(self, scheme: str, host: str, address: IPv4Address | IPv6Address | None, port: int) -> bool:
        if self.port not in {None, port} or self.scheme not in {"", "all", scheme}:
            return False
        if self.domain == "*":
            return True
        if self.network is not None:
            return address is not None and address.version == self.network.version and address in self.network
        return address is None and (host == self.domain or host.endswith(f".{self.domain}"))


class Proxies:
    """The proxies of an environment, by the scheme of the requested URL."""

    def __init__(self, proxies: Mapping[str, str] | None = None) -> None:
        environment = getproxies() if proxies is None else proxies
        self._proxies = {scheme: _address(proxy) for scheme, proxy in environment.items() if scheme != "no" and proxy.strip()}
        self._bypasses = tuple(_parse_bypasses(environment.get("no", "")))

    def proxy(self, scheme: str, host: str, port: int) -> str | None:
        """The URL of the proxy for a host; None where requests go direct."""
        proxy = self._proxies.get(scheme) or self._proxies.get("all")
        if proxy is None:
            return None
        host = host.lower().strip("[]").rstrip(".")
        address = _ip(host)
        return None if any(each.matches(scheme, host, address, port) for each in self._bypasses) else proxy


def _address(proxy: str) -> str:
    proxy = proxy.strip()
    return proxy if "://" in proxy else f"http://{proxy}"


def _parse_bypasses(value: str) -> Iterator[_Bypass]:
    for entry in value.replace(",", " ").lower().split()[:_MAX_ENTRIES]:
        scheme, _, rest = entry.rpartition("://")
        host, port = _split(rest.rstrip("/"))
        network = _network(host)
        domain = "*" if host == "*" else _ascii(host.removeprefix("*").strip(".*"))
        if network is not None or domain:
            yield _Bypass(scheme, network, domain, port)


def _ascii(domain: str) -> str:
    """A domain in ASCII, encoded for DNS where it is in another script (RFC 5891)."""
    try:
        return domain if domain.isascii() else httpx.URL(f"http://{domain}").raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError):
        return domain


def _split(entry: str) -> tuple[str, int | None]:
    """The host and the port of an entry. An IPv6 address without brackets has no port."""
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        if rest.startswith("/"):
            return host + rest, None
        port = rest.removeprefix(":")
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
    else:
        return entry, None
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else None
    return (host, number) if number is not None or not port else (entry, None)


def _network(host: str) -> IPv4Network | IPv6Network | None:
    """A network, or that of one address; an IPv4-mapped IPv6 address counts as IPv4."""
    address = _ip(host)
    try:
        return ip_network(host if address is None else address, strict=False)
    except ValueError:
        return None


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
