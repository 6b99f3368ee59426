"""An operation, ready to be executed any number of times."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from types import MappingProxyType
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLIncludeDirective,
    GraphQLSkipDirective,
    InlineFragmentNode,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution import create_source_event_stream, default_field_resolver, default_type_resolver
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.values import VariableValues
from strawberry.execution import optimized_is_awaitable
from strawberry.schema import Schema

from schema.execution.compiler.arguments import Make, immutable
from schema.execution.compiler.runtime_types import Known
from schema.execution.compiler.selection import Selection
from schema.execution.fragment_cache import Shelves
from schema.execution.response import Answer, answer, refusal
from schema.execution.run import Core, Given, Pending, Run
from schema.execution.validation.input_bounds import InputBounds, ListBound, Use, Uses
from schema.execution.validation.variables import Variables

_MOST_SELECTIONS = 16
_MOST_SETTLED = 8
_CONDITIONS = (GraphQLSkipDirective.name, GraphQLIncludeDirective.name)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the plans of one schema share.

    ``bounds`` are those of inputs, ``suggesting`` says that errors name what may have been meant, and ``conceal`` takes the
    schema's names out of one that was rendered, where they are not to be told. ``settled`` are the answers of the
    operations that ask about the schema alone: those that were asked for last.
    """

    schema: Schema
    known: Known
    bounds: InputBounds | None = None
    suggesting: bool = True
    marks: frozenset[str] = frozenset()
    conceal: Callable[[GraphQLError], None] | None = None
    shelves: Shelves = field(default_factory=Shelves)
    settled: OrderedDict[Plan, Answer] = field(default_factory=OrderedDict)

    def render(self, errors: list[GraphQLError]) -> None:
        """Makes errors fit to be shown, in place."""
        self.schema.process_errors(errors)
        if self.conceal is not None:
            for error in errors:
                self.conceal(error)

    def settle(self, plan: Plan, answer: Answer) -> None:
        """Keeps an answer that will always be the same."""
        self.settled[plan] = answer
        if len(self.settled) > _MOST_SETTLED:
            self.settled.popitem(last=False)


class Plan:
    """One operation of one document. ``kind`` is query, mutation or subscription.

    ``marked`` says that the document selects a field of one of the workshop's ``marks``.
    """

    def __init__(
        self,
        workshop: Workshop,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        uses: Uses = MappingProxyType({}),
    ) -> None:
        self.kind = operation.operation.value
        self.document = document
        self.operation = operation
        self.workshop = workshop
        self._fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
        definitions = operation.variable_definitions or ()
        self._variables = Variables(workshop.schema._schema, definitions, workshop.bounds, uses, suggesting=workshop.suggesting)
        own = {each.variable.name.value for each in definitions}
        self.marked = not workshop.marks.isdisjoint(_selected(document))
        self._asked = tuple(sorted(_conditions(document) & own))
        self._selections: OrderedDict[tuple[object, ...], Selection] = OrderedDict()
        # An operation with no condition is one selection, and made now: what cannot be made is no plan.
        if not self._asked:
            self._make(())
        self.lists = tuple(name for name, found in uses.items() if any(_is_argument(each) for each in found))
        """The variables that are lists as a whole: what they come to depends on how long they are."""
        self.weighed: set[tuple[int, ...]] = set()
        """Their lengths that have been found to be not too much."""
        self.most_selections = min(_MOST_SELECTIONS, 3 ** min(len(self._asked), 3))
        """So many ways to execute it may be kept: one for each set of conditions, each true, false or null."""
        self.conditional = bool(self._asked)
        """Whether variables decide what it asks for."""
        self.roots = _roots(workshop.schema, operation, self._fragments)
        """The coordinates of the fields at its root, whatever the conditions on them."""
        self.static = _introspective(operation) and not own

    def bind(self, variables: Mapping[str, Any] | None = None) -> Bound | list[GraphQLError]:
        """The operation with its variables. Errors, fit to be shown, where they are not what it wants.

        Raises ``Invalid`` or ``TooLarge`` for a variable that is too large, with the path of the input that it is.
        """
        values = self._variables.read(variables)
        if isinstance(values, list):
            self.workshop.render(values)
            return values
        return Bound(self, values)

    async def execute(self, context: object, variables: Mapping[str, Any] | None = None, root: object = None) -> Answer:
        """Executes it. ``root`` is the event, where it is a subscription."""
        bound = self.bind(variables)
        return refusal(bound) if isinstance(bound, list) else await bound.execute(context, root)

    def run(self, run: Run) -> Any:
        """The answer's data; ``Pending`` where some of it is still to come. Raises the error that leaves nothing of it."""
        asked = tuple([run.variables.coerced.get(name) for name in self._asked])
        selection = self._selections.get(asked) or self._make(asked)
        return selection.execute(run)

    async def refuse(self, context: object, value: object) -> Answer | None:
        """The answer where nothing is executed, nor any variable read: each field at the root has this value, or this error.

        None where variables decide what is asked for.
        """
        if self.conditional:
            return None
        run = Run(context, None, VariableValues({}, {}), {}, self.core)
        try:
            data = self._selections[()].refuse(run, value)
            if type(data) is Pending:
                data = await data.work()
        except GraphQLError as error:
            run.add(error, None)
            data = None
        return self.answer(data, run.errors)

    def core(self, run: Run) -> Core:
        """The same execution as graphql-core would have it."""
        schema = self.workshop.schema
        make: Any = schema.execution_context_class
        executor: Core = make(
            schema._schema,
            self._fragments,
            {name: FragmentDetails(each) for name, each in self._fragments.items()},
            run.root,
            run.context,
            self.operation,
            run.variables,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            operation_extensions=None,
        )
        return executor

    def answer(self, data: object, errors: list[GraphQLError]) -> Answer:
        """What the client is told."""
        if errors:
            self.workshop.render(errors)
        return answer(data, errors)

    def _make(self, asked: tuple[object, ...]) -> Selection:
        workshop = self.workshop
        conditions = VariableValues({}, dict(zip(self._asked, asked, strict=True)))
        made = Selection(workshop.schema, workshop.known, workshop.shelves, self.operation, self._fragments, conditions)
        self._selections[asked] = made
        if len(self._selections) > _MOST_SELECTIONS:
            self._selections.popitem(last=False)
        return made


