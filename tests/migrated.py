"""Migrated databases for tests: the first one of a process is made by the migrations, the others are copies of it."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from repo_service.db import Database
from repo_service.migrations import run


@cache
def _template() -> Path:
    """The file of a migrated SQLite database."""
    folder = Path(tempfile.mkdtemp(prefix="xuehai-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    db = Database(f"sqlite:///{folder}/xuehai.db")
    run.upgrade(db)
    db.close()
    return folder / "xuehai.db"


def migrate(db: Database) -> None:
    """`run.upgrade` for a test's own database; a new file is a copy, which takes a tenth of the time."""
    place = Path(str(db.url.database))
    if db.is_sqlite and not place.exists():
        shutil.copy(_template(), place)
    run.upgrade(db)
