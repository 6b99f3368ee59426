"""Session list over all providers: filters, orders, keyset pagination, and sources that did not answer."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from scene import PROBLEMS, Scene, node_id
from scene import scene as running
from starlette.responses import Response

from providers.easyink.sandbox.records import StoredSession
from providers.registry import NAMES

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHOLE = pytest.mark.asyncio(loop_scope="module")


def said(moment):
    return moment.isoformat().replace("+00:00", "Z")


def heard(text):
    return datetime.fromisoformat(text)


async def furnish(scene: Scene):
    """Ten sessions, at least two at every provider, a minute apart but for two pairs."""

    async def later(minutes, work):
        scene.clock.ahead += 60 * minutes
        return await work

    due = scene.clock.now() + timedelta(days=7)
    made = [
        await later(0, scene.create("signicat", title="Lease of the barn", reference="A-1", dueAt=said(due))),
        await later(0, scene.create("easyink", title="LEASE of the field", reference="A-1", start=False)),
        await later(1, scene.create("seal", title="Invoices of March", reference="B-2", start=False)),
        await later(1, scene.create("persist", document="Lease of the barn", tags=["barn", "2026"])),
        await later(1, scene.create("easyink", title="Sale of 100% of Müller & Söhne", people=1)),
        await later(1, scene.create("signicat", title="Sale of the mill", people=3, dueAt=said(due + timedelta(days=3)))),
        await later(1, scene.create("seal", title="Invoices of April")),
        await later(1, scene.create("persist", document="Sale of the mill", thread="owner", tags=["mill"])),
        await later(0, scene.create("seal", title="Invoices of May")),
        await later(1, scene.create("easyink", title="Lease_of the mill", people=1)),
    ]
    await scene.sign(made[6])
    await scene.sandboxes["easyink"].decline(made[4]["key"])
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def market(gateways, tmp_path_factory, authority):
    async with running(tmp_path_factory.mktemp("gateway"), authority, still=NOON) as scene:
        await furnish(scene)
        yield scene


FILTERS = {
    "providers": ({"providers": ["seal", "persist"]}, lambda node: node["provider"]["name"] in {"seal", "persist"}),
    "one provider twice": ({"providers": ["seal", "seal"]}, lambda node: node["provider"]["name"] == "seal"),
    "kinds": ({"kinds": ["SIGNING"]}, lambda node: node["kind"] == "SIGNING"),
    "statuses": ({"statuses": ["DRAFT", "DECLINED"]}, lambda node: node["status"] in {"DRAFT", "DECLINED"}),
    "created from": ({"createdFrom": "2026-03-01T12:03:00Z"}, lambda node: node["createdAt"] >= "2026-03-01T12:03:00Z"),
    "created to": ({"createdTo": "2026-03-01T14:03:00+02:00"}, lambda node: node["createdAt"] <= "2026-03-01T12:03:00Z"),
    "due from": (
        {"dueFrom": "2026-03-10T00:00:00Z", "providers": ["signicat"]},
        lambda node: node["dueAt"] and node["dueAt"] >= "2026-03-10",
    ),
    "due to": ({"dueTo": "2026-03-09T00:00:00Z"}, lambda node: node["dueAt"] and node["dueAt"] < "2026-03-09"),
    "title, in any case": ({"titleContains": "leasE OF"}, lambda node: "lease of" in node["title"].lower()),
    "title, with umlauts": ({"titleContains": "MÜLLER"}, lambda node: "Müller" in node["title"]),
    "title, with a percent sign": ({"titleContains": "100%"}, lambda node: "100%" in node["title"]),
    "title, with an underscore": ({"titleContains": "e_o"}, lambda node: "e_o" in node["title"]),
    "reference": ({"reference": "A-1"}, lambda node: node["reference"] == "A-1"),
    "participant": (
        {"participantEmail": "Radia@People.example"},
        lambda node: "radia@people.example" in [each["email"] for each in node["participants"]],
    ),
    "several at once": (
        {"kinds": ["SIGNING", "SEALING"], "titleContains": "lease", "reference": "A-1", "createdTo": "2026-03-01T12:01:00Z"},
        lambda node: node["kind"] != "RECORD" and node["reference"] == "A-1",
    ),
}


@WHOLE
async def test_the_list_spans_all_providers_newest_first(market):
    listed = await market.list()
    assert listed["totalCount"] == len(listed["nodes"]) == 10
    assert Counter(node["provider"]["name"] for node in listed["nodes"]) == {
        "signicat": 2,
        "easyink": 3,
        "seal": 3,
        "persist": 2,
    }
    at = [node["createdAt"] for node in listed["nodes"]]
    assert at == sorted(at, reverse=True)
    assert len(set(at)) == 8, "two pairs share an instant"
    assert [edge["node"]["id"] for edge in listed["edges"]] == [node["id"] for node in listed["nodes"]]
    assert {source["provider"]: source["outcome"] for source in listed["sources"]} == dict.fromkeys(NAMES, "FRESH")
    assert all(source["problem"] is None and source["asOf"] for source in listed["sources"])


@WHOLE
@pytest.mark.parametrize("name", FILTERS)
async def test_filter_selects_only_what_it_names(market, name):
    wanted, matches = FILTERS[name]
    everything = (await market.list())["nodes"]
    expected = [node["id"] for node in everything if matches(node)]
    assert 0 < len(expected) < len(everything), "the filter has to make a difference"
    listed = await market.list(wanted)
    assert [node["id"] for node in listed["nodes"]] == expected
    assert listed["totalCount"] == len(expected)


@WHOLE
@pytest.mark.parametrize(
    "wanted",
    [
        {"providers": []},
        {"kinds": []},
        {"statuses": []},
        {"reference": ""},
        {"reference": "a-1"},
        {"participantEmail": "%"},
        {"createdFrom": "2030-01-01T00:00:00Z"},
    ],
)
async def test_a_filter_that_nothing_matches_lists_nothing(market, wanted):
    listed = await market.list(wanted)
    assert (listed["nodes"], listed["edges"], listed["totalCount"]) == ([], [], 0)
    assert listed["pageInfo"] == {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None}


@WHOLE
async def test_empty_filter_selects_everything(market):
    everything = [node["id"] for node in (await market.list())["nodes"]]
    for wanted in ({"titleContains": ""}, dict.fromkeys(["providers", "kinds", "titleContains", "dueTo"])):
        assert [node["id"] for node in (await market.list(wanted))["nodes"]] == everything


ORDERS = ["CREATED_AT_DESC", "CREATED_AT_ASC", "DUE_AT_ASC"]


@WHOLE
async def test_lists_are_sorted_by_their_order(market):
    newest, oldest, due = [(await market.list(orderBy=order))["nodes"] for order in ORDERS]
    assert [node["id"] for node in oldest] == [node["id"] for node in newest[::-1]]
    times = [node["dueAt"] for node in due]
    first = [time for time in times if time]
    assert first == sorted(first)
    assert times == first + [None] * (len(times) - len(first)), "what is never due comes last"


async def forwards(scene, size, **arguments):
    found, after, sizes = [], None, []
    while True:
        page = await scene.list(first=size, after=after, **arguments)
        found += [node["id"] for node in page["nodes"]]
        sizes.append(len(page["nodes"]))
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        if not page["pageInfo"]["hasNextPage"]:
            return found, sizes
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
        after = page["pageInfo"]["endCursor"]


async def backwards(scene, size, **arguments):
    found, before = [], None
    while True:
        page = await scene.list(last=size, before=before, **arguments)
        found = [node["id"] for node in page["nodes"]] + found
        assert page["pageInfo"]["hasNextPage"] is (before is not None)
        if not page["pageInfo"]["hasPreviousPage"]:
            return found
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        before = page["pageInfo"]["startCursor"]


@WHOLE
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [1, 3, 10])
async def test_pages_in_both_directions_make_up_the_whole_list(market, order, size):
    whole = [node["id"] for node in (await market.list(orderBy=order))["nodes"]]
    found, sizes = await forwards(market, size, orderBy=order, maxAge="PT1H")
    assert found == whole
    assert set(sizes[:-1]) <= {size}
    assert await backwards(market, size, orderBy=order, maxAge="PT1H") == whole


@WHOLE
async def test_filtered_list_is_paged(market):
    wanted = {"titleContains": "of the"}
    whole = [node["id"] for node in (await market.list(wanted))["nodes"]]
    first = await market.list(wanted, first=2)
    rest = await market.list(wanted, first=100, after=first["pageInfo"]["endCursor"])
    assert [node["id"] for node in first["nodes"] + rest["nodes"]] == whole
    assert first["totalCount"] == rest["totalCount"] == len(whole)


@WHOLE
async def test_one_page_spans_three_providers_and_equal_instants_at_two(market):
    edges = await market.list(orderBy="CREATED_AT_ASC")
    page = await market.list(orderBy="CREATED_AT_ASC", first=4)
    assert len({node["provider"]["name"] for node in page["nodes"]}) == 4
    first, second = page["nodes"][:2]
    assert first["createdAt"] == second["createdAt"]
    assert first["provider"] != second["provider"]
    between = await market.list(orderBy="CREATED_AT_ASC", first=1, after=edges["edges"][0]["cursor"])
    assert [node["id"] for node in between["nodes"]] == [second["id"]], "nothing is skipped or repeated between equal instants"


@WHOLE
async def test_empty_page_has_a_next_page(market):
    page = await market.list(first=0)
    assert page["nodes"] == []
    assert page["pageInfo"]["hasNextPage"] is True


@WHOLE
async def test_page_has_twenty_items_by_default(market):
    account = market.sandboxes["easyink"].account
    keys = [account.add_session(StoredSession(f"0000-{number}", f"Bulk {number}", market.clock.now())) for number in range(25)]
    try:
        listed = await market.list({"titleContains": "Bulk"})
        assert len(listed["nodes"]) == 20
        assert (listed["totalCount"], listed["pageInfo"]["hasNextPage"]) == (25, True)
    finally:
        for key in keys:
            del account.sessions[key]


@WHOLE
async def test_list_with_a_max_age_beyond_history_is_answered(market):
    for age in ("P9000Y", "P1000000D", "PT1S"):
        assert (await market.list(maxAge=age))["totalCount"] >= 10


# What changes while a list is read.


def made_by_hand(scene, number, title="By hand"):
    at = scene.clock.now() + timedelta(seconds=number)
    return scene.sandboxes["easyink"].account.add_session(StoredSession(f"0000-{number:04}", f"{title} {number}", at))


async def test_sessions_that_come_and_go_between_pages_shift_nothing(scene):
    account = scene.sandboxes["easyink"].account
    keys = [made_by_hand(scene, number) for number in range(12)]
    whole = [node["key"] for node in (await scene.list())["nodes"]]
    assert whole == keys[::-1]
    seen, after = [], None
    for turn in range(4):
        page = await scene.list(first=3, after=after)
        seen += [node["key"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        made_by_hand(scene, 100 + turn)
        del account.sessions[seen[turn]]
    assert seen == whole
    newest = await scene.list(first=100)
    assert newest["totalCount"] == len(newest["nodes"]) == 12
    gone = await scene.list({"statuses": ["DELETED"]}, first=100)
    assert {node["key"] for node in gone["nodes"]} == set(seen[:4])


@pytest.mark.parametrize("relayed", [("easyink",)])
@pytest.mark.parametrize("changes", [{"freshness": {"list_wait": 60}}])
async def test_rows_that_move_up_while_the_gateway_reads_a_long_list_are_not_lost(scene):
    account = scene.sandboxes["easyink"].account
    keys = [made_by_hand(scene, number) for number in range(130)]
    asked = []

    async def instead(request):
        if request.method == "GET" and request.url.path == "/api/signingSessions":
            asked.append(request.query_params["pageIndex"])
            if len(asked) == 2:
                for key in keys[-20:]:
                    del account.sessions[key]

    scene.relays["easyink"].instead = instead
    listed = await scene.list({"providers": ["easyink"]}, first=0)
    assert len(asked) > 2, "it looked again"
    assert listed["totalCount"] == 130, "those that were seen before they went, and those behind them"


async def test_each_order_at_signicat_is_listed_once_however_many_native_sessions_it_has(scene):
    made = [await scene.create("signicat", people=3) for _ in range(3)]
    listed = await scene.list({"providers": ["signicat"]}, first=100)
    assert {node["id"] for node in listed["nodes"]} == {each["id"] for each in made}
    assert listed["totalCount"] == 3


# Who did not answer.

SILENCE = {
    "401": ({"status": 401}, "UNAUTHORIZED", "AUTHORIZATION_REQUIRED"),
    "403": ({"status": 403}, "UNAUTHORIZED", "PROVIDER_REFUSED"),
    "429": ({"status": 429, "headers": {"retry-after": "120"}}, "STALE", "PROVIDER_BUSY"),
    "500": ({"status": 500}, "UNAVAILABLE", "PROVIDER_UNAVAILABLE"),
    "html": ({"kind": "html"}, "UNAVAILABLE", "PROVIDER_MISBEHAVED"),
    "reset": ({"kind": "reset"}, "UNAVAILABLE", "PROVIDER_UNAVAILABLE"),
    "slow": ({"delay_ms": 6000}, "TIMED_OUT", "PROVIDER_UNAVAILABLE"),
}


@pytest.mark.parametrize("changes", [{"freshness": {"list_wait": 2.5}}])
@pytest.mark.parametrize("kind", ["signicat", "easyink", "seal", "persist"])
async def test_a_provider_that_does_not_answer_is_named_and_the_others_answer(scene, kind):
    made = {each: await scene.create(each) for each in NAMES}
    for silence, (fault, outcome, code) in SILENCE.items():
        before = {source["provider"]: source["asOf"] for source in (await scene.list())["sources"]}
        await scene.fault(kind, method="GET", **fault)
        scene.clock.ahead += 1
        listed = await scene.list()
        assert {node["id"] for node in listed["nodes"]} == {each["id"] for each in made.values()}, "what was known is shown"
        sources = {source["provider"]: source for source in listed["sources"]}
        outcomes = {name: source["outcome"] for name, source in sources.items()}
        assert outcomes == dict.fromkeys(NAMES, "FRESH") | {kind: outcome}, silence
        problem = sources[kind]["problem"]
        assert (problem["code"], problem["provider"]) == (code, kind), silence
        assert kind in problem["message"]
        if silence == "429":
            assert (problem["retryable"], problem["retryAfterMs"]) == (True, 120_000)
        assert sources[kind]["asOf"] == before[kind], "as old as it is"
        assert all(sources[name]["asOf"] > before[name] for name in NAMES if name != kind)
        await scene.heal(kind)


@pytest.mark.parametrize("kind", ["signicat", "easyink", "seal", "persist"])
async def test_a_provider_that_is_down_is_named_and_its_sessions_are_still_shown(scene, kind):
    made = {each: await scene.create(each) for each in NAMES}
    await scene.list()
    await scene.stop(kind)
    listed = await scene.list()
    assert {node["id"] for node in listed["nodes"]} == {each["id"] for each in made.values()}
    sources = {source["provider"]: source for source in listed["sources"]}
    assert {name: source["outcome"] for name, source in sources.items()} == dict.fromkeys(NAMES, "FRESH") | {
        kind: "UNAVAILABLE"
    }
    assert sources[kind]["problem"]["message"] == f"{kind} cannot be reached."
    alone = await scene.list({"providers": [each for each in NAMES if each != kind]})
    assert {source["provider"] for source in alone["sources"]} == set(NAMES) - {kind}, "only those that were asked"


async def test_providers_that_never_answered_are_named_beside_an_empty_list(scene):
    for kind in ("signicat", "easyink", "persist"):
        await scene.stop(kind)
    listed = await scene.list()
    assert listed["nodes"] == []
    sources = {source["provider"]: source for source in listed["sources"]}
    assert {name: source["outcome"] for name, source in sources.items()} == {
        "signicat": "UNAVAILABLE",
        "easyink": "UNAVAILABLE",
        "persist": "UNAVAILABLE",
        "seal": "FRESH",
    }
    assert {name: source["asOf"] is None for name, source in sources.items()} == {name: name != "seal" for name in sources}


@pytest.mark.parametrize("relayed", [("signicat",)])
async def test_wrong_secret_is_distinguished_from_a_provider_that_is_down(scene):
    async def instead(request):
        return Response(b'{"error": "invalid_client"}', 401) if request.url.path.endswith("/token") else None

    scene.relays["signicat"].instead = instead
    source = next(each for each in (await scene.list())["sources"] if each["provider"] == "signicat")
    assert (source["outcome"], source["problem"]["code"]) == ("UNAUTHORIZED", "AUTHORIZATION_REQUIRED")
    assert "client_secret" in source["problem"]["message"]


async def test_a_session_that_ends_at_the_provider_is_final_in_the_next_list(scene):
    made = {kind: await scene.create(kind) for kind in ("signicat", "easyink", "seal")}
    await scene.list()
    for session in made.values():
        await scene.sign(session)
    for _ in range(5):
        scene.clock.ahead += 1
        listed = await scene.list()
    assert {node["provider"]["name"]: node["status"] for node in listed["nodes"]} == dict.fromkeys(made, "COMPLETED")


# Signatures.

SIGNATURES = f"""
query Q($filter: SignatureFilter, $first: Int, $after: String, $last: Int, $before: String) {{
  signatures(filter: $filter, first: $first, after: $after, last: $last, before: $before) {{
    totalCount edges {{ cursor node {{ id }} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
    nodes {{ id key version tags signedAt createdAt provider {{ name }} session {{ id title reference }} }}
    sources {{ provider outcome asOf {PROBLEMS.replace("problems", "problem")} }}
  }}
}}"""


async def signatures(scene, wanted=None, **arguments):
    return (await scene.data(SIGNATURES, filter=wanted or {}, **arguments))["signatures"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def signed(gateways, tmp_path_factory, authority):
    async with running(tmp_path_factory.mktemp("gateway"), authority, still=NOON) as scene:
        for place, (document, thread, tags) in enumerate(
            [
                ("lease", "tenant", ["2026", "barn"]),
                ("lease", "owner", ["2026"]),
                ("sale", "tenant", ["mill"]),
                ("sale", "owner", ["2026", "mill", "barn"]),
            ]
        ):
            scene.clock.ahead += 60 * (place + 1)
            await scene.save(document, thread, tags=tags)
        for kind in ("seal", "easyink", "signicat"):
            session = await scene.create(kind)
            await scene.sign(session)
            await scene.settle(session)
        yield scene


@WHOLE
async def test_signatures_of_all_providers_are_one_list_newest_first(signed):
    listed = await signatures(signed)
    assert {node["provider"]["name"] for node in listed["nodes"]} == set(NAMES)
    assert listed["totalCount"] == len(listed["nodes"]) == len({node["id"] for node in listed["nodes"]})
    assert {source["outcome"] for source in listed["sources"]} == {"FRESH"}
    kept = [node for node in listed["nodes"] if node["provider"]["name"] == "persist"]
    assert [node["createdAt"] for node in kept] == sorted((node["createdAt"] for node in kept), reverse=True)


SIGNATURE_FILTERS = {
    "providers": ({"providers": ["persist"]}, lambda node: node["provider"]["name"] == "persist"),
    "document": ({"document": "lease"}, lambda node: node["session"]["title"] == "lease"),
    "thread": ({"thread": "owner"}, lambda node: node["session"]["reference"] == "owner"),
    "document and thread": (
        {"document": "sale", "thread": "owner"},
        lambda node: (node["session"]["title"], node["session"]["reference"]) == ("sale", "owner"),
    ),
    "a tag": ({"tags": ["mill"]}, lambda node: "mill" in node["tags"]),
    "any of two tags": ({"tags": ["mill", "barn"]}, lambda node: {"mill", "barn"} & set(node["tags"])),
}


@WHOLE
@pytest.mark.parametrize("name", SIGNATURE_FILTERS)
async def test_filter_of_signatures_selects_only_what_it_names(signed, name):
    wanted, matches = SIGNATURE_FILTERS[name]
    everything = (await signatures(signed))["nodes"]
    expected = [node["id"] for node in everything if matches(node)]
    assert 0 < len(expected) < len(everything)
    listed = await signatures(signed, wanted)
    assert [node["id"] for node in listed["nodes"]] == expected
    assert listed["totalCount"] == len(expected)


@WHOLE
async def test_signatures_are_filtered_by_the_time_of_signing(signed):
    everything = (await signatures(signed))["nodes"]
    times = sorted({node["signedAt"] for node in everything if node["signedAt"]})
    middle = times[len(times) // 2]
    late = await signatures(signed, {"signedFrom": middle})
    early = await signatures(signed, {"signedTo": middle})
    assert {node["id"] for node in late["nodes"]} == {
        node["id"] for node in everything if node["signedAt"] and node["signedAt"] >= middle
    }
    assert {node["id"] for node in early["nodes"]} == {
        node["id"] for node in everything if node["signedAt"] and node["signedAt"] <= middle
    }
    assert late["nodes"]


@WHOLE
@pytest.mark.parametrize("size", [2, 3])
async def test_signatures_in_pages_make_up_the_whole_list(signed, size):
    whole = [node["id"] for node in (await signatures(signed, first=100))["nodes"]]
    found, after = [], None
    while True:
        page = await signatures(signed, first=size, after=after)
        found += [node["id"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert found == whole
    found, before = [], None
    while True:
        page = await signatures(signed, last=size, before=before)
        found = [node["id"] for node in page["nodes"]] + found
        if not page["pageInfo"]["hasPreviousPage"]:
            break
        before = page["pageInfo"]["startCursor"]
    assert found == whole


async def test_a_store_that_is_down_is_named_beside_the_signatures_that_are_known(scene):
    record = await scene.create("persist")
    assert (await signatures(scene))["totalCount"] == 1
    await scene.stop("persist")
    listed = await signatures(scene)
    assert [node["session"]["id"] for node in listed["nodes"]] == [record["id"]]
    sources = {source["provider"]: source for source in listed["sources"]}
    assert (sources["persist"]["outcome"], sources["persist"]["problem"]["code"]) == ("UNAVAILABLE", "PROVIDER_UNAVAILABLE")
    assert sources["signicat"]["outcome"] == "FRESH"


async def test_a_deleted_signature_leaves_the_list(scene):
    record = await scene.create("persist")
    [signature] = (await signatures(scene))["nodes"]
    await scene.done("deleteSignature", signature=signature["id"])
    assert (await signatures(scene))["nodes"] == []
    assert signature["id"] == node_id("Signature", "persist", record["key"], signature["key"])


async def test_provider_shows_its_sync_strategy_and_lag(scene):
    query = "{ providers { name sync { strategy lastSyncAt lagMs openSessions } } }"
    made = await scene.create("seal")
    before = {each["name"]: each["sync"] for each in (await scene.data(query))["providers"]}
    assert before["seal"] == {"strategy": "NONE", "lastSyncAt": None, "lagMs": None, "openSessions": 1}
    await scene.list()
    await scene.sign(made)
    await scene.settle(made)
    after = {each["name"]: each["sync"] for each in (await scene.data(query))["providers"]}
    assert after["seal"]["openSessions"] == 0
    assert after["seal"]["lagMs"] >= 5000, "the list was read before the hands were moved on"
    assert after["seal"]["lastSyncAt"]
