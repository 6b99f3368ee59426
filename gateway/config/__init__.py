"""The configuration: what there is to set, and how it is read."""

from gateway.config.access import (
    ApiKeySettings,
    AuthenticationSettings,
    ConnectionSettings,
    CorsSettings,
    DocumentSettings,
    LimitSettings,
    RateSettings,
)
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
from gateway.config.loader import load, parse

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
