"""Signed download links: valid for their holder until they expire, and not to be forged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha512
from typing import Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import SecretStr
from stage import START, Hands

from gateway.config import ServerSettings
from gateway.web.links import Links, Target
from providers.errors import Invalid, NotFound

KEPT = SecretStr("0HbTwPm0kx-qAWYFn9ePr1xPNqagSKWGCWFEXIksfss")
HOUR = timedelta(hours=1)
texts = st.text(st.characters(exclude_categories=["Cs"]))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def links(clock: Hands | None = None, secret: SecretStr | None = KEPT) -> Links:
    return Links(ServerSettings(public_url="https://sign.example.com/", secret=secret), clock or Hands())


def token(of: Links, key: str = "d1") -> str:
    return of.make("document", "acme", "s1", key, HOUR).url.rpartition("/")[2]


@given(kind=st.sampled_from(["document", "signature"]), provider=texts, session=texts, key=texts)
def test_link_opens_its_target(kind: Literal["document", "signature"], provider: str, session: str, key: str) -> None:
    link = links().make(kind, provider, session, key, HOUR)
    target = links().open(link.url.removeprefix("https://sign.example.com/documents/"))
    assert target == Target(kind, provider, session, key, int(link.expires_at.timestamp()))


@given(lasting=st.timedeltas(timedelta(seconds=1), timedelta(days=1)), passed=st.floats(0, 90_000))
def test_link_expires_within_a_second_after_its_ttl(lasting: timedelta, passed: float) -> None:
    clock = Hands()
    mine = links(clock)
    link = mine.make("document", "acme", "s1", "d1", lasting)
    assert START + lasting <= link.expires_at < START + lasting + timedelta(seconds=1)
    assert link.expires_at.tzinfo is UTC
    clock.pass_(seconds=passed)
    text = link.url.rpartition("/")[2]
    if clock.now() < link.expires_at:
        assert mine.open(text).key == "d1"
    else:
        with pytest.raises(NotFound, match="ended"):
            mine.open(text)


@pytest.mark.parametrize(
    "lasting", [timedelta(0), timedelta(seconds=-1), timedelta(milliseconds=999), timedelta(days=1, microseconds=1)]
)
def test_ttl_of_link_is_bounded(lasting: timedelta) -> None:
    with pytest.raises(Invalid) as caught:
        links().make("document", "acme", "s1", "d1", lasting)
    assert caught.value.path == ("expiresIn",)


@given(
    place=st.integers(0, 10**6),
    letter=st.sampled_from(ALPHABET) | st.characters(exclude_categories=["Cs"]),
    how=st.sampled_from("rdi"),
)
def test_changed_token_is_refused(place: int, letter: str, how: str) -> None:
    text = token(links())
    place %= len(text)
    mutated = text[:place] + (letter if how in "ri" else "") + text[place + (how in "rd") :]
    assume(mutated != text)
    with pytest.raises(NotFound):
        links().open(mutated)


@pytest.mark.parametrize("letter", ALPHABET)
def test_token_has_one_encoding_only(letter: str) -> None:
    for key in ("d", "d1", "d12"):  # of which two leave bits of the last letter unused
        text = token(links(), key)
        if letter != text[-1]:
            with pytest.raises(NotFound):
                links().open(text[:-1] + letter)
    for more in ("=", "==", "\n", " ", letter):
        with pytest.raises(NotFound):
            links().open(token(links()) + more)


@given(text=st.text() | st.text(ALPHABET, max_size=120))
def test_malformed_token_is_refused(text: str) -> None:
    with pytest.raises(NotFound):
        links().open(text)


@given(seed=st.binary(max_size=8))
def test_token_of_other_secret_is_refused(seed: bytes) -> None:
    with pytest.raises(NotFound):
        links(secret=SecretStr(sha512(b"another" + seed).hexdigest()[:64])).open(token(links()))


def test_without_secret_links_hold_at_one_gateway_only() -> None:
    mine, yours = links(secret=None), links(secret=None)
    assert mine.open(token(mine)).key == "d1"
    with pytest.raises(NotFound):
        yours.open(token(mine))


def test_link_holds_after_restart_with_same_secret() -> None:
    assert links().open(token(links())).until == int(datetime(2026, 3, 4, 6, 6, 8, tzinfo=UTC).timestamp())
