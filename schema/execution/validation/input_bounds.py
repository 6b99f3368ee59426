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
_LONGEST_NAME: Final = 200
_LONGEST_STRAY: Final = 1_000


@dataclass(slots=True)
class Budget:
    """The values that the inputs of one operation may still have, all lists and objects together."""

    left: int

    def spend(self, values: int) -> None:
        """Counts values. Raises ``TooLarge`` where there are more than one operation may have."""
        self.left -= values
        if self.left < 0:
            raise TooLarge("The inputs of this operation have more values in all than are taken. Send less at a time.")


class InputBound(Protocol):
    """The bound of one input."""

    def check(self, value: Any, budget: Budget) -> None:
        """Raises ``Invalid`` or ``TooLarge``, whose ``path`` leads from here to what is too large.

        A value of another type than is wanted passes: whoever converts it says so, at the same cost for any size.
        """


@dataclass(frozen=True, slots=True)
class TextBound:
    """The characters of a text."""

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
    """The digits of a number: no conversion that follows may overflow."""

    def check(self, value: Any, budget: Budget) -> None:
        """Refuses an integer that no 64 bits hold, a decimal that is beyond all, and a long text in its place."""
        if (type(value) is int and not -_INTEGER <= value < _INTEGER) or (type(value) is float and not isfinite(value)):
            raise Invalid("This number has more digits than any that is taken here.")
        if type(value) is str:
            STRAY.check(value, budget)


@dataclass(frozen=True, slots=True)
class ListBound:
    """The items of a list, and each of them."""

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
    """The fields of an input object. ``fields`` is filled once, as types may be within each other."""

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
                if len(name) > _LONGEST_NAME:
                    raise Invalid(f"A field has a name of {len(name):,} characters; at most {_LONGEST_NAME} are taken.")
            except Invalid as error:
                error.path = (name[:_LONGEST_NAME], *error.path)
                raise


@dataclass(frozen=True, slots=True)
class JsonBound:
    """Any JSON value: how deep it nests, and its values and characters in all."""

    depth: int
    values: int
    characters: int

    def check(self, value: Any, budget: Budget) -> None:
        """Refuses what is too deep or too large, level by level: no recursion, whatever the depth."""
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
STRAY: Final = TextBound(_LONGEST_STRAY)
"""What stands where no text is wanted, and is named in a message."""


@dataclass(frozen=True, slots=True)
class Use:
    """A place that a variable stands in: the bound there, and the path of the input that it is."""

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
"""Where each variable of a document stands."""


@dataclass(frozen=True, slots=True)
class InputBounds:
    """The bounds of a schema: by type and field, each argument's. ``values`` bounds those of one operation in all."""

    arguments: Mapping[str, Mapping[str, Mapping[str, InputBound]]]
    values: int

    def of(self, type_: str, field_: str) -> Mapping[str, InputBound]:
        """The bounds of a field's arguments."""
        return self.arguments.get(type_, {}).get(field_, {})

    def budget(self) -> Budget:
        """What one operation may have."""
        return Budget(self.values)
