"""Servers for tests: nothing of them is left behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import redis.asyncio as client
from redis import exceptions

from tests.servers import Redis

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
STARTS = """
import time
from tests.servers import Postgres, Redis
servers = [Postgres().start(), Redis().start()]
print(*(word for server in servers for word in (server._process.pid, server.folder, server.memory)), flush=True)
time.sleep(60)
"""


def test_servers_end_with_their_process_and_leave_no_file() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTS], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        process.kill()
    pids = [int(word) for word in words if word.isdecimal()]
    places = [Path(word) for word in words if not word.isdecimal()]
    assert (len(pids), len(places)) == (2, 4)
    for _ in range(100):
        if not any(place.exists() for place in places):
            break
        time.sleep(0.1)
    assert not [place for place in places if place.exists()]
    assert not [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


async def test_redis_can_be_stopped_and_restarted(redis_server: Redis) -> None:
    for end in (redis_server.stop, redis_server.kill):
        async with client.from_url(redis_server.url) as connection:
            assert await connection.set("key", "value")
        end()
        async with client.from_url(redis_server.url) as connection:
            with pytest.raises(exceptions.ConnectionError):
                await connection.get("key")
        redis_server.start()
    async with client.from_url(redis_server.url) as connection:
        assert await connection.get("key") is None


async def test_server_is_private_to_its_user(redis: str) -> None:
    async with client.from_url(redis.replace("redis://:", "redis://:not")) as connection:
        with pytest.raises(exceptions.AuthenticationError):
            await connection.get("key")
