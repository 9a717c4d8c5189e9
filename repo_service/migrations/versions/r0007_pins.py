"""Pins by their query as it is written, not as it was cut: words that are added later cut it otherwise."""

import re

import sqlalchemy as sa
from alembic import op

revision = "r0007"
down_revision = "r0006"
branch_labels = None
depends_on = None

_HAN = "\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_CUT = re.compile(rf"(?<=[{_HAN}]) (?=[{_HAN}])")
_PIN = sa.table("search_pin", sa.column("id"), sa.column("words"), sa.column("resource_id"))


def upgrade() -> None:
    """Apply. Where two pins of one resource become the same, the newer one stays."""
    connection = op.get_bind()
    kept: set[tuple[str, str]] = set()
    for row in connection.execute(sa.select(_PIN).order_by(_PIN.c.id.desc())).all():
        words = _CUT.sub("", row.words)
        same = _PIN.c.id == row.id
        if (words, row.resource_id) in kept:
            connection.execute(sa.delete(_PIN).where(same))
        kept.add((words, row.resource_id))
    for row in connection.execute(sa.select(_PIN)).all():
        if (words := _CUT.sub("", row.words)) != row.words:
            connection.execute(sa.update(_PIN).where(_PIN.c.id == row.id).values(words=words))
