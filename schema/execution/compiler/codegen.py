"""Writes, as Python, the function that makes the answer's object of a value.

What is expected costs what a person would have written by hand: an attribute read, a look at the class, a dictionary.
Whatever is not as expected is handed to ``Field``, which knows all the rules. No text of a client becomes part of the
code, but for names that GraphQL's grammar has let through.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from types import CodeType
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
    is_leaf_type,
)

from schema.execution.compiler.completion import enumerated
from schema.execution.compiler.field import Field
from schema.execution.compiler.resolvers import Attribute, Event, Function, Manner
from schema.execution.compiler.runtime_types import Known
from schema.execution.run import Pending, Select, hold, join, join_steady

Member = tuple[str, "Field | str", "Manner | None"]
"""A key of the object, the field under it or else its constant value, and how the field's value is had."""

_SHARED = {"Pending": Pending, "UTC": UTC, "datetime": datetime, "hold": hold, "join": join, "join_steady": join_steady}
_LEAVES = {
    GraphQLString.name: "type({v}) is str",
    GraphQLID.name: "type({v}) is str",
    GraphQLBoolean.name: "{v} is True or {v} is False",
    GraphQLInt.name: "type({v}) is int and -2147483648 <= {v} <= 2147483647",
    GraphQLFloat.name: "type({v}) is float and {v} - {v} == 0.0",
    "DateTime": "type({v}) is datetime and {v}.tzinfo is UTC",
}


