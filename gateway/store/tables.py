"""The tables. Migrations make them; a test holds the two equal."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    text,
)

from gateway.store.engine.datatype import Folded, Instant, Words

metadata = MetaData()

APART: Final = frozenset(
    {"session_by_term", "session_by_trigram", "session_by_trigram_created", "session_by_trigram_due", "title"}
    | {f"title_by_{order}{part}" for order in ("created", "due") for part in ("", "_config", "_data", "_docsize", "_idx")}
)
"""What migrations alone know of: indexes of expressions, and what one of the databases has and the other has not."""

_SHOWN: Final = text("status <> 'DELETED'")
_WHERE_OPEN: Final = {"sqlite_where": text("settled IS 0"), "postgresql_where": text("settled IS false")}

session = Table(
    "session",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("key", Words, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("status", String(24), nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("title", Words),
    Column("title_folded", Folded),
    Column("reference", Words),
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
"""``body`` is the model's Session, encoded. ``created_at`` is our first sight where the provider does not say.
``changed_at`` is when anything about it last changed, as a gateway saw it.

``version`` counts the states it has had. The watcher reads it again at ``poll_at`` (never where that is null), and more
often until ``watched_until``, as somebody follows it. Titles and references may be longer than an ordinary index of
PostgreSQL takes.
"""

part = Table(
    "part",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("key", Words, primary_key=True),
    Column("session_key", Words, nullable=False),
    Column("digest", LargeBinary),
    Index("part_by_session", "provider", "session_key"),
)
"""Rows of providers' lists: which session each belongs to, and a digest of the row as it was last seen."""

mailbox = Table(
    "mailbox",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("session_key", Words, primary_key=True),
    Column("email", Words, primary_key=True),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    ForeignKeyConstraint(["provider", "session_key"], ["session.provider", "session.key"], ondelete="CASCADE"),
    Index("mailbox_by_created", "email", "created_at", "provider", "session_key"),
    Index("mailbox_by_due", "email", "due_at", "provider", "session_key"),
)
"""Which sessions a participant's e-mail address (in lower case) takes part in, in their order."""

