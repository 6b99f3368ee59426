"""The scope is asked before any input is read: whoever lacks it learns nothing else, at no cost."""

from __future__ import annotations

import pytest
from door import Door

PROBLEMS = "problems { code path }"
CREATE = f"mutation M($input: CreateSessionInput!) {{ createSession(input: $input) {{ session {{ id }} {PROBLEMS} }} }}"
SAVE = f"mutation M($input: SaveSignatureInput!) {{ saveSignature(input: $input) {{ {PROBLEMS} }} }}"


@pytest.mark.parametrize("query", [CREATE, SAVE], ids=["createSession", "saveSignature"])
@pytest.mark.parametrize(
    "given",
    [{"participants": [{}] * 40_000}, {"title": 7}, {"nothing": "x" * 100_000}],
    ids=["too much", "of another type", "unknown"],
)
async def test_a_mutation_without_its_scope_is_refused_whatever_its_input(door: Door, query: str, given: object) -> None:
    answer = await door.ask("nothing", query, input=given)
    [payload] = answer["data"].values()
    assert payload["problems"] == [{"code": "FORBIDDEN", "path": None}]
    assert "errors" not in answer


async def test_a_query_without_its_scope_is_refused_whatever_its_input(door: Door) -> None:
    query = (
        "query Q($f: SessionFilter, $w: Duration) { sessions(filter: $f) { totalCount } comparison(window: $w) { __typename } }"
    )
    answer = await door.ask("nothing", query, f={"statuses": ["PENDING"] * 100_000}, w="x" * 100_000)
    assert answer["data"] is None
    assert {each["extensions"]["code"] for each in answer["errors"]} == {"FORBIDDEN"}


async def test_whoever_has_the_scope_of_a_part_has_that_part(door: Door) -> None:
    query = 'query Q($n: Int) { viewer { scopes } session(id: "x") { id } providers { name } nodes(ids: []) { id } }'
    answer = await door.ask("nothing", query.replace("($n: Int)", ""))
    assert answer["data"]["viewer"] == {"scopes": []}
    assert answer["data"]["session"] is None
