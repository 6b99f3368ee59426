"""Text rules of input fields by their name: the same rule in every input, for creation and change alike.

A test sends every field of the schema a text that its rule refuses: a new field without a rule fails there.
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

RULES: Final[Mapping[str, Rule]] = {
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
"""Rules of the inputs of mutations."""
FILTER_SUFFIX: Final = "Filter"
"""Inputs so named search texts of providers, which may hold anything: they have no rule."""
_names: Final = StrawberryConfig().name_converter
_MAX_PROBLEMS: Final = 50


def text_problems(input_: object, path: Path = ("input",)) -> list[Invalid]:
    """Checks the texts of an input, and of the inputs within it; returns at most 50 problems."""
    return [problem for _, problem in zip(range(_MAX_PROBLEMS), _check_input(input_, path), strict=False)]


def require_valid_texts(input_: object, path: Path = ("input",)) -> None:
    """Raises a group of ``Invalid`` for the texts of an input that break their rules."""
    if problems := text_problems(input_, path):
        raise ExceptionGroup("texts that are not taken", problems)


def require_text(rule: Rule, text: str, path: Path) -> None:
    """Raises ``Invalid`` for a text outside of an input that breaks a rule."""
    if message := rule(text):
        raise Invalid(message, path=path)


def _check_input(input_: object, path: Path) -> Iterator[Invalid]:
    class_: Any = type(input_)
    for name, attribute, check in _checks(class_):
        value = getattr(input_, attribute)
        if value is not None:
            yield from check(value, (*path, name))


@lru_cache(maxsize=256)
def _checks(class_: type[Any]) -> tuple[tuple[str, str, Check], ...]:
    """The fields of an input that hold text: the name, the attribute, and the check of its value."""
    definition = class_.__strawberry_definition__
    checks = []
    for field in definition.fields:
        name = _names.get_graphql_name(field)
        if (check := _check(definition.name, name, field.type)) is not None:
            checks.append((name, field.python_name, check))
    return tuple(checks)


def _check(input_name: str, name: str, type_: Any) -> Check | None:
    while isinstance(type_, StrawberryContainer):
        type_ = type_.of_type
    if type_ is str:
        return None if input_name.endswith(FILTER_SUFFIX) else _each(_check_text(RULES[name]))
    if type_ is Json:
        return _check_json
    return _each(_check_input) if hasattr(type_, "__strawberry_definition__") and not hasattr(type_, "__members__") else None


def _check_text(rule: Rule) -> Check:
    def check(text: Any, path: Path) -> Iterator[Invalid]:
        if message := rule(text):
            yield Invalid(message, path=path)

    return check


def _each(check: Check) -> Check:
    """The same check for a value, or for each item of a list."""

    def checked(value: Any, path: Path) -> Iterator[Invalid]:
        if isinstance(value, list):
            for place, item in enumerate(value):
                if item is not None:
                    yield from check(item, (*path, str(place)))
        else:
            yield from check(value, path)

    return checked


def _check_json(value: Any, path: Path) -> Iterator[Invalid]:
    """Checks the texts of a JSON value and the names of its members. It nests no deeper than a request may."""
    if isinstance(value, str):
        if message := text_rules.line(value):
            yield Invalid(message, path=path)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if message := text_rules.line(name):
                yield Invalid(message, path=path)
            yield from _check_json(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _check_json(inner, (*path, str(place)))
