"""Webhook authenticity: HMAC by one of the secrets, over the raw body, within the replay window."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from providers.signicat.settings import SignicatWebhook
from providers.webhook import Scheme, WebhookSettings, sign

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SCHEMES = get_args(Scheme)
SIGNED = [scheme for scheme in SCHEMES if scheme != "secret"]
letters = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)
bodies = st.binary(max_size=200)


def settings(*secrets: str, scheme: Scheme = "hmac-sha256-hex", **changes: object) -> WebhookSettings:
    return WebhookSettings(scheme=scheme, secrets=[SecretStr(each) for each in secrets], **changes)


def proof(secret: str, body: bytes, scheme: Scheme) -> str:
    """What the community's receivers expect, written without our help."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256)
    return {
        "hmac-sha256-hex": digest.hexdigest(),
        "hmac-sha256-base64": base64.b64encode(digest.digest()).decode(),
        "secret": secret,
    }[scheme]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(secret=letters, body=bodies)
def test_hmac_of_secret_is_authentic_in_every_encoding(scheme: Scheme, secret: str, body: bytes) -> None:
    webhook, value = settings(secret, scheme=scheme), proof(secret, body, scheme)
    assert sign(scheme, SecretStr(secret), body) == value
    prefix = "Bearer " if scheme == "secret" else "sha256="
    for header in ("X-Signature", "x-signature", "X-SIGNATURE"):
        for dressed in (value, prefix + value, prefix.upper() + value, f" {value} "):
            assert webhook.is_authentic([("other", "1"), (header, dressed)], body)
    if scheme == "hmac-sha256-hex":
        assert webhook.is_authentic([("x-signature", value.upper())], body)


@pytest.mark.parametrize("scheme", SIGNED)
@given(secret=letters, body=st.binary(min_size=1, max_size=200), data=st.data())
def test_changed_byte_of_body_is_not_authentic(scheme: Scheme, secret: str, body: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(body) - 1))
    other = body[:place] + bytes([body[place] ^ data.draw(st.integers(1, 255))]) + body[place + 1 :]
    webhook, header = settings(secret, scheme=scheme), [("X-Signature", proof(secret, body, scheme))]
    for changed in (other, body[:place], body + b"\n", body + body):
        if changed != body:
            assert not webhook.is_authentic(header, changed)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(secret=letters, body=bodies, data=st.data())
def test_changed_character_of_hmac_is_not_authentic(scheme: Scheme, secret: str, body: bytes, data: st.DataObject) -> None:
    webhook, value = settings(secret, scheme=scheme), proof(secret, body, scheme)
    place = data.draw(st.integers(0, len(value) - 1))
    letter = data.draw(
        st.characters(min_codepoint=33, max_codepoint=255).filter(lambda each: each.lower() != value[place].lower())
    )
    for changed in (value[:place] + letter + value[place + 1 :], value[:place], value + letter):
        assert not webhook.is_authentic([("X-Signature", changed)], body)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("headers", [[], [("X-Signature", "")], [("X-Signature", "Bearer ")], [("X-Signature", "sha256=")]])
def test_missing_or_empty_hmac_is_not_authentic(scheme: Scheme, headers: list[tuple[str, str]]) -> None:
    assert not settings("some secret", scheme=scheme).is_authentic(headers, b"body")
    assert not settings(scheme=scheme).is_authentic(headers, b"body")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_hmac_in_other_or_repeated_header_is_not_authentic(scheme: Scheme) -> None:
    webhook, value = settings("some secret", scheme=scheme), proof("some secret", b"body", scheme)
    assert not webhook.is_authentic([("X-Other", value)], b"body")
    assert not webhook.is_authentic([("X-Signature", value), ("X-Signature", "0")], b"body")


@pytest.mark.parametrize("scheme", SCHEMES)
@given(present=letters, following=letters, other=letters, body=bodies)
def test_two_secrets_are_valid_during_rotation(scheme: Scheme, present: str, following: str, other: str, body: bytes) -> None:
    webhook = settings(present, following, scheme=scheme)
    for secret in (present, following):
        assert webhook.is_authentic([("X-Signature", proof(secret, body, scheme))], body)
    if other not in {present, following} and not other.lower().startswith("bearer"):
        assert not webhook.is_authentic([("X-Signature", proof(other, body, scheme))], body)
        assert not settings(following, scheme=scheme).is_authentic([("X-Signature", proof(other, body, scheme))], body)


@pytest.mark.parametrize("scheme", SIGNED)
def test_secret_itself_is_not_authentic(scheme: Scheme) -> None:
    assert not settings("some secret", scheme=scheme).is_authentic([("X-Signature", "some secret")], b"body")


@given(window=st.integers(1, 86_400), seconds=st.floats(-200_000, 200_000))
def test_replay_window_bounds_past_and_future(window: int, seconds: float) -> None:
    timestamp = NOW + timedelta(seconds=seconds)
    assert settings(window=window).is_within_replay_window(timestamp, NOW) == (
        abs(timestamp - NOW) <= timedelta(seconds=window)
    )


def test_delivery_without_timestamp_is_outside_replay_window() -> None:
    assert not settings().is_within_replay_window(None, NOW)


def test_signicat_uses_its_documented_header_and_shows_no_secret() -> None:
    webhook = SignicatWebhook(secrets="first-secret,second-secret")
    assert webhook.header == "X-Signicat-Signature"
    assert [secret.get_secret_value() for secret in webhook.secrets] == ["first-secret", "second-secret"]
    assert "-secret" not in f"{webhook!r} {webhook} {webhook.model_dump_json()}"
