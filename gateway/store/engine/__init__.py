"""Database engine: column types, upserts and set membership for both databases, and SQLite connections."""
