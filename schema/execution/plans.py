"""Plans by the text of their document: parsed, checked and validated once, for as long as there is room for them."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence, Sized
from typing import TypeAlias

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, TokenKind, parse, validate
from strawberry.schema import Schema

from providers.errors import TooLarge
from schema.execution.known import Known
from schema.execution.plan import Plan, Workshop

_MOST_TEXT = 4_000_000
_ENDLESS = "tokens. Parsing aborted"
_ENDLESS_NUMBER = re.compile(r"[0-9]{4000}")
"""Python refuses to read such a number, and that is no failure of ours."""
_LONGEST_NAME = 255
_SUGGESTION = re.compile(r" Did you mean .*\?$", re.DOTALL)

Check: TypeAlias = Callable[[DocumentNode], Sequence[GraphQLError]]
"""Says what is too much about a document, before anything is validated."""


def unlimited(document: DocumentNode) -> Sequence[GraphQLError]:
    """Finds nothing too much."""
    return ()


class Plans:
    """The plans of a schema: the ``size`` that were asked for last, and of all texts together at most four million characters.

    A document of more than ``tokens`` is not read to its end; ``suggesting`` says that errors name what may have been meant.
    """

    def __init__(
        self,
        schema: Schema,
        size: int = 1_000,
        check: Check = unlimited,
        *,
        tokens: int | None = None,
        suggesting: bool = True,
    ) -> None:
        self._workshop = Workshop(schema, Known(schema._schema))
        self._size = size
        self._check = check
        self._tokens = tokens
        self._suggesting = suggesting
        self._kept: OrderedDict[tuple[str, str | None], Plan | list[GraphQLError]] = OrderedDict()
        self._text = 0

    @property
    def fallbacks(self) -> Counter[str]:
        """How often graphql-core executed an operation, by reason."""
        return self._workshop.fallbacks

    @property
    def kept(self) -> Sized:
        """What is kept of what was shown."""
        return self._workshop.shelves

    def __len__(self) -> int:
        return len(self._kept)

    def plan(self, text: str, operation_name: str | None = None) -> Plan | list[GraphQLError]:
        """The plan of an operation; its name may be left out where there is one. Else errors, fit to be shown."""
        key = (text, operation_name)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        made = self._make(text, operation_name)
        if isinstance(made, list):
            if not self._suggesting:
                for error in made:
                    error.message = _SUGGESTION.sub("", error.message)
            self._workshop.schema.process_errors(made)
        self._kept[key] = made
        self._text += len(text)
        while len(self._kept) > self._size or self._text > _MOST_TEXT:
            (gone, _), _ = self._kept.popitem(last=False)
            self._text -= len(gone)
        return made

    def _make(self, text: str, operation_name: str | None) -> Plan | list[GraphQLError]:
        if _ENDLESS_NUMBER.search(text):
            return [GraphQLError("A number in this document has more digits than any that is taken here.")]
        try:
            document = parse(text, max_tokens=self._tokens)
            if _has_long_name(document):
                return [GraphQLError(f"A name in this document has more than {_LONGEST_NAME} characters. Shorten it.")]
            errors = list(self._check(document))
            operation = None if errors else _operation(document, operation_name)
            if operation is not None:
                errors = validate(self._workshop.schema._schema, document)
        except GraphQLError as error:
            if self._tokens is not None and _ENDLESS in error.message:
                what = f"This document has more than {self._tokens:,} tokens (limits.tokens). Ask for less at a time."
                return [GraphQLError(what, original_error=TooLarge(what))]
            return [error]
        except RecursionError as error:
            return [GraphQLError("The document is nested too deeply.", original_error=error)]
        if errors or operation is None:
            return errors
        return Plan(self._workshop, document, operation)


def _has_long_name(document: DocumentNode) -> bool:
    """Whether an alias, or any other name, is longer than anyone writes: answers and the paths of errors repeat aliases."""
    token = document.loc.start_token if document.loc else None
    while token is not None:
        if token.kind is TokenKind.NAME and token.end - token.start > _LONGEST_NAME:
            return True
        token = token.next
    return False


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation that is meant. Raises where none is, or none alone."""
    operations: Iterable[OperationDefinitionNode] = (
        each for each in document.definitions if isinstance(each, OperationDefinitionNode)
    )
    meant = [each for each in operations if name is None or (each.name and each.name.value == name)]
    if not meant:
        raise GraphQLError("Must provide an operation." if name is None else f"Unknown operation named '{name}'.")
    if name is None and len(meant) > 1:
        raise GraphQLError("Name the operation that is meant: there are several.")
    return meant[-1]
