"""The tables of the configuration, with what holds where nothing is written."""

from __future__ import annotations

import json
import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from gateway.viewer import SCOPES
from providers.settings import HttpUrl, ProviderSettings

_DATABASES: Final = ("sqlite", "postgresql")
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9._~\[\]:-]+")


def _listed(value: object) -> object:
    """A list, also where it is written with commas."""
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


class Section(BaseModel):
    """A table of the configuration: no key that is unknown, and no value in a message."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ServerSettings(Section):
    """Where the gateway listens. ``public_url`` is how clients reach it, for the links it hands out.

    ``workers`` are processes behind the one port: a number, or as many as there are ``cores``.
    The profile ``production`` does not tell the schema, suggests no names and has no GraphiQL; ``trusted`` takes, beside that,
    the documents alone that ``documents.manifest`` names. ``trusted_proxies`` are the addresses, or networks, of which
    ``X-Forwarded-For`` is believed.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: HttpUrl = "http://127.0.0.1:8000"
    workers: Annotated[int, Field(ge=1, le=256)] | Literal["cores"] = 1
    profile: Literal["open", "production", "trusted"] = "open"
    secret: SecretStr | None = None
    """Signs download links. Left out, links end with the process and hold at one gateway only."""
    trusted_proxies: tuple[str, ...] = ()

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _separated(cls, proxies: object) -> object:
        return _listed(proxies)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for each in proxies:
            try:
                ip_network(each)
            except ValueError:
                raise ValueError(f"{each} is neither an address nor a network. Write 10.0.0.7 or 10.0.0.0/8") from None
        return proxies


class ApiKeySettings(Section):
    """A key of a program: what it is called, the SHA-256 of the key, what it may do, and where; see ``countersign key``."""

    name: str = Field(min_length=1, max_length=100)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    scopes: tuple[str, ...]
    providers: tuple[str, ...] | None = None
    expires_at: AwareDatetime | None = None

    @field_validator("scopes")
    @classmethod
    def _known(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        for scope in scopes:
            if scope not in SCOPES:
                raise ValueError(f"{scope} is no scope. There are: {', '.join(SCOPES)}")
        return scopes


class AuthenticationSettings(Section):
    """Who is let in: holders of tokens that an issuer has made for this audience, and of keys.

    Tokens are checked with the keys at ``jwks_url``, or with the one in the PEM file ``public_key``. Without either, and
    without ``keys``, everybody is let in, and the gateway listens to this machine alone.
    """

    issuer: str | None = None
    audience: str | None = None
    jwks_url: HttpUrl | None = None
    public_key: Path | None = None
    algorithms: tuple[Literal["RS256", "ES256"], ...] = ("RS256", "ES256")
    keys: tuple[ApiKeySettings, ...] = ()

    @field_validator("algorithms", mode="before")
    @classmethod
    def _separated(cls, algorithms: object) -> object:
        return _listed(algorithms)

    @field_validator("keys", mode="before")
    @classmethod
    def _written(cls, keys: object) -> object:
        return json.loads(keys) if isinstance(keys, str) else keys

    @property
    def configured(self) -> bool:
        """Whether anybody has to say who they are."""
        return bool(self.keys) or self.jwks_url is not None or self.public_key is not None

    @field_validator("public_key")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"{path} is not a file")
        return path

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.jwks_url is not None and self.public_key is not None:
            raise ValueError("has both jwks_url and public_key. Write one of them")
        if (self.jwks_url or self.public_key) and not (self.issuer and self.audience):
            raise ValueError("lacks issuer or audience: write whose tokens are taken, and for whom they have to be made")
        return self


class RateSettings(Section):
    """How much one viewer may ask: operations a second, ``burst`` at once, and subscriptions at a time.

    An address that fails to say who it is may do so ``failures_burst`` times at once, and ``failures_per_second``. A rate of
    0 has no bounds. All of this holds where authentication is configured, in each process for itself: without it there is
    nobody to tell from others, and nobody but this machine's users.
    """

    per_second: float = Field(default=50.0, ge=0)
    burst: int = Field(default=200, ge=1)
    failures_per_second: float = Field(default=1.0, ge=0)
    failures_burst: int = Field(default=60, ge=1)
    subscriptions: int = Field(default=1_000, ge=0)


