"""Encryption at rest: OAuth tokens that people have granted, and authorizations under way."""

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
SecretKind = Literal["token", "authorization"]


def token_cipher(secret: SecretStr | None) -> Fernet | None:
    """The cipher of the configured secret; None without one, where secrets are lost with the process."""
    if secret is None:
        return None
    key = hashlib.blake2b(secret.get_secret_value().encode(), digest_size=32, person=b"stored-tokens").digest()
    return Fernet(urlsafe_b64encode(key))


class Secrets:
    """Repository of encrypted values by kind and key. A value that another cipher has encrypted counts as absent."""

    def __init__(self, engine: AsyncEngine, cipher: Fernet) -> None:
        self._engine = engine
        self._cipher = cipher

    async def put(self, kind: SecretKind, key: str, value: bytes, expires_at: datetime | None) -> None:
        """Encrypts and upserts a value."""
        row = {"kind": kind, "key": key, "body": self._cipher.encrypt(value), "expires_at": expires_at}
        async with self._engine.begin() as connection:
            await upsert(connection, tables.secret, row)

    async def get(self, kind: SecretKind, key: str, now: datetime) -> bytes | None:
        """Decrypts a value that has not expired."""
        query = select(_S.body, _S.expires_at).where(_S.kind == kind, _S.key == key)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None or (row.expires_at is not None and row.expires_at <= now):
            return None
        try:
            return self._cipher.decrypt(row.body)
        except InvalidToken:
            return None

    async def pop(self, kind: SecretKind, key: str, now: datetime) -> bytes | None:
        """Deletes a value and returns it: of several gateways, only one gets it."""
        value = await self.get(kind, key, now)
        async with self._engine.begin() as connection:
            deleted = await connection.execute(delete(tables.secret).where(_S.kind == kind, _S.key == key))
        return value if deleted.rowcount == 1 else None

    async def delete_expired(self, now: datetime) -> None:
        """Deletes expired values."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.secret).where(_S.expires_at <= now))
