"""Settings: the ``[[providers]]`` table of a signature store, with its path table."""

from __future__ import annotations

from typing import ClassVar, Literal

from providers.settings import ProviderSettings


class PersistSettings(ProviderSettings):
    """Settings of one store. It has no credentials: the server has no authentication, so the network has to protect it.

    ``locale`` is the language of the server's error messages.
    """

    PATHS: ClassVar[dict[str, str]] = {
        "fetch_signature": "/signature",
        "save_signature": "/signature",
        "delete_signature": "/signature",
        "list_signatures": "/signatures",
    }

    kind: Literal["persist"] = "persist"
    locale: Literal["ru", "en", "kz"] = "en"
