"""Attacks by the text of an operation: small ones that cost much."""

from __future__ import annotations

from time import perf_counter

from attack import Hole, Target, attack, unless

_SECONDS = 0.4


async def _refused(target: Target, query: str, what: str, seconds: float = _SECONDS) -> None:
    """Holds where it is refused within so many seconds, in words of GraphQL."""
    begun = perf_counter()
    reply = await target.graphql(query)
    took = perf_counter() - begun
    unless(reply.status in {200, 400, 413}, f"{what}: {reply.status}")
    answer = reply.json
    if not answer.get("errors") or answer.get("data"):
        raise Hole(f"{what} is carried out")
    unless(len(reply.body) < 20_000, f"{what} is answered with {len(reply.body)} bytes")
    unless(took < seconds, f"{what} takes {took:.2f} s")
    unless("recursion" not in str(answer).lower(), f"{what} breaks it")


@attack()
async def fragments_that_double_at_each_step(target: Target) -> None:
    steps = 16
    spread = "".join(f"fragment F{each} on Query{{...F{each + 1} ...F{each + 1}}}" for each in range(steps))
    query = f"{{...F0}}{spread}fragment F{steps} on Query{{__typename}}"
    unless(len(query) < 900, "the bomb is small")
    begun = perf_counter()
    await target.graphql(query)
    unless(perf_counter() - begun < _SECONDS, f"{len(query)} bytes take {perf_counter() - begun:.1f} s")


@attack("trusting")
async def fragments_that_go_in_circles(target: Target) -> None:
    circle = "fragment F on Session{documents{session{...F}}}"
    await _refused(target, f"{circle} {{sessions{{nodes{{...F}}}}}}", "a circle of fragments")


@attack()
async def a_thousand_aliases(target: Target) -> None:
    await _refused(target, "{" + " ".join(f"a{each}:viewer{{id}}" for each in range(1_000)) + "}", "a flood of aliases")


@attack()
async def a_field_a_hundred_levels_deep(target: Target) -> None:
    deep = "documents{session{" * 50 + "id" + "}}" * 50
    await _refused(target, f"{{sessions{{nodes{{{deep}}}}}}}", "a hundred levels")


@attack()
async def a_list_in_a_list_in_a_list(target: Target) -> None:
    deep = "documents{session{" * 4 + "id" + "}}" * 4
    await _refused(target, f"{{sessions(first:100){{nodes{{{deep}}}}}}}", "a list in a list, four times")


@attack("trusting")
async def twenty_thousand_words(target: Target) -> None:
    await _refused(target, "{" + "__typename " * 20_000 + "}", "a flood of tokens", seconds=5)


@attack()
async def a_directive_a_hundred_times(target: Target) -> None:
    await _refused(target, "{viewer{" + "id @include(if:true) " * 150 + "}}", "a flood of directives")


@attack("trusting")
async def a_thousand_directives_that_do_not_exist(target: Target) -> None:
    await _refused(target, "{viewer{" + " ".join(f"id@a{each}" for each in range(1_000)) + "}}", "a flood of mistakes")


@attack()
async def a_thousand_operations_in_one_document(target: Target) -> None:
    await _refused(target, "".join(f"query Q{each}{{__typename}}" for each in range(1_000)), "a flood of operations")


@attack()
async def a_thousand_fragments_in_one_document(target: Target) -> None:
    spread = " ".join(f"...F{each}" for each in range(500))
    made = "".join(f"fragment F{each} on Query{{__typename}}" for each in range(500))
    await _refused(target, f"{{{spread}}}{made}", "a flood of fragments")


@attack("trusting")
async def one_field_three_thousand_times(target: Target) -> None:
    await _refused(target, "{" + "viewer{id}" * 3_000 + "}", "a field that is merged with itself")


@attack("bare")
async def an_argument_that_is_deep(target: Target) -> None:
    await _refused(target, "{sessions(filter:" + "{a:" * 5_000 + "1" + "}" * 5_000 + "){nodes{id}}}", "a deep argument")


@attack("bare")
async def a_list_that_is_deep(target: Target) -> None:
    await _refused(target, "{nodes(ids:" + "[" * 10_000 + "]" * 10_000 + "){id}}", "a deep list")


@attack()
async def ten_thousand_ids(target: Target) -> None:
    begun = perf_counter()
    reply = await target.graphql("query($ids:[ID!]!){nodes(ids:$ids){id}}", {"ids": ["x"] * 10_000})
    unless(bool(reply.json.get("errors")) and not reply.json.get("data"), "ten thousand nodes are looked for")
    unless(perf_counter() - begun < 1, "ten thousand nodes take long")


@attack()
async def a_page_of_a_million(target: Target) -> None:
    await _refused(target, "{sessions(first:1000000){nodes{id}}}", "a page of a million")


@attack("trusting")
async def introspection_that_multiplies(target: Target) -> None:
    deep = "fields{type{" * 3 + "name" + "}}" * 3
    reply = await target.graphql(f"{{__schema{{types{{{deep}}}}}}}")
    unless(not reply.json.get("data"), f"{len(reply.body):,} bytes about the schema are made of one line")


@attack()
async def introspection_many_times_at_once(target: Target) -> None:
    many = " ".join(f"a{each}:__schema{{types{{name}}}}" for each in range(200))
    await _refused(target, f"{{{many}}}", "introspection two hundred times")
