"""How a session's native payload became ours."""

from __future__ import annotations

import strawberry

from providers import provenance
from schema.scalars import Json
from schema.types.describes import describes, resolved
from schema.types.session import Session


def _native_value(root: strawberry.Parent[provenance.FieldProvenance]) -> Json:
    return Json(root.native_value)


def _value(root: strawberry.Parent[provenance.FieldProvenance]) -> Json:
    return Json(root.value)


@strawberry.type
@describes(provenance.FieldProvenance)
class MappingRule:
    """A value of the provider's, a value of ours, and the rule between them."""

    native: str
    native_value: Json | None = resolved(_native_value, pure=True)
    field: str
    value: Json | None = resolved(_value, pure=True)
    rule: str


@strawberry.type
@describes(provenance.MappingReport)
class MappingReport:
    """How a session came of its native payload; unmapped names every native field that no rule used."""

    session: Session
    rules: list[MappingRule]
    unmapped: list[str]
