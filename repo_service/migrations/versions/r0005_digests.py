"""Mail about what is new in kept searches."""

import sqlalchemy as sa
from alembic import op

from repo_service.models.base import Moment

revision = "r0005"
down_revision = "r0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "search_digest",
        sa.Column("saved_id", sa.String(length=36), nullable=False),
        sa.Column("every", sa.String(length=10), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("sent_at", Moment(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["saved_id"], ["saved_search.id"], name=op.f("fk_search_digest_saved_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("saved_id", name=op.f("pk_search_digest")),
    )
    op.create_index(op.f("ix_search_digest_due_at"), "search_digest", ["due_at"])
