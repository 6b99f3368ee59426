"""Settings: the ``[[providers]]`` table of a SEAL server, with its path table."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator

from providers.settings import ProviderSettings


class SealSettings(ProviderSettings):
    """Settings of one SEAL server.

    Credentials are ``api_key``, or ``username`` with ``password``, or neither where the installation asks for none.
    ``process_id`` is the sealing process of a batch unless its order names another. ``max_batch_bytes`` bounds the ZIP
    of a closed batch and each document unpacked from it. ``tsa`` is the method by which timestamps are requested:
    ``json`` takes an api_key only, ``rfc3161`` takes Basic as well; left out, it follows from the credentials.
    """

    PATHS: ClassVar[dict[str, str]] = {
        "create_batch": "/api/CreateBatch/{process}",
        "upload": "/api/upload/{batch}",
        "accept_batch": "/api/AcceptBatch/{batch}",  # or "/api/AcceptBatch?batchId={batch}": the page does not say
        "batch_status": "/api/BatchStatus/{batch}",
        "batch_file": "/api/batchfile/{batch}",
        "delete_batch": "/api/BatchDeleteCache/{batch}",
        "stamp_rfc3161": "/tsa/stamp/rfc3161/{process}",
        "stamp": "/tsa/stamp/{process}",
    }

    kind: Literal["seal"] = "seal"
    api_key: SecretStr | None = Field(default=None, min_length=1)
    username: SecretStr | None = Field(default=None, min_length=1)
    password: SecretStr | None = Field(default=None, min_length=1)
    process_id: int = Field(ge=0, le=2**31 - 1)
    max_batch_bytes: int = Field(default=512 * 2**20, ge=1024)
    tsa: Literal["json", "rfc3161"] | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together; give both or neither")
        if self.api_key and self.username:
            raise ValueError("give api_key, or username with password, but not both")
        if self.username and self.tsa == "json":
            raise ValueError("tsa: json takes an api_key only; say rfc3161, or leave it out")
        return self

    @property
    def stamps_by(self) -> Literal["json", "rfc3161"]:
        """The method by which timestamps are requested."""
        return self.tsa or ("rfc3161" if self.username else "json")
