"""Session tables: the last known state of every session, what it is found by, and the checkpoints of provider lists."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKeyConstraint, Index, Integer, LargeBinary, String, Table, text

from gateway.store.engine.datatype import AnyText, FoldedText, Instant
from gateway.store.tables.metadata import metadata

_SHOWN: Final = text("status <> 'DELETED'")

session = Table(
    "session",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("key", AnyText, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("status", String(24), nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("title", AnyText),
    Column("title_folded", FoldedText),
    Column("reference", AnyText),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("observed_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("poll_at", Instant),
    Column("watched_until", Instant),
    Column("version", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("session_by_created", "created_at", "provider", "key"),
    Index("session_by_due", "due_at", "provider", "key"),
    Index("session_by_shown_created", "created_at", "provider", "key", sqlite_where=_SHOWN, postgresql_where=_SHOWN),
    Index("session_by_shown_due", "due_at", "provider", "key", sqlite_where=_SHOWN, postgresql_where=_SHOWN),
    Index("session_by_changed", "changed_at", "provider", "key"),
    Index("session_by_branch_created", "provider", "kind", "status", "created_at", "key"),
    Index("session_by_branch_due", "provider", "kind", "status", "due_at", "key"),
    Index("session_by_reference", "reference", postgresql_using="hash"),
    Index("session_by_title", "title", postgresql_using="hash"),
    Index("session_by_poll", "provider", "poll_at"),
    Index(
        "session_by_open", "provider", "poll_at", sqlite_where=text("settled IS 0"), postgresql_where=text("settled IS false")
    ),
    Index("session_by_watch", "provider", "watched_until"),
)
"""Sessions: ``body`` is the encoded session, the other columns are indexes of it. ``version`` is for compare-and-set.

``created_at`` is when a gateway first saw a session whose provider does not say when it was created. ``changed_at`` is
when a gateway last saw a change. The poller reads it again at ``poll_at`` (never where that is null), and more often until
``watched_until``, while it is followed. Titles and references have hash indexes, as they may be longer than a B-tree of
PostgreSQL takes.
"""

list_row = Table(
    "part",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("key", AnyText, primary_key=True),
    Column("session_key", AnyText, nullable=False),
    Column("digest", LargeBinary),
    Index("part_by_session", "provider", "session_key"),
)
"""Rows of provider lists, in the table ``part``: the session of each, and a digest of the row as it was last seen."""

mailbox = Table(
    "mailbox",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("session_key", AnyText, primary_key=True),
    Column("email", AnyText, primary_key=True),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    ForeignKeyConstraint(["provider", "session_key"], ["session.provider", "session.key"], ondelete="CASCADE"),
    Index("mailbox_by_created", "email", "created_at", "provider", "session_key"),
    Index("mailbox_by_due", "email", "due_at", "provider", "session_key"),
)
"""Participants' e-mail addresses in lower case, with the sort keys of their sessions."""

signature = Table(
    "signature",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("session_key", AnyText, primary_key=True),
    Column("key", AnyText, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("signed_at", Instant),
    ForeignKeyConstraint(["provider", "session_key"], ["session.provider", "session.key"], ondelete="CASCADE"),
    Index("signature_by_time", "at", "provider", "session_key", "key"),
)
"""Signatures of sessions; the sort key ``at`` is when each was created, or else when its session was."""

tag = Table(
    "tag",
    metadata,
    Column("tag", AnyText, primary_key=True),
    Column("provider", String(64), primary_key=True),
    Column("session_key", AnyText, primary_key=True),
    Column("key", AnyText, primary_key=True),
    ForeignKeyConstraint(
        ["provider", "session_key", "key"],
        ["signature.provider", "signature.session_key", "signature.key"],
        ondelete="CASCADE",
    ),
)
"""Tags of signatures."""

list_checkpoint = Table(
    "sync",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("synced_at", Instant),
    Column("complete", Boolean, nullable=False),
    Column("looked_at", Instant),
    Column("swept_at", Instant),
    Column("sweep", BigInteger),
    Column("unreadable", LargeBinary),
)
"""Checkpoints of provider lists, in the table ``sync``: see ``ListCheckpoint``."""
