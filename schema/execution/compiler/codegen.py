"""Code generation: writes the Python function that executes one selection set on an object value.

Each field that is as its type promises costs an attribute read, a look at the class and a place in a dictionary. A value that
is not as promised is handed to ``Field``, which has all the rules. For ``{ title participants { email } }`` it is in short

    def execute(o, x, p):                                           # object value, ExecutionContext, response path
        w = None                                                    # pending values
        try:
            v0 = o.title
            if not (type(v0) is str) and v0 is not None:
                v0 = F0.complete_value(v0, x, p)
            v1 = o.participants
            if type(v1) is tuple or type(v1) is list:
                v1 = L1(v1, x, (p, 'participants')) if v1 else []
            else:
                v1 = F1.complete_value(v1, x, p)
        except Exception:                                           # null propagation: this object is null
            if w is not None:
                x.detach(list(w.values()))
            raise
        r = {'title': v0, 'participants': v1}
        return r if w is None else Pending(fill_pending, r, w)

Nothing that a client has written becomes code, but for names that GraphQL's grammar has let through.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Mapping, Sequence
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

from schema.execution.compiler.field import Field
from schema.execution.compiler.resolver_kinds import AttributeResolver, EventResolver, FunctionResolver
from schema.execution.compiler.runtime_types import RuntimeTypes, enum_class
from schema.execution.execution_context import ExecuteSelectionSet
from schema.execution.pending import Pending, add_pending, fill_infallible, fill_pending

_NAMESPACE = {
    "Pending": Pending,
    "UTC": UTC,
    "add_pending": add_pending,
    "datetime": datetime,
    "fill_infallible": fill_infallible,
    "fill_pending": fill_pending,
}
_VALID_LEAF = {
    GraphQLString.name: "type({v}) is str",
    GraphQLID.name: "type({v}) is str",
    GraphQLBoolean.name: "{v} is True or {v} is False",
    GraphQLInt.name: "type({v}) is int and -2147483648 <= {v} <= 2147483647",
    GraphQLFloat.name: "type({v}) is float and {v} - {v} == 0.0",
    "DateTime": "type({v}) is datetime and {v}.tzinfo is UTC",
}
"""Tests of values that are shown as they are."""
_FUNCTION = """\
def execute(o, x, p):
    w = None
    try:
{statements}
    except Exception:
        if w is not None:
            x.detach(list(w.values()))
        raise
    r = {{{response}}}
    return r if w is None else Pending({fill}, r, w)
