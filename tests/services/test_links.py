"""Download links: whoever holds one reads from it until it ends, and nobody makes one."""

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
def test_a_link_leads_to_what_it_was_made_for(
    kind: Literal["document", "signature"], provider: str, session: str, key: str
) -> None:
    link = links().make(kind, provider, session, key, HOUR)
    target = links().open(link.url.removeprefix("https://sign.example.com/documents/"))
    assert target == Target(kind, provider, session, key, int(link.expires_at.timestamp()))


@given(lasting=st.timedeltas(timedelta(seconds=1), timedelta(days=1)), passed=st.floats(0, 90_000))
def test_a_link_lasts_as_long_as_was_asked_and_less_than_a_second_more(lasting: timedelta, passed: float) -> None:
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
def test_a_link_lasts_between_a_second_and_a_day(lasting: timedelta) -> None:
    with pytest.raises(Invalid) as caught:
        links().make("document", "acme", "s1", "d1", lasting)
    assert caught.value.path == ("expiresIn",)


@given(
    place=st.integers(0, 10**6),
    letter=st.sampled_from(ALPHABET) | st.characters(exclude_categories=["Cs"]),
    how=st.sampled_from("rdi"),
)
def test_any_other_token_leads_nowhere(place: int, letter: str, how: str) -> None:
    text = token(links())
    place %= len(text)
    mutated = text[:place] + (letter if how in "ri" else "") + text[place + (how in "rd") :]
    assume(mutated != text)
    with pytest.raises(NotFound):
        links().open(mutated)


@pytest.mark.parametrize("letter", ALPHABET)
def test_there_is_one_way_only_to_write_a_token(letter: str) -> None:
    for key in ("d", "d1", "d12"):  # of which two leave bits of the last letter unused
        text = token(links(), key)
        if letter != text[-1]:
            with pytest.raises(NotFound):
                links().open(text[:-1] + letter)
    for more in ("=", "==", "\n", " ", letter):
        with pytest.raises(NotFound):
            links().open(token(links()) + more)


@given(text=st.text() | st.text(ALPHABET, max_size=120))
def test_garbage_leads_nowhere(text: str) -> None:
    with pytest.raises(NotFound):
        links().open(text)


@given(seed=st.binary(max_size=8))
def test_another_secret_refuses_it(seed: bytes) -> None:
    with pytest.raises(NotFound):
        links(secret=SecretStr(sha512(b"another" + seed).hexdigest()[:64])).open(token(links()))


def test_without_a_secret_every_gateway_has_its_own() -> None:
    mine, yours = links(secret=None), links(secret=None)
    assert mine.open(token(mine)).key == "d1"
    with pytest.raises(NotFound):
        yours.open(token(mine))


def test_the_same_secret_holds_after_a_restart() -> None:
    assert links().open(token(links())).until == int(datetime(2026, 3, 4, 6, 6, 8, tzinfo=UTC).timestamp())
