"""How every view looks, for whomever, by whatever means."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, expect
from screen import Stage, Tab, furnish, serious
from screen import tab as opened

pytestmark = pytest.mark.asyncio(loop_scope="session")
PHONE = {"width": 390, "height": 844}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": PHONE},
}


@pytest.mark.timeout(60)
async def test_every_view_is_fit_for_everybody_light_and_dark_and_on_a_phone(browser: Browser, stage: Stage) -> None:
    made = await furnish(stage)
    views = {
        "providers": ("providers",),
        "sessions": ("sessions",),
        "session-completed": ("sessions", made["Framework agreement"]["id"]),
        "session-open": ("sessions", made["Lease of Storgata 12"]["id"]),
        "create": ("sessions", "new"),
        "webhooks": ("webhooks",),
        "no-such-session": ("sessions", "nothing"),
    }
    for look, context in LOOKS.items():
        async with opened(browser, stage, **context) as tab:
            for name, path in views.items():
                await tab.open(*path)
                await tab.page.locator(".skeleton").first.wait_for(state="detached")
                await tab.photograph(f"{name}-{look}", full=look != "phone")
                assert await serious(tab) == [], (name, look)
                wide = await tab.page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, f"{name} is {wide} pixels wider than a {look} screen"
            tab.faultless()


async def test_a_dialog_holds_the_focus_and_ends_with_escape(stage: Stage, tab: Tab) -> None:
    session = await stage.create("signicat", "Lease of the north field", people=1)
    await tab.open("sessions", session["id"])
    asking = tab.page.get_by_role("button", name="Cancel…")
    await asking.focus()
    await tab.page.keyboard.press("Enter")
    dialog = tab.page.get_by_role("dialog", name="Cancel this session?")
    await dialog.wait_for()
    assert await serious(tab) == []
    for _ in range(8):
        await tab.page.keyboard.press("Tab")
        # Between the last and the first the focus is with the browser's own window, which is no part of the page.
        assert await tab.page.evaluate("document.activeElement.matches('dialog *, dialog, body')")
    await tab.page.keyboard.press("Escape")
    await dialog.wait_for(state="detached")
    await expect(asking).to_be_focused()


async def test_a_keyboard_is_enough(stage: Stage, tab: Tab) -> None:
    await stage.create("signicat", "Lease of the north field", people=1)
    await tab.open("providers")
    await tab.page.keyboard.press("Tab")
    assert await tab.page.evaluate("document.activeElement.textContent.trim()") == "Skip to the content"
    visited: list[str] = []
    for _ in range(30):
        await tab.page.keyboard.press("Tab")
        visited.append(await tab.page.evaluate("document.activeElement.textContent.trim()"))
        ring = await tab.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring != "none", visited[-1]
        if visited[-1] == "Sessions":
            await tab.page.keyboard.press("Enter")
            await tab.shows("tr[data-status=PENDING]")
        if visited[-1] == "Lease of the north field":
            break
    await tab.page.keyboard.press("Enter")
    await tab.shows("article[data-status=PENDING]")
