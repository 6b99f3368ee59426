"""A gateway in a process of its own, in front of four sandboxes, as somebody sees it who sits before a browser."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

sys.path.append(str(Path(__file__).parents[1] / "distributed"))
import apart

from providers.registry import NAMES, load_sandbox
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority, sample_pdf

CHROMIUM: Final = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCREENSHOTS: Final = Path(__file__).with_name("screenshots")
SECRET: Final = "webhook-secret-of-the-test"
PATIENCE: Final = 10_000
_POLLED: Final = {"poll_interval": 0.25, "poll_interval_watched": 0.2, "poll_budget": 3000}
_PEOPLE: Final = (("Ada", "Nordmann"), ("Ben", "Muster"), ("Ingrid", "Dahl"), ("Zofia", "Wójcik"))


@dataclass
class Stage:
    """What runs. Providers that were stopped do not come back."""

    gateway: apart.Gateway
    sandboxes: Mapping[str, Sandbox]
    urls: Mapping[str, str]
    stops: Mapping[str, AsyncExitStack]
    authority: CertificateAuthority

    @property
    def address(self) -> str:
        return str(self.gateway.client.base_url).rstrip("/")

    async def create(self, provider: str, title: str, people: int = 1, documents: int = 1, **changes: Any) -> dict[str, Any]:
        """A new session, ordered by GraphQL."""
        files = [
            await self.gateway.upload(sample_pdf(title), f"{title.lower().replace(' ', '-')}-{place + 1}.pdf")
            for place in range(documents)
        ]
        order: dict[str, Any] = {"provider": provider, "title": title, "documents": [{"upload": each} for each in files]}
        if people:
            order["participants"] = [
                {"ref": str(place), "firstName": first, "lastName": last, "email": f"{first.lower()}@people.example"}
                for place, (first, last) in enumerate(_PEOPLE[:people])
            ]
        if provider == "easyink":
            box = {"documentIndex": 0, "page": 1, "x": 72.0, "width": 180.0, "height": 36.0}
            order["fields"] = [{**box, "y": 96.0 + 48 * place, "participantRef": str(place)} for place in range(people)]
        session: dict[str, Any] = (await self.gateway.done("createSession", **order, **changes))["session"]
        return session

    async def save(self, document: str, signer: str) -> None:
        """A signature in the store that keeps them."""
        content = base64.b64encode(await self.authority.sign_cms(sample_pdf(document), signer)).decode()
        await self.gateway.done("saveSignature", provider="persist", document=document, thread="board", content=content)

    async def sign(self, session: Mapping[str, Any]) -> None:
        """Everybody signs, at the provider."""
        for participant in session["participants"]:
            await self.sandboxes["signicat"].sign(participant["key"])

    async def restart(self) -> None:
        """Starts the gateway that was killed again, on the same port."""
        await self.gateway.start()


@dataclass
class Tab:
    """A tab of the browser, and whatever should not have happened in it."""

    page: Page
    stage: Stage
    forgiven: tuple[str, ...] = ()
    """Parts of what the console may say: a page cannot keep the browser from telling that nobody answered it."""
    known: tuple[str, ...] = ()
    """Other hosts that it may be sent to."""
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    async def open(self, *path: str) -> None:
        """Goes to a view of the console."""
        await self.page.goto(f"{self.stage.address}/console#/{'/'.join(path)}")
        await self.page.get_by_text("Live", exact=True).wait_for()

    async def shows(self, selector: str, seconds: float = PATIENCE / 1000) -> None:
        """Waits for something to be seen."""
        await self.page.locator(selector).first.wait_for(timeout=seconds * 1000)

    async def photograph(self, name: str, *, full: bool = True) -> None:
        """Writes a screenshot for a person to look at."""
        SCREENSHOTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full)

    def watch(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)
        self.page.on("websocket", lambda socket: self.hosts.add(_host(socket.url)))

    def faultless(self) -> None:
        """Says what should not have happened."""
        assert self.complaints == [], self.complaints
        assert self.hosts <= {_host(each) for each in (self.stage.address, *self.known)}, self.hosts

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(part in message.text for part in self.forgiven):
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.hosts.add(_host(request.url))


def _host(url: str) -> str:
    return httpx.URL(url).netloc.decode()


async def serious(tab: Tab) -> list[str]:
    """What an accessibility check has against the page, where it is serious."""
    found = await Axe().run(tab.page)
    return [
        f"{each['id']}: {node['html'][:120]} {node['failureSummary']}"
        for each in found.response["violations"]
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        await browser.close()


@asynccontextmanager
async def tab(browser: Browser, stage: Stage, **context: Any) -> AsyncIterator[Tab]:
    """A tab that remembers nothing of others. ``context`` is that of Playwright, such as ``viewport``."""
    surroundings: BrowserContext = await browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | context)
    surroundings.set_default_timeout(PATIENCE)
    opened = Tab(await surroundings.new_page(), stage)
    opened.watch()
    yield opened
    await surroundings.close()


@asynccontextmanager
async def staging(
    folder: Path, nursery: apart.Nursery, authority: CertificateAuthority, **sections: Mapping[str, Any]
) -> AsyncIterator[Stage]:
    """Everything, running; ``sections`` are changes to the gateway's configuration."""
    roots = folder / "roots.pem"
    roots.write_bytes(authority.certificate)
    async with AsyncExitStack() as stack:
        sandboxes = {kind: load_sandbox(kind)(authority=authority) for kind in NAMES}
        sandboxes["signicat"].packaging_delay = 0.05  # type: ignore[attr-defined]
        stops = {kind: await stack.enter_async_context(AsyncExitStack()) for kind in NAMES}
        urls = {kind: await stops[kind].enter_async_context(sandbox.serving()) for kind, sandbox in sandboxes.items()}
        tables: list[dict[str, Any]] = [{**sandbox.settings(urls[kind]), **_POLLED} for kind, sandbox in sandboxes.items()]
        next(table for table in tables if table["name"] == "signicat")["webhook.secrets"] = [SECRET]
        everything: dict[str, Mapping[str, Any]] = {
            "watch": {"enabled": True, "lease": 0.5},
            "trust": {"roots": [str(roots)]},
            "freshness": {"open": 0.2, "list": 0.2, "list_wait": 1.0},
            **sections,
        }
        gateway = await stack.enter_async_context(apart.gateway(folder, nursery, tables, **everything))
        stage = Stage(gateway, sandboxes, urls, stops, authority)
        async with httpx.AsyncClient() as client:
            wish = {"url": f"{stage.address}/webhooks/signicat", "secret": SECRET}
            (await client.post(f"{urls['signicat']}/_sandbox/callback", json=wish)).raise_for_status()
        yield stage


async def furnish(stage: Stage) -> dict[str, dict[str, Any]]:
    """Sessions of every provider in many states, by title."""
    titles = ("Framework agreement", "Lease of Storgata 12", "Employment contract", "Non-disclosure agreement")
    made = {title: await stage.create("signicat", title, people=1 + place % 2) for place, title in enumerate(titles)}
    await stage.sign(made[titles[0]])
    await stage.sandboxes["signicat"].sign(made[titles[1]]["participants"][0]["key"])
    for place, title in enumerate(("Loan agreement", "Power of attorney", "Supply agreement")):
        made[title] = await stage.create("easyink", title, people=2, start=place != 1)
    await stage.sandboxes["easyink"].decline(made["Supply agreement"]["key"])
    made["Invoices of November"] = await stage.create("seal", "Invoices of November", people=0, documents=3)
    await stage.save("articles-of-association", "Ada Nordmann")
    await asyncio.sleep(1.2)
    return made
