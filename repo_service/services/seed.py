"""Brings the shipped divisions and subjects into the database; again is safe and cheap."""

from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from repo_service import data
from repo_service.db import Database
from repo_service.models import Division, Subject

Rows = list[dict[str, Any]]


def seed(db: Database) -> int:
    """Insert what is missing, rename what was renamed; answer how many rows changed.

    Nothing is removed: institutions and resources may point at a code that newer lists do not have any more.
    """
    with db.read() as session:
        work = _differences(session)
    if not work:
        return 0
    with db.write() as session:  # another process may have been faster: compare again under the lock
        work = _differences(session)
        for table, new, changed in work:
            if new:
                session.execute(insert(table), new)
            if changed:
                session.execute(update(table), changed)
    return sum(len(new) + len(changed) for _, new, changed in work)


def _differences(session: Session) -> list[tuple[type[Division] | type[Subject], Rows, Rows]]:
    """For each table the rows to insert, parents first, and the rows to update; tables without any are left out."""
    divisions = [
        {"code": row.code, "name": row.name, "parent_code": row.parent_code, "level": row.level}
        for row in data.divisions()
    ]
    subjects = [
        {"code": row.code, "label_zh": row.label_zh, "label_en": row.label_en, "parent_code": row.parent_code}
        for row in data.subjects()
    ]
    found = []
    for table, wanted in ((Division, divisions), (Subject, subjects)):
        columns = [getattr(table, name) for name in wanted[0]]
        held = {row[0]: row._asdict() for row in session.execute(select(*columns))}
        new = [row for row in wanted if row["code"] not in held]
        changed = [row for row in wanted if row["code"] in held and held[row["code"]] != row]
        if new or changed:
            found.append((table, new, changed))
    return found
