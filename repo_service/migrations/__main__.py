"""Drafts the next revision from the difference between the models and the newest schema.

``python -m repo_service.migrations "why it changes"`` writes a file into ``versions``; read it, and mend it, before it
is committed.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command

from repo_service.db import Database
from repo_service.migrations import run


def draft(message: str) -> None:
    """Write the next revision, numbered after the newest one."""
    number = len(list((run.HERE / "versions").glob("r*.py"))) + 1
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{Path(folder) / 'draft.db'}")
        run.upgrade(db)
        with db.engine.connect() as connection:
            command.revision(run.config(connection), message, autogenerate=True, rev_id=f"r{number:04d}")
        db.close()


if __name__ == "__main__":
    draft(sys.argv[1])
