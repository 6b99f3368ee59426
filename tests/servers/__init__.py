"""Real servers of one's own, on free ports, for as long as a process lives: PostgreSQL, and Valkey, which speaks Redis."""

from tests.servers.postgres import Databases, Postgres
from tests.servers.redis import Redis
from tests.servers.server import Server

__all__ = ["Databases", "Postgres", "Redis", "Server"]
