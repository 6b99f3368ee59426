"""Who may look: a gateway that lets in only those it knows, and a provider that wants a person's consent."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from screen import Stage, Tab, serious, staging
from screen import tab as opened
from test_acts import fill

from gateway.auth.api_key import digest, generate
from providers.sandbox.certificate_authority import CertificateAuthority

from apart import Nursery  # isort: skip

pytestmark = pytest.mark.asyncio(loop_scope="session")
KEYS = {"operator": generate(), "reader": generate()}
SCOPES = {
    "operator": ["sessions:read", "sessions:write", "documents:read", "signatures:read", "providers:compare", "webhooks:admin"],
    "reader": ["sessions:read"],
}


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(tmp_path: Path, ours: Nursery, authority: CertificateAuthority) -> AsyncIterator[Stage]:
    keys = [{"name": name, "sha256": digest(key), "scopes": SCOPES[name]} for name, key in KEYS.items()]
    async with staging(tmp_path, ours, authority, authentication={"keys": json.dumps(keys)}) as stage:
        stage.gateway.client.headers["authorization"] = f"Bearer {KEYS['operator']}"
        yield stage


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(browser: Browser, guarded: Stage) -> AsyncIterator[Tab]:
    async with opened(browser, guarded) as tab:
        tab.forgiven = ("401 (Unauthorized)",)
        yield tab
        tab.faultless()


async def enter(tab: Tab, key: str) -> None:
    await tab.page.get_by_label("Token or API key").fill(key)
    await tab.page.get_by_role("button", name="Go on").click()


async def test_a_token_is_asked_for_and_kept_for_the_tab_alone(guarded: Stage, stranger: Tab) -> None:
    await guarded.create("signicat", "Lease of the north field")
    page = stranger.page
    await page.goto(f"{guarded.address}/console#/sessions")
    await page.get_by_label("Token or API key").wait_for()
    await stranger.photograph("sign-in")
    assert await serious(stranger) == []
    await enter(stranger, "csk_made-up")
    await page.get_by_text("The gateway did not take the token").wait_for()
    await enter(stranger, KEYS["operator"])
    await stranger.shows("tr:has-text('Lease of the north field')")
    await page.get_by_text("Live", exact=True).wait_for()
    await expect(page.locator(".who")).to_contain_text("operator")
    await page.reload()
    await stranger.shows("tr:has-text('Lease of the north field')")
    other = await page.context.new_page()
    await other.goto(f"{guarded.address}/console#/sessions")
    await other.get_by_label("Token or API key").wait_for()
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_label("Token or API key").wait_for()


async def test_who_may_only_read_is_told_so(guarded: Stage, stranger: Tab) -> None:
    session = await guarded.create("signicat", "Lease of the north field")
    page = stranger.page
    await page.goto(f"{guarded.address}/console#/sessions")
    await enter(stranger, KEYS["reader"])
    await stranger.shows("tr:has-text('Lease of the north field')")
    await expect(page.get_by_role("link", name="New session")).to_have_count(0)
    await page.get_by_role("link", name="Providers").click()
    await page.get_by_text("providers:compare").first.wait_for()
    await stranger.shows("[data-provider=signicat][data-health=UP]")
    await page.get_by_role("link", name="Webhooks").click()
    await page.get_by_text("webhooks:admin").first.wait_for()
    await stranger.photograph("not-allowed")
    await page.goto(f"{guarded.address}/console#/sessions/{session['id']}")
    await stranger.shows("article[data-status=PENDING]")
    await expect(page.locator(".actions button")).to_have_count(0)


async def test_a_person_lets_the_gateway_act_for_them(stage: Stage, tab: Tab) -> None:
    config = stage.gateway.config
    without = re.sub(r"^access_token = .*$", "", config.read_text(), flags=re.M)
    stage.gateway.kill()
    stage.sandboxes["easyink"].identity.sites.add(f"{stage.address}/console")  # type: ignore[attr-defined]
    config.write_text(re.sub(r"^redirect_uri = .*$", f'redirect_uri = "{stage.address}/console"', without, flags=re.M))
    await stage.restart()
    tab.known = (stage.urls["easyink"],)
    await tab.open("providers")
    card = tab.page.locator("[data-provider=easyink]")
    await card.get_by_text("Authorization required").wait_for()
    await card.get_by_role("button", name="Authorize").click()
    await card.get_by_text("Connected").wait_for()
    assert "code" not in tab.page.url


async def test_the_page_works_where_trusted_documents_alone_are_taken(
    browser: Browser, tmp_path: Path, ours: Nursery, authority: CertificateAuthority
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text("{}")
    sections = {"server": {"profile": "trusted"}, "documents": {"manifest": str(manifest)}}
    async with staging(tmp_path, ours, authority, **sections) as stage, opened(browser, stage) as tab:
        reply = await stage.gateway.client.post("/graphql", json={"query": "{ viewer { id } }"})
        assert reply.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        await tab.open("providers")
        await tab.shows("[data-provider=signicat]")
        await tab.page.get_by_role("link", name="Webhooks").click()
        await tab.shows("text=No provider has sent anything yet.")
        await tab.page.get_by_role("link", name="Sessions").click()
        await tab.page.get_by_role("link", name="New session").click()
        await fill(tab, tmp_path, title="Lease of the north field", provider="Signicat")
        await tab.page.get_by_role("button", name="Create session").click()
        await tab.shows("article[data-status=PENDING]")
        await tab.shows(".timeline li:has-text('Created')")
        await stage.sandboxes["signicat"].sign(stage.sandboxes["signicat"].sessions()[0].key)
        await tab.shows("article[data-status=COMPLETED]")
        await expect(tab.page.locator(".trouble")).to_have_count(0)
        tab.faultless()
