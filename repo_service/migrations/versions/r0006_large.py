"""What a catalogue of a million records needs: its pages and counts read no more than they show."""

import sqlalchemy as sa
from alembic import op

revision = "r0006"
down_revision = "r0005"
branch_labels = None
depends_on = None

_HAS_SOURCE = sa.text("source_id IS NOT NULL")


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_resource_state_id", "resource", ["state", "id"])
    op.create_index("ix_resource_state_institution_id", "resource", ["state", "institution_id"])
    op.drop_index("ix_file_source_id", "file")
    op.create_index("ix_file_source_id", "file", ["source_id"], sqlite_where=_HAS_SOURCE, postgresql_where=_HAS_SOURCE)
    op.drop_index("ix_file_resource_id", "file")  # that of (resource_id, version, path) serves as well
