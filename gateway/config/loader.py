"""Configuration loader: one TOML file, ``${VARIABLES}`` from the environment, and an override for every key.

``COUNTERSIGN_SERVER_PORT`` overrides ``port`` under ``[server]``; ``COUNTERSIGN_PROVIDERS_SIGNICAT_NO_TIMEOUT``
overrides ``timeout`` of the provider named ``signicat-no``, and ``COUNTERSIGN_PROVIDERS_SIGNICAT_NO_PATHS_LIST_SESSIONS``
the path ``list_sessions`` under its ``paths``, and likewise for ``webhook``. An override is a literal; a list is separated
by commas.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from gateway.config.secret_strength import REMEDY, is_guessable
from gateway.config.settings import Settings
from gateway.config.url_check import proxy_mistakes
from providers import registry
from providers.errors import ConfigurationError
from providers.settings import ProviderSettings
from providers.webhook import WebhookSettings

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PREFIX: Final = "COUNTERSIGN_"

Mistakes = dict[str, str]
"""Messages by key: the mistake, and its remedy."""


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
    mistakes: Mistakes = {}
    filled = _fill(table, environment, "", mistakes)
    _override(filled, environment, mistakes)
    providers = _providers(filled.pop("providers", []), mistakes)
    if providers:
        mistakes |= proxy_mistakes(environment)
    settings = Settings()
    try:
        settings = Settings.model_validate(filled)
    except ValidationError as error:
        _explain(error, "", mistakes)
    if mistakes:
        lines = (f"  - {key}: {mistake}" for key, mistake in mistakes.items())
        raise ConfigurationError("The configuration cannot be used:\n" + "\n".join(lines))
    return settings.model_copy(update={"providers": providers})


def _fill(value: Any, environment: Mapping[str, str], key: str, mistakes: Mistakes) -> Any:
    """Substitutes environment variables at any depth."""
    match value:
        case str():
            unset = [name for name in dict.fromkeys(_VARIABLE.findall(value)) if name not in environment]
            if unset:
                reasons = ", ".join(f"the environment variable {name} is not set" for name in unset)
                mistakes[key] = f"{reasons}. Set it, or write the value here."
            return _VARIABLE.sub(lambda match: environment.get(match[1], ""), value)
        case Mapping():
            return {name: _fill(item, environment, f"{key}.{name}".lstrip("."), mistakes) for name, item in value.items()}
        case list():
            return [_fill(item, environment, f"{key}[{_label(item, index)}]", mistakes) for index, item in enumerate(value)]
        case _:
            return value


def _label(item: Any, index: int) -> str:
    return str(item.get("name", index)) if isinstance(item, Mapping) else str(index)


def _override(table: dict[str, Any], environment: Mapping[str, str], mistakes: Mistakes) -> None:
    """Replaces keys by the variables that are named after them, and drops the mistakes of replaced values."""
    for section, path, names in _overridable(table):
        for name in names if isinstance(section, dict) else ():
            key = f"{path}.{name}"
            value = environment.get(_PREFIX + re.sub(r"\W+", "_", key).upper())
            if value is not None:
                section[name] = value
                for resolved in [each for each in mistakes if each == key or each.startswith(f"{key}[")]:
                    del mistakes[resolved]


def _overridable(table: dict[str, Any]) -> Iterator[tuple[Any, str, Iterable[str]]]:
    """The tables that have overrides: each with its path and the keys that it may have."""
    for section, model in _tables(Settings):
        yield table.setdefault(section, {}), section, model.model_fields
    rows = table.get("providers")
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        if isinstance(row, dict) and row.get("kind") in registry.NAMES:
            settings, path = registry.load(row["kind"]).settings, f"providers[{_label(row, index)}]"
            inner = dict(_tables(settings))
            yield row, path, settings.model_fields.keys() - {"name", "kind", "paths", *inner}
            for name, model in inner.items():
                yield row.setdefault(name, {}), f"{path}.{name}", model.model_fields
            yield row.setdefault("paths", {}), f"{path}.paths", settings.PATHS


def _tables(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The nested tables of a table, by key."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield name, field.annotation


def _providers(rows: Any, mistakes: Mistakes) -> tuple[ProviderSettings, ...]:
    if not isinstance(rows, list):
        mistakes["providers"] = "is no list of tables. Write [[providers]] above each, with two brackets."
        return ()
    providers: list[ProviderSettings] = []
    names: set[object] = set()
    for index, row in enumerate(rows):
        key = f"providers[{_label(row, index)}]"
        kind = row.get("kind") if isinstance(row, Mapping) else None
        if kind not in registry.NAMES:
            mistake = "is missing" if kind is None else f"{kind!r} is no provider"
            mistakes.setdefault(f"{key}.kind", f"{mistake}. Write one of {', '.join(registry.NAMES)}.")
        else:
            try:
                provider = registry.load(kind).settings.model_validate(row)
            except ValidationError as error:
                _explain(error, key, mistakes)
            else:
                providers.append(provider)
                webhook = getattr(provider, "webhook", None)
                if isinstance(webhook, WebhookSettings) and any(
                    is_guessable(each.get_secret_value()) for each in webhook.secrets
                ):
                    mistakes[f"{key}.webhook.secrets"] = f"has a secret that anybody would try. {REMEDY}."
        name = row.get("name") if isinstance(row, Mapping) else None
        if isinstance(name, str) and name in names:
            mistakes.setdefault(f"{key}.name", f"{name!r} is given twice. Give every provider a name of its own.")
        names.add(str(name))
    return tuple(providers)


def _explain(error: ValidationError, prefix: str, mistakes: Mistakes) -> None:
    """Adds a message for each mistake, with its remedy; never the value, which may be a secret."""
    for detail in error.errors(include_input=False, include_url=False):
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in detail["loc"])
        key = f"{prefix}{''.join(steps)}".lstrip(".") or "the file"
        match detail["type"]:
            case "missing":
                text = "is missing. Add it."
            case "extra_forbidden":
                text = "is not a key that exists here. Remove it, or correct its spelling."
            case "too_short" | "string_too_short":
                text = "is empty. Write its value, or leave the key out where it is optional."
            case "literal_error":
                text = f"has another value than it can have. Write {detail['ctx']['expected']}."
            case "model_type" | "dict_type":
                text = "is no table. Write its keys below it."
            case _:
                text = f"{detail['msg'].removeprefix('Value error, ')}."
        mistakes.setdefault(key, text)
