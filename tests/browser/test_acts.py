"""What can be done from the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect
from screen import Stage, Tab, serious

from providers.sandbox.certificate_authority import sample_pdf

pytestmark = pytest.mark.asyncio(loop_scope="session")
NORTH = re.compile("north field")
SOUTH = re.compile("south field")


async def fill(tab: Tab, folder: Path, *, title: str, provider: str, email: str = "ada@people.example") -> None:
    """Fills in the form of a new session, as far as every provider needs it."""
    page = tab.page
    path = folder / "lease.pdf"
    path.write_bytes(sample_pdf(title))
    await page.get_by_label("Title").fill(title)
    await page.get_by_label("Documents to sign").set_input_files(path)
    await tab.shows(".things strong:has-text('lease.pdf')")
    await page.get_by_label("First name").fill("Ada")
    await page.get_by_label("Last name").fill("Nordmann")
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_role("radio", name=provider).check()


async def test_a_session_is_created_and_canceled_with_a_reason(stage: Stage, tab: Tab, tmp_path: Path) -> None:
    await tab.open("sessions")
    await tab.page.get_by_role("link", name="New session").click()
    await fill(tab, tmp_path, title="Lease of the north field", provider="Signicat")
    await tab.shows(".choice.chosen:has-text('Can carry this out')")
    await tab.photograph("create-filled")
    await tab.page.get_by_role("button", name="Create session").click()
    await tab.shows("article[data-status=PENDING]")
    assert len(stage.sandboxes["signicat"].sessions()) == 1
    await tab.page.get_by_role("button", name="Cancel…").click()
    await tab.page.get_by_label("Reason").fill("Ordered twice.")
    await tab.photograph("cancel")
    await tab.page.get_by_role("button", name="Cancel the session").click()
    await tab.shows("article[data-status=CANCELED]")
    await expect(tab.page.get_by_role("dialog")).to_have_count(0)


async def test_a_draft_is_started(stage: Stage, tab: Tab, tmp_path: Path) -> None:
    await tab.open("sessions", "new")
    await fill(tab, tmp_path, title="Lease of the south field", provider="EasyInk")
    await tab.page.get_by_label("Start at once").uncheck()
    await tab.page.get_by_role("button", name="Create session").click()
    await tab.shows("article[data-status=READY], article[data-status=DRAFT]")
    await tab.page.get_by_role("button", name="Start", exact=True).click()
    await tab.shows("article[data-status=PENDING]")


async def test_a_draft_is_changed_and_deleted(stage: Stage, tab: Tab) -> None:
    session = await stage.create("easyink", "Lease of the west field", people=1, start=False)
    await tab.open("sessions", session["id"])
    await tab.page.get_by_role("button", name="Change…").click()
    await tab.page.get_by_label("Title").fill("Lease of the east field")
    await tab.page.get_by_role("button", name="Save").click()
    await expect(tab.page.get_by_role("heading", level=1)).to_have_text("Lease of the east field")
    await tab.page.locator("section", has_text="Participants").get_by_role("button", name="Add").click()
    await tab.page.get_by_label("First name").fill("Grace")
    await tab.page.get_by_label("Last name").fill("Hopper")
    await tab.page.get_by_label("E-mail").fill("grace@people.example")
    await tab.page.get_by_role("dialog").get_by_role("button", name="Add").click()
    await tab.shows(".things li:has-text('Grace Hopper')")
    await tab.page.get_by_role("button", name="Change Grace Hopper").click()
    await tab.page.get_by_label("Last name").fill("Murray")
    await tab.page.get_by_role("dialog").get_by_role("button", name="Save").click()
    await tab.shows(".things li:has-text('Grace Murray')")
    await tab.page.get_by_role("button", name="Add a field").click()
    await tab.page.get_by_label("Who signs there").select_option(label="Grace Murray")
    await tab.page.get_by_label("From below").fill("320")
    await tab.page.get_by_role("dialog").get_by_role("button", name="Add").click()
    await tab.shows(".things li:has-text('320'):has-text('Grace Murray')")
    await tab.photograph("session-draft")
    await tab.page.get_by_role("button", name="Delete…").click()
    await tab.page.get_by_role("button", name="Delete for good").click()
    await expect(tab.page.get_by_role("heading", level=1)).to_have_text("Sessions")
    assert stage.sandboxes["easyink"].sessions() == []


async def test_what_stands_in_the_way_is_said_where_it_is_and_in_full(stage: Stage, tab: Tab, tmp_path: Path) -> None:
    await tab.open("sessions", "new")
    await fill(tab, tmp_path, title="x" * 300, provider="Signicat")
    await tab.shows(".choice.chosen:has-text('255 characters')")
    await tab.page.get_by_role("button", name="Create session").click()
    problem = tab.page.locator(".problems")
    await expect(problem).to_contain_text("255 characters")
    await expect(problem).to_contain_text(re.compile("input . title"))
    await expect(tab.page.locator(".field.wrong")).to_contain_text("255 characters")
    await tab.photograph("create-refused")
    assert stage.sandboxes["signicat"].sessions() == []


async def test_a_webhook_is_replayed(stage: Stage, tab: Tab) -> None:
    session = await stage.create("signicat", "Lease of the north field", people=1)
    await stage.sign(session)
    await tab.open("webhooks")
    row = tab.page.locator("tr[data-outcome=PROCESSED]", has_text="signing-session.completed")
    await expect(row).to_be_visible()
    before = len(stage.sandboxes["signicat"].calls)
    await row.get_by_role("button", name="Replay").click()
    await expect(row.get_by_role("button", name="Replayed")).to_be_visible()
    await expect(row.get_by_text("Processed")).to_be_visible()
    read = [call.path for call in list(stage.sandboxes["signicat"].calls)[before:] if call.method == "GET"]
    assert any(path.endswith(session["participants"][0]["key"]) for path in read), read


async def test_a_document_is_downloaded(stage: Stage, tab: Tab) -> None:
    session = await stage.create("signicat", "Lease of the north field", people=1)
    await tab.open("sessions", session["id"])
    async with tab.page.expect_download() as download:
        await tab.page.get_by_role("button", name="Download").first.click()
    path = await (await download.value).path()
    assert path.read_bytes().startswith(b"%PDF-")


async def test_the_mapping_is_explained(stage: Stage, tab: Tab) -> None:
    session = await stage.create("easyink", "Lease of the north field")
    await tab.open("sessions", session["id"])
    await tab.page.get_by_role("button", name="Explain").click()
    rules = tab.page.get_by_role("region", name="How this came to be")
    row = rules.get_by_role("row").filter(has=tab.page.get_by_role("cell", name="status", exact=True)).first
    await expect(row).to_contain_text("Pending")
    await expect(row).to_contain_text("PENDING")
    await tab.shows(".unmapped li")
    await tab.photograph("mapping")
    assert await serious(tab) == []


async def test_sessions_are_found_by_what_they_are(stage: Stage, tab: Tab) -> None:
    await stage.create("signicat", "Lease of the north field", people=1)
    await stage.create("easyink", "Lease of the south field", people=1, start=False)
    await tab.open("sessions")
    rows = tab.page.locator("tbody tr")
    await expect(rows).to_have_count(2)
    await tab.page.get_by_label("Status").select_option("PENDING")
    await expect(rows).to_have_text([NORTH])
    await tab.page.get_by_label("Status").select_option("")
    await tab.page.get_by_label("Provider").select_option("easyink")
    await expect(rows).to_have_text([SOUTH])
    await tab.page.get_by_label("Provider").select_option("")
    await tab.page.get_by_label("Title").fill("NORTH")
    await expect(rows).to_have_text([NORTH])
    await tab.page.get_by_label("Kind").select_option("SEALING")
    await tab.page.get_by_role("button", name="Show all sessions").click()
    await expect(rows).to_have_count(2)
