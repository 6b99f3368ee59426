"""Databases for tests: PostgreSQL and Valkey (which speaks Redis) as processes on free ports, and migrated SQLite files."""

from tests.servers.postgres import Databases, Postgres
from tests.servers.redis import Redis
from tests.servers.server import Server
from tests.servers.sqlite import create_database

__all__ = ["Databases", "Postgres", "Redis", "Server", "create_database"]
