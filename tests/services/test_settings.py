"""Configuration: its values, overrides and error messages, which show no secret."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, SecretStr

from gateway.config import Settings, load, parse
from providers import registry
from providers.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
SECRETS = {
    "SIGNICAT_SECRET": "signicat-53cr3t",
    "SEAL_KEY": "seal-53cr3t",
    "EASYINK_SECRET": "ink-53cr3t",
    "TOKEN": "tok-53cr3t",
}
CONFIGURATION = """
[[providers]]
name = "signicat"
kind = "signicat"
base_url = "https://api.signicat.com/sign"
token_url = "https://api.signicat.com/auth/open/connect/token"
client_id = "sandbox-client"
client_secret = "${SIGNICAT_SECRET}"

[[providers]]
name = "seal"
kind = "seal"
base_url = "https://seal.example.com"
api_key = "${SEAL_KEY}"
process_id = 7

[[providers]]
name = "persist"
kind = "persist"
base_url = "https://signatures.example.com/"

[[providers]]
name = "easy-ink"
kind = "easyink"
base_url = "https://api.easyink.example.com"
identity_url = "https://identity.easyink.example.com"
client_id = "ink-client"
client_secret = "${EASYINK_SECRET}"
redirect_uri = "https://app.example.com/callback"
access_token = "${TOKEN}"

