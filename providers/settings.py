"""Settings of a provider: the keys that every one has; each adds its own in its ``settings``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal
from unicodedata import category

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

from providers.errors import NotFound
from providers.http.message.url import is_safe_segment, path_template_errors, quote_segment, validate_base_url, validate_url

TransportName = Literal["http1", "httpx"]
_MOST_SECONDS: Final = 100 * 366 * 86_400.0
MAX_NUMBER: Final = 2**53
"""The largest integer that JSON readers hold exactly."""
_UNSENDABLE: Final = frozenset({"Cc", "Cs"})
HttpUrl = Annotated[str, AfterValidator(validate_base_url)]
"""A base URL."""
HttpQueryUrl = Annotated[str, AfterValidator(validate_url)]
"""A complete URL, which may have a query."""


def validate_bounds(value: object) -> object:
    """Checks a setting: numbers are small enough to compute with, texts can be sent in a header. Raises ``ValueError``."""
    if isinstance(value, float) and not abs(value) <= _MOST_SECONDS:
        raise ValueError("must be a number of at most a hundred years in seconds (3162240000)")
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise ValueError(f"must be a number of at most {MAX_NUMBER}")
    if not all(map(_is_line, _texts(value))):
        raise ValueError("must be one line of text in UTF-8: look for a line break at its end, or another control character")
    return value


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case SecretStr():
            yield value.get_secret_value()
        case Path():
            yield str(value)
        case tuple():
            for item in value:
                yield from _texts(item)
        case dict():
            yield from _texts((*value, *value.values()))


def _is_line(text: str) -> bool:
    """Whether it has neither control characters nor surrogates, which stand for bytes that are no UTF-8."""
    return text.isprintable() or not any(category(char) in _UNSENDABLE for char in text)


class ProviderSettings(BaseModel):
    """One ``[[providers]]`` table.

    ``transport`` sends the calls: ``http1`` is our own, ``httpx`` is more lenient and speaks HTTP/2, at thirty times the CPU.
    ``timeout`` and the poll intervals are seconds: ``poll_interval`` is how often its list is read, and sessions that
    have changed lately; ``poll_interval_watched`` is for those with subscribers. ``poll_budget`` is how many calls
    a minute the watcher may leave the provider with. ``paths`` overrides entries of the path table, for paths that the
    vendor does not publish.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    PATHS: ClassVar[dict[str, str]] = {}

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    kind: str
    display_name: str = ""
    environment: str = "production"
    base_url: HttpUrl
    transport: TransportName = "http1"
    timeout: float = Field(default=10.0, gt=0, le=300)
    max_concurrency: int = Field(default=16, ge=1, le=1000)
    poll_interval: float = Field(default=30.0, ge=0.05)
    poll_interval_watched: float = Field(default=2.0, ge=0.05)
    poll_budget: int = Field(default=240, ge=1)
    max_answer_bytes: int = Field(default=32 * 2**20, ge=1024)
    paths: dict[str, str] = Field(default_factory=dict)

    _bounded = field_validator("*")(validate_bounds)

    @field_validator("paths")
    @classmethod
    def _known_paths(cls, paths: dict[str, str]) -> dict[str, str]:
        names = ", ".join(sorted(cls.PATHS)) or "none"
        mistakes = [f"{name} unknown; this provider has {names}" for name in sorted(paths.keys() - cls.PATHS.keys())]
        for name in paths.keys() & cls.PATHS.keys():
            mistakes += [f"{name} {mistake}" for mistake in path_template_errors(paths[name], cls.PATHS[name])]
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return paths

    def path(self, name: str, **keys: str | int) -> str:
        """The path of an operation relative to ``base_url``, with its keys filled in.

        Raises ``NotFound`` for a key that would lead to another path (path traversal).
        """
        path = _fill(self.paths.get(name) or self.PATHS[name], tuple(keys.items()))
        if path is None:
            raise NotFound("There is nothing of that key.", provider=self.name)
        return path

    def secrets(self) -> tuple[SecretStr, ...]:
        """Every credential in this table and those within it, to be kept out of messages."""
        return tuple(_secrets(self))


@lru_cache(maxsize=1_024)
def _fill(template: str, keys: Iterable[tuple[str, str | int]]) -> str | None:
    """A path template with these keys filled in; None where one of them is unsafe."""
    texts = {name: str(value) for name, value in keys}
    if any(not is_safe_segment(value) and f"{{{name}}}" in template for name, value in texts.items()):
        return None
    return template.format_map({name: quote_segment(value) for name, value in texts.items()})


def _secrets(value: object) -> Iterator[SecretStr]:
    match value:
        case SecretStr():
            yield value
        case BaseModel():
            for _, item in value:
                yield from _secrets(item)
        case tuple():
            for item in value:
                yield from _secrets(item)
