"""Proxies of the environment, and the hosts that NO_PROXY exempts."""

from __future__ import annotations

import pytest

from providers.http.proxies import Proxies

PROXY = "http://proxy.example:3128"

SPARED = [
    ("*", "https://provider.example"),
    ("a.example, *", "https://provider.example"),
    ("provider.example", "https://provider.example"),
    ("PROVIDER.Example", "https://provider.example"),
    ("provider.example", "https://API.Provider.EXAMPLE"),
    (".provider.example", "https://api.provider.example"),
    (".provider.example", "https://provider.example"),
    ("*.provider.example", "https://api.provider.example"),
    ("*.provider.example", "https://deep.api.provider.example"),
    ("provider.example.", "https://provider.example"),
    ("provider.example", "https://provider.example."),
    ("a.example provider.example", "https://provider.example"),
    ("a.example,,  provider.example ,", "https://provider.example"),
    ("provider.example:443", "https://provider.example"),
    ("provider.example:8443", "https://provider.example:8443"),
    ("10.0.0.0/8", "http://10.20.30.40"),
    ("10.20.30.40/8", "http://10.1.1.1"),
    ("192.168.1.7", "http://192.168.1.7:8080"),
    ("192.168.1.7:8080", "http://192.168.1.7:8080"),
    ("::1", "http://[::1]"),
    ("[::1]", "http://[::1]:8080"),
    ("[::1]:8080", "http://[::1]:8080"),
    ("0:0:0:0:0:0:0:1", "http://[::1]"),
    ("fd00::/8", "http://[fd12::1]"),
    ("[fd00::]/8", "http://[fd12::1]"),
    ("10.0.0.0/8", "http://[::ffff:10.1.1.1]"),
    ("localhost", "http://localhost:9"),
    ("https://provider.example", "https://api.provider.example"),
    ("https://provider.example/", "https://provider.example"),
    ("all://provider.example:8443", "https://provider.example:8443"),
    ("http://10.0.0.0/8", "http://10.1.1.1"),
    ("http://[::1]:8080", "http://[::1]:8080"),
    ("b\u00fccher.example", "https://api.xn--bcher-kva.example"),
    ("*.B\u00dcCHER.example", "https://xn--bcher-kva.example"),
]
PROXIED = [
    ("", "https://provider.example"),
    (",", "https://provider.example"),
    ("other.example", "https://provider.example"),
    ("provider.example", "https://myprovider.example"),
    (".provider.example", "https://notprovider.example"),
    ("provider.example:8443", "https://provider.example"),
    ("10.0.0.0/8", "http://11.0.0.1"),
    ("10.0.0.0/8", "https://provider.example"),
    ("fd00::/8", "http://[fe80::1]"),
    ("::1", "http://127.0.0.1"),
    ("[::1]:80", "http://[::1]:8080"),
    ("0.0.1", "http://10.0.0.1"),
    ("10.0.0.0/99", "http://10.0.0.1"),
    ("provider.example:port", "https://provider.example"),
    ("*.*", "https://provider.example"),
    ("http://provider.example", "https://provider.example"),
    ("https://provider.example:8443", "https://provider.example"),
    ("://", "https://provider.example"),
    ("\u2488.example", "https://provider.example"),
]


def parts(url: str) -> tuple[str, str, int]:
    scheme, _, rest = url.partition("://")
    host, colon, port = rest.rpartition(":")
    if not colon or rest.endswith("]"):
        return scheme, rest, {"http": 80, "https": 443}[scheme]
    return scheme, host, int(port)


@pytest.mark.parametrize(("no_proxy", "url"), SPARED)
def test_host_named_by_no_proxy_is_reached_directly(no_proxy, url):
    assert Proxies({"all": PROXY, "no": no_proxy}).proxy(*parts(url)) is None


@pytest.mark.parametrize(("no_proxy", "url"), PROXIED)
def test_other_hosts_are_reached_through_the_proxy(no_proxy, url):
    assert Proxies({"all": PROXY, "no": no_proxy}).proxy(*parts(url)) == PROXY


def test_proxy_of_a_scheme_wins_over_all_proxy(monkeypatch):
    for name, value in {"https_proxy": "tls.example:1", "ALL_PROXY": PROXY, "http_proxy": " "}.items():
        monkeypatch.setenv(name, value)
    for name in ("HTTPS_PROXY", "all_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    proxies = Proxies()
    assert proxies.proxy("https", "provider.example", 443) == "http://tls.example:1"
    assert proxies.proxy("http", "provider.example", 80) == PROXY
