"""Input bounds: how large each argument may be, checked on raw values before any of them is converted.

Conversion costs hundreds of times what this check does, and some of it is done by libraries whose cost is not linear. A list
is refused by its length, before its items are looked at: the check never costs more than the largest input that is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final, Protocol

from providers.errors import Invalid, TooLarge

_INTEGER: Final = 2**63
_MAX_NAME: Final = 200
_MAX_STRAY: Final = 1_000


@dataclass(slots=True)
class Budget:
    """Budget of one operation: the values that its inputs may still have, all lists and objects together."""

    left: int

    def spend(self, values: int) -> None:
        """Counts values. Raises ``TooLarge`` where the budget is exhausted."""
        self.left -= values
        if self.left < 0:
            raise TooLarge("The inputs of this operation have more values in all than are taken. Send less at a time.")


class InputBound(Protocol):
    """The bound of one input."""

    def check(self, value: Any, budget: Budget) -> None:
        """Raises ``Invalid`` or ``TooLarge``, whose ``path`` leads from this input to the value that is too large.

        A value of a wrong type passes: its coercion refuses it, at the same cost for any size.
        """


@dataclass(frozen=True, slots=True)
class TextBound:
    """Bound of a text's characters."""

    most: int

    def check(self, value: Any, budget: Budget) -> None:
        """Refuses a text that is too long, and a number that stands for one."""
        if type(value) is str:
            if len(value) > self.most:
                raise Invalid(f"This has {len(value):,} characters; at most {self.most:,} are taken here.")
        elif type(value) is int:
            NUMBER.check(value, budget)


@dataclass(frozen=True, slots=True)
class NumberBound:
    """Bound of a number's digits, so that no later conversion overflows."""

    def check(self, value: Any, budget: Budget) -> None:
        """Refuses an integer that no 64 bits hold, a decimal that is beyond all, and a long text in its place."""
        if (type(value) is int and not -_INTEGER <= value < _INTEGER) or (type(value) is float and not isfinite(value)):
            raise Invalid("This number has more digits than any that is taken here.")
        if type(value) is str:
            STRAY.check(value, budget)


@dataclass(frozen=True, slots=True)
class ListBound:
    """Bound of a list's length, and of each item."""

    most: int
    item: InputBound

    def check(self, value: Any, budget: Budget) -> None:
        """Refuses a list that is too long before it looks at its items."""
        if type(value) is not list:
            self.item.check(value, budget)
            return
        if len(value) > self.most:
            raise TooLarge(f"This list has {len(value):,} items; at most {self.most:,} are taken here.")
        budget.spend(len(value))
        check = self.item.check
        for place, each in enumerate(value):
            try:
                check(each, budget)
            except Invalid as error:
                error.path = (str(place), *error.path)
                raise


@dataclass(slots=True)
class ObjectBound:
    """Bounds of an input object's fields. ``fields`` is filled later, as input types may contain each other."""

    fields: dict[str, InputBound] = field(default_factory=dict)

    def check(self, value: Any, budget: Budget) -> None:
        """Refuses an object with more fields than there are, and each field that is too large."""
        if type(value) is not dict:
            STRAY.check(value, budget)
            return
        if len(value) > len(self.fields):
            raise Invalid(f"This object has {len(value):,} fields; there are {len(self.fields)}.")
        budget.spend(len(value))
        for name, each in value.items():
            try:
                self.fields.get(name, STRAY).check(each, budget)
                if len(name) > _MAX_NAME:
                    raise Invalid(f"A field has a name of {len(name):,} characters; at most {_MAX_NAME} are taken.")
            except Invalid as error:
                error.path = (name[:_MAX_NAME], *error.path)
                raise


@dataclass(frozen=True, slots=True)
class JsonBound:
    """Bounds of a JSON value: its depth, and its values and characters in all."""

    depth: int
    values: int
    characters: int

    def check(self, value: Any, budget: Budget) -> None:
        """Refuses a value that is too deep or too large; level by level, so that no depth exhausts the stack."""
        level, values, characters = [value], 1, 0
        for _ in range(self.depth + 1):
            below: list[Any] = []
            for each in level:
                if type(each) is dict:
                    values += len(each)
                    if values <= self.values:
                        characters += sum(map(len, each))
                        below += each.values()
                elif type(each) is list:
                    values += len(each)
                    if values <= self.values:
                        below += each
                elif type(each) is str:
                    characters += len(each)
                else:
                    NUMBER.check(each, budget)
            if values > self.values or characters > self.characters:
                raise TooLarge(
                    f"This JSON is too large: at most {self.values:,} values and {self.characters:,} characters are taken."
                )
            if not (level := below):
                budget.spend(values)
                return
        raise TooLarge(f"This JSON nests more than {self.depth} levels deep.")


NUMBER: Final = NumberBound()
STRAY: Final = TextBound(_MAX_STRAY)
"""Bound of a text where none is expected: a message repeats it."""


@dataclass(frozen=True, slots=True)
class Use:
    """Place of a variable: the bound there, and the path of the input."""

    bound: InputBound
    path: tuple[str, ...]

    def check(self, value: Any, budget: Budget) -> None:
        """Raises ``Invalid`` with the whole path."""
        try:
            self.bound.check(value, budget)
        except Invalid as error:
            error.path = (*self.path, *error.path)
            raise


Uses = Mapping[str, Sequence[Use]]
"""The places of each variable of a document."""


@dataclass(frozen=True, slots=True)
class InputBounds:
    """Bounds of a schema's arguments by type and field; ``values`` bounds those of one operation in all."""

    arguments: Mapping[str, Mapping[str, Mapping[str, InputBound]]]
    values: int

    def of(self, type_: str, field_: str) -> Mapping[str, InputBound]:
        """The bounds of a field's arguments."""
        return self.arguments.get(type_, {}).get(field_, {})

    def budget(self) -> Budget:
        """A new budget, for one operation."""
        return Budget(self.values)
