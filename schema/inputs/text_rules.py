"""The text rule of every field of every input, by the field's name: one for all inputs, so that none has rules of its own.

A test sends every field of the schema what its rule refuses: a new field without a rule fails there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import StrawberryContainer

from gateway import text_rules
from gateway.text_rules import Rule
from providers.errors import Invalid
from schema.scalars import Json

Path = tuple[str, ...]
Check = Callable[[Any, Path], Iterator[Invalid]]

BY_NAME: Final[Mapping[str, Rule]] = {
    "provider": text_rules.name,
    "title": text_rules.title,
    "reference": text_rules.name,
    "reason": text_rules.reason,
    "message": text_rules.lines,
    "description": text_rules.lines,
    "filename": text_rules.filename,
    "ref": text_rules.name,
    "participantRef": text_rules.name,
    "type": text_rules.name,
    "firstName": text_rules.name,
    "middleName": text_rules.name,
    "lastName": text_rules.name,
    "email": text_rules.email,
    "phone": text_rules.phone,
    "language": text_rules.language,
    "document": text_rules.name,
    "thread": text_rules.name,
    "content": text_rules.content,
    "comment": text_rules.name,
    "createdBy": text_rules.name,
    "tags": text_rules.name,
    "idempotencyKey": text_rules.name,
}
"""Of every input that changes something."""
FILTERS: Final = "Filter"
"""Inputs whose name ends so ask for what is there, and providers' own titles hold anything: their texts have no rule."""
_names: Final = StrawberryConfig().name_converter
_MOST: Final = 50
"""Problems told at once."""


def problems(given: object, path: Path = ("input",)) -> list[Invalid]:
    """What is wrong with the texts of an input, and of the inputs within it; at most 50."""
    return [problem for _, problem in zip(range(_MOST), _of(given, path), strict=False)]


def require(given: object, path: Path = ("input",)) -> None:
    """Raises a group of ``Invalid`` where texts of an input are not what they may be."""
    if found := problems(given, path):
        raise ExceptionGroup("texts that are not taken", found)


def require_text(rule: Rule, text: str, path: Path) -> None:
    """Raises ``Invalid`` where a text that is no part of an input is not what it may be."""
    if wrong := rule(text):
        raise Invalid(wrong, path=path)


def _of(given: object, path: Path) -> Iterator[Invalid]:
    kind: Any = type(given)
    for name, attribute, check in _checks(kind):
        value = getattr(given, attribute)
        if value is not None:
            yield from check(value, (*path, name))


@lru_cache(maxsize=256)
def _checks(kind: type[Any]) -> tuple[tuple[str, str, Check], ...]:
    """The name of each field that holds text, the attribute that it is in, and how its value is checked."""
    definition = kind.__strawberry_definition__
    found = []
    for field in definition.fields:
        name = _names.get_graphql_name(field)
        if (check := _check(definition.name, name, field.type)) is not None:
            found.append((name, field.python_name, check))
    return tuple(found)


def _check(kind: str, name: str, type_: Any) -> Check | None:
    while isinstance(type_, StrawberryContainer):
        type_ = type_.of_type
    if type_ is str:
        return None if kind.endswith(FILTERS) else _each(_texts(BY_NAME[name]))
    if type_ is Json:
        return _json
    return _each(_of) if hasattr(type_, "__strawberry_definition__") and not hasattr(type_, "__members__") else None


def _texts(rule: Rule) -> Check:
    def check(text: Any, path: Path) -> Iterator[Invalid]:
        if wrong := rule(text):
            yield Invalid(wrong, path=path)

    return check


def _each(check: Check) -> Check:
    """The same check, for each item where there is a list of them."""

    def checked(value: Any, path: Path) -> Iterator[Invalid]:
        if isinstance(value, list):
            for place, item in enumerate(value):
                if item is not None:
                    yield from check(item, (*path, str(place)))
        else:
            yield from check(value, path)

    return checked


def _json(value: Any, path: Path) -> Iterator[Invalid]:
    """The texts of a JSON value, also those that its members are called by. It nests no deeper than a request may."""
    if isinstance(value, str):
        if wrong := text_rules.line(value):
            yield Invalid(wrong, path=path)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if wrong := text_rules.line(name):
                yield Invalid(wrong, path=path)
            yield from _json(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _json(inner, (*path, str(place)))
