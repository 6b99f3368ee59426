"""Settings: the ``[[providers]]`` table of a Signicat account, with its path table and webhook secrets."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from providers.settings import HttpUrl, ProviderSettings
from providers.webhook import WebhookSettings


class SignicatWebhook(WebhookSettings):
    """Webhook settings. The vendor publishes neither header nor scheme: the defaults are those of its users' receivers."""

    header: str = "X-Signicat-Signature"


class SignicatSettings(ProviderSettings):
    """Settings of one Signicat account.

    ``base_url`` ends in ``/sign``. ``account_id`` is sent with every call where it is given; for most clients the
    token names the account.
    """

    PATHS: ClassVar[dict[str, str]] = {
        "upload_document": "/documents",
        "download_document": "/documents/{key}",
        "delete_document": "/documents/{key}",
        "fetch_metadata": "/documents/{key}/metadata",
        "update_metadata": "/documents/{key}/metadata",
        "create_collection": "/document-collections",
        "fetch_collection": "/document-collections/{key}",
        "delete_collection": "/document-collections/{key}",
        "create_sessions": "/signing-sessions",
        "list_sessions": "/signing-sessions",
        "fetch_session": "/signing-sessions/{key}",
        "delete_session": "/signing-sessions/{key}",
    }

    kind: Literal["signicat"] = "signicat"
    base_url: HttpUrl = "https://api.signicat.com/sign"
    token_url: HttpUrl = "https://api.signicat.com/auth/open/connect/token"  # noqa: S105
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = Field(min_length=1)
    account_id: str | None = None
    webhook: SignicatWebhook = SignicatWebhook()
