"""Numbers that only rise: of acts, of changes of what the public sees, of the lexicon's states."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from repo_service.models import Counter


def rise(session: Session, name: str) -> int:
    """Raise a number by one, inside the caller's transaction; from 1, also where many begin it at once.

    Its row stays locked until the commit, so that transactions that raise it come one after another.
    """
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    first = insert(Counter).values(name=name, value=1)
    raised = first.on_conflict_do_update(index_elements=["name"], set_={"value": Counter.value + 1})
    found = session.scalars(raised.returning(Counter.value), execution_options={"populate_existing": True})
    return found.one()
