"""Ties a GraphQL type to the values that it describes, so that resolvers return those as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import strawberry

T = TypeVar("T")


def describes(values: type) -> Callable[[type[T]], type[T]]:
    """The decorated class (under ``strawberry.type``) is the type of these values, whose attributes are its fields."""

    def decorate(cls: type[T]) -> type[T]:
        def is_type_of(owner: object, value: object, info: object) -> bool:
            return isinstance(value, values)

        is_type_of.values = values  # type: ignore[attr-defined]
        cls.is_type_of = classmethod(is_type_of)  # type: ignore[attr-defined]
        return cls

    return decorate


def resolved(by: Callable[..., object], description: str | None = None) -> Any:
    """A field whose value a function makes. The attribute's annotation is its GraphQL type, the function's its value."""
    return strawberry.field(resolver=by, description=description)


def followed(by: Callable[..., object], description: str) -> Any:
    """A field of the subscription type: a function gives the values to come, the annotation says their GraphQL type."""
    return strawberry.subscription(resolver=by, description=description)
