"""Who is who among processes, and named roles that one of them holds at a time."""

import os
import socket
from datetime import timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite

from ingest.strays import started
from repo_service.context import Context
from repo_service.models import Lease

RECONCILER = "reconciler"
SWEEPER = "sweeper"
INDEX_WRITER = "index-writer"


def process_name() -> str:
    """This process as ``host:pid:start``; the start tells it from a later one with the same number."""
    return f"{_host()}:{os.getpid()}:{started(os.getpid())}"


def is_dead(name: str) -> bool:
    """Whether the process of this name surely runs no more. Of other hosts nothing is known: False."""
    host, _, rest = name.rpartition(":")[0].rpartition(":")
    if host != _host() or not rest.isdigit():
        return False
    return started(int(rest)) != name.rpartition(":")[2]


def take(ctx: Context, name: str, holder: str, seconds: float) -> bool:
    """Take or renew a role for so long; False while another living process holds it."""
    with ctx.db.read() as session:  # whoever only waits for its turn must not take the write lock
        if not _open_to(ctx, session.get(Lease, name), holder):
            return False
    with ctx.db.write() as session:
        insert = sqlite.insert if ctx.db.is_sqlite else postgresql.insert
        session.execute(insert(Lease).values(name=name, holder="", fence=0).on_conflict_do_nothing())
        lease = session.get_one(Lease, name, with_for_update=True)
        if not _open_to(ctx, lease, holder):
            return False
        lease.fence += lease.holder != holder
        lease.holder, lease.until = holder, ctx.clock() + timedelta(seconds=seconds)
    return True


def give(ctx: Context, name: str, holder: str) -> None:
    """Lay a role down, if this process holds it."""
    with ctx.db.write() as session:
        session.execute(update(Lease).where(Lease.name == name, Lease.holder == holder).values(until=None, holder=""))


def _open_to(ctx: Context, lease: Lease | None, holder: str) -> bool:
    if lease is None or lease.until is None or lease.holder == holder:
        return True
    return lease.until <= ctx.clock() or is_dead(lease.holder)


@cache
def _host() -> str:
    """This machine, by its name and its id where it has one: "localhost" is everywhere."""
    try:
        machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        machine = ""
    return f"{socket.gethostname()[:40]}/{machine[:8]}"
