"""The configuration: what there is to set, and how it is read."""

from gateway.settings.reading import load, parse
from gateway.settings.section import (
    ApiKeySettings,
    AuthenticationSettings,
    DatabaseSettings,
    DocumentSettings,
    EventSettings,
    FreshnessSettings,
    IdempotencySettings,
    InboxSettings,
    LimitSettings,
    LiveSettings,
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
    "DatabaseSettings",
    "DocumentSettings",
    "EventSettings",
    "FreshnessSettings",
    "IdempotencySettings",
    "InboxSettings",
    "LimitSettings",
    "LiveSettings",
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
