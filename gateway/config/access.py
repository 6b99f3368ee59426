"""The tables about who is let in, and how much of what they may ask."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from gateway.auth.viewer import SCOPES
from gateway.config.section import LISTED, File, Section
from gateway.server.admission import ConnectionLimits
from providers.http.message.url import validate_url
from providers.settings import HttpQueryUrl

_USUAL: Final = ConnectionLimits()
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9._~\[\]:-]+")


class ApiKeySettings(Section):
    """A key of a program: what it is called, the SHA-256 of the key, what it may do, and where; see ``countersign key``."""

    name: str = Field(min_length=1, max_length=100)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    scopes: tuple[str, ...]
    providers: tuple[str, ...] | None = None
    expires_at: AwareDatetime | None = None

    @field_validator("scopes")
    @classmethod
    def _known(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        for scope in scopes:
            if scope not in SCOPES:
                raise ValueError(f"{scope} is no scope. There are: {', '.join(SCOPES)}")
        return scopes


class AuthenticationSettings(Section):
    """Who is let in: holders of tokens that an issuer has made for this audience, and of keys.

    Tokens are checked with the keys at ``jwks_url``, or with the one in the PEM file ``public_key``. Without either, and
    without ``keys``, everybody is let in, and the gateway listens to this machine alone. An ID token is no access token:
    the header's ``typ`` has to be ``at+jwt`` (RFC 9068). For issuers that call every token JWT, or nothing, a scope and the
    absence of an ID token's claims will do. Where ``typ`` is set, that is what every token's header has to say.
    """

    issuer: str | None = None
    audience: str | None = None
    jwks_url: HttpQueryUrl | None = None
    public_key: File | None = None
    algorithms: Annotated[tuple[Literal["RS256", "ES256"], ...], LISTED] = ("RS256", "ES256")
    typ: str | None = None
    keys: tuple[ApiKeySettings, ...] = ()

    @field_validator("keys", mode="before")
    @classmethod
    def _written(cls, keys: object) -> object:
        return json.loads(keys) if isinstance(keys, str) else keys

    @field_validator("keys")
    @classmethod
    def _apart(cls, keys: tuple[ApiKeySettings, ...]) -> tuple[ApiKeySettings, ...]:
        """A name is an identity: what its holder has begun belongs to nobody else."""
        for told, what in (([_folded(each.name) for each in keys], "name"), ([each.sha256 for each in keys], "key")):
            twice = [place for place, value in enumerate(told) if value in told[:place]]
            if twice:
                raise ValueError(f"give the {what} of {keys[twice[0]].name!r} twice. Give every program a {what} of its own")
        return keys

    @property
    def configured(self) -> bool:
        """Whether anybody has to say who they are."""
        return bool(self.keys) or self.jwks_url is not None or self.public_key is not None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.jwks_url is not None and self.public_key is not None:
            raise ValueError("has both jwks_url and public_key. Write one of them")
        if (self.jwks_url or self.public_key) and not (self.issuer and self.audience):
            raise ValueError("lacks issuer or audience: write whose tokens are taken, and for whom they have to be made")
        return self


def _folded(name: str) -> str:
    """A name as people tell it from others."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


class RateSettings(Section):
    """How much one viewer may ask: operations a second, ``burst`` at once, and subscriptions at a time.

    An address that fails to say who it is may do so ``failures_burst`` times at once, and ``failures_per_second``. A rate of
    0 has no bounds. All of this holds where authentication is configured, in each process for itself: without it there is
    nobody to tell from others, and nobody but this machine's users.
    """

    per_second: float = Field(default=50.0, ge=0)
    burst: int = Field(default=200, ge=1)
    failures_per_second: float = Field(default=1.0, ge=0)
    failures_burst: int = Field(default=60, ge=1)
    subscriptions: int = Field(default=1_000, ge=0)


class ConnectionSettings(Section):
    """What one client may take of the server. Sizes are in bytes, times in seconds.

    ``head`` bounds how long a request line and headers may take, and a body brings ``pace`` bytes a second at least over
    as long. ``shared`` are addresses that stand for many clients, as that of a proxy: ``per_address`` is not for them.
    """

    head: float = Field(default=_USUAL.head_timeout, gt=0)
    idle: float = Field(default=_USUAL.keep_alive_timeout, gt=0)
    pace: int = Field(default=_USUAL.min_body_rate, ge=0)
    line_bytes: int = Field(default=_USUAL.line_bytes, ge=1)
    header_bytes: int = Field(default=_USUAL.header_bytes, ge=1)
    headers: int = Field(default=_USUAL.headers, ge=1)
    message_bytes: int = Field(default=_USUAL.message_bytes, ge=1)
    most: int = Field(default=_USUAL.connections, ge=1)
    per_address: int = Field(default=_USUAL.per_address, ge=1)
    shared: Annotated[tuple[str, ...], LISTED] = tuple(sorted(_USUAL.shared_addresses))


class CorsSettings(Section):
    """The origins of pages elsewhere that may use the gateway from a browser, and for how long (seconds) that may be kept."""

    origins: Annotated[tuple[str, ...], LISTED] = ()
    keep: int = Field(default=600, ge=0)

    @field_validator("origins")
    @classmethod
    def _named(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("holds something that is no origin. Write each as https://app.example, without a path")
            validate_url(origin)
        return tuple(origin.lower() for origin in origins)


class DocumentSettings(Section):
    """Documents that are known beforehand: a JSON file of their texts by the SHA-256 of each, and what becomes of others.

    ``log`` says once for each that it is not among them; ``enforce`` refuses it.
    """

    manifest: File | None = None
    mode: Literal["off", "log", "enforce"] = "off"


class LimitSettings(Section):
    """Bounds on what one client may ask. ``deadline`` is seconds for one whole operation, ``body`` bytes of a request.

    ``document`` is characters of the text of a document, before it is read.

    All others are of one operation, its fragments in their places. ``cost`` counts fields, those in a list as often as the
    list may have items; in the mode ``measure`` it is only said in the log.
    """

    first: int = Field(default=100, ge=1)
    deadline: float = Field(default=30.0, gt=0)
    body: int = Field(default=2 * 2**20, ge=1)
    document: int = Field(default=100_000, ge=1)
    tokens: int = Field(default=1_000, ge=1)
    depth: int = Field(default=12, ge=1)
    aliases: int = Field(default=30, ge=0)
    root_fields: int = Field(default=20, ge=1)
    directives: int = Field(default=50, ge=0)
    cost: int = Field(default=20_000, ge=1)
    cost_mode: Literal["enforce", "measure"] = "enforce"
