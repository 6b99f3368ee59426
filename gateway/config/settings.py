"""Settings: the tables of the configuration file, with their defaults."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from gateway.config.access import (
    AuthenticationSettings,
    ConnectionSettings,
    CorsSettings,
    DocumentSettings,
    LimitSettings,
    RateSettings,
)
from gateway.config.secret_strength import REMEDY, weakness
from gateway.config.section import LISTED, Section, existing
from gateway.config.url_check import database_mistake, redis_mistake
from providers.decoding.coercion import MAX_INT32
from providers.settings import HttpUrl, ProviderSettings


class ServerSettings(Section):
    """Address that the gateway listens on. ``public_url`` is its address for clients, in the links that it hands out.

    ``drain`` is how many seconds running requests get after SIGTERM; a supervisor has to wait longer before it kills.

    ``workers`` are processes behind the one port: a number, or ``cores``. The profile ``production`` has no introspection, no
    suggestions and no GraphiQL; ``trusted`` accepts, beside that, only the documents of ``documents.manifest``.
    ``trusted_proxies`` are the addresses, or networks, whose ``X-Forwarded-For`` is believed.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: HttpUrl = "http://127.0.0.1:8000"
    drain: float = Field(default=30.0, ge=0)
    workers: Annotated[int, Field(ge=1, le=256)] | Literal["cores"] = 1
    profile: Literal["open", "production", "trusted"] = "open"
    secret: SecretStr | None = None
    """Signs download links and encrypts tokens of providers: 32 random bytes, in hexadecimal or base64.

    Left out, links end with the process and hold at one gateway only.
    """
    trusted_proxies: Annotated[tuple[str, ...], LISTED] = ()

    @field_validator("secret")
    @classmethod
    def _strong_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        reason = None if secret is None else weakness(secret.get_secret_value())
        if reason is not None:
            raise ValueError(f"{reason}, so that links could be made up and tokens read. {REMEDY}")
        return secret

    @field_validator("trusted_proxies")
    @classmethod
    def _valid_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for each in proxies:
            try:
                ip_network(each)
            except ValueError:
                raise ValueError(f"{each} is neither an address nor a network. Write 10.0.0.7 or 10.0.0.0/8") from None
        return proxies


class DatabaseSettings(Section):
    """Database of sessions, events and everything else that is kept."""

    url: SecretStr = SecretStr("sqlite:///countersign.db")

    @field_validator("url")
    @classmethod
    def _valid_url(cls, url: SecretStr) -> SecretStr:
        mistake = database_mistake(url.get_secret_value())
        if mistake is not None:
            raise ValueError(f"{mistake}. Write sqlite:///FILE or postgresql://HOST/NAME")
        return url


class UploadSettings(Section):
    """Staged uploads: their folder, the size of one (bytes), and how long it is kept (seconds).

    ``form_bytes`` bounds the files of one form together. ``viewer_files`` and ``viewer_bytes`` bound the staged files of one
    viewer, where authentication is configured.
    """

    folder: Path = Path("countersign-uploads")
    max_bytes: int = Field(default=256 * 2**20, ge=1, le=MAX_INT32)
    form_bytes: int = Field(default=512 * 2**20, ge=1, le=MAX_INT32)
    keep: float = Field(default=3600.0, gt=0)
    viewer_files: int = Field(default=500, ge=1)
    viewer_bytes: int = Field(default=4 * 2**30, ge=1)


class FreshnessSettings(Section):
    """Default maximum ages in seconds, of open and final sessions and of lists; ``list_wait`` is how long a list waits."""

    open: float = Field(default=5.0, ge=0)
    final: float = Field(default=3600.0, ge=0)
    list: float = Field(default=10.0, ge=0)
    list_wait: float = Field(default=3.0, gt=0)


class TrustSettings(Section):
    """Trust anchors: PEM files of certificate authorities."""

    roots: Annotated[tuple[Path, ...], LISTED] = ()

    @field_validator("roots")
    @classmethod
    def _existing_files(cls, roots: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(map(existing, roots))


class SagaSettings(Section):
    """Sagas: a gateway that has not renewed its lease for ``lease`` seconds counts as dead, and others take its sagas over."""

    lease: float = Field(default=10.0, gt=0)


class IdempotencySettings(Section):
    """Retention of idempotency keys, in seconds."""

    keep: float = Field(default=86_400.0, gt=0)


class RedisSettings(Section):
    """Redis: notifies other gateways of events, and shares caches. Without it they poll the event log."""

    url: SecretStr | None = None

    @field_validator("url")
    @classmethod
    def _valid_url(cls, url: SecretStr | None) -> SecretStr | None:
        mistake = None if url is None else redis_mistake(url.get_secret_value())
        if mistake is not None:
            raise ValueError(f"{mistake}. Write redis://HOST:PORT/0")
        return url


class EventSettings(Section):
    """Event log: retention in seconds and in events, and how often it is polled without a notification."""

    keep: float = Field(default=30 * 86_400.0, gt=0)
    keep_count: int = Field(default=1_000_000, ge=1)
    poll: float = Field(default=0.25, gt=0)


class LiveSettings(Section):
    """Subscriptions, in seconds: the interval of heartbeats, and the write timeout of a client that does not read.

    ``per_connection`` bounds the operations of one WebSocket.
    """

    heartbeat: float = Field(default=15.0, gt=0)
    patience: float = Field(default=10.0, gt=0)
    per_connection: int = Field(default=100, ge=1)


class WatchSettings(Section):
    """Polling of providers: whether it is enabled, and the lease (seconds) of the gateway that does it."""

    enabled: bool = True
    lease: float = Field(default=5.0, gt=0)


class InboxSettings(Section):
    """Webhook inbox: the largest body (bytes), attempts to process a delivery, and retention (seconds, and rejected ones)."""

    max_bytes: int = Field(default=256 * 2**10, ge=1)
    attempts: int = Field(default=8, ge=1)
    keep: float = Field(default=30 * 86_400.0, gt=0)
    keep_rejected: int = Field(default=1_000, ge=0)


class MetricSettings(Section):
    """Metrics of providers, in seconds: the interval in which they are stored, and their retention."""

    flush: float = Field(default=2.0, gt=0)
    keep: float = Field(default=90 * 86_400.0, gt=0)


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
    def _require_manifest(self) -> Self:
        enforced = self.server.profile == "trusted" or self.documents.mode != "off"
        if enforced and self.documents.manifest is None:
            raise ValueError("documents.manifest is missing: name the file of the documents that are trusted")
        return self

    @model_validator(mode="after")
    def _require_authentication(self) -> Self:
        if not (self.authentication.configured or _is_loopback(self.server.host)):
            raise ValueError(
                f"server.host is {self.server.host}, where others than this machine's users reach it: configure"
                " [authentication], or listen on 127.0.0.1"
            )
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
