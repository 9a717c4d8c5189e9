"""Which version the public had before: an older one that it never had is not its business."""

import sqlalchemy as sa
from alembic import op

revision = "r0008"
down_revision = "r0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("resource", sa.Column("replaced_version", sa.Integer(), nullable=True))
    op.add_column("resource", sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True))
