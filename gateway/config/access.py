"""Configuration tables about access: authentication, rates, connections, CORS, trusted documents and limits."""

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

_DEFAULTS: Final = ConnectionLimits()
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9._~\[\]:-]+")


class ApiKeySettings(Section):
    """API key of a program: its name, the SHA-256 of the key, its scopes and providers; ``countersign key`` makes one."""

    name: str = Field(min_length=1, max_length=100)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    scopes: tuple[str, ...]
    providers: tuple[str, ...] | None = None
    expires_at: AwareDatetime | None = None

    @field_validator("scopes")
    @classmethod
    def _valid_scopes(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        for scope in scopes:
            if scope not in SCOPES:
                raise ValueError(f"{scope} is no scope. There are: {', '.join(SCOPES)}")
        return scopes


class AuthenticationSettings(Section):
    """Authentication: tokens of an ``issuer`` for this ``audience``, and API keys.

    Tokens are verified with the keys at ``jwks_url``, or with the one in the PEM file ``public_key``. Without either, and
    without ``keys``, everybody has access, and the gateway listens on loopback alone. An ID token is no access token: the
    header's ``typ`` has to be ``at+jwt`` (RFC 9068). For issuers that type every token JWT, or not at all, a scope and the
    absence of an ID token's claims suffice. Where ``typ`` is set, every token's header has to have that value.
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
    def _parsed_from_json(cls, keys: object) -> object:
        return json.loads(keys) if isinstance(keys, str) else keys

    @field_validator("keys")
    @classmethod
    def _unique(cls, keys: tuple[ApiKeySettings, ...]) -> tuple[ApiKeySettings, ...]:
        """Names are identities: what the holder of one has begun belongs to nobody else."""
        for values, what in (([_folded(each.name) for each in keys], "name"), ([each.sha256 for each in keys], "key")):
            repeated = [index for index, value in enumerate(values) if value in values[:index]]
            if repeated:
                raise ValueError(f"give the {what} of {keys[repeated[0]].name!r} twice. Give every program a {what} of its own")
        return keys

    @property
    def configured(self) -> bool:
        """Whether credentials are required."""
        return bool(self.keys) or self.jwks_url is not None or self.public_key is not None

    @model_validator(mode="after")
    def _require_issuer(self) -> Self:
        if self.jwks_url is not None and self.public_key is not None:
            raise ValueError("has both jwks_url and public_key. Write one of them")
        if (self.jwks_url or self.public_key) and not (self.issuer and self.audience):
            raise ValueError("lacks issuer or audience: write whose tokens are taken, and for whom they have to be made")
        return self


def _folded(name: str) -> str:
    """A name in the form in which people tell it from others: NFKC, case-folded."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


class RateSettings(Section):
    """Rate limits of one viewer: operations a second, ``burst`` at once, and concurrent subscriptions.

    An address may fail to authenticate ``failures_burst`` times at once, and ``failures_per_second``. A rate of 0 has no
    bounds. The limits hold where authentication is configured, in each process for itself: without it there are no viewers
    to tell apart, and no clients but this machine's users.
    """

    per_second: float = Field(default=50.0, ge=0)
    burst: int = Field(default=200, ge=1)
    failures_per_second: float = Field(default=1.0, ge=0)
    failures_burst: int = Field(default=60, ge=1)
    subscriptions: int = Field(default=1_000, ge=0)


class ConnectionSettings(Section):
    """Bounds on connections. Sizes are in bytes, times in seconds.

    ``head`` is the timeout of a request line with its headers; a body has to bring ``pace`` bytes a second at least,
    averaged over as long. ``shared`` are addresses of many clients, such as a proxy's: ``per_address`` is not for them.
    """

    head: float = Field(default=_DEFAULTS.head_timeout, gt=0)
    idle: float = Field(default=_DEFAULTS.keep_alive_timeout, gt=0)
    pace: int = Field(default=_DEFAULTS.min_body_rate, ge=0)
    line_bytes: int = Field(default=_DEFAULTS.line_bytes, ge=1)
    header_bytes: int = Field(default=_DEFAULTS.header_bytes, ge=1)
    headers: int = Field(default=_DEFAULTS.headers, ge=1)
    message_bytes: int = Field(default=_DEFAULTS.message_bytes, ge=1)
    most: int = Field(default=_DEFAULTS.connections, ge=1)
    per_address: int = Field(default=_DEFAULTS.per_address, ge=1)
    shared: Annotated[tuple[str, ...], LISTED] = tuple(sorted(_DEFAULTS.shared_addresses))


class CorsSettings(Section):
    """Foreign origins that may call from a browser, and for how many seconds (``keep``) a browser may cache a preflight."""

    origins: Annotated[tuple[str, ...], LISTED] = ()
    keep: int = Field(default=600, ge=0)

    @field_validator("origins")
    @classmethod
    def _valid_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("holds something that is no origin. Write each as https://app.example, without a path")
            validate_url(origin)
        return tuple(origin.lower() for origin in origins)


class DocumentSettings(Section):
    """Trusted documents: a JSON manifest of texts by their SHA-256, and the treatment of others.

    ``log`` logs each other document once; ``enforce`` refuses it.
    """

    manifest: File | None = None
    mode: Literal["off", "log", "enforce"] = "off"


class LimitSettings(Section):
    """Limits of one request. ``deadline`` is seconds for a whole operation, ``body`` bytes of a request.

    ``document`` is characters of a document's text, before it is parsed.

    All others are of one operation with its fragments expanded. ``cost`` counts fields, those in a list as often as the list
    may have items; in the mode ``measure`` it is only logged.
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
