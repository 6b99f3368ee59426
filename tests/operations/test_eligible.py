"""``eligibleProviders`` agrees with ``createSession``: eligible orders are created, others fail with the same problems."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from acts import BOX
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scene import Scene, pdf
from scene import scene as running

from providers.registry import NAMES
from providers.sandbox.certificate_authority import CertificateAuthority

EXAMPLES = 100
ADA = {"firstName": "Ada", "lastName": "Lovelace", "email": "ada@people.example", "ref": "a"}
FILES = {
    "pdf": (pdf("Lease"), "lease.pdf", "application/pdf"),
    "text": (b"We agree.", "lease.txt", "text/plain"),
    "zip": (b"PK\x05\x06" + bytes(18), "lease.zip", "application/zip"),
    "unknown": (b"", "", ""),
}
ELIGIBLE = """query Q($input: CreateSessionInput!) { eligibleProviders(input: $input) {
  provider { name } eligible problems { code path provider } } }"""
CREATE = """mutation M($input: CreateSessionInput!) { createSession(input: $input) {
  session { key status provider { name } } problems { code path provider message } } }"""


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual] * 8 + list(others))


documents = st.fixed_dictionaries(
    {"file": mostly("pdf", "text", "zip", "unknown")},
    optional={
        "title": mostly("Lease", "", "t" * 300),
        "filename": mostly("lease.pdf", "f" * 300 + ".pdf"),
        "description": mostly("Of the north field", "d" * 1001),
        "role": mostly("TO_SIGN", "ATTACHMENT", "EVIDENCE"),
    },
)
people = st.fixed_dictionaries(
    {"firstName": mostly("Ada", None, "a" * 101), "lastName": mostly("Lovelace", None)},
    optional={
        "email": mostly("ada@people.example", "nobody", None),
        "phone": mostly("5551234567", "+4791234567", None),
        "language": mostly("en", "nb", "es", "xx"),
        "deliveryMethods": st.sampled_from([[], ["EMAIL"], ["SMS"], ["EMAIL", "SMS"], ["EMAIL", "EMAIL"]]),
        "ref": st.sampled_from(["a", "b"]),
        "options": mostly({}, None, {"junk": 1}, {"nationalIdentificationNumber": "01010112345"}, [1]),
    },
)
fields = st.fixed_dictionaries(
    {
        **{name: st.just(value) for name, value in BOX.items()},
        "documentIndex": mostly(0, 1, -1),
        "page": mostly(1, 0),
        "x": mostly(10.0, -1.0),
        "width": mostly(50.0, 0.0),
    },
    optional={"participantRef": mostly("a", None, "nobody")},
)
several = {
    "title": mostly("Lease", "  ", "t" * 256, "t" * 501),
    "documents": st.lists(documents, max_size=2),
    "participants": st.lists(people, max_size=3),
    "fields": st.lists(fields, min_size=1, max_size=2),
    "dueIn": st.sampled_from([-3600, 3600, 20 * 86_400, 44 * 86_400, 60 * 86_400]),
    "reference": mostly("lease-4711", None, "r" * 1025),
    "message": st.sampled_from(["Please sign.", "", "m" * 2049]),
    "reminderFrequency": st.sampled_from(["NEVER", "DAILY", "WEEKLY"]),
    "archive": st.sampled_from([{"retentionPeriod": "P1Y"}, {"retentionPeriod": "PT0S"}]),
    "signingOrder": st.sampled_from(["PARALLEL", "SEQUENTIAL", None]),
    "start": st.sampled_from([True, False, None]),
    "options": st.sampled_from(
        [
            {},
            {"junk": 1},
            [1],
            {"signatureUrlTTL": 60},
            {"signatureUrlTTL": 1},
            {"language": "nb", "packageTo": ["PADES_CONTAINER"]},
            {"signingFlow": "PKISIGNING", "vendor": "NBID"},
            {"signingFlow": "PKISIGNING", "packageTo": ["PADES_CONTAINER"]},
            {"additionalParameters": {"sbid_sign_type": "PHONE"}},
            {"processId": 2},
            {"timestampProcessId": 1},
            {"processId": -1},
        ]
    ),
}
plain = st.fixed_dictionaries(
    {
        "title": st.just("Lease"),
        "documents": st.lists(st.just({"file": "pdf"}), min_size=1, max_size=2),
        "participants": st.sampled_from([[], [ADA], [ADA], [ADA, {**ADA, "firstName": "Augusta", "ref": "b"}]]),
    }
)
pieces = st.one_of([st.fixed_dictionaries({name: strategy}) for name, strategy in several.items()])
peculiar = st.builds(lambda order, odd: {**order, **odd}, plain, pieces)
odder = st.builds(lambda order, odd: {**order, **odd}, peculiar, pieces)
wild = st.fixed_dictionaries(
    {name: several[name] for name in ("title", "documents", "participants")},
    optional={name: strategy for name, strategy in several.items() if name not in {"title", "documents", "participants"}},
)
orders = st.integers(0, 5).flatmap(lambda die: wild if die == 5 else odder if die == 4 else peculiar)
"""Most differ from a plain order in one thing or two, as an order with many faults tells little."""


async def filled(scene: Scene, order: dict[str, Any], provider: str) -> dict[str, Any]:
    """The input for a provider, its files uploaded for it alone."""
    given = {name: value for name, value in order.items() if name not in {"documents", "dueIn"}}
    if order.get("dueIn") is not None:
        given["dueAt"] = (scene.clock.now() + timedelta(seconds=order["dueIn"])).isoformat()
    given["documents"] = [await staged(scene, each) for each in order["documents"]]
    return {"provider": provider, **given}


async def staged(scene: Scene, document: dict[str, Any]) -> dict[str, Any]:
    content, filename, media_type = FILES[document["file"]]
    said = {name: value for name, value in document.items() if name != "file"}
    if not content:
        return {"upload": "nothing", **said}
    reply = await scene.client.put(
        "/uploads", params={"filename": filename}, content=content, headers={"content-type": media_type}
    )
    assert reply.status_code == 201, reply.text
    return {"upload": reply.json()["id"], **said}


def told(problems: list[dict[str, Any]]) -> list[tuple[str, tuple[str, ...]]]:
    return sorted((each["code"], tuple(each["path"] or ())) for each in problems)


async def agreed(scene: Scene, order: dict[str, Any], figures: Counter[str]) -> None:
    for kind in NAMES:
        given, before = await filled(scene, order, kind), scene.calls()
        answer = await scene.ask(ELIGIBLE, input=given)
        assert scene.calls() == before, "a provider was called"
        sandbox = scene.sandboxes[kind]
        kept = {each.key for each in sandbox.sessions()}
        payload = (await scene.data(CREATE, input=given))["createSession"]
        if answer.get("errors"):
            [error] = answer["errors"]
            assert told(payload["problems"]) == told([{"path": None, **error["extensions"]}])
            assert scene.calls() == before
            figures["unreadable"] += 1
            continue
        [said] = [each for each in answer["data"]["eligibleProviders"] if each["provider"]["name"] == kind]
        assert said["eligible"] is (not said["problems"])
        assert told(payload["problems"]) == told(said["problems"]), (kind, payload["problems"])
        if said["eligible"]:
            made = {each.key for each in sandbox.sessions()} - kept
            assert made, "nothing was made"
            assert payload["session"]["provider"]["name"] == kind
            figures[f"{kind} eligible"] += 1
        else:
            assert payload["session"] is None
            assert scene.calls() == before, "a provider was called in vain"
            figures[f"{kind} refused"] += 1


def test_eligibility_agrees_with_create_session(
    tmp_path: Path, authority: CertificateAuthority, record_property: Callable[[str, object], None]
) -> None:
    figures: Counter[str] = Counter()
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        scene = runner.run(stack.enter_async_context(running(tmp_path, authority)))

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(orders)
        def agree(order: dict[str, Any]) -> None:
            runner.run(agreed(scene, order, figures))

        try:
            agree()
        finally:
            runner.run(stack.aclose())
    told = ", ".join(f"{many} {what}" for what, many in sorted(figures.items()))
    record_property("figure", f"eligible: {EXAMPLES} orders; {told}")
    assert all(figures[f"{kind} eligible"] >= EXAMPLES / 20 for kind in NAMES if kind != "persist"), "too few to tell"
