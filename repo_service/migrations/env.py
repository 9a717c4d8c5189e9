"""What Alembic runs for each command; the connection comes from `run`, ready and locked."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from repo_service.models import Base, Moment


def _plain_moment(kind: str, item: object, _autogen: AutogenContext) -> str | Literal[False]:
    """Write moments as the plain column type that they are: a revision must not depend on today's classes."""
    if kind == "type" and isinstance(item, Moment):
        return "sa.DateTime(timezone=True)"
    return False


def _migrate(connection: Any) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        render_item=_plain_moment,
        compare_type=True,
        transaction_per_migration=True,
        transactional_ddl=True,  # SQLite too: `db` begins its transactions itself
    )
    with context.begin_transaction():
        context.run_migrations()


_migrate(context.config.attributes["connection"])
