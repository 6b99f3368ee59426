"""What the answer shows of a value, by the type of its field: graphql-core's rules, decided once per operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from graphql import (
    GraphQLEnumType,
    GraphQLID,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    GraphQLUnionType,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution import Executor
from graphql.execution.executor import invalid_return_type_error

from schema.execution.compiler.field import Complete, Field
from schema.execution.compiler.list_completion import Items, absent, leave
from schema.execution.compiler.runtime_types import Known
from schema.execution.fragment_cache import Kept
from schema.execution.run import Path, Pending, Run, Select, hold, join


def completion(type_: GraphQLOutputType, field: Field, known: Known) -> Complete:
    """How values of this type are shown under this field."""
    if is_non_null_type(type_):
        return _present(completion(type_.of_type, field, known), field)
    if is_list_type(type_):
        return _list(type_.of_type, field, completion(type_.of_type, field, known), known)
    if is_leaf_type(type_):
        return _leaf(Executor.complete_leaf_value, type_)
    if is_abstract_type(type_):
        return _abstract(type_, field, known)
    type_ = cast(GraphQLObjectType, type_)
    return _object(type_, field, field.selecting(type_), known)


def _present(inner: Complete, field: Field) -> Complete:
    message = f"Cannot return null for non-nullable field {field.label}."

    def complete(value: Any, run: Run, path: Path) -> Any:
        completed = inner(value, run, path)
        if completed is None:
            raise TypeError(message)
        return completed

    return complete


def _leaf(by: Callable[[Any, Any], Any], type_: Any) -> Complete:
    def complete(value: Any, run: Run, path: Path) -> Any:
        return None if absent(value) else by(type_, value)

    return complete


def _object(type_: GraphQLObjectType, field: Field, select: Select, known: Known) -> Complete:
    accepted = known.classes(type_)

    def complete(value: Any, run: Run, path: Path) -> Any:
        if type(value) in accepted:
            return select(value, run, path)
        if absent(value):
            return None
        _check(type_, value, field, run, path)
        known.accept(type_, type(value))
        return select(value, run, path)

    return complete


def _abstract(type_: GraphQLInterfaceType | GraphQLUnionType, field: Field, known: Known) -> Complete:
    def complete(value: Any, run: Run, path: Path) -> Any:
        found = known.member(type_, type(value))
        if found is None:
            if absent(value):
                return None
            info = field.core_info(run, path)
            name = (type_.resolve_type or run.core.type_resolver)(value, info, type_)
            details: Any = [_Detail(node) for node in field.nodes]
            found = run.core.ensure_valid_runtime_type(name, type_, details, info, value)
            _check(found, value, field, run, path)
            known.assign(type_, type(value), found)
        return field.selecting(found)(value, run, path)

    return complete


class _Detail:
    """As much of graphql-core's field details as its messages look at."""

    def __init__(self, node: Any) -> None:
        self.node = node


def _check(type_: GraphQLObjectType, value: Any, field: Field, run: Run, path: Path) -> None:
    if type_.is_type_of is not None and not type_.is_type_of(value, field.core_info(run, path)):
        details: Any = [_Detail(node) for node in field.nodes]
        raise invalid_return_type_error(type_, value, details)


def _list(type_: GraphQLOutputType, field: Field, item: Complete, known: Known) -> Complete:
    items = Items(type_, field, item)
    if not is_non_null_type(type_):
        return items.complete
    inner = type_.of_type
    if isinstance(inner, GraphQLObjectType):
        return _objects(items, field.selecting(inner), known.classes(inner))
    if isinstance(inner, GraphQLEnumType) and (members := enumerated(inner)) is not None:
        return _alike(items, members, lambda values: [each._name_ for each in values])
    if inner in (GraphQLString, GraphQLID):
        return _alike(items, str, list)
    return items.complete


def _alike(items: Items, class_: type, show: Callable[[Any], list[Any]]) -> Complete:
    """Lists of leaves of one class, which need no more than a look."""

    def complete(value: Any, run: Run, path: Path) -> Any:
        if type(value) is tuple or type(value) is list:
            for item in value:
                if type(item) is not class_:
                    break
            else:
                return show(value)
        return items.complete(value, run, path)

    return complete


def _objects(items: Items, select: Select, accepted: set[type]) -> Complete:
    """Lists of objects of a type, without nulls."""
    kept = select if isinstance(select, Kept) else None

    def complete(value: Any, run: Run, path: Path) -> Any:
        if not isinstance(value, tuple | list):
            return items.complete(value, run, path)
        if kept is not None and (known := kept.all(value)) is not None:
            return known
        done: list[Any] = []
        pending: dict[Any, Any] | None = None
        place = 0
        rest = iter(value)
        try:
            for item in rest:
                if type(item) in accepted:
                    shown = select(item, run, (path, place))
                    if type(shown) is Pending:
                        shown = Pending(items.settled, shown, run, (path, place))
                        pending = hold(pending, place, shown)
                else:
                    shown = items.show(item, run, (path, place))
                    if type(shown) is Pending:
                        pending = hold(pending, place, shown)
                done.append(shown)
                place += 1
        except Exception:
            leave(run, pending, rest)
            raise
        return done if pending is None else Pending(join, done, pending)

    return complete


def enumerated(type_: GraphQLEnumType) -> type | None:
    """The class of an enum whose members are shown by their own names."""
    members: Any = getattr(type_, "wrapped_cls", None)
    if members is None or any(type_.coerce_output_value(each) != each.name for each in members):
        return None
    found: type = members
    return found
