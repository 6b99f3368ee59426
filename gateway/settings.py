"""The configuration: one TOML file, ``${VARIABLES}`` from the environment, every key open to an override.

``COUNTERSIGN_SERVER_PORT`` overrides ``port`` under ``[server]``; ``COUNTERSIGN_PROVIDERS_SIGNICAT_NO_TIMEOUT``
overrides ``timeout`` of the provider named ``signicat-no``.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from providers import registry
from providers.errors import ConfigurationError
from providers.settings import HttpUrl, ProviderSettings

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PREFIX: Final = "COUNTERSIGN_"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ServerSettings(_Section):
    """Where the gateway listens. ``public_url`` is how clients reach it, for the links it hands out."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: HttpUrl = "http://127.0.0.1:8000"
    secret: SecretStr | None = None
    """Signs download links. Left out, links end with the process and hold at one gateway only."""


class DatabaseSettings(_Section):
    """Where the state of sessions is kept."""

    url: SecretStr = SecretStr("sqlite:///countersign.db")


class UploadSettings(_Section):
    """Staged files: where they wait, how large one may be (bytes), how long it is kept (seconds)."""

    folder: Path = Path("countersign-uploads")
    max_bytes: int = Field(default=256 * 2**20, ge=1)
    keep: float = Field(default=3600.0, gt=0)


class FreshnessSettings(_Section):
    """How old, in seconds, an answer may be where the client does not say; ``list_wait`` is how long a list waits."""

    open: float = Field(default=5.0, ge=0)
    final: float = Field(default=3600.0, ge=0)
    list: float = Field(default=10.0, ge=0)
    list_wait: float = Field(default=3.0, gt=0)


class TrustSettings(_Section):
    """PEM files of the certificate authorities whose signatures are trusted."""

    roots: tuple[Path, ...] = ()

    @field_validator("roots")
    @classmethod
    def _readable(cls, roots: tuple[Path, ...]) -> tuple[Path, ...]:
        for path in roots:
            if not path.is_file():
                raise ValueError(f"{path} is not a file")
        return roots


class LimitSettings(_Section):
    """Bounds on what one client may ask. ``deadline`` is seconds for one whole operation."""

    first: int = Field(default=100, ge=1)
    deadline: float = Field(default=60.0, gt=0)


class Settings(_Section):
    """The whole configuration."""

    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    uploads: UploadSettings = UploadSettings()
    freshness: FreshnessSettings = FreshnessSettings()
    trust: TrustSettings = TrustSettings()
    limits: LimitSettings = LimitSettings()
    providers: tuple[ProviderSettings, ...] = ()


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Reads and checks a configuration file. Raises ``ConfigurationError`` that names every mistake at once."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror}). Name an existing file with --config.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: is not valid TOML: {error}.") from error
    return parse(table, environment)


def parse(table: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Checks a configuration table. Raises ``ConfigurationError`` that names every mistake at once."""
    mistakes: list[str] = []
    filled = _fill(table, environment, "", mistakes)
    _override(filled, environment)
    rows = filled.pop("providers", [])
    providers = _providers(rows if isinstance(rows, list) else [], mistakes)
    settings = Settings()
    try:
        settings = Settings.model_validate(filled)
    except ValidationError as error:
        mistakes.extend(_explain(error, ""))
    if mistakes:
        raise ConfigurationError("The configuration cannot be used:\n" + "\n".join(f"  - {mistake}" for mistake in mistakes))
    return settings.model_copy(update={"providers": providers})


def _fill(value: Any, environment: Mapping[str, str], key: str, mistakes: list[str]) -> Any:
    """Puts variables of the environment in, however deep they stand."""
    match value:
        case str():
            mistakes.extend(
                f"{key}: the environment variable {name} is not set. Set it, or write the value here."
                for name in _VARIABLE.findall(value)
                if name not in environment
            )
            return _VARIABLE.sub(lambda found: environment.get(found[1], ""), value)
        case Mapping():
            return {name: _fill(item, environment, f"{key}.{name}".lstrip("."), mistakes) for name, item in value.items()}
        case list():
            return [_fill(item, environment, f"{key}[{_label(item, place)}]", mistakes) for place, item in enumerate(value)]
        case _:
            return value


def _label(item: Any, place: int) -> str:
    return str(item.get("name", place)) if isinstance(item, Mapping) else str(place)


def _override(table: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Replaces keys by the variables that are named after them."""
    for section, model in _sections():
        for key in model.model_fields:
            value = environment.get(f"{_PREFIX}{section}_{key}".upper())
            if value is not None:
                table.setdefault(section, {})[key] = value
    for row in table.get("providers", []):
        if not isinstance(row, dict) or row.get("kind") not in registry.NAMES:
            continue
        for key in registry.load(row["kind"]).settings.model_fields:
            name = f"{_PREFIX}PROVIDERS_{row.get('name', '')}_{key}".upper().replace("-", "_")
            if name in environment and key not in {"name", "kind", "paths"}:
                row[key] = environment[name]


def _sections() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield name, field.annotation


def _providers(rows: list[Any], mistakes: list[str]) -> tuple[ProviderSettings, ...]:
    providers: dict[str, ProviderSettings] = {}
    for place, row in enumerate(rows):
        key = f"providers[{_label(row, place)}]"
        kind = row.get("kind") if isinstance(row, Mapping) else None
        if kind not in registry.NAMES:
            mistakes.append(f"{key}.kind: {kind!r} is no provider. Write one of {', '.join(registry.NAMES)}.")
            continue
        try:
            settings = registry.load(kind).settings.model_validate(row)
        except ValidationError as error:
            mistakes.extend(_explain(error, key))
            continue
        if settings.name in providers:
            mistakes.append(f"{key}.name: {settings.name!r} is given twice. Give every provider a name of its own.")
        providers[settings.name] = settings
    return tuple(providers.values())


def _explain(error: ValidationError, prefix: str) -> Iterator[str]:
    """One line for each mistake: the key, what is wrong, and the remedy; never the value, which may be a secret."""
    for detail in error.errors(include_input=False, include_url=False):
        key = ".".join(part for part in (prefix, *map(str, detail["loc"])) if part) or "the file"
        match detail["type"]:
            case "missing":
                yield f"{key}: is missing. Add it."
            case "extra_forbidden":
                yield f"{key}: is not a key that exists here. Remove it, or correct its spelling."
            case _:
                yield f"{key}: {detail['msg'].removeprefix('Value error, ')}."
