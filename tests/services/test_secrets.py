"""Secret strength: a guessable secret is refused by ``check`` and ``serve``, with the way to make a good one."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.config import parse
from providers.errors import ConfigurationError

RANDOM = secrets.token_urlsafe(16)
WEAK = {
    "empty": "",
    "a blank": " ",
    "a placeholder": "changeme",
    "one letter": "x" * 64,
    "two letters": "ab" * 32,
    "a placeholder, repeated": "changeme" * 8,
    "digits, repeated": "0123456789abcdef" * 4,
    "an alphabet": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "zeros in base64": b64encode(bytes(48)).decode(),
    "counted in base64": b64encode(bytes(range(48))).decode(),
    "a phrase": "correct horse battery staple, and some more words so that it is long",
    "a phrase without blanks": "correct-horse-battery-staple-and-some-more-words-so-that-it-is-long",
    "a name with figures": "countersign-production-8f2c41d09be377a65510-2026-11-28",
    "16 bytes in hexadecimal": secrets.token_hex(16),
    "24 bytes in base64": b64encode(secrets.token_bytes(24)).decode(),
    "16 bytes, twice": RANDOM * 2,
    "31 bytes in base64": b64encode(secrets.token_bytes(31)).decode(),
    "a placeholder in base64": b64encode(b"changeme-please-before-production").decode(),
    "a phrase in base64": b64encode(b"correct horse battery staple 123").decode(),
    "16 bytes in hexadecimal in base64": b64encode(secrets.token_hex(16).encode()).decode(),
    "a placeholder in figures": "Ch4ngeMe-S3cr3t-P4ssw0rd-0123456789xyzABCDEFGHI",
    "the keys of a keyboard": "qwertyuiopasdfghjklzxcvbnmQWERTYUIOPASDFGHJKLZ",
    "a phrase in capitals and small letters": "LoremIpsumDolorSitAmetConsecteturAdipiscingElit",
    "what is to be done": "TODO-replace-this-with-a-real-value-before-prod-x",
    "words in hexadecimal": "deadbeefcafebabefeedfacebaadf00d0123456789abcdef0badc0dedefec8ed",
    "counted in hexadecimal": bytes(range(1, 33)).hex(),
    "the digits of a circle": "3141592653589793238462643383279502884197169399375105820974944592",
    "the hash of a placeholder": sha256(b"changeme").hexdigest(),
    "the hash of nothing in base64": b64encode(sha256(b"").digest()).decode(),
    "padding in its midst": "JTYtswf7m9qkWaxAjOVufc=rPljllZ8fHqoyY6gAoB4kX",
}


@pytest.mark.parametrize("what", WEAK)
def test_refuses_weak_secret_and_says_how_to_make_one(what: str) -> None:
    with pytest.raises(ConfigurationError, match=r"server\.secret: is .*openssl rand -base64 32") as refusal:
        parse({"server": {"secret": WEAK[what]}}, {})
    assert len(WEAK[what]) < 2 or WEAK[what] not in str(refusal.value)


@pytest.mark.servers
@pytest.mark.parametrize(("command", "secret"), [("check", ""), ("serve", ""), ("serve", "changeme")])
async def test_command_refuses_weak_secret_before_listening(tmp_path: Path, command: str, secret: str) -> None:
    status, told = await run(tmp_path, command, secret)
    assert status != 0
    assert "server.secret" in told
    assert "openssl rand -base64 32" in told
    assert "Traceback" not in told


@pytest.mark.servers
async def test_secret_of_environment_is_checked_as_that_of_file(tmp_path: Path) -> None:
    (tmp_path / "countersign.toml").write_text("")
    status, told = await run(tmp_path, "check", None, COUNTERSIGN_SERVER_SECRET="changeme")
    assert (status != 0, "server.secret" in told) == (True, True)


@pytest.mark.parametrize(
    "made",
    [lambda: secrets.token_hex(32), lambda: secrets.token_urlsafe(32), lambda: b64encode(secrets.token_bytes(32)).decode()],
    ids=["hexadecimal", "base64url", "base64"],
)
def test_accepts_every_32_random_bytes(made) -> None:  # type: ignore[no-untyped-def]
    for _ in range(500):
        parse({"server": {"secret": made()}}, {})


@pytest.mark.parametrize(
    "secret",
    [
        "changeme",
        "change-me-please"[:9],
        "aaaaaaaaaaaa",
        "password1",
        "12345678",
        "testtest",
        "secretsecret",
        "whsec_changeme",
        "hunter2hunter2",
    ],
)
def test_refuses_guessable_secret_of_webhook(secret: str) -> None:
    row = {
        "name": "signicat",
        "kind": "signicat",
        "base_url": "https://signicat.example",
        "client_id": "us",
        "client_secret": "theirs",
        "account_id": "a",
        "webhook": {"secrets": [secret]},
    }
    with pytest.raises(ConfigurationError, match=r"webhook\.secrets: has a secret that anybody would try"):
        parse({"providers": [row]}, {})


@pytest.mark.parametrize("names", [("robot", "robot"), ("robot", "Robot"), ("robot", "robot "), ("caf\u00e9", "cafe\u0301")])
def test_refuses_two_keys_of_one_name(names: tuple[str, str]) -> None:
    keys = [{"name": name, "sha256": f"{place}" * 64, "scopes": []} for place, name in enumerate(names)]
    with pytest.raises(ConfigurationError, match=r"authentication\.keys: give the name of .* twice"):
        parse({"authentication": {"keys": keys}}, {})


def test_refuses_two_names_of_one_key() -> None:
    keys = [{"name": name, "sha256": "0" * 64, "scopes": []} for name in ("reader", "writer")]
    with pytest.raises(ConfigurationError, match=r"authentication\.keys: give the key of 'writer' twice"):
        parse({"authentication": {"keys": keys}}, {})


async def run(folder: Path, command: str, secret: str | None, **environment: str) -> tuple[int, str]:
    """Runs a command of the gateway with a configuration of this secret; gives its status and what it says."""
    config = folder / "countersign.toml"
    if secret is not None:
        config.write_text(f'[server]\nport = 0\nsecret = "{secret}"\n[database]\nurl = "sqlite:///{folder}/state.db"\n')
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        command,
        "--config",
        str(config),
        env=os.environ | environment,
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(60):
            told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, told.decode()