@dataclass(frozen=True, slots=True)
class Bound:
    """An operation and its variables; ``given`` are the arguments that have been made of them."""

    plan: Plan
    variables: VariableValues
    given: dict[Make, Given] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether no variable has a value that could be changed."""
        return immutable(self.variables.coerced.values())

    def execute(self, context: object, root: object = None) -> Coroutine[Any, Any, Answer]:
        """Executes it; nothing of it goes on when this has ended. ``root`` is the event, where it is a subscription."""
        return self._settled(context) if self.plan.static else self._execute(context, root)

    async def _settled(self, context: object) -> Answer:
        found = self.plan.workshop.settled.get(self.plan)
        if found is None:
            found = await self._execute(context, None)
            if not found.errors:
                self.plan.workshop.settle(self.plan, found)
        return found

    async def _execute(self, context: object, root: object) -> Answer:
        run = Run(context, root, self.variables, self.given, self.plan.core)
        try:
            data = self.plan.run(run)
            if type(data) is Pending:
                data = await data.work()
        except GraphQLError as error:
            run.add(error, None)
            data = None
        finally:
            if run.left:
                await run.close()
        return self.plan.answer(data, run.errors)

    async def subscribe(self, context: object) -> AsyncIterable[Any] | list[GraphQLError]:
        """The events, each to be executed with a context of its own. Errors, fit to be shown, where there are none to come."""
        executor = self.plan.core(Run(context, None, self.variables, self.given, self.plan.core))
        found: Any = create_source_event_stream(executor)
        stream: AsyncIterable[Any] | ExecutionResult = await found if isawaitable(found) else found
        if not isinstance(stream, ExecutionResult):
            return stream
        errors = list(stream.errors or ())
        return list(self.plan.answer(None, errors).errors)


def _selected(document: DocumentNode) -> set[str]:
    """The names of all fields that any operation or fragment selects."""
    found: set[str] = set()

    class Search(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            found.add(node.name.value)

    visit(document, Search())
    return found


def _conditions(document: DocumentNode) -> set[str]:
    """The variables that decide what is selected."""
    found: set[str] = set()

    class Search(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            if node.name.value in _CONDITIONS:
                found.update(each.value.name.value for each in node.arguments or () if isinstance(each.value, VariableNode))

    visit(document, Search())
    return found


def _roots(
    schema: Schema, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> frozenset[str]:
    """The coordinates of an operation's fields at its root, but for ``__typename``."""
    root = schema._schema.get_root_type(operation.operation)
    found, waiting, spread = set[str](), [operation.selection_set], set[str]()
    while waiting:
        for each in waiting.pop().selections:
            if isinstance(each, FieldNode):
                found.add(f"{root.name if root else None}.{each.name.value}")
            elif isinstance(each, InlineFragmentNode):
                waiting.append(each.selection_set)
            elif isinstance(each, FragmentSpreadNode) and each.name.value not in spread:
                spread.add(each.name.value)
                waiting.append(fragments[each.name.value].selection_set)
    return frozenset(each for each in found if not each.endswith(".__typename"))


def _is_argument(use: Use) -> bool:
    return len(use.path) == 1 and isinstance(use.bound, ListBound)


def _introspective(operation: OperationDefinitionNode) -> bool:
    """Whether it asks about the schema alone."""
    selected = operation.selection_set.selections
    return all(isinstance(each, FieldNode) and each.name.value.startswith("__") for each in selected)
