"""Configuration: its tables as pydantic models, and the loader of the TOML file."""

from gateway.config.access import (
    ApiKeySettings,
    AuthenticationSettings,
    ConnectionSettings,
    CorsSettings,
    DocumentSettings,
    LimitSettings,
    RateSettings,
)
from gateway.config.loader import load, parse
from gateway.config.settings import (
    DatabaseSettings,
    EventSettings,
    FreshnessSettings,
    IdempotencySettings,
    InboxSettings,
    LiveSettings,
    MetricSettings,
    RedisSettings,
    SagaSettings,
    ServerSettings,
    Settings,
    TrustSettings,
    UploadSettings,
    WatchSettings,
)

__all__ = [
    "ApiKeySettings",
    "AuthenticationSettings",
    "ConnectionSettings",
    "CorsSettings",
    "DatabaseSettings",
    "DocumentSettings",
    "EventSettings",
    "FreshnessSettings",
    "IdempotencySettings",
    "InboxSettings",
    "LimitSettings",
    "LiveSettings",
    "MetricSettings",
    "RateSettings",
    "RedisSettings",
    "SagaSettings",
    "ServerSettings",
    "Settings",
    "TrustSettings",
    "UploadSettings",
    "WatchSettings",
    "load",
    "parse",
]
