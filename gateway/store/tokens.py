"""What must not lie open in a database: tokens that people have given, and authorizations under way."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Literal

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store import tables
from gateway.store.engine.upsert import upsert

_S = tables.secret.c
Kind = Literal["token", "authorization"]


def token_cipher(secret: SecretStr | None) -> Fernet | None:
    """What encrypts values at rest; without a secret in the configuration they end with the process."""
    if secret is None:
        return None
    key = hashlib.blake2b(secret.get_secret_value().encode(), digest_size=32, person=b"stored-tokens").digest()
    return Fernet(urlsafe_b64encode(key))


class Secrets:
    """Encrypted values by kind and key. What another key has encrypted counts as absent."""

    def __init__(self, engine: AsyncEngine, cipher: Fernet) -> None:
        self._engine = engine
        self._cipher = cipher

    async def put(self, kind: Kind, key: str, value: bytes, expires_at: datetime | None) -> None:
        """Keeps a value, encrypted."""
        row = {"kind": kind, "key": key, "body": self._cipher.encrypt(value), "expires_at": expires_at}
        async with self._engine.begin() as connection:
            await upsert(connection, tables.secret, row)

    async def get(self, kind: Kind, key: str, now: datetime) -> bytes | None:
        """A value that has not expired."""
        query = select(_S.body, _S.expires_at).where(_S.kind == kind, _S.key == key)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None or (row.expires_at is not None and row.expires_at <= now):
            return None
        try:
            return self._cipher.decrypt(row.body)
        except InvalidToken:
            return None

    async def pop(self, kind: Kind, key: str, now: datetime) -> bytes | None:
        """A value that can be had only once."""
        value = await self.get(kind, key, now)
        async with self._engine.begin() as connection:
            gone = await connection.execute(delete(tables.secret).where(_S.kind == kind, _S.key == key))
        return value if gone.rowcount == 1 else None

    async def delete_expired(self, now: datetime) -> None:
        """Removes what has expired."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.secret).where(_S.expires_at <= now))
