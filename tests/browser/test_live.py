"""What happens at a provider shows on the page by itself."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from playwright.async_api import WebSocketRoute, expect
from screen import Stage, Tab

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECOND = 1.0
SETTLED = 1.2


async def marked(tab: Tab) -> bool:
    """Whether this is the document it was: a reload forgets what was hung on it."""
    return bool(await tab.page.evaluate("window.sameDocument === true"))


async def mark(tab: Tab) -> None:
    """Hangs something on the document, once the page has read all that it reads by itself after it has connected."""
    await asyncio.sleep(SETTLED)
    await tab.page.evaluate("window.sameDocument = true")


@pytest.mark.parametrize("provider", ["signicat", "easyink"])
async def test_a_session_moves_from_pending_to_completed_within_a_second(stage: Stage, tab: Tab, provider: str) -> None:
    session = await stage.create(provider, "Lease of the north field", people=1)
    await tab.open("sessions")
    await tab.shows("tr[data-status=PENDING]")
    await mark(tab)
    begun = time.monotonic()
    if provider == "signicat":
        await stage.sign(session)
    else:
        await stage.sandboxes[provider].sign(session["key"])
    await tab.shows("tr[data-status=COMPLETED]", seconds=3)
    assert time.monotonic() - begun < SECOND
    assert await marked(tab)


async def test_one_session_moves_too_with_its_timeline_and_its_signatures(stage: Stage, tab: Tab) -> None:
    session = await stage.create("signicat", "Lease of the north field", people=1)
    await tab.open("sessions", session["id"])
    await tab.shows("article[data-status=PENDING]")
    await mark(tab)
    begun = time.monotonic()
    await stage.sign(session)
    await tab.shows("article[data-status=COMPLETED]", seconds=3)
    assert time.monotonic() - begun < SECOND
    await tab.shows(".timeline li:has-text('Completed')")
    await tab.shows(".things li:has-text('PAdES') .pill:has-text('Valid')")
    assert await marked(tab)


async def test_a_session_that_is_new_comes_into_the_list_and_one_that_no_longer_fits_leaves_it(stage: Stage, tab: Tab) -> None:
    await tab.open("sessions?status=open")
    await tab.shows("text=No session fits.")
    session = await stage.create("signicat", "Lease of the north field", people=1)
    await tab.shows("tr:has-text('Lease of the north field')")
    await stage.sign(session)
    await tab.shows("text=No session fits.")


async def test_a_restarted_gateway_leaves_nothing_stale(stage: Stage, tab: Tab) -> None:
    tab.forgiven = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "WebSocket connection to")
    signed = await stage.create("signicat", "Signed meanwhile", people=1)
    await stage.create("signicat", "Left alone", people=1)
    await tab.open("sessions")
    await tab.shows("tr:has-text('Signed meanwhile')[data-status=PENDING]")
    await mark(tab)
    stage.gateway.kill()
    await tab.shows("text=The connection to the gateway is lost.")
    await tab.photograph("gateway-gone")
    await stage.sign(signed)
    await stage.restart()
    await tab.shows("tr:has-text('Signed meanwhile')[data-status=COMPLETED]")
    await tab.page.get_by_text("Live", exact=True).wait_for()
    await tab.page.get_by_text("The connection to the gateway is lost.").wait_for(state="hidden")
    assert await tab.page.locator("tr[data-status=PENDING]").count() == 1
    later = await stage.create("signicat", "Ordered afterwards", people=1)
    await tab.shows("tr:has-text('Ordered afterwards')[data-status=PENDING]")
    await stage.sign(later)
    await tab.shows("tr:has-text('Ordered afterwards')[data-status=COMPLETED]")
    assert await marked(tab)


async def test_what_happened_while_the_connection_was_lost_is_told_once_when_it_is_back(stage: Stage, tab: Tab) -> None:
    sockets: list[WebSocketRoute] = []
    cut = asyncio.Event()

    async def carry(socket: WebSocketRoute) -> None:
        if cut.is_set():
            await socket.close(code=1013)
        else:
            socket.connect_to_server()
            sockets.append(socket)

    await tab.page.route_web_socket("**/graphql", carry)
    await tab.open("providers")
    await stage.create("easyink", "Seen before", people=1)
    await tab.shows(".feed li:has-text('Seen before')")
    cut.set()
    await sockets[-1].close(code=1012)
    await tab.shows("text=The connection to the gateway is lost.")
    session = await stage.create("easyink", "Declined meanwhile", people=1)
    await stage.sandboxes["easyink"].decline(session["key"])
    happened = await events(stage, session["id"], "DECLINED")
    cut.clear()
    await tab.shows(".feed li:has-text('Declined meanwhile'):has-text('Declined')")
    await expect(tab.page.locator(".feed li", has_text="Declined meanwhile")).to_have_count(happened)
    await expect(tab.page.locator(".feed li", has_text="Seen before")).to_have_count(1)


async def events(stage: Stage, key: str, status: str) -> int:
    """How many events there are of a session, once it has come to a status."""
    query = "query Q($id: ID!) { session(id: $id) { status events(first: 100) { nodes { to } } } }"
    for _ in range(200):
        session = (await stage.gateway.ask(query, id=key))["session"]
        if session["status"] == status:
            return len(session["events"]["nodes"])
        await asyncio.sleep(0.05)
    raise AssertionError(f"never {status}")


async def test_a_dead_provider_is_shown_as_dead_and_the_rest_stays_usable(stage: Stage, tab: Tab) -> None:
    await stage.create("easyink", "At the one that dies", people=1)
    await tab.open("providers")
    await tab.shows("[data-provider=easyink]:not([data-health=DOWN])")
    await stage.stops["easyink"].aclose()
    await tab.shows("[data-provider=easyink][data-health=DOWN]")
    assert await tab.page.locator("[data-provider=signicat][data-health=DOWN]").count() == 0
    await tab.photograph("provider-dead")
    await tab.page.get_by_role("link", name="Sessions", exact=True).click()
    await tab.shows(".sources .trouble:has-text('easyink')")
    await tab.shows("tr:has-text('At the one that dies')")
    await tab.photograph("sessions-with-a-silent-source")
    session = await stage.create("signicat", "At one that lives", people=1)
    await tab.shows("tr:has-text('At one that lives')[data-status=PENDING]")
    await asyncio.gather(stage.sign(session), tab.shows("tr:has-text('At one that lives')[data-status=COMPLETED]"))


async def test_the_figures_of_all_providers_stand_side_by_side(stage: Stage, tab: Tab) -> None:
    for title in ("First", "Second"):
        await stage.sign(await stage.create("signicat", title))
    await stage.create("easyink", "Third")
    await tab.open("providers?window=PT15M")
    table = tab.page.get_by_role("region", name="Figures side by side")

    async def figures(row: str) -> dict[str, str]:
        names = await table.locator("thead .named").all_inner_texts()
        cells = table.get_by_role("row").filter(has=tab.page.get_by_role("rowheader", name=row, exact=True)).locator("td")
        return dict(zip([each.split("\n")[-1].strip() for each in names], await cells.all_inner_texts(), strict=True))

    await expect(table.get_by_role("row", name="Created 1 0 0 2")).to_be_visible()
    await expect(table.get_by_role("row", name="Completed 0 0 0 2")).to_be_visible()
    assert (await figures("Failures"))["EasyInk (sandbox)"] == "0"
    await stage.stops["easyink"].aclose()
    await tab.shows("[data-provider=easyink][data-health=DOWN]")
    await expect(table.get_by_role("row").filter(has_text="Failures")).not_to_have_text("Failures0000")
    failed = await figures("Failures")
    assert int(failed["EasyInk (sandbox)"]) > 0
    assert failed["Signicat sandbox"] == "0"
    await expect(tab.page.get_by_role("img", name="Failure rate over time")).to_have_accessible_name(
        re.compile("Signicat sandbox 0 %")
    )
    await tab.page.get_by_role("img", name="Latency over time").hover(position={"x": 430, "y": 80})
    await tab.photograph("figures")
