"""Property: one odd value in a provider's response costs itself alone; everything else is shown.

The cases are made of the answers that the sandboxes gave: each path of each, by each mutation. A sample of them is tried,
or all where the environment variable MUTATIONS is "all".
"""

from __future__ import annotations

import json
import logging
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from scene import NOW, SESSION

from providers.registry import NAMES

SEED = 7
SAMPLE = 90
MARK = r'"\uf8ff"'
MISSING = "missing"
MUTATIONS: dict[str, Callable[[str], str]] = {
    "null": lambda old: "null",
    "number": lambda old: "5",
    "text": lambda old: '"odd"',
    "truth": lambda old: "true",
    "list": lambda old: "[]",
    "object": lambda old: "{}",
    "list of one": lambda old: f"[{old}]",
    "huge number": lambda old: "9" * 400,
    "huge negative number": lambda old: "-" + "9" * 30,
    "number without end": lambda old: "1e999",
    "huge text": lambda old: '"' + "x" * 100_000 + '"',
    "time without end": lambda old: '"9999-12-31T23:59:59.9999999-14:00"',
    "half of a character": lambda old: r'"\ud83d"',
    "NUL": lambda old: r'"a\u0000b"',
    "many brackets": lambda old: "[" * 20_000 + "]" * 20_000,
    "some brackets": lambda old: "[" * 600 + "]" * 600,
}
LOOK = f"""
query Q($id: ID!, $maxAge: Duration) {{
  sessions(first: 100, maxAge: $maxAge) {{
    totalCount
    nodes {{ {SESSION} fields {{ document {{ id }} participant {{ id }} }} signatures {{ document {{ id }} }} native }}
    sources {{ provider outcome problem {{ code }} unreadable {{ key reason }} }}
  }}
  subject: session(id: $id, maxAge: $maxAge) {{ {SESSION} fields {{ document {{ id }} }} native }}
}}"""
COUNTS = "query Q($name: String!) { provider(name: $name) { name credentials { state } sessionCounts { toSign } } }"
Address = tuple[str, str]
Path = tuple[str | int, ...]


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Every place in a JSON value; of a long list, the first three items."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for step, item in inner:
        yield from paths(item, (*at, step))


def within(value: Any, path: Path, name: str) -> bool:
    """Whether a place is in an item of a list that holds this name."""
    for step in path:
        value = value[step]
        if isinstance(step, int):
            return name in json.dumps(value)
    return False


@dataclass(frozen=True)
class Case:
    """One value of one answer, and what becomes of it."""

    address: Address
    path: Path
    mutation: str

    def applied(self, body: bytes) -> bytes:
        """The answer with that value changed; as it is where it has no such place."""
        value = json.loads(body)
        if not self.path:
            return body if self.mutation == MISSING else MUTATIONS[self.mutation](body.decode()).encode()
        holder = value
        try:
            for step in self.path[:-1]:
                holder = holder[step]
            old = json.dumps(holder[self.path[-1]])
        except (LookupError, TypeError):
            return body
        if self.mutation == MISSING:
            del holder[self.path[-1]]
            return json.dumps(value).encode()
        holder[self.path[-1]] = "\uf8ff"
        new = f'5, "{self.path[-1]}": {old}' if self.mutation == "duplicate key" else MUTATIONS[self.mutation](old)
        return json.dumps(value).replace(MARK, new).encode()


@dataclass
class Between:
    """Records the answers to readings, and changes the one that the present case is about."""

    answers: dict[Address, bytes] = field(default_factory=dict)
    case: Case | None = None
    applied: int = 0

    def alter(self, request, body: bytes) -> bytes:
        address = request.method, request.url.path
        if self.case is not None:
            changed = self.case.applied(body) if address == self.case.address else body
            self.applied += changed != body
            return changed
        if (request.method == "GET" or "token" in request.url.path) and body[:1] in {b"{", b"["}:
            self.answers[address] = body
        return body

    def cases(self, but: set[Address], witness: str) -> list[Case]:
        """All there are, but for those of these answers and of what a list says of the witness."""
        return [
            Case(address, path, mutation)
            for address, body in sorted(self.answers.items())
            if address not in but
            for path in paths(json.loads(body))
            if not within(json.loads(body), path, witness)
            for mutation in (*MUTATIONS, MISSING, "duplicate key")
            if mutation != "duplicate key" or (path and isinstance(path[-1], str))
        ]


