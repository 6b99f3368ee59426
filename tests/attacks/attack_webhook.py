"""Attacks on the door for what providers send: forgeries, repetitions, and too much of it."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from attack import Reply, Target, attack, unless
from pydantic import SecretStr

from providers.webhook import sign

_HEADER = "X-Signicat-Signature"


def _event(age: timedelta = timedelta()) -> bytes:
    at = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    told = {"id": str(uuid4()), "timestamp": at, "sender": "sign", "eventName": "x", "eventData": {"id": "nobody-knows"}}
    return json.dumps(told | {"accountId": "a", "organizationId": None, "expiresAt": at, "tags": []}).encode()


def _proof(target: Target, body: bytes) -> str:
    return sign("hmac-sha256-hex", SecretStr(target.secret), body)


async def _deliver(target: Target, body: bytes, proof: str | None = None, **headers: str) -> Reply:
    """A delivery; a genuine one unless another proof is given."""
    given = {_HEADER: _proof(target, body) if proof is None else proof}
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return await target.ask("POST", "/webhooks/signicat", body, given | more)


async def _kept(target: Target) -> int:
    reply = await target.graphql("{webhookDeliveries(first:100){nodes{id}}}")
    return len(reply.json["data"]["webhookDeliveries"]["nodes"])


@attack()
async def a_delivery_that_is_too_large(target: Target) -> None:
    unless((await _deliver(target, b'"' + b"x" * 200_000 + b'"')).status == 413, "a large delivery is kept")


@attack()
async def a_delivery_without_a_proof(target: Target) -> None:
    unless((await _deliver(target, _event(), "")).status == 401, "a delivery without a proof is believed")


@attack()
async def a_delivery_with_the_proof_of_another(target: Target) -> None:
    proof = _proof(target, _event())
    unless((await _deliver(target, _event(), proof)).status == 401, "a proof holds for another body")


@attack()
async def a_delivery_proven_with_another_key(target: Target) -> None:
    body = _event()
    for key in ("", "secret", target.secret.upper()):
        proof = sign("hmac-sha256-hex", SecretStr(key), body)
        unless((await _deliver(target, body, proof)).status == 401, "another key proves a delivery")


@attack()
async def a_delivery_whose_proof_is_half(target: Target) -> None:
    body = _event()
    whole = _proof(target, body)
    for proof in (whole[:32], whole[:-1], whole + "0", "sha256=", "sha1=" + whole, "0" * 64):
        unless((await _deliver(target, body, proof)).status == 401, "a part of a proof proves a delivery")


@attack()
async def a_delivery_with_two_proofs(target: Target) -> None:
    body = _event()
    async with target.line() as line:
        await line.say(
            f"POST /webhooks/signicat HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{_HEADER}: {'0' * 64}\r\n"
            f"{_HEADER.lower()}: {_proof(target, body)}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        unless((await line.reply()).status == 401, "one proof of two proves a delivery")


@attack()
async def a_delivery_with_its_proof_elsewhere(target: Target) -> None:
    body = _event()
    for header in ("X_Signicat_Signature", "X-Signature", "Authorization"):
        reply = await target.ask("POST", "/webhooks/signicat", body, {header: _proof(target, body)})
        unless(reply.status == 401, f"a proof in {header} proves a delivery")


@attack()
async def a_delivery_of_last_week(target: Target) -> None:
    reply = await _deliver(target, _event(timedelta(days=7)))
    unless(reply.status in {400, 401} or b"IGNORED" in reply.body, "an old delivery is believed")


@attack()
async def a_delivery_of_tomorrow(target: Target) -> None:
    reply = await _deliver(target, _event(timedelta(days=-1)))
    unless(reply.status in {400, 401} or b"IGNORED" in reply.body, "a delivery of tomorrow is believed")


@attack()
async def a_delivery_sent_twice(target: Target) -> None:
    body = _event()
    first, second = await _deliver(target, body), await _deliver(target, body)
    unless((first.status, second.status) == (202, 200), "a delivery is carried out twice")


@attack()
async def a_delivery_that_is_deep(target: Target) -> None:
    unless((await _deliver(target, b"[" * 5_000)).status == 400, "a deep delivery breaks it")


@attack()
async def a_delivery_that_is_no_text(target: Target) -> None:
    unless((await _deliver(target, b"\xff\xfe{}")).status == 400, "bytes that are no UTF-8 break it")


@attack()
async def a_delivery_that_unpacks_to_a_thousand_times_its_size(target: Target) -> None:
    bomb = gzip.compress(b'"' + b"x" * 5_000_000 + b'"')
    unless((await _deliver(target, bomb, content_encoding="gzip")).status == 400, "a delivery is unpacked")


@attack()
async def a_flood_of_deliveries_that_nobody_has_sent(target: Target) -> None:
    for number in range(40):
        await _deliver(target, b"%d" % number, "0" * 64)
    unless(await _kept(target) < 40, "forgeries fill the disk")


@attack()
async def a_delivery_of_nobody(target: Target) -> None:
    for name in ("nobody", "seal", "..%2f..%2fetc", "%00", "signicat%20"):
        body = _event()
        reply = await target.ask("POST", f"/webhooks/{name}", body, {_HEADER: _proof(target, body)})
        unless(400 <= reply.status < 500, f"{name} is taken for a provider")
