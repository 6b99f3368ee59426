"""Case folding by compatibility composition: titles that are not ASCII are folded again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from unicodedata import normalize

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_BATCH = 1_000
_PIECE, _LONGEST_PIECE = 256, 1_024
_FIND = sa.text(
    'SELECT provider, "key", title, title_folded FROM session WHERE (provider, "key") > (:provider, :key)'
    ' AND title IS NOT NULL ORDER BY provider, "key" LIMIT :batch'
)
_KEEP = sa.text('UPDATE session SET title_folded = :folded WHERE provider = :provider AND "key" = :key')


def upgrade() -> None:
    """Upgrades the schema."""
    _fold(_folded)


def downgrade() -> None:
    """Downgrades the schema."""
    _fold(str.casefold)


def _fold(fold: Callable[[str], str]) -> None:
    """Folds titles again in batches, and writes those that differ."""
    connection = op.get_bind()
    kept = connection.dialect.name == "postgresql"
    at = {"provider": "", "key": ""}
    while rows := connection.execute(_FIND, {**at, "batch": _BATCH}).all():
        changed = []
        for provider, key, title, before in rows:
            if not title.isascii():
                after = _spelled(fold(_unspelled(title) if kept else title))
                if after != before:
                    changed.append({"provider": provider, "key": key, "folded": after})
        if changed:
            connection.execute(_KEEP, changed)
        at = {"provider": rows[-1].provider, "key": rows[-1].key}


def _folded(text: str) -> str:
    return "".join(
        normalize("NFKC", normalize("NFKD", normalize("NFD", piece).casefold()).casefold()) for piece in _pieces(text)
    )


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + _PIECE
        while end < min(len(text), start + _LONGEST_PIECE) and not text[end].isascii():
            end += 1
        yield text[start:end]
        start = end


def _spelled(text: str) -> str:
    return text.replace("\x01", "\x01\x02").replace("\x00", "\x01\x01")


def _unspelled(text: str) -> str:
    return text.replace("\x01\x01", "\x00").replace("\x01\x02", "\x01")
