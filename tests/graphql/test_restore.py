"""Backup and restore as documented: no acknowledged write is lost, and no cursor is read as another place."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from scene import Scene, free_port

from gateway.app import create_app
from gateway.server.run import serve_gateway
from tests.liveclient import Failed, live

EVENTS = "subscription E($after: String) { sessionEvents(after: $after) { cursor session { key } } }"
LOG = "query L($id: ID!, $after: String) { session(id: $id) { events(first: 50, after: $after) { nodes { cursor } } } }"
LIST = '{ sessions(first: 100, maxAge: "PT1H") { nodes { key } } }'


@asynccontextmanager
async def restored(scene: Scene, backup: Path) -> AsyncIterator[Scene]:
    """A gateway on the copy of a backup, in front of the same providers."""
    port = free_port()
    copy = backup.with_name("restored.db")
    await asyncio.to_thread(shutil.copy, backup, copy)
    server = scene.settings.server.model_copy(update={"port": port, "public_url": f"http://127.0.0.1:{port}"})
    database = scene.settings.database.model_copy(update={"url": SecretStr(f"sqlite:///{copy}")})
    settings = scene.settings.model_copy(update={"server": server, "database": database})
    async with (
        serve_gateway(create_app(settings, scene.clock), settings) as address,
        httpx.AsyncClient(base_url=address, timeout=30) as client,
    ):
        yield replace(scene, address=address, client=client, settings=settings)


def back_up(scene: Scene, to: Path) -> None:
    """By the command of docs/operations.md."""
    with closing(sqlite3.connect(scene.folder / "countersign.db", timeout=30)) as database:
        database.execute("VACUUM INTO ?", (str(to),))


async def last_cursor(scene: Scene, session: dict[str, Any]) -> str:
    nodes = (await scene.data(LOG, id=session["id"]))["session"]["events"]["nodes"]
    cursor: str = nodes[-1]["cursor"]
    return cursor


async def follow(scene: Scene, after: str, count: int) -> list[str]:
    """The sessions that the next events behind a cursor are about."""
    found: list[str] = []
    async with asyncio.timeout(20), live(scene.address) as client:
        async for each in client.subscribe(EVENTS, {"after": after}):
            found.append(each["data"]["sessionEvents"]["session"]["key"])
            if len(found) == count:
                break
    return found


async def test_backup_under_writes_has_every_session_that_was_acknowledged_before_it(scene: Scene, tmp_path: Path) -> None:
    acknowledged: list[str] = []
    some = asyncio.Event()

    async def write() -> None:
        for _ in range(6):
            acknowledged.append((await scene.create("seal", start=False))["key"])
            if len(acknowledged) == 8:
                some.set()

    writing = asyncio.gather(*(write() for _ in range(4)))
    await asyncio.wait_for(some.wait(), 30)
    before = list(acknowledged)
    await asyncio.to_thread(back_up, scene, tmp_path / "backup.db")
    assert len(before) < 24, "the backup was made while others wrote"
    await writing
    async with restored(scene, tmp_path / "backup.db") as again:
        kept = {node["key"] for node in (await again.data(LIST))["sessions"]["nodes"]}
    assert set(before) <= kept


async def test_cursor_of_an_event_lost_by_a_restore_is_expired_when_the_log_has_grown_past_it(
    scene: Scene, tmp_path: Path
) -> None:
    first = await scene.create("seal", start=False)
    saved = await last_cursor(scene, first)
    await asyncio.to_thread(back_up, scene, tmp_path / "backup.db")
    lost = await last_cursor(scene, await scene.create("seal", start=False))
    async with restored(scene, tmp_path / "backup.db") as again:
        for grown in range(4):
            with pytest.raises(Failed) as caught:
                await follow(again, lost, 1)
            [error] = caught.value.args[0]
            assert error["extensions"]["code"] == "CURSOR_EXPIRED", grown
            answer = await again.ask(LOG, id=first["id"], after=lost)
            assert answer["errors"][0]["extensions"]["code"] == "CURSOR_EXPIRED", grown
            await again.create("seal", start=False)
        made = [await again.create("seal", start=False) for _ in range(2)]
        assert (await follow(again, saved, 6))[-2:] == [each["key"] for each in made], "nothing is lost behind what was saved"


async def test_expire_cursors_command_begins_a_new_epoch(scene: Scene, tmp_path: Path) -> None:
    made = await scene.create("seal", start=False)
    saved = await last_cursor(scene, made)
    config = tmp_path / "expire.toml"
    await asyncio.to_thread(config.write_text, f'[database]\nurl = "{scene.settings.database.url.get_secret_value()}"\n')
    command = (sys.executable, "-m", "gateway", "expire-cursors", "--config", str(config))
    process = await asyncio.create_subprocess_exec(*command)
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert (await scene.ask(LOG, id=made["id"], after=saved))["errors"][0]["extensions"]["code"] == "CURSOR_EXPIRED"
    anew = await last_cursor(scene, made)
    assert (await scene.data(LOG, id=made["id"], after=anew))["session"]["events"]["nodes"] == []
