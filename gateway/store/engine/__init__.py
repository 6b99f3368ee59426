"""Database engine: types, upserts and folding alike on SQLite and PostgreSQL, and the writers of SQLite in line."""
