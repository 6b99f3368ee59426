"""Plan cache: query plans by the text of their document, which is parsed, bounded and validated once while it is cached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from weakref import WeakValueDictionary

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, TokenKind, parse, validate
from strawberry.schema import Schema

from providers.errors import Invalid, SigningError, TooLarge
from providers.lru import LruCache
from schema.execution.compiler.runtime_types import RuntimeTypes
from schema.execution.fragment_cache import FragmentCache
from schema.execution.plan import Plan, PlanEnvironment
from schema.execution.validation.field_merging import require_few_pairs
from schema.execution.validation.input_bounds import InputBounds
from schema.execution.validation.input_survey import InputSurvey

_MAX_BYTES: Final = 48 * 2**20
_BYTES_PER_CHARACTER: Final = 12
_BYTES_PER_TOKEN: Final = 500
_BYTES_PER_PLANNED_TOKEN: Final = 1_600
"""Measured: of a document by its characters and tokens, and of each compilation of a plan by the tokens of its document."""
_DOORKEEPER_SIZE: Final = 10_000
_MAX_VALIDATION_ERRORS: Final = 20
_MAX_DIGITS: Final = 400
"""Digits in a row that a document may have: Python refuses to read longer numbers, at a cost that is not linear."""
_DIGITS: Final = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
_MAX_NAME: Final = 255
_TOO_MANY_TOKENS: Final = "tokens. Parsing aborted"
"""In graphql-core's message."""

CheckDocument: TypeAlias = Callable[[DocumentNode], Sequence[GraphQLError]]
"""Returns an error for each limit that a document exceeds, before it is validated."""


def unlimited(document: DocumentNode) -> Sequence[GraphQLError]:
    """Accepts any document."""
    return ()


class Admission:
    """Cache admission filter: a document is cached when it is planned a second time, and a trusted one at once.

    The doorkeeper of TinyLFU: two sets of hashes, of which the older one is dropped when the newer one is full. Plans that
    are used once would only evict others, and make the garbage collector scan them: a thousand hold 450,000 objects, and
    a full collection of those holds the event loop for 0.25 s.
    """

    def __init__(self, is_trusted: Callable[[str], bool] = lambda _: False) -> None:
        self._is_trusted = is_trusted
        self._seen: set[int] = set()
        self._seen_before: set[int] = set()

    def admits(self, text: str) -> bool:
        """Whether a document that is planned now is to be cached."""
        digest = hash(text)
        if digest in self._seen or digest in self._seen_before or self._is_trusted(text):
            return True
        self._seen.add(digest)
        if len(self._seen) >= _DOORKEEPER_SIZE:
            self._seen, self._seen_before = set(), self._seen
        return False


@dataclass(slots=True, eq=False)
class _CachedDocument:
    """A parsed document with the plans of its operations, or the errors that it is refused with. ``weight`` is in bytes."""

    document: DocumentNode | None = None
    survey: InputSurvey | None = None
    errors: list[GraphQLError] | None = None
    is_validated: bool = False
    plans: dict[str | None, Plan] = field(default_factory=dict)
    weight: int = 0


