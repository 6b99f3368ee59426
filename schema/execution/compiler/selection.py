"""The selection of an operation as functions: one for every object in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    TypeNameMetaFieldDef,
    located_error,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues
from strawberry.schema import Schema

from schema.execution.compiler.codegen import Member, Writer
from schema.execution.compiler.completion import completion
from schema.execution.compiler.field import Field, Selecting
from schema.execution.compiler.resolvers import manner, resolution
from schema.execution.compiler.runtime_types import Known
from schema.execution.fragment_cache import Kept, Shelves, frozen, unchanging
from schema.execution.run import Path, Pending, Run, Select, hold, join, keys

_DEEPEST = 12
_MOST = 1_000


class Selection:
    """An operation under one set of conditions: ``conditions`` are the variables that ``@skip`` and ``@include`` ask.

    So much is made at once as an operation that people write has; what is deeper, larger, or behind an abstract type is made
    when a value first comes there.
    """

    def __init__(
        self,
        schema: Schema,
        known: Known,
        shelves: Shelves,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        conditions: VariableValues,
    ) -> None:
        self._schema = schema
        self._core = schema._schema
        self._known = known
        self._shelves = shelves
        self._unchanging: set[Select] = set()
        self._writer = Writer(known)
        self._operation = operation
        self._fragments = {name: FragmentDetails(each) for name, each in fragments.items()}
        self._conditions = conditions
        self._made = 0
        self._depth = 0
        root = cast(GraphQLObjectType, self._core.get_root_type(operation.operation))
        members = self._members(root, collect_fields(self._core, self._fragments, conditions, root, operation)[0])
        self._root = members
        self._serial = members if operation.operation is OperationType.MUTATION else None
        self._select = self._writer.select(members, whole=True)

    def execute(self, run: Run) -> Any:
        """The answer's data; ``Pending`` where some of it is still to come. Raises the error that leaves nothing of it."""
        return self._select(run.root, run, None) if self._serial is None else Pending(self._one_by_one, self._serial, run)

    def refuse(self, run: Run, value: object) -> Any:
        """The answer's data where nothing is executed: every field at the root has this value, or fails with this error."""
        data: dict[str, Any] = {}
        pending: dict[Any, Any] | None = None
        for key, field, _ in self._root:
            shown: Any
            if isinstance(field, str):
                shown = field
            elif isinstance(value, Exception):
                field.fail(value, run, (None, key))
                shown = None
            else:
                shown = field.finish(value, run, None)
            data[key] = shown
            if type(shown) is Pending:
                pending = hold(pending, key, shown)
        return data if pending is None else Pending(join, data, pending)

    async def _one_by_one(self, members: Sequence[Member], run: Run) -> Any:
        data: dict[str, Any] = {}
        for key, field, _ in members:
            shown = field if isinstance(field, str) else field.execute(run.root, run, None)
            data[key] = await shown if type(shown) is Pending else shown
        return data

    def _members(self, parent: GraphQLObjectType, collected: Mapping[str, list[FieldDetails]]) -> list[Member]:
        members: list[Member] = []
        for key, details in collected.items():
            node = details[0].node
            definition = self._core.get_field(parent, node.name.value)
            if definition is None:
                continue
            if definition is TypeNameMetaFieldDef:
                members.append((key, parent.name, None))
                continue
            self._made += 1
            field = Field(key, [each.node for each in details], definition, parent, self._selecting(details))
            how = manner(self._schema, definition, node)
            field.resolve = resolution(how, definition, node, field)
            field.complete = completion(definition.type, field, self._known)
            members.append((key, field, how))
        return members

    def _selecting(self, details: list[FieldDetails]) -> Selecting:
        made: dict[str, Select] = {}

        def selecting(type_: GraphQLObjectType) -> Select:
            found = made.get(type_.name)
            if found is None:
                found = made[type_.name] = self._child(type_, details)
            return found

        return selecting

    def _child(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> Select:
        if self._depth < _DEEPEST and self._made < _MOST:
            # Collecting fields fails where a condition is null: for the object that is there, and only once there is one.
            with suppress(GraphQLError):
                return self._make(type_, details)
        made: Select | None = None

        def select(source: Any, run: Run, path: Path | None) -> Any:
            nonlocal made
            if made is None:
                self._made = 0
                try:
                    made = self._make(type_, details)
                except GraphQLError as error:
                    raise located_error(error, [each.node for each in details], keys(path)) from error
            return made(source, run, path)

        return select

    def _make(self, type_: GraphQLObjectType, details: Sequence[FieldDetails]) -> Select:
        depth, self._depth = self._depth, self._depth + 1
        try:
            collected = collect_subfields(
                self._core, self._fragments, self._conditions, self._operation, type_, list(details)
            ).grouped_field_set
            members = self._members(type_, collected)
            return self._kept(type_, members, self._writer.select(members))
        finally:
            self._depth = depth

    def _kept(self, type_: GraphQLObjectType, members: Sequence[Member], select: Select) -> Select:
        """The same selection, which keeps what it shows where that cannot change and somebody else tells how long."""
        values = frozen(self._known, type_)
        if values is None or not all(
            isinstance(field, str) or unchanging(values, field, how, self._unchanging) for _, field, how in members
        ):
            return select
        if values.__weakrefoffset__:
            select = Kept(select, values, self._shelves)
        self._unchanging.add(select)
        return select
