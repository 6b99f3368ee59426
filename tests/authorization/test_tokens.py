"""Who is let in: those whose credentials hold, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from door import Door, key
from issuer import ISSUER, Issuer, _in

ME = "{ viewer { id subject scopes providers } }"
FORGERIES: dict[str, Callable[[Issuer], str]] = {
    "unsigned": lambda issuer: issuer.forged({"alg": "none"}),
    "unsigned, in other letters": lambda issuer: issuer.forged({"alg": "nOnE", "kid": "one"}),
    "signed by a secret that is the public key": lambda issuer: issuer.forged(
        {"alg": "HS256", "kid": "one"}, issuer.public("one")
    ),
    "signed by a secret that is nothing": lambda issuer: issuer.forged({"alg": "HS256", "kid": "one"}, b"\0"),
    "of a key of another algorithm": lambda issuer: issuer.token("two", {"kid": "one"}),
    "of a key that nobody knows": lambda issuer: issuer.token("one", {"kid": "three"}),
    "of a key without a name": lambda issuer: issuer.token("one", {"kid": ""}),
    "that never ends": lambda issuer: issuer.token(exp=None),
    "that ends beyond all time": lambda issuer: issuer.token(exp=10**30),
    "that has not begun": lambda issuer: issuer.token(nbf=_in(600)),
    "for somebody else": lambda issuer: issuer.token(aud="another"),
    "for nobody": lambda issuer: issuer.token(aud=None),
    "of another issuer": lambda issuer: issuer.token(iss="https://evil.example/"),
    "of no issuer": lambda issuer: issuer.token(iss=None),
    "about nobody": lambda issuer: issuer.token(sub=None),
    "whose scopes are no text": lambda issuer: issuer.token(scope=["sessions:read"]),
    "whose providers are no list": lambda issuer: issuer.token(providers="easyink"),
    "of another key than its own": lambda issuer: issuer.token("one", {"jwk": {"kty": "oct", "k": "AAAA"}, "kid": "nobody"}),
    "of a path in place of a key": lambda issuer: issuer.token("one", {"kid": "../../dev/null"}),
    "that was changed": lambda issuer: issuer.token()[:-4] + "AAAA",
    "that is very long": lambda issuer: issuer.token(scope="x" * 20_000),
    "that is none": lambda issuer: "a.b.c",
    "that looks like a key": lambda issuer: "csk_guess",
}


async def test_a_token_is_refused(door: Door) -> None:
    for what, made in FORGERIES.items():
        headers = {"authorization": f"Bearer {made(door.issuer)}"}
        reply = await door.scene.client.post("/graphql", json={"query": ME}, headers=headers)
        assert reply.status_code == 401, what
        assert reply.headers["www-authenticate"] == "Bearer"
        assert [each["extensions"]["code"] for each in reply.json()["errors"]] == ["UNAUTHENTICATED"], what
        assert "data" not in reply.json(), what


async def test_expired_credentials_have_another_code_than_forged_ones(door: Door) -> None:
    headers = {"authorization": f"Bearer {door.issuer.token(exp=_in(-60))}"}
    asked = await door.scene.client.post("/graphql", json={"query": ME}, headers=headers)
    staged = await door.scene.client.put("/uploads", content=b"%PDF-", headers=headers)
    assert (asked.status_code, staged.status_code) == (401, 401)
    assert asked.json()["errors"][0]["extensions"]["code"] == "CREDENTIALS_EXPIRED"
    assert staged.json()["problem"]["code"] == "CREDENTIALS_EXPIRED"
    forged = door.issuer.token(exp=_in(-60), aud="another")
    assert (await door.answer(forged, ME))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_without_credentials_nothing_is_told(door: Door) -> None:
    del door.scene.client.headers["authorization"]
    for header in (None, "", "Bearer", "Basic YTpi", "bearer", "Token csk_everything"):
        headers = {} if header is None else {"authorization": header}
        reply = await door.scene.client.post("/graphql", json={"query": ME}, headers=headers)
        assert reply.status_code == 401, header
        reply = await door.scene.client.put("/uploads", content=b"%PDF-\nstartxref\n0\n%%EOF", headers=headers)
        assert (reply.status_code, reply.json()["problem"]["code"]) == (401, "UNAUTHENTICATED"), header
        assert (await door.scene.client.get("/healthz", headers=headers)).status_code == 200, header


async def test_credentials_in_an_address_are_not_looked_at(door: Door) -> None:
    del door.scene.client.headers["authorization"]
    reply = await door.scene.client.get(
        "/graphql", params={"query": ME, "access_token": key("everything"), "token": key("everything")}
    )
    assert reply.status_code == 401


@pytest.mark.parametrize("by", ["one", "two"])
async def test_a_token_says_who_somebody_is_and_what_they_may_do(door: Door, by: str) -> None:
    token = door.issuer.token(by, scope="sessions:read something:else", scp=["native:read"], providers=["easyink", "nowhere"])
    for _ in range(2):
        answer = await door.ask(token, ME)
        assert answer["data"]["viewer"]["subject"] == "ada"
        assert answer["data"]["viewer"]["scopes"] == ["native:read", "sessions:read"]
        assert answer["data"]["viewer"]["providers"] == ["easyink"]


async def test_who_asks_what_another_has_asked_is_answered_as_who_they_are(door: Door) -> None:
    ada, bob = (door.issuer.token(sub=name) for name in ("ada", "bob"))
    for _ in range(3):
        assert [(await door.ask(each, ME))["data"]["viewer"]["subject"] for each in (ada, bob)] == ["ada", "bob"]
        assert (await door.ask("nothing", "{ sessions { totalCount } }"))["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert "errors" not in await door.ask("everything", "{ sessions { totalCount } }")


async def test_a_token_ends_while_it_is_remembered(door: Door) -> None:
    token = door.issuer.token()
    assert "data" in await door.ask(token, ME)
    door.scene.clock.ahead += 660
    assert (await door.ask(token, ME))["errors"][0]["extensions"]["code"] == "CREDENTIALS_EXPIRED"


async def test_a_key_ends(door: Door) -> None:
    assert "data" in await door.ask("soon over", ME)
    door.scene.clock.ahead += 10 * 365 * 86_400
    assert (await door.ask("soon over", ME))["errors"][0]["extensions"]["code"] == "CREDENTIALS_EXPIRED"


async def test_keys_that_change_are_fetched_once_however_many_ask(door: Door) -> None:
    await door.ask(door.issuer.token(), ME)
    assert door.issuer.asked == 1
    door.issuer.keys.clear()
    door.issuer.add("three", "ES256")
    door.scene.clock.ahead += 15
    tokens = [door.issuer.token("three", sub=f"ada-{number}") for number in range(20)]
    answers = await asyncio.gather(*(door.ask(token, ME) for token in tokens))
    assert [each["data"]["viewer"]["subject"] for each in answers] == [f"ada-{number}" for number in range(20)]
    assert door.issuer.asked == 2
    await asyncio.gather(*(door.ask(door.issuer.token("three", {"kid": f"no-{number}"}), ME) for number in range(20)))
    assert door.issuer.asked == 2, "whoever makes names up does not make us ask"


async def test_keys_outlast_the_host_that_tells_them(door: Door) -> None:
    await door.ask(door.issuer.token(), ME)
    door.issuer.down = True
    door.scene.clock.ahead += 3_600
    assert "data" in await door.ask(door.issuer.token(exp=_in(7_200)), ME)
    assert door.issuer.asked == 2


async def test_one_who_waits_for_keys_does_not_hold_up_those_whose_key_is_here(door: Door) -> None:
    await door.ask(door.issuer.token(), ME)
    door.scene.clock.ahead += 700
    door.issuer.slow = asyncio.Event()
    first = asyncio.create_task(door.ask(door.issuer.token(sub="first", exp=_in(2_000)), ME))
    await door.issuer.reached.wait()
    async with asyncio.timeout(2):
        assert "data" in await door.ask(door.issuer.token(sub="second", exp=_in(2_000)), ME)
    door.issuer.slow.set()
    assert "data" in await first


async def test_nothing_of_credentials_shows(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    token = door.issuer.token()
    for credentials in (token, token[:-3] + "AAA", key("everything"), "csk_guess"):
        await door.answer(credentials, ME)
    told = caplog.text + "".join(door.scene.answers) + repr(door.scene.settings)
    for secret in (token, token.rsplit(".", 1)[0], key("everything"), "csk_guess"):
        assert secret not in told
    assert ISSUER in repr(door.scene.settings)
