"""Provenance of a session: the native field that each field of ours comes from, and the rule between them.

It is computed on demand. An adapter lists its rules; where it converts a value by a table or a function, the rule names the
same one, so that a test finds a rule that is out of date by comparing values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, Final, TypeAlias, TypeVar

from providers.decoding.json import displayable
from providers.model import Session

T = TypeVar("T")
Json: TypeAlias = Any
Key = Callable[[Mapping[str, Json], Json], str | None]
"""The key of the part that a native value belongs to, from the nearest list item around it and the value itself."""

_EACH: Final = "[]"
_STEP: Final = re.compile(r"\[\d*\]|[^.\[\]]+")
_CAMEL_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WITHHELD: Final = frozenset({"signing_url"})


@dataclass(frozen=True, slots=True)
class Rule:
    """Rule from a native field to a field of ours.

    ``native`` and ``field`` are paths such as ``participants[].status``. A list of ours is entered at the part of this
    ``key``, at an index, or at every item. ``reads`` converts the value; where the session has another value,
    ``otherwise`` says why. A rule without ``reads`` says in ``how`` what else decides the value.
    """

    native: str
    field: str
    how: str
    reads: Callable[[Json], object] | None = None
    otherwise: str | None = None
    key: Key | None = None

    def below(self, prefix: str) -> Rule:
        """The same rule for a payload nested under ``prefix``."""
        return Rule(f"{prefix}.{self.native}", self.field, self.how, self.reads, self.otherwise, self.key)


@dataclass(frozen=True, slots=True)
class FieldProvenance:
    """A native value, our value, and the rule between them."""

    native: str
    native_value: Json
    field: str
    value: Json
    rule: str


@dataclass(frozen=True, slots=True)
class MappingReport:
    """Provenance of a whole session; ``unmapped`` lists the native fields that no rule uses."""

    session: Session
    rules: Sequence[FieldProvenance]
    unmapped: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Leaf:
    path: str
    pattern: str
    value: Json
    item: Mapping[str, Json]


def explain(session: Session, rules: Sequence[Rule]) -> MappingReport:
    """Applies the rules to a session's payload."""
    explained: list[FieldProvenance] = []
    unmapped: list[str] = []
    for leaf in _leaves(displayable(session.native)):
        matches = [each for rule in rules if rule.native == leaf.pattern for each in _explain_leaf(session, rule, leaf)]
        explained += matches
        if not matches and not _is_empty_container(leaf, rules):
            unmapped.append(leaf.path)
    return MappingReport(session, explained, unmapped)


def to_json(value: object) -> Json:
    """Converts a value of ours to JSON."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return [to_json(each) for each in value] if isinstance(value, tuple) else value


def non_empty(value: Json) -> Json:
    """The value itself; None for an empty string."""
    return None if value == "" else value


def lookup(table: Mapping[str, T], otherwise: T) -> Callable[[Json], T]:
    """Converts by a table whose keys are in lower case."""
    return lambda value: table.get(str(value or "").lower(), otherwise)


def _explain_leaf(session: Session, rule: Rule, leaf: _Leaf) -> Iterator[FieldProvenance]:
    key = rule.key(leaf.item, leaf.value) if rule.key else None
    if rule.key and key is None:
        return
    for field, ours in _values([("", session)], _steps(rule.field), key):
        value = to_json(ours)
        agrees = rule.reads is None or to_json(rule.reads(leaf.value)) == value
        yield FieldProvenance(leaf.path, leaf.value, field, value, rule.how if agrees else rule.otherwise or rule.how)


def _values(values: list[tuple[str, Any]], steps: Sequence[str], key: str | None) -> list[tuple[str, Any]]:
    """Every value of ours that a path leads to, with its own path."""
    for step in steps:
        if step == _EACH:
            listed = [(f"{path}[{place}]", each) for path, value in values for place, each in enumerate(value)]
            values = [(path, each) for path, each in listed if key is None or each.key == key]
        elif step.startswith("["):
            place = int(step[1:-1])
            values = [(f"{path}{step}", value[place]) for path, value in values if place < len(value)]
        else:
            name = _CAMEL_HUMP.sub("_", step).lower()
            values = [
                (f"{path}.{step}".lstrip("."), None if name in _WITHHELD else getattr(value, name))
                for path, value in values
                if value is not None
            ]
    return values


def _leaves(native: Json) -> Iterator[_Leaf]:
    root = native if isinstance(native, dict) else {}
    stack: list[_Leaf] = [_Leaf("", "", root, root)]
    while stack:
        leaf = stack.pop()
        if isinstance(leaf.value, dict) and (leaf.value or not leaf.path):
            children = [
                _Leaf(f"{leaf.path}.{name}".lstrip("."), f"{leaf.pattern}.{name}".lstrip("."), value, leaf.item)
                for name, value in leaf.value.items()
            ]
        elif isinstance(leaf.value, list) and leaf.value:
            children = [
                _Leaf(f"{leaf.path}[{place}]", leaf.pattern + _EACH, value, value if isinstance(value, dict) else leaf.item)
                for place, value in enumerate(leaf.value)
            ]
        else:
            yield leaf
            continue
        stack += reversed(children)


def _is_empty_container(leaf: _Leaf, rules: Sequence[Rule]) -> bool:
    """Whether it is an empty list or object, and a rule exists for its members."""
    return leaf.value in ([], {}) and any(rule.native.startswith((f"{leaf.pattern}[]", f"{leaf.pattern}.")) for rule in rules)


@lru_cache(maxsize=1_024)
def _steps(path: str) -> tuple[str, ...]:
    return tuple(_STEP.findall(path))
