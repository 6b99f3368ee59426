"""Call trace of one createSession with three documents and two people: calls, and calls that wait for another."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from orders import order

from providers.http.http1.transport import Http1Transport
from providers.http.transport import RequestStream, StreamedResponse
from providers.registry import load, load_sandbox
from providers.saga import Steps
from providers.sandbox.certificate_authority import CertificateAuthority

CALLS = {
    # a token, three uploads and their names, the collection, the native sessions at once
    "signicat": (9, 5),
    # the draft, three uploads one by one with two people beside them, the mark, a look
    "easyink": (8, 6),
    # the batch, one archive, a look
    "seal": (3, 3),
}


@dataclass
class Trace:
    """The calls of one operation, each from when it was sent to when its answer began, in turns of the loop."""

    spans: list[tuple[str, int, int]] = field(default_factory=list)
    turn: int = 0
    out: int = 0
    back: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def depth(self) -> int:
        """The longest row of calls of which each waited for the one before."""
        ending: list[tuple[int, int]] = []
        for _, begun, ended in sorted(self.spans, key=lambda span: span[1]):
            ending.append((ended, 1 + max((deep for end, deep in ending if end <= begun), default=0)))
        return max(deep for _, deep in ending)

    def drawn(self) -> str:
        """A line for each call."""
        scale = 60 / max(self.turn, 1)
        rows = (
            f"{name:>48} {' ' * int(begun * scale)}{'█' * max(1, int((ended - begun) * scale))}"
            for name, begun, ended in self.spans
        )
        return "\n".join(rows)


class Traced(Http1Transport):
    """Carries calls in step: whoever could send one beside another does so, and those come back together."""

    def __init__(self, trace: Trace) -> None:
        super().__init__(connect_timeout=5, write_timeout=5)
        self.trace = trace

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: RequestStream | None, patience: float | None = None
    ) -> StreamedResponse:
        trace = self.trace
        trace.turn += 1
        begun = trace.turn
        for _ in range(20):
            await asyncio.sleep(0)
        trace.out += 1
        trace.back.clear()
        answer = await super().send(method, url, headers, body, patience)
        trace.out -= 1
        if trace.out:
            await trace.back.wait()
        else:
            trace.back.set()
        trace.turn += 1
        trace.spans.append((f"{method} {url.split('/', 3)[3].partition('?')[0][-42:]}", begun, trace.turn))
        return answer


@pytest.mark.parametrize("kind", CALLS)
async def test_create_session_has_no_needless_sequential_calls(
    kind: str, authority: CertificateAuthority, record_property: Any
) -> None:
    provider, sandbox, trace = load(kind), load_sandbox(kind)(authority=authority), Trace()
    async with sandbox.serving() as url:
        settings = provider.settings(**sandbox.settings(url))
        async with provider.adapter(settings, transport=Traced(trace)) as adapter:
            wanted = order(
                provider.capabilities,
                adapter.clock.now(),
                documents=3,
                people=2,
                start=False,
                fields=(),
                reminder_frequency=None,
                marker="0" * 12,
            )
            await adapter.create_session(wanted, Steps())
    told = f"createSession at {kind}: {len(trace.spans)} calls, {trace.depth} of them in turn\n{trace.drawn()}"
    record_property("figure", told)
    assert (len(trace.spans), trace.depth) == CALLS[kind]
