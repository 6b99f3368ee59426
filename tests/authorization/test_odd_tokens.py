"""Tokens and key sets that are not what they should be: each is a refusal, counted, and never a failure of the gateway."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from door import Door, opened
from issuer import AUDIENCE, ISSUER, Issuer, _in
from scene import scene as running

from gateway.app import create_app
from gateway.config import parse
from providers.errors import ConfigurationError
from providers.sandbox.certificate_authority import CertificateAuthority

ME = "{ viewer { subject } }"
DEEP = b"[" * 100_000


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(issuer: Issuer, header: bytes, claims: bytes, by: str = "one") -> str:
    """A token of which every byte is chosen, and whose signature is its key's."""
    body = f"{part(header)}.{part(claims)}"
    algorithm = jwt.get_algorithm_by_name(issuer.keys[by][0])
    return f"{body}.{part(algorithm.sign(body.encode(), issuer.keys[by][1]))}"


def usual(**claims: Any) -> bytes:
    return json.dumps(
        {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": _in(600), "scope": "sessions:read"} | claims
    ).encode()


HEADER = json.dumps({"alg": "RS256", "kid": "one"}).encode()
ODD: dict[str, Callable[[Issuer], str]] = {
    "of another algorithm than its key": lambda issuer: signed(issuer, b'{"alg": "RS256", "kid": "two"}', usual(), "two"),
    "of another algorithm than its key, the other way round": lambda issuer: signed(
        issuer, b'{"alg": "ES256", "kid": "one"}', usual()
    ),
    "whose algorithm is a list": lambda issuer: signed(issuer, b'{"alg": ["RS256"], "kid": "one"}', usual()),
    "whose algorithm is an object": lambda issuer: signed(issuer, b'{"alg": {}, "kid": "one"}', usual()),
    "whose key name is a list": lambda issuer: signed(issuer, b'{"alg": "RS256", "kid": ["one"]}', usual()),
    "whose key name is a number": lambda issuer: signed(issuer, b'{"alg": "RS256", "kid": 1}', usual()),
    "whose header is a list": lambda issuer: signed(issuer, b"[]", usual()),
    "whose header is deep": lambda issuer: signed(issuer, b"[" * 2_000, usual()),
    "whose header has a deep member": lambda issuer: signed(
        issuer, b'{"alg": "RS256", "kid": "one", "x": ' + b"[" * 2_000 + b"]" * 2_000 + b"}", usual()
    ),
    "whose header is no text": lambda issuer: signed(issuer, b"\xff\xfe{}", usual()),
    "that asks for an extension": lambda issuer: signed(issuer, b'{"alg": "RS256", "kid": "one", "crit": ["exp"]}', usual()),
    "whose payload is detached": lambda issuer: signed(
        issuer, b'{"alg": "RS256", "kid": "one", "b64": false, "crit": ["b64"]}', usual()
    ),
    "whose claims are a list": lambda issuer: signed(issuer, HEADER, b"[]"),
    "whose claims are deep": lambda issuer: signed(issuer, HEADER, b'{"x": ' + b"[" * 2_000 + b"]" * 2_000 + b"}"),
    "whose claims are no text": lambda issuer: signed(issuer, HEADER, b"\xff\xfe{}"),
    "that ends never, in figures": lambda issuer: signed(issuer, HEADER, usual(exp=float("nan"))),
    "that ends at infinity": lambda issuer: signed(issuer, HEADER, usual(exp=float("inf"))),
    "that begins at no time": lambda issuer: signed(issuer, HEADER, usual(nbf=float("nan"))),
    "that ends as a truth": lambda issuer: signed(issuer, HEADER, usual(exp=True)),
    "about half a letter": lambda issuer: signed(issuer, HEADER, usual(sub="\ud83d")),
    "about an empty name": lambda issuer: signed(issuer, HEADER, usual(sub="")),
    "about a number": lambda issuer: signed(issuer, HEADER, usual(sub=7)),
    "of many issuers": lambda issuer: signed(issuer, HEADER, usual(iss=[ISSUER])),
    "for an object": lambda issuer: signed(issuer, HEADER, usual(aud={AUDIENCE: 1})),
    "with no parts": lambda issuer: "x",
    "with empty parts": lambda issuer: "..",
    "with five parts": lambda issuer: issuer.token() + ".a.b",
}
OTHERS: dict[str, Callable[[Issuer], str]] = {
    "an ID token": lambda issuer: issuer.token(scope=None, nonce="n-0S6_WzA2Mj", auth_time=_in(0)),
    "an ID token with a scope": lambda issuer: issuer.token(nonce="n-0S6_WzA2Mj"),
    "an ID token of a code flow": lambda issuer: issuer.token(at_hash="MTIzNDU2Nzg5MDEyMzQ1Ng"),
    "an ID token of a hybrid flow": lambda issuer: issuer.token(c_hash="LDktKdoQak3Pk0cnXxCltA"),
    "an ID token with nothing optional": lambda issuer: issuer.token(scope=None, azp="app"),
    "an ID token of Keycloak": lambda issuer: issuer.token(typ="ID"),
    "a refresh token of Keycloak": lambda issuer: issuer.token(typ="Refresh"),
    "an ID token of Cognito": lambda issuer: issuer.token(token_use="id"),
    "a logout token": lambda issuer: issuer.token(header={"typ": "logout+jwt"}),
    "a logout token without a type": lambda issuer: issuer.token(
        events={"http://schemas.openid.net/event/backchannel-logout": {}}
    ),
    "a security event": lambda issuer: issuer.token(header={"typ": "secevent+jwt"}),
    "a proof of possession": lambda issuer: issuer.token(header={"typ": "dpop+jwt"}),
    "an assertion of a client": lambda issuer: issuer.token(header={"typ": "client-authentication+jwt"}),
    "of a type that is a list": lambda issuer: issuer.token(header={"typ": ["at+jwt"]}),
}


@pytest.mark.parametrize("tokens", [ODD, OTHERS], ids=["odd", "of another kind"])
async def test_refuses_token_whatever_it_holds(
    door: Door, tokens: dict[str, Callable[[Issuer], str]], caplog: pytest.LogCaptureFixture
) -> None:
    statuses = {}
    for what, made in tokens.items():
        door.scene.clock.ahead += 5
        headers = {"authorization": f"Bearer {made(door.issuer)}"}
        statuses[what] = (await door.scene.client.post("/graphql", json={"query": ME}, headers=headers)).status_code
    assert statuses == dict.fromkeys(tokens, 401)
    assert "Traceback" not in caplog.text
    assert "unexpected failure" not in caplog.text


async def test_throttles_address_whose_tokens_make_library_fail(tmp_path: Path, authority: CertificateAuthority) -> None:
    rates = {"failures_per_second": 0.01, "failures_burst": 3}
    async with opened(tmp_path, authority, rates=rates) as door:
        statuses = []
        for number in range(5):
            header = json.dumps({"alg": "RS256", "kid": [number]}).encode()
            headers = {"authorization": f"Bearer {signed(door.issuer, header, usual())}"}
            statuses.append((await door.scene.client.post("/graphql", json={"query": ME}, headers=headers)).status_code)
        assert statuses == [401, 401, 401, 429, 429]


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", None])
async def test_accepts_access_token_of_every_usual_type(door: Door, typ: str | None) -> None:
    assert "data" in await door.ask(door.issuer.token(header={"typ": typ}), ME)


async def test_accepts_only_typed_access_tokens_where_type_is_required(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with Issuer().serving() as issuer:
        table = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": issuer.address, "typ": "at+jwt"}
        async with running(tmp_path, authority, {"authentication": table}) as scene:
            statuses = []
            for typ in ("at+jwt", "JWT", None):
                headers = {"authorization": f"Bearer {issuer.token(header={'typ': typ})}"}
                statuses.append((await scene.client.post("/graphql", json={"query": ME}, headers=headers)).status_code)
            assert statuses == [200, 401, 401]


# key sets


def listed(*keys: Any) -> bytes:
    return json.dumps({"keys": keys}).encode()


SETS: dict[str, Callable[[Issuer], bytes]] = {
    "a list": lambda issuer: json.dumps(issuer.jwks()).encode(),
    "deep": lambda issuer: DEEP,
    "deep within": lambda issuer: b'{"keys": ' + DEEP,
    "nothing": lambda issuer: b"",
    "null": lambda issuer: b"null",
    "a page": lambda issuer: b"<html>",
    "of no letters": lambda issuer: b"\xff\xfe\x00",
    "without keys": lambda issuer: b'{"keys": []}',
    "of keys that are none": lambda issuer: listed(1, "x", None, [], {}, {"kty": []}),
    "too large": lambda issuer: json.dumps({"keys": issuer.jwks(), "x": "y" * 300_000}).encode(),
    "of too many keys": lambda issuer: listed(*issuer.jwks() * 500),
    "of symmetric keys": lambda issuer: listed({"kty": "oct", "k": "AAAA", "kid": "one", "alg": "HS256"}),
    "of keys to encrypt with": lambda issuer: listed(*(each | {"use": "enc"} for each in issuer.jwks())),
    "of keys for another algorithm": lambda issuer: listed(*(each | {"alg": "RS512"} for each in issuer.jwks())),
    "of a short key": lambda issuer: listed(short()),
    "of a huge key": lambda issuer: listed({"kty": "RSA", "kid": "one", "e": "AQAB", "n": "A" * 3 + "_" * 200_000}),
    "of a point that is on no curve": lambda issuer: listed(
        *(each | {"x": "AAAA", "kid": "one"} for each in issuer.jwks()[1:])
    ),
}


def short() -> dict[str, Any]:
    made = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505 (as it has to be refused)
    return jwt.algorithms.RSAAlgorithm.to_jwk(made, as_dict=True) | {"kid": "one", "alg": "RS256"}


@pytest.mark.parametrize("what", SETS)
async def test_refuses_tokens_while_key_set_is_unusable(door: Door, what: str, caplog: pytest.LogCaptureFixture) -> None:
    door.issuer.document = SETS[what](door.issuer)
    headers = {"authorization": f"Bearer {door.issuer.token()}"}
    reply = await door.scene.client.post("/graphql", json={"query": ME}, headers=headers)
    assert reply.status_code == 401
    assert "Traceback" not in caplog.text
    door.issuer.document = None
    door.scene.clock.ahead += 15
    reply = await door.scene.client.post("/graphql", json={"query": ME}, headers=headers)
    assert reply.status_code == 200, "and is let in once the set is whole"


@pytest.mark.parametrize("what", SETS)
async def test_keeps_last_key_set_when_next_one_is_unusable(door: Door, what: str) -> None:
    assert "data" in await door.ask(door.issuer.token(), ME)
    door.issuer.document = SETS[what](door.issuer)
    door.scene.clock.ahead += 700
    assert "data" in await door.ask(door.issuer.token(sub="grace", exp=_in(2_000)), ME)


async def test_uses_good_keys_of_set_beside_bad_ones(door: Door) -> None:
    odd = [1, None, {"kty": "RSA"}, {"kty": "EC", "crv": "P-521", "kid": "x"}, {"kty": ["RSA"], "kid": "one"}, short()]
    door.issuer.document = listed(*odd, *door.issuer.jwks())
    for by in ("one", "two"):
        assert "data" in await door.ask(door.issuer.token(by), ME)


# the key in a file


def pem(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def opening(path: Path, **more: Any) -> None:
    """What ``serve`` does before it listens."""
    create_app(parse({"authentication": {"issuer": ISSUER, "audience": AUDIENCE, "public_key": str(path)} | more}, {}))


@pytest.mark.parametrize(("name", "other"), [("one", "two"), ("two", "one")])
async def test_refuses_token_of_other_algorithm_than_key_of_file(
    tmp_path: Path, authority: CertificateAuthority, name: str, other: str
) -> None:
    issuer = Issuer()
    (tmp_path / "key.pem").write_bytes(issuer.public(name))
    table = {"issuer": ISSUER, "audience": AUDIENCE, "public_key": str(tmp_path / "key.pem")}
    async with running(tmp_path, authority, {"authentication": table}) as scene:
        statuses = []
        header = json.dumps({"alg": issuer.keys[other][0]}).encode()
        for token in (issuer.token(name), issuer.token(other), signed(issuer, header, usual(), name)):
            headers = {"authorization": f"Bearer {token}"}
            statuses.append((await scene.client.post("/graphql", json={"query": ME}, headers=headers)).status_code)
        assert statuses == [200, 401, 401]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no key",
        pem(ed25519.Ed25519PrivateKey.generate().public_key()),
        pem(ec.generate_private_key(ec.SECP384R1()).public_key()),
        pem(rsa.generate_private_key(65537, 1024).public_key()),  # noqa: S505 (as it has to be refused)
    ],
    ids=["empty", "text", "Ed25519", "P-384", "RSA of 1024 bits"],
)
def test_configuration_names_key_file_that_no_token_can_be_checked_with(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"authentication\.public_key: .* holds no public key of RSA"):
        opening(tmp_path / "key.pem")


def test_configuration_names_key_of_algorithm_that_is_not_allowed(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(Issuer().public("two"))
    with pytest.raises(ConfigurationError, match=r"authentication\.algorithms: ES256 is missing"):
        opening(tmp_path / "key.pem", algorithms=["RS256"])
