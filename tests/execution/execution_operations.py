"""Operation generator: every kind of field, argument, fragment and directive over a schema, mostly valid."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)

_SESSION = ["Session", "acme", "k0"]
_IDS = (
    _SESSION,
    ["Session", "umbrella", "k1"],
    ["Document", "acme", "k0", "k1"],
    ["Participant", "acme", "k0", "k0"],
    ["SignatureField", "acme", "k0", "k2"],
    ["Signature", "acme", "k0", "k0"],
    ["Provider", "acme"],
    ["SessionEvent", "3"],
)
_SCALARS: dict[str, tuple[Any, ...]] = {
    "ID": tuple(base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in _IDS),
    "String": ("acme", "umbrella", "k0", "k1", "", "Čeština"),
    "Int": (0, 1, 2, 50, 101),
    "Float": (0.5, 2, -1.25),
    "Boolean": (True, False),
    "DateTime": ("2026-05-01T12:00:00Z", "2026-05-01T12:00:00.5+02:00"),
    "Duration": ("PT10M", "P1Y", "PT0S"),
    "JSON": ({"a": [1, {"b": None}]}, "text", 1, [], True),
    "Upload": ("file",),
}
_WRONG = (None, "wrong", 12, -1.5, True, [], {}, {"unknown": 1}, 2**40)


@dataclass
class Made:
    """An operation on its way."""

    dice: Random
    schema: GraphQLSchema
    variables: dict[str, Any] = field(default_factory=dict)
    declared: list[str] = field(default_factory=list)
    fragments: dict[str, str] = field(default_factory=dict)
    aliases: int = 0
    room: int = 14

    def variable(self, type_: Any, *, wrong: float = 0.04) -> str:
        """A variable of a type, declared and mostly given."""
        name = f"v{len(self.declared)}"
        default = ""
        if self.dice.random() < 0.25:
            shown = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
            default = f" = {literal(self.value(type_), shown)}"
            type_ = shown if self.dice.random() < 0.7 else type_
        self.declared.append(f"${name}: {type_}{default}")
        chance = self.dice.random()
        if chance < wrong:
            self.variables[name] = self.dice.choice(_WRONG)
        elif chance < 0.9 or (isinstance(type_, GraphQLNonNull) and not default and chance < 0.98):
            self.variables[name] = self.value(type_)
        return f"${name}"

    def value(self, type_: Any, depth: int = 0) -> Any:
        """A value of an input type, as JSON."""
        dice = self.dice
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        elif dice.random() < 0.12:
            return None
        if isinstance(type_, GraphQLList):
            return [self.value(type_.of_type, depth + 1) for _ in range(dice.randrange(3))]
        if isinstance(type_, GraphQLEnumType):
            return dice.choice(list(type_.values))
        if isinstance(type_, GraphQLInputObjectType):
            return {
                name: self.value(each.type, depth + 1)
                for name, each in type_.fields.items()
                if isinstance(each.type, GraphQLNonNull) or dice.random() < 0.3 / (depth + 1)
            }
        return dice.choice(_SCALARS[type_.name])

    def arguments(self, definition: GraphQLField) -> str:
        given = []
        for name, argument in definition.args.items():
            must = isinstance(argument.type, GraphQLNonNull)
            if not must and self.dice.random() < 0.6:
                continue
            chance = self.dice.random()
            if chance < 0.4:
                shown = self.variable(argument.type)
            elif chance < 0.5 and isinstance(named := _bare(argument.type), GraphQLInputObjectType):
                shown = self._holding(named)
            else:
                shown = literal(self.value(argument.type), argument.type)
            given.append(f"{name}: {shown}")
        return f"({', '.join(given)})" if given else ""

    def _holding(self, type_: GraphQLInputObjectType) -> str:
        """An object with variables inside."""
        parts = []
        for name, each in type_.fields.items():
            if isinstance(each.type, GraphQLNonNull) or self.dice.random() < 0.3:
                inside = self.dice.random() < 0.4
                parts.append(f"{name}: {self.variable(each.type) if inside else literal(self.value(each.type), each.type)}")
        return "{" + ", ".join(parts) + "}"

    def directives(self) -> str:
        if self.dice.random() > 0.12:
            return ""
        name = self.dice.choice(["skip", "include"])
        chance = self.dice.random()
        shown = self.variable(GraphQLNonNull(self.schema.type_map["Boolean"]), wrong=0.02) if chance < 0.6 else "true"
        return f" @{name}(if: {shown if chance < 0.8 else 'false'})"

    def selection(self, type_: GraphQLNamedType, depth: int) -> str:
        """What is selected of a type."""
        parts = [self._part(type_, depth) for _ in range(self.dice.randrange(1, 5))]
        return "{ " + " ".join(parts) + " }"

    def _part(self, type_: GraphQLNamedType, depth: int) -> str:
        chance = self.dice.random()
        if chance < 0.08:
            return f"__typename{self.directives()}"
        if is_abstract_type(type_) and chance < 0.8:
            inner = self.dice.choice(list(self.schema.get_possible_types(type_)))
            return f"... on {inner.name}{self.directives()} {self.selection(inner, depth)}"
        if chance < 0.16 and depth > 0:
            inner = self.dice.choice([None, type_, *_above(type_)])
            condition = "" if inner is None else f" on {inner.name}"
            return f"...{condition}{self.directives()} {self.selection(inner or type_, depth - 1)}"
        if chance < 0.24 and depth > 0:
            return f"...{self._fragment(type_, depth - 1)}{self.directives()}"
        if isinstance(type_, GraphQLUnionType):
            return "__typename"
        return self._field(type_, depth)

    def _field(self, type_: Any, depth: int) -> str:
        self.room -= 1
        names = list(type_.fields)
        shallow = [name for name in names if is_leaf_type(get_named_type(type_.fields[name].type))]
        name = self.dice.choice(names if (depth > 0 and self.room > 0) or not shallow else shallow)
        definition = type_.fields[name]
        named = get_named_type(definition.type)
        arguments = self.arguments(definition)
        alias = ""
        if arguments or self.dice.random() < 0.15:
            self.aliases += 1
            alias = f"a{self.aliases}: "
        inner = "" if is_leaf_type(named) else " " + self.selection(named, depth - 1)
        return f"{alias}{name}{arguments}{self.directives()}{inner}"

    def _fragment(self, type_: GraphQLNamedType, depth: int) -> str:
        name = f"f{len(self.fragments)}"
        fitting = [each for each, text in self.fragments.items() if text.startswith(f"fragment {each} on {type_.name} ")]
        if fitting and self.dice.random() < 0.4:
            return self.dice.choice(fitting)
        self.fragments[name] = ""
        self.fragments[name] = f"fragment {name} on {type_.name} {self.selection(type_, depth)}"
        return name


def operation(seed: int, schema: GraphQLSchema) -> tuple[str, dict[str, Any], str | None]:
    """An operation, its variables, and its name where there are several."""
    dice = Random(seed)
    made = Made(dice, schema)
    kind = dice.choices(["query", "mutation", "subscription"], [6, 3, 1])[0]
    roots = {"query": schema.query_type, "mutation": schema.mutation_type, "subscription": schema.subscription_type}
    root: Any = roots[kind]
    if kind == "subscription":
        name = dice.choice(list(root.fields))
        definition = root.fields[name]
        text = f"{{ {name}{made.arguments(definition)} {made.selection(get_named_type(definition.type), 3)} }}"
    else:
        text = made.selection(root, dice.choice([2, 3, 4]))
    declared = f"({', '.join(made.declared)})" if made.declared else ""
    whole = f"{kind} Q{declared} {text} " + " ".join(made.fragments.values())
    if dice.random() < 0.05:
        return f"{whole} query Other {{ __typename }}", made.variables, dice.choice(["Q", "Q", "Other", "Nobody", None])
    return whole, made.variables, None


def literal(value: Any, type_: Any) -> str:
    """A value of an input type, as GraphQL."""
    if value is None:
        return "null"
    type_ = _bare(type_)
    if isinstance(type_, GraphQLList):
        return "[" + ", ".join(literal(each, type_.of_type) for each in value) + "]"
    if isinstance(type_, GraphQLInputObjectType):
        return "{" + ", ".join(f"{name}: {literal(each, type_.fields[name].type)}" for name, each in value.items()) + "}"
    return str(value) if isinstance(type_, GraphQLEnumType) else _json(value)


def _json(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_json(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _bare(type_: Any) -> Any:
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_


def _above(type_: GraphQLNamedType) -> list[GraphQLNamedType]:
    return list(type_.interfaces) if isinstance(type_, GraphQLObjectType) else []
