"""Published resources page by page in order of id, without sorting all of them for each page."""

from alembic import op

revision = "r0006"
down_revision = "r0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_resource_state_id", "resource", ["state", "id"])
