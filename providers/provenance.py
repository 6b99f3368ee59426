"""How a native payload became our session, field by field. It is worked out only when somebody asks.

An adapter lists its rules. Where a value is read by a table or a function, the rule names the very same one, so that a rule
which no longer tells the truth is found out by comparing.
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
"""Which of ours something is about: its key, by the object of theirs that is in the nearest list, and the value itself."""

_EACH: Final = "[]"
_STEP: Final = re.compile(r"\[\d*\]|[^.\[\]]+")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WITHHELD: Final = frozenset({"signing_url"})


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of one of their fields.

    ``native`` and ``field`` are paths such as ``participants[].status``. A list of ours is entered at the one that ``key``
    names, at a number, or at all of them. ``reads`` is what the value is read by; where another value came of it,
    ``otherwise`` says why. A rule without ``reads`` says in ``how`` what decides beside it.
    """

    native: str
    field: str
    how: str
    reads: Callable[[Json], object] | None = None
    otherwise: str | None = None
    key: Key | None = None

    def below(self, prefix: str) -> Rule:
        """The same rule for what lies deeper in the payload."""
        return Rule(f"{prefix}.{self.native}", self.field, self.how, self.reads, self.otherwise, self.key)


@dataclass(frozen=True, slots=True)
class FieldProvenance:
    """A value of theirs, a value of ours, and the rule between them."""

    native: str
    native_value: Json
    field: str
    value: Json
    rule: str


@dataclass(frozen=True, slots=True)
class MappingReport:
    """How a session came of its native payload; ``unmapped`` names every native field that no rule used."""

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
    """What the rules make of a session's payload."""
    explained: list[FieldProvenance] = []
    unmapped: list[str] = []
    for leaf in _leaves(displayable(session.native)):
        found = [each for rule in rules if rule.native == leaf.pattern for each in _explained(session, rule, leaf)]
        explained += found
        if not found and not _empty_above(leaf, rules):
            unmapped.append(leaf.path)
    return MappingReport(session, explained, unmapped)


def plain(value: object) -> Json:
    """A value of ours as JSON."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return [plain(each) for each in value] if isinstance(value, tuple) else value


def same(value: Json) -> Json:
    """As it is; what is empty is nothing."""
    return None if value == "" else value


def word(table: Mapping[str, T], otherwise: T) -> Callable[[Json], T]:
    """Reads by a table whose words are in lower case."""
    return lambda value: table.get(str(value or "").lower(), otherwise)


def _explained(session: Session, rule: Rule, leaf: _Leaf) -> Iterator[FieldProvenance]:
    key = rule.key(leaf.item, leaf.value) if rule.key else None
    if rule.key and key is None:
        return
    for field, ours in _values([("", session)], _steps(rule.field), key):
        value = plain(ours)
        agrees = rule.reads is None or plain(rule.reads(leaf.value)) == value
        yield FieldProvenance(leaf.path, leaf.value, field, value, rule.how if agrees else rule.otherwise or rule.how)


def _values(found: list[tuple[str, Any]], steps: Sequence[str], key: str | None) -> list[tuple[str, Any]]:
    """What of ours a path leads to, each with its own path."""
    for step in steps:
        if step == _EACH:
            listed = [(f"{path}[{place}]", each) for path, value in found for place, each in enumerate(value)]
            found = [(path, each) for path, each in listed if key is None or each.key == key]
        elif step.startswith("["):
            place = int(step[1:-1])
            found = [(f"{path}{step}", value[place]) for path, value in found if place < len(value)]
        else:
            name = _HUMP.sub("_", step).lower()
            found = [
                (f"{path}.{step}".lstrip("."), None if name in _WITHHELD else getattr(value, name))
                for path, value in found
                if value is not None
            ]
    return found


def _leaves(native: Json) -> Iterator[_Leaf]:
    root = native if isinstance(native, dict) else {}
    waiting: list[_Leaf] = [_Leaf("", "", root, root)]
    while waiting:
        here = waiting.pop()
        if isinstance(here.value, dict) and (here.value or not here.path):
            within = [
                _Leaf(f"{here.path}.{name}".lstrip("."), f"{here.pattern}.{name}".lstrip("."), value, here.item)
                for name, value in here.value.items()
            ]
        elif isinstance(here.value, list) and here.value:
            within = [
                _Leaf(f"{here.path}[{place}]", here.pattern + _EACH, value, value if isinstance(value, dict) else here.item)
                for place, value in enumerate(here.value)
            ]
        else:
            yield here
            continue
        waiting += reversed(within)


def _empty_above(leaf: _Leaf, rules: Sequence[Rule]) -> bool:
    """Whether it is an empty list or object, and there are rules for what would be in it."""
    return leaf.value in ([], {}) and any(rule.native.startswith((f"{leaf.pattern}[]", f"{leaf.pattern}.")) for rule in rules)


@lru_cache(maxsize=1_024)
def _steps(path: str) -> tuple[str, ...]:
    return tuple(_STEP.findall(path))