class PlanCache:
    """LRU cache of the plans of one schema, bounded by ``size`` documents and by their estimated bytes.

    A document is cached once, however many operations it has. One of more than ``tokens`` or ``characters`` is not parsed.
    ``check`` is asked before validation, and ``bounds`` are those of inputs. ``suggestions`` says that errors may name what
    was probably meant, ``conceal`` takes names of the schema out of errors, and of ``flagged_fields`` each plan says whether
    it selects one. Without an ``admission`` filter each document is cached when it is first planned.
    """

    def __init__(
        self,
        schema: Schema,
        size: int = 1_000,
        check: CheckDocument = unlimited,
        *,
        tokens: int | None = None,
        characters: int | None = None,
        bounds: InputBounds | None = None,
        suggestions: bool = True,
        conceal: Callable[[GraphQLError], None] | None = None,
        flagged_fields: frozenset[str] = frozenset(),
        admission: Admission | None = None,
    ) -> None:
        self._environment = PlanEnvironment(
            schema,
            RuntimeTypes(schema._schema),
            bounds=bounds,
            suggestions=suggestions,
            conceal=conceal,
            flagged_fields=flagged_fields,
        )
        self._check = check
        self._tokens = tokens
        self._characters = characters
        self._admission = admission
        self._documents: LruCache[str, _CachedDocument] = LruCache(size, _MAX_BYTES)
        self._turn = asyncio.Lock()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def fragment_cache(self) -> FragmentCache:
        """The fragments that the plans have cached."""
        return self._environment.fragment_cache

    @property
    def weight(self) -> int:
        """The estimated bytes of all documents and plans."""
        return self._documents.weight

    def __len__(self) -> int:
        return len(self._documents)

    def cached(self, text: str, operation_name: str | None = None) -> Plan | list[GraphQLError] | None:
        """The cached plan of an operation, or the rendered errors of its document; None where it has to be planned."""
        document = self._documents.get(text)
        if document is None:
            return None
        return document.plans.get(operation_name) if document.errors is None else document.errors

    def plan(self, text: str, operation_name: str | None = None) -> Plan | list[GraphQLError]:
        """The plan of an operation, whose name may be left out where there is one; or rendered errors."""
        stages = self._stages(text, operation_name)
        while True:
            try:
                next(stages)
            except StopIteration as end:
                return _result(end)

    async def plan_in_turn(
        self, text: str, operation_name: str | None = None, *, client: str = ""
    ) -> Plan | list[GraphQLError]:
        """As ``plan``, one stage of one document in each iteration of the event loop, first come, first served.

        A hundred new documents that arrive at once would hold every other client for 0.2 s. One of each client at a time
        waits for its turn: two hundred of one client, of 50 ms each, would keep a new document of another for 10 s.
        """
        async with self._turns.setdefault(client, asyncio.Lock()), self._turn:
            stages = self._stages(text, operation_name)
            while True:
                try:
                    next(stages)
                except StopIteration as end:
                    plan = _result(end)
                    break
                await asyncio.sleep(0)
            await asyncio.sleep(0)  # whatever became ready meanwhile runs before the next document is planned
        return plan

    def _stages(self, text: str, name: str | None) -> Generator[None, None, Plan | list[GraphQLError]]:
        """Parses, validates and compiles; yields between these, as each takes up to 10 ms for the longest document."""
        cached = self._documents.get(text)
        if cached is None:
            if self._characters is not None and len(text) > self._characters:
                return self._refuse(
                    TooLarge(
                        f"This document has {len(text):,} characters; at most {self._characters:,} are taken"
                        " (limits.document). Send large values as variables."
                    )
                )
            cached = self._parse(text)
            tokens = cached.document.token_count if cached.document else 0
            cached.weight = len(text) * _BYTES_PER_CHARACTER + tokens * _BYTES_PER_TOKEN
            if self._admission is None or self._admission.admits(text):
                self._documents.put(text, cached, cached.weight)
            yield
        if (plan := cached.plans.get(name)) is not None:
            return plan
        if cached.errors is not None or cached.document is None:
            return cached.errors or []
        try:
            operation = _find_operation(cached.document, name)
            if not cached.is_validated:
                cached.errors = self._validate(cached.document) or None
                cached.is_validated = True
                if cached.errors:
                    self._environment.render(cached.errors)
                    return cached.errors
                yield
            uses = cached.survey.uses(operation) if cached.survey else {}
            plan = cached.plans[name] = Plan(self._environment, cached.document, operation, uses)
        except GraphQLError as error:
            return self._render([error])
        except RecursionError as error:
            return self._render([GraphQLError("The document is nested too deeply.", original_error=error)])
        cached.weight += cached.document.token_count * _BYTES_PER_PLANNED_TOKEN * plan.max_compiled
        if self._documents.peek(text) is cached:  # it may have been evicted between two stages
            plan.is_cached = True
            self._documents.reweigh(text, cached.weight)
        return plan

    def _parse(self, text: str) -> _CachedDocument:
        if b"0" * _MAX_DIGITS in text.encode("utf-8", "replace").translate(_DIGITS):
            return _CachedDocument(
                errors=self._refuse(Invalid("A number in this document has more digits than are taken here."))
            )
        try:
            document = parse(text, max_tokens=self._tokens)
            _require_short_names(document)
            errors = list(self._check(document))
            survey = None
            if not errors:
                require_few_pairs(document)
                if self._environment.bounds is not None:
                    survey = InputSurvey(self._environment.schema._schema, self._environment.bounds, document)
        except SigningError as error:
            return _CachedDocument(errors=self._refuse(error))
        except GraphQLError as error:
            if self._tokens is not None and _TOO_MANY_TOKENS in error.message:
                message = f"This document has more than {self._tokens:,} tokens (limits.tokens). Ask for less at a time."
                return _CachedDocument(errors=self._refuse(TooLarge(message)))
            return _CachedDocument(errors=self._render([error]))
        except RecursionError as error:
            too_deep = GraphQLError("The document is nested too deeply.", original_error=error)
            return _CachedDocument(errors=self._render([too_deep]))
        if errors:
            return _CachedDocument(errors=self._render(errors))
        return _CachedDocument(document, survey)

    def _validate(self, document: DocumentNode) -> list[GraphQLError]:
        schema, hidden = self._environment.schema._schema, not self._environment.suggestions
        return validate(schema, document, max_errors=_MAX_VALIDATION_ERRORS, hide_suggestions=hidden)

    def _refuse(self, error: SigningError) -> list[GraphQLError]:
        return self._render([GraphQLError(error.message, original_error=error)])

    def _render(self, errors: list[GraphQLError]) -> list[GraphQLError]:
        self._environment.schema.process_errors(errors)
        return errors


def _result(end: StopIteration) -> Plan | list[GraphQLError]:
    plan: Plan | list[GraphQLError] = end.value
    return plan


def _require_short_names(document: DocumentNode) -> None:
    """Raises for a name of more than 255 characters, as an alias: responses and the paths of errors repeat aliases."""
    token = document.loc.start_token if document.loc else None
    while token is not None:
        if token.kind is TokenKind.NAME and token.end - token.start > _MAX_NAME:
            raise GraphQLError(f"A name in this document has more than {_MAX_NAME} characters. Shorten it.")
        token = token.next


def _find_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation of this name (GetOperation). Raises where there is none, or several and no name."""
    operations = (each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    matching = [each for each in operations if name is None or (each.name and each.name.value == name)]
    if not matching:
        raise GraphQLError("Must provide an operation." if name is None else f"Unknown operation named '{name}'.")
    if name is None and len(matching) > 1:
        raise GraphQLError("Name the operation that is meant: there are several.")
    return matching[-1]