"""


def selection_set_function(
    fields: Mapping[str, Field | str], runtime_types: RuntimeTypes, *, is_root: bool = False
) -> ExecuteSelectionSet:
    """The function of a selection set: its fields by response key, or the value of ``__typename`` in place of one."""
    namespace: dict[str, Any] = dict(_NAMESPACE)
    statements: list[str] = []
    response: list[str] = []
    for number, (key, field) in enumerate(fields.items()):
        if isinstance(field, str):
            response.append(f"{key!r}: {field!r}")
        else:
            code = _FieldCode(number, field, runtime_types, namespace)
            statements += code.statements()
            response.append(f"{key!r}: {code.value}")
    infallible = is_root and all(isinstance(field, str) or field.nullable for field in fields.values())
    text = _FUNCTION.format(
        statements="\n".join(f"        {line}" for line in statements or ["pass"]),
        response=", ".join(response),
        fill="fill_infallible" if infallible else "fill_pending",
    )
    exec(_compiled(text), namespace)  # noqa: S102 - written above, of names alone
    execute: ExecuteSelectionSet = namespace["execute"]
    return execute


class _FieldCode:
    """The statements of one field, which leave its part of the response in the variable ``value``.

    What they refer to is put into the function's namespace, under a letter and the field's number: F the field, R its
    resolver, A the coercion of its arguments, X a constant argument, C the class or classes of its objects, E of its enum,
    G the function of its objects, L that of its list.
    """

    def __init__(self, number: int, field: Field, runtime_types: RuntimeTypes, namespace: dict[str, Any]) -> None:
        self.value = f"v{number}"
        self._number = number
        self._field = field
        self._path = f"(p, {field.key!r})"
        self._runtime_types = runtime_types
        self._namespace = namespace
        self._self = self._refer("F", field)
        self._add_pending = f"w = add_pending(w, {field.key!r}, {self.value})"
        self._add_if_pending = f"if type({self.value}) is Pending: {self._add_pending}"

    def statements(self) -> list[str]:
        """Resolves the value, completes it, and handles what is raised by either."""
        v, kind = self.value, self._field.kind
        if isinstance(kind, FunctionResolver) and kind.coroutine:
            return self._handling_errors(self._call_later(kind))
        resolved = self._resolved_value()
        if resolved is None:
            return [f"{v} = {self._self}.execute(o, x, p)", self._add_if_pending]
        return self._handling_errors([f"{v} = {resolved}", *self._completion()])

    def _handling_errors(self, statements: Sequence[str]) -> list[str]:
        handler = [f"{self.value} = {self._self}.handle_error(e, x, {self._path})"]
        return ["try:", *_indented(statements), "except Exception as e:", *_indented(handler)]

    def _resolved_value(self) -> str | None:
        """The expression of the resolved value; None where it takes more than an expression."""
        kind = self._field.kind
        if isinstance(kind, AttributeResolver):
            return f"o.{kind.name}" if kind.name.isidentifier() and not keyword.iskeyword(kind.name) else None
        if isinstance(kind, EventResolver):
            return "o"
        if isinstance(kind, FunctionResolver):
            function, positional, named = self._call(kind)
            return f"{function}({positional}{named})"
        return None

    def _call_later(self, kind: FunctionResolver) -> list[str]:
        """A coroutine function is called when its turn comes: nothing is left unawaited where another field fails first."""
        function, positional, named = self._call(kind)
        arguments = f"{function}, ({positional}), dict({named}), x, {self._path}"
        return [f"{self.value} = Pending({self._self}.call_and_complete, {arguments})", self._add_pending]

    def _call(self, kind: FunctionResolver) -> tuple[str, str, str]:
        """A function, and what it is called with: positional where the order of its parameters is known, else named."""
        function = self._refer("R", kind.function)
        taken: dict[str, str] = {}
        if kind.source is not None:
            taken[kind.source] = "o"
        if kind.info is not None:
            taken[kind.info] = "x.info"
        rest = ""
        if kind.arguments.constant is None:
            rest = f"**x.arguments({self._refer('A', kind.arguments.coerce)})"
        for place, (name, value) in enumerate((kind.arguments.constant or {}).items()):
            taken[name] = self._refer("X", value, f"_{place}")
        parameters = inspect.signature(kind.function).parameters.values()
        order = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD][: len(taken)]
        if set(order) == set(taken):
            return function, "".join(f"{taken[name]}, " for name in order), rest
        return function, "", "".join(f"{name}={value}, " for name, value in taken.items()) + rest

    def _completion(self) -> list[str]:
        type_ = self._field.definition.type
        nullable_type = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if isinstance(nullable_type, GraphQLEnumType):
            return self._complete_enum(nullable_type)
        if is_leaf_type(nullable_type):
            return self._complete_leaf(nullable_type.name)
        if isinstance(nullable_type, GraphQLObjectType):
            return self._complete_object(nullable_type)
        if isinstance(nullable_type, GraphQLList):
            return self._complete_list()
        return self._complete_by_field()

    def _complete_leaf(self, type_name: str) -> list[str]:
        v, nullable = self.value, self._field.nullable
        valid = _VALID_LEAF.get(type_name)
        if valid is not None:
            test = f"not ({valid.format(v=v)})" + (f" and {v} is not None" if nullable else "")
            return _when(test, self._complete_by_field())
        return _when(f"{v} is not None", self._complete_by_field()) if nullable else self._complete_by_field()

    def _complete_enum(self, type_: GraphQLEnumType) -> list[str]:
        members = enum_class(type_)
        if members is None:
            return self._complete_by_field()
        class_ = self._refer("E", members)
        return [*_when(f"type({self.value}) is {class_}", [f"{self.value} = {self.value}._name_"]), *self._otherwise()]

    def _complete_object(self, type_: GraphQLObjectType) -> list[str]:
        v = self.value
        model_class = self._runtime_types.model_class(type_)
        if model_class is not None:
            test = f"type({v}) is {self._refer('C', model_class)}"
        else:
            test = f"type({v}) in {self._refer('C', self._runtime_types.accepted_classes(type_))}"
        execute = self._refer("G", self._field.subselection(type_))
        completed = [f"{v} = {execute}({v}, x, {self._path})", *self._await_if_pending()]
        return [*_when(test, completed), *self._otherwise()]

    def _complete_list(self) -> list[str]:
        v, complete = self.value, self._refer("L", self._field.complete)
        completed = [f"{v} = {complete}({v}, x, {self._path}) if {v} else []", *self._await_if_pending()]
        return [*_when(f"type({v}) is tuple or type({v}) is list", completed), *self._otherwise()]

    def _complete_by_field(self) -> list[str]:
        """Hands the value to ``Field``, which covers every rule."""
        return [f"{self.value} = {self._self}.complete_value({self.value}, x, p)", self._add_if_pending]

    def _otherwise(self) -> list[str]:
        """The branch of a value that is not as expected. Null needs none where it may be."""
        test = f"elif {self.value} is not None:" if self._field.nullable else "else:"
        return [test, *_indented(self._complete_by_field())]

    def _await_if_pending(self) -> list[str]:
        v = self.value
        pending = [f"{v} = Pending({self._self}.await_pending, {v}, x, {self._path})", self._add_pending]
        return _when(f"type({v}) is Pending", pending)

    def _refer(self, letter: str, value: Any, suffix: str = "") -> str:
        """Puts a value into the namespace, and returns its name there."""
        name = f"{letter}{self._number}{suffix}"
        self._namespace[name] = value
        return name


def _when(test: str, statements: Sequence[str]) -> list[str]:
    return [f"if {test}:", *_indented(statements)]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


@lru_cache(maxsize=512)
def _compiled(text: str) -> CodeType:
    return compile(text, "<selection set>", "exec")
