"""What every provider's configuration has in common; each adds its own keys in its ``wire``."""

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
"""The largest number that JSON and a float have in common."""
_UNSENDABLE: Final = frozenset({"Cc", "Cs"})
HttpUrl = Annotated[str, AfterValidator(validate_base_url)]
"""An address that paths are put behind."""
HttpQueryUrl = Annotated[str, AfterValidator(validate_url)]
"""An address that is called as it is, and may have a query."""


def validate_bounds(value: object) -> object:
    """A value of the configuration: numbers small enough to be computed with, texts that can be sent. Raises ``ValueError``."""
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
    """Whether it has neither control characters nor halves of characters, as which bytes that are no UTF-8 are read."""
    return text.isprintable() or not any(category(char) in _UNSENDABLE for char in text)


class ProviderSettings(BaseModel):
    """One ``[[providers]]`` table.

    ``transport`` is how calls travel: ``http1`` is our own, ``httpx`` reads more and speaks HTTP/2, at thirty times the CPU.
    ``timeout`` and the poll intervals are seconds: ``poll_interval`` is how often its list is read, and sessions that
    have changed lately; ``poll_interval_watched`` is for those that somebody follows. ``poll_budget`` is how many calls
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
        known = ", ".join(sorted(cls.PATHS)) or "none"
        mistakes = [f"{name} unknown; this provider has {known}" for name in sorted(paths.keys() - cls.PATHS.keys())]
        for name in paths.keys() & cls.PATHS.keys():
            mistakes += [f"{name} {mistake}" for mistake in path_template_errors(paths[name], cls.PATHS[name])]
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return paths

    def path(self, name: str, **keys: str | int) -> str:
        """The path of an operation relative to ``base_url``, with keys put in where the table has braces.

        Raises ``NotFound`` for what can be no key: it would lead to the path of something else.
        """
        found = _filled(self.paths.get(name) or self.PATHS[name], tuple(keys.items()))
        if found is None:
            raise NotFound("There is nothing of that key.", provider=self.name)
        return found

    def secrets(self) -> tuple[SecretStr, ...]:
        """Every credential in this table and those within it, so that it can be kept out of messages."""
        return tuple(_secrets(self))


@lru_cache(maxsize=1_024)
def _filled(template: str, keys: Iterable[tuple[str, str | int]]) -> str | None:
    """A path with these keys in it; None where one of them can be none."""
    put = {name: str(value) for name, value in keys}
    if any(not is_safe_segment(value) and f"{{{name}}}" in template for name, value in put.items()):
        return None
    return template.format_map({name: quote_segment(value) for name, value in put.items()})


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
