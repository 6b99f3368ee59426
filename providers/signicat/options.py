"""Options of an order that only Signicat has; names and constraints are those of its API reference."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel


class _Options(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True, hide_input_in_errors=True
    )


Word = Annotated[str, StringConstraints(min_length=1)]
SigningFlow = Literal["AUTHENTICATION_BASED", "PKISIGNING"]
Vendor = Literal["AUDKENNI", "BUYPASS", "SBID", "NBID", "SMARTID", "MOBILEID"]
Language = Literal["da", "de", "en", "fi", "nb", "nn", "sv"]


class RedirectSettings(_Options):
    """Addresses for the signer's browser afterwards. Signicat appends the reference; a visit proves nothing."""

    success: Word
    cancel: Word = Field(description="The signer pressed Cancel and may come back.")
    error: Word


class PreAuthentication(_Options):
    """Authentication of a signer before the documents are shown."""

    enabled: bool
    identity_providers: list[Word] | None = Field(default=None, description="Names such as nbid or sbid.")


class Restriction(_Options):
    """A restriction on the use of a signer's national identification number."""

    parameter: Literal["NIN"]
    restriction: Literal["NO_USE"]


class SignicatOptions(_Options):
    """Options of ``createSession``."""

    signing_flow: SigningFlow = Field(
        default="AUTHENTICATION_BASED",
        description="AUTHENTICATION_BASED: a login, sealed by Signicat as XAdES. PKISIGNING: the eID itself signs.",
    )
    identity_providers: list[Word] | None = Field(
        default=None, min_length=1, description="Names such as nbid, sbid, dkmitid or ftn; all of the account if left out."
    )
    vendor: Vendor | None = Field(default=None, description="The eID that signs, for PKISIGNING.")
    additional_parameters: dict[str, str] | None = Field(default=None, description="For example sbid_flow: QR.")
    package_to: list[Literal["PADES_CONTAINER"]] | None = Field(
        default=None,
        max_length=5,
        description="What the results are packaged to. Left out: a signed PDF where all documents are PDFs and the signing "
        "flow is AUTHENTICATION_BASED. Empty: nothing.",
    )
    package_sessions_to: list[Literal["PADES_CONTAINER"]] | None = Field(
        default=None, max_length=5, description="What each participant's own results are packaged to, besides packageTo."
    )
    subsequent_to: list[UUID] | None = Field(
        default=None,
        max_length=50,
        description="Signicat's keys of signing sessions that must be signed before anyone can sign this one.",
    )
    signature_url_ttl: int | None = Field(
        default=None, alias="signatureUrlTTL", ge=5, le=525_600, description="Minutes that signing links work."
    )
    redirect_settings: RedirectSettings | None = None
    language: Language | None = Field(default=None, description="Of the signing pages, for participants without their own.")
    pre_authentication: PreAuthentication | None = None


class SignicatParticipantOptions(_Options):
    """Options of a participant."""

    national_identification_number: str | None = Field(default=None, min_length=1, repr=False)
    validations: list[Literal["NATIONAL_IDENTIFICATION_NUMBER"]] | None = Field(
        default=None, description="What must match the eID that signs."
    )
    restrict_use: list[Restriction] | None = None
    identity_providers: list[Word] | None = Field(default=None, min_length=1, description="Instead of the session's.")
    additional_parameters: dict[str, str] | None = Field(default=None, repr=False, description="On top of the session's.")
