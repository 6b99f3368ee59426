"""The console in headless Chromium: ``make browser``. Screenshots of every view lie in ``tests/browser/screenshots``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from screen import Stage, Tab, chromium, staging
from screen import tab as opened

from providers.sandbox.certificate_authority import CertificateAuthority

from apart import Nursery, nursery  # isort: skip


@pytest.fixture(scope="session")
def ours() -> Iterator[Nursery]:
    with nursery() as ours:
        yield ours


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def stage(tmp_path: Path, ours: Nursery, authority: CertificateAuthority) -> AsyncIterator[Stage]:
    async with staging(tmp_path, ours, authority) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="session")
async def tab(browser: Browser, stage: Stage) -> AsyncIterator[Tab]:
    """A tab in which nothing goes wrong: no error in its console, no request to another host."""
    async with opened(browser, stage) as tab:
        yield tab
        tab.faultless()
