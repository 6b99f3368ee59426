"""Query plans, cached by the text of their document: parsed, checked and validated once, for as long as there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, TokenKind, parse, validate
from strawberry.schema import Schema

from providers.errors import Invalid, SigningError, TooLarge
from schema.execution.compiler.runtime_types import Known
from schema.execution.plan import Plan, Workshop
from schema.execution.validation.field_merging import require_few_pairs
from schema.execution.validation.input_bounds import InputBounds
from schema.execution.validation.input_survey import InputSurvey

_MOST_BYTES: Final = 48 * 2**20
_CHARACTER: Final = 12
_TOKEN: Final = 500
_PLANNED_TOKEN: Final = 1_600
"""Bytes, as measured: of a document by its characters and tokens, and of each plan by the tokens of its document."""
_MOST_ERRORS: Final = 20
_MOST_DIGITS: Final = 400
"""Digits in a row that a document may have: Python refuses to read longer numbers, at a cost that is not linear."""
_DIGITS: Final = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
_LONGEST_NAME: Final = 255
_ENDLESS: Final = "tokens. Parsing aborted"

Check: TypeAlias = Callable[[DocumentNode], Sequence[GraphQLError]]
"""Says what is too much about a document, before anything is validated."""


def unlimited(document: DocumentNode) -> Sequence[GraphQLError]:
    """Finds nothing too much."""
    return ()


@dataclass(slots=True, eq=False)
class _Entry:
    """A document: read, or else the errors in it, and the plans of its operations."""

    document: DocumentNode | None = None
    survey: InputSurvey | None = None
    errors: list[GraphQLError] | None = None
    validated: bool = False
    plans: dict[str | None, Plan] = field(default_factory=dict)
    weight: int = 0


class Plans:
    """An LRU cache of the plans of a schema, bounded by the number of its documents and by what they weigh in bytes.

    A document is kept once, however many operations it has or is asked for. One of more than ``tokens``, or of more than
    ``characters``, is not read; ``bounds`` are those of its inputs, and ``suggesting`` says that errors name what may have
    been meant; ``conceal`` takes out of them what is not to be told of the schema.
    ``marks`` are names of fields: a plan says whether its document selects one.
    """

    def __init__(
        self,
        schema: Schema,
        size: int = 1_000,
        check: Check = unlimited,
        *,
        tokens: int | None = None,
        characters: int | None = None,
        bounds: InputBounds | None = None,
        suggesting: bool = True,
        conceal: Callable[[GraphQLError], None] | None = None,
        marks: frozenset[str] = frozenset(),
    ) -> None:
        known = Known(schema._schema)
        self._workshop = Workshop(schema, known, bounds=bounds, suggesting=suggesting, conceal=conceal, marks=marks)
        self._size = size
        self._check = check
        self._tokens = tokens
        self._characters = characters
        self._kept: OrderedDict[str, _Entry] = OrderedDict()
        self._weight = 0

    @property
    def kept(self) -> Sized:
        """What is kept of what was shown."""
        return self._workshop.shelves

    @property
    def weight(self) -> int:
        """The bytes of all that is kept, as they are estimated."""
        return self._weight

    def __len__(self) -> int:
        return len(self._kept)

    def plan(self, text: str, operation_name: str | None = None) -> Plan | list[GraphQLError]:
        """The plan of an operation; its name may be left out where there is one. Else errors, fit to be shown."""
        entry = self._kept.get(text)
        if entry is None:
            if self._characters is not None and len(text) > self._characters:
                return self._refused(
                    TooLarge(
                        f"This document has {len(text):,} characters; at most {self._characters:,} are taken"
                        " (limits.document). Send large values as variables."
                    )
                )
            entry = self._kept[text] = self._read(text)
            self._weigh(entry, len(text) * _CHARACTER + (entry.document.token_count * _TOKEN if entry.document else 0))
        else:
            self._kept.move_to_end(text)
        found = entry.plans.get(operation_name) or self._make(entry, operation_name)
        self._evict()
        return found

    def _make(self, entry: _Entry, name: str | None) -> Plan | list[GraphQLError]:
        """The plan of one operation of a document; the document is validated first, where that was not done."""
        if entry.errors is not None or entry.document is None:
            return entry.errors or []
        try:
            operation = _operation(entry.document, name)
            if not entry.validated:
                entry.errors = self._validate(entry.document) or None
                entry.validated = True
            if entry.errors:
                self._workshop.render(entry.errors)
                return entry.errors
            uses = entry.survey.uses(operation) if entry.survey else {}
            plan = entry.plans[name] = Plan(self._workshop, entry.document, operation, uses)
        except GraphQLError as error:
            return self._shown([error])
        except RecursionError as error:
            return self._shown([GraphQLError("The document is nested too deeply.", original_error=error)])
        self._weigh(entry, entry.document.token_count * _PLANNED_TOKEN * plan.most_selections)
        return plan

    def _read(self, text: str) -> _Entry:
        if b"0" * _MOST_DIGITS in text.encode("utf-8", "replace").translate(_DIGITS):
            return _Entry(errors=self._refused(Invalid("A number in this document has more digits than are taken here.")))
        try:
            document = parse(text, max_tokens=self._tokens)
            _require_short_names(document)
            errors = list(self._check(document))
            survey = None
            if not errors:
                require_few_pairs(document)
                if self._workshop.bounds is not None:
                    survey = InputSurvey(self._workshop.schema._schema, self._workshop.bounds, document)
        except SigningError as error:
            errors = self._refused(error)
        except GraphQLError as error:
            if self._tokens is not None and _ENDLESS in error.message:
                what = f"This document has more than {self._tokens:,} tokens (limits.tokens). Ask for less at a time."
                return _Entry(errors=self._refused(TooLarge(what)))
            return _Entry(errors=self._shown([error]))
        except RecursionError as error:
            return _Entry(errors=self._shown([GraphQLError("The document is nested too deeply.", original_error=error)]))
        if errors:
            return _Entry(errors=self._shown(errors))
        return _Entry(document, survey)

    def _validate(self, document: DocumentNode) -> list[GraphQLError]:
        hidden = not self._workshop.suggesting
        return validate(self._workshop.schema._schema, document, max_errors=_MOST_ERRORS, hide_suggestions=hidden)

    def _refused(self, error: SigningError) -> list[GraphQLError]:
        return self._shown([GraphQLError(error.message, original_error=error)])

    def _shown(self, errors: list[GraphQLError]) -> list[GraphQLError]:
        self._workshop.schema.process_errors(errors)
        return errors

    def _weigh(self, entry: _Entry, more: int) -> None:
        entry.weight += more
        self._weight += more

    def _evict(self) -> None:
        """Lets go of the documents that were asked for longest ago, until what is left is within its bounds."""
        while len(self._kept) > self._size or (self._weight > _MOST_BYTES and len(self._kept) > 1):
            _, gone = self._kept.popitem(last=False)
            self._weight -= gone.weight


def _require_short_names(document: DocumentNode) -> None:
    """Raises where an alias, or any other name, is longer than anyone writes: answers and paths of errors repeat aliases."""
    token = document.loc.start_token if document.loc else None
    while token is not None:
        if token.kind is TokenKind.NAME and token.end - token.start > _LONGEST_NAME:
            raise GraphQLError(f"A name in this document has more than {_LONGEST_NAME} characters. Shorten it.")
        token = token.next


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation that is meant. Raises where none is, or none alone."""
    operations = (each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    meant = [each for each in operations if name is None or (each.name and each.name.value == name)]
    if not meant:
        raise GraphQLError("Must provide an operation." if name is None else f"Unknown operation named '{name}'.")
    if name is None and len(meant) > 1:
        raise GraphQLError("Name the operation that is meant: there are several.")
    return meant[-1]
