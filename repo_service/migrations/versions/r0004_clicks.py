"""Which hits were opened for which query, by day."""

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "search_click",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("query", sa.String(length=100), nullable=False),
        sa.Column("resource_id", sa.String(length=36), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("clicks", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resource.id"], name=op.f("fk_search_click_resource_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("day", "query", "resource_id", "rank", name=op.f("pk_search_click")),
    )
