"""Binding of GraphQL types to model classes: resolvers return model objects as they are, and no type copies one.

Purity is declared here as well. The fragment cache keeps the JSON of a frozen object where every selected field is pure: a
plain attribute, or a resolver or property that is marked. Unmarked ones are called for every response, because a frozen
object may still hold something that changes, as a counter does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import iscoroutinefunction, signature
from typing import Any, Final, TypeVar

import strawberry

T = TypeVar("T")

PURE: Final[Mapping[str, bool]] = {"pure": True}
"""Metadata of a field whose value depends on its frozen object and on literal arguments alone."""


def describes(values: type) -> Callable[[type[T]], type[T]]:
    """Binds the decorated class (under ``strawberry.type``) to a model class, whose attributes are its fields."""

    def decorate(cls: type[T]) -> type[T]:
        def is_type_of(owner: object, value: object, info: object) -> bool:
            return isinstance(value, values)

        is_type_of.values = values  # type: ignore[attr-defined]
        cls.is_type_of = classmethod(is_type_of)  # type: ignore[attr-defined]
        return cls

    return decorate


def resolved(by: Callable[..., object], description: str | None = None, *, name: str | None = None, pure: bool = False) -> Any:
    """A field with a resolver: the attribute's annotation is its GraphQL type, the function returns its value.

    Raises ``TypeError`` where a resolver is declared pure that takes ``info`` or has to be awaited.
    """
    if pure and (iscoroutinefunction(by) or "info" in signature(by).parameters):
        raise TypeError(f"{by.__qualname__} cannot be pure: it takes info, or has to be awaited")
    return strawberry.field(resolver=by, description=description, name=name, metadata=PURE if pure else None)


def followed(by: Callable[..., object], description: str) -> Any:
    """A field of the subscription type: the function returns its source event stream, the annotation is their GraphQL type."""
    return strawberry.subscription(resolver=by, description=description)
