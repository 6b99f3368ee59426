"""Settings: the ``[[providers]]`` table of an EasyInk account, with its path table."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import SecretStr

from providers.settings import HttpQueryUrl, HttpUrl, ProviderSettings

_DRAFTS = "/api/signingSessionDrafts"
_DRAFT = f"{_DRAFTS}/{{session}}"
_SESSIONS = "/api/signingSessions"
_SESSION = f"{_SESSIONS}/{{session}}"


class EasyInkSettings(ProviderSettings):
    """Settings of one EasyInk account.

    ``identity_url`` is the host where a person signs in. ``redirect_uri`` is the address that this host redirects them
    to: EasyInk's own site unless it registered another. ``access_token`` is a token that a person was issued before.
    """

    # Published are create_draft, upload_document, add_participant and void_session; the rest is inferred.
    PATHS: ClassVar[dict[str, str]] = {
        "create_draft": _DRAFTS,
        "fetch_draft": _DRAFT,
        "draft_exists": _DRAFT,
        "update_draft": _DRAFT,
        "delete_draft": _DRAFT,
        "upload_document": f"{_DRAFT}/documents",
        "download_draft_document": f"{_DRAFT}/documents/{{document}}",
        "remove_document": f"{_DRAFT}/documents/{{document}}",
        "add_attachment": f"{_DRAFT}/attachments",
        "download_draft_attachment": f"{_DRAFT}/attachments/{{document}}",
        "remove_attachment": f"{_DRAFT}/attachments/{{document}}",
        "add_participant": f"{_DRAFT}/participants",
        "add_self": f"{_DRAFT}/participants/self",
        "update_participant": f"{_DRAFT}/participants/{{participant}}",
        "remove_participant": f"{_DRAFT}/participants/{{participant}}",
        "sequential_order": f"{_DRAFT}/signingOrder/oneByOne",
        "parallel_order": f"{_DRAFT}/signingOrder/allAtOnce",
        "add_field": f"{_DRAFT}/signatureFields",
        "add_fields": f"{_DRAFT}/signatureFields/bulk",
        "remove_field": f"{_DRAFT}/signatureFields/{{field}}",
        "update_field_options": f"{_DRAFT}/signatureFields/{{field}}/options",
        "update_field_placement": f"{_DRAFT}/signatureFields/{{field}}/placement",
        "convert_draft": f"{_DRAFT}/converted",
        "start_session": f"{_SESSION}/started",
        "void_session": f"{_SESSION}/voided",
        "duplicate_session": f"{_SESSION}/duplicated",
        "recreate_session": f"{_SESSION}/recreated",
        "fetch_session": _SESSION,
        "session_exists": _SESSION,
        "search_sessions": _SESSIONS,
        "fetch_statistics": f"{_SESSIONS}/statistics",
        "update_delivery": f"{_SESSION}/participants/{{participant}}/deliveryMethods",
        "download_document": f"{_SESSION}/documents/{{document}}",
        "download_attachment": f"{_SESSION}/attachments/{{document}}",
        "download_signed_document": f"{_SESSION}/signedDocuments/{{document}}",
        "download_all_in_one": f"{_SESSION}/allInOneDocument",
        "authorize": "/connect/authorize",
        "token": "/connect/token",
    }

    kind: Literal["easyink"] = "easyink"
    identity_url: HttpUrl
    client_id: str
    client_secret: SecretStr
    redirect_uri: HttpQueryUrl
    access_token: SecretStr | None = None