class ConnectionSettings(Section):
    """What one client may take of the server. Sizes are in bytes, times in seconds.

    ``head`` bounds how long a request line and headers may take, and a body brings ``pace`` bytes a second at least over
    as long. ``shared`` are addresses that stand for many clients, as that of a proxy: ``per_address`` is not for them.
    """

    head: float = Field(default=10.0, gt=0)
    idle: float = Field(default=5.0, gt=0)
    pace: int = Field(default=500, ge=0)
    line_bytes: int = Field(default=16_384, ge=1)
    header_bytes: int = Field(default=32_768, ge=1)
    headers: int = Field(default=100, ge=1)
    message_bytes: int = Field(default=262_144, ge=1)
    most: int = Field(default=20_000, ge=1)
    per_address: int = Field(default=500, ge=1)
    shared: tuple[str, ...] = ("127.0.0.1", "::1")

    @field_validator("shared", mode="before")
    @classmethod
    def _separated(cls, shared: object) -> object:
        return _listed(shared)


class CorsSettings(Section):
    """The origins of pages elsewhere that may use the gateway from a browser, and for how long (seconds) that may be kept."""

    origins: tuple[str, ...] = ()
    keep: int = Field(default=600, ge=0)

    @field_validator("origins", mode="before")
    @classmethod
    def _separated(cls, origins: object) -> object:
        return _listed(origins)

    @field_validator("origins")
    @classmethod
    def _named(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("holds something that is no origin. Write each as https://app.example, without a path")
        return tuple(origin.lower() for origin in origins)


class DatabaseSettings(Section):
    """Where the state of sessions is kept."""

    url: SecretStr = SecretStr("sqlite:///countersign.db")

    @field_validator("url")
    @classmethod
    def _supported(cls, url: SecretStr) -> SecretStr:
        scheme, separator, _ = url.get_secret_value().partition("://")
        if not separator or scheme.partition("+")[0] not in _DATABASES:
            raise ValueError("is no database address. Write sqlite:///FILE or postgresql://HOST/NAME")
        return url


class UploadSettings(Section):
    """Staged files: where they wait, how large one may be (bytes), how long it is kept (seconds).

    So many files, and bytes of all of them, may wait at a time for one viewer, where authentication is configured.
    """

    folder: Path = Path("countersign-uploads")
    max_bytes: int = Field(default=256 * 2**20, ge=1)
    keep: float = Field(default=3600.0, gt=0)
    viewer_files: int = Field(default=500, ge=1)
    viewer_bytes: int = Field(default=4 * 2**30, ge=1)


class FreshnessSettings(Section):
    """How old, in seconds, an answer may be where the client does not say; ``list_wait`` is how long a list waits."""

    open: float = Field(default=5.0, ge=0)
    final: float = Field(default=3600.0, ge=0)
    list: float = Field(default=10.0, ge=0)
    list_wait: float = Field(default=3.0, gt=0)


class TrustSettings(Section):
    """PEM files of the certificate authorities whose signatures are trusted."""

    roots: tuple[Path, ...] = ()

    @field_validator("roots", mode="before")
    @classmethod
    def _separated(cls, roots: object) -> object:
        return _listed(roots)

    @field_validator("roots")
    @classmethod
    def _readable(cls, roots: tuple[Path, ...]) -> tuple[Path, ...]:
        for path in roots:
            if not path.is_file():
                raise ValueError(f"{path} is not a file")
        return roots


class SagaSettings(Section):
    """Writes of several calls. A gateway that is silent for ``lease`` seconds counts as dead, and its sagas are undone."""

    lease: float = Field(default=10.0, gt=0)


class IdempotencySettings(Section):
    """How long, in seconds, an idempotency key is remembered."""

    keep: float = Field(default=86_400.0, gt=0)


class RedisSettings(Section):
    """What wakes the other gateways and shares the cache. Without it they look into the log by themselves."""

    url: SecretStr | None = None

    @field_validator("url")
    @classmethod
    def _supported(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("is no address of a Redis. Write redis://HOST:PORT/0")
        return url


class EventSettings(Section):
    """The event log: how long (seconds) and how many events are kept, and how often it is looked into unwoken."""

    keep: float = Field(default=30 * 86_400.0, gt=0)
    keep_count: int = Field(default=1_000_000, ge=1)
    poll: float = Field(default=0.25, gt=0)


class LiveSettings(Section):
    """Subscriptions, in seconds: how often a client hears that we are there, and how long one may stop reading.

    ``per_connection`` bounds the operations that one WebSocket carries.
    """

    heartbeat: float = Field(default=15.0, gt=0)
    patience: float = Field(default=10.0, gt=0)
    per_connection: int = Field(default=100, ge=1)


class WatchSettings(Section):
    """Whether providers are asked for changes by themselves, and how long (seconds) a silent gateway keeps that duty."""

    enabled: bool = True
    lease: float = Field(default=5.0, gt=0)


class DocumentSettings(Section):
    """Documents that are known beforehand: a JSON file of their texts by the SHA-256 of each, and what becomes of others.

    ``log`` says once for each that it is not among them; ``enforce`` refuses it.
    """

    manifest: Path | None = None
    mode: Literal["off", "log", "enforce"] = "off"

    @field_validator("manifest")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"{path} is not a file")
        return path


class InboxSettings(Section):
    """What providers send: the largest body (bytes), how long (seconds) and how often it is tried, how many are kept."""

    max_bytes: int = Field(default=256 * 2**10, ge=1)
    attempts: int = Field(default=8, ge=1)
    keep: float = Field(default=30 * 86_400.0, gt=0)
    keep_rejected: int = Field(default=1_000, ge=0)


class MetricSettings(Section):
    """The figures of providers, in seconds: how often what was counted is kept, and for how long."""

    flush: float = Field(default=2.0, gt=0)
    keep: float = Field(default=90 * 86_400.0, gt=0)


class LimitSettings(Section):
    """Bounds on what one client may ask. ``deadline`` is seconds for one whole operation, ``body`` bytes of a request.

    All others are of one operation, its fragments in their places. ``cost`` counts fields, those in a list as often as the
    list may have items; in the mode ``measure`` it is only said in the log.
    """

    first: int = Field(default=100, ge=1)
    deadline: float = Field(default=30.0, gt=0)
    body: int = Field(default=2 * 2**20, ge=1)
    tokens: int = Field(default=1_000, ge=1)
    depth: int = Field(default=12, ge=1)
    aliases: int = Field(default=30, ge=0)
    root_fields: int = Field(default=20, ge=1)
    directives: int = Field(default=50, ge=0)
    cost: int = Field(default=20_000, ge=1)
    cost_mode: Literal["enforce", "measure"] = "enforce"


class Settings(Section):
    """The whole configuration."""

    server: ServerSettings = ServerSettings()
    authentication: AuthenticationSettings = AuthenticationSettings()
    rates: RateSettings = RateSettings()
    connections: ConnectionSettings = ConnectionSettings()
    cors: CorsSettings = CorsSettings()
    database: DatabaseSettings = DatabaseSettings()
    uploads: UploadSettings = UploadSettings()
    freshness: FreshnessSettings = FreshnessSettings()
    trust: TrustSettings = TrustSettings()
    sagas: SagaSettings = SagaSettings()
    idempotency: IdempotencySettings = IdempotencySettings()
    redis: RedisSettings = RedisSettings()
    events: EventSettings = EventSettings()
    live: LiveSettings = LiveSettings()
    watch: WatchSettings = WatchSettings()
    inbox: InboxSettings = InboxSettings()
    metrics: MetricSettings = MetricSettings()
    limits: LimitSettings = LimitSettings()
    documents: DocumentSettings = DocumentSettings()
    providers: tuple[ProviderSettings, ...] = ()

    @model_validator(mode="after")
    def _documented(self) -> Self:
        enforced = self.server.profile == "trusted" or self.documents.mode != "off"
        if enforced and self.documents.manifest is None:
            raise ValueError("documents.manifest is missing: name the file of the documents that are trusted")
        return self

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if not (self.authentication.configured or _loopback(self.server.host)):
            raise ValueError(
                f"server.host is {self.server.host}, where others than this machine's users reach it: configure"
                " [authentication], or listen on 127.0.0.1"
            )
        return self


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
