"""Which revision of a record each step of its way left: an approval is for that one."""

import sqlalchemy as sa
from alembic import op

revision = "r0009"
down_revision = "r0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("decision", sa.Column("metadata_rev", sa.Integer(), nullable=True))
