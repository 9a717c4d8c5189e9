"""What waits for one job or resource is found among all that waits: a large import leaves hundreds of thousands."""

from alembic import op

revision = "r0010"
down_revision = "r0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_outbox_done_at_kind_aggregate", "outbox", ["done_at", "kind", "aggregate"])
    op.drop_index("ix_outbox_done_at_kind", "outbox")