class Writer:
    """Writes the functions of one schema."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def select(self, members: Sequence[Member], *, whole: bool = False) -> Select:
        """The function for an object of these members; ``whole`` says that nothing else is beside it."""
        space: dict[str, Any] = dict(_SHARED)
        body: list[str] = []
        shown: list[str] = []
        for place, (key, field, how) in enumerate(members):
            if isinstance(field, str):
                shown.append(f"{key!r}: {field!r}")
                continue
            space[f"F{place}"] = field
            body += self._member(place, field, how, space)
            shown.append(f"{key!r}: v{place}")
        steady = whole and all(isinstance(field, str) or field.nullable for _, field, _ in members)
        text = _FUNCTION.format(
            join="join_steady" if steady else "join",
            body="\n".join(f"        {line}" for line in body or ["pass"]),
            shown=", ".join(shown),
        )
        exec(_compiled(text), space)  # noqa: S102 - written above, of names alone
        select: Select = space["select"]
        return select

    def _member(self, place: int, field: Field, how: Manner | None, space: dict[str, Any]) -> list[str]:
        v, key = f"v{place}", field.key
        late = [f"if type({v}) is Pending: w = hold(w, {key!r}, {v})"]
        value = self._value(place, how, space)
        if value is None:
            return [f"{v} = F{place}.execute(o, x, p)", *late]
        if isinstance(how, Function) and how.coroutine:
            before, named = self._given(place, how, space)
            call = f"Pending(F{place}.called, R{place}, ({before}), dict({named}), x, (p, {key!r}))"
            lines = [f"{v} = {call}", f"w = hold(w, {key!r}, {v})"]
        else:
            lines = [f"{v} = {value}", *self._shown(place, field, space, late)]
        return [
            "try:",
            *(f"    {line}" for line in lines),
            "except Exception as e:",
            f"    {v} = F{place}.fail(e, x, (p, {key!r}))",
        ]

    def _value(self, place: int, how: Manner | None, space: dict[str, Any]) -> str | None:
        """The expression that has the value; None where it takes more than an expression."""
        if isinstance(how, Attribute):
            return f"o.{how.name}" if how.name.isidentifier() and not keyword.iskeyword(how.name) else None
        if isinstance(how, Event):
            return "o"
        if not isinstance(how, Function):
            return None
        before, named = self._given(place, how, space)
        return f"R{place}({before}{named})"

    def _given(self, place: int, how: Function, space: dict[str, Any]) -> tuple[str, str]:
        """What a function is called with: in order, as far as that is known, and by name."""
        space[f"R{place}"] = how.function
        taken: dict[str, str] = {}
        if how.source is not None:
            taken[how.source] = "o"
        if how.info is not None:
            taken[how.info] = "x.info"
        constant = how.arguments.constant
        if constant is None:
            space[f"A{place}"] = how.arguments.make
        for number, (name, given) in enumerate((constant or {}).items()):
            space[f"X{place}_{number}"] = given
            taken[name] = f"X{place}_{number}"
        order = [
            each.name for each in inspect.signature(how.function).parameters.values() if each.kind is each.POSITIONAL_OR_KEYWORD
        ]
        names = order[: len(taken)]
        rest = f"**x.given(A{place})" if constant is None else ""
        if set(names) == set(taken):
            return "".join(f"{taken[name]}, " for name in names), rest
        return "", "".join(f"{name}={given}, " for name, given in taken.items()) + rest

    def _shown(self, place: int, field: Field, space: dict[str, Any], late: list[str]) -> list[str]:
        """What becomes of the value that is in the variable."""
        v, key = f"v{place}", field.key
        type_ = field.definition.type
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        other = [f"{v} = F{place}.finish({v}, x, p)", *late]
        unless_none = f"elif {v} is not None:" if field.nullable else "else:"
        rest = [unless_none, *(f"    {line}" for line in other)]
        settled = [f"if type({v}) is Pending:", f"    {v} = Pending(F{place}.settled, {v}, x, (p, {key!r}))"]
        settled.append(f"    w = hold(w, {key!r}, {v})")
        if is_leaf_type(inner):
            return self._leaf(place, inner, field, space, other)
        if isinstance(inner, GraphQLObjectType):
            space[f"G{place}"] = field.selecting(inner)
            expected = self._expected(place, inner, space)
            lines = [f"{v} = G{place}({v}, x, (p, {key!r}))", *settled]
            return [f"if {expected}:", *(f"    {line}" for line in lines), *rest]
        if isinstance(inner, GraphQLList):
            space[f"L{place}"] = field.complete
            lines = [f"{v} = L{place}({v}, x, (p, {key!r})) if {v} else []", *settled]
            return [f"if type({v}) is tuple or type({v}) is list:", *(f"    {line}" for line in lines), *rest]
        return other

    def _leaf(self, place: int, type_: Any, field: Field, space: dict[str, Any], other: list[str]) -> list[str]:
        v = f"v{place}"
        if isinstance(type_, GraphQLEnumType):
            members = enumerated(type_)
            if members is None:
                return other
            space[f"E{place}"] = members
            unless_none = f"elif {v} is not None:" if field.nullable else "else:"
            return [
                f"if type({v}) is E{place}:",
                f"    {v} = {v}._name_",
                unless_none,
                *(f"    {line}" for line in other),
            ]
        expected = _LEAVES.get(type_.name)
        if expected is None:
            return [f"if {v} is not None:", *(f"    {line}" for line in other)] if field.nullable else other
        test = f"if not ({expected.format(v=v)})" + (f" and {v} is not None" if field.nullable else "")
        return [f"{test}:", *(f"    {line}" for line in other)]

    def _expected(self, place: int, type_: GraphQLObjectType, space: dict[str, Any]) -> str:
        described = self._known.described(type_)
        if described is not None:
            space[f"C{place}"] = described
            return f"type(v{place}) is C{place}"
        space[f"C{place}"] = self._known.classes(type_)
        return f"type(v{place}) in C{place}"


_FUNCTION = """\
def select(o, x, p):
    w = None
    try:
{body}
    except Exception:
        if w is not None:
            x.leave(list(w.values()))
        raise
    r = {{{shown}}}
    return r if w is None else Pending({join}, r, w)
"""


@lru_cache(maxsize=512)
def _compiled(text: str) -> CodeType:
    return compile(text, "<selection>", "exec")