async def made(scene, kind: str, name: str) -> dict[str, Any]:
    """A session with as many parts as its provider has."""
    if kind == "persist":
        return await scene.save(document=name)
    if kind != "easyink":
        return await scene.create(kind, reference=name, **({} if kind == "seal" else {"people": 1}))
    field = {"documentIndex": 0, "participantRef": "Ada", "page": 1, "x": 10, "y": 10, "width": 90, "height": 30}
    return await scene.create(kind, fields=[field], start=name != "draft", reference=name)


async def looked(scene, session: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every session as the list shows it, by its key, read anew along with this one; nothing unexpected comes of it."""
    scene.clock.ahead += 11
    scene.sandboxes["signicat"].tokens.revoke_all()
    answer = await scene.ask(LOOK, id=session["id"], maxAge=NOW)
    assert answer.get("data") is not None, str(answer)[:2000]
    assert all(error["path"] == ["subject"] for error in answer.get("errors", ())), answer["errors"]
    await scene.ask(COUNTS, name=session["provider"]["name"])
    found = answer["data"]["sessions"]
    outcomes = {each["provider"]: each["outcome"] for each in found["sources"]}
    own = session["provider"]["name"]
    assert {name: outcome for name, outcome in outcomes.items() if name != own} == dict.fromkeys(
        (name for name in NAMES if name != own), "FRESH"
    )
    volatile = {"freshness": None, "documents": None}
    return {node["key"]: node | volatile for node in found["nodes"]}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("relayed", [NAMES])
@pytest.mark.parametrize("changes", [{"limits": {"cost_mode": "measure", "tokens": 5_000, "depth": 20}}])
@pytest.mark.parametrize("kind", NAMES)
async def test_single_odd_value_of_a_response_leaves_everything_else(scene, kind, caplog):
    caplog.set_level(logging.WARNING)
    witnesses = {each: await made(scene, each, "witness") for each in NAMES}
    between = Between()
    scene.relays[kind].alter = between.alter
    await looked(scene, witnesses[kind])
    shared = {address for address in between.answers if witnesses[kind]["key"] not in address[1]}
    untouched = set(between.answers) - {address for address in shared if "token" in address[1] or address[1] in LISTS}
    subjects = [await made(scene, kind, "subject")]
    subjects += [await made(scene, kind, "draft")] if kind == "easyink" else []
    if kind in {"signicat", "easyink"}:
        await scene.sign(subjects[0])
    for subject in subjects:
        await looked(scene, subject)
    before = {
        key: node
        for key, node in (await looked(scene, subjects[0])).items()
        if key in {each["key"] for each in witnesses.values()}
    }
    cases = between.cases(untouched, witnesses[kind]["key"].partition("/")[0])
    if os.environ.get("MUTATIONS") != "all":
        cases = random.Random(SEED).sample(cases, min(SAMPLE, len(cases)))
    for case in cases:
        between.case = case
        subject = next((each for each in subjects if each["key"] in case.address[1]), subjects[0])
        seen = await looked(scene, subject)
        assert {key: seen.get(key) for key in before} == before, case
        assert {each["key"] for each in subjects} <= seen.keys(), case
        assert not [each for each in caplog.records if each.levelno >= logging.ERROR], case
    assert between.applied > len(cases) / 2


LISTS = {"/sign/signing-sessions", "/api/signingSessions", "/signatures", "/api/signingSessions/statistics"}
