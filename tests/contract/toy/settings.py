"""Settings: the ``[[providers]]`` table of a Toy server, with its path table."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import SecretStr

from providers.settings import ProviderSettings


class ToySettings(ProviderSettings):
    """Settings of one Toy server."""

    PATHS: ClassVar[dict[str, str]] = {
        "sessions": "/sessions",
        "session": "/sessions/{session}",
        "start": "/sessions/{session}/start",
        "withdraw": "/sessions/{session}/withdraw",
        "files": "/sessions/{session}/files",
        "file": "/sessions/{session}/files/{file}",
        "result": "/sessions/{session}/files/{file}/signed",
    }

    kind: Literal["toy"] = "toy"
    api_key: SecretStr
