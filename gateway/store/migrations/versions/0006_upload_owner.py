"""Owner of staged uploads, for quotas."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrades the schema."""
    op.add_column("upload", sa.Column("owner", sa.String(length=64), nullable=True))
    op.create_index("upload_by_owner", "upload", ["owner"], unique=False)


def downgrade() -> None:
    """Downgrades the schema."""
    op.drop_index("upload_by_owner", table_name="upload")
    op.drop_column("upload", "owner")