signature = Table(
    "signature",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("session_key", Words, primary_key=True),
    Column("key", Words, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("signed_at", Instant),
    ForeignKeyConstraint(["provider", "session_key"], ["session.provider", "session.key"], ondelete="CASCADE"),
    Index("signature_by_time", "at", "provider", "session_key", "key"),
)
"""Where the signatures are; ``at`` orders them and is when each was made, or else its session."""

tag = Table(
    "tag",
    metadata,
    Column("tag", Words, primary_key=True),
    Column("provider", String(64), primary_key=True),
    Column("session_key", Words, primary_key=True),
    Column("key", Words, primary_key=True),
    ForeignKeyConstraint(
        ["provider", "session_key", "key"],
        ["signature.provider", "signature.session_key", "signature.key"],
        ondelete="CASCADE",
    ),
)
"""The tags of a signature."""

event = Table(
    "event",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("provider", String(64), nullable=False),
    Column("session_key", Words, nullable=False),
    Column("version", Integer, nullable=False),
    Column("type", String(24)),
    Column("from_status", String(24)),
    Column("to_status", String(24)),
    Column("participant", Words),
    Column("document", Words),
    Column("signature", Words),
    Column("provider_status", Words),
    Column("source", String(16), nullable=False),
    Column("occurred_at", Instant),
    Column("observed_at", Instant, nullable=False),
    Index("event_by_session", "provider", "session_key", "seq"),
    Index("event_by_time", "observed_at"),
)
"""The event log. ``version`` is that of the session's state which it led to.

``type`` is null where a session changed in what no type of event tells of.
"""

log = Table(
    "log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("head", BigInteger, nullable=False),
    Column("trimmed", BigInteger, nullable=False),
    Column("epoch", String(32)),
    Column("trimmed_mark", BigInteger),
    Column("unmarked", BigInteger),
)
"""One row: the last number that was given out, and the last that retention has removed.

Whoever appends locks it until their transaction ends, so that numbers become visible in order. ``epoch`` is a random word
that was made with the log, ``trimmed_mark`` the mark of the last event that was removed. Up to ``unmarked``, cursors
without a mark are good; null where none is.
"""

compatibility = Table(
    "compatibility",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("oldest", String(32), nullable=False),
)
"""One row: the oldest revision whose builds can still use this database. A migration that contracts raises it."""

lease = Table(
    "lease",
    metadata,
    Column("name", String(96), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("expires_at", Instant, nullable=False),
)
"""Which gateway does what only one of them should do, and until when unless it says so again."""

delivery = Table(
    "delivery",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("provider", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("event_id", Words),
    Column("event_name", Words),
    Column("session_key", Words),
    Column("body", LargeBinary),
    Column("body_sha256", String(64), nullable=False),
    Column("verification", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("problem", LargeBinary),
    Column("duplicate_of", String(32)),
    Column("same_id", Words),
    Column("same_body", String(64)),
    Column("due_at", Instant),
    Index("delivery_by_time", "received_at", "id"),
    Index("delivery_by_due", "due_at"),
    Index("delivery_by_id", "provider", "same_id", unique=True),
    Index("delivery_by_body", "provider", "same_body", unique=True),
)
"""What providers have sent us. ``due_at`` is when it is (next) processed, null where it never is (again).

``same_id`` and ``same_body`` are null in repetitions, so that two gateways cannot both take one for the first.
A rejected delivery keeps no body.
"""

sync = Table(
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
"""How far a provider's list was read.

``synced_at`` is when everything in it that can still change was last seen, ``looked_at`` when the watcher had last seen
what was due. ``complete`` says that no news can be behind a page without news. ``swept_at`` is when it was last read
from end to end, and ``sweep`` how far that has come this time. ``unreadable`` are rows of it that could not be read.
"""

upload = Table(
    "upload",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("filename", String(255)),
    Column("media_type", String(255), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("path", Words, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("owner", String(64)),
    Index("upload_by_expiry", "expires_at"),
    Index("upload_by_owner", "owner"),
)
"""Files that wait at the gateway to be named by a mutation. ``owner`` is a digest of the viewer's id."""

gateway = Table(
    "gateway",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("seen_at", Instant, nullable=False),
)
"""Gateways that share this database, and when each was last alive."""

saga = Table(
    "saga",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("provider", String(64), nullable=False),
    Column("marker", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("result", LargeBinary),
    Column("note", Words),
    Column("operation", String(32)),
    Column("pivot", LargeBinary),
    Column("reason", Words),
    Column("left_at", Instant),
    Index("saga_by_state", "state"),
)
"""Writes of several calls that are under way, or that left something behind: ``note`` says what, a line for each thing."""

step = Table(
    "step",
    metadata,
    Column("saga", String(64), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("key", Words, nullable=False),
    ForeignKeyConstraint(["saga"], ["saga.id"], ondelete="CASCADE"),
)
"""What a saga has made and what is still there."""

promise = Table(
    "promise",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("saga", String(64)),
    Column("before", LargeBinary),
    Column("result", LargeBinary),
    Column("expires_at", Instant, nullable=False),
    Index("promise_by_expiry", "expires_at"),
    Index("promise_by_saga", "saga"),
)
"""Idempotency keys: what each was used for, and what came of it once it is done; until then, what is doing it."""

secret = Table(
    "secret",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("expires_at", Instant),
)
"""Tokens that people have given, and authorizations under way; ``body`` is encrypted."""

metric = Table(
    "metric",
    metadata,
    Column("at", Instant, primary_key=True),
    Column("provider", String(64), primary_key=True),
    Column("span", Integer, primary_key=True, autoincrement=False),
    Column("gateway", String(64), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""What each gateway has counted of a provider in the minute (or the hour, by ``span`` in seconds) that began ``at``."""