[providers.paths]
create_draft = "/v2/drafts"
"""


def _row(kind: str, **keys: object) -> dict[str, object]:
    rows = {
        "signicat": {"client_id": "client", "client_secret": "signicat-53cr3t"},
        "seal": {"base_url": "https://seal.example.com", "process_id": 7},
        "persist": {"base_url": "https://persist.example.com"},
    }
    return {"name": kind, "kind": kind} | rows[kind] | keys


def _mistakes(table: Mapping[str, Any], environment: Mapping[str, str] = {}) -> dict[str, str]:
    """What is wrong with a table, by the key that is named."""
    with pytest.raises(ConfigurationError) as caught:
        parse(table, environment)
    heading, *lines = str(caught.value).splitlines()
    assert heading == "The configuration cannot be used:"
    pairs = [line.removeprefix("  - ").split(": ", 1) for line in lines]
    assert len(pairs) == len({key for key, _ in pairs})
    return dict(pairs)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "countersign.toml"
    path.write_text(CONFIGURATION, "utf-8")
    return path


# what it takes


def test_provider_secrets_are_read_from_environment(file: Path) -> None:
    settings = load(file, SECRETS)
    assert [(each.name, each.kind) for each in settings.providers] == [
        ("signicat", "signicat"),
        ("seal", "seal"),
        ("persist", "persist"),
        ("easy-ink", "easyink"),
    ]
    for each in settings.providers:
        assert type(each) is registry.load(each.kind).settings
    secrets = {secret.get_secret_value() for each in settings.providers for secret in each.secrets()}
    assert secrets == set(SECRETS.values())
    signicat, seal, persist, ink = settings.providers
    assert signicat.base_url == "https://api.signicat.com/sign"
    assert persist.base_url == "https://signatures.example.com"
    assert getattr(seal, "process_id") == 7  # noqa: B009 (the type is the provider's own)
    assert ink.path("create_draft") == "/v2/drafts"
    assert ink.path("fetch_draft", session="a b") == ink.PATHS["fetch_draft"].format(session="a%20b")


def test_empty_file_configures_no_provider(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text("")
    assert load(tmp_path / "empty.toml", {}) == Settings()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "gateway.example"])  # noqa: S104
def test_listening_beyond_loopback_needs_authentication(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"or listen on 127\.0\.0\.1"):
        parse({"server": {"host": host}}, {})
    key = {"name": "robot", "sha256": "0" * 64, "scopes": ["sessions:read"]}
    assert parse({"server": {"host": host}, "authentication": {"keys": [key]}}, {}).server.host == host


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"jwks_url": "https://issuer.example/keys"}, "lacks issuer or audience"),
        ({"keys": [{"name": "robot", "sha256": "0" * 64, "scopes": ["sessions:own"]}]}, "sessions:own is no scope"),
        ({"keys": [{"name": "robot", "sha256": "secret", "scopes": []}]}, "sha256"),
        ({"public_key": "/nowhere.pem", "issuer": "x", "audience": "y"}, "is not a file"),
    ],
)
def test_incomplete_authentication_is_a_mistake(table: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        parse({"authentication": table}, {})


def test_printed_settings_show_no_secret(file: Path) -> None:
    environment = SECRETS | {
        "COUNTERSIGN_SERVER_SECRET": "WycVaAf3VkWJub-qjLSqyBjP5FLQ0KoorHs7rF2kgmU",
        "COUNTERSIGN_DATABASE_URL": "postgresql://gateway:db-53cr3t@db/countersign",
    }
    settings = load(file, environment)
    assert settings.server.secret == SecretStr("WycVaAf3VkWJub-qjLSqyBjP5FLQ0KoorHs7rF2kgmU")
    for text in (repr(settings), str(settings), settings.model_dump_json(), *map(repr, settings.providers)):
        assert "53cr3t" not in text


def test_environment_variables_are_substituted_at_any_depth(tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    root.touch()
    table = {
        "server": {"port": "${PORT}", "public_url": "https://${HOST}:${PORT}/${NOT-A-VARIABLE}$"},
        "trust": {"roots": ["${HERE}/root.pem"]},
        "providers": [_row("persist", paths={"list_signatures": "/${HOST}"})],
    }
    settings = parse(table, {"PORT": "81", "HOST": "sign.example.com", "HERE": str(tmp_path)})
    assert settings.server.port == 81
    assert settings.server.public_url == "https://sign.example.com:81/${NOT-A-VARIABLE}$"
    assert settings.trust.roots == (root,)
    assert settings.providers[0].path("list_signatures") == "/sign.example.com"


# what overrides it


def _sections() -> Iterator[tuple[str, str, object]]:
    for section, model in Settings():
        if isinstance(model, BaseModel):
            for key, value in model:
                yield section, key, value


@pytest.mark.parametrize(("section", "key", "value"), list(_sections()))
def test_every_key_of_every_section_can_be_overridden(section: str, key: str, value: object, tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    root.touch()
    key_row = {"name": "robot", "sha256": "0" * 64, "scopes": ["sessions:read"]}
    special = {
        "server.host": "::1",
        "server.profile": "production",
        "server.secret": "11d3224237571b1af4ec3a5ab6dcae60235c580e893e7028ba85a62391fed931",
        "limits.cost_mode": "measure",
        "documents.manifest": str(root),
        "documents.mode": "log",
        "authentication.jwks_url": "https://other.example.com/keys",
        "authentication.public_key": str(root),
        "authentication.algorithms": "ES256",
        "authentication.keys": json.dumps([key_row]),
        "server.public_url": "https://other.example.com",
        "database.url": "sqlite:///other.db",
        "trust.roots": f"{root}, {root}",
        "redis.url": "redis://other:6379/7",
        "watch.enabled": "false",
        "connections.shared": "10.0.0.1, 10.0.0.2",
        "server.trusted_proxies": "10.0.0.1, 10.1.0.0/16",
        "cors.origins": "https://one.example, https://two.example",
    }
    given = special.get(f"{section}.{key}", "7" if isinstance(value, int | float) else "other")
    around = {"issuer": "https://issuer.example", "audience": "countersign"} if section == "authentication" else {}
    around |= {"manifest": str(root)} if section == "documents" else {}
    around.pop(key, None)
    settings = parse({section: around}, {f"COUNTERSIGN_{section}_{key}".upper(): given})
    found = getattr(getattr(settings, section), key)
    assert found != value
    if f"{section}.{key}" == "trust.roots":
        assert found == (root, root)
    elif key in {"algorithms", "keys"}:
        assert json.loads(
            json.dumps([each if isinstance(each, str) else each.model_dump(exclude_unset=True) for each in found])
        ) == ([key_row] if key == "keys" else ["ES256"])
    elif key in {"shared", "origins", "trusted_proxies"}:
        assert found == tuple(given.split(", "))
    elif isinstance(found, SecretStr):
        assert found.get_secret_value() == given
    elif isinstance(found, bool):
        assert found is False
    else:
        assert found == type(found)(given)


def _choices(annotation: object) -> list[str]:
    """The words that a key takes, where it takes certain words only."""
    return [word for each in get_args(annotation) for word in ([each] if isinstance(each, str) else _choices(each))]


@pytest.mark.parametrize("kind", registry.NAMES)
def test_every_key_of_a_provider_can_be_overridden(kind: str) -> None:
    record = registry.load(kind)
    name = f"{kind}-no-1"
    row = {"name": name, "kind": kind}
    environment = {}
    for key, field in record.settings.model_fields.items():
        if key in {"name", "kind", "paths", "webhook"}:
            continue
        given = "https://other.example.com" if key.endswith(("url", "uri")) else "other"
        given = "4096" if field.annotation in {int, float} else given
        given = "50" if key in {"timeout", "max_concurrency"} else given
        choices = [each for each in _choices(field.annotation) if each != field.default]
        given = choices[-1] if choices else given
        environment[f"COUNTERSIGN_PROVIDERS_{kind}_NO_1_{key}".upper()] = given
    if kind == "seal":  # which takes one way in only
        del environment["COUNTERSIGN_PROVIDERS_SEAL_NO_1_API_KEY"]
    for path in record.settings.PATHS:
        environment[f"COUNTERSIGN_PROVIDERS_{kind}_NO_1_PATHS_{path}".upper()] = f"/other/{path}"
    (found,) = parse({"providers": [row]}, environment).providers
    for key in record.settings.model_fields:
        given = environment.get(f"COUNTERSIGN_PROVIDERS_{kind}_NO_1_{key}".upper())
        value = getattr(found, key)
        if given is not None:
            assert (value.get_secret_value() if isinstance(value, SecretStr) else str(value).removesuffix(".0")) == given, key
    assert found.paths == {path: f"/other/{path}" for path in record.settings.PATHS}


def test_every_key_of_a_webhook_table_can_be_overridden() -> None:
    environment = {
        "COUNTERSIGN_PROVIDERS_SIGNICAT_WEBHOOK_HEADER": "X-Other",
        "COUNTERSIGN_PROVIDERS_SIGNICAT_WEBHOOK_SCHEME": "secret",
        "COUNTERSIGN_PROVIDERS_SIGNICAT_WEBHOOK_SECRETS": "present-53cr3t, next-53cr3t",
        "COUNTERSIGN_PROVIDERS_SIGNICAT_WEBHOOK_WINDOW": "60",
    }
    row = _row("signicat", webhook={"secrets": ["${NOT_SET}"]})
    (found,) = parse({"providers": [row]}, environment).providers
    webhook = getattr(found, "webhook")  # noqa: B009 (the type is the provider's own)
    assert (webhook.header, webhook.scheme, webhook.window) == ("X-Other", "secret", 60)
    secrets = [secret.get_secret_value() for secret in found.secrets()]
    assert secrets == ["signicat-53cr3t", "present-53cr3t", "next-53cr3t"], "those within are kept out of messages too"
    assert "53cr3t" not in f"{found!r} {found} {found.model_dump_json()}"


@pytest.mark.parametrize(
    ("webhook", "key", "says"),
    [
        ("53cr3t", "webhook", "is no table"),
        ({"secret": "one-53cr3t"}, "webhook.secret", "correct its spelling"),
        ({"header": "X Signature"}, "webhook.header", "is no name of a header"),
        ({"scheme": "md5"}, "webhook.scheme", "hmac-sha256-base64"),
        ({"secrets": ["1-53cr3t", "2-53cr3t", "3-53cr3t"]}, "webhook.secrets", "more than 2"),
        ({"secrets": ["53cr3t"]}, "webhook.secrets", "at least 8 characters"),
        ({"secrets": [""]}, "webhook.secrets", "at least 8 characters"),
        ({"secrets": ["${NOT_SET}"]}, "webhook.secrets[0]", "NOT_SET is not set"),
        ({"window": 0}, "webhook.window", "greater than 0"),
    ],
)
def test_mistake_in_webhook_table_names_its_key(webhook: object, key: str, says: str) -> None:
    found = _mistakes({"providers": [_row("signicat", webhook=webhook)]})
    assert says in found[f"providers[signicat].{key}"]
    assert not any("53cr3t" in text for text in found.values())


@pytest.mark.parametrize("kind", ["persist", "seal"])
def test_provider_without_webhooks_has_no_webhook_table(kind: str) -> None:
    found = _mistakes({"providers": [_row(kind, webhook={"secrets": ["some-53cr3t"]})]})
    assert "is not a key that exists here" in found[f"providers[{kind}].webhook"]


def test_override_is_of_one_provider_and_wins_over_file(file: Path) -> None:
    environment = SECRETS | {
        "COUNTERSIGN_PROVIDERS_EASY_INK_TIMEOUT": "3",
        "COUNTERSIGN_PROVIDERS_PERSIST_BASE_URL": "http://p",
    }
    timeouts = {each.name: each.timeout for each in load(file, environment).providers}
    assert timeouts == {"signicat": 10, "seal": 10, "persist": 10, "easy-ink": 3}
    assert load(file, environment).providers[2].base_url == "http://p"


def test_missing_variable_of_overridden_key_is_no_mistake(file: Path) -> None:
    environment = {name: value for name, value in SECRETS.items() if name != "SIGNICAT_SECRET"}
    environment["COUNTERSIGN_PROVIDERS_SIGNICAT_CLIENT_SECRET"] = "${is-taken-as-it-is}"
    (secret,) = load(file, environment).providers[0].secrets()
    assert secret.get_secret_value() == "${is-taken-as-it-is}"


# what is wrong with it


def test_all_mistakes_are_reported_with_key_and_remedy() -> None:
    table = {
        "sever": {"port": 80},
        "server": {"port": "many", "prot": 8000, "public_url": "ftp://sign.example.com"},
        "database": {"url": "mysql://root:db-53cr3t@host/name"},
        "uploads": {"max_bytes": 0, "folder": "${NOWHERE}/${NEITHER}"},
        "trust": {"roots": ["/there/is/no/such.pem"]},
        "limits": 5,
        "providers": [
            _row("signicat", client_secret="${SIGNICAT_SECRET}", token_url="not an address"),
            _row("seal", api_key="key-53cr3t", username="user-53cr3t", password="word-53cr3t"),
            _row("persist", paths={"list_signature": "/x"}, locale="fr"),
            {"name": "no kind"},
            {"name": "fax", "kind": "fax"},
            _row("persist", name="twice"),
            _row("persist", name="twice", base_url="https://user:pass-53cr3t@persist.example.com"),
            _row("persist", name="Not A Name"),
            {"kind": "easyink"},
            "persist",
        ],
    }
    found = _mistakes(table)
    expected = {
        "sever": "Remove it, or correct its spelling",
        "server.port": "valid integer",
        "server.prot": "Remove it, or correct its spelling",
        "server.public_url": "https://",
        "database.url": "Write sqlite:///FILE or postgresql://HOST/NAME",
        "uploads.max_bytes": "greater than or equal to 1",
        "uploads.folder": "NOWHERE",
        "trust.roots": "/there/is/no/such.pem is not a file",
        "limits": "is no table",
        "providers[signicat].client_secret": "SIGNICAT_SECRET is not set. Set it, or write the value here",
        "providers[signicat].token_url": "https://",
        "providers[seal]": "not both",
        "providers[persist].locale": "'ru', 'en' or 'kz'",
        "providers[persist].paths": "list_signature unknown",
        "providers[no kind].kind": ", ".join(registry.NAMES),
        "providers[fax].kind": ", ".join(registry.NAMES),
        "providers[twice].name": "given twice",
        "providers[twice].base_url": "give them under their own keys",
        "providers[Not A Name].name": "should match pattern",
        "providers[8].name": "is missing. Add it",
        "providers[8].base_url": "is missing. Add it",
        "providers[8].identity_url": "is missing. Add it",
        "providers[8].client_id": "is missing. Add it",
        "providers[8].client_secret": "is missing. Add it",
        "providers[8].redirect_uri": "is missing. Add it",
        "providers[9].kind": "is missing",
    }
    assert found.keys() == expected.keys()
    for key, text in expected.items():
        assert text in found[key], key
    assert "NEITHER" in found["uploads.folder"]
    assert not any("53cr3t" in text for text in found.values())


def test_unknown_path_is_reported_with_known_ones() -> None:
    text = _mistakes({"providers": [_row("persist", paths={"list_signature": "/x", "fetch_signature": "x"})]})
    assert "list_signature" in text["providers[persist].paths"]
    for path in registry.load("persist").settings.PATHS:
        assert path in text["providers[persist].paths"]


@pytest.mark.parametrize("providers", [{"name": "persist", "kind": "persist"}, "persist", 5, True])
def test_providers_that_are_no_list_are_a_mistake(providers: object) -> None:
    assert "[[providers]]" in _mistakes({"providers": providers})["providers"]


def test_section_that_is_no_table_is_a_mistake_despite_override() -> None:
    assert "is no table" in _mistakes({"server": 8000}, {"COUNTERSIGN_SERVER_PORT": "80"})["server"]


@pytest.mark.parametrize("override", ["many", ""])
def test_invalid_override_names_its_key(override: str) -> None:
    assert "integer" in _mistakes({}, {"COUNTERSIGN_SERVER_PORT": override})["server.port"]


@pytest.mark.parametrize("wrong", [12345678, 1.5, True, ["list-53cr3t"], {"table": "53cr3t"}])
@pytest.mark.parametrize("key", ["client_secret", "client_id"])
def test_mistake_in_secret_does_not_show_it(key: str, wrong: object) -> None:
    (text,) = _mistakes({"providers": [_row("signicat", **{key: wrong})]}).values()
    assert "valid string" in text
    assert "53cr3t" not in text
    assert "12345678" not in text


def test_empty_secret_is_refused() -> None:
    assert "is empty" in _mistakes({"providers": [_row("signicat", client_secret="")]})["providers[signicat].client_secret"]


@pytest.mark.parametrize(
    ("content", "says"), [(b"port = ", "not valid TOML"), (b"\xff\xfe", "not valid TOML"), (None, "cannot be read")]
)
def test_unreadable_file_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "broken.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


# the command line


def countersign(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from gateway.cli import main; main()", *arguments]
    plain = {"PATH": "/usr/bin:/bin", "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=plain | environment, cwd=ROOT, check=False)


@pytest.mark.servers
def test_check_lists_providers_and_no_secret(file: Path) -> None:
    done = countersign("check", "--config", str(file), **SECRETS)
    assert done.returncode == 0, done.stderr
    for each in load(file, SECRETS).providers:
        assert any(each.name in line and each.kind in line and each.base_url in line for line in done.stdout.splitlines())
    assert "127.0.0.1:8000" in done.stdout
    assert "53cr3t" not in done.stdout + done.stderr


@pytest.mark.servers
def test_check_reports_mistakes_without_traceback(file: Path) -> None:
    done = countersign("check", "--config", str(file), COUNTERSIGN_SERVER_PORT="many", SEAL_KEY="seal-53cr3t")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for key in ("server.port", "providers[signicat].client_secret", "providers[easy-ink].client_secret"):
        assert key in done.stderr
    assert "53cr3t" not in done.stdout + done.stderr


@pytest.mark.servers
def test_check_names_missing_file(tmp_path: Path) -> None:
    done = countersign("check", "--config", str(tmp_path / "nowhere.toml"))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "nowhere.toml" in done.stderr


@pytest.mark.servers
def test_help_lists_every_command() -> None:
    done = countersign("--help")
    assert done.returncode == 0
    for command in ("serve", "check", "demo", "sandbox", "schema"):
        assert command in done.stdout


@pytest.mark.servers
def test_schema_command_prints_sdl() -> None:
    done = countersign("schema")
    assert done.returncode == 0
    assert "type Query" in done.stdout
    assert "type Session" in done.stdout


# addresses

ODD_ADDRESSES = {
    "http://127.0.0.1:84o1/sign": "port",
    "https://sign.example.com:99999": "port",
    "https://sign.example.com:0": "port",
    "https://sign.example.com:": "port",
    "https://sign.example.com/x#f": "fragment",
    "https://user:pass-53cr3t@sign.example.com": "give them under their own keys",
    "https://sign .example.com": "blanks",
    "https://sign.example.com/a b": "blanks",
    "https://sign.example.com\\x": "backslashes",
    "ftp://sign.example.com": "https://",
    "sign.example.com": "https://",
    "https://": "https://",
    "https:///x": "https://",
    "http://[::1": "host",
    "https://300.1.2.3": "host",
    "https://a..b": "host",
    "https://[::1]x:80": "host",
    "https://[v1.x]": "host",
    "https://sign.example.com/" + "a" * 70_000: "4096 characters",
}
ADDRESSES = ("server.public_url", "authentication.jwks_url", "base_url", "token_url", "identity_url", "redirect_uri")
WITH_QUERY = ("authentication.jwks_url", "redirect_uri")


def addressed(key: str, value: str) -> dict[str, str]:
    """The mistakes where one address of the configuration is this."""
    section, _, name = key.rpartition(".")
    if section:
        others = {"issuer": "i", "audience": "a"} if section == "authentication" else {}
        return _mistakes({section: {name: value, **others}})
    row = _row("signicat")
    if name in {"identity_url", "redirect_uri"}:
        urls = dict.fromkeys(("base_url", "identity_url", "redirect_uri"), "https://easyink.example.com")
        row = {"name": "easyink", "kind": "easyink", "client_id": "c", "client_secret": "s", **urls}
    found = _mistakes({"providers": [row | {name: value}]})
    return {each.partition("].")[2]: text for each, text in found.items()}


@pytest.mark.parametrize("key", ADDRESSES)
def test_unusable_url_is_a_mistake_under_its_key(key: str) -> None:
    for value, remedy in ODD_ADDRESSES.items():
        found = addressed(key, value)
        assert found.keys() == {key}, value
        assert remedy in found[key], value
        assert "53cr3t" not in found[key]
    if key not in WITH_QUERY:
        assert "query" in addressed(key, "https://sign.example.com/?x=1")[key]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("database.url", "postgresql://u:db-53cr3t@host:54e2/name"),
        ("database.url", "postgresql://u:db-53cr3t@host:99999/name"),
        ("database.url", "postgresql://ho st/name"),
        ("database.url", "sqlite://host/name"),
        ("redis.url", "redis://:db-53cr3t@host:63o9/0"),
        ("redis.url", "redis://:db-53cr3t@host:99999/0"),
        ("redis.url", "redis://host/first"),
        ("redis.url", "redis://host:6379/0#f"),
        ("redis.url", "redis://host:6379/0?speed=1"),
        ("redis.url", "redis://"),
        ("redis.url", "redis://[::1]x:6379/0"),
        ("redis.url", "unix://"),
    ],
)
def test_unusable_server_url_is_a_mistake(key: str, value: str) -> None:
    section, _, name = key.partition(".")
    found = _mistakes({section: {name: value}})
    assert found.keys() == {key}
    assert "Write" in found[key]
    assert "53cr3t" not in found[key]


@pytest.mark.parametrize(
    "path", ["x", "/a b", "/x#f", "/a/../b", "/x/{kee}", "/x/{", "/x/}", "/{}", "/{key.real}", "/{key!r}", "/x\\y"]
)
def test_invalid_path_template_is_a_mistake_beside_others(path: str) -> None:
    row = _row("signicat", paths={"fetch_session": path, "delete_session": "/of/{key}?all=1"}, base_url="https://h:0")
    found = _mistakes({"providers": [row]})
    assert found.keys() == {"providers[signicat].paths", "providers[signicat].base_url"}
    assert "fetch_session" in found["providers[signicat].paths"]
    assert "delete_session" not in found["providers[signicat].paths"]


@pytest.mark.parametrize("value", ["http://proxy:99999", "proxy:80x", "ftp://proxy", "http://"])
def test_invalid_proxy_of_environment_is_a_mistake(value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse({"providers": [_row("persist")]}, {"HTTPS_PROXY": value})
    assert "the environment variable HTTPS_PROXY" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("persist", "display_name"),
        ("persist", "environment"),
        ("seal", "api_key"),
        ("signicat", "client_id"),
        ("signicat", "client_secret"),
        ("signicat", "account_id"),
    ],
)
@pytest.mark.parametrize("odd", ["\n", "\r", "\x00", "\x1b[2J", "\udcff"])
def test_unsendable_text_is_a_mistake_under_its_key(kind: str, name: str, odd: str) -> None:
    """A secret that was read from a file ends in a line break; a variable that is no UTF-8 has halves of characters."""
    found = _mistakes({"providers": [_row(kind, **{name: f"w0rd-53cr3t{odd}"})]})
    assert found.keys() == {f"providers[{kind}].{name}"}
    assert "53cr3t" not in str(found)


@pytest.mark.parametrize(
    ("section", "key"), [("database", "url"), ("uploads", "folder"), ("authentication", "typ"), ("authentication", "audience")]
)
def test_unsendable_text_of_section_is_a_mistake_under_its_key(section: str, key: str) -> None:
    assert _mistakes({section: {key: "sqlite:///a\x00b"}}).keys() == {f"{section}.{key}"}


def test_webhook_secret_with_line_break_is_a_mistake() -> None:
    row = _row("signicat", webhook={"secrets": ["0123456789abcdef\n"]})
    assert "one line" in _mistakes({"providers": [row]})["providers[signicat].webhook.secrets"]
